"""Backbones against torchvision's own networks."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from scipy.signal import correlate2d
from skimage import data
from torch import Tensor, nn
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor

from replication import features
from replication.absent import AbsentError
from replication.datasets.errors import DataError
from replication.features import catalogue, weights
from replication.features.backbones import L2Pool, network_of
from replication.features.googlenet_bvlc import GoogLeNetBVLC

pytestmark = [  # torchvision's, on how its GoogLeNet is initialised and on tracing networks
    pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet"),
    pytest.mark.filterwarnings("ignore:NOTE"),
]

NETWORKS: dict[str, Callable[[], Any]] = {
    "vgg16": models.vgg16,
    "vgg19_conv3_1": models.vgg19,
    "alexnet": models.alexnet,
    "squeezenet1_0": models.squeezenet1_0,
    "squeezenet1_1": models.squeezenet1_1,
    "shufflenet_v2_x1_0": models.shufflenet_v2_x1_0,
    "googlenet": models.googlenet,
    "googlenet_bvlc": GoogLeNetBVLC,
}

# Some taps of each, by the names of the nodes in torchvision's networks, and one in the middle of VGG's blocks.
NODES = {
    "vgg16": {"relu1_1": "features.1", "relu3_2": "features.13", "relu5_1": "features.25", "relu5_3": "features.29"},
    "vgg19_conv3_1": {"relu2_2": "features.8", "relu3_1": "features.11"},
    "alexnet": {"relu1": "features.1", "relu3": "features.7", "relu5": "features.11"},
    "squeezenet1_0": {"relu1": "features.1", "fire4": "features.5.cat", "fire9": "features.12.cat"},
    "squeezenet1_1": {"relu1": "features.1", "fire4": "features.6.cat", "fire9": "features.12.cat"},
    "shufflenet_v2_x1_0": {"conv1": "conv1", "stage2": "stage2", "stage4": "stage4", "conv5": "conv5"},
    "googlenet": {"conv1": "conv1", "conv3": "conv3", "inception4a": "inception4a", "inception5b": "inception5b"},
}


def image(side: int = 64, images: int = 1) -> Tensor:
    return torch.randn(images, 3, side, side, generator=torch.Generator().manual_seed(0))


def seeded(name: str, seed: int = 0) -> Any:
    """torchvision's network as anyone would build it."""
    torch.manual_seed(seed)
    return NETWORKS[name]().eval()


@pytest.mark.parametrize("name", NODES)
def test_maps_are_those_of_torchvisions_network(name: str) -> None:
    whole = seeded(name)
    with torch.no_grad():
        expected = create_feature_extractor(whole, {node: tap for tap, node in NODES[name].items()})(image())
        expected = {tap: x.clone() for tap, x in expected.items()}
    maps = features.backbone(name, weights="random")(image(), list(NODES[name]))
    assert list(maps) == list(NODES[name])
    for tap, x in maps.items():
        torch.testing.assert_close(x, expected[tap].relu() if name.startswith("vgg") else expected[tap])


def test_seeded_vgg16_is_the_one_that_reference_numbers_were_made_with() -> None:
    layers = features.backbone("vgg16", weights="random").layers
    assert layers[0].weight.sum().item() == pytest.approx(-2.018392, abs=1e-5)
    assert layers[28].weight.sum().item() == pytest.approx(-20.678170, abs=1e-4)


def test_random_weights_leave_torchs_random_numbers_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, again, other = (features.backbone("squeezenet1_0", weights="random", seed=s) for s in (11, 11, 12))
    assert torch.equal(torch.rand(3), expected)
    assert (first.weights, other.weights) == ("random, seed 11", "random, seed 12")
    assert torch.equal(first.layers[0].weight, again.layers[0].weight)
    assert not torch.equal(first.layers[0].weight, other.layers[0].weight)


@pytest.mark.parametrize("name", features.names())
def test_every_tap_has_the_channels_and_the_least_side_it_says(name: str) -> None:
    backbone = features.backbone(name, weights="random")
    assert {tap: x.shape[1] for tap, x in backbone(image()).items()} == backbone.channels
    assert tuple(backbone.channels) == backbone.taps
    for tap, least in backbone.least_side.items():
        assert backbone(image(80)[:, :, :least], [tap])[tap].numel() > 0
        if least > 1:
            with pytest.raises(ValueError, match=f"{least - 1} x 80 is too small for {tap} of {name}: .* {least} x"):
                backbone(image(80)[:, :, : least - 1], [tap])


def test_the_pass_stops_at_the_last_tap() -> None:
    backbone = features.backbone("squeezenet1_1", weights="random")
    passed = []
    for place, layer in enumerate(backbone.layers):
        layer.register_forward_hook(lambda *_, place=place: passed.append(place))
    assert list(backbone(image(), ["fire3", "relu1"])) == ["fire3", "relu1"]
    assert passed == [0, 1, 2, 3, 4]


def test_l2_pooling_is_a_blur_of_squares() -> None:
    x = torch.randn(2, 5, 9, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    expected = [[correlate2d(np.pad(c, 1) ** 2, kernel, mode="valid")[::2, ::2] for c in y] for y in x.numpy()]
    np.testing.assert_allclose(L2Pool()(x).numpy(), np.sqrt(np.array(expected) + 1e-12), rtol=1e-12)


def test_l2_pooling_replaces_max_pooling_and_reads_images_of_any_size() -> None:
    backbone = features.backbone("vgg16", weights="random", pooling="l2")
    assert backbone.pooling == "l2"
    assert not any(isinstance(layer, nn.MaxPool2d) for layer in backbone.layers)
    plain = features.backbone("vgg16", weights="random")
    first = plain(image(), ["relu1_2"])["relu1_2"]
    expected = plain.layers[6](plain.layers[5](L2Pool()(first)))
    torch.testing.assert_close(backbone(image(), ["relu2_1"])["relu2_1"], expected)
    assert backbone(image(5))["relu5_3"].shape == (1, 512, 1, 1)
    with pytest.raises(ValueError, match="L2 pooling is defined for VGG only, not for alexnet"):
        features.backbone("alexnet", weights="random", pooling="l2")


# What stands between the last tap and the probabilities.
HEADS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "squeezenet1_0": lambda net, x: net.classifier(x).flatten(1),
    "shufflenet_v2_x1_0": lambda net, x: net.fc(x.mean(dim=(2, 3))),
    "googlenet": lambda net, x: net.fc(x.mean(dim=(2, 3))),
    "googlenet_bvlc": lambda net, x: net.loss3(x.mean(dim=(2, 3))),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_file_of_a_whole_network_gives_that_networks_output(name: str, tmp_path: Path) -> None:
    whole = seeded(name, seed=2)
    for module in whole.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.fill_(0.01)  # or a network as small as this one is silent at its end
    torch.save(whole.state_dict(), tmp_path / "net.pth")
    if name == "googlenet":
        whole.transform_input = True  # as torchvision does with its published weights
    backbone = features.backbone(name, weights=tmp_path / "net.pth")
    assert backbone.weights.startswith("net.pth, SHA-256 ")
    last = backbone.taps[-1]
    with torch.no_grad():
        expected = whole(image())
        output = HEADS[name](whole, backbone(image(), [last])[last])
    # Untrained batch normalisation amplifies rounding with what it normalises.
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-3 * expected.abs().max().item())


# Probabilities of the right class as published with the files: Egyptian cat (285) and espresso (967). The images are
# squeezed into the network's square.
@pytest.mark.parametrize(
    ("name", "side", "cat", "espresso"),
    [
        ("squeezenet1_0", 227, 0.91, 0.998),
        ("shufflenet_v2_x1_0", 224, 0.988, 0.998),
        ("googlenet_bvlc", 224, 0.62, 0.97),
    ],
)
def test_trained_networks_recognise_a_cat_and_a_coffee(
    real_data: Callable[[str], Path], name: str, side: int, cat: float, espresso: float
) -> None:
    path = real_data(f"weights/{name}.safetensors")
    whole = NETWORKS[name]().eval()
    whole.load_state_dict({key: value.float() for key, value in weights.read(path).items()}, strict=True)
    backbone = features.backbone(name)
    for pixels, label, expected in ((data.chelsea(), 285, cat), (data.coffee(), 967, espresso)):
        photo = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
        square = F.interpolate(photo, (side, side), mode="bilinear", antialias=True)
        maps = backbone(features.imagenet_normalised(square), [backbone.taps[-1]])
        with torch.no_grad():
            probabilities = HEADS[name](whole, maps[backbone.taps[-1]]).softmax(dim=1)
        assert probabilities.argmax().item() == label
        assert probabilities[0, label].item() == pytest.approx(expected, abs=0.007)


@pytest.mark.parametrize(
    "name", ["squeezenet1_1", "squeezenet1_0", "shufflenet_v2_x1_0", "googlenet_bvlc", "vgg16_conv2_2", "vgg19_conv3_1"]
)
def test_the_given_files_load_and_give_finite_maps(real_data: Callable[[str], Path], name: str) -> None:
    real_data(f"weights/{name}.safetensors")
    backbone = features.backbone(name)
    assert backbone.weights.startswith(f"{name}.safetensors, SHA-256 ")
    for x in backbone(image()).values():
        assert x.dtype == torch.float32
        assert x.isfinite().all()
        assert x.any()


def test_vgg19_is_rescaled_to_a_mean_activation_of_one(real_data: Callable[[str], Path]) -> None:
    real_data("weights/vgg19_conv3_1.safetensors")
    photo = torch.from_numpy(data.coffee()).permute(2, 0, 1)[None].float() / 255
    for x in features.backbone("vgg19_conv3_1")(features.imagenet_normalised(photo)).values():
        assert x.mean().item() == pytest.approx(1, abs=0.3)  # one, over ImageNet


@pytest.fixture
def partial_vgg16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root that holds VGG16 up to conv2_2 and nothing else."""
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "weights").mkdir()
    layers = features.backbone("vgg16_conv2_2", weights="random").layers.state_dict()
    path = tmp_path / "weights" / "vgg16_conv2_2.safetensors"
    save_file({f"features.{key}": value for key, value in layers.items()}, path)
    content = path.read_bytes()
    known = tuple(
        replace(entry, sha256=hashlib.sha256(content).hexdigest()) if entry.file == path.name else entry
        for entry in catalogue.WEIGHTS
    )
    monkeypatch.setattr(catalogue, "WEIGHTS", known)
    return path


def test_a_part_of_vgg16_serves_its_taps_and_names_those_it_lacks(partial_vgg16: Path) -> None:
    expected = features.backbone("vgg16", weights="random")(image(), ["relu2_2"])["relu2_2"]
    for part in (features.backbone("vgg16_conv2_2"), features.backbone("vgg16", weights="vgg16_conv2_2")):
        assert part.name == "vgg16_conv2_2"
        torch.testing.assert_close(part(image(), ["relu2_2"])["relu2_2"], expected)
        with pytest.raises(ValueError, match=r"vgg16_conv2_2 has no tap relu3_3, relu4_3; it has relu1_1, .*relu2_2"):
            part(image(), ["relu1_2", "relu3_3", "relu4_3"])


def test_a_part_never_stands_in_for_the_whole_unasked(partial_vgg16: Path) -> None:
    with pytest.raises(AbsentError, match="weights VGG16: not available"):
        features.backbone("vgg16")
    with pytest.raises(DataError, match=r"does not hold the weights of vgg16: features.10.weight, .* missing"):
        features.backbone("vgg16", weights=partial_vgg16)


def test_another_networks_file_is_refused(tmp_path: Path) -> None:
    save_file(NETWORKS["squeezenet1_0"]().state_dict(), tmp_path / "net.safetensors")
    with pytest.raises(DataError, match=r"net.safetensors does not hold the weights of squeezenet1_1: .*features"):
        features.backbone("squeezenet1_1", weights=tmp_path / "net.safetensors")
    with pytest.raises(DataError, match=r"does not hold the weights of alexnet: "):
        features.backbone("alexnet", weights=tmp_path / "net.safetensors")


@pytest.mark.parametrize("name", NODES)
def test_a_file_of_torchvisions_network_fills_the_same_layers(name: str, tmp_path: Path) -> None:
    whole = seeded(name, seed=3)
    torch.save(whole.state_dict(), tmp_path / "net.pth")
    if name == "googlenet":
        whole.transform_input = True  # as torchvision does with its published weights
    with torch.no_grad():
        expected = create_feature_extractor(whole, {node: tap for tap, node in NODES[name].items()})(image())
        expected = {tap: x.relu() if name.startswith("vgg") else x.clone() for tap, x in expected.items()}
    maps = features.backbone(name, weights=tmp_path / "net.pth")(image(), list(NODES[name]))
    for tap, x in maps.items():
        torch.testing.assert_close(x, expected[tap])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_recognised_by_its_tensors(name: str) -> None:
    tensors = NETWORKS[name]().state_dict()
    assert network_of(tensors) == name
    assert network_of({key.replace("weight", "w"): value for key, value in tensors.items()}) is None
    assert network_of({}) is None


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    maps = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        save_file(NETWORKS["squeezenet1_1"]().features.state_dict(prefix="features."), tmp_path / "net.safetensors")
        maps.append(features.backbone("squeezenet1_1", weights=tmp_path / "net.safetensors")(image(), ["relu1"]))
    assert not torch.equal(maps[0]["relu1"], maps[1]["relu1"])


def test_backbones_of_one_network_do_not_share_their_weights() -> None:
    first, second = (features.backbone("squeezenet1_1", weights="random") for _ in range(2))
    first.double()
    assert first(image())["fire9"].dtype == torch.float64
    assert second(image())["fire9"].dtype == torch.float32


def test_a_backbone_stays_frozen_inside_a_network_that_trains() -> None:
    backbone = features.backbone("shufflenet_v2_x1_0", weights="random")
    expected = backbone(image())["conv5"]
    nn.Sequential(backbone).train()
    x = image().requires_grad_()
    assert torch.equal(backbone(x)["conv5"], expected)
    assert not any(module.training for module in backbone.modules())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    assert torch.autograd.grad(backbone(x)["stage2"].sum(), x)[0].any()


def test_autocast_changes_nothing() -> None:
    backbone = features.backbone("squeezenet1_1", weights="random")
    expected = backbone(image())["fire9"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(backbone(image())["fire9"], expected)


def test_the_image_given_is_not_changed() -> None:
    x = image()
    features.backbone("alexnet", weights="random")(x)
    assert torch.equal(x, image())


def test_wrong_names_options_and_images_are_explained() -> None:
    with pytest.raises(ValueError, match="unknown backbone 'vgg11'; known: vgg16, vgg16_conv2_2"):
        features.backbone("vgg11", weights="random")
    with pytest.raises(ValueError, match="pooling must be max or l2, got 'mean'"):
        features.backbone("vgg16", weights="random", pooling="mean")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="weights must be imagenet, random or a file that exists, got 'imagnet'"):
        features.backbone("squeezenet1_1", weights="imagnet")
    backbone = features.backbone("squeezenet1_1", weights="random")
    with pytest.raises(
        ValueError, match=r"takes floating-point images of shape \(N, 3, H, W\), got .* \(1, 1, 64, 64\)"
    ):
        backbone(image()[:, :1])
    with pytest.raises(ValueError, match="got torch.uint8"):
        backbone(image().byte())
    with pytest.raises(ValueError, match="the image is on meta and squeezenet1_1 on cpu"):
        backbone(image().to("meta"))


def test_normalisation_is_imagenets() -> None:
    expected = (torch.full((3,), 0.5) - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(features.imagenet_normalised(torch.full((1, 3, 1, 1), 0.5)).flatten(), expected)
