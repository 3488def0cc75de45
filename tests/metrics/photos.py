"""Images that the tests of deep metrics share."""

import csv
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor


def photo_pair(height: int = 64, width: int = 80, images: int = 1) -> tuple[Tensor, Tensor]:
    """Cuts from a photograph and noisy versions of them, 8-bit values in [0, 1], (N, 3, H, W)."""
    whole = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float()
    reference = torch.stack([whole[:, 40 * i : 40 * i + height, 90 : 90 + width] for i in range(images)])
    noise = 25 * torch.randn(reference.shape, generator=torch.Generator().manual_seed(0))
    return reference / 255, (reference + noise).round().clamp(0, 255) / 255


def sample_pair(folder: Path, name: str) -> tuple[Tensor, Tensor]:
    """Reference and distorted image of a TID2013 sample, (1, 3, 384, 512)."""
    images = []
    for side in ("reference", "distorted"):
        with Image.open(folder / side / f"{name}.png") as image:
            images.append(torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None].float() / 255)
    return images[0], images[1]


def authors_score(folder: Path, metric: str, image: str) -> float:
    """What the authors' code gives with VGG16's weights drawn after torch.manual_seed(0)."""
    with (folder / "authors_code_seeded_vgg16.csv").open(newline="") as table:
        return next(float(row[image]) for row in csv.DictReader(table) if row["metric"] == metric)
