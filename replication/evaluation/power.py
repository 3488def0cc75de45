"""Power of tests of the difference between two metrics on a data set of a given size, by simulation.

The model. Opinions y are normal. Metric a is rho_a y + sqrt(1 - rho_a^2) e_a, metric b likewise; the errors e_a and e_b
are normal and correlate so that the metrics correlate by `between`. A share `shared` of an error's variance belongs to
the reference (how badly a metric judges all versions of one picture), the rest to the image.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from replication.evaluation.clusters import group_index

Floats = NDArray[np.float64]
TESTS = ("references", "williams", "splits t", "splits wilcoxon")
_CHUNK = 1_000_000  # images simulated at once


@dataclass(frozen=True)
class Size:
    """references: pictures; images: distorted versions of each."""

    references: int
    images: int


def simulated_power(
    size: Size,
    better: float,
    worse: float,
    between: float,
    shared: float,
    *,
    simulations: int = 1000,
    alpha: float = 0.05,
    splits: int = 20,
    test_share: float = 0.2,
    seed: int = 0,
) -> dict[str, float]:
    """Share of simulated data sets in which each test of `TESTS` finds a difference in Pearson's r, two-sided at alpha.

    better, worse: true correlations of the two metrics with the opinions; equal ones give the rate of false alarms.
    between: correlation of the metrics with each other. shared: the reference's share of an error's variance.

    "references": t of the difference of Fisher's z over its jackknife standard error over references, references - 1
        degrees (what `compare_correlations` does by bootstrap). "williams": counts images as independent.
    "splits t", "splits wilcoxon": the corrected resampled t test and the signed-rank test over random splits by
        reference, see `compare_over_splits`.
    The standard error of a share p is sqrt(p (1 - p) / simulations). ValueError where no such metrics exist.
    """
    shape = (size.references, size.images)
    root = _mixing(better, worse, between)
    if not 0 <= shared <= 1:
        raise ValueError(f"shared must lie between 0 and 1, got {shared}")
    if min(shape) < 2 or size.references < 3:
        raise ValueError(f"at least 3 references of 2 images are needed, got {shape[0]} of {shape[1]}")
    generator = np.random.default_rng(seed)
    found = dict.fromkeys(TESTS, 0)
    done = 0
    while done < simulations:
        count = min(simulations - done, max(1, _CHUNK // (shape[0] * shape[1])))
        errors = np.sqrt(1 - shared) * generator.standard_normal((2, count, *shape))
        errors += np.sqrt(shared) * generator.standard_normal((2, count, shape[0], 1))
        y = generator.standard_normal((count, *shape))
        a = better * y + root[0, 0] * errors[0]
        b = worse * y + root[1, 0] * errors[0] + root[1, 1] * errors[1]
        sides = _test_sides(count, size.references, splits, test_share, generator)
        for name, p_values in _p_values(y, a, b, sides, test_share).items():
            found[name] += int(np.sum(p_values < alpha))
        done += count
    return {name: hits / simulations for name, hits in found.items()}


def normal_power(better: float, worse: float, between: float, images: int, alpha: float = 0.05) -> float:
    """Power in closed form for independent images: the difference of two correlations is normal in large samples with

    n variance = (1 - r12^2)^2 + (1 - r13^2)^2 - 2 [(r23 - r12 r13 / 2) (1 - r12^2 - r13^2 - r23^2) + r23^3]

    (Olkin & Siotani 1976). It differs from the share that a test of 1,000 images finds by less than a hundredth.
    """
    _mixing(better, worse, between)
    squares = better**2 + worse**2 + between**2
    covariance = (between - better * worse / 2) * (1 - squares) + between**3
    variance = (1 - better**2) ** 2 + (1 - worse**2) ** 2 - 2 * covariance
    shift = (better - worse) * np.sqrt(images / variance)
    critical = stats.norm.ppf(1 - alpha / 2)
    return float(stats.norm.cdf(shift - critical) + stats.norm.cdf(-shift - critical))


def pearson_of(spearman: float) -> float:
    """Pearson's r of two normals with this Spearman's rho: 2 sin(pi rho / 6)."""
    return float(2 * np.sin(np.pi * spearman / 6))


def shared_by_reference(values: ArrayLike, references: ArrayLike) -> float:
    """The share of variance that belongs to the reference: intraclass correlation ICC(1), from one-way analysis of

    variance, (MSB - MSW) / (MSB + (m - 1) MSW) with m the mean group size corrected for unequal groups; at least 0.
    """
    x = np.asarray(values, dtype=np.float64)
    index = group_index(references, len(x))
    counts = np.bincount(index).astype(np.float64)
    groups, n = len(counts), len(x)
    if groups < 2 or groups == n:
        raise ValueError(f"variance between references needs at least 2 of several images, got {groups} for {n} images")
    means = np.bincount(index, x) / counts
    between = float(counts @ (means - x.mean()) ** 2) / (groups - 1)
    within = float(np.sum((x - means[index]) ** 2)) / (n - groups)
    size = (n - float(counts @ counts) / n) / (groups - 1)
    total = between + (size - 1) * within
    return max((between - within) / total, 0.0) if total > 0 else 0.0


def possible(better: float, worse: float, between: float) -> bool:
    """Whether two metrics can correlate like that with the opinions and by `between` with each other.

    The better can be at most worse * between + sqrt((1 - worse^2) (1 - between^2)).
    """
    return bool(abs(better - worse * between) < np.sqrt((1 - worse**2) * (1 - between**2)))


def _mixing(better: float, worse: float, between: float) -> Floats:
    """Lower triangular root of the errors' covariance."""
    if not all(-1 < r < 1 for r in (better, worse, between)):
        raise ValueError(f"correlations must lie between -1 and 1, got {better}, {worse} and {between}")
    left = between - better * worse
    covariance = np.array([[1 - better**2, left], [left, 1 - worse**2]])
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"two metrics cannot correlate by {better} and {worse} with the opinions and by {between} with each other"
        ) from None


def _test_sides(sets: int, references: int, splits: int, share: float, generator: np.random.Generator) -> Floats:
    """(sets, splits, references), 1 where a reference is tested on."""
    held = min(max(round(references * share), 1), references - 1)
    order = generator.random((sets, splits, references)).argsort(axis=2)
    return np.asarray(order < held, dtype=np.float64)


def _p_values(y: Floats, a: Floats, b: Floats, sides: Floats, test_share: float) -> dict[str, Floats]:
    """P-values by test, one for each simulated data set of (sets, references, images)."""
    samples = {"y": y, "a": a, "b": b}
    sums = {name: values.sum(axis=2) for name, values in samples.items()}
    for pair in ("yy", "aa", "bb", "ya", "yb", "ab"):
        sums[pair] = np.sum(samples[pair[0]] * samples[pair[1]], axis=2)
    size = y.shape[2]
    references = y.shape[1]

    def r(one: str, two: str, weights: Floats) -> Floats:
        """(sets, rows) correlations on the references that each row of weights (1 or sets, rows, references) counts."""
        n = size * weights.sum(axis=2)
        full = np.broadcast_to(weights, (len(y), *weights.shape[1:]))
        x, z, xx, zz, xz = (np.einsum("sg,srg->sr", sums[of], full) for of in (one, two, one * 2, two * 2, one + two))
        return np.asarray((xz - x * z / n) / np.sqrt((xx - x * x / n) * (zz - z * z / n)))

    every = np.ones((1, 1, references))
    whole = {one + two: r(one, two, every)[:, 0] for one, two in (("y", "a"), ("y", "b"), ("a", "b"))}
    without = every - np.eye(references)
    left_out = np.arctanh(r("y", "a", without)) - np.arctanh(r("y", "b", without))
    deviations = left_out - left_out.mean(axis=1, keepdims=True)
    error = np.sqrt((references - 1) / references * np.sum(deviations**2, axis=1))
    t = (np.arctanh(whole["ya"]) - np.arctanh(whole["yb"])) / error
    over_splits = r("y", "a", sides) - r("y", "b", sides)
    count = sides.shape[1]
    spread = np.sqrt((1 / count + test_share / (1 - test_share)) * over_splits.var(axis=1, ddof=1))
    return {
        "references": 2 * stats.t.sf(np.abs(t), references - 1),
        "williams": _williams(whole["ya"], whole["yb"], whole["ab"], references * size),
        "splits t": 2 * stats.t.sf(np.abs(over_splits.mean(axis=1)) / spread, count - 1),
        "splits wilcoxon": np.asarray(stats.wilcoxon(over_splits, axis=1, method="approx").pvalue),
    }


def _williams(r12: Floats, r13: Floats, r23: Floats, n: int) -> Floats:
    """`dependent.williams` of arrays."""
    k = 1 - r12**2 - r13**2 - r23**2 + 2 * r12 * r13 * r23
    below = 2 * k * (n - 1) / (n - 3) + ((r12 + r13) / 2) ** 2 * (1 - r23) ** 3
    return np.asarray(2 * stats.t.sf(np.abs(r12 - r13) * np.sqrt((n - 1) * (1 + r23) / below), n - 3))
