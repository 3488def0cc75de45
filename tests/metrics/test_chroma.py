"""CIELAB against scikit-image and closed forms; errors of lightness and of colour apart."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab
from torch import Tensor

from replication.metrics.chroma import chroma_error, chroma_ratio, colour_difference, rgb_to_lab
from tests.metrics.test_ssim import photo


def every_kind_of_colour() -> Tensor:
    """All combinations of 16 levels, dark ones below both straight lines among them: (1, 3, 64, 64)."""
    levels = torch.tensor([0, 1, 2, 5, 10, 11, 20, 40, 60, 90, 120, 150, 180, 210, 240, 255], dtype=torch.float64) / 255
    return torch.cartesian_prod(levels, levels, levels).T.reshape(1, 3, 64, 64)


def by_skimage(image: Tensor) -> Tensor:
    return torch.from_numpy(np.moveaxis(rgb2lab(image[0].permute(1, 2, 0).double().numpy()), -1, 0))[None]


def test_lab_is_that_of_scikit_image() -> None:
    image = every_kind_of_colour()
    torch.testing.assert_close(rgb_to_lab(image), by_skimage(image), rtol=0, atol=1e-6)
    torch.testing.assert_close(rgb_to_lab(image.float()).double(), by_skimage(image.float()), rtol=0, atol=1e-3)


def test_greys_have_no_colour_and_white_is_100() -> None:
    grey = torch.linspace(0, 1, 64, dtype=torch.float64).expand(1, 3, 1, 64)
    lightness, a, b = rgb_to_lab(grey)[0]
    assert lightness[0, -1].item() == pytest.approx(100, abs=1e-9)
    assert lightness[0, 0].item() == pytest.approx(0, abs=1e-9)
    assert torch.stack((a, b)).abs().max() < 0.01  # the matrix has six decimals


def test_differences_are_means_over_pixels_of_scikit_images() -> None:
    x = photo(24, 20, 3).double()
    y = (0.8 * x + 0.1 * x.flip(1)).clamp(0, 1)
    lab_x, lab_y = by_skimage(x)[0], by_skimage(y)[0]
    found = colour_difference(x, y)
    d = lab_x - lab_y
    expected = [
        d[0].abs().mean(),
        d[1:].square().sum(0).sqrt().mean(),
        lab_x[1:].square().sum(0).sqrt().mean(),
        lab_y[1:].square().sum(0).sqrt().mean(),
    ]
    for value, by_hand in zip(found, expected, strict=True):
        assert value.item() == pytest.approx(by_hand.item(), abs=1e-6)
    assert chroma_error(x, y).item() == found.chroma.item()
    assert chroma_ratio(x, y).item() == pytest.approx(expected[3].item() / expected[2].item(), abs=1e-8)


def test_fading_to_grey_loses_all_chroma_and_identical_images_none() -> None:
    x = photo(16, 16, 3)
    assert chroma_error(x, x).item() == 0
    assert chroma_ratio(x, x).item() == 1
    grey = x.mean(dim=1, keepdim=True).expand_as(x)
    assert chroma_ratio(x, grey).item() < 0.01
    faded = [chroma_ratio(x, share * x + (1 - share) * grey).item() for share in (0.25, 0.5, 0.75)]
    assert faded == sorted(faded)


def test_the_range_scales_images_only() -> None:
    x, y = photo(16, 16, 3), photo(16, 16, 3).flip(-1)
    for a, b in zip(colour_difference(x, y), colour_difference(255 * x, 255 * y, data_range=255), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("image", [torch.zeros(1, 1, 4, 4), torch.zeros(3), torch.zeros(1, 3, 4, 4, dtype=torch.uint8)])
def test_what_is_no_rgb_image_is_refused(image: Tensor) -> None:
    with pytest.raises(ValueError, match="image must be floating-point RGB of shape"):
        rgb_to_lab(image)
