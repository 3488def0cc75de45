"""Gains of a metric by attention: by its parts, by kinds of images, and by its settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from replication.evaluation import holm
from replication.evaluation.correlation import Correlation, correlate
from replication.evaluation.dependent import compare_correlations
from replication.metrics.names import parse
from replication.reporting.metric_scores import increases_with_opinion, reference_groups, scores_in_common, scores_of
from replication.reporting.verdicts import VALUE_COLUMNS
from replication.scoring.scored import Scored

STEPS = {
    "attention": ("plain", "local"),
    "of it, resizing and the way of taking distances": ("plain", "none"),
    "of it, one weight for the whole image": ("none", "level"),
    "of it, where in the image": ("level", "local"),
}
"""From the metric as it is to the metric with attention, and the three steps that this is made of."""


@dataclass(frozen=True)
class Family:
    """A measure with the attention of one network: the labels of its scores ("" where there are none).

    plain: without attention. none, level, local: with 1, with the mean of attention and with attention itself in its
    place. mic: attention from MIC of each channel. resized: plain, of the images resized as for attention.
    """

    measure: str
    network: str
    plain: str
    none: str
    level: str
    local: str
    mic: str
    resized: str = ""

    @property
    def title(self) -> str:
        """Measure and network: "SSIM, vgg16"."""
        return f"{self.measure}, {self.network}"


TITLES = {"psnr": "PSNR", "ssim": "SSIM", "lpips-vgg": "LPIPS", "lpips-alex": "LPIPS (AlexNet)"} | {
    "lpips-squeeze": "LPIPS (SqueezeNet)",
    "dists": "DISTS",
    "deepwsd": "DeepWSD",
}
"""Metrics without attention -> measures, as tables name them."""

_NETWORKS = {"lpips-squeeze": "squeezenet1_1", "lpips-alex": "alexnet"}


def families(scored: Scored, plain: Mapping[str, str | None]) -> list[Family]:
    """All measures with attention that a score table has, in its order, by network; the first of several settings.

    plain: rows of Table I and their metrics, among them those without attention.
    """
    labels = scored.with_scores()
    without = {parse(label)[0]: label for label in labels if "+" not in label}
    without |= {parse(label)[0]: label for label in plain.values() if label in labels and "+" not in str(label)}
    found: dict[tuple[str, str], dict[str, str]] = {}
    constant: dict[str, str] = {}
    for label in labels:
        name, options = parse(label)
        base, _, kind = name.partition("+")
        if kind not in ("smic", "mic") or base not in without:
            continue
        weighting = str(options.get("weighting", "local"))
        if weighting == "none":
            constant.setdefault(base, label)
            continue
        network = str(options.get("backbone", _NETWORKS.get(base, "vgg16")))
        found.setdefault((base, network), {}).setdefault("mic" if kind == "mic" else weighting, label)
    return [
        Family(
            TITLES[base],
            network,
            without[base],
            constant.get(base, ""),
            parts.get("level", ""),
            parts.get("local", ""),
            parts.get("mic", ""),
        )
        for (base, network), parts in found.items()
    ]


def with_channels(
    scored: Mapping[str, Scored], varied: Mapping[str, Scored], plain: Mapping[str, str | None]
) -> dict[str, Scored]:
    """By data set, the scores in which slices and channels can be compared.

    scored: of whole sets. varied: of variants of attention, which may be of fewer images; they are taken where `scored`
    has no metric with attention from channels. plain: as for `families`.
    """
    found = dict(scored)
    for name, each in varied.items():
        has = [name in of and any(family.mic for family in families(of[name], plain)) for of in (scored, varied)]
        if has == [False, True]:
            found[name] = each
    return found


def steps(
    scored: Scored | None, of: Sequence[Family], between: Mapping[str, tuple[str, str]] = STEPS, *, seed: int = 0
) -> pd.DataFrame:
    """Change of SRCC and PLCC by each step, on the same images: paired, resampling references.

    between: step -> the two attributes of a Family that it goes from and to. Columns: measure, network, step,
    statistic, before, after, difference, low, high, p, p_holm (over all families of a step and statistic), effect
    (Cohen's q), n, references. Families that lack one of the two are left out; a step that involves no network
    appears once.
    """
    rows = []
    done = set()
    for family in of:
        for step, (first, second) in between.items():
            one, two = getattr(family, first), getattr(family, second)
            if scored is None or not (one and two) or (step, one, two) in done:
                continue
            done.add((step, one, two))
            of_pixels = second in ("none", "resized") and family.measure in ("PSNR", "SSIM")
            network = "no network" if of_pixels else family.network
            wide, opinions, references = scores_in_common(scored, [two, one])
            for statistic in ("SRCC", "PLCC"):
                found = compare_correlations(
                    wide[0],
                    wide[1],
                    opinions,
                    references=references,
                    coefficient="srcc" if statistic == "SRCC" else "plcc",
                    higher_is_better=(increases_with_opinion(scored, two), increases_with_opinion(scored, one)),
                    seed=seed,
                )
                values = (found.b, found.a, *found.difference, found.p_value, found.effect)
                rows.append((family.measure, network, step, statistic, *values, len(opinions), len(set(references))))
    names = ["measure", "network", "step", "statistic", "before", "after", "difference", "low", "high", "p", "effect"]
    table = pd.DataFrame(rows, columns=[*names, "n", "references"])
    adjusted = table.groupby(["step", "statistic"])["p"].transform(lambda p: holm(p.to_numpy()))
    table.insert(10, "p_holm", adjusted if len(table) else [])
    return table


def overview(scored: Scored, methods: Mapping[str, str | None], of: Sequence[Family]) -> pd.DataFrame:
    """SRCC and PLCC of the methods of Table I that have been scored, and of every measure with attention, best first.

    Columns: method, network ("" where there is none), srcc, srcc_low, srcc_high, plcc, plcc_low, plcc_high.
    """
    titles = {family.local: (f"{family.measure} w/ SMIC", family.network) for family in of if family.local}
    titles |= {family.mic: (f"{family.measure} w/ MIC", family.network) for family in of if family.mic}
    titles |= {family.plain: (family.measure, "") for family in of}
    for method, named in methods.items():
        if named is not None and named in scored.metrics and not scored.metrics[named].absent:
            titles.setdefault(named, (method, ""))
    rows = []
    for label, (method, network) in titles.items():
        found = correlation(scored, label)
        row: dict[str, object] = {"method": method, "network": network}
        for name in ("srcc", "plcc"):
            interval = (found.intervals or {}).get(name)
            row[name] = getattr(found, name)
            row |= {f"{name}_low": interval.low, f"{name}_high": interval.high} if interval else {}
        rows.append(row)
    return pd.DataFrame(rows).sort_values("srcc", ascending=False, kind="stable", ignore_index=True)


def by_distortion(scored: Scored, of: Sequence[Family], first: str = "plain", second: str = "local") -> pd.DataFrame:
    """Gain in SRCC by attention within each distortion type and to the order between types.

    Columns: family, distortion, gain. The row "pairs across types" is the gain in the share of pairs of images of one
    reference but of two types that a metric orders as people do, minus the share it orders the other way.
    """
    rows = []
    for family in of:
        one, two = getattr(family, first), getattr(family, second)
        if not (one and two):
            continue
        part = scores_of(scored, one)[0].merge(scores_of(scored, two)[0][["distorted", "score"]], on="distorted")
        signs = [(1 if increases_with_opinion(scored, label) in (True, None) else -1) for label in (one, two)]
        part = part.assign(before=signs[0] * part["score_x"], after=signs[1] * part["score_y"])
        for distortion, images in part.groupby("distortion", sort=False):
            if len(images) >= 10:
                before, after = (
                    correlate(images[c], images["opinion"], mapping="none").srcc for c in ("before", "after")
                )
                rows.append((family.title, str(distortion), after - before))
        pairs = _pairs(part)
        across = pairs[pairs["across"]]
        rows.append((family.title, "pairs across types", float((across["after"] - across["before"]).mean())))
    return pd.DataFrame(rows, columns=["family", "distortion", "gain"])


def _pairs(part: pd.DataFrame, least: float = 0.0) -> pd.DataFrame:
    """All pairs of images of one reference whose opinions differ by more than `least`.

    part: reference, distorted, distortion, opinion, before, after (higher meaning nearer to a high opinion). Columns:
    better, worse (names, by opinion), gap, across (of two distortion types), before, after (1: the metric orders them
    as people do, -1: the other way, 0: equal).
    """
    found = []
    for _, images in part.groupby("reference", sort=False):
        opinion, before, after = (images[name].to_numpy(float) for name in ("opinion", "before", "after"))
        i, j = np.nonzero(opinion[:, None] - opinion > least)
        kinds, names = images["distortion"].to_numpy(str), images["distorted"].to_numpy(str)
        found.append(
            pd.DataFrame(
                {
                    "better": names[i],
                    "worse": names[j],
                    "gap": opinion[i] - opinion[j],
                    "across": kinds[i] != kinds[j],
                    "before": np.sign(before[i] - before[j]),
                    "after": np.sign(after[i] - after[j]),
                }
            )
        )
    return pd.concat(found, ignore_index=True)


def pairs(scored: Scored, family: Family, first: str = "plain", second: str = "local") -> pd.DataFrame:
    """Every pair of images of one reference with different opinions, and whether the metric orders it as people do,
    without and with attention: better, worse, gap, across, before, after (1 as people, -1 the other way)."""
    one, two = getattr(family, first), getattr(family, second)
    part = scores_of(scored, one)[0].merge(scores_of(scored, two)[0][["distorted", "score"]], on="distorted")
    up = scored.opinion.higher_is_better
    signs = [1 if (scored.metrics[label].higher_is_better == up) else -1 for label in (one, two)]
    found = _pairs(part.assign(before=signs[0] * part["score_x"], after=signs[1] * part["score_y"]))
    return found if up else found.rename(columns={"better": "worse", "worse": "better"})


def corrected_and_spoiled(scored: Scored, of: Sequence[Family]) -> pd.DataFrame:
    """Shares of the pairs of images of one reference in people's order: before, after, corrected, spoiled."""
    rows = []
    for family in of:
        if family.local:
            found = pairs(scored, family)
            right, now = found["before"] > 0, found["after"] > 0
            shares = (right.mean(), now.mean(), (~right & now).mean(), (right & ~now).mean())
            rows.append((family.title, len(found), *shares))
    return pd.DataFrame(rows, columns=["family", "pairs", "before", "after", "corrected", "spoiled"])


def correlation(scored: Scored, label: str) -> Correlation:
    """Agreement of a metric with the opinions, with intervals over references, turned so that more is better."""
    part, _ = scores_of(scored, label)
    expected = increases_with_opinion(scored, label)
    found = correlate(
        part["score"], part["opinion"], references=reference_groups(part), higher_is_better=expected, intervals=True
    )
    return found.absolute() if expected is None else found


def extension_values(scored: Scored, of: Sequence[Family]) -> pd.DataFrame:
    """Numbers that nobody has published, for the scorecard: every measure with attention on a data set."""
    rows = []
    for family in of:
        for kind, title in (("plain", "{}"), ("local", "{} w/ SMIC"), ("mic", "{} w/ MIC")):
            label = getattr(family, kind)
            if not label:
                continue
            found = correlation(scored, label)
            row = title.format(family.measure) + (f" ({family.network})" if kind != "plain" else "")
            weights = str(scored.metrics[label].protocol.get("weights", ""))
            for name in ("srcc", "plcc"):
                interval = (found.intervals or {}).get(name)
                low, high = (interval.low, interval.high) if interval else (np.nan, np.nan)
                value = getattr(found, name)
                rows.append(("smic", "attention", row, scored.title, name.upper(), value, low, high, found.n,
                             "", "", weights))  # fmt: skip
    table = pd.DataFrame(rows, columns=VALUE_COLUMNS)
    return table.drop_duplicates(["row", "column", "statistic"])
