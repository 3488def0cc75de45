"""Quality of autoencoders' reconstructions of held-out images: a row of measurements for each image."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from replication.datasets.stacks import Stack
from replication.metrics.bands import band_agreement, mirrored
from replication.metrics.chroma import colour_difference
from replication.metrics.colour import rgb_to_gray, to_uint8
from replication.metrics.ssim import ssim
from replication.metrics.terms import Terms, ssim_terms
from replication.models.autoencoders import Autoencoder
from replication.scoring.errors import ScoringError
from replication.scoring.regions import border_error, interior_error
from replication.training.autoencoders import reconstruct
from replication.training.trained import Trained

_TOGETHER = 50  # images measured at a time: their maps stay near the caches

FINE = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""Ends of the bands of fine detail in cycles per pixel: structures of less than ten pixels."""

FIGURES = {
    "ssim": "standard SSIM (11 x 11 Gaussian window) of the three channels, averaged",
    "ssim_gray": "the same on luminance (BT.601)",
    "mse": "mean squared error over pixels and channels, images in [0, 1]",
    "mse_interior": "the same without the outer 5 pixels",
    "mse_border": "the same over the outer 5 pixels",
    "mse_brightness": "of it, what adding a constant to each channel would remove",
    "mse_contrast": "of it, what stretching each channel would remove besides",
    "lightness_error": "mean |dL*| in CIELAB",
    "chroma_error": "mean sqrt(da*^2 + db*^2) in CIELAB",
    "chroma": "mean C* of the reconstruction",
    "chroma_original": "mean C* of the original",
    "detail": "mean correlation with the original in bands of fine detail",
    "ssim_8bit": "SSIM of the reconstruction rounded to 8 bits",
    "mse_8bit": "MSE of the reconstruction rounded to 8 bits",
}


def check_parts(parts: Mapping[str, Stack], trained: Mapping[str, Trained[Autoencoder]]) -> None:
    """Raise a ScoringError if test images are among the others, or a network was trained on other images than these."""
    test = set(parts["test"].names)
    for part in ("training", "validation"):
        both = sorted(test & set(parts[part].names))
        if both:
            raise ScoringError(f"{len(both)} test images are among the {part} images, such as {both[0]}")
    for name, run in trained.items():
        for key, part in (("images", "training"), ("held_out", "validation")):
            if run.identity[key] != parts[part].digest:
                raise ScoringError(f"{name} was trained with other {part} images than these; train it anew")


def measure(network: Autoencoder, images: Stack) -> pd.DataFrame:
    """FIGURES of the reconstruction of every image (RGB); columns: image, and one for each.

    Reconstructions are floats in (0, 1) as the network gives them; a VAE decodes its mean codes.
    """
    output = reconstruct(network, images)
    found: dict[str, list[Tensor]] = {name: [] for name in FIGURES}
    with torch.inference_mode():
        for start in range(0, len(images), _TOGETHER):
            original = torch.from_numpy(images.pixels[start : start + _TOGETHER]).float() / 255
            for name, values in _figures(original, output[start : start + _TOGETHER]).items():
                found[name].append(values.double())
    table = pd.DataFrame({name: torch.cat(values).numpy() for name, values in found.items()})
    table.insert(0, "image", images.names)
    return table


def terms_of(network: Autoencoder | Tensor, images: Stack) -> Terms:
    """Maps of `ssim_terms` for all images and their reconstructions, or one image (C, size, size) in their place."""
    original = torch.from_numpy(images.pixels).float() / 255
    output = network.expand_as(original) if isinstance(network, Tensor) else reconstruct(network, images)
    with torch.inference_mode():
        parts = [
            ssim_terms(original[start : start + _TOGETHER], output[start : start + _TOGETHER])
            for start in range(0, len(images), _TOGETHER)
        ]
    return Terms(*(torch.cat(maps) for maps in zip(*parts, strict=True)))


def squared_error_parts(original: Tensor, output: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean squared error of each image, (N,), and the parts of it due to brightness and to contrast.

    Per channel, with means m, variances v and covariance vxy of original x and output y, exactly

        MSE = (mx - my)^2  +  (sy - vxy / sy)^2  +  (vx - vxy^2 / vy)

    the last being what the best a y + b of the channel leaves: the first is brightness, the second contrast.
    """
    x, y = original.double().flatten(2), output.double().flatten(2)
    mx, my = x.mean(-1), y.mean(-1)
    dx, dy = x - mx[..., None], y - my[..., None]
    vx, vy, vxy = (dx * dx).mean(-1), (dy * dy).mean(-1), (dx * dy).mean(-1)
    left = vx - torch.where(vy > 0, vxy.square() / vy.clamp(min=torch.finfo(vy.dtype).tiny), 0.0)
    brightness = (mx - my).square()
    contrast = vx + vy - 2 * vxy - left
    return (x - y).square().mean((1, 2)), brightness.mean(1), contrast.mean(1)


def _figures(original: Tensor, output: Tensor) -> dict[str, Tensor]:
    colours = colour_difference(original, output)
    error, brightness, contrast = squared_error_parts(original, output)
    rounded = to_uint8(output).float() / 255
    return {
        "ssim": ssim(original, output),
        "ssim_gray": ssim(rgb_to_gray(original), rgb_to_gray(output)),
        "mse": error,
        "mse_interior": interior_error(original, output),
        "mse_border": border_error(original, output),
        "mse_brightness": brightness,
        "mse_contrast": contrast,
        "lightness_error": colours.lightness,
        "chroma_error": colours.chroma,
        "chroma": colours.distorted_chroma,
        "chroma_original": colours.reference_chroma,
        "detail": fine_detail(original, output),
        "ssim_8bit": ssim(original, rounded),
        "mse_8bit": (original - rounded).double().square().mean((1, 2, 3)),
    }


def fine_detail(original: Tensor, output: Tensor) -> Tensor:
    """Mean correlation of each image with the original over the bands of FINE, (N,), border included.

    A band that is empty counts as 0: nothing of its detail is in the reconstruction.
    """
    correlation = band_agreement(mirrored(original), mirrored(output), FINE, taper=False).correlation
    return correlation.nan_to_num(0.0).mean(1)


def mean_image(images: Stack) -> Tensor:
    """Mean of all images, (C, size, size) in [0, 1]: what a network that knows nothing of an image does best with."""
    return torch.from_numpy(images.pixels.mean(axis=0, dtype=np.float64)).float() / 255
