"""Luminance against scikit-image, and 8-bit values against MATLAB's documented arithmetic."""

import pytest
import torch
from skimage import color, data

from replication.metrics.colour import luminance, rgb_to_gray, rgb_to_y, rgb_to_ycbcr, to_uint8


def test_ycbcr_agrees_with_scikit_image() -> None:
    photo = data.astronaut()
    expected = torch.from_numpy(color.rgb2ycbcr(photo)).permute(2, 0, 1)
    ours = rgb_to_ycbcr(torch.from_numpy(photo).permute(2, 0, 1).double() / 255)
    torch.testing.assert_close(255 * ours, expected)


@pytest.mark.parametrize(
    ("rgb", "ycbcr"),
    [
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (81, 90, 240)),
        ((0, 255, 0), (145, 54, 34)),
        ((0, 0, 255), (41, 240, 110)),
    ],
)
def test_eight_bit_primaries_have_the_codes_of_bt_601(rgb: tuple[int, ...], ycbcr: tuple[int, ...]) -> None:
    image = torch.tensor(rgb, dtype=torch.uint8).view(1, 3, 1, 1)
    assert rgb_to_ycbcr(image).flatten().tolist() == list(ycbcr)
    assert rgb_to_y(image).flatten().tolist() == [ycbcr[0]]


def test_every_eight_bit_luminance_is_rounded_exactly() -> None:
    """Against integer arithmetic: (65481 R + 128553 G + 24966 B) / 255000 + 16, halves up."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (1, 3, 300, 300), dtype=torch.uint8, generator=generator)
    red, green, blue = image.long().unbind(1)
    expected = (65481 * red + 128553 * green + 24966 * blue + 16 * 255000 + 127500) // 255000
    assert torch.equal(rgb_to_y(image)[:, 0].long(), expected)


def test_grey_is_its_own_gray_and_weights_are_those_of_ntsc() -> None:
    grey = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(-1, 3, -1, -1)
    assert torch.equal(rgb_to_gray(grey), grey[:, :1])
    primaries = torch.eye(3, dtype=torch.float64).view(3, 3, 1, 1)
    assert rgb_to_gray(primaries).flatten().tolist() == pytest.approx([0.2989, 0.5870, 0.1140], abs=5e-5)


def test_luminance_leaves_a_grey_image_alone() -> None:
    grey = torch.randint(0, 256, (1, 4, 5), dtype=torch.uint8)
    assert luminance(grey) is grey
    rgb = torch.rand(2, 3, 4, 5)
    assert torch.equal(luminance(rgb), rgb_to_y(rgb))


def test_halves_are_rounded_up_and_excess_is_clipped() -> None:
    values = torch.tensor([0.5, 1.5, 2.5, 2.4999, -3.0, 254.5, 300.0], dtype=torch.float64)
    assert to_uint8(values, data_range=255.0).tolist() == [1, 2, 3, 2, 0, 255, 255]
    assert to_uint8(torch.arange(256) / 255).tolist() == list(range(256))


def test_float_conversion_is_differentiable() -> None:
    image = torch.rand(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rgb_to_ycbcr, (image,))


def test_wrong_channels_and_types_are_errors() -> None:
    with pytest.raises(ValueError, match=r"image must be RGB of shape \(..., 3, H, W\), got \(1, 4, 2, 2\)"):
        rgb_to_y(torch.rand(1, 4, 2, 2))
    with pytest.raises(ValueError, match="floating-point in .* or torch.uint8, got torch.int64"):
        rgb_to_gray(torch.zeros(3, 2, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="must be floating-point, got torch.uint8"):
        to_uint8(torch.zeros(2, 2, dtype=torch.uint8))
