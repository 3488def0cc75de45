"""Zooming against SciPy."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from replication.metrics.zoom import zoom


@pytest.mark.parametrize(
    ("size", "target"),
    [
        ((4, 6), (9, 12)),
        ((9, 12), (250, 335)),
        ((5, 5), (5, 5)),
        ((9, 7), (3, 4)),
        ((1, 3), (4, 9)),
        ((3, 4), (1, 1)),
        ((1, 1), (6, 5)),
        ((32, 8), (119, 101)),
    ],
)
def test_maps_are_those_of_scipy(size: tuple[int, int], target: tuple[int, int]) -> None:
    maps = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 1
    factors = [after / before for before, after in zip(size, target, strict=True)]
    expected = [[ndimage.zoom(image.numpy(), factors, order=1) for image in channels] for channels in maps]
    np.testing.assert_allclose(zoom(maps, target).numpy(), expected, rtol=1e-12)
    np.testing.assert_allclose(zoom(maps.float(), target).numpy(), expected, rtol=1e-6)


def test_the_last_pixel_is_outside_for_the_same_sizes_as_in_scipy() -> None:
    """Its rounded position lies beyond the map for one in thirty pairs of sizes."""
    line = torch.ones(1, 40, dtype=torch.float64)
    outside = 0
    for before in range(1, 40, 3):
        for after in range(before, 400, 2):
            theirs = ndimage.zoom(line[:, :before].numpy(), (1, after / before), order=1)[0, -1]
            assert zoom(line[:, :before], (1, after))[0, -1].item() == theirs
            outside += theirs == 0
    assert outside > 20


def test_zooming_has_a_gradient_and_keeps_its_precision_under_autocast() -> None:
    maps = torch.rand(2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: zoom(x, (7, 3)), maps)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(zoom(maps.float(), (7, 3)), zoom(maps.detach().float(), (7, 3)))


def test_no_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="size must be positive"):
        zoom(torch.rand(1, 4, 4), (0, 3))
