"""Paper 4, figure 7: the perception-distortion plane, the area between the two lines, and the verdict on it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from replication.evaluation import bootstrap_mean, bootstrap_statistic, compare_paired, holm
from replication.papers.pe import rules
from replication.reporting.adequacy import Basis
from replication.reporting.figures import COLOURS, MARKERS
from replication.reporting.published import KEY
from replication.reporting.verdicts import judged
from replication.scoring.super_resolution import BICUBIC
from replication.training.vdsr import L2, Condition

PAPER, CLAIM = rules.PAPER, "sr-tradeoff"
PLAIN, WEIGHTED = "plain", "pe"
DISTORTIONS = ("SSIM", "RMSE")
"""Measures of distortion: the paper's, and one that grows with L2 itself. SSIM enters as 1 - SSIM."""

_LINES = {PLAIN: "all channels alike", WEIGHTED: "weighted by PE", "pe-root": "weighted by the root of PE"}
Array = NDArray[np.float64]
_STEPS = 2000


def about(name: str, identity: Mapping[str, Any], history: pd.DataFrame) -> dict[str, Any]:
    """A row on a trained network: its condition, what it was trained on and how it did on held-out images."""
    recipe, condition, last = identity["recipe"], identity["condition"], history.iloc[-1]
    return {
        "network": name,
        "alpha": f"{condition['alpha']:g}",
        "channels": condition["weighting"],
        "features": "" if identity["features"] is None else identity["features"]["weights"],
        "updates x patches": f"{recipe['steps']:,} x {recipe['batch']}",
        "side": recipe["patch"],
        "rate": f"{recipe['learning_rate']:g}",
        "held-out PSNR": last["validation_psnr"],
        "held-out SSIM": last["validation_ssim"],
    }


def mean_scores(scores: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Mean of each metric of each method on each data set with its 95 % bootstrap interval over images.

    scores: `replication.scoring.perception_distortion.score`. Columns: data_set, method, metric, mean, low, high, n.
    """
    rows = []
    for key, group in scores.groupby(["data_set", "method", "metric"], sort=False):
        rows.append((*key, *bootstrap_mean(group["score"], seed=seed), len(group)))
    return pd.DataFrame(rows, columns=["data_set", "method", "metric", "mean", "low", "high", "n"])


def plane(scores: pd.DataFrame, distortion: str, perception: str, *, seed: int = 0) -> pd.DataFrame:
    """Points of the plane: one for each data set, weighting and alpha, the L2 network being on every line.

    Columns: data_set, method, weighting, alpha, x, y (means: distortion as 1 - SSIM or RMSE, and perception), and
    x_low, x_high, y_low, y_high: where the point would be at the ends of the 95 % bootstrap interval over images of its
    difference from the L2 network. (Images differ far more from each other than methods do on an image.)
    """
    rows = []
    for data_set, group in scores.groupby("data_set", sort=False):
        x, y = _tables(group, distortion, perception)
        methods = _trained(group)
        weightings = sorted({Condition.named(m).weighting for m in methods if m != L2})
        for method in methods:
            condition = Condition.named(method)
            lines = weightings if method == L2 else [condition.weighting]
            limits: list[float] = []
            for table in (x, y):
                shift = bootstrap_mean(table[method] - table[L2], seed=seed)
                base = table[L2].mean()
                limits += [base + shift.low, base + shift.high]
            rows += [
                (data_set, method, line, condition.alpha, x[method].mean(), y[method].mean(), *limits) for line in lines
            ]
    columns = ["data_set", "method", "weighting", "alpha", "x", "y", "x_low", "x_high", "y_low", "y_high"]
    table = pd.DataFrame(rows, columns=columns)
    order = table["data_set"].map({name: number for number, name in enumerate(dict.fromkeys(table["data_set"]))})
    return table.assign(order=order).sort_values(
        ["order", "weighting", "alpha"], ascending=[True, True, False], ignore_index=True
    )[columns]


def attainment(x: Array, y: Array, at: Array) -> Array:
    """Best perception that a line attains at a distortion of `at` or less: min of y over its points with x <= at.

    x, y: the corners of the line in the order of alpha, joined by straight lines, which may turn back. NaN where it has
    not begun. As a line only improves what it attains, this is a falling function of x, whatever its shape.
    """
    found = np.full(len(at), np.inf)
    for left, right in zip(zip(x[:-1], y[:-1], strict=True), zip(x[1:], y[1:], strict=True), strict=True):
        (x0, y0), (x1, y1) = sorted((left, right))
        reached = at >= x0
        share = np.clip((at[reached] - x0) / (x1 - x0), 0, 1) if x1 > x0 else np.ones(int(reached.sum()))
        ends = y0 + share * (y1 - y0)
        found[reached] = np.minimum(found[reached], np.minimum(y0, ends) if x1 > x0 else min(y0, y1))
    return np.where(np.isinf(found), np.nan, found)


def gap(x_plain: Array, y_plain: Array, x_weighted: Array, y_weighted: Array) -> float:
    """Distance of the weighted line below the plain one: mean difference of what they attain where both exist.

        gap = 1/(b - a) integral from a to b of (plain(x) - weighted(x)) dx,   plain, weighted: `attainment`
        a: the larger of the two smallest distortions, b: the smaller of the two largest

    x: distortion, y: perception, lower is better, at least two points each in the order of alpha. Positive: with no
    more distortion the weighted line has the better perception, so that it is nearer the origin. NaN if b <= a. The
    integral is a sum over 2,000 even steps, each at its middle.
    """
    low, high = max(x_plain.min(), x_weighted.min()), min(x_plain.max(), x_weighted.max())
    if not high > low:
        return float("nan")
    at = low + (np.arange(_STEPS) + 0.5) / _STEPS * (high - low)
    return float(np.mean(attainment(x_plain, y_plain, at) - attainment(x_weighted, y_weighted, at)))


def gaps(scores: pd.DataFrame, perception: str, *, seed: int = 0, resamples: int = 2000) -> pd.DataFrame:
    """`gap` between the plain and the PE-weighted line on each data set, for each measure of distortion. The L2 network
    is on neither line.

    The interval (95 %, percentile bootstrap) comes from resampling images, all methods of an image together, and taking
    the means, the lines and the gap anew. Columns: data_set, distortion, gap, low, high, n, reason (why there is none).
    """
    rows = []
    for data_set, group in scores.groupby("data_set", sort=False):
        for distortion in DISTORTIONS:
            x, y = _tables(group, distortion, perception)
            lines = [
                sorted(
                    (m for m in _trained(group) if m != L2 and Condition.named(m).weighting == weighting),
                    key=lambda method: -Condition.named(method).alpha,
                )
                for weighting in (PLAIN, WEIGHTED)
            ]
            row = _gap_interval(x, y, lines, seed, resamples)
            rows.append((data_set, distortion, *row[:3], len(x), row[3]))
    return pd.DataFrame(rows, columns=["data_set", "distortion", "gap", "low", "high", "n", "reason"])


def at_equal_alpha(scores: pd.DataFrame, perception: str, *, seed: int = 0) -> pd.DataFrame:
    """Each weighting minus plain at every alpha that both have, over the same images.

    Columns: data_set, metric (SSIM, RMSE and the perception metric), weighting, alpha, mean, low, high (95 %
    bootstrap), effect (matched-pairs rank-biserial), p (Wilcoxon), p_holm (adjusted over the tests of a metric), n.
    """
    rows = []
    for metric in (*DISTORTIONS, perception):
        for data_set, group in scores[scores["metric"] == metric].groupby("data_set", sort=False):
            wide = group.pivot(index="image", columns="method", values="score")
            conditions = {Condition.named(method): method for method in _trained(group)}
            for condition, method in conditions.items():
                plain = conditions.get(Condition(PLAIN, condition.alpha))
                if condition.weighting == PLAIN or plain is None:
                    continue
                result = compare_paired(wide[method], wide[plain], seed=seed)
                about = (data_set, metric, condition.weighting, condition.alpha)
                rows.append((*about, *result.difference, result.effect, result.p_value, result.n))
    columns = ["data_set", "metric", "weighting", "alpha", "mean", "low", "high", "effect", "p", "n"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(9, "p_holm", table.groupby("metric")["p"].transform(lambda p: holm(p.to_numpy())))
    return table


def judge(gaps: pd.DataFrame, perception: str, *, features: str, weights: str) -> pd.DataFrame:
    """The verdict on "PE weighting moves the line towards the origin": the columns of claims.csv.

    gaps: of `gaps`; those with the paper's measure of distortion are judged. perception: the metric. features, weights:
    the network of the contextual loss and what differs from the paper's weights.
    """
    basis = Basis(
        "stand-in",
        "trained on T91 and BSDS500 in place of DIV2K; the paper does not name its test images",
        network="" if features == "vgg16" else f"{features} in place of VGG16",
        weights=weights,
        protocol="" if perception == "nrqm" else f"perception by {perception} in place of NRQM",
    )
    return judged(PAPER, {CLAIM: rules.tradeoff(gaps[gaps["distortion"] == DISTORTIONS[0]])}, basis)


def extensions(gaps: pd.DataFrame, perception: str, note: str = "") -> pd.DataFrame:
    """`gaps` as numbers for the scorecard, which no paper has printed."""
    rows = [
        (
            *(PAPER, "figure7", "plain line minus PE-weighted line", row["data_set"]),
            f"{perception} at equal {row['distortion']}",
            *(row["gap"], row["low"], row["high"], row["n"], row["reason"] or note),
        )
        for row in gaps.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=[*KEY, "value", "low", "high", "n", "note"])


def telling_pair(scores: pd.DataFrame, perception: str) -> tuple[str, str]:
    """PE-weighted and plain network of one alpha, for crops: the alpha, of those both have, with the best plain mean.

    Raises ValueError if there is no such alpha.
    """
    means = scores[scores["metric"] == perception].groupby("method")["score"].mean()
    conditions = {Condition.named(method): method for method in _trained(scores)}
    pairs = {
        (conditions[Condition(WEIGHTED, c.alpha)], method): means[method]
        for c, method in conditions.items()
        if c.weighting == PLAIN and Condition(WEIGHTED, c.alpha) in conditions
    }
    if not pairs:
        raise ValueError(
            "there is no alpha for which both a plain and a pe network were trained; add one to conditions"
        )
    return min(pairs, key=lambda pair: pairs[pair])


def draw_plane(points: pd.DataFrame, distortion: str, perception: str) -> None:
    """A panel for each data set: the line of each weighting from the L2 network on, alpha written at its points."""
    data_sets = list(dict.fromkeys(points["data_set"]))
    _, axes = plt.subplots(1, len(data_sets), figsize=(4.6 * len(data_sets), 4.0), squeeze=False)
    for axis, data_set in zip(axes[0], data_sets, strict=True):
        of_set = points[points["data_set"] == data_set]
        for number, (weighting, line) in enumerate(of_set.groupby("weighting", sort=True)):
            spread = [(line[v] - line[f"{v}_low"], line[f"{v}_high"] - line[v]) for v in ("x", "y")]
            axis.errorbar(
                line["x"],
                line["y"],
                xerr=np.maximum(spread[0], 0),
                yerr=np.maximum(spread[1], 0),
                marker=MARKERS[number],
                color=COLOURS[number],
                ecolor=(*to_rgb(COLOURS[number]), 0.4),
                elinewidth=0.8,
                label=_LINES.get(str(weighting), str(weighting)),
            )
            for _, point in line.iterrows():
                axis.annotate(
                    "L2" if point["method"] == L2 else f"{point['alpha']:g}",
                    (point["x"], point["y"]),
                    xytext=(4, 5),
                    textcoords="offset points",
                    fontsize=7,
                    color=COLOURS[number],
                )
        label = "1 \N{MINUS SIGN} SSIM" if distortion == "SSIM" else f"{distortion} (grey levels)"
        axis.locator_params(nbins=5)
        axis.set(title=data_set, xlabel=f"distortion: {label}", ylabel=f"perception: {perception}")
    axes[0][0].legend(fontsize=8)
    plt.show()


def _tables(scores: pd.DataFrame, distortion: str, perception: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Distortion and perception, lower being better: a row for each image, a column for each trained network."""
    wide = scores.pivot(index="image", columns=["metric", "method"], values="score")
    x, y = (pd.DataFrame(wide[metric])[_trained(scores)] for metric in (distortion, perception))
    return (1 - x if distortion == "SSIM" else x), y


def _trained(scores: pd.DataFrame) -> list[str]:
    """The methods that are networks of a condition, in the order of the table."""
    return [str(method) for method in dict.fromkeys(scores["method"]) if method != BICUBIC]


def _gap_interval(
    x: pd.DataFrame, y: pd.DataFrame, lines: list[list[str]], seed: int, resamples: int
) -> tuple[float, float, float, str]:
    nothing = float("nan")
    if min(map(len, lines)) < 2:
        return nothing, nothing, nothing, "a line needs two values of alpha besides L2"
    columns = [table[method].to_numpy() for line in lines for table in (x, y) for method in line]
    sizes = np.cumsum([len(line) for line in lines for _ in (x, y)])[:-1]

    def statistic(*samples: Array) -> Array:
        means = np.stack([sample.mean(axis=-1) for sample in samples], axis=-1)
        found = [gap(*np.split(points, sizes)) for points in means.reshape(-1, means.shape[-1])]
        return np.array(found).reshape(means.shape[:-1])

    if np.isnan(statistic(*columns)):
        return nothing, nothing, nothing, "the two lines have no distortion in common"
    interval = bootstrap_statistic(statistic, *columns, resamples=resamples, method="percentile", seed=seed)
    if np.isnan(interval.low):
        return (
            interval.estimate,
            nothing,
            nothing,
            "no interval: among some resampled images the lines share no distortion",
        )
    return (*interval, "")
