"""Learned weights against least squares, brute force and numerical gradients."""

import numpy as np
import pytest
from scipy import optimize, stats

from replication.evaluation.scale_weights import (
    FUSIONS,
    _plcc,
    _rank,
    _softmaxed,
    _terms,
    fit_weights,
    fuse,
    held_out,
    weight_intervals,
)
from replication.evaluation.splits import splits

GENERATOR = np.random.default_rng(3)
REFERENCES = np.repeat(np.arange(20), 10)
TRUE = np.array([0.2, 0.5, 0.3])
LEVELS = 0.5 + 0.1 * GENERATOR.normal(size=(200, 3)) + 0.1 * GENERATOR.normal(size=(200, 1))
OPINIONS = LEVELS @ TRUE + 0.02 * GENERATOR.normal(size=200)


def test_the_largest_correlation_is_that_of_least_squares() -> None:
    design = np.column_stack([LEVELS, np.ones(200)])
    ordinary = np.linalg.lstsq(design, OPINIONS, rcond=None)[0][:3]
    assert (ordinary > 0).all()
    for objective in ("plcc", "nnls"):
        found = fit_weights(LEVELS, OPINIONS, objective=objective)
        np.testing.assert_allclose(found.weights, ordinary / ordinary.sum(), atol=2e-5)
        assert found.converged


def test_a_level_that_only_harms_gets_nothing() -> None:
    harmful = np.column_stack([LEVELS, -OPINIONS + 0.05 * GENERATOR.normal(size=200)])
    for objective in ("plcc", "nnls", "rank"):
        found = fit_weights(harmful, OPINIONS, objective=objective)
        assert found.weights[3] < 1e-4
        assert found.weights.sum() == pytest.approx(1)
        np.testing.assert_allclose(found.weights[:3], TRUE, atol=0.1)
    plain, softmax = (fit_weights(harmful, OPINIONS, objective=each).weights for each in ("nnls", "plcc"))
    np.testing.assert_allclose(softmax, plain, atol=1e-4)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("loss", [_plcc, lambda *a: _rank(*a, 0)])
def test_gradients_are_those_of_finite_differences(loss, fusion) -> None:
    of = _softmaxed(loss(_terms(LEVELS, fusion), OPINIONS, fusion))
    at = np.array([0.3, -0.5, 0.1])
    assert optimize.check_grad(lambda t: of(t)[0], lambda t: of(t)[1], at) < 1e-6


@pytest.mark.parametrize("fusion", FUSIONS)
def test_no_weights_of_a_fine_grid_correlate_better(fusion) -> None:
    best = stats.pearsonr(fuse(LEVELS, fit_weights(LEVELS, OPINIONS, fusion=fusion).weights, fusion), OPINIONS)[0]
    grid = [(a, b, 1 - a - b) for a in np.linspace(0, 1, 41) for b in np.linspace(0, 1 - a, 41)]
    assert best >= max(stats.pearsonr(fuse(LEVELS, each, fusion), OPINIONS)[0] for each in grid) - 1e-9


def test_the_rank_loss_orders_pairs_and_minds_no_monotone_curve() -> None:
    curved = fit_weights(LEVELS, np.exp(8 * OPINIONS), objective="rank").weights
    straight = fit_weights(LEVELS, OPINIONS, objective="rank").weights
    np.testing.assert_allclose(curved, straight, atol=1e-9)
    np.testing.assert_allclose(straight, TRUE, atol=0.05)


def test_fusion_is_a_weighted_mean() -> None:
    table = [[0.9, 0.5], [0.2, -0.1]]
    np.testing.assert_allclose(fuse(table, [0.25, 0.75]), [0.6, -0.025])
    np.testing.assert_allclose(fuse(table, [0.25, 0.75], "geometric"), [0.9**0.25 * 0.5**0.75, 0.2**0.25 * 1e-6**0.75])


def test_intervals_cover_the_true_weights_and_narrow_with_more_references() -> None:
    few = weight_intervals(LEVELS[:100], OPINIONS[:100], REFERENCES[:100], objective="nnls")
    many = weight_intervals(LEVELS, OPINIONS, REFERENCES, objective="nnls")
    assert ((many[:, 0] < TRUE) & (many[:, 1] > TRUE)).all()
    assert np.mean(np.diff(many)) < np.mean(np.diff(few))
    np.testing.assert_array_equal(many, weight_intervals(LEVELS, OPINIONS, REFERENCES, objective="nnls"))


def test_intervals_cover_as_often_as_they_say() -> None:
    generator, covered = np.random.default_rng(8), []
    for _ in range(60):
        levels = 0.5 + 0.1 * generator.normal(size=(200, 3))
        opinions = levels @ TRUE + 0.05 * generator.normal(size=200)
        low, high = weight_intervals(levels, opinions, REFERENCES, objective="nnls", resamples=100).T
        covered.append((low < TRUE) & (high > TRUE))
    assert 0.87 < np.mean(covered) < 0.98


def test_test_sides_are_scored_with_the_weights_of_their_training_sides() -> None:
    folds = splits(REFERENCES, n=4)
    scores, weights = held_out(LEVELS, OPINIONS, folds, objective="nnls")
    for fold, score, own in zip(folds, scores, weights, strict=True):
        expected = fit_weights(LEVELS[fold.train], OPINIONS[fold.train], objective="nnls").weights
        np.testing.assert_array_equal(own, expected)
        np.testing.assert_allclose(score, LEVELS[fold.test] @ own)


def test_bad_input_is_named() -> None:
    assert fit_weights(LEVELS[:, :1], OPINIONS).weights == [1]
    np.testing.assert_allclose(fit_weights(-LEVELS, OPINIONS, objective="nnls").weights, [1 / 3] * 3)
    for arguments, options, sentence in (
        ((LEVELS, OPINIONS[1:]), {}, "got shapes"),
        ((LEVELS, np.full(200, np.nan)), {}, "not finite"),
        ((LEVELS, np.ones(200)), {}, "all opinions are equal"),
        ((LEVELS, OPINIONS), {"objective": "srcc"}, "objective must be one of plcc, rank, nnls"),
        ((LEVELS, OPINIONS), {"fusion": "max"}, "fusion must be one of arithmetic, geometric"),
    ):
        with pytest.raises(ValueError, match=sentence):
            fit_weights(*arguments, **options)
    with pytest.raises(ValueError, match="a weight for each column"):
        fuse(LEVELS, [1, 2])
