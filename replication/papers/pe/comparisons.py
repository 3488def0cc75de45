"""Paper 4, figures 5 and 8: sets of channels beside other metrics, and against people's comparisons (BAPPS)."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from replication.evaluation.clusters import resample
from replication.evaluation.dependent import CorrelationDifference, coefficients_of, difference_of
from replication.evaluation.intervals import bootstrap_mean
from replication.evaluation.judgements import just_noticeable, same_class, two_alternative
from replication.evaluation.subsets import subset_scores
from replication.features.efficacy import channel_sets
from replication.papers.pe.quality import (
    CONTROL,
    EQUATION_1,
    Efficacy,
    Floats,
    corrected,
    judgeable,
    layers_of,
    rated,
    srcc_draws,
    weighted,
)
from replication.reporting.metric_scores import scores_of
from replication.scoring.channel_tables import ChannelDistances
from replication.scoring.scored import Scored

MEASURES = TWO_AFC, JND, JND_AREA = ("2AFC", "JND", "JND (area)")
"""Share of people who agree; share of pairs in the right class (the paper's); area under precision and recall (the
authors' of the data)."""
_AGREEMENT = ["measure", "score", "low", "high", "human", "n"]


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
    metric_srcc, difference (the set minus the metric), low, high, p, p_bh (over the layers of a network).
    Rows with the set "metric" compare the metrics in pairs: `tap` is the first one, `network` is empty.
    ValueError where scores and distances are of different images.
    """
    rows: list[dict[str, object]] = []
    paired: set[tuple[str, str]] = set()
    for each in rated(measured):
        others = scored.get(each.name)
        if others is None or others.absent:
            continue
        if others.digest != each.digest:
            raise ValueError(f"the scores of {each.name} are of other images than its channel distances; score it anew")
        wide = others.table.pivot(index="distorted", columns="metric", values="score").reindex(each.table["distorted"])
        shown = [label for label in labels if label in wide]
        known = judgeable(each) & np.isfinite(wide[shown].to_numpy(float)).all(axis=1)
        assert each.opinion is not None
        better = each.opinion.higher_is_better
        for kind in ("all", *distortions):
            chosen = known if kind == "all" else known & (each.table["distortion"] == kind).to_numpy()
            if chosen.sum() < 10:
                continue
            opinions = each.table.loc[chosen, "opinion"].to_numpy(float)
            key: dict[str, object] = {"data_set": each.title, "images": kind, "n": len(opinions)}
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
            for tap, pe in layers_of(each, efficacy):
                sets = {name: index for name, index in channel_sets(pe, [CONTROL]).items() if name != f"L-{CONTROL}"}
                drawn = srcc_draws(weighted(each, tap, EQUATION_1)[chosen], opinions, sets, samples, not better)
                for name, label in ((name, label) for name in sets for label in shown):
                    found = difference_of(drawn[name], of_metric[label], samples.groups, 0.95)
                    row = key | {"network": each.backbone, "tap": tap, "set": name, "metric": label}
                    rows.append(row | _numbers(found))
            if (each.title, kind) in paired:  # for another network
                continue
            paired.add((each.title, kind))
            for first, second in combinations(shown, 2):
                found = difference_of(of_metric[first], of_metric[second], samples.groups, 0.95)
                pair = key | {"network": "", "tap": first, "set": "metric", "metric": second}
                rows.append(pair | _numbers(found))
    return corrected(rows, ["data_set", "images", "network", "set", "metric"])


def judged(
    measured: Sequence[ChannelDistances],
    efficacy: Efficacy,
    *,
    percentages: Sequence[float] = (5, 10, 25, 50),
    seed: int = 0,
) -> pd.DataFrame:
    """Figure 5: agreement of every set of channels with people's comparisons, by subset of BAPPS.

    Columns: data_set, subset, network, tap, set, measure (one of MEASURES), score, low, high (95 % bootstrap over
    triplets; none for JND), human (2AFC: what one person scores), n.
    """
    rows = []
    for each in measured:
        if each.absent or each.opinion is not None:
            continue
        triplets = _is_2afc(each.table, ["subset", "name"])
        complete = ~(each.table["problem"] != "").groupby([each.table["subset"], each.table["name"]]).transform("any")
        for tap, pe in layers_of(each, efficacy):
            sets = channel_sets(pe, sorted({*percentages, CONTROL}))
            for subset in each.table["subset"].unique():
                chosen = ((each.table["subset"] == subset) & complete).to_numpy()
                scores = subset_scores(each.distances[tap][chosen], list(sets.values()))
                fraction = each.table.loc[chosen, "fraction"].to_numpy(float)
                for name, values in zip(sets, scores, strict=True):
                    key = (each.title, subset, each.backbone, tap, name)
                    rows += [(*key, *row) for row in _agreement(values, fraction, triplets, seed)]
    return pd.DataFrame(rows, columns=["data_set", "subset", "network", "tap", "set", *_AGREEMENT])


def judged_metrics(scored: Mapping[str, Scored], *, seed: int = 0) -> pd.DataFrame:
    """Figure 8(c, d): agreement of metrics with people's comparisons, by subset of BAPPS.

    scored: of `scoring.judged_sets.score_judgements`. Columns: data_set, subset, metric, and from measure on as
    `judged`.
    """
    rows = []
    for each in scored.values():
        finite = {metric: scores_of(each, metric)[0]["score"] for metric in each.table["metric"].unique()}
        for (subset, metric), part in each.table.groupby(["distortion", "metric"], sort=False):
            triplets = _is_2afc(part, ["reference"])
            scores = finite[str(metric)].reindex(part.index)  # the PSNR of a patch and its copy is infinite
            known = scores.notna()
            if triplets:
                known = known.groupby(part["reference"]).transform("all")
            values = scores[known].to_numpy(float)
            if each.metrics[str(metric)].higher_is_better:
                values = -values
            opinions = part.loc[known, "opinion"].to_numpy(float)
            rows += [(each.title, subset, metric, *row) for row in _agreement(values, opinions, triplets, seed)]
    return pd.DataFrame(rows, columns=["data_set", "subset", "metric", *_AGREEMENT])


def _agreement(values: Floats, fraction: Floats, triplets: bool, seed: int) -> list[tuple[object, ...]]:
    """Rows from measure to n of distances: of both pairs of each triplet in turn, or of a pair each."""
    if triplets:
        found = two_alternative(values[0::2], values[1::2], fraction[0::2])
        limits = bootstrap_mean(found.agreement, resamples=1000, method="percentile", seed=seed)
        return [(TWO_AFC, *limits, found.human, len(found.agreement))]
    nothing = (math.nan, math.nan, math.nan, len(values))
    return [
        (JND, same_class(values, fraction), *nothing),
        (JND_AREA, just_noticeable(values, fraction), *nothing),
    ]


def _is_2afc(table: pd.DataFrame, keys: list[str]) -> bool:
    return bool(table.groupby(keys).size().max() == 2)


def _numbers(found: CorrelationDifference) -> dict[str, object]:
    limits = dict(zip(("difference", "low", "high"), found.difference, strict=True))
    return {"srcc": found.a, "metric_srcc": found.b, "p": found.p_value, **limits}
