"""Scores against human choices: worked by hand, a search over all thresholds, scikit-learn's average precision."""

from itertools import product

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from replication.evaluation import just_noticeable, same_class, two_alternative


def test_two_alternatives_worked_by_hand():
    found = two_alternative([1, 2, 3, 5], [2, 1, 3, 4], [0.2, 0.6, 0.9, 0.0])
    assert found.agreement == pytest.approx([0.8, 0.6, 0.5, 0.0])
    assert found.score == pytest.approx(0.475)
    assert found.human == pytest.approx((0.68 + 0.52 + 0.82 + 1) / 4)
    assert found.best == pytest.approx((0.8 + 0.6 + 0.9 + 1) / 4)


def test_an_oracle_reaches_best_and_a_coin_a_half():
    judgement = np.random.default_rng(0).integers(0, 6, 5000) / 5
    oracle = two_alternative(judgement, 1 - judgement, judgement)
    assert oracle.score == pytest.approx(oracle.best)
    coin = two_alternative(*np.random.default_rng(1).random((2, 5000)), judgement)
    assert coin.score == pytest.approx(0.5, abs=0.02)
    assert coin.score < oracle.human < oracle.best


def test_average_precision_worked_by_hand():
    # found 1, 1, 1.5, 2 of 2: precision 1, .5, .5, .5, envelope the same; recall .5, .5, .75, 1
    assert just_noticeable([1, 2, 3, 4], [1, 0, 0.5, 0.5]) == pytest.approx(0.5 * 1 + 0.25 * 0.5 + 0.25 * 0.5)
    # precision 0, 1/2, 2/3 is raised to 2/3 throughout
    assert just_noticeable([1, 2, 3], [0, 1, 1]) == pytest.approx(2 / 3)


def test_average_precision_is_scikit_learns_on_the_envelope():
    generator = np.random.default_rng(2)
    distance, same = generator.random(400), generator.integers(0, 4, 400) / 3
    plain = average_precision_score(
        np.tile([1, 0], 400), np.repeat(-distance, 2), sample_weight=np.stack([same, 1 - same], 1).ravel()
    )
    assert plain <= just_noticeable(distance, same) <= plain + 0.05
    perfect = np.sort(same)[::-1]  # precision falls all the way: the envelope changes nothing
    expected = average_precision_score(
        np.tile([1, 0], 400), np.repeat(-np.arange(400.0), 2), sample_weight=np.stack([perfect, 1 - perfect], 1).ravel()
    )
    assert just_noticeable(np.arange(400.0), perfect) == pytest.approx(expected)


def test_the_order_of_equal_distances_makes_no_difference():
    distance, same = np.array([1.0, 2, 2, 2, 3]), np.array([1.0, 0, 1, 0.5, 0])
    values = [just_noticeable(distance[p], same[p]) for p in ([0, 1, 2, 3, 4], [0, 2, 1, 3, 4], [4, 3, 2, 1, 0])]
    assert values == pytest.approx([values[0]] * 3)
    assert just_noticeable(np.ones(5), same) == pytest.approx(same.mean())


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"shares between 0 and 1, got 0.0 to 5.0"):
        two_alternative([1, 2], [2, 1], [0, 5])
    with pytest.raises(ValueError, match="distance_1 holds 1 values that are not finite"):
        two_alternative([1, 2], [2, np.nan], [0, 1])
    with pytest.raises(ValueError, match="one length"):
        just_noticeable([1, 2], [1])
    with pytest.raises(ValueError, match="at least 1"):
        just_noticeable([], [])
    assert np.isnan(just_noticeable([1, 2], [0, 0]))


def test_the_class_of_a_pair_is_found_by_the_best_thresholds():
    rng = np.random.default_rng(0)
    for _ in range(30):
        distance = rng.integers(0, 6, 9).astype(float)  # with ties
        same = rng.integers(0, 4, 9) / 3
        classes = np.unique(same)[::-1]
        best = 0.0
        for cuts in product(np.arange(-0.5, 6.5), repeat=len(classes) - 1):
            if list(cuts) == sorted(cuts):
                best = max(best, float(np.mean(classes[np.searchsorted(cuts, distance)] == same)))
        assert same_class(distance, same) == pytest.approx(best)


def test_distances_that_order_pairs_as_people_do_put_all_into_their_class():
    same = np.repeat([1, 2 / 3, 1 / 3, 0], 5)
    assert same_class(np.arange(20), same) == 1
    assert same_class(-np.arange(20), same) == 1 / 4  # one interval for all, of the most frequent class
    assert same_class(np.zeros(20), same) == 1 / 4
    with pytest.raises(ValueError, match="same must be shares between 0 and 1"):
        same_class([1, 2], [0, 2])
