"""The values of the literature and of the original implementations, on the images they were computed from."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from replication import metrics
from replication.metrics import psnr, ssim
from replication.metrics.colour import luminance
from replication.metrics.resize import crop_to_multiple, degrade, shave

RealData = Callable[[str], Path]


def read(path: Path) -> Tensor:
    """8-bit (C, H, W)."""
    with Image.open(path) as image:
        pixels = np.array(image)
    return torch.from_numpy(pixels if pixels.ndim == 3 else pixels[..., None]).permute(2, 0, 1)


@pytest.mark.parametrize(
    ("name", "images", "decibels", "similarity"),
    [("set5", 5, 28.42, 0.8103), ("set14", 14, 26.00, 0.7018), ("bsds500/test", 200, 25.97, 0.6948)],
)
def test_bicubic_x4_has_the_scores_of_the_literature(
    real_data: RealData, name: str, images: int, decibels: float, similarity: float
) -> None:
    scores = []
    for path in sorted(p for p in real_data(name).iterdir() if p.suffix in {".png", ".jpg"}):
        original = luminance(crop_to_multiple(read(path), 4))
        _, enlarged = degrade(original, 4)
        pair = [shave(image, 4)[None].float() / 255 for image in (original, enlarged)]
        scores.append([psnr(*pair).item(), ssim(*pair).item()])
    assert len(scores) == images
    mean = np.mean(scores, axis=0)
    # The protocol reproduces the printed digits; what remains is their rounding.
    assert mean[0] == pytest.approx(decibels, abs=0.006)
    assert mean[1] == pytest.approx(similarity, abs=0.0001)


@pytest.mark.parametrize("image", ["I03", "I04", "I06"])
@pytest.mark.parametrize(("name", "tolerance"), [("psnr", 0.01), ("ssim", 5e-4), ("ms_ssim", 5e-3)])
def test_scores_are_those_of_the_original_implementations(
    real_data: RealData, image: str, name: str, tolerance: float
) -> None:
    folder = real_data("tid2013-samples")
    with (folder / "original_implementations.csv").open(newline="") as table:
        expected = next(float(row[image]) for row in csv.DictReader(table) if row["metric"] == name)
    reference, distorted = (
        read(folder / side / f"{image}.png")[None].float() / 255 for side in ("reference", "distorted")
    )
    options = {} if name == "psnr" else {"colour": "gray", "eight_bit": True}
    score = metrics.create(name.replace("_", "-"), **options)(reference, distorted)
    assert score.item() == pytest.approx(expected, abs=tolerance)
