"""Raters whose preferences are known, for the power of a ranking experiment of a given size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replication.evaluation.cluster_means import cluster_mean
from replication.evaluation.intervals import Interval
from replication.evaluation.plackett_luce import plackett_luce

Rankings = NDArray[np.intp]


@dataclass(frozen=True)
class Session:
    """A simulated experiment: rankings (raters * images, m), best first, and who made each."""

    rankings: Rankings
    raters: NDArray[np.intp]


def simulate_session(log_worth: ArrayLike, *, raters: int, images: int, taste: float = 0.0, seed: int = 0) -> Session:
    """Rankings by raters who each rank `images` of their own, drawn from Plackett and Luce's model.

    log_worth: (m,) of the items. taste: standard deviation, from rater to rater, of what is added to each log-worth: 0
    for raters who differ by chance alone. A ranking sorts log-worths plus independent Gumbel variates, which is the
    model exactly (Yellott 1977).
    """
    worth = np.asarray(log_worth, dtype=np.float64)
    if worth.ndim != 1 or len(worth) < 2 or raters < 1 or images < 1 or not taste >= 0:
        raise ValueError(
            f"a session needs two items, a rater and an image at least, and taste from 0 on; got {worth.shape} items, "
            f"{raters} raters, {images} images, taste {taste}"
        )
    random = np.random.default_rng(seed)
    own = worth + taste * random.standard_normal((raters, 1, len(worth)))
    rankings = np.argsort(-(own + random.gumbel(size=(raters, images, len(worth)))), axis=2)
    return Session(rankings.reshape(-1, len(worth)).astype(np.intp), np.repeat(np.arange(raters), images))


def share_above(
    rankings: ArrayLike, first: int, second: int, clusters: ArrayLike, *, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Share of rankings in which item `first` stands above `second`, with an interval that draws whole clusters.

    Under Plackett and Luce's model its logit is the difference of their log-worths, whatever the other items; unlike
    that difference it exists where one was above the other every time.
    """
    order = np.asarray(rankings)
    above = np.argmax(order == first, axis=1) < np.argmax(order == second, axis=1)
    return cluster_mean(above, clusters, resamples=resamples, seed=seed)


def agreement(first: ArrayLike, second: ArrayLike) -> float:
    """Mean over images of Kendall's tau between two observers' rankings (n, m) of the same m items; chance gives 0.

    tau is the share of pairs of items that both put in the same order minus the share that they put in opposite ones.
    """
    places = [np.argsort(np.asarray(order), axis=1) for order in (first, second)]
    if places[0].shape != places[1].shape:
        raise ValueError(
            f"rankings must be of the same images and items, got shapes {places[0].shape} and {places[1].shape}"
        )
    a, b = np.triu_indices(places[0].shape[1], 1)
    signs = [np.sign(place[:, a] - place[:, b]) for place in places]
    return float((signs[0] * signs[1]).mean())


@dataclass(frozen=True)
class Power:
    """Over repeated sessions, for one item ahead of m - 1 equal ones by `difference` in log-worth.

    estimate: mean of the estimated differences to the second item. width: mean width of their 95 % intervals. covered:
    share of those that hold the true difference. found: share of sessions in which the item was significantly above
    every other: all intervals of `share_above` beyond one half.
    """

    estimate: float
    width: float
    covered: float
    found: float


def ranking_power(
    difference: float,
    *,
    raters: int,
    images: int,
    taste: float = 0.0,
    items: int = 3,
    repetitions: int = 200,
    seed: int,
) -> Power:
    """Power of sessions of this size to show a difference, see `Power`; intervals are clustered by rater."""
    log_worth = np.zeros(items)
    log_worth[-1] = difference
    estimates, limits, found = [], [], []
    for repetition in range(repetitions):
        session = simulate_session(log_worth, raters=raters, images=images, taste=taste, seed=_seed([seed, repetition]))
        estimate, *ends = plackett_luce(session.rankings, session.raters).difference(items - 1, 0)
        estimates.append(estimate)
        limits.append(ends)
        found.append(
            all(
                share_above(session.rankings, items - 1, other, session.raters, resamples=500).low > 0.5
                for other in range(items - 1)
            )
        )
    low, high = np.array(limits).T
    return Power(
        float(np.mean(estimates)),
        float(np.mean(high - low)),
        float(np.mean((low <= difference) & (difference <= high))),
        float(np.mean(found)),
    )


def _seed(parts: Sequence[int]) -> int:
    return int(np.random.SeedSequence(list(parts)).generate_state(1)[0])
