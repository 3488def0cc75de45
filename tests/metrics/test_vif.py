"""VIF against its definition block by block, its filters against their purpose, and the pixel domain against piq."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from replication.metrics import vif, vif_pixel
from replication.metrics.steerable import oriented_bands
from tests.metrics.originals import noisy, photo

Band = NDArray[np.float64]


def information(reference: Band, distorted: Band, size: int) -> tuple[float, float]:
    """What a band keeps and has, one block of 3 x 3 after another (Sheikh and Bovik 2006, equations of section III)."""
    height, width = (side // 3 * 3 for side in reference.shape)
    reference, distorted = reference[:height, :width], distorted[:height, :width]
    blocks = np.lib.stride_tricks.sliding_window_view(reference, (3, 3)).reshape(-1, 9)
    covariance = np.cov(blocks.T, bias=True)
    eigenvalues, inverse = np.linalg.eigvalsh(covariance), np.linalg.inv(covariance)
    kept = available = 0.0
    for row in range(1, height, 3):
        for column in range(1, width, 3):
            top, left = row - size // 2, column - size // 2
            skipped = 3 * int(np.ceil(size // 2 / 3))
            if not (skipped < row < height - skipped and skipped < column < width - skipped):
                continue
            x, y = (band[top : top + size, left : left + size].ravel() for band in (reference, distorted))
            (variance_x, covariance_xy), (_, variance_y) = np.cov(x, y, bias=True)
            gain = max(covariance_xy / variance_x, 0)
            block = reference[row - 1 : row + 2, column - 1 : column + 2].ravel()
            signal = block @ inverse @ block / 9 * eigenvalues
            kept += np.log2(1 + gain**2 * signal / (variance_y - gain * covariance_xy + 0.4)).sum()
            available += np.log2(1 + signal / 0.4).sum()
    return kept, available


@pytest.mark.parametrize("size", [(80, 96), (75, 107)])
def test_agrees_with_its_definition(size: tuple[int, int]) -> None:
    reference = photo(*size)[:, :1].double()
    distorted = 0.9 * noisy(reference, 0.02)
    sums = np.zeros(2)
    pyramids = (oriented_bands(255 * image, 4) for image in (reference, distorted))
    for window, (bands_x, bands_y) in zip((17, 9, 5, 3), zip(*pyramids, strict=True), strict=True):
        for x, y in zip(bands_x, bands_y, strict=True):
            sums += information(x[0, 0].numpy(), y[0, 0].numpy(), window)
    assert vif(reference, distorted).item() == pytest.approx(sums[0] / sums[1], rel=1e-9)


def test_the_bands_see_one_orientation_each_at_the_frequency_of_their_level() -> None:
    position = torch.arange(256, dtype=torch.float64)
    for level in range(4):
        grating = torch.cos(position * torch.pi / 2 / 2**level).expand(256, 256)
        energies = [
            [band[..., 8:-8, 8:-8].square().mean().item() for band in pair]
            for pair in oriented_bands(grating[None, None], 4)
        ]
        down, across = np.array(energies).T
        assert across.argmax() == level
        assert down.max() < 1e-3 * across[level]


def test_a_flat_image_leaves_nothing_in_the_bands() -> None:
    for pair in oriented_bands(torch.full((1, 1, 70, 90), 200.0, dtype=torch.float64), 4):
        assert max(band.abs().max().item() for band in pair) < 1e-10


def test_contrast_enhancement_scores_above_one() -> None:
    reference = 0.25 + 0.5 * photo(96, 96)[:, :1]
    assert vif(reference, (reference - 0.5) * 1.5 + 0.5).item() > 1.01


@pytest.mark.parametrize("size", [(41, 41), (97, 113), (256, 200)])
def test_in_the_pixel_domain_agrees_with_piq_in_float64(size: tuple[int, int]) -> None:
    import piq

    reference = photo(*size)[:, :1].double()
    distorted = noisy(reference)
    for noise in (2.0, 0.4):
        expected = piq.vif_p(distorted, reference, sigma_n_sq=noise, reduction="none")
        torch.testing.assert_close(vif_pixel(reference, distorted, noise=noise), expected, rtol=1e-8, atol=0)
    with pytest.raises(ValueError, match="noise must be positive"):
        vif_pixel(reference, distorted, noise=0.0)
