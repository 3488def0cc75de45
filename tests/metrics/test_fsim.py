"""FSIM: the reduction before it, and its options; its values are piq's, compared with the original elsewhere."""

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d

from replication.metrics import chunks, fsim
from replication.metrics.blocks import block_means
from tests.metrics.originals import noisy, photo


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("size", [(20, 31), (23, 24), (5, 9)])
def test_images_are_reduced_as_matlab_does(factor: int, size: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *size, dtype=torch.float64)
    # MATLAB's conv2(..., 'same') starts at ceil((factor + 1) / 2), counted from one.
    start = int(np.ceil((factor + 1) / 2)) - 1
    for plane, reduced in zip(image.flatten(0, 1), block_means(image, factor).flatten(0, 1), strict=True):
        full = convolve2d(plane.numpy(), np.full((factor, factor), factor**-2.0))
        same = full[start : start + size[0], start : start + size[1]]
        np.testing.assert_allclose(reduced.numpy(), same[::factor, ::factor], rtol=1e-12)


@pytest.mark.parametrize("size", [(128, 150), (384, 400)])
def test_agrees_with_piq_where_its_reduction_is_that_of_matlab(size: tuple[int, int]) -> None:
    import piq

    reference = photo(*size)
    distorted = noisy(reference)
    for chromatic in (True, False):
        expected = piq.fsim(distorted, reference, chromatic=chromatic, reduction="none")
        torch.testing.assert_close(fsim(reference, distorted, chromatic=chromatic), expected, rtol=0, atol=1e-6)


def test_one_channel_is_luminance() -> None:
    grey = photo(64, 80).mean(dim=1, keepdim=True)
    in_three = fsim(grey.expand(-1, 3, -1, -1), noisy(grey).expand(-1, 3, -1, -1), chromatic=False)
    torch.testing.assert_close(fsim(grey, noisy(grey)), in_three, rtol=0, atol=1e-4)  # piq's weights of Y sum to .9999
    with pytest.raises(ValueError, match="2 channels"):
        fsim(torch.rand(1, 2, 32, 32), torch.rand(1, 2, 32, 32))


@pytest.mark.parametrize("factor", [2, 3, 5])
@pytest.mark.parametrize("size", [(20, 31), (23, 24), (5, 9)])
def test_images_are_reduced_in_strips_as_in_one(
    factor: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = torch.rand(2, 3, *size)
    whole = block_means(image, factor)
    for strip in (1, 3 * factor * size[1]):  # two rows of blocks, three
        monkeypatch.setattr(chunks, "_STRIP", strip)
        assert torch.equal(block_means(image, factor), whole)


@pytest.mark.parametrize("pair", ["flat", "black and white", "dimmed slide", "half flat"])
def test_its_gradient_is_finite_where_nothing_responds(pair: str) -> None:
    """There piq's own is NaN: a root's slope at zero is infinite."""
    image = photo(64, 80)
    half = image.clone()
    half[..., 32:, :] = 0.5
    reference, distorted = {
        "flat": (torch.full_like(image, 0.5), torch.full_like(image, 0.4)),
        "black and white": (torch.zeros_like(image), torch.ones_like(image)),
        "dimmed slide": (image.round(), 0.5 * image.round()),
        "half flat": (half, 0.9 * half),
    }[pair]
    distorted.requires_grad_()
    assert torch.autograd.grad(fsim(reference, distorted).sum(), distorted)[0].isfinite().all()


def test_away_from_zeros_its_gradient_is_piqs() -> None:
    import piq

    reference = photo(128, 150)
    distorted = noisy(reference).requires_grad_()
    gradients = [
        torch.autograd.grad(score.sum(), distorted)[0]
        for score in (fsim(reference, distorted), piq.fsim(distorted, reference, reduction="none"))
    ]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-9)
