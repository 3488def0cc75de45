"""Rankings: how strong each item is (Plackett and Luce), and how often each came first, second, third."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Worths:
    """Worths of m items by the Plackett-Luce model, with intervals.

    worth: (m,), probability of each item to be ranked first; they sum to one.
    log_worth, error: logarithms of the worths, their mean zero, and standard errors. low, high: ends of the interval of
    `worth`, from that of its logit. covariance: (m, m), of log_worth. n: rankings.
    """

    worth: Floats
    low: Floats
    high: Floats
    log_worth: Floats
    error: Floats
    covariance: Floats
    n: int

    def difference(self, first: int, second: int, confidence: float = 0.95) -> tuple[float, float, float]:
        """log_worth of one item minus that of another, with its interval: the log-odds of being ranked above it."""
        variance = self.covariance[first, first] + self.covariance[second, second] - 2 * self.covariance[first, second]
        estimate = float(self.log_worth[first] - self.log_worth[second])
        margin = float(stats.norm.ppf(0.5 + confidence / 2) * np.sqrt(variance))
        return estimate, estimate - margin, estimate + margin


def plackett_luce(rankings: ArrayLike, clusters: ArrayLike | None = None, *, confidence: float = 0.95) -> Worths:
    """Maximum likelihood worths of the model in which the best is chosen, then the best of the rest, and so on:

        P(a > b > c) = w_a / (w_a + w_b + w_c) * w_b / (w_b + w_c)

    rankings: (n, m), every row the items' numbers 0 to m - 1, best first.
    clusters: of each ranking, such as the participant; rankings of one are not independent, and the errors then
        come from the sandwich estimator over clusters. Without clusters they come from the inverse information.

    With two items the worth of the first is the share of rankings it won, its logit's error sqrt(1/wins + 1/losses).
    Raises ValueError where no maximum exists: when some items were ranked above all others every time (Hunter 2004).
    """
    order = np.asarray(rankings)
    if order.ndim != 2 or order.shape[1] < 2 or len(order) < 1:
        raise ValueError(f"rankings must be (n, m) with at least two items, got shape {order.shape}")
    n, m = order.shape
    if not (np.sort(order, axis=1) == np.arange(m)).all():
        raise ValueError(f"every ranking must name each of the items 0 to {m - 1} once")
    _check_connected(order)
    theta = np.zeros(m)
    centre = np.eye(m) - 1 / m
    for _ in range(100):
        gradient, information = _derivatives(order, theta)
        step = _inverse(information) @ gradient.sum(axis=0)
        theta = theta + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))  # no leap further than e^2
        if np.abs(step).max() < 1e-10:
            break
    theta = theta - theta.mean()
    gradient, information = _derivatives(order, theta)
    inverse = _inverse(information)
    covariance = inverse
    if clusters is not None:
        _, index = np.unique(np.asarray(clusters), return_inverse=True)
        count = int(index.max()) + 1
        if len(index) != n or count < 2:
            raise ValueError(f"clusters must name one of at least two for each of {n} rankings, got {count}")
        sums = np.zeros((count, m))
        np.add.at(sums, index.ravel(), gradient)
        covariance = inverse @ (sums.T @ sums) @ inverse * count / (count - 1)
    covariance = centre @ covariance @ centre
    worth = np.exp(theta) / np.exp(theta).sum()
    jacobian = (np.eye(m) - worth) / (1 - worth)[:, None]  # of logit(worth) by theta
    logit, spread = np.log(worth / (1 - worth)), np.sqrt(np.diag(jacobian @ covariance @ jacobian.T))
    z = stats.norm.ppf(0.5 + confidence / 2)
    low, high = (1 / (1 + np.exp(-(logit + sign * z * spread))) for sign in (-1, 1))
    return Worths(worth, low, high, theta, np.sqrt(np.diag(covariance)), covariance, n)


def rank_counts(rankings: ArrayLike) -> NDArray[np.intp]:
    """Counts of each item's ranks, first, second, ...: (m items, m ranks)."""
    order = np.asarray(rankings)
    m = order.shape[1]
    return np.array([[int(np.sum(order[:, rank] == item)) for rank in range(m)] for item in range(m)], dtype=np.intp)


def rankings_of_scores(scores: ArrayLike, *, higher_is_better: bool) -> NDArray[np.intp]:
    """Rankings (n, m), best first, by scores (n, m): those of an observer who judges as the metric does.

    Infinite scores (PSNR of identical images) are scores. Equal ones keep the items' order.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or np.isnan(values).any():
        raise ValueError(f"scores must be numbers (n, m), none of them NaN, got shape {values.shape}")
    return np.argsort(-values if higher_is_better else values, axis=1, kind="stable")


def _derivatives(order: NDArray[np.intp], theta: Floats) -> tuple[Floats, Floats]:
    """Derivatives of the log-likelihood by log-worths: each ranking's gradient (n, m), and minus the summed Hessian."""
    n, m = order.shape
    gradient, information = np.zeros((n, m)), np.zeros((m, m))
    rows = np.arange(n)
    remaining = np.ones((n, m), dtype=bool)
    for stage in range(m - 1):
        weights = np.where(remaining, np.exp(theta - theta.max()), 0.0)
        chance = weights / weights.sum(axis=1, keepdims=True)
        gradient -= chance
        gradient[rows, order[:, stage]] += 1
        information += np.diag(chance.sum(axis=0)) - chance.T @ chance
        remaining[rows, order[:, stage]] = False
    return gradient, information


def _inverse(information: Floats) -> Floats:
    """Pseudoinverse. A constant added to all log-worths changes nothing; the 0 of that direction is 1e-15 in floats."""
    return np.asarray(np.linalg.pinv(information, rcond=1e-12, hermitian=True), dtype=np.float64)


def _check_connected(order: NDArray[np.intp]) -> None:
    """Raise ValueError unless, however items are divided in two, each part once had an item above one of the other."""
    m = order.shape[1]
    above = np.zeros((m, m), dtype=bool)
    for first in range(m):
        for second in range(first + 1, m):
            above[order[:, first], order[:, second]] = True
    reach = above | np.eye(m, dtype=bool)
    for k in range(m):
        reach |= reach[:, k : k + 1] & reach[k]
    if not reach.all():
        item = int(np.argmax(~(reach & reach.T).all(axis=1)))
        raise ValueError(
            f"the worths have no maximum of likelihood: item {item} and some other were ranked one way only; "
            "look at the counts of ranks instead, or collect more rankings"
        )
