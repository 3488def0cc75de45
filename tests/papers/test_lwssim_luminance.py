"""The demonstrations are what they claim to be: equal means, known correlations, derivatives as SSIM's own."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from replication.metrics import lwssim, ssim
from replication.metrics.filters import separable_filter, window
from replication.metrics.terms import ssim_terms
from replication.papers.lwssim import celeba_figures as figures
from replication.papers.lwssim import luminance as argument
from tests.metrics.test_ssim import noisy, photo


@pytest.mark.parametrize("contrast", argument.CONTRASTS)
@pytest.mark.parametrize("structure", argument.STRUCTURES)
def test_boards_have_equal_local_means_and_the_structure_they_state(contrast: float, structure: float) -> None:
    pair = argument.boards(contrast, structure)
    taps = window(11)
    for board in pair:
        assert (separable_filter(board, taps) - 0.5).abs().max() < 1e-3
    if contrast == 1:
        x, y = (board.flatten() - 0.5 for board in pair)
        assert float((x * y).mean() / (x * x).mean()) == pytest.approx(structure, abs=1e-9)


def test_the_forms_are_those_of_the_metrics() -> None:
    pair = argument.boards(0.5, 0.5, 0.1)
    found = argument.forms(pair)
    assert found["product"] == pytest.approx(ssim(*pair).item(), abs=1e-9)
    added = lwssim(*pair, window_sizes=[11], window_kind="gaussian").item()
    assert found["sum"] == pytest.approx(added, abs=1e-9)


def test_equal_means_hide_nothing_from_either_form() -> None:
    table = argument.contrast_table()
    np.testing.assert_allclose(table["l"], 1, atol=1e-5)
    np.testing.assert_allclose(table["product"], table["sum"] - 1, atol=1e-5)
    np.testing.assert_allclose(table["by_product"], table["by_sum"], atol=1e-4)
    assert (np.diff(table["product"]) < -0.02).all()
    plt.close(figures.contrast_curves(table))


def test_the_sum_sees_an_error_of_brightness_alike_whatever_the_structure_the_product_does_not() -> None:
    table = argument.brightness_table(points=3)
    darkest = table[table["brightness"] == table["brightness"].min()].set_index("structure")
    np.testing.assert_allclose(darkest["sum"], darkest["sum"].iloc[0], atol=1e-5)  # means agree to within 0.001
    assert darkest["product"].is_monotonic_increasing  # the poorer the structure, the less it costs
    assert darkest.loc[-0.5, "product"] > 0  # inverted structure: the error is rewarded
    plt.close(figures.brightness_curves(table))


def test_what_the_product_keeps_is_its_slope_in_parts_of_the_sums() -> None:
    """Where all windows are too dark, pulls do not cancel, and the ratio is that of the derivatives by brightness."""
    x = 0.3 + 0.5 * photo(40, 40, 3).double()
    y = noisy(x, 0.1).double() * 0.5
    shift = torch.zeros((), dtype=torch.float64, requires_grad=True)
    product = float(torch.autograd.grad(ssim(x, y + shift, validate=False).sum(), shift)[0])
    summed = lwssim(x, y + shift, window_sizes=[11], window_kind="gaussian", validate=False)
    found = argument.window_figures(ssim_terms(x, y)).iloc[0]
    assert found["kept"] / found["pull"] == pytest.approx(
        product / float(torch.autograd.grad(summed.sum(), shift)[0]), rel=1e-6
    )


def test_windows_are_counted_by_structure() -> None:
    x = photo(40, 40, 3)
    terms = ssim_terms(x, noisy(x, 0.3))
    shares = argument.histogram(terms)
    assert shares.sum() == pytest.approx(1)
    structure = terms.contrast * terms.structure
    masked = float((structure < 0.5).double().mean())
    assert shares[: len(shares) * 3 // 4].sum() == pytest.approx(masked)
    images = argument.window_figures(terms)
    assert images["masked"].mean() == pytest.approx(masked)
    halves = argument.by_structure(terms)
    assert (halves["masked_upper"] + halves["masked_lower"]) / 2 == pytest.approx(masked, abs=1e-3)
    table = argument.summary({"AE (SSIM)": (pd.concat([images] * 2, ignore_index=True), halves)})
    assert table["low"][0] <= table["kept"][0] <= table["high"][0]
    assert argument.readable(table)["masked"][0] == f"{masked:.0%}"
    plt.close(figures.structure_histograms({"AE (SSIM)": shares, "mean": shares}, argument.MASKED))
