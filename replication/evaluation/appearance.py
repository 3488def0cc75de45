"""Two numbers for how a picture looks: where its detail lies in frequency, and how much of its contrast is colour."""

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

Array = NDArray[np.float64]


def spectral_centroid(rgb: Array, *, pixels_per_degree: float = 32.0) -> float:
    """Mean frequency of the lightness L*, in cycles per degree, each frequency weighted by its amplitude.

        sum |F(u)| |u| / sum |F(u)|,   over 0 < |u| <= 1/2 cycle per pixel

    F is the Fourier transform of L* minus its mean under a Hann window. rgb: (H, W, 3), sRGB in [0, 1]. NaN without any
    contrast.
    """
    lightness = rgb2lab(_picture(rgb))[..., 0]
    window = np.hanning(lightness.shape[0] + 2)[1:-1, None] * np.hanning(lightness.shape[1] + 2)[1:-1]
    mean = (lightness * window).sum() / window.sum()  # the mean under the window, or it would leak
    amplitude = np.abs(np.fft.fft2((lightness - mean) * window))
    frequency = np.hypot(np.fft.fftfreq(lightness.shape[0])[:, None], np.fft.fftfreq(lightness.shape[1]))
    within = (frequency > 0) & (frequency <= 0.5)
    total = amplitude[within].sum()
    if total <= 1e-9 * lightness.size:
        return float("nan")
    return float((amplitude * frequency)[within].sum() / total * pixels_per_degree)


def lab_contrast(rgb: Array) -> tuple[float, float]:
    """Contrast of lightness and of colour, in units of CIELAB: deviation of L*, and root of the variances of a* and b*.

    rgb: (H, W, 3), sRGB in [0, 1].
    """
    lab = rgb2lab(_picture(rgb)).reshape(-1, 3)
    variance = lab.var(axis=0)
    return float(np.sqrt(variance[0])), float(np.sqrt(variance[1] + variance[2]))


def chroma_share(rgb: Array) -> float:
    """The part c / (c + l) of a picture's `lab_contrast` that is colour, in [0, 1]; NaN without any contrast."""
    lightness, colour = lab_contrast(rgb)
    return colour / (colour + lightness) if colour + lightness > 1e-6 else float("nan")


def _picture(rgb: Array) -> Array:
    image = np.asarray(rgb, dtype=np.float64)
    if image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 2:
        raise ValueError(f"a picture must be (H, W, 3) of at least 2 x 2 pixels, got {image.shape}")
    if not (np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1):
        raise ValueError("a picture must be finite and in [0, 1]")
    return image
