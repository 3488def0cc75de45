"""Search for the rising curve c tanh(k (z - m)) + d z + e that is nearest to given points; see `logistic`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SLOPES = (0.3, 0.6, 1.0, 1.8, 3.0, 6.0, 10.0, 30.0, 100.0, 1000.0)  # of the grid, in units of the scores' spread
_CENTRES = 120  # of the grid, at most: every score and the middle of every gap between two
_AT_EACH_SLOPE = 2  # starts: the best centres that have no better neighbour
_SCREENED = 300  # scores that the choice of starts looks at
_STEP_SLOPES = np.array([0.3, 1.0, 3.0])  # of steps, in units of one over the gap between two scores
_STEP_CENTRES = (-1.0, -0.3, 0.0, 0.3, 0.5, 0.7, 1.0, 1.3, 2.0)  # in gaps from the first of the two
_STEPS_FOLLOWED = 8
_AT_A_TIME = 512  # curves, which bounds memory
STEPS = 200
_ENOUGH = 1e-10  # relative decrease of the squared error below which a fit has arrived
# Beyond these the curve is a parabola, an exponential or a step to within rounding, and its parameters run away.
_FLATTEST, _STEEPEST, _FARTHEST = 0.02, 1e5, 8.0


@dataclass(frozen=True)
class Best:
    """The best monotone curve of one slope and centre.

    p: (c, k, m, d, e). residual: (n,), weighted. jacobian: (2, n), minus the residual's derivatives by the two ends of
    tanh's argument. flat: 'end' or 'middle', where the curve would turn back if it could; '' where it would not.
    """

    p: tuple[float, float, float, float, float]
    residual: Floats
    jacobian: Floats
    flat: str

    def __call__(self, z: Floats) -> Floats:
        c, k, m, d, e = self.p
        return np.asarray(c * np.tanh(k * (z - m)) + d * z + e)

    @property
    def error(self) -> float:
        return float(self.residual @ self.residual)


class Search:
    """Weighted least squares of v by rising curves c tanh(k (z - m)) + d z + e: only k and m need a search.

    For given k and m the rest is linear (variable projection, Golub & Pereyra 1973). What the line explains is taken
    out of everything first, so that the error is the line's minus what the bend explains. Where that curve turns back,
    the best rising one is flat in one point (see `fit_logistic`), and only its height and offset are free.
    """

    def __init__(self, z: Floats, v: Floats, weight: Floats, *, linear: bool = True) -> None:
        self.z, self.v, self.root, self.linear = z, v, np.sqrt(weight), linear
        ones = self.root / np.linalg.norm(self.root)
        self.low, self.high = float(z.min()), float(z.max())
        self.share = (z - self.low) / (self.high - self.low)
        slope = self.root * z - ones * (ones @ (self.root * z))
        self.size = float(np.linalg.norm(slope))
        flat = self.size <= 1e-9 * np.linalg.norm(self.root * z)  # a resample of equal scores has no slope
        self.basis = np.stack([ones] if flat or not linear else [ones, slope / self.size])
        self.rest = self._without(self.root * v, self.basis)
        self.nothing = 1e-20 * float(self.root @ self.root)  # below it a bend is the rounding errors of a line
        self.rest_of_mean = self._without(self.root * v, self.basis[:1])

    @property
    def line(self) -> tuple[float, float]:
        """Slope and intercept."""
        slope = self._slope(self.v)
        return slope, self._offset(self.v - slope * self.z)

    def _slope(self, values: Floats) -> float:
        return float(self.basis[1] @ (self.root * values)) / self.size if len(self.basis) > 1 else 0.0

    def _offset(self, values: Floats) -> float:
        return float(self.root**2 @ values / (self.root @ self.root))

    @staticmethod
    def _without(column: Floats, basis: Floats) -> Floats:
        for _ in range(2):  # twice, against rounding
            column = column - basis.T @ (basis @ column)
        return column

    def best(self, ends: Floats) -> Best:
        """The best rising curve whose tanh's argument goes from ends[0] at the lowest score to ends[1] at the highest.

        The jacobian leaves out the terms of the linear parameters' changes (Kaufman 1975).
        """
        width = float(ends[1] - ends[0])
        k = width / (self.high - self.low)
        bend = np.tanh(ends[0] + width * self.share)
        rise = np.stack([(1 - bend * bend) * (1 - self.share), (1 - bend * bend) * self.share])
        c, residual, jacobian = self._height(bend, rise, self.basis, self.rest)
        d, flat = self._slope(self.v - c * bend), ""
        far = ends[int(abs(ends[1]) > abs(ends[0]))]
        near = min(max(0.0, ends[0]), ends[1])
        if self.linear and min(c * k * _sech2(far), c * k * _sech2(near)) + d < 0:
            c, d, residual, jacobian = 0.0, 0.0, self.rest_of_mean, np.zeros_like(jacobian)
            for sign, where, name in ((1, far, "end"), (-1, near, "middle")):
                least = _sech2(where)
                column = bend - width * least * self.share
                change = -2 * np.tanh(where) * least * width * (ends == where)
                by_ends = rise + np.outer(np.array([least, -least]) - change, self.share)
                height, left, slopes = self._height(column, by_ends, self.basis[:1], self.rest_of_mean)
                if sign * height > 0 and left @ left < residual @ residual:
                    c, d, residual, jacobian, flat = height, float(-height * k * least), left, slopes, name
        e = self._offset(self.v - c * bend - d * self.z)
        return Best((c, k, float(self.low - ends[0] / k), d, e), residual, jacobian, flat)

    def _height(self, values: Floats, change: Floats, basis: Floats, rest: Floats) -> tuple[float, Floats, Floats]:
        """The factor of a column, the residual it leaves, and minus the residual's derivatives."""
        column = self._without(self.root * values, basis)
        square = column @ column
        if not square > self.nothing:
            return 0.0, rest, np.zeros_like(change)
        c = float(column @ rest / square)
        jacobian = c * self.root * change
        jacobian -= (jacobian @ basis.T) @ basis
        jacobian -= np.outer(jacobian @ column / square, column)
        return c, rest - c * column, jacobian

    def ends(self, start: tuple[float, float]) -> Floats:
        return start[0] * np.array([self.low - start[1], self.high - start[1]])

    def search(self, start: tuple[float, float], enough: float = _ENOUGH) -> tuple[Best, bool]:
        """The best curve reached from slope k and centre m, and whether the search arrived.

        enough: relative decrease of the squared error in a step below which it has.

        A curve that is flat at both ends has its centre in the middle, where the error has a crease that a search in
        two directions cannot follow: it is searched on its own.
        """
        found = self._descend(self.ends(start), np.eye(2), enough)
        if found[0].flat == "end":
            half = found[0].p[1] * (self.high - self.low) / 2
            level = self._descend(np.array([-half, half]), np.array([[-1.0, 1.0]]), enough)
            found = min(found, level, key=lambda each: each[0].error)
        return found

    def _descend(self, ends: Floats, moves: Floats, enough: float) -> tuple[Best, bool]:
        """Levenberg and Marquardt's method along the rows of `moves`, directions of the ends."""
        point, damping, arrived = self._within(ends), 1e-3, False
        now = self.best(point)
        for _ in range(STEPS):
            jacobian = moves @ now.jacobian
            normal, gradient = jacobian @ jacobian.T, jacobian @ now.residual
            size = np.sqrt(np.maximum(np.diag(normal), 1e-12 * np.trace(normal) + 1e-200))
            normal, gradient = normal / np.outer(size, size), gradient / size
            new, tried = now, point
            while damping < 1e10:
                step = moves.T @ (np.linalg.solve(normal + damping * np.eye(len(moves)), gradient) / size)
                tried = self._within(point + step)
                if len(moves) == 2 and np.any(stuck := (tried == point)):  # at a bound: the other end moves alone
                    tried = self._within(point + np.where(stuck, 0, gradient / size / (1 + damping)))
                new = self.best(tried)
                damping *= 10
                if new.error <= now.error:
                    break
            arrived = not now.error - new.error > enough * now.error
            if arrived:
                break
            point, now, damping = tried, new, max(damping / 50, 1e-9)
        return now, arrived

    def at_bound(self, best: Best) -> tuple[str, ...]:
        """Names of the bounds that a curve lies at, as in `Fit`."""
        _, k, m, _, _ = best.p
        first, last = k * (self.low - m), k * (self.high - m)
        near = 1 - 1e-6
        reached = {
            f"flat {best.flat}": bool(best.flat),
            "step": last - first >= near * _STEEPEST or (np.sum(np.abs(k * (self.z - m)) < 4) < 2 and first < 0 < last),
            "flattest": last - first <= _FLATTEST / near,
            "centre": first >= near * _FARTHEST or last <= -near * _FARTHEST,
        }
        return tuple(name for name, yes in reached.items() if yes)

    @staticmethod
    def _within(ends: Floats) -> Floats:
        first, last = min(ends[0], _FARTHEST), max(ends[1], -_FARTHEST)
        half = np.clip(last - first, _FLATTEST, _STEEPEST) / 2
        if (first, last) == tuple(ends) and last - first == 2 * half:
            return ends
        middle = np.clip((first + last) / 2, -_FARTHEST - half, _FARTHEST + half)
        return np.array([middle - half, middle + half])


def starts(problem: Search) -> list[tuple[float, float]]:
    """Slopes and centres of a grid, the most promising first: the best two centres for every slope.

    The error has several minima, and the best points of a grid often lie around one of them. A steep curve is found
    only from the score, or the gap between scores, where it rises.
    """
    z, v = problem.z, problem.v
    if len(z) > _SCREENED:
        chosen = np.argsort(z, kind="stable")[np.linspace(0, len(z) - 1, _SCREENED).astype(np.intp)]
        z, v = z[chosen], v[chosen]
    spread = float(np.subtract(*np.quantile(z, [0.84, 0.16]))) / 2
    slopes = np.array(_SLOPES) / (spread or 1.0)
    distinct = np.unique(z)
    centres = np.sort(np.append(distinct, (distinct[1:] + distinct[:-1]) / 2))
    if len(centres) > _CENTRES:
        centres = centres[np.linspace(0, len(centres) - 1, _CENTRES).astype(np.intp)]
    errors = _screen(z, v, slopes[:, None], centres, linear=problem.linear)
    padded = np.pad(errors, ((0, 0), (1, 1)), constant_values=np.inf)
    valleys = np.where((errors <= padded[:, :-2]) & (errors <= padded[:, 2:]), errors, np.inf)
    best = np.argsort(valleys, axis=1, kind="stable")[:, :_AT_EACH_SLOPE]
    found = [(slope, centre) for slope, row in enumerate(best) for centre in row if np.isfinite(valleys[slope, centre])]
    found.sort(key=lambda place: float(errors[place]))
    return [(float(slopes[slope]), float(centres[centre])) for slope, centre in found]


def step_starts(problem: Search) -> list[tuple[float, float]]:
    """Slopes and centres of curves that rise between two neighbouring scores or close beside them, the best first.

    Where the best curve so far is a step, a better one may have a score or two in the middle of its rise. There is a
    minimum for each such place, and a grid of slopes for all scores has no start in most. Among more than 300 scores,
    one or two make no difference.
    """
    if len(problem.z) > _SCREENED:
        return []
    distinct = np.unique(problem.z)
    gaps = np.diff(distinct)
    centres = distinct[:-1] + np.array(_STEP_CENTRES)[:, None] * gaps
    slopes, centres = (
        part.ravel() for part in np.broadcast_arrays(_STEP_SLOPES / gaps[:, None, None], centres.T[..., None])
    )
    errors = [
        _screen(problem.z, problem.v, slopes[part, None], centres[part, None], linear=problem.linear).ravel()
        for part in (slice(at, at + _AT_A_TIME) for at in range(0, len(slopes), _AT_A_TIME))
    ]
    best = np.argsort(np.concatenate(errors), kind="stable")[:_STEPS_FOLLOWED]
    return [(float(slopes[at]), float(centres[at])) for at in best]


def _screen(z: Floats, v: Floats, k: Floats, m: Floats, *, linear: bool) -> Floats:
    """Squared errors, by k (K, 1) and m (M), of the best rising curves, to the precision that a choice needs."""
    bend = np.tanh(k[..., None] * (z - m[:, None]))
    bend -= bend.mean(axis=-1, keepdims=True)
    z0, v0 = z - z.mean(), v - v.mean()
    bb, bz, zz = (bend * bend).sum(axis=-1), bend @ z0, z0 @ z0
    bv, zv, tiny = bend @ v0, z0 @ v0, 1e-300
    if not linear:
        return np.asarray(v0 @ v0 - bv**2 / (bb + tiny))
    below, above = k * (z.min() - m), k * (z.max() - m)
    far, near = np.maximum(np.abs(below), np.abs(above)), np.clip(0, below, above)
    square = bb * zz - bz**2
    square = np.where(square > 1e-12 * bb * zz, square, np.inf)
    c, d = (bv * zz - bz * zv) / square, (bb * zv - bz * bv) / square
    gain, flat = c * bv + d * zv, np.zeros_like(bb)
    turns = np.zeros(bb.shape, dtype=bool)
    for sign, where in ((1, far), (-1, near)):
        tilt = k * _sech2(where)
        turns |= c * tilt + d < 0
        product, norm = bv - tilt * zv, bb - 2 * tilt * bz + tilt**2 * zz
        flat = np.maximum(flat, np.where(sign * product > 0, product**2 / (norm + tiny), 0))
    return np.asarray(v0 @ v0 - np.where(turns, flat, gain))


def _sech2(x: Any) -> Any:
    """1 / cosh(x)^2 without overflow, of a number or an array."""
    small = np.exp(-2 * np.abs(x))
    return 4 * small / (1 + small) ** 2
