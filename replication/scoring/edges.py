"""Edges in a representation: maps of edges of an image read out of its code by a linear map, on images not fitted."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from replication.datasets.stacks import Stack
from replication.evaluation.readout import read_out
from replication.scoring.representations import Protocol, Representation

GRADIENTS, GABOR = "edge maps", "Gabor energy"
_FREQUENCIES = (0.25, 0.125)  # cycles per pixel
_ORIENTATIONS = 4
_CELLS = 12  # of each side, over which responses are averaged: four pixels of 48
_CHUNK = 250


def edge_errors(
    stack: Stack, found: Sequence[Representation], groups: NDArray[np.intp], protocol: Protocol
) -> pd.DataFrame:
    """The error of reading edges out of each representation: method, seed, target, image (its position), error.

    target: "edge maps", the length of the gradient, or "Gabor energy", of two frequencies and four directions; both
        averaged over a grid of 12 x 12 cells (`edge_maps`).
    error: squared error of an image's maps in percent of their variance over all images, by a ridge regression that is
        fitted without the image's fold (`evaluation.readout.read_out`); 100 is the error of always predicting the mean.
    groups: of each image; no group is split. Representations that are made within folds (`pca`) are left out.
    """
    images = torch.from_numpy(stack.pixels).float().mean(1, keepdim=True) / 255
    parts = []
    for target, maps in edge_maps(images).items():
        for one in found:
            if one.pca is not None:
                continue
            error = read_out(one.features, maps, groups, folds=protocol.folds, scaling=one.scaling, seed=protocol.seed)
            about = {"method": one.method, "seed": one.seed, "target": target, "image": np.arange(len(stack))}
            parts.append(pd.DataFrame({**about, "error": 100 * error}))
    return pd.concat(parts, ignore_index=True)


def edge_maps(images: Tensor) -> dict[str, NDArray[np.float64]]:
    """Maps of edges of grey images (N, 1, H, W), (N, values): "edge maps" and "Gabor energy", see `edge_errors`."""
    starts = range(0, len(images), _CHUNK)
    with torch.inference_mode():
        return {
            name: torch.cat([_pooled(measure(images[at : at + _CHUNK])) for at in starts]).double().numpy()
            for name, measure in ((GRADIENTS, _gradients), (GABOR, _gabor_energy))
        }


def _pooled(maps: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(maps, _CELLS).flatten(1)


def _gradients(images: Tensor) -> Tensor:
    """Length of the gradient by Sobel's filters, (N, 1, H, W)."""
    smooth = torch.tensor([[1.0, 2.0, 1.0]]) / 4
    across = smooth.T @ torch.tensor([[-0.5, 0.0, 0.5]])
    filters = torch.stack([across, across.T])[:, None]
    found = F.conv2d(F.pad(images, (1, 1, 1, 1), mode="reflect"), filters)
    return found.square().sum(1, keepdim=True).sqrt()


def _gabor_energy(images: Tensor) -> Tensor:
    """Root of the summed squares of an even and an odd Gabor filter, (N, frequencies x orientations, H, W).

    The envelope is a Gaussian with a deviation of half a period; filters have no response to a constant.
    """
    parts = []
    for frequency in _FREQUENCIES:
        deviation = 0.5 / frequency
        reach = math.ceil(2.5 * deviation)
        at = torch.arange(-reach, reach + 1, dtype=torch.float32)
        y, x = torch.meshgrid(at, at, indexing="ij")
        envelope = torch.exp(-(x.square() + y.square()) / (2 * deviation**2))
        envelope = envelope / envelope.sum()
        padded = F.pad(images, (reach,) * 4, mode="reflect")
        for step in range(_ORIENTATIONS):
            angle = math.pi * step / _ORIENTATIONS
            phase = 2 * math.pi * frequency * (x * math.cos(angle) + y * math.sin(angle))
            pair = torch.stack([envelope * phase.cos(), envelope * phase.sin()])
            pair = pair - pair.sum((1, 2), keepdim=True) * envelope
            parts.append(F.conv2d(padded, pair[:, None]).square().sum(1, keepdim=True).sqrt())
    return torch.cat(parts, dim=1)
