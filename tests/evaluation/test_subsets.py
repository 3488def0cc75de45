"""Scores of subsets and random subsets: values against scipy and plain means, levels by simulation."""

import numpy as np
import pytest
from scipy import stats

from replication.evaluation import against_chance, random_subsets, rank_correlations, subset_scores

RANDOM = np.random.default_rng(0)


def test_a_subsets_score_is_the_mean_of_its_columns() -> None:
    matrix = RANDOM.random((30, 12)).astype(np.float32)
    subsets = [[3], range(12), [11, 0, 5]]
    found = subset_scores(matrix, subsets)
    for row, subset in zip(found, subsets, strict=True):
        np.testing.assert_allclose(row, matrix[:, list(subset)].mean(axis=1, dtype=np.float64), rtol=1e-14)


def test_rank_correlations_are_scipys_with_ties_too() -> None:
    scores, opinions = RANDOM.integers(0, 6, (40, 50)), RANDOM.integers(0, 9, 50)
    expected = [stats.spearmanr(row, opinions)[0] for row in scores]
    np.testing.assert_allclose(rank_correlations(scores, opinions), expected, atol=1e-14)
    assert np.isnan(rank_correlations(np.vstack([scores, np.ones(50)]), opinions)[-1])
    assert np.isnan(rank_correlations(scores, np.ones(50))).all()


def test_random_subsets_are_uniform_repeatable_and_without_repetition() -> None:
    drawn = random_subsets(8, 3, 20_000, seed=1)
    assert (np.diff(drawn, axis=1) > 0).all()
    np.testing.assert_array_equal(drawn, random_subsets(8, 3, 20_000, seed=1))
    assert (drawn != random_subsets(8, 3, 20_000, seed=2)).any()
    _, counts = np.unique(drawn @ [64, 8, 1], return_counts=True)
    assert len(counts) == 56  # all subsets of 3 of 8
    assert stats.chisquare(counts).pvalue > 0.001


def test_the_place_among_random_subsets_is_counted() -> None:
    drawn = np.array([0.1, 0.2, 0.2, 0.3, np.nan])
    found = against_chance(0.2, drawn)
    assert (found.percentile, found.p_value, found.draws) == (pytest.approx(60), 4 / 6, 5)
    assert against_chance(0.2, drawn, alternative="less").p_value == 5 / 6
    assert against_chance(1.0, drawn).p_value == 1 / 6
    assert against_chance(1.0, drawn).percentile == 100
    assert found.median == 0.2
    assert np.isnan(against_chance(np.nan, drawn).p_value)


def test_a_subset_drawn_at_random_is_called_better_than_chance_in_five_per_cent_of_cases() -> None:
    random = np.random.default_rng(3)
    columns, opinions = random.random((40, 30)), random.random(40)
    alarms = 0
    for seed in range(600):
        first, *others = random_subsets(30, 5, 60, seed=seed)
        values = rank_correlations(subset_scores(columns, [first, *others]), opinions)
        alarms += against_chance(values[0], values[1:]).p_value <= 0.05
    assert stats.binomtest(alarms, 600, 0.05).pvalue > 0.001


@pytest.mark.parametrize("subset", [[], [12], [-1], [1, 1]])
def test_subsets_that_are_none_are_refused(subset: list[int]) -> None:
    with pytest.raises(ValueError, match="columns from 0 to 11, each once and at least one"):
        subset_scores(np.ones((4, 12)), [subset])


def test_bad_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        subset_scores([[1, np.nan]], [[0]])
    with pytest.raises(ValueError, match="finite"):
        rank_correlations([[1, 2, np.nan]], [1, 2, 3])
    with pytest.raises(ValueError, match=r"\(subsets, images\)"):
        rank_correlations([[1, 2]], [1, 2, 3])
    with pytest.raises(ValueError, match="cannot draw 5 subsets of 9 of 8 columns"):
        random_subsets(8, 9, 5, seed=0)
    with pytest.raises(ValueError, match="'greater' or 'less'"):
        against_chance(0.1, [0.2], alternative="other")  # type: ignore[arg-type]
