"""The curve that maps scores to opinions before PLCC and RMSE are taken, and whether its fit can be trusted."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from replication.evaluation.logistic_search import STEPS, Best, Floats, Search, starts, step_starts

Mapping = Literal["logistic5", "logistic4", "none"]
Form = Literal["logistic5", "logistic4", "line", "constant"]

MAPPINGS: tuple[Mapping, ...] = ("logistic5", "logistic4", "none")
_LEAST = {"logistic5": 6, "logistic4": 5, "none": 2}  # distinct scores: one more than the curve has parameters
_STARTS = 12  # starts followed; all of them where the best two do not agree
_NEAR = 1e-5  # relative decrease of the squared error below which a start is left, before the best one is refined
_SAME = 1e-3  # relative difference of RMSE below which two starts have led to the same curve
_EXACT = 1e-12  # mean squared error, in units of the opinions' variance, of a fit that is exact but for rounding


@dataclass(frozen=True)
class Fit:
    """A curve from scores to opinions, fitted by least squares.

    form: the curve that was fitted in the end; 'line' or 'constant' where the requested logistic could not be used.
    parameters: b1 to b5 of 'logistic5' (see `fit_logistic`), b1 to b4 of 'logistic4', (slope, intercept) of 'line',
        (mean,) of 'constant'.
    converged: the requested curve was fitted, no small change of its parameters makes it better, and a second start
        led to an RMSE within 0.1 % of it.
    monotone: the curve rises or falls throughout the range of the scores, as every curve but a constant does here.
    message: "" for a fit without problems, else a sentence that names the problem.
    at_bound: the bounds that the curve lies at: 'flat end' or 'flat middle' (it would turn back there if it could),
        'step' (it bends between two neighbouring scores, so that its steepness is arbitrary),
        'flattest' (a parabola or cubic), 'centre' (far outside the scores: an exponential).
    """

    form: Form
    parameters: tuple[float, ...]
    converged: bool
    monotone: bool
    message: str
    at_bound: tuple[str, ...] = ()

    def __call__(self, scores: ArrayLike) -> Floats:
        """Opinions that the curve predicts for scores of any shape."""
        x = np.asarray(scores, dtype=np.float64)
        b = self.parameters
        if self.form == "constant":
            return np.full(x.shape, b[0])
        if self.form == "line":
            return np.asarray(b[0] * x + b[1])
        if self.form == "logistic4":
            return np.asarray((b[0] + b[1]) / 2 + (b[0] - b[1]) / 2 * np.tanh((x - b[2]) / (2 * b[3])))
        return np.asarray(b[0] / 2 * np.tanh(b[1] * (x - b[2]) / 2) + b[3] * x + b[4])


def fit_logistic(scores: ArrayLike, opinions: ArrayLike, mapping: Mapping = "logistic5") -> Fit:
    """Least-squares curve from scores to opinions.

    scores, opinions: n finite numbers each, n >= 2, on any scale and in either direction.
    mapping:
        'logistic5' (Sheikh, Sabir & Bovik 2006, eq. 8): q(x) = b1 (1/2 - 1 / (1 + exp(b2 (x - b3)))) + b4 x + b5;
        'logistic4' (VQEG 2000): q(x) = (b1 - b2) / (1 + exp(-(x - b3) / b4)) + b2, b4 > 0;
        'none': the straight line, which leaves Pearson's correlation as it is.

    The curve is the best among those that are monotone from the lowest to the highest score, in the direction of
    Spearman's correlation. (Unconstrained, 'logistic5' may turn back there, and then gives a larger PLCC for a mapping
    that changes the order of the images.) Write the curve as c tanh(k (x - m)) + d x + e with k > 0, c and d of either
    sign. Its slope c k s(x) + d, s = 1 / cosh^2(k (x - m)), is linear in s. s falls on both sides of m, so that in the
    range it is smallest at the end farther from m and largest at the point nearest to m: the curve rises throughout if
    and only if its slope is >= 0 at these two points. These are two linear conditions on (c, d). The squared
    error is convex in (c, d, e); where its minimum breaks a condition, the constrained minimum is at equality in one of
    them: a curve whose slope is zero at the farther end or at the nearest point, found by least squares as well.
    A falling curve is a rising one of negated opinions. 'logistic4' is monotone as it is, with the direction free.

    The search is variable projection with Levenberg and Marquardt's method, in units in which scale and offset of
    either variable make no difference. It starts from the best 12 of two centres for each of ten slopes, or from all 20
    where no two of those agree; where the best curve is a step, also from the best 8 of steps between and beside any
    two neighbouring scores. No random numbers are used. In 240 noisy sets of 8 to 59 points no RMSE is above
    the best of scipy's searches from many starts by more than one part in ten million.

    The result is never worse than the straight line. The line is returned, with the reason in `message`, where it is
    better (the four-parameter curve has no line in it; Pearson's correlation may have the other sign than Spearman's)
    or where there are fewer distinct scores than one more than the curve's parameters. Equal scores give the mean.

    Least squares follows outliers: one score of 1e6 among scores of 1 pulls the curve, although the fit arrives.
    """
    x, y = paired(scores, opinions)
    if mapping not in MAPPINGS:
        raise ValueError(f"mapping must be one of {', '.join(MAPPINGS)}, got {mapping!r}")
    distinct = len(np.unique(x))
    if distinct == 1:
        return Fit("constant", (float(y.mean()),), False, False, "all scores are equal: no curve can be fitted")
    scale = _Scale.of(x, y, _direction(x, y))
    z, v = scale.down(x, y)
    problem = Search(z, v, np.ones_like(z), linear=mapping != "logistic4")
    line = scale.line(*Search(z, v, np.ones_like(z)).line, mapping == "none", "")
    if mapping == "none":
        return line
    if distinct < _LEAST[mapping]:
        reason = f"{distinct} distinct scores are too few for {mapping}: the straight line was fitted instead"
        return replace(line, message=reason)
    if np.ptp(y) == 0:
        return replace(line, message="all opinions are equal: the straight line was fitted instead")
    found: list[Best] = []
    for start in starts(problem):
        found.append(problem.search(start, _NEAR)[0])
        found.sort(key=_error)
        agreed = _same(found, len(z))
        if agreed and len(found) >= _STARTS:
            break
    if "step" in problem.at_bound(found[0]):
        found = sorted([*found, *(problem.search(start, _NEAR)[0] for start in step_starts(problem))], key=_error)
        agreed = _same(found, len(z))
    best, arrived = problem.search((found[0].p[1], found[0].p[2]))
    fit = scale.logistic(best, mapping, arrived and agreed, problem.at_bound(best))
    if not np.sum((y - fit(x)) ** 2) <= np.sum((y - line(x)) ** 2):
        return replace(line, message=f"the straight line fits better than {mapping} and was taken instead")
    if not arrived:
        return replace(fit, message=f"{mapping} was still improving after {STEPS} steps; the curve reached is used")
    if not agreed:
        return replace(fit, message=f"no two of {len(found)} starts led to the same {mapping}; the best one is used")
    return fit


def _error(curve: Best) -> float:
    return curve.error


def _same(found: list[Best], number: int) -> bool:
    """True if the best two of the curves found, best first, fit the same number of points equally well."""
    return len(found) > 1 and found[1].error <= found[0].error * (1 + _SAME) ** 2 + _EXACT * number


def refitted(
    scores: Floats, opinions: Floats, fit: Fit, index: NDArray[np.intp], weights: Floats
) -> tuple[Floats, Floats]:
    """PLCC and RMSE of a fit's form, fitted again to each resample, starting from `fit`; see `weighted`.

    This follows the minimum that `fit` found. A search from all starts would now and then jump to another with a few
    resamples' extreme scores, which is not what varies in the curve that is reported.
    """
    ends = fit([scores.min(), scores.max()])
    scale = _Scale.of(scores, opinions, 1 if ends[1] >= ends[0] else -1)
    z, v = scale.down(scores, opinions)
    plcc, rmse = np.empty(len(weights)), np.empty(len(weights))
    start = scale.start(fit)
    for row, weight in enumerate(weights):
        w = weight[index]
        total = w.sum()
        if fit.form == "constant":
            predicted = np.full_like(v, w @ v / total)
        elif start is None:
            slope, intercept = Search(z, v, w).line
            predicted = slope * z + intercept
        else:
            best, _ = Search(z, v, w, linear=fit.form == "logistic5").search(start)
            predicted = best(z)
        q, o = predicted - w @ predicted / total, v - w @ v / total
        spread = np.sqrt((w @ q**2) * (w @ o**2))
        plcc[row] = np.clip(w @ (q * o) / spread, -1, 1) if spread > 1e-9 * total else np.nan
        rmse[row] = np.sqrt(w @ (v - predicted) ** 2 / total) * abs(scale.y_scale)
    return plcc, rmse


def paired(scores: ArrayLike, opinions: ArrayLike, least: int = 2) -> tuple[Floats, Floats]:
    """Both as float64 arrays (n,) of finite numbers, or a ValueError that names the problem."""
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(opinions, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"scores and opinions must be two arrays of one length, got shapes {x.shape} and {y.shape}")
    if len(x) < least:
        raise ValueError(f"at least {least} scores are needed, got {len(x)}")
    for name, values in (("scores", x), ("opinions", y)):
        if wrong := np.sum(~np.isfinite(values)):
            raise ValueError(f"{wrong} of the {name} are not finite; leave those images out of scores and opinions")
    return x, y


@dataclass(frozen=True)
class _Scale:
    """Units in which scores and opinions have mean 0 and standard deviation 1, and opinions rise with the scores."""

    x_mean: float
    x_scale: float
    y_mean: float
    y_scale: float  # negative where opinions fall

    @classmethod
    def of(cls, x: Floats, y: Floats, direction: int) -> "_Scale":
        return cls(float(x.mean()), float(x.std()) or 1.0, float(y.mean()), direction * (float(y.std()) or 1.0))

    def down(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return (x - self.x_mean) / self.x_scale, (y - self.y_mean) / self.y_scale

    def line(self, slope: float, intercept: float, converged: bool, message: str) -> Fit:
        slope *= self.y_scale / self.x_scale
        intercept = self.y_mean + intercept * self.y_scale - slope * self.x_mean
        return Fit("line", (slope, intercept), converged, slope != 0, message)

    def logistic(self, best: Best, form: Form, converged: bool, at_bound: tuple[str, ...]) -> Fit:
        """Published parameters of the curve c tanh(k (z - m)) + d z + e."""
        c, k, m, d, e = best.p
        centre = self.x_mean + m * self.x_scale
        monotone = c != 0 or d != 0
        if form == "logistic4":
            middle, half = self.y_mean + e * self.y_scale, c * self.y_scale
            b4 = (middle + half, middle - half, centre, self.x_scale / (2 * k))
            return Fit(form, b4, converged, monotone, "", at_bound)
        slope = d * self.y_scale / self.x_scale
        intercept = self.y_mean + e * self.y_scale - slope * self.x_mean
        b = (2 * c * self.y_scale, 2 * k / self.x_scale, centre, slope, intercept)
        return Fit(form, b, converged, monotone, "", at_bound)

    def start(self, fit: Fit) -> tuple[float, float] | None:
        """Slope k and centre m of a fit in these units; None where the fit is no logistic."""
        b = fit.parameters
        if fit.form == "logistic4":
            return self.x_scale / (2 * b[3]), (b[2] - self.x_mean) / self.x_scale
        if fit.form == "logistic5":
            return b[1] * self.x_scale / 2, (b[2] - self.x_mean) / self.x_scale
        return None


def _direction(x: Floats, y: Floats) -> int:
    """1 or -1, the sign of Spearman's correlation; Pearson's where that is 0, and 1 where both are."""
    for first, second in ((stats.rankdata(x), stats.rankdata(y)), (x, y)):
        if (product := float((first - first.mean()) @ (second - second.mean()))) != 0:
            return 1 if product > 0 else -1
    return 1
