"""Simulated raters against the model's closed forms, and intervals of clustered items against known errors."""

import itertools

import numpy as np
import pytest
from scipy import stats

from replication.evaluation.cluster_means import cluster_mean, cluster_statistic, cut_off
from replication.evaluation.intervals import bootstrap_mean
from replication.evaluation.plackett_luce import plackett_luce
from replication.evaluation.simulated_raters import agreement, ranking_power, share_above, simulate_session


def test_rankings_come_as_often_as_the_model_says() -> None:
    worth = np.array([1.0, 2.0, 4.0])
    session = simulate_session(np.log(worth), raters=100, images=500)
    for order in itertools.permutations(range(3)):
        a, b, c = worth[list(order)]
        expected = a / (a + b + c) * b / (b + c)
        share = (session.rankings == order).all(axis=1).mean()
        assert share == pytest.approx(expected, abs=4 * np.sqrt(expected / 50_000))


def test_known_worths_are_recovered() -> None:
    log_worth = np.array([0.0, 0.3, 0.8])
    session = simulate_session(log_worth, raters=20, images=2000)
    found = plackett_luce(session.rankings, session.raters)
    np.testing.assert_allclose(found.log_worth, log_worth - log_worth.mean(), atol=4 * found.error.max())


def test_tastes_spread_raters_apart() -> None:
    same, apart = (simulate_session(np.zeros(3), raters=40, images=200, taste=t) for t in (0.0, 1.0))
    spread = [np.std([(s.rankings[s.raters == r, 0] == 0).mean() for r in range(40)]) for s in (same, apart)]
    assert spread[0] == pytest.approx(np.sqrt(1 / 3 * 2 / 3 / 200), rel=0.3)  # binomial
    assert spread[1] > 4 * spread[0]


def test_the_share_above_is_counted_and_its_logit_is_the_difference_of_log_worths() -> None:
    rankings = [[0, 1, 2], [1, 0, 2], [2, 0, 1], [0, 2, 1]]
    assert share_above(rankings, 0, 1, [0, 1, 2, 3]).estimate == 0.75
    assert share_above(rankings, 2, 0, [0, 1, 2, 3]).estimate == 0.25
    session = simulate_session([0.0, 0.0, 0.7], raters=50, images=1000)
    share = share_above(session.rankings, 2, 0, session.raters)
    assert share.estimate == pytest.approx(1 / (1 + np.exp(-0.7)), abs=0.01)
    assert share.low < share.estimate < share.high


def test_agreement_is_the_mean_of_scipys_kendall() -> None:
    rng = np.random.default_rng(0)
    first, second = (np.argsort(rng.random((30, 4)), axis=1) for _ in range(2))
    expected = np.mean([stats.kendalltau(np.argsort(a), np.argsort(b))[0] for a, b in zip(first, second, strict=True)])
    assert agreement(first, second) == pytest.approx(expected)
    assert agreement(first, first) == 1
    assert agreement(first, first[:, ::-1]) == -1
    with pytest.raises(ValueError, match="same images and items"):
        agreement(first, first[:5])


def test_power_rises_with_the_difference_and_false_alarms_are_rare() -> None:
    none, some, large = (ranking_power(d, raters=20, images=50, repetitions=60, seed=0) for d in (0.0, 0.2, 0.6))
    assert none.found <= 0.1
    assert none.found < some.found <= large.found
    assert large.found == 1
    assert some.estimate == pytest.approx(0.2, abs=0.05)
    assert some.covered > 0.8


def test_the_width_is_near_that_of_the_informations_inverse() -> None:
    """Raters without tastes are as good as independent rankings, whose error the model's information gives."""
    session = simulate_session([0.0, 0.0, 0.2], raters=20, images=50, seed=1)
    _, low, high = plackett_luce(session.rankings).difference(2, 0)
    found = ranking_power(0.2, raters=20, images=50, repetitions=40, seed=2)
    assert found.width == pytest.approx(high - low, rel=0.1)


def test_items_that_are_their_own_clusters_have_the_ordinary_interval() -> None:
    values = np.random.default_rng(0).normal(size=40)
    ordinary = bootstrap_mean(values, method="percentile", resamples=2000)
    clustered = cluster_mean(values, np.arange(40))
    np.testing.assert_allclose(clustered, ordinary)


def test_copies_of_an_item_in_one_cluster_add_nothing() -> None:
    values = np.random.default_rng(0).normal(size=40)
    once, copied = cluster_mean(values, np.arange(40)), cluster_mean(np.repeat(values, 9), np.repeat(np.arange(40), 9))
    np.testing.assert_allclose(copied, once)
    apart = cluster_mean(np.repeat(values, 9), np.arange(360))
    assert apart.high - apart.low < 0.5 * (copied.high - copied.low)


def test_clusters_of_different_sizes_count_by_their_items() -> None:
    found = cluster_mean([1.0, 1.0, 1.0, 5.0, 0.0], ["a", "a", "a", "b", "c"])
    assert found.estimate == pytest.approx(1.6)
    assert found.low < 1.6 < found.high


def test_what_cannot_be_simulated_or_averaged_is_said() -> None:
    with pytest.raises(ValueError, match="needs two items"):
        simulate_session([0.0], raters=2, images=2)
    with pytest.raises(ValueError, match="finite numbers"):
        cluster_mean([1.0, np.nan], [0, 1])
    with pytest.raises(ValueError, match="at least 2 references"):
        cluster_mean([1.0, 2.0], [0, 0])


def test_a_statistic_of_clustered_means_has_the_interval_of_its_linear_form() -> None:
    values = np.random.default_rng(0).normal(size=(60, 2))
    clusters = np.repeat(np.arange(20), 3)
    found = cluster_statistic(lambda means: means[..., 0] - means[..., 1], values, clusters)
    np.testing.assert_allclose(found, cluster_mean(values[:, 0] - values[:, 1], clusters))


def test_the_cut_off_is_where_the_curve_crosses_the_threshold_first() -> None:
    frequencies = np.array([0.1, 0.2, 0.3, 0.4])
    curves = [
        [1.0, 0.75, 0.25, 0.0],  # crosses .5 half-way
        [0.9, 0.4, 0.6, 0.1],  # the first of two crossings
        [0.4, 0.3, 0.2, 0.1],  # below from the start
        [0.9, 0.8, 0.7, 0.6],  # never below
    ]
    np.testing.assert_allclose(cut_off(frequencies, curves), [0.25, 0.18, 0.1, 0.4])
    assert cut_off(frequencies, curves[0], threshold=0.125) == pytest.approx(0.35)
    with pytest.raises(ValueError, match="two rising frequencies"):
        cut_off([0.2, 0.1], [1.0, 0.0])
