"""Simulated power against a closed form, error rates that are known, and the tests themselves."""

import numpy as np
import pytest
from scipy import stats

from replication.evaluation.dependent import williams
from replication.evaluation.power import (
    Size,
    _p_values,
    _test_sides,
    normal_power,
    pearson_of,
    possible,
    shared_by_reference,
    simulated_power,
)
from replication.evaluation.splits import compare_over_splits

MANY = 2000  # a share of a half then has a standard error of .011


@pytest.mark.parametrize("difference", [0.005, 0.01, 0.02])
def test_independent_images_give_the_power_of_the_closed_form(difference: float) -> None:
    expected = normal_power(0.9, 0.9 - difference, 0.97, 1000)
    found = simulated_power(Size(50, 20), 0.9, 0.9 - difference, 0.97, 0.0, simulations=MANY)
    assert found["williams"] == pytest.approx(expected, abs=0.035)
    assert found["references"] == pytest.approx(expected, abs=0.05)  # 49 degrees in place of 997


def test_the_closed_form_has_the_variance_of_simulated_differences() -> None:
    generator = np.random.default_rng(0)
    root = np.linalg.cholesky([[1, 0.8, 0.7], [0.8, 1, 0.9], [0.7, 0.9, 1]])
    y, a, b = np.einsum("ij,jtn->itn", root, generator.standard_normal((3, 2000, 200)))
    differences = [stats.pearsonr(y[t], a[t])[0] - stats.pearsonr(y[t], b[t])[0] for t in range(2000)]
    critical = 1.959964
    share = np.mean(np.abs((np.array(differences)) / np.std(differences)) > critical)
    assert normal_power(0.8, 0.7, 0.9, 200) == pytest.approx(share, abs=0.02)
    assert normal_power(0.8, 0.8, 0.9, 200) == pytest.approx(0.05, abs=1e-6)


def test_without_a_difference_tests_err_as_is_known_of_them() -> None:
    found = simulated_power(Size(25, 20), 0.85, 0.85, 0.9, 0.5, simulations=MANY)
    assert 0.035 < found["references"] < 0.07
    assert 0.015 < found["splits t"] < 0.07  # on the safe side: a correlation is more than a mean over references
    assert found["splits wilcoxon"] > 0.3  # see `compare_over_splits`
    assert found["williams"] > 0.1  # see `dependent`


def test_a_shared_error_costs_power() -> None:
    options = {"better": 0.9, "worse": 0.88, "between": 0.95, "simulations": 400}
    apart, together = (simulated_power(Size(25, 20), shared=shared, **options)["references"] for shared in (0.0, 0.6))
    assert together < apart - 0.1


def test_p_values_are_those_of_the_tests_one_by_one() -> None:
    generator = np.random.default_rng(1)
    y, a, b = generator.standard_normal((3, 2, 10, 6))
    a, b = a + y, b + y
    sides = _test_sides(2, 10, 12, 0.2, generator)
    found = _p_values(y, a, b, sides, 0.2)
    for t in range(2):
        flat = [each[t].ravel() for each in (y, a, b)]
        r = np.corrcoef(flat)
        assert found["williams"][t] == pytest.approx(williams(r[0, 1], r[0, 2], r[1, 2], 60).p_value)
        by_split = [
            [stats.pearsonr(y[t][side > 0].ravel(), each[t][side > 0].ravel())[0] for side in sides[t]]
            for each in (a, b)
        ]
        compared = compare_over_splits(*by_split, 0.2)
        assert found["splits t"][t] == pytest.approx(compared.p_value)
        differences = np.subtract(*by_split)
        assert found["splits wilcoxon"][t] == pytest.approx(stats.wilcoxon(differences, method="approx").pvalue)


def test_the_share_of_a_reference_is_found_again() -> None:
    generator = np.random.default_rng(2)
    index = np.repeat(np.arange(400), np.tile([3, 9], 200))
    values = np.sqrt(0.3) * generator.normal(size=400)[index] + np.sqrt(0.7) * generator.normal(size=len(index))
    assert shared_by_reference(values, index) == pytest.approx(0.3, abs=0.04)
    assert shared_by_reference(generator.normal(size=len(index)), index) < 0.03
    # Shrout & Fleiss 1979, table 2: six targets, four judges, ICC(1,1) = .17
    ratings = [9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8, 7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7]
    assert shared_by_reference(ratings, np.repeat(np.arange(6), 4)) == pytest.approx(0.17, abs=0.005)


def test_pearson_and_spearman_of_normals_are_converted() -> None:
    generator = np.random.default_rng(3)
    x, y = np.linalg.cholesky([[1, 0.8], [0.8, 1]]) @ generator.standard_normal((2, 200_000))
    assert pearson_of(stats.spearmanr(x, y)[0]) == pytest.approx(0.8, abs=0.005)


def test_bad_input_is_named() -> None:
    size = Size(25, 20)
    for arguments, sentence in (
        ((size, 0.9, 0.2, 0.99, 0.0), "cannot correlate by 0.9 and 0.2 with the opinions and by 0.99"),
        ((size, 1.0, 0.9, 0.9, 0.0), "between -1 and 1, got 1.0"),
        ((size, 0.9, 0.9, 0.95, 1.5), "shared must lie between 0 and 1, got 1.5"),
        ((Size(2, 20), 0.9, 0.9, 0.95, 0.5), "at least 3 references of 2 images are needed, got 2 of 20"),
    ):
        with pytest.raises(ValueError, match=sentence):
            simulated_power(*arguments)
    with pytest.raises(ValueError, match="got 3 for 3 images"):
        shared_by_reference([1, 2, 3], [1, 2, 3])


@pytest.mark.parametrize(("worse", "between"), [(0.9, 0.95), (0.2, 0.5), (-0.3, 0.9)])
def test_possible_correlations_make_a_matrix_without_negative_eigenvalues(worse: float, between: float) -> None:
    for better in np.linspace(-0.99, 0.99, 67):
        matrix = np.array([[1, better, worse], [better, 1, between], [worse, between, 1]])
        assert possible(better, worse, between) == (np.linalg.eigvalsh(matrix).min() > 0)
