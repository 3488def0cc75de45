"""Learned weights against least squares, brute force and numerical gradients."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from replication.evaluation.scale_weights import (
    FUSIONS,
    OBJECTIVES,
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
    for objective in OBJECTIVES:
        found = fit_weights(harmful, OPINIONS, objective=objective)
        assert found.weights[3] < 1e-4
        assert found.weights.sum() == pytest.approx(1)
        np.testing.assert_allclose(found.weights[:3], TRUE, atol=0.1)
    plain, softmax = (fit_weights(harmful, OPINIONS, objective=each).weights for each in ("nnls", "plcc"))
    np.testing.assert_allclose(softmax, plain, atol=1e-4)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("loss", [_plcc, lambda *a: _rank(*a, 0.05, 0), lambda *a: _rank(*a, 0.3, 0)])
def test_gradients_are_those_of_finite_differences(loss, fusion) -> None:
    spread = LEVELS * [1, 0.4, 0.1] + [0, 0.3, 0.5]  # so that the deviation of the sum moves with the weights
    of = _softmaxed(loss(_terms(spread, fusion), OPINIONS, fusion))
    for at in ([0.3, -0.5, 0.1], [0.0, 0.0, 0.0], [-3.0, 1.0, 2.0]):
        assert optimize.check_grad(lambda t: of(t)[0], lambda t: of(t)[1], np.array(at)) < 1e-6


@pytest.mark.parametrize("fusion", FUSIONS)
def test_no_weights_of_a_fine_grid_correlate_better(fusion) -> None:
    fitted = fit_weights(LEVELS, OPINIONS, objective="plcc", fusion=fusion)
    best = stats.pearsonr(fuse(LEVELS, fitted.weights, fusion), OPINIONS)[0]
    assert fitted.loss == pytest.approx(1 - best)
    grid = [(a, b, 1 - a - b) for a in np.linspace(0, 1, 41) for b in np.linspace(0, 1 - a, 41)]
    assert best >= max(stats.pearsonr(fuse(LEVELS, each, fusion), OPINIONS)[0] for each in grid) - 1e-9


def test_the_rank_loss_orders_pairs_and_minds_no_monotone_curve() -> None:
    curved = fit_weights(LEVELS, np.exp(8 * OPINIONS), objective="rank").weights
    straight = fit_weights(LEVELS, OPINIONS, objective="rank").weights
    np.testing.assert_allclose(curved, straight, atol=1e-9)
    np.testing.assert_allclose(straight, TRUE, atol=0.05)


def test_the_rank_loss_of_a_small_softness_is_that_of_kendall() -> None:
    for weights in ([1, 0, 0], [0.2, 0.5, 0.3]):
        fused = LEVELS @ weights
        value, _ = _rank(LEVELS, OPINIONS, "arithmetic", 1e-7, 0)(np.array(weights))
        assert value == pytest.approx((1 - stats.kendalltau(fused, OPINIONS)[0]) / 2)


def test_a_level_is_worth_its_order_however_far_its_scores_spread() -> None:
    table = np.column_stack([LEVELS[:, 0], 0.9 + 0.05 * LEVELS[:, 0]])
    wide, narrow = (_rank(table, OPINIONS, "arithmetic", 0.05, 0)(each)[0] for each in np.eye(2))
    assert wide == pytest.approx(narrow)
    better = OPINIONS + 0.05 * GENERATOR.normal(size=200)
    worse = 0.5 + 0.02 * (OPINIONS + 0.2 * GENERATOR.normal(size=200))
    assert stats.kendalltau(better, OPINIONS)[0] > stats.kendalltau(worse, OPINIONS)[0] + 0.2
    table = np.column_stack([better, worse])
    fitted = fit_weights(table, OPINIONS, objective="rank").weights
    shares = fitted * table.std(axis=0)
    assert shares[0] > 0.8 * shares.sum()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_weights_do_not_depend_on_units(objective) -> None:
    expected = fit_weights(LEVELS, OPINIONS, objective=objective).weights
    np.testing.assert_allclose(
        fit_weights(LEVELS, 0.01 * OPINIONS - 3, objective=objective).weights, expected, atol=1e-3
    )
    np.testing.assert_allclose(fit_weights(7 * LEVELS - 2, OPINIONS, objective=objective).weights, expected, atol=1e-3)
    geometric = [
        fit_weights(k * LEVELS, OPINIONS, objective=objective, fusion="geometric").weights for k in (1, 0.01, 7)
    ]
    np.testing.assert_allclose(geometric[1:], [geometric[0]] * 2, atol=1e-3)


@pytest.mark.parametrize("scales", [(1, 1, 1), (1, 0.5, 0.25), (0.1, 1, 3)])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_known_weights_are_found_whatever_the_spread_of_the_levels(objective, scales) -> None:
    generator = np.random.default_rng(5)
    table = 0.5 + np.array(scales) * (0.1 * generator.normal(size=(400, 3)) + 0.1 * generator.normal(size=(400, 1)))
    true = TRUE / scales / np.sum(TRUE / scales)
    fused = table @ true
    opinions = fused + 0.05 * fused.std() * generator.normal(size=400)
    found = fit_weights(table, opinions, objective=objective).weights
    np.testing.assert_allclose(found * scales / (found @ scales), TRUE, atol=0.03)


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("objective", ["rank", "plcc"])
def test_on_its_own_images_nothing_simple_is_better(objective, fusion) -> None:
    for seed in range(8):
        generator = np.random.default_rng(seed)
        opinions = generator.normal(size=80)
        noise, scales = generator.uniform(0.2, 3, 4), generator.uniform(0.01, 0.1, 4)
        table = 0.6 + scales * (opinions[:, None] + noise * generator.normal(size=(80, 4)))
        terms = _terms(table, fusion)
        loss = _plcc(terms, opinions, fusion) if objective == "plcc" else _rank(terms, opinions, fusion, 0.05, 0)
        found = fit_weights(table, opinions, objective=objective, fusion=fusion)
        assert found.loss == pytest.approx(loss(found.weights)[0])
        simple = [np.full(4, 0.25), *np.eye(4), *generator.dirichlet(np.ones(4), 300)]
        assert found.loss <= min(loss(each)[0] for each in simple)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_one_level_that_needs_no_other_gets_all(objective) -> None:
    table = np.column_stack([GENERATOR.normal(size=200), OPINIONS, OPINIONS + 0.3 * GENERATOR.normal(size=200)])
    np.testing.assert_allclose(fit_weights(table, OPINIONS, objective=objective).weights, [0, 1, 0], atol=2e-3)


SCORED = Path(__file__).resolve().parents[2] / "results" / "paper" / "msds_levels"


@pytest.mark.parametrize("network", ["squeezenet1_1", "squeezenet1_0", "googlenet_bvlc", "shufflenet_v2_x1_0"])
def test_weights_learned_from_real_opinions_order_no_worse_than_the_best_level_or_the_mean(network: str) -> None:
    path = SCORED / network / "tid2013-resynth.csv"
    if not path.is_file():
        pytest.skip("the paper profile's level scores are not here")
    table = pd.read_csv(path).dropna()
    levels = table.filter(regex=r" (image 0|mean \d)$").iloc[:, :3].to_numpy()
    opinions = table["opinion"].to_numpy()
    simple = [levels.mean(axis=1), *levels.T]
    fused = fuse(levels, fit_weights(levels, opinions).weights)
    best = max(stats.spearmanr(each, opinions)[0] for each in simple)
    assert stats.spearmanr(fused, opinions)[0] > best - 0.0005  # 100,000 of the pairs are drawn
    assert stats.kendalltau(fused, opinions)[0] > max(stats.kendalltau(each, opinions)[0] for each in simple) - 0.0005


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
        ((LEVELS, OPINIONS), {"softness": 0}, "softness must be greater than zero"),
    ):
        with pytest.raises(ValueError, match=sentence):
            fit_weights(*arguments, **options)
    with pytest.raises(ValueError, match="a weight for each column"):
        fuse(LEVELS, [1, 2])
