"""The curve that maps scores to opinions before PLCC and RMSE are taken, and whether its fit can be trusted."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Mapping = Literal["logistic5", "logistic4", "none"]
Form = Literal["logistic5", "logistic4", "line", "constant"]

MAPPINGS: tuple[Mapping, ...] = ("logistic5", "logistic4", "none")
_LEAST = {"logistic5": 6, "logistic4": 5, "none": 2}  # distinct scores: one more than the curve has parameters
_SLOPES = (0.3, 0.6, 1.0, 1.8, 3.0, 6.0, 10.0, 30.0, 100.0, 1000.0)  # of the grid, in units of the scores' spread
_CENTRES = 120  # of the grid, at most: every score and the middle of every gap between two
_STARTS = 2  # at each slope, followed to the end: the best centres that have no better neighbour
_STEPS = 200
_ENOUGH = 1e-10  # relative decrease of the squared error below which a fit has arrived
# Beyond these the curve is a parabola, an exponential or a step to within rounding, and its parameters run away.
_FLATTEST, _STEEPEST, _FARTHEST = 0.02, 1e5, 8.0


@dataclass(frozen=True)
class Fit:
    """A curve from scores to opinions, fitted by least squares.

    form: the curve that was fitted in the end; 'line' or 'constant' where the requested logistic could not be used.
    parameters: b1 to b5 of 'logistic5' (see `fit_logistic`), b1 to b4 of 'logistic4', (slope, intercept) of 'line',
        (mean,) of 'constant'.
    converged: the requested curve was fitted, and no small change of its parameters makes it better.
    monotone: the curve rises or falls throughout the range of the scores. The five-parameter curve need not.
    message: "" for a fit without problems, else a sentence that names the problem.
    """

    form: Form
    parameters: tuple[float, ...]
    converged: bool
    monotone: bool
    message: str

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

    Variable projection with Levenberg and Marquardt's method from the best two centres for each of ten slopes,
    in units in which scale and offset of either variable make no difference. No random numbers are used. The result
    is never worse than the straight line: where the logistic is (the four-parameter curve has no line in it) or where
    there are fewer distinct scores than one more than its parameters, the line is returned, with the reason in
    `message`. Equal scores give the mean.

    Least squares follows outliers: one score of 1e6 among scores of 1 pulls the curve, although the fit arrives.
    """
    x, y = paired(scores, opinions)
    if mapping not in MAPPINGS:
        raise ValueError(f"mapping must be one of {', '.join(MAPPINGS)}, got {mapping!r}")
    distinct = len(np.unique(x))
    if distinct == 1:
        return Fit("constant", (float(y.mean()),), False, False, "all scores are equal: no curve can be fitted")
    scale = _Scale.of(x, y)
    z, v = scale.down(x, y)
    problem = _Separable(z, v, np.ones_like(z), linear=mapping != "logistic4")
    line = scale.line(*_Separable(z, v, np.ones_like(z)).line, mapping == "none", "")
    if mapping == "none":
        return line
    if distinct < _LEAST[mapping]:
        reason = f"{distinct} distinct scores are too few for {mapping}: the straight line was fitted instead"
        return replace(line, message=reason)
    if np.ptp(y) == 0:
        return replace(line, message="all opinions are equal: the straight line was fitted instead")
    found = [problem.refine(start) for start in _starts(z, v, problem.linear)]
    (slope, centre), _, arrived = min(found, key=lambda each: each[1])
    fit = scale.logistic(problem.complete(slope, centre), mapping, arrived, z)
    if not np.sum((y - fit(x)) ** 2) <= np.sum((y - line(x)) ** 2):
        return replace(line, message=f"the straight line fits better than {mapping} and was taken instead")
    if not arrived:
        return replace(fit, message=f"{mapping} was still improving after {_STEPS} steps; the curve reached is used")
    return fit


def refitted(
    scores: Floats, opinions: Floats, fit: Fit, index: NDArray[np.intp], weights: Floats
) -> tuple[Floats, Floats]:
    """PLCC and RMSE of a fit's form, fitted again to each resample, starting from `fit`; see `weighted`.

    This follows the minimum that `fit` found. A search from all starts would now and then jump to another with a few
    resamples' extreme scores, which is not what varies in the curve that is reported.
    """
    scale = _Scale.of(scores, opinions)
    z, v = scale.down(scores, opinions)
    plcc, rmse = np.empty(len(weights)), np.empty(len(weights))
    start = scale.start(fit)
    for row, weight in enumerate(weights):
        w = weight[index]
        total = w.sum()
        if fit.form == "constant":
            predicted = np.full_like(v, w @ v / total)
        elif start is None:
            slope, intercept = _Separable(z, v, w).line
            predicted = slope * z + intercept
        else:
            problem = _Separable(z, v, w, linear=fit.form == "logistic5")
            predicted = _curve(problem.complete(*problem.refine(start)[0]), z)
        q, o = predicted - w @ predicted / total, v - w @ v / total
        spread = np.sqrt((w @ q**2) * (w @ o**2))
        plcc[row] = np.clip(w @ (q * o) / spread, -1, 1) if spread > 1e-9 * total else np.nan
        rmse[row] = np.sqrt(w @ (v - predicted) ** 2 / total) * scale.y_scale
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
    """Units in which scores and opinions have mean 0 and standard deviation 1."""

    x_mean: float
    x_scale: float
    y_mean: float
    y_scale: float

    @classmethod
    def of(cls, x: Floats, y: Floats) -> "_Scale":
        return cls(float(x.mean()), float(x.std()) or 1.0, float(y.mean()), float(y.std()) or 1.0)

    def down(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        return (x - self.x_mean) / self.x_scale, (y - self.y_mean) / self.y_scale

    def line(self, slope: float, intercept: float, converged: bool, message: str) -> Fit:
        slope *= self.y_scale / self.x_scale
        intercept = self.y_mean + intercept * self.y_scale - slope * self.x_mean
        return Fit("line", (slope, intercept), converged, slope != 0, message)

    def logistic(self, p: Floats, form: Form, converged: bool, z: Floats) -> Fit:
        """Published parameters of the curve c tanh(k (z - m)) + d z + e."""
        c, k, m, d, e = (float(value) for value in p)
        centre = self.x_mean + m * self.x_scale
        monotone = _monotone(p, z)
        if form == "logistic4":
            middle, half = self.y_mean + e * self.y_scale, c * self.y_scale
            return Fit(form, (middle + half, middle - half, centre, self.x_scale / (2 * k)), converged, monotone, "")
        slope = d * self.y_scale / self.x_scale
        intercept = self.y_mean + e * self.y_scale - slope * self.x_mean
        b = (2 * c * self.y_scale, 2 * k / self.x_scale, centre, slope, intercept)
        return Fit(form, b, converged, monotone, "")

    def start(self, fit: Fit) -> tuple[float, float] | None:
        """Slope k and centre m of a fit in these units; None where the fit is no logistic."""
        b = fit.parameters
        if fit.form == "logistic4":
            return self.x_scale / (2 * b[3]), (b[2] - self.x_mean) / self.x_scale
        if fit.form == "logistic5":
            return b[1] * self.x_scale / 2, (b[2] - self.x_mean) / self.x_scale
        return None


class _Separable:
    """Weighted least squares of v by c tanh(k (z - m)) + d z + e: only k and m need a search.

    For given k and m the rest is linear (variable projection, Golub & Pereyra 1973). What the line explains is taken
    out of everything first, so that the error is the line's minus what the bend explains: never more.
    """

    def __init__(self, z: Floats, v: Floats, weight: Floats, *, linear: bool = True) -> None:
        self.z, self.v, self.root, self.linear = z, v, np.sqrt(weight), linear
        ones = self.root / np.linalg.norm(self.root)
        slope = self.root * z - ones * (ones @ (self.root * z))
        size = np.linalg.norm(slope)
        flat = size <= 1e-9 * np.linalg.norm(self.root * z)  # a resample of equal scores has no slope
        columns = [ones] if flat or not linear else [ones, slope / size]
        self.basis = np.stack(columns)
        self.rest = self.without_line(self.root * v)
        self.nothing = 1e-20 * float(self.root @ self.root)  # below it a bend is the rounding errors of a line
        self.low, self.high = float(z.min()), float(z.max())
        self.share = (z - self.low) / (self.high - self.low)

    @property
    def line(self) -> tuple[float, float]:
        """Slope and intercept."""
        return self._linear(self.v)

    def without_line(self, column: Floats) -> Floats:
        for _ in range(2):  # twice, against rounding
            column = column - self.basis.T @ (self.basis @ column)
        return column

    def complete(self, k: float, m: float) -> Floats:
        """(c, k, m, d, e), the linear ones as they are best."""
        bend = np.tanh(k * (self.z - m))
        column = self.without_line(self.root * bend)
        square = column @ column
        c = float(column @ self.rest / square) if square > self.nothing else 0.0
        d, e = self._linear(self.v - c * bend)
        return np.array([c, k, m, d, e])

    def errors(self, slopes: Floats, centres: Floats) -> Floats:
        """Squared error at each slope and centre, (slopes, centres)."""
        bends = self.root * np.tanh(slopes[:, None, None] * (self.z - centres[:, None]))
        columns = bends - (bends @ self.basis.T) @ self.basis
        squares = np.sum(columns**2, axis=-1)
        explained = np.divide(
            (columns @ self.rest) ** 2, squares, out=np.zeros_like(squares), where=squares > self.nothing
        )
        return np.asarray(self.rest @ self.rest - explained)

    def _linear(self, values: Floats) -> tuple[float, float]:
        weight = self.root**2
        centre, mean = weight @ self.z / weight.sum(), weight @ values / weight.sum()
        slope = 0.0
        if len(self.basis) > 1:
            slope = weight @ ((self.z - centre) * (values - mean)) / (weight @ (self.z - centre) ** 2)
        return float(slope), float(mean - slope * centre)

    def refine(self, start: tuple[float, float]) -> tuple[tuple[float, float], float, bool]:
        """Levenberg and Marquardt's method: (k, m), squared error, whether it arrived.

        It moves the two ends of tanh's argument, k (low - m) and k (high - m), in which the bounds are a box.
        """
        point = self._within(start[0] * np.array([self.low - start[1], self.high - start[1]]))
        residual, jacobian = self._at(point)
        error, damping, arrived = float(residual @ residual), 1e-3, False
        for _ in range(_STEPS):
            normal, gradient = jacobian @ jacobian.T, jacobian @ residual
            size = np.sqrt(np.maximum(np.diag(normal), 1e-12 * np.trace(normal) + 1e-200))
            normal, gradient = normal / np.outer(size, size), gradient / size
            new, tried = np.inf, point
            while new > error and damping < 1e10:
                step = np.linalg.solve(normal + damping * np.eye(2), gradient) / size
                tried = self._within(point + step)
                if np.any(stuck := (tried == point)):  # at a bound: the other end moves alone
                    step = np.where(stuck, 0, gradient / size / (1 + damping))
                    tried = self._within(point + step)
                residual, jacobian = self._at(tried)
                new = float(residual @ residual)
                damping *= 10
            arrived = not error - new > _ENOUGH * error
            if arrived:
                break
            point, error, damping = tried, new, max(damping / 50, 1e-9)
        k = (point[1] - point[0]) / (self.high - self.low)
        return (float(k), float(self.low - point[0] / k)), error, arrived

    def _at(self, point: Floats) -> tuple[Floats, Floats]:
        """Residual and its derivatives by the two ends, without the terms of c (Kaufman 1975)."""
        bend = np.tanh(point[0] + (point[1] - point[0]) * self.share)
        column = self.without_line(self.root * bend)
        square = column @ column
        if not square > self.nothing:
            return self.rest, np.zeros((2, len(self.z)))
        c = column @ self.rest / square
        rise = c * self.root * (1 - bend * bend)
        jacobian = np.stack([rise * (1 - self.share), rise * self.share])
        jacobian -= (jacobian @ self.basis.T) @ self.basis
        jacobian -= np.outer(jacobian @ column / square, column)
        return self.rest - c * column, jacobian

    @staticmethod
    def _within(ends: Floats) -> Floats:
        first, last = min(ends[0], _FARTHEST), max(ends[1], -_FARTHEST)
        middle, half = (first + last) / 2, np.clip(last - first, _FLATTEST, _STEEPEST) / 2
        return (
            ends
            if (first, last) == tuple(ends) and last - first == 2 * half
            else np.array([middle - half, middle + half])
        )


def _curve(p: Floats, z: Floats) -> Floats:
    return np.asarray(p[0] * np.tanh(p[1] * (z - p[2])) + p[3] * z + p[4])


def _starts(z: Floats, v: Floats, linear: bool) -> list[tuple[float, float]]:
    """Slopes and centres of a grid, the most promising first: the best two centres for every slope.

    The error has several minima, and the best points of a grid often lie around one of them. A steep curve is found
    only from the score, or the gap between scores, where it rises.
    """
    if len(z) > 1000:  # a choice of starts needs no more
        keep = np.argsort(z, kind="stable")[np.linspace(0, len(z) - 1, 1000).astype(np.intp)]
        z, v = z[keep], v[keep]
    spread = float(np.subtract(*np.quantile(z, [0.84, 0.16]))) / 2
    slopes = np.array(_SLOPES) / (spread or 1.0)
    distinct = np.unique(z)
    centres = np.sort(np.append(distinct, (distinct[1:] + distinct[:-1]) / 2))
    if len(centres) > _CENTRES:
        centres = centres[np.linspace(0, len(centres) - 1, _CENTRES).astype(np.intp)]
    errors = _Separable(z, v, np.ones_like(z), linear=linear).errors(slopes, centres)
    padded = np.pad(errors, ((0, 0), (1, 1)), constant_values=np.inf)
    valleys = np.where((errors <= padded[:, :-2]) & (errors <= padded[:, 2:]), errors, np.inf)
    best = np.argsort(valleys, axis=1, kind="stable")[:, :_STARTS]
    found = [(slope, centre) for slope, row in enumerate(best) for centre in row if np.isfinite(valleys[slope, centre])]
    found.sort(key=lambda place: float(errors[place]))
    return [(float(slopes[slope]), float(centres[centre])) for slope, centre in found]


def _monotone(p: Floats, z: Floats) -> bool:
    """True if the slope c k / cosh^2(k (z - m)) + d keeps its sign between the smallest and the largest score."""
    where = np.append(np.clip(p[2], z.min(), z.max()), [z.min(), z.max()])  # its extremes
    slope = p[0] * p[1] * (1 - np.tanh(p[1] * (where - p[2])) ** 2) + p[3]
    return bool(np.all(slope >= 0) or np.all(slope <= 0))
