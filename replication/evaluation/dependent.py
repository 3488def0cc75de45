"""Two metrics against the same opinions: is the difference of their correlations more than chance?

Which test holds when (false alarms at 5 %, both metrics equally good, 2,000 data sets each):
- Images independent, all normal, Pearson's r: `williams` and `meng` 4.4 to 5.7 %.
- The same with Spearman's rho in place of r: 5.6 % where rho is .5, 8 % at .8, 9 % at .9. Ranks near the top vary more
  than the normal theory of r allows; 95 % intervals of `zou` cover 94, 92 and 91 % in these cases.
- Images in groups of one reference, with an offset of each metric for each reference: `williams` and `meng` then count
  images that are not independent. 25 references of 20 images, offsets as large as the noise: 17 % (r) and 22 % (rho).
  `compare_correlations` resamples references and has 4 to 6 % in all of these.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from replication.evaluation import weighted
from replication.evaluation.clusters import Resamples, check_options, resample
from replication.evaluation.intervals import Interval
from replication.evaluation.logistic import fit_logistic, paired

Floats = NDArray[np.float64]
Coefficient = Literal["srcc", "krcc", "plcc", "pearson"]


class CorrelationTest(NamedTuple):
    """A statistic and its two-sided p-value; NaN where it is not defined."""

    statistic: float
    p_value: float


def williams(r12: float, r13: float, r23: float, n: int) -> CorrelationTest:
    """Williams' (1959) t test of rho12 = rho13, in the form Steiger (1980, eq. 7) recommends; t with n - 3 degrees.

    t = (r12 - r13) sqrt((n - 1) (1 + r23) / (2 K (n - 1) / (n - 3) + m^2 (1 - r23)^3)),
    K = 1 - r12^2 - r13^2 - r23^2 + 2 r12 r13 r23,  m = (r12 + r13) / 2.
    1 is the opinions, 2 and 3 the metrics. For n independent items and joint normality: see the module's text.
    """
    _check(r12, r13, r23, n)
    if r12 == r13:
        return CorrelationTest(0.0, 1.0)
    k = max(1 - r12**2 - r13**2 - r23**2 + 2 * r12 * r13 * r23, 0.0)
    below = 2 * k * (n - 1) / (n - 3) + ((r12 + r13) / 2) ** 2 * (1 - r23) ** 3
    t = (r12 - r13) * np.sqrt((n - 1) * (1 + r23) / below) if below > 0 else np.nan
    return CorrelationTest(float(t), float(2 * stats.t.sf(abs(t), n - 3)))


def meng(r12: float, r13: float, r23: float, n: int) -> CorrelationTest:
    """Meng, Rosenthal & Rubin's (1992) z test of rho12 = rho13.

    z = (atanh r12 - atanh r13) sqrt((n - 3) / (2 (1 - r23) h)),  h = (1 - f s) / (1 - s),
    s = (r12^2 + r13^2) / 2,  f = min(1, (1 - r23) / (2 (1 - s))). Assumptions as for `williams`.
    """
    _check(r12, r13, r23, n)
    if r12 == r13:
        return CorrelationTest(0.0, 1.0)
    if max(abs(r12), abs(r13), r23) >= 1:
        return CorrelationTest(float("nan"), float("nan"))
    square = (r12**2 + r13**2) / 2
    f = min(1.0, (1 - r23) / (2 * (1 - square)))
    h = (1 - f * square) / (1 - square)
    z = (np.arctanh(r12) - np.arctanh(r13)) * np.sqrt((n - 3) / (2 * (1 - r23) * h))
    return CorrelationTest(float(z), float(2 * stats.norm.sf(abs(z))))


def zou(r12: float, r13: float, r23: float, n: int, confidence: float = 0.95) -> Interval:
    """Zou's (2007) interval of rho12 - rho13, from the Fisher intervals (l, u) of both and their correlation c.

    low = d - sqrt((r12 - l12)^2 + (u13 - r13)^2 - 2 c (r12 - l12) (u13 - r13)), high likewise,
    c = ((r23 - r12 r13 / 2) (1 - r12^2 - r13^2 - r23^2) + r23^3) / ((1 - r12^2) (1 - r13^2)).
    Assumptions as for `williams`.
    """
    _check(r12, r13, r23, n)
    check_options(confidence, "bca")
    difference = r12 - r13
    if max(abs(r12), abs(r13)) >= 1:
        return Interval(difference, float("nan"), float("nan"))
    half = stats.norm.ppf((1 + confidence) / 2) / np.sqrt(n - 3)
    low12, high12 = np.tanh(np.arctanh(r12) - half), np.tanh(np.arctanh(r12) + half)
    low13, high13 = np.tanh(np.arctanh(r13) - half), np.tanh(np.arctanh(r13) + half)
    c = ((r23 - r12 * r13 / 2) * (1 - r12**2 - r13**2 - r23**2) + r23**3) / ((1 - r12**2) * (1 - r13**2))

    def reach(a: float, b: float) -> float:
        return float(np.sqrt(max(a * a + b * b - 2 * c * a * b, 0.0)))

    return Interval(
        difference,
        difference - reach(r12 - low12, high13 - r13),
        difference + reach(high12 - r12, r13 - low13),
    )


class Equivalence(NamedTuple):
    """Two one-sided tests: p_value is the larger of the two, small where the data support |difference| < margin."""

    lower: float
    upper: float
    p_value: float


def tost(difference: float, standard_error: float, degrees: float, margin: float) -> Equivalence:
    """Equivalence within a margin (Schuirmann 1987): t tests of difference <= -margin and of difference >= margin.

    Calling two metrics equivalent where p_value < alpha errs in at most alpha of cases. The same as `same_within` of an
    interval of confidence 1 - 2 alpha.
    """
    if not margin > 0:
        raise ValueError(f"the margin must be positive, got {margin}")
    if not (standard_error >= 0 and degrees > 0):
        raise ValueError(f"the standard error and its degrees must be positive, got {standard_error} and {degrees}")
    if standard_error == 0:
        lower, upper = float(difference <= -margin), float(difference >= margin)
    else:
        lower = float(stats.t.sf((difference + margin) / standard_error, degrees))
        upper = float(stats.t.cdf((difference - margin) / standard_error, degrees))
    return Equivalence(lower, upper, max(lower, upper))


@dataclass(frozen=True)
class CorrelationDifference:
    """Metric a against metric b on the same images, differences a - b of coefficients turned so that more is better.

    a, b: the coefficients. difference: with its interval. standard_error: of the bootstrap over references, widened by
    sqrt(g / (g - 1)). degrees: references - 1. p_value: two-sided, t. effect: Cohen's q = atanh a - atanh b.
    better: share of resampled sets of references on which a is ahead, ties half.
    """

    a: float
    b: float
    difference: Interval
    standard_error: float
    degrees: int
    p_value: float
    effect: float
    better: float


def compare_correlations(
    a: ArrayLike,
    b: ArrayLike,
    opinions: ArrayLike,
    *,
    references: ArrayLike | None = None,
    coefficient: Coefficient = "srcc",
    higher_is_better: tuple[bool | None, bool | None] = (None, None),
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> CorrelationDifference:
    """Difference of the correlations of two metrics with the same opinions, resampling whole references.

    a, b: scores (n,). references: n labels; without them images count as independent. coefficient: 'plcc' is after the
    five-parameter logistic, fitted once to all images; 'pearson' is of the scores as they are. higher_is_better: of
    a and b; None turns each so that its correlation over all images is positive.

    p and interval come from t = difference / standard error with references - 1 degrees. Measured false alarms at
    5 %, 25 references of 10 or 20 images and 80 of 10, with small and large offsets per reference, 1,000 to 1,500 data
    sets each: 5.0 to 5.7 %. Intervals by percentiles gave 5 to 7 %, BCa 6 to 8 %; hence this one.
    """
    x, y = paired(a, opinions, least=4)
    z, _ = paired(b, opinions, least=4)
    check_options(confidence, "bca")
    samples = resample(references, len(y), resamples, seed)
    one, two = (
        coefficients_of(scores, y, samples, coefficient, higher)
        for scores, higher in zip((x, z), higher_is_better, strict=True)
    )
    return difference_of(one, two, samples.groups, confidence)


def coefficients_of(
    scores: Floats, opinions: Floats, samples: Resamples, coefficient: Coefficient, higher_is_better: bool | None
) -> Floats:
    """The coefficient over all images, then over each resample, turned so that more is better."""
    functions: dict[str, Callable[..., Floats]] = {
        "srcc": weighted.spearman,
        "krcc": weighted.kendall,
        "plcc": weighted.pearson,
        "pearson": weighted.pearson,
    }
    if coefficient not in functions:
        raise ValueError(f"coefficient must be one of {', '.join(functions)}, got {coefficient!r}")
    values = fit_logistic(scores, opinions)(scores) if coefficient == "plcc" else scores
    weights = np.vstack([np.ones((1, samples.groups)), samples.drawn])
    found = functions[coefficient](values, opinions, samples.index, weights)
    falling = found[0] < 0 if higher_is_better is None or coefficient == "plcc" else not higher_is_better
    return -found if falling else found


def difference_of(one: Floats, two: Floats, groups: int, confidence: float) -> CorrelationDifference:
    """Difference of two rows of `coefficients_of` on the same resamples."""
    estimate = float(one[0] - two[0])
    drawn = (one - two)[1:]
    drawn = drawn[np.isfinite(drawn)]
    nan = float("nan")
    if not np.isfinite(estimate) or len(drawn) < 0.9 * (len(one) - 1):
        return CorrelationDifference(
            float(one[0]), float(two[0]), Interval(estimate, nan, nan), nan, groups - 1, nan, nan, nan
        )
    error = float(drawn.std(ddof=1) * np.sqrt(groups / (groups - 1)))
    half = stats.t.ppf((1 + confidence) / 2, groups - 1) * error
    p_value = float(2 * stats.t.sf(abs(estimate) / error, groups - 1)) if error > 0 else float(estimate == 0)
    return CorrelationDifference(
        float(one[0]),
        float(two[0]),
        Interval(estimate, estimate - half, estimate + half),
        error,
        groups - 1,
        p_value,
        float(np.arctanh(one[0]) - np.arctanh(two[0])) if max(abs(one[0]), abs(two[0])) < 1 else nan,
        float(np.mean(drawn > 0) + np.mean(drawn == 0) / 2),
    )


def _check(r12: float, r13: float, r23: float, n: int) -> None:
    if not all(-1 <= r <= 1 for r in (r12, r13, r23)):
        raise ValueError(f"correlations must lie between -1 and 1, got {r12}, {r13} and {r23}")
    if n < 4:
        raise ValueError(f"comparing two correlations needs at least 4 items, got {n}")
