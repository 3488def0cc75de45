"""Protocols of scores that others published, on images whose pixels are known to be the published ones."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from replication import metrics
from replication.features import backbone
from replication.metrics.deepwsd_2024 import WINDOW, mean_distance
from replication.metrics.lpips import lpips
from replication.metrics.names import parse

RealData = Callable[[str], Path]

# metric, table, column, how the column follows from the score. Tolerances are float32's, of another machine or GPU.
PUBLISHED = [
    ("psnr(epsilon=1e-8)", "tid2013_zeroshot", "PSNR", lambda score: score, 1e-4),
    ("psnr(colour=gray, eight_bit=true, epsilon=1e-4)", "tid2013_boosting", "PSNR_reg", lambda score: score, 1e-4),
    ("ssim(colour=gray, eight_bit=true, reduction=2004)", "tid2013_boosting", "SSIM", lambda score: score, 1e-5),
    ("ms-ssim(colour=gray, eight_bit=true)", "tid2013_zeroshot", "MS_SSIM", lambda score: (1 - score) / 2, 1e-5),
    ("lpips-alex-unscaled", "tid2013_zeroshot", "LPIPS_alex", lambda score: score, 1e-5),
    ("deepwsd-2024", "tid2013", "DeepWSD_Squeeze", lambda score: score, 2e-4),
]


@pytest.mark.parametrize(
    ("label", "table", "column", "form", "tolerance"), PUBLISHED, ids=lambda value: str(value)[:20]
)
def test_scores_are_the_published_ones(
    real_data: RealData, label: str, table: str, column: str, form: Callable[[float], float], tolerance: float
) -> None:
    pair = (picture(real_data("tid2013-part"), name) for name in ("i05.bmp", "i05_18_3.bmp"))
    name, options = parse(label)
    score = metrics.create(name, **options)(*pair).item()
    with open(real_data("published-scores") / f"{table}.csv", encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["distorted"].lower() == "i05_18_3.bmp")
    assert form(score) == pytest.approx(float(row[column]), abs=tolerance)


def picture(folder: Path, name: str) -> Tensor:
    path = next((path for path in folder.rglob("*") if path.name.lower() == name), None)
    if path is None:
        pytest.skip(f"REAL DATA ABSENT: {folder.name} is not built")
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def test_unscaled_lpips_sees_the_picture_at_half_its_contrast() -> None:
    x, y = torch.rand(2, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = lpips(0.5 + x / 2, 0.5 + y / 2, backbone=backbone("alexnet", weights="random"))
    metric = metrics.create("lpips-alex-unscaled", weights="random")
    assert metric(x, y).tolist() == pytest.approx(expected.tolist(), rel=1e-5)
    assert not torch.allclose(metric(x, y), metrics.create("lpips-alex", weights="random")(x, y), rtol=0.01)


def test_deepwsd_of_2024_is_the_mean_over_windows_and_stages() -> None:
    """Each window and stage by itself, in float64: the distance by integrating quantile functions piece by piece."""
    generator = torch.Generator().manual_seed(1)
    pairs = [torch.rand(2, channels, 16, 24, generator=generator, dtype=torch.float64) for channels in (3, 5)]
    reference, distorted = (tuple(pair[i : i + 1] for pair in pairs) for i in (0, 1))
    stages = []
    for x, y in zip(reference, distorted, strict=True):
        u, v = (np.asarray(z).reshape(WINDOW**2, -1) for z in (x, y))  # the authors' flat reshape
        stages.append(np.mean([distance(u[:, i], v[:, i], u.sum(), v.sum()) for i in range(u.shape[1])]))
    assert mean_distance(reference, distorted).item() == pytest.approx(np.mean(stages), rel=1e-9)


def distance(x: np.ndarray, y: np.ndarray, total_x: float, total_y: float) -> float:
    u, v = np.cumsum(x * x / (total_x + 1e-6)), np.cumsum(y * y / (total_y + 1e-6))
    ends = np.sort(np.concatenate([u, v]))
    a, b = (np.minimum(np.searchsorted(sums, ends), len(sums) - 1) for sums in (u, v))
    moved = float((np.diff(ends, prepend=0) * (a - b) ** 2).sum())
    return moved + float(((x - y) ** 2).sum() / (np.sqrt(np.exp(-1 / (moved + 10))) * (moved + 10) ** 2))


def test_deepwsd_of_2024_refuses_images_without_a_window() -> None:
    with pytest.raises(ValueError, match="too small for DeepWSD"):
        metrics.create("deepwsd-2024", weights="random")(*torch.rand(2, 1, 3, 40, 40))
