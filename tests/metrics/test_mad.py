"""MAD: its parts against NumPy and SciPy, block by block."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from replication.metrics import mad, visible_error
from replication.metrics.mad import angular_filter, contrast_sensitivity, radial_filter
from replication.metrics.moments import block_statistics
from tests.metrics.originals import noisy, photo
from tests.metrics.photos import photo_pair


@pytest.mark.parametrize("size", [(16, 16), (37, 50), (64, 20)])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_block_statistics_agree_with_scipy(size: tuple[int, int], offset: float) -> None:
    image = 1 + torch.rand(2, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).square() + offset
    blocks = np.lib.stride_tricks.sliding_window_view(image.numpy(), (16, 16), axis=(1, 2))[:, ::4, ::4].reshape(
        -1, 256
    )
    ours = block_statistics(image)
    assert ours.mean.shape == (2, (size[0] - 12) // 4, (size[1] - 12) // 4)
    np.testing.assert_allclose(ours.mean.flatten(), blocks.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(ours.deviation.flatten(), blocks.std(axis=1), rtol=1e-9)
    np.testing.assert_allclose(ours.skewness.flatten(), stats.skew(blocks, axis=1), rtol=0, atol=1e-8)
    np.testing.assert_allclose(ours.kurtosis.flatten(), stats.kurtosis(blocks, axis=1, fisher=False), rtol=1e-8)


def test_block_statistics_of_a_nearly_flat_image_keep_their_precision_in_float32() -> None:
    image = 100 + torch.rand(64, 64, generator=torch.Generator().manual_seed(0))
    single, double = block_statistics(image), block_statistics(image.double())
    for ours, expected in zip(single, double, strict=True):
        # The mean of float32 numbers near 100 is exact to some 1e-5; powers of such numbers would keep no digit.
        torch.testing.assert_close(ours.double(), expected, rtol=1e-4, atol=5e-4)


def test_the_sensitivity_is_that_of_the_paper_at_known_frequencies() -> None:
    gain = contrast_sensitivity(65, 65)
    cycles = torch.arange(33, dtype=torch.float64) * 64 / 65  # across: 32 cycles per degree at the highest frequency
    expected = 2.6 * (0.0192 + 0.114 * cycles) * torch.exp(-((0.114 * cycles) ** 1.1))
    torch.testing.assert_close(gain[0, :33], torch.where(cycles < 7.8909, 0.9809, expected))
    diagonal = math.hypot(10, 10) * 64 / 65 / 0.7
    expected_diagonal = 2.6 * (0.0192 + 0.114 * diagonal) * math.exp(-((0.114 * diagonal) ** 1.1))
    assert gain[10, 10].item() == pytest.approx(expected_diagonal)


def test_log_gabor_filters_peak_at_their_wavelength_and_orientation() -> None:
    like = torch.zeros((), dtype=torch.float64)
    for scale in range(5):
        radial = radial_filter(486, 486, scale, like=like)
        assert radial[0, :243].argmax().item() == 486 / 3 ** (scale + 1)
        assert radial[0, 0] == 0
    places = ((0, 9), (-9, 9), (-9, 0), (-9, -9))  # 0, 45, 90, 135 degrees, anticlockwise
    for orientation, place in enumerate(places):
        assert angular_filter(486, 486, orientation, like=like)[place].item() == pytest.approx(1)


def test_the_variants_are_named_and_differ() -> None:
    reference = photo(64, 80)
    distorted = noisy(reference)
    assert not torch.allclose(mad(reference, distorted), mad(reference, distorted, variant="paper"), rtol=0.01)
    with pytest.raises(ValueError, match="variant must be one of port, paper"):
        mad(reference, distorted, variant="matlab")  # type: ignore[arg-type]


def test_the_paper_variant_treats_every_channel_alone() -> None:
    reference = photo(64, 80)
    distorted = noisy(reference)
    channels = [mad(reference[:, c : c + 1], distorted[:, c : c + 1], variant="paper") for c in range(3)]
    torch.testing.assert_close(mad(reference, distorted, variant="paper"), torch.stack(channels).mean(dim=0))


def test_visible_error_is_what_mad_takes_the_first_root_mean_square_of() -> None:
    reference, distorted = photo_pair(64, 80)
    blocks = visible_error(reference, distorted)
    assert blocks.shape == (1, 3, 13, 17)
    assert (blocks >= 0).all()
    assert blocks.max() > 0
    assert visible_error(reference, reference).max() == 0
    with pytest.raises(ValueError, match="too small"):
        visible_error(reference[..., :15], distorted[..., :15])
