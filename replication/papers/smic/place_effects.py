"""How much scores depend on where an error lies, whether attention moves them towards visibility, and what to say."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from replication.evaluation import bootstrap_mean, holm
from replication.evaluation.dependent import compare_correlations
from replication.papers.smic.place import PLAIN
from replication.papers.smic.placed_errors import REGIONS
from replication.reporting.numbers import ALPHA, number, signed

EFFECT_KEYS = ["error", "measure", "weighting"]
_EQUAL = np.log2(1.01)  # the error itself is made to a tenth of a percent


def relative(table: pd.DataFrame) -> pd.DataFrame:
    """`place.placed_scores`, a row for each photo, error, measure and weighting: log2 of each region's distance over
    the geometric mean of the photo's three regions, columns salient, flat and textured.

    A row with a distance that is not positive (an error that MAD does not see) is left out, and so is "zero".
    """
    wide = _by_region(table)
    logarithm = wide[(wide > 0).all(axis=1)].transform(np.log2)
    return logarithm.sub(logarithm.mean(axis=1), axis=0)


def _by_region(table: pd.DataFrame) -> pd.DataFrame:
    kept = table[table["weighting"] != "zero"]
    wide = kept.pivot_table(index=["photo", *EFFECT_KEYS], columns="region", values="distance", sort=False)
    return wide[list(REGIONS)]


def region_means(table: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """For each error, measure, weighting and region: mean, low, high of `relative` over photos with the 95 % bootstrap
    interval; rank (mean, 1 where the error counts most), rank_low, rank_high; photos."""
    whole = relative(table)
    ranks = whole.rank(axis=1, ascending=False)
    rows = []
    for key, part in whole.groupby(EFFECT_KEYS, sort=False):
        for region in REGIONS:
            places = ranks.loc[part.index, region]
            rows.append((*key, region, *_mean(part[region], seed), *_mean(places, seed), len(part)))
    names = ["region", "mean", "low", "high", "rank", "rank_low", "rank_high", "photos"]
    return pd.DataFrame(rows, columns=[*EFFECT_KEYS, *names])


def dependence(table: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """For each error, measure and weighting: how much the distance depends on the region, and whether as MAD's does.

    spread, spread_low, spread_high: standard deviation of `relative` over the regions of a photo, mean over photos (1:
    a factor of two). agreement, agreement_low, agreement_high: over the pairs of regions of a photo, those that are in
    the order of MAD's visible error minus those in the other, over all, differences below 1 % counting as none; mean
    over photos. change, change_low,
    change_high: the agreement minus that under "level", paired; NaN for what has no level. photos. Intervals: 95 %,
    bootstrap over photos.
    """
    whole = relative(table)
    order = _by_region(table).clip(lower=np.finfo(float).tiny).transform(np.log2)
    mad = order.xs("MAD", level="measure").droplevel("weighting")
    agreements: dict[Any, pd.Series[float]] = {}
    for key, part in order.groupby(EFFECT_KEYS, sort=False):
        own = part.droplevel(["measure", "weighting"])
        agreed = _concordance(own.to_numpy(), mad.reindex(own.index).to_numpy())
        agreements[key] = pd.Series(agreed, own.index.get_level_values("photo"))
    spreads = dict(iter(whole.std(axis=1, ddof=0).groupby(EFFECT_KEYS, sort=False)))
    rows = []
    for key, agreement in agreements.items():
        error, measure, weighting = key
        level = agreements.get((error, measure, "level"))
        change = (np.nan,) * 3
        if level is not None and weighting not in ("", "level"):
            change = _mean((agreement - level).dropna(), seed)
        spread = _mean(spreads.get(key, pd.Series(dtype=float)), seed)
        rows.append((*key, *spread, *_mean(agreement, seed), *change, len(agreement)))
    names = [f"{name}{end}" for name in ("spread", "agreement", "change") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=[*EFFECT_KEYS, *names, "photos"])


def _concordance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Kendall's tau of each row of logarithms (n, 3) with the same row of another, without correction for ties."""
    first, second = np.triu_indices(a.shape[1], 1)
    apart = (each[:, first] - each[:, second] for each in (a, b))
    signs = [np.where(np.abs(each) < _EQUAL, 0, np.sign(each)) for each in apart]
    found: np.ndarray = (signs[0] * signs[1]).mean(axis=1)
    return found


def _mean(values: "pd.Series[float]", seed: int) -> tuple[float, float, float]:
    numbers = values.to_numpy(float)
    if len(numbers) < 2 or np.ptp(numbers) == 0:  # no interval of one photo; that of equal values has no width
        end = float(numbers[0]) if len(numbers) >= 2 else np.nan
        return (float(numbers.mean()) if len(numbers) else np.nan), end, end
    return bootstrap_mean(numbers, seed=seed)


def map_means(table: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """`place.map_agreement` over photos: error, first, second, mean, low, high (95 %, bootstrap), photos."""
    rows = [
        (*key, *_mean(part["correlation"], seed), len(part))
        for key, part in table.groupby(["error", "first", "second"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["error", "first", "second", "mean", "low", "high", "photos"])


def local_gains(table: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """`place.local_scores`: SRCC of each weighting, and its difference from "level" on the same images.

    Against opinions where a distortion has them, else against MAD's visible error. Columns: set, distortion, against,
    measure, weighting, srcc, difference, low, high, p, p_holm (over the weightings of all measures of a distortion),
    images, references. Intervals and tests resample references; NaN where there are fewer than four images or two
    references.
    """
    rows = []
    for (title, distortion), images in table.groupby(["set", "distortion"], sort=False):
        wide = images.pivot_table(index="distorted", columns=["measure", "weighting"], values="distance", sort=False)
        facts = images.drop_duplicates("distorted").set_index("distorted").loc[wide.index]
        judged = bool(facts["worse"].notna().all())
        target = facts["worse"] if judged else wide["MAD", ""]
        references = facts["reference"]
        against = "opinions" if judged else "MAD"
        for measure in dict.fromkeys(wide.columns.get_level_values(0)):
            own = wide[measure]
            if "level" not in own:
                continue
            for weighting in own.columns.drop("zero", errors="ignore"):
                found = (np.nan,) * 5
                has = own[weighting].notna()
                if has.sum() >= 4 and references[has].nunique() >= 2:
                    compared = compare_correlations(
                        own.loc[has, weighting],
                        own.loc[has, "level"],
                        target[has],
                        references=references[has].to_numpy(str),
                        higher_is_better=(True, True),
                        seed=seed,
                    )
                    found = (compared.a, *compared.difference, compared.p_value)
                rows.append(
                    (title, distortion, against, measure, weighting, *found, has.sum(), references[has].nunique())
                )
    names = ["set", "distortion", "against", "measure", "weighting", "srcc", "difference", "low", "high", "p"]
    gains = pd.DataFrame(rows, columns=[*names, "images", "references"])
    others = ~gains["weighting"].isin(["level", PLAIN, "none"]) & gains["p"].notna()
    gains["p_holm"] = np.nan
    for _, part in gains[others].groupby(["set", "distortion"], sort=False):
        gains.loc[part.index, "p_holm"] = holm(part["p"].to_numpy(float))
    return gains


def share_means(shares: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """`place.stage_shares` over references: set, distortion, measure, weighting, mean, low, high, images."""
    keys = ["set", "distortion", "measure", "weighting"]
    rows = []
    for key, part in shares.groupby(keys, sort=False):
        rows.append((*key, *_mean(part.groupby("reference", sort=False)["share"].mean(), seed), len(part)))
    return pd.DataFrame(rows, columns=[*keys, "mean", "low", "high", "images"])


def conclusions(depends: pd.DataFrame, maps: pd.DataFrame, gains: pd.DataFrame) -> list[str]:
    """Three sentences that say what `dependence`, `map_means` and `local_gains` show, in Markdown."""
    return [_of_place(depends), _of_maps(maps), _of_local(gains)]


def _of_place(depends: pd.DataFrame) -> str:
    own = depends[depends["weighting"] == "local"]
    ahead = own[own["change_low"] > 0]
    behind = own[own["change_high"] < 0]
    spreads = {
        name: 2 ** depends[depends["weighting"] == weighting]["spread"].mean()
        for name, weighting in (
            ("as they are", PLAIN),
            ("with attention's level", "level"),
            ("with attention", "local"),
        )
    }
    said = ", ".join(f"{value:.2f} {name}" for name, value in spreads.items())
    return (
        "**The same error elsewhere.** Between the regions of a photo distances vary by a factor (one standard "
        f"deviation, mean of measures) of {said}. Where attention lies brings the order of regions nearer to that of "
        f"MAD's visible error than its level alone in {len(ahead)} of {len(own)} cases (interval above zero), and "
        f"takes it away in {len(behind)}."
    )


def _of_maps(maps: pd.DataFrame) -> str:
    said = []
    for error, part in maps[maps["second"] == "MAD"].groupby("error", sort=False):
        by = part.set_index("first")
        if {"attention", "NVF", "squared error"} <= set(by.index):
            said.append(f"{error}: attention {_correlation(by, 'attention')}, turned by 180 degrees "
                        f"{_correlation(by, 'turned')}, the squared error {_correlation(by, 'squared error')}, "
                        f"the other model {_correlation(by, 'NVF')}")  # fmt: skip
    return "**Attention and visibility.** Correlation with MAD's map of visible error, " + "; ".join(said) + "."


def _correlation(by: pd.DataFrame, first: str) -> str:
    row = by.to_dict("index")[first]
    mean, low, high = (number(float(row[name]), ".2f") for name in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def _of_local(gains: pd.DataFrame) -> str:
    if gains.empty:
        return "**Local distortions.** No set with them is available."
    said = []
    for (distortion, against), part in gains.groupby(["distortion", "against"], sort=False):
        local = part[part["weighting"] == "local"]
        clear = local[(local["p_holm"] < ALPHA)]
        most = local.dropna(subset="difference").sort_values("difference", key=abs).tail(1).to_dict("records")
        text = f"{distortion} (against {against}): significant for {len(clear)} of {len(local)} measures"
        text += "".join(f", the largest {signed(one['difference'])} ({one['measure']})" for one in most)
        said.append(text)
    return "**Local distortions.** SRCC under attention minus under its level: " + "; ".join(said) + "."


def ordered(weightings: Sequence[str]) -> list[str]:
    """Weightings in the order in which tables and figures have them."""
    order = [PLAIN, "none", "level", "local", "shuffled", "turned", "other", "inverted", "variance", "saliency"]
    return [each for each in order if each in set(weightings)]
