"""NLPD against its definition written with SciPy's filters, which pad and convolve as MATLAB's do."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import correlate
from scipy.signal import convolve2d

from replication.metrics import nlpd
from tests.metrics.originals import noisy, photo

TAPS = np.array([0.05, 0.25, 0.4, 0.25, 0.05])
LOW_PASS = np.outer(TAPS, TAPS)
SIGMAS = (0.0248, 0.0185, 0.0179, 0.0191, 0.0220, 0.2782)
# The 5 x 5 filters as printed by the authors: above, left, right, below the centre, and two to the right of it.
NEIGHBOURS = (
    (0.1011, 0.1493, 0.1460, 0.1015, 0.0072),
    (0.0757, 0.1986, 0.1846, 0.0837, 0),
    (0.0477, 0.2138, 0.2243, 0.0467, 0),
    (0, 0.2503, 0.2616, 0, 0),
    (0, 0.2598, 0.2552, 0, 0),
    (0, 0.2215, 0.0717, 0, 0),
)
Image = NDArray[np.float64]


def enlarged(small: Image, shape: tuple[int, ...]) -> Image:
    padded = np.pad(small, 1, mode="edge")
    spread = np.zeros([2 * side for side in padded.shape])
    spread[::2, ::2] = 4 * padded
    return correlate(spread, LOW_PASS, mode="constant")[2 : 2 + shape[0], 2 : 2 + shape[1]]


def normalised_levels(image: Image) -> list[Image]:
    bands = []
    for _ in range(5):
        small = correlate(image, LOW_PASS, mode="reflect")[::2, ::2]  # SciPy's reflect repeats the border pixel
        bands.append(image - enlarged(small, image.shape))
        image = small
    levels = []
    for band, sigma, (above, left, right, below, further) in zip([*bands, image], SIGMAS, NEIGHBOURS, strict=True):
        kernel = np.zeros((5, 5))
        kernel[1, 2], kernel[2, 1], kernel[2, 3], kernel[3, 2], kernel[2, 4] = above, left, right, below, further
        levels.append(band / (sigma + convolve2d(np.abs(band), kernel, mode="same")))
    return levels


@pytest.mark.parametrize("size", [(64, 96), (65, 47), (17, 18), (130, 99)])
def test_agrees_with_its_definition(size: tuple[int, int]) -> None:
    reference = photo(*size)[:, :1].double()
    distorted = noisy(reference)
    levels = [normalised_levels(image[0, 0].numpy()) for image in (reference, distorted)]
    expected = np.mean([np.sqrt(np.mean((a - b) ** 2)) for a, b in zip(*levels, strict=True)])
    assert nlpd(reference, distorted).item() == pytest.approx(expected, rel=1e-12)
