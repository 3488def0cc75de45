"""Resizing against Pillow itself."""

import numpy as np
import pytest
import torch
from PIL import Image

from replication.metrics.pillow import resize_bilinear, short_side


@pytest.mark.parametrize(
    ("size", "target"),
    [
        ((384, 512), (256, 341)),
        ((768, 512), (384, 256)),
        ((600, 999), (256, 256)),
        ((100, 300), (256, 256)),
        ((999, 400), (256, 256)),
        ((37, 53), (11, 160)),
        ((64, 64), (64, 64)),
        ((5, 7), (1, 1)),
    ],
)
def test_is_pillows_bilinear_to_the_bit(size: tuple[int, int], target: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    # In two steps, so that rows come first in every version of Pillow.
    rows = Image.fromarray(pixels).resize((target[1], size[0]), Image.Resampling.BILINEAR)
    expected = np.array(rows.resize(target[::-1], Image.Resampling.BILINEAR))
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    resized = resize_bilinear(image, target)
    assert resized.dtype == torch.float32
    np.testing.assert_array_equal((resized * 255).round().byte()[0].permute(1, 2, 0).numpy(), expected)


def test_extreme_images_stay_what_they_are() -> None:
    for level in (0.0, 1.0):
        assert torch.equal(
            resize_bilinear(torch.full((1, 3, 40, 50), level), (21, 33)), torch.full((1, 3, 21, 33), level)
        )


def test_autocast_changes_nothing() -> None:
    image = torch.rand(1, 3, 50, 60, generator=torch.Generator().manual_seed(0))
    expected = resize_bilinear(image, (20, 30))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(resize_bilinear(image, (20, 30)), expected)


def test_the_shorter_side_is_set_and_the_longer_rounded_down() -> None:
    """As torchvision's resize of a PIL image to one number."""
    assert short_side(384, 512, 256) == (256, 341)
    assert short_side(512, 384, 256) == (341, 256)
    assert short_side(300, 300, 256) == (256, 256)


def test_an_empty_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"size must be positive, got \(0, 5\)"):
        resize_bilinear(torch.zeros(1, 3, 4, 4), (0, 5))


def test_a_channel_with_a_nan_becomes_nan_and_no_other() -> None:
    image = torch.full((2, 3, 30, 40), 0.5)
    image[1, 2, 3, 4] = torch.nan
    unknown = resize_bilinear(image, (20, 25)).isnan()
    assert unknown[1, 2].all()
    assert unknown.sum() == 20 * 25


def test_many_planes_are_resized_as_single_ones_are() -> None:
    planes = torch.rand(90, 300, 200, generator=torch.Generator().manual_seed(0))
    single = torch.stack([resize_bilinear(plane, (180, 111)) for plane in planes])
    assert torch.equal(resize_bilinear(planes, (180, 111)), single)
