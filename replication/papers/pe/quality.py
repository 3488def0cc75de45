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

from replication.evaluation.clusters import Resamples, interval, resample
from replication.evaluation.dependent import coefficients_of, difference_of
from replication.evaluation.intervals import bootstrap_mean
from replication.evaluation.judgements import just_noticeable, two_alternative
from replication.evaluation.multiple import benjamini_hochberg
from replication.evaluation.subsets import against_chance, random_subsets, rank_correlations, subset_scores
from replication.features.backbones import backbone
from replication.features.efficacy import ChannelScores, channel_sets, perceptual_efficacy
from replication.scoring.channel_tables import ChannelDistances
from replication.scoring.scored import Scored

Floats = NDArray[np.float64]
Efficacy = Mapping[str, Mapping[str, ChannelScores]]
"""Network -> tap -> scores of its channels."""
EQUATION_1, EQUALISED = WEIGHTINGS = ("eq. 1", "equalised")
"""Channels as they are, or each channel's distance divided by its energy on the references."""
CONTROL = 10
"""The percentage at which energy and variance are compared with PE."""


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

    First table, a row for each data set, network, tap, weighting and set: channels, of (the layer's), srcc, low, high
    (95 % bootstrap over references), and among `draws` random sets of the same size: chance_low, chance_median,
    chance_high (95 % of them), percentile, p (for H, A and V: no better than a random set; for L: no worse), p_bh.
    Second table, a row for each pair of sets (H-x and F, F and L-x, H-10 and A-10, H-10 and V-10): first, second,
    difference, low, high, p (t, references resampled), p_bh.
    p_bh is Benjamini and Hochberg's over the layers of all networks, for each data set, weighting and set or pair.
    """
    agreement: list[dict[str, object]] = []
    differences: list[dict[str, object]] = []
    for each in _rated(measured):
        rows = (each.table["problem"] == "").to_numpy()
        opinions = each.table.loc[rows, "opinion"].to_numpy(float)
        samples = resample(each.table.loc[rows, "reference"], len(opinions), resamples, seed)
        assert each.opinion is not None
        rises = not each.opinion.higher_is_better  # a distance is small where the opinion is good
        for tap, pe in _layers(each, efficacy):
            sets = _sets(pe, each.activity[tap], percentages)
            for weighting in WEIGHTINGS:
                matrix = _weighted(each, tap, weighting)[rows]
                key = {"data_set": each.title, "network": each.backbone, "tap": tap, "weighting": weighting}
                drawn = _drawn(matrix, opinions, sets, samples, rises)
                chance = _Chance(matrix, opinions, draws, seed, 1.0 if rises else -1.0)
                for name, index in sets.items():
                    size: dict[str, object] = {"set": name, "channels": len(index), "of": len(pe)}
                    agreement.append(key | size | _interval(drawn[name], samples) | chance(name, drawn[name], index))
                for first, second in _pairs(percentages):
                    found = difference_of(drawn[first], drawn[second], samples.groups, 0.95)
                    pair: dict[str, object] = {"first": first, "second": second, "p": found.p_value}
                    numbers = dict(zip(("difference", "low", "high"), found.difference, strict=True))
                    differences.append(key | pair | numbers)
    kinds = ["data_set", "weighting"]
    return _corrected(agreement, [*kinds, "set"]), _corrected(differences, [*kinds, "first", "second"])


def only(measured: Sequence[ChannelDistances], distortions: Sequence[str]) -> list[ChannelDistances]:
    """The sets with opinions that have any of these types of distortion, restricted to these, as the title states."""
    cut = []
    for each in _rated(measured):
        chosen = each.table["distortion"].isin(distortions).to_numpy()
        if chosen.any():
            kinds = ", ".join(kind for kind in distortions if kind in set(each.table["distortion"]))
            distances = {tap: matrix[chosen] for tap, matrix in each.distances.items()}
            table = each.table[chosen].reset_index(drop=True)
            cut.append(replace(each, title=f"{each.title}: {kinds}", table=table, distances=distances))
    return cut


def beside_metrics(
    measured: Sequence[ChannelDistances],
    efficacy: Efficacy,
    scored: Mapping[str, Scored],
    labels: Sequence[str],
    *,
    distortions: Sequence[str] = (),
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Figure 8: F and H-10 of every layer beside other metrics on the same images.

    scored: score tables by the data set's name; labels: their metrics; absent ones are left out. distortions: types
    that are also compared alone. Columns: data_set, images ("all" or the type), n, network, tap, set, metric, srcc,
    metric_srcc, difference (the set minus the metric), low, high, p, p_bh (over all rows of the data set and images).
    ValueError where scores and distances are of different images.
    """
    rows: list[dict[str, object]] = []
    for each in _rated(measured):
        others = scored.get(each.name)
        if others is None or others.absent:
            continue
        if others.digest != each.digest:
            raise ValueError(f"the scores of {each.name} are of other images than its channel distances; score it anew")
        shown = [label for label in labels if label in others.metrics]
        wide = others.table.pivot(index="distorted", columns="metric", values="score").reindex(each.table["distorted"])
        known = (each.table["problem"] == "").to_numpy() & np.isfinite(wide[shown].to_numpy(float)).all(axis=1)
        assert each.opinion is not None
        better = each.opinion.higher_is_better
        for kind in ("all", *distortions):
            chosen = known if kind == "all" else known & (each.table["distortion"] == kind).to_numpy()
            if chosen.sum() < 10:
                continue
            opinions = each.table.loc[chosen, "opinion"].to_numpy(float)
            samples = resample(each.table.loc[chosen, "reference"], len(opinions), resamples, seed)
            of_metric = {
                label: coefficients_of(
                    wide.loc[chosen, label].to_numpy(float),
                    opinions,
                    samples,
                    "srcc",
                    others.metrics[label].higher_is_better == better,
                )
                for label in shown
            }
            for tap, pe in _layers(each, efficacy):
                sets = {name: index for name, index in channel_sets(pe, [CONTROL]).items() if name != f"L-{CONTROL}"}
                drawn = _drawn(_weighted(each, tap, EQUATION_1)[chosen], opinions, sets, samples, not better)
                for name, label in ((name, label) for name in sets for label in shown):
                    found = difference_of(drawn[name], of_metric[label], samples.groups, 0.95)
                    row: dict[str, object] = {"data_set": each.title, "images": kind, "n": len(opinions)}
                    row |= {"network": each.backbone, "tap": tap, "set": name, "metric": label, "srcc": found.a}
                    row |= {"metric_srcc": found.b, "p": found.p_value}
                    rows.append(row | dict(zip(("difference", "low", "high"), found.difference, strict=True)))
    return _corrected(rows, ["data_set", "images"])


def sensitivity(measured: Sequence[ChannelDistances], variants: Mapping[str, Efficacy]) -> pd.DataFrame:
    """Sensitivity to the choices that the paper leaves open: SRCC of H-10, F and L-10 with each variant's PE.

    variants: label -> efficacies, the usual choices first. Columns: choices, data_set, network, tap, h, f, l, overlap
    (of H-10 with the first variant's, shared over either's channels), rank (Spearman's of PE with the first's).
    """
    rows = []
    base = next(iter(variants.values()))
    for each in _rated(measured):
        known = (each.table["problem"] == "").to_numpy()
        opinions = each.table.loc[known, "opinion"].to_numpy(float)
        assert each.opinion is not None
        sign = -1.0 if each.opinion.higher_is_better else 1.0
        for tap, usual in _layers(each, base):
            matrix = _weighted(each, tap, EQUATION_1)[known]
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


def judged(
    measured: Sequence[ChannelDistances],
    efficacy: Efficacy,
    *,
    percentages: Sequence[float] = (5, 10, 25, 50),
    seed: int = 0,
) -> pd.DataFrame:
    """Figure 5: agreement of every set of channels with people's comparisons, by subset of BAPPS.

    Columns: data_set, subset, network, tap, set, score (2AFC: share of people who agree; JND: area under precision and
    recall), low, high (95 % bootstrap over triplets; none for JND), human (2AFC: what one person scores), n.
    """
    rows = []
    for each in measured:
        if each.absent or each.opinion is not None:
            continue
        for tap, pe in _layers(each, efficacy):
            sets = channel_sets(pe, percentages)
            for subset in each.table["subset"].unique():
                chosen = ((each.table["subset"] == subset) & _complete(each)).to_numpy()
                scores = subset_scores(each.distances[tap][chosen], list(sets.values()))
                fraction = each.table.loc[chosen, "fraction"].to_numpy(float)
                for name, values in zip(sets, scores, strict=True):
                    key = (each.title, subset, each.backbone, tap, name)
                    if _is_2afc(each):
                        found = two_alternative(values[0::2], values[1::2], fraction[0::2])
                        limits = bootstrap_mean(found.agreement, resamples=1000, method="percentile", seed=seed)
                        rows.append((*key, *limits, found.human, len(found.agreement)))
                    else:
                        nan = float("nan")
                        rows.append((*key, just_noticeable(values, fraction), nan, nan, nan, len(values)))
    names = ["data_set", "subset", "network", "tap", "set", "score", "low", "high", "human", "n"]
    return pd.DataFrame(rows, columns=names)


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


def _rated(measured: Sequence[ChannelDistances]) -> Iterator[ChannelDistances]:
    return (each for each in measured if not each.absent and each.opinion is not None)


def _layers(each: ChannelDistances, efficacy: Efficacy) -> Iterator[tuple[str, Floats]]:
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


def _pairs(percentages: Sequence[float]) -> list[tuple[str, str]]:
    rising = sorted({*percentages, CONTROL})
    high, low = [(f"H-{x:g}", "F") for x in rising], [("F", f"L-{x:g}") for x in rising]
    return [*high, *low, (f"H-{CONTROL}", f"A-{CONTROL}"), (f"H-{CONTROL}", f"V-{CONTROL}")]


def _weighted(each: ChannelDistances, tap: str, weighting: str) -> Floats:
    matrix = each.distances[tap].astype(np.float64)
    if weighting == EQUALISED:
        energy = each.activity[tap].energy
        matrix = matrix * np.where(energy > 0, 1 / np.where(energy > 0, energy, 1), 0)
    return matrix


def _drawn(
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


def _corrected(rows: list[dict[str, object]], families: list[str]) -> pd.DataFrame:
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


def _complete(each: ChannelDistances) -> "pd.Series[bool]":
    """Rows of comparisons of which every pair was measured."""
    failed = each.table["problem"] != ""
    return ~failed.groupby([each.table["subset"], each.table["name"]]).transform("any")


def _is_2afc(each: ChannelDistances) -> bool:
    return bool(each.table.groupby(["subset", "name"]).size().max() == 2)
