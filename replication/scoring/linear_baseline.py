"""The best linear code of images, principal components, as the least that an autoencoder of its size must reach."""

import pandas as pd
import torch
from torch import Tensor

from replication.datasets.stacks import Stack
from replication.scoring.regions import errors

_EXTRA, _ITERATIONS = 16, 6  # directions beyond those wanted, and power iterations: the error is then exact to 1e-4
_TOGETHER = 250


def linear_errors(training: Stack, images: Stack, components: int) -> pd.DataFrame:
    """Errors of reconstructions by as many principal components of the training images as a code has units.

    One row: components; means over images of ssim, mse, mse_interior and mse_border (`regions.errors`).
    """
    found = mean_errors(images, linear_reconstructions(training, images, components))
    return pd.DataFrame([{"components": components, **found}])


def mean_errors(images: Stack, output: Tensor) -> dict[str, float]:
    """Means over images of `regions.errors` of their reconstructions `output`, (N, C, H, W) in [0, 1]."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), _TOGETHER):
            original = torch.from_numpy(images.pixels[start : start + _TOGETHER]).float() / 255
            found = errors(original, output[start : start + _TOGETHER])
            parts.append(pd.DataFrame({name: values.double().numpy() for name, values in found.items()}))
    return {str(name): float(value) for name, value in pd.concat(parts).mean().items()}


def linear_reconstructions(training: Stack, images: Stack, components: int) -> Tensor:
    """Each image as the mean training image plus its `components` principal components, (N, C, H, W) in [0, 1].

    Components are those of all pixels and channels of the training images (randomised SVD of a fixed seed, Halko,
    Martinsson, Tropp 2011); at most as many as there are training images minus one. Values outside [0, 1] are clamped,
    as an image file would.
    """
    if components < 1:
        raise ValueError(f"a linear code needs at least 1 component, got {components}")
    learnt = torch.from_numpy(training.pixels).flatten(1).float() / 255
    mean = learnt.mean(0)
    learnt -= mean
    count = min(components, *learnt.shape)
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(0)
        basis = torch.svd_lowrank(learnt, q=min(count + _EXTRA, *learnt.shape), niter=_ITERATIONS)[2][:, :count]
        pixels = torch.from_numpy(images.pixels)
        parts = []
        for start in range(0, len(images), _TOGETHER):
            centred = pixels[start : start + _TOGETHER].flatten(1).float() / 255 - mean
            parts.append((mean + (centred @ basis) @ basis.T).clamp(0, 1))
    return torch.cat(parts).view(pixels.shape)
