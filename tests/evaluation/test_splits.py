"""Random splits by reference, and tests over them: counting, closed forms, and error rates."""

import numpy as np
import pytest
from scipy import stats

from replication.evaluation import compare_over_splits, splits

REFERENCES = np.repeat([f"I{number:02}" for number in range(25)], 8)


def test_no_reference_is_on_both_sides_and_every_image_on_one():
    for train, test in splits(REFERENCES, n=10):
        assert not set(REFERENCES[train]) & set(REFERENCES[test])
        assert sorted([*train, *test]) == list(range(200))
        assert len(set(REFERENCES[test])) == 5


def test_seeds_and_the_order_of_images():
    first, again, other = (splits(REFERENCES, n=3, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a.test, b.test) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a.test, b.test) for a, b in zip(first, other, strict=True))
    turned = splits(REFERENCES[::-1], n=3, seed=1)
    assert [set(REFERENCES[::-1][each.test]) for each in turned] == [set(REFERENCES[each.test]) for each in first]


def test_every_reference_is_tested_equally_often():
    tested = np.concatenate([each.test for each in splits(np.arange(10), n=2000, test_share=0.3)])
    assert np.bincount(tested) / 2000 == pytest.approx(np.full(10, 0.3), abs=0.04)


def test_small_shares_test_at_least_one_and_leave_one():
    assert len(splits(np.arange(4), n=1, test_share=0.01)[0].test) == 1
    assert len(splits(np.arange(4), n=1, test_share=0.99)[0].train) == 1


def test_corrected_t_worked_by_hand():
    found = compare_over_splits([0.9, 0.8, 0.85, 0.95], [0.8, 0.8, 0.80, 0.85], 0.2)  # differences .1 0 .05 .1
    variance = 0.00229166667
    assert found.standard_error == pytest.approx(np.sqrt((0.25 + 0.25) * variance))
    assert found.p_value == pytest.approx(2 * stats.t.sf(0.0625 / found.standard_error, 3))
    assert (found.degrees, found.effect, found.sign) == (3, 1.0, 0.25)


def results(references, count, data_sets):
    """Two equally good methods: a difference per reference, averaged over the test side of each split."""
    differences = np.random.default_rng(4).normal(size=(data_sets, references))
    tested = np.stack([each.test for each in splits(np.arange(references), n=count, seed=3)])
    return [compare_over_splits(each, np.zeros(count), 0.2) for each in differences[:, tested].mean(axis=2)]


def test_corrected_t_keeps_its_promise_where_the_others_do_not():
    found = results(50, 20, 2000)
    assert 0.04 < np.mean([each.p_value < 0.05 for each in found]) < 0.06
    assert np.mean([each.wilcoxon < 0.05 for each in found]) > 0.3
    assert np.mean([each.sign < 0.05 for each in found]) > 0.2


def test_corrected_error_is_the_true_one():
    found = results(40, 50, 800)
    assert np.mean([each.standard_error**2 for each in found]) == pytest.approx(
        np.var([each.difference for each in found]), rel=0.15
    )


def test_equal_results_show_no_difference():
    found = compare_over_splits([0.5, 0.6], [0.5, 0.6], 0.2)
    assert (found.difference, found.p_value, found.wilcoxon, found.sign, found.effect) == (0, 1, 1, 1, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: splits(["a", "a"]), "at least 2 references, got 1"),
        (lambda: splits([["a", "b"]]), "got shape"),
        (lambda: splits(["a", "b"], n=0), "at least one split"),
        (lambda: splits(["a", "b"], test_share=20), "between 0 and 1, got 20"),
        (lambda: compare_over_splits([1, 2], [1, 2, 3], 0.2), "one length"),
        (lambda: compare_over_splits([1, np.nan], [1, 2], 0.2), "finite"),
        (lambda: compare_over_splits([1, 3], [1, 2], 1.0), "between 0 and 1, got 1.0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
