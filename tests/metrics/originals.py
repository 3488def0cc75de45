"""The three TID2013 pairs that original implementations were run on, and what these gave."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor

PAIRS = ("I03", "I04", "I06")


def original_pair(real_data: Callable[[str], Path], name: str) -> tuple[Tensor, Tensor]:
    """Reference and distorted image, (1, 3, H, W) in [0, 1]."""
    folder = real_data("tid2013-samples")
    images = []
    for side in ("reference", "distorted"):
        with Image.open(folder / side / f"{name}.png") as image:
            images.append(torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255)
    return images[0], images[1]


def original_score(real_data: Callable[[str], Path], metric: str, name: str) -> float:
    """What the original implementation of the metric gave."""
    with (real_data("tid2013-samples") / "original_implementations.csv").open(newline="") as table:
        return next(float(row[name]) for row in csv.DictReader(table) if row["metric"] == metric)


def photo(height: int, width: int) -> Tensor:
    """A part of a photograph, (1, 3, height, width) in [0, 1], at most 512 x 512."""
    image = torch.from_numpy(data.astronaut()).permute(2, 0, 1)[None].float() / 255
    return image[..., :height, :width].contiguous()


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (image + sigma * torch.randn(image.shape, generator=generator)).clamp(0, 1)
