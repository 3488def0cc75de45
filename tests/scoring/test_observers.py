"""Metrics in place of people: rankings by their scores."""

import pytest
import torch

from replication import metrics
from replication.scoring.observers import observe


def test_every_metric_ranks_by_its_own_scores_in_its_own_direction() -> None:
    torch.manual_seed(0)
    originals = torch.rand(3, 1, 32, 32)
    noise = 0.2 * torch.randn(3, 1, 32, 32)
    made = {"worse": (originals + noise).clamp(0, 1), "same": originals, "better": (originals + noise / 4).clamp(0, 1)}
    found = observe(originals, made, [metrics.create("psnr"), metrics.create("gmsd")])
    assert set(found) == {"psnr", "gmsd"}
    for rankings in found.values():
        assert rankings.tolist() == [[1, 2, 0]] * 3


def test_images_that_do_not_belong_together_are_refused() -> None:
    images = torch.rand(2, 1, 16, 16)
    with pytest.raises(ValueError, match=r"b: reconstructions are \(1, 1, 16, 16\), the originals \(2, 1, 16, 16\)"):
        observe(images, {"a": images, "b": images[:1]}, [])
    with pytest.raises(ValueError, match="two methods or more"):
        observe(images, {"a": images}, [])
