"""Paper 4, figures 4, 5 and 8: do the channels of highest perceptual efficacy follow people's opinions best?

Sets of channels are named as in the paper: F (all), H-x and L-x (the x % of highest and lowest PE). Controls that it
lacks: A-x and V-x (as many channels as H-x has, of highest energy and of highest variance over pixels on the
references), and random sets of the same size. Coefficients are turned so that a distance that works has a positive one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replication.datasets.catalogue import RATED
from replication.evaluation.clusters import Resamples, interval, resample
from replication.evaluation.dependent import coefficients_of, difference_of
from replication.evaluation.multiple import benjamini_hochberg
from replication.evaluation.subsets import against_chance, random_subsets, rank_correlations, subset_scores
from replication.features.backbones import backbone
from replication.features.efficacy import ChannelScores, channel_sets, perceptual_efficacy
from replication.reporting.paper_sets import EXACT, exact
from replication.scoring.channel_tables import ChannelDistances
from replication.scoring.scored import Scored

Floats = NDArray[np.float64]
Efficacy = Mapping[str, Mapping[str, ChannelScores]]
"""Network -> tap -> scores of its channels."""
EQUATION_1, EQUALISED = WEIGHTINGS = ("eq. 1", "equalised")
"""Channels as they are, or each channel's distance divided by its energy on the references."""
CONTROL = 10
"""The percentage at which energy and variance are compared with PE."""
OPINIONS_OF_OTHERS = "similar"
"""The kind of images that show a distortion at other places than those that people saw."""


def efficacies(
    measured: Sequence[ChannelDistances], *, weights: str = "imagenet", seed: int = 0, **choices: Any
) -> dict[str, dict[str, ChannelScores]]:
    """Perceptual efficacy of the layers measured, by network, under `features.efficacy.Choices`.

    weights, seed: of the networks that distances were measured with; ValueError if these are others.
    """
    found: dict[str, dict[str, ChannelScores]] = {}
    for each in measured:
        if each.absent or each.backbone in found:
            continue
        net = backbone(each.backbone, weights=weights, seed=seed)
        if net.weights != each.weights:
            raise ValueError(f"distances of {each.backbone} are of {each.weights}, not of {net.weights}; measure anew")
        found[each.backbone] = perceptual_efficacy(net, list(each.distances), **choices)
    return found


def study(
    measured: Sequence[ChannelDistances],
    efficacy: Efficacy,
    *,
    percentages: Sequence[float] = (5, 10, 25, 50),
    draws: int = 200,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Figure 4 with its tests: agreement of every set of channels of every layer with opinions, differences of sets.

    First table, a row for each data set, network, tap, weighting and set: channels, of (the layer's), same_as (the
    smaller set of the same members, where PE ties make them equal; else empty), srcc, low, high (95 % bootstrap over
    references), and among `draws` random sets of the same size: chance_low, chance_median,
    chance_high (95 % of them), percentile, p (for H, A and V: no better than a random set; for L: no worse), p_bh.
    Second table, a row for each pair of sets (H-x and F, F and L-x, H-10 and A-10, H-10 and V-10): first, second,
    same_as (of the set with x), difference, low, high, p (t, references resampled), p_bh.
    p_bh is Benjamini and Hochberg's over the layers of all networks, for each data set, weighting and set or pair.
    """
    agreement: list[dict[str, object]] = []
    differences: list[dict[str, object]] = []
    for each in rated(measured):
        rows = judgeable(each)
        opinions = each.table.loc[rows, "opinion"].to_numpy(float)
        samples = resample(each.table.loc[rows, "reference"], len(opinions), resamples, seed)
        assert each.opinion is not None
        rises = not each.opinion.higher_is_better  # a distance is small where the opinion is good
        for tap, pe in layers_of(each, efficacy):
            sets = _sets(pe, each.activity[tap], percentages)
            same = _repeated(sets)
            for weighting in WEIGHTINGS:
                matrix = weighted(each, tap, weighting)[rows]
                key = {"data_set": each.title, "network": each.backbone, "tap": tap, "weighting": weighting}
                drawn = srcc_draws(matrix, opinions, sets, samples, rises)
                chance = _Chance(matrix, opinions, draws, seed, 1.0 if rises else -1.0)
                for name, index in sets.items():
                    size: dict[str, object] = {"set": name, "channels": len(index), "of": len(pe)}
                    size["same_as"] = same.get(name, "")
                    agreement.append(key | size | _interval(drawn[name], samples) | chance(name, drawn[name], index))
                for first, second in _pairs(percentages):
                    found = difference_of(drawn[first], drawn[second], samples.groups, 0.95)
                    pair: dict[str, object] = {"first": first, "second": second, "p": found.p_value}
                    pair["same_as"] = same.get(first, same.get(second, ""))
                    numbers = dict(zip(("difference", "low", "high"), found.difference, strict=True))
                    differences.append(key | pair | numbers)
    kinds = ["data_set", "weighting"]
    return corrected(agreement, [*kinds, "set"]), corrected(differences, [*kinds, "first", "second"])


def only(
    measured: Sequence[ChannelDistances],
    *,
    distortions: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
) -> list[ChannelDistances]:
    """The sets with opinions that have any of these types of distortion, or kinds of images, restricted to these, as
    the title states.
    """
    cut = []
    for each in rated(measured):
        chosen = np.ones(len(each.table), dtype=bool)
        title = each.title
        for column, wanted in (("kind", kinds), ("distortion", distortions)):
            if wanted is not None:
                values = each.table[column] if column in each.table else pd.Series("", index=each.table.index)
                chosen &= values.isin(wanted).to_numpy()
                title = f"{title}: {', '.join(value for value in wanted if value in set(values))}"
        if chosen.any():
            distances = {tap: matrix[chosen] for tap, matrix in each.distances.items()}
            cut.append(replace(each, title=title, table=each.table[chosen].reset_index(drop=True), distances=distances))
    return cut


def by_kind(measured: Sequence[ChannelDistances]) -> list[ChannelDistances]:
    """What was measured, with each part of a set that was made again twice: all images but those whose opinions belong
    to others, and the exact ones alone.
    """
    found: list[ChannelDistances] = []
    for each in measured:
        kinds = (
            [] if each.absent or "kind" not in each.table else [kind for kind in each.table["kind"].unique() if kind]
        )
        whole = RATED[each.name].part_of if each.name in RATED else None
        if not kinds or whole is None:
            found.append(each)
            continue
        for kept in ([kind for kind in kinds if kind != OPINIONS_OF_OTHERS], [kind for kind in EXACT if kind in kinds]):
            (cut,) = only([each], kinds=kept)
            title = f"{RATED[whole].title}: {len(cut.table):,} {', '.join(kept)} images"
            found.append(replace(cut, title=title))
    return list({(each.title, each.name, each.backbone): each for each in found}.values())


def official(measured: Sequence[ChannelDistances]) -> list[str]:
    """Titles of the sets with opinions that hold official images alone."""
    return list(dict.fromkeys(each.title for each in rated(measured) if exact(each.table).all()))


def sensitivity(measured: Sequence[ChannelDistances], variants: Mapping[str, Efficacy]) -> pd.DataFrame:
    """Sensitivity to the choices that the paper leaves open: SRCC of H-10, F and L-10 with each variant's PE.

    variants: label -> efficacies, the usual choices first. Columns: choices, data_set, network, tap, h, f, l, overlap
    (of H-10 with the first variant's, shared over either's channels), rank (Spearman's of PE with the first's).
    """
    rows = []
    base = next(iter(variants.values()))
    for each in rated(measured):
        known = judgeable(each)
        opinions = each.table.loc[known, "opinion"].to_numpy(float)
        assert each.opinion is not None
        sign = -1.0 if each.opinion.higher_is_better else 1.0
        for tap, usual in layers_of(each, base):
            matrix = weighted(each, tap, EQUATION_1)[known]
            first = set(channel_sets(usual, [CONTROL])[f"H-{CONTROL}"].tolist())
            for label, efficacy in variants.items():
                pe = efficacy[each.backbone][tap].pe
                sets = channel_sets(pe, [CONTROL])
                values = sign * rank_correlations(
                    subset_scores(matrix, [sets[f"H-{CONTROL}"], sets["F"], sets[f"L-{CONTROL}"]]), opinions
                )
                own = set(sets[f"H-{CONTROL}"].tolist())
                similar = float(rank_correlations(pe, usual)[0])
                rows.append(
                    (label, each.title, each.backbone, tap, *values, len(own & first) / len(own | first), similar)
                )
    return pd.DataFrame(rows, columns=["choices", "data_set", "network", "tap", "h", "f", "l", "overlap", "rank"])


def load_scored(folder: Path, names: Sequence[str]) -> dict[str, Scored]:
    """Score tables below `folder` of the sets that were scored, by name."""
    return {name: Scored.load(folder / name) for name in names if (folder / name / "facts.json").is_file()}


class _Chance:
    """Random sets of each size of a layer, drawn once."""

    def __init__(self, matrix: Floats, opinions: Floats, draws: int, seed: int, sign: float) -> None:
        self._matrix, self._opinions, self._draws, self._seed, self._sign = matrix, opinions, draws, seed, sign
        self._known: dict[int, Floats] = {}

    def __call__(self, name: str, drawn: Floats, index: NDArray[Any]) -> dict[str, object]:
        """The columns on chance of `study`'s first table; none for the whole layer."""
        size, columns = len(index), self._matrix.shape[1]
        if size == columns:
            return {}
        if size not in self._known:
            random = random_subsets(columns, size, self._draws, self._seed)
            scores = subset_scores(self._matrix, list(random))
            self._known[size] = self._sign * rank_correlations(scores, self._opinions)
        side = "less" if name.startswith("L") else "greater"
        found = against_chance(float(drawn[0]), self._known[size], alternative=side)  # type: ignore[arg-type]
        limits = {"chance_low": found.low, "chance_median": found.median, "chance_high": found.high}
        return {**limits, "percentile": found.percentile, "p": found.p_value}


def rated(measured: Sequence[ChannelDistances]) -> Iterator[ChannelDistances]:
    return (each for each in measured if not each.absent and each.opinion is not None)


def judgeable(each: ChannelDistances) -> NDArray[np.bool_]:
    """For each image, whether it was measured and has an opinion of its own."""
    return ((each.table["problem"] == "") & each.table["opinion"].notna()).to_numpy()


def layers_of(each: ChannelDistances, efficacy: Efficacy) -> Iterator[tuple[str, Floats]]:
    """Taps that were measured, with the PE of their channels."""
    for tap, matrix in each.distances.items():
        pe = efficacy[each.backbone][tap].pe
        if len(pe) != matrix.shape[1]:
            raise ValueError(f"{each.backbone}, {tap}: PE of {len(pe)} channels, distances of {matrix.shape[1]}")
        yield tap, pe


def _sets(pe: Floats, activity: Any, percentages: Sequence[float]) -> dict[str, NDArray[Any]]:
    """The paper's sets and, at CONTROL, as many channels of highest energy and of highest variance."""
    sets: dict[str, NDArray[Any]] = dict(channel_sets(pe, sorted({*percentages, CONTROL})))
    count = len(sets[f"H-{CONTROL}"])
    for name, strength in (("A", activity.energy), ("V", activity.variance)):
        sets[f"{name}-{CONTROL}"] = np.sort(np.argsort(-strength, kind="stable")[:count])
    return sets


def _repeated(sets: Mapping[str, NDArray[Any]]) -> dict[str, str]:
    """The sets H-x or L-x that have the members of one with a smaller x, and that one."""
    found: dict[str, str] = {}
    for side in "HL":
        known: dict[bytes, str] = {}
        for name in sorted((name for name in sets if name[0] == side), key=lambda name: float(name[2:])):
            first = known.setdefault(sets[name].tobytes(), name)
            if first != name:
                found[name] = first
    return found


def _pairs(percentages: Sequence[float]) -> list[tuple[str, str]]:
    rising = sorted({*percentages, CONTROL})
    high, low = [(f"H-{x:g}", "F") for x in rising], [("F", f"L-{x:g}") for x in rising]
    return [*high, *low, (f"H-{CONTROL}", f"A-{CONTROL}"), (f"H-{CONTROL}", f"V-{CONTROL}")]


def weighted(each: ChannelDistances, tap: str, weighting: str) -> Floats:
    matrix = each.distances[tap].astype(np.float64)
    if weighting == EQUALISED:
        energy = each.activity[tap].energy
        matrix = matrix * np.where(energy > 0, 1 / np.where(energy > 0, energy, 1), 0)
    return matrix


def srcc_draws(
    matrix: Floats, opinions: Floats, sets: Mapping[str, NDArray[Any]], samples: Resamples, rises: bool
) -> dict[str, Floats]:
    """SRCC of each set over all images, then over each resample."""
    scores = subset_scores(matrix, list(sets.values()))
    return {
        name: coefficients_of(row, opinions, samples, "srcc", rises) for name, row in zip(sets, scores, strict=True)
    }


def _interval(drawn: Floats, samples: Resamples) -> dict[str, object]:
    found = interval(float(drawn[0]), drawn[1:], np.zeros(samples.groups))  # percentiles need their number alone
    return {"srcc": found.estimate, "low": found.low, "high": found.high}


def corrected(rows: list[dict[str, object]], families: list[str]) -> pd.DataFrame:
    """Rows as a table with p_bh, corrected within each family; p that are not defined stay so."""
    table = pd.DataFrame(rows)
    if table.empty:
        return table

    def adjust(p: "pd.Series[float]") -> "pd.Series[float]":
        known = p.notna()
        return p.where(
            ~known, pd.Series(benjamini_hochberg(np.asarray(p[known], dtype=np.float64)), index=p.index[known])
        )

    return table.assign(p_bh=table.groupby(families, sort=False)["p"].transform(adjust))
