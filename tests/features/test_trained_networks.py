"""VGG16 and AlexNet as trained on ImageNet: metrics that read them have the scores of the original implementations."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from replication import features, metrics
from tests.metrics.originals import PAIRS, original_pair, original_score

RealData = Callable[[str], Path]


# The published scores have four decimals; half of the last one, and what float32 convolutions in another order change.
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(
    ("name", "options", "weights"),
    [("lpips-alex", {}, "alexnet_features"), ("dists", {"resize": False}, "vgg16_features")],
)
def test_scores_are_those_of_the_original_implementations(
    real_data: RealData, name: str, options: dict[str, bool], weights: str, pair: str
) -> None:
    real_data(f"weights/{weights}.safetensors")
    score = metrics.create(name, **options)(*original_pair(real_data, pair))
    assert score.item() == pytest.approx(original_score(real_data, name, pair), abs=5.1e-5)


@pytest.mark.parametrize(("name", "taps"), [("vgg16", ("relu1_1", "relu5_3", 13)), ("alexnet", ("relu1", "relu5", 5))])
def test_the_convolutions_alone_serve_every_tap(real_data: RealData, name: str, taps: tuple[str, str, int]) -> None:
    real_data(f"weights/{name}_features.safetensors")
    network = features.backbone(name)
    assert network.weights.startswith(f"{name}_features.safetensors, SHA-256 ")
    assert (network.taps[0], network.taps[-1], len(network.taps)) == taps
    maps = network(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    assert all(x.isfinite().all() and x.any() for x in maps.values())


METRICS = (
    *("lpips-vgg", "lpips-alex", "dists", "deepwsd", "deepssim", "msds"),
    *("psnr+smic", "lpips-vgg+smic", "dists+smic", "deepwsd+smic", "psnr+mic"),
)


# An image is nearer to itself than to a distorted copy.
@pytest.mark.parametrize("name", METRICS)
def test_metrics_run_on_the_trained_networks(real_data: RealData, name: str) -> None:
    real_data("weights/vgg16_features.safetensors")
    real_data("weights/alexnet_features.safetensors")
    reference, distorted = (image[..., :192, :192] for image in original_pair(real_data, "I03"))
    metric = metrics.create(name)
    itself, other = metric(reference, reference), metric(reference, distorted)
    assert other.isfinite().all()
    assert (itself > other) if metric.higher_is_better else (itself < other)
