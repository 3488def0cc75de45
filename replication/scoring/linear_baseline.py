"""The best linear code of images, principal components, as the least that an autoencoder of its size must reach."""

import io
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from replication.datasets.stacks import Stack
from replication.files import atomic_write_text
from replication.scoring.regions import errors

COLUMNS = ["components", "ssim", "mse", "mse_interior", "mse_border", "training", "images"]
_EXTRA, _ITERATIONS = 16, 6  # directions beyond those wanted, and power iterations: the error is then exact to 1e-4
_TOGETHER = 250
_TEXTS = {"training": str, "images": str}
_FLOAT = "%.6g"


def linear_errors(training: Stack, images: Stack, components: int, table: Path | None = None) -> pd.DataFrame:
    """Errors of reconstructions by as many principal components of the training images as a code has units.

    One row: components; means over images of ssim, mse, mse_interior and mse_border (`regions.errors`); the digests of
    the training images and of the images measured.
    table: a CSV file of such rows; one of the same images and number of components is read, a new one is added to it.
    """
    about = {"components": components, "training": training.digest[:12], "images": images.digest[:12]}
    known = pd.read_csv(table, dtype=_TEXTS) if table and table.is_file() else None
    if known is not None and list(known.columns) == COLUMNS:
        same = known[(known[list(about)] == pd.Series(about)).all(axis=1)]
        if len(same):
            return same.head(1).reset_index(drop=True)
    found = mean_errors(images, linear_reconstructions(training, images, components))
    text = pd.DataFrame([{**found, **about}])[COLUMNS].to_csv(index=False, float_format=_FLOAT)
    row = pd.read_csv(io.StringIO(text), dtype=_TEXTS)  # the digits of the file, the first time as any later one
    if table is not None:
        rows = row if known is None or list(known.columns) != COLUMNS else pd.concat([known, row], ignore_index=True)
        atomic_write_text(table, rows.to_csv(index=False, float_format=_FLOAT, lineterminator="\n"))
    return row


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
