"""Visible noise against NumPy and by hand."""

import numpy as np
import torch
from scipy import ndimage

from replication.metrics.noise_visibility import visible_noise


def test_visible_noise_is_the_error_times_the_noise_visibility_function() -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.random((1, 12, 15)) for _ in range(2))
    grey = 255 * x[0]
    mean = ndimage.uniform_filter(grey, 3, mode="mirror")
    variance = ndimage.uniform_filter(grey**2, 3, mode="mirror") - mean**2
    expected = (255 * (y[0] - x[0])) ** 2 / (1 + 75 * variance / variance.max())
    found = visible_noise(*(torch.from_numpy(each)[None] for each in (x, y)))
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-9)


def test_all_of_the_error_is_visible_on_a_flat_image_and_none_without_error() -> None:
    flat = torch.full((1, 3, 9, 9), 0.5)
    brighter = flat + 0.1
    # 16 to 235 is the range of luminance that rgb2ycbcr gives
    torch.testing.assert_close(
        visible_noise(flat, brighter), torch.full((1, 9, 9), (219 * 0.1) ** 2), rtol=1e-4, atol=0
    )
    assert visible_noise(flat, flat).max() == 0
