"""Linear read-outs under repeated cross-validation, against other implementations and known answers."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from replication.evaluation.probes import probe
from replication.evaluation.readout import PENALTIES
from replication.evaluation.scaling import fit_scaling

RNG = np.random.default_rng(0)
LABEL = np.repeat(np.arange(4), 30)
MEANS = RNG.normal(0, 3, size=(4, 6))
FEATURES = MEANS[LABEL] + RNG.normal(size=(120, 6))


def test_classes_apart_are_found_and_shuffled_labels_are_not() -> None:
    found = probe(FEATURES, LABEL, np.arange(120), kind="class", repeats=3)
    assert found.loss.shape == (3, 120)
    assert found.loss.mean() < 0.05
    shuffled = RNG.permutation(LABEL)
    assert probe(FEATURES, shuffled, np.arange(120), kind="class", repeats=3).loss.mean() == pytest.approx(
        0.75, abs=0.1
    )


def test_every_item_is_predicted_without_its_fold() -> None:
    number = FEATURES @ RNG.normal(size=6) + RNG.normal(size=120)
    groups = np.arange(120) // 4
    found = probe(FEATURES, number, groups, kind="number", repeats=2, folds=5)
    for repeat in range(2):
        assert [len(set(found.fold[repeat, groups == group])) for group in range(30)] == [1] * 30
    assert (found.fold[0] != found.fold[1]).any()
    test = found.fold[1] == 2
    mean, sd = FEATURES[~test].mean(0), FEATURES[~test].std(0)
    x, y = (FEATURES - mean) / sd, number
    errors = {}
    for penalty in PENALTIES:  # leave-one-out by the definition
        left = [
            Ridge(penalty).fit(np.delete(x[~test], i, 0), np.delete(y[~test], i)).predict(x[~test][i : i + 1])[0]
            - y[~test][i]
            for i in range((~test).sum())
        ]
        errors[penalty] = np.square(left).mean()
    best = min(errors, key=lambda penalty: errors[penalty])
    predicted = Ridge(best).fit(x[~test], y[~test]).predict(x[test])
    np.testing.assert_allclose(found.loss[1, test], (predicted - y[test]) ** 2, rtol=1e-6)


def test_classes_are_told_apart_by_fishers_discriminant() -> None:
    found = probe(FEATURES, LABEL, np.arange(120), kind="class", repeats=1)
    test = found.fold[0] == 0
    other = LinearDiscriminantAnalysis(solver="svd").fit(FEATURES[~test], LABEL[~test]).predict(FEATURES[test])
    assert (found.loss[0, test] != (other != LABEL[test])).mean() < 0.1  # without the shrinkage


def test_components_in_proportion_keep_their_variance() -> None:
    x = RNG.normal(size=(50, 3)) * [10, 1, 0.1]
    each, common = fit_scaling(x, "each")(x), fit_scaling(x, "common")(x)
    np.testing.assert_allclose(each.std(0), 1)
    np.testing.assert_allclose(common.std(0) / common.std(0)[1], x.std(0) / x.std(0)[1])
    assert common.var(0).mean() == pytest.approx(1)
    np.testing.assert_allclose(common.mean(0), 0, atol=1e-12)
    with pytest.raises(ValueError, match="scaling must be 'each' or 'common', got 'none'"):
        fit_scaling(x, "none")  # type: ignore[arg-type]


@pytest.mark.parametrize("scaling", ["each", "common"])
def test_a_feature_that_never_varies_does_no_harm(scaling: str) -> None:
    x = np.column_stack([FEATURES, np.ones(120)])
    found = probe(x, LABEL, np.arange(120), kind="class", repeats=1, scaling=scaling)  # type: ignore[arg-type]
    assert found.loss.mean() < 0.05


def test_what_cannot_be_predicted_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"features must be \(n, d\)"):
        probe(FEATURES, LABEL[:5], np.arange(120), kind="class")
    with pytest.raises(ValueError, match="20 times 5 folds need one repetition or more and 5 groups or more"):
        probe(FEATURES, LABEL, np.zeros(120), kind="class")
    with pytest.raises(ValueError, match="kind must be 'class' or 'number'"):
        probe(FEATURES, LABEL, np.arange(120), kind="angle")  # type: ignore[arg-type]
