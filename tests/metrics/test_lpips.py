"""LPIPS against torchmetrics' implementation on the same weights, and the definition written out in float64."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import lpips as peer_module

from replication import features, metrics
from replication.metrics.lpips import lpips
from replication.metrics.lpips_uncalibrated import lpips_alex_uncalibrated
from tests.metrics.photos import photo_pair, sample_pair

NETWORKS = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}


def torchmetrics_lpips(net: str, backbone: features.Backbone) -> Any:
    """Its network with our weights; layers keep torchvision's numbers in both."""
    peer = peer_module._LPIPS(pretrained=True, net=net, pnet_rand=True, eval_mode=True)
    ours = backbone.layers.state_dict()
    peer.net.load_state_dict({name: ours[re.sub(r"^slice(s\.)?\d+\.", "", name)] for name in peer.net.state_dict()})
    return peer


@pytest.mark.parametrize("net", NETWORKS)
def test_agrees_with_torchmetrics(net: str) -> None:
    backbone = features.backbone(NETWORKS[net], weights="random")
    reference, distorted = photo_pair(images=2)
    with torch.no_grad():
        expected = torchmetrics_lpips(net, backbone)(reference, distorted, normalize=True).flatten()
    score = lpips(reference, distorted, backbone=backbone)
    # It adds 1e-8 under the root of the norm, where the authors add 1e-10 to the norm.
    torch.testing.assert_close(score, expected, rtol=0, atol=1e-5)
    assert score.min() > 0.01


def test_without_calibration_all_weights_are_one() -> None:
    backbone = features.backbone("alexnet", weights="random")
    reference, distorted = photo_pair(images=2)
    peer = torchmetrics_lpips("alex", backbone)
    for layer in peer.lins:
        torch.nn.init.ones_(layer.model[-1].weight)
    with torch.no_grad():
        expected = peer(reference, distorted, normalize=True).flatten()
    score = lpips_alex_uncalibrated(reference, distorted, backbone=backbone)
    torch.testing.assert_close(score, expected, rtol=1e-4, atol=1e-5)  # it adds its 1e-8 under the root of the norm
    metric = metrics.create("lpips-alex-uncalibrated", weights="random")
    torch.testing.assert_close(metric(reference, distorted), score)
    assert metric.protocol["heads"] == "none: all weights 1"
    with pytest.raises(ValueError, match="alexnet's five layers, not of squeezenet1_1"):
        lpips_alex_uncalibrated(reference, distorted, backbone=features.backbone("squeezenet1_1", weights="random"))


@pytest.mark.parametrize("image", ["I03", "I04", "I06"])
def test_squeezenet_agrees_with_torchmetrics_on_trained_weights(real_data: Callable[[str], Path], image: str) -> None:
    real_data("weights/squeezenet1_1.safetensors")
    reference, distorted = sample_pair(real_data("tid2013-samples"), image)
    backbone = features.backbone("squeezenet1_1")
    with torch.no_grad():
        expected = torchmetrics_lpips("squeeze", backbone)(reference, distorted, normalize=True).flatten()
    torch.testing.assert_close(lpips(reference, distorted, backbone=backbone), expected, rtol=0, atol=1e-5)


# The authors' package, lpips 0.1.4, with the same file of weights.
AUTHORS = {"I03": 0.730241179, "I04": 0.238337442, "I06": 0.048450388}


@pytest.mark.parametrize("image", AUTHORS)
def test_squeezenet_has_the_scores_of_the_authors_package(real_data: Callable[[str], Path], image: str) -> None:
    real_data("weights/squeezenet1_1.safetensors")
    pair = sample_pair(real_data("tid2013-samples"), image)
    assert lpips(*pair, backbone=features.backbone("squeezenet1_1")).item() == pytest.approx(AUTHORS[image], abs=1e-5)


def test_agrees_with_the_definition_in_float64() -> None:
    backbone = features.backbone("squeezenet1_1", weights="random", seed=5)
    reference, distorted = photo_pair(images=2)
    shift, scale = torch.tensor([[-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]])[:, :, None, None]
    taps = ["relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9"]
    maps = [
        [x.double().numpy() for x in backbone((2 * image - 1 - shift) / scale, taps).values()]
        for image in (reference, distorted)
    ]
    heads = torch.load(
        Path(peer_module.__file__).parent / "lpips_models" / "squeeze.pth", weights_only=True, map_location="cpu"
    )
    expected = np.zeros(2)
    for number, (x, y) in enumerate(zip(*maps, strict=True)):
        head = heads[f"lin{number}.model.1.weight"].double().numpy()
        unit = [z / (np.sqrt((z**2).sum(axis=1, keepdims=True)) + 1e-10) for z in (x, y)]
        expected += (head * (unit[0] - unit[1]) ** 2).sum(axis=1).mean(axis=(1, 2))
    # The backbone is the same float32 one: what differs is the rest, and the rounding of the normalised image.
    np.testing.assert_allclose(lpips(reference, distorted, backbone=backbone).numpy(), expected, rtol=1e-5)
