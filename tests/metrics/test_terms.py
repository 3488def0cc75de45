"""The terms of SSIM against its definition window by window; luminance's slope against differences."""

import pytest
import torch

from replication.metrics.ssim import ssim_map
from replication.metrics.terms import ssim_terms
from tests.metrics.test_lwssim import window_terms
from tests.metrics.test_ssim import noisy, photo


@pytest.mark.parametrize("kind", ["gaussian", "uniform"])
def test_terms_are_those_of_the_definition(kind: str) -> None:
    x = photo(24, 20, 3)
    y = noisy(x, 0.1)
    expected = window_terms(x, y, 11, kind)
    found = ssim_terms(x, y, window_kind=kind)  # type: ignore[arg-type]
    for ours, by_definition in zip(found[:3], expected, strict=True):
        torch.testing.assert_close(ours.double(), by_definition, rtol=0, atol=1e-5)
    product = found.luminance * found.contrast * found.structure
    torch.testing.assert_close(product, ssim_map(x, y, window_kind=kind), rtol=0, atol=1e-5)  # type: ignore[arg-type]


def test_the_slope_is_what_luminance_gains_from_brightness() -> None:
    x = photo(24, 20, 3).double()
    y, step = noisy(x, 0.1).double() * 0.9, 1e-5
    rise = ssim_terms(x, y + step, validate=False).luminance - ssim_terms(x, y - step, validate=False).luminance
    torch.testing.assert_close(ssim_terms(x, y).slope, rise / (2 * step), rtol=1e-5, atol=1e-7)


def test_brightness_changes_luminance_alone() -> None:
    x = photo(24, 20, 3).double() * 0.8
    y = noisy(x, 0.05).double() * 0.8
    before, after = ssim_terms(x, y), ssim_terms(x, y + 0.1)
    torch.testing.assert_close(before.contrast, after.contrast)
    torch.testing.assert_close(before.structure, after.structure)
    assert (before.luminance - after.luminance).abs().max() > 0.01


def test_flat_images_have_contrast_and_structure_of_one() -> None:
    flat = torch.full((1, 1, 16, 16), 0.4)
    found = ssim_terms(flat, flat + 0.1)
    for term in (found.contrast, found.structure):
        torch.testing.assert_close(term, torch.ones_like(term), rtol=0, atol=1e-4)
    assert (found.slope < 0).all()  # it is too bright
