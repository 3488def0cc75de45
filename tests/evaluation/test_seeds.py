"""Intervals over items and seeds: coverage on made-up experiments."""

import numpy as np
import pytest
from scipy import stats

from replication.evaluation.intervals import Interval
from replication.evaluation.seeds import over_seeds


def test_variances_add_and_one_seed_adds_nothing() -> None:
    interval = Interval(1.0, 0.7, 1.4)
    found = over_seeds(interval, [0.9, 1.0, 1.1])
    half = stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
    assert found == pytest.approx((1.0, 1 - np.hypot(0.3, half), 1 + np.hypot(0.4, half)))
    assert over_seeds(interval, [1.0]) == interval
    assert over_seeds(interval, [1.0, 1.0]) == pytest.approx(interval)


def test_they_cover_the_truth_where_seeds_differ_as_much_as_items() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        seeds, items = rng.normal(0, 0.1, 3), rng.normal(0, 1, 100)
        mean = items.mean() + seeds.mean()
        half = 1.96 * items.std(ddof=1) / 10
        found = over_seeds(Interval(mean, mean - half, mean + half), items.mean() + seeds)
        covered += found.low <= 0 <= found.high
    assert covered / 400 >= 0.93
