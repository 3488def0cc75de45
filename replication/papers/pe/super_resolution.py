"""Paper 4, figure 7: the perception-distortion plane, the area between the two lines, and the verdict on it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replication.evaluation import bootstrap_mean, bootstrap_statistic, compare_paired, holm
from replication.evaluation.seeds import over_seeds
from replication.models.vdsr import VDSR
from replication.papers.pe import rules
from replication.reporting.adequacy import Basis, Gate
from replication.reporting.published import KEY
from replication.reporting.verdicts import judged
from replication.scoring.perception_distortion import score
from replication.scoring.super_resolution import BICUBIC
from replication.training.vdsr import L2, Condition

PAPER, CLAIM = rules.PAPER, "sr-tradeoff"
PLAIN, WEIGHTED = "plain", "pe"
DISTORTIONS = ("SSIM", "RMSE")
"""Measures of distortion: the paper's, and one that grows with L2 itself. SSIM enters as 1 - SSIM."""

Array = NDArray[np.float64]
_STEPS = 2000


def about(name: str, identity: Mapping[str, Any], history: pd.DataFrame) -> dict[str, Any]:
    """A row on a trained network: its condition, what it was trained on and how it did on held-out images."""
    recipe, condition, last = identity["recipe"], identity["condition"], history.iloc[-1]
    return {
        "network": name,
        "seed": recipe["seed"],
        "alpha": f"{condition['alpha']:g}",
        "channels": condition["weighting"],
        "features": "" if identity["features"] is None else identity["features"]["weights"],
        "updates x patches": f"{recipe['steps']:,} x {recipe['batch']}",
        "side": recipe["patch"],
        "rate": f"{recipe['learning_rate']:g}",
        "held-out PSNR": last["validation_psnr"],
        "held-out SSIM": last["validation_ssim"],
    }


def score_seeds(
    networks: Mapping[int, Mapping[str, VDSR]], *args: Any, **options: Any
) -> tuple[pd.DataFrame, list[str]]:
    """`scoring.perception_distortion.score` of the networks of every seed, with a column seed; and what could not be
    read. networks: by seed and method. Bicubic enlargement is the same for every seed, and scored once.
    """
    named = {f"{method}-{seed}": (seed, method) for seed, of_seed in networks.items() for method in of_seed}
    table, problems = score({name: networks[seed][m] for name, (seed, m) in named.items()}, *args, **options)
    parts = []
    for seed in networks:
        methods = {BICUBIC: BICUBIC} | {name: method for name, (own, method) in named.items() if own == seed}
        of_seed = table[table["method"].isin(methods)]
        parts.append(of_seed.assign(method=of_seed["method"].map(methods), seed=seed))
    return pd.concat(parts, ignore_index=True), problems


def mean_scores(scores: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Mean of each metric of each method on each data set with its 95 % interval over images and seeds.

    scores: of `score_seeds`. Columns: data_set, method, metric, mean, low, high, n.
    """
    rows = []
    for key, group in scores.groupby(["data_set", "method", "metric"], sort=False):
        wide = group.pivot(index="image", columns="seed", values="score")
        mean = over_seeds(bootstrap_mean(wide.mean(axis=1), seed=seed), wide.mean())
        rows.append((*key, *mean, len(wide)))
    return pd.DataFrame(rows, columns=["data_set", "method", "metric", "mean", "low", "high", "n"])


def plane(scores: pd.DataFrame, distortion: str, perception: str, *, seed: int = 0) -> pd.DataFrame:
    """Points of the plane: one for each data set, weighting and alpha, the L2 network being on every line.

    Columns: data_set, perception, method, weighting, alpha, x, y (means over images and seeds: distortion as 1 - SSIM
    or RMSE, and perception), and x_low, x_high, y_low, y_high: where the point would be at the ends of the 95 %
    interval over images and seeds of its difference from the L2 network of the same seed. (Images differ far more from
    each other than methods do on an image.)
    """
    rows = []
    for data_set, group in scores.groupby("data_set", sort=False):
        x, y = zip(*_tables(group, distortion, perception), strict=True)
        methods = _trained(group)
        weightings = sorted({Condition.named(m).weighting for m in methods if m != L2})
        for method in methods:
            condition = Condition.named(method)
            lines = weightings if method == L2 else [condition.weighting]
            point, limits = list[float](), list[float]()
            for tables in (x, y):
                of_seeds = [table[method] - table[L2] for table in tables]
                by_image = bootstrap_mean(sum(of_seeds) / len(of_seeds), seed=seed)
                shift = over_seeds(by_image, [each.mean() for each in of_seeds])
                base = float(np.mean([table[L2].mean() for table in tables]))
                point.append(base + shift.estimate)
                limits += [base + shift.low, base + shift.high]
            rows += [(data_set, perception, method, line, condition.alpha, *point, *limits) for line in lines]
    columns = ["data_set", "perception", "method", "weighting", "alpha", "x", "y"]
    columns += ["x_low", "x_high", "y_low", "y_high"]
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
    plain, weighted = _attained(x_plain, y_plain, x_weighted, y_weighted)
    return plain - weighted


def gaps(scores: pd.DataFrame, perception: str, *, seed: int = 0, resamples: int = 2000) -> pd.DataFrame:
    """`gap` between the plain and the PE-weighted line on each data set, for each measure of distortion: mean over
    seeds, each with its own lines. The L2 network is on neither line.

    The interval (95 %) comes from resampling images, all networks of an image together, taking the means, the lines and
    the gap anew (percentile bootstrap), and is widened by what another seed would change (`over_seeds`). Columns:
    data_set, perception, distortion, gap, low, high, relative (gap over the mean that the plain line attains), agree
    (seeds whose own gap has the sign of the mean), seeds, n, reason (why there is none).
    """
    rows = []
    for data_set, group in scores.groupby("data_set", sort=False):
        lines = [
            sorted(
                (m for m in _trained(group) if m != L2 and Condition.named(m).weighting == weighting),
                key=lambda method: -Condition.named(method).alpha,
            )
            for weighting in (PLAIN, WEIGHTED)
        ]
        for distortion in DISTORTIONS:
            tables = _tables(group, distortion, perception)
            found = _gap_interval(tables, lines, seed, resamples)
            rows.append((data_set, perception, distortion, *found[:-1], len(tables), len(tables[0][0]), found[-1]))
    columns = [
        "data_set",
        "perception",
        "distortion",
        "gap",
        "low",
        "high",
        "relative",
        "agree",
        "seeds",
        "n",
        "reason",
    ]
    return pd.DataFrame(rows, columns=columns)


def at_equal_alpha(scores: pd.DataFrame, perception: str, *, seed: int = 0) -> pd.DataFrame:
    """Each weighting minus plain at every alpha that both have, over the same images, mean over seeds.

    Columns: data_set, metric (SSIM, RMSE and the perception metric), weighting, alpha, mean, low, high (95 % interval
    over images and seeds), effect (matched-pairs rank-biserial), p (Wilcoxon), p_holm (adjusted over the tests of a
    metric), n.
    """
    rows = []
    for metric in (*DISTORTIONS, perception):
        for data_set, group in scores[scores["metric"] == metric].groupby("data_set", sort=False):
            wide = group.pivot(index="image", columns=["method", "seed"], values="score")
            conditions = {Condition.named(method): method for method in _trained(group)}
            for condition, method in conditions.items():
                plain = conditions.get(Condition(PLAIN, condition.alpha))
                if condition.weighting == PLAIN or plain is None:
                    continue
                one, other = pd.DataFrame(wide[method]), pd.DataFrame(wide[plain])
                result = compare_paired(one.mean(axis=1), other.mean(axis=1), seed=seed)
                about = (data_set, metric, condition.weighting, condition.alpha)
                interval = over_seeds(result.difference, (one - other).mean())
                rows.append((*about, *interval, result.effect, result.p_value, result.n))
    columns = ["data_set", "metric", "weighting", "alpha", "mean", "low", "high", "effect", "p", "n"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(9, "p_holm", table.groupby("metric")["p"].transform(lambda p: holm(p.to_numpy())))
    return table


def judge(
    gaps: pd.DataFrame, perception: str, *, features: str, weights: str, gates: Sequence[Gate] = ()
) -> pd.DataFrame:
    """The verdict on "PE weighting moves the line towards the origin": the columns of claims.csv.

    gaps: of `gaps`; those with the paper's measure of distortion are judged. perception: the metric. features, weights:
    the network of the contextual loss and what differs from the paper's weights. gates: of the training.
    """
    basis = Basis(
        "stand-in",
        "trained on T91 and BSDS500 in place of DIV2K; the paper does not name its test images",
        network="" if features == "vgg16" else f"{features} in place of VGG16",
        weights=weights,
        protocol="" if perception == "nrqm" else f"perception by {perception} in place of NRQM",
        gates=tuple(gates),
    )
    own = gaps[(gaps["distortion"] == DISTORTIONS[0]) & (gaps["perception"] == perception)]
    return judged(PAPER, {CLAIM: rules.tradeoff(own)}, basis)


def extensions(gaps: pd.DataFrame, note: str = "") -> pd.DataFrame:
    """`gaps` as numbers for the scorecard, which no paper has printed."""
    rows = [
        (
            *(PAPER, "figure7", "plain line minus PE-weighted line", row["data_set"]),
            f"{row['perception']} at equal {row['distortion']}",
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


def _attained(x_plain: Array, y_plain: Array, x_weighted: Array, y_weighted: Array) -> tuple[float, float]:
    """Mean of what each line attains over the distortions that both have; NaN where these are none."""
    low, high = max(x_plain.min(), x_weighted.min()), min(x_plain.max(), x_weighted.max())
    if not high > low:
        return float("nan"), float("nan")
    at = low + (np.arange(_STEPS) + 0.5) / _STEPS * (high - low)
    return float(attainment(x_plain, y_plain, at).mean()), float(attainment(x_weighted, y_weighted, at).mean())


def _tables(scores: pd.DataFrame, distortion: str, perception: str) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Distortion and perception of each seed, lower being better: a row for each image, a column for each network."""
    found = []
    for _, group in scores.groupby("seed"):
        wide = group.pivot(index="image", columns=["metric", "method"], values="score")
        x, y = (pd.DataFrame(wide[metric])[_trained(scores)] for metric in (distortion, perception))
        found.append((1 - x if distortion == "SSIM" else x, y))
    return found


def _trained(scores: pd.DataFrame) -> list[str]:
    """The methods that are networks of a condition, in the order of the table."""
    return [str(method) for method in dict.fromkeys(scores["method"]) if method != BICUBIC]


def _gap_interval(
    tables: Sequence[tuple[pd.DataFrame, pd.DataFrame]], lines: list[list[str]], seed: int, resamples: int
) -> tuple[float, float, float, float, int, str]:
    """gap, low, high, relative, agree, reason of `gaps`."""
    nothing = float("nan")
    if min(map(len, lines)) < 2:
        return nothing, nothing, nothing, nothing, 0, "a line needs two values of alpha besides L2"
    columns = [table[method].to_numpy() for of_seed in tables for line in lines for table in of_seed for method in line]
    sizes = np.cumsum([len(line) for line in lines for _ in range(2)])[:-1]

    def by_seed(means: Array) -> list[float]:
        return [gap(*np.split(points, sizes)) for points in means.reshape(len(tables), -1)]

    def statistic(*samples: Array) -> Array:
        means = np.stack([sample.mean(axis=-1) for sample in samples], axis=-1)
        found = [np.mean(by_seed(points)) for points in means.reshape(-1, means.shape[-1])]
        return np.array(found).reshape(means.shape[:-1])

    means = np.array([column.mean() for column in columns])
    each = by_seed(means)
    if np.isnan(each).any():
        return nothing, nothing, nothing, nothing, 0, "the two lines have no distortion in common"
    plain = np.mean([_attained(*np.split(points, sizes))[0] for points in means.reshape(len(tables), -1)])
    relative = float(np.mean(each) / plain)
    agree = int((np.sign(each) == np.sign(np.mean(each))).sum())
    interval = bootstrap_statistic(statistic, *columns, resamples=resamples, method="percentile", seed=seed)
    if np.isnan(interval.low):
        reason = "no interval: among some resampled images the lines share no distortion"
        return interval.estimate, nothing, nothing, relative, agree, reason
    return (*over_seeds(interval, each), relative, agree, "")
