"""The networks that backbones are made of: how each is built, its layers in order, and their outputs by name.

This module builds VGG, AlexNet and SqueezeNet as plain layers, to be filled from a file without torchvision. Random
weights always come from torchvision's own constructors, so that reference numbers made with them can be repeated.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from replication.features.googlenet_bvlc import GoogLeNetBVLC
from replication.torchvision_compat import torchvision_models

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Taps = dict[str, tuple[int, int, int]]


@dataclass(frozen=True)
class Network:
    """A network: how to build it, the layers that an image passes in order, and which of their outputs are taps.

    constructed: builds the whole network with its random initial weights.
    empty: builds at least its layers, to be filled from a file; keys are those of `constructed`.
    layers: gives them of either.
    taps: name -> (index of the layer, channels, least side of an image that leaves the map a pixel).
    l2_pooling: whether L2 pooling is defined on it.
    """

    constructed: Callable[[], nn.Module]
    empty: Callable[[], nn.Module]
    layers: Callable[[Any], Sequence[nn.Module]]
    taps: Taps
    l2_pooling: bool = False

    def used_layers(self, whole: nn.Module) -> tuple[nn.Module, ...]:
        """Return the layers up to the last tap."""
        return tuple(self.layers(whole)[: max(index for index, _, _ in self.taps.values()) + 1])


def normalisation_constants(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return ImageNet's mean and deviation, (3, 1, 1), in the precision and on the device of an image."""
    mean, deviation = (
        torch.tensor(values, dtype=image.dtype).to(image.device, non_blocking=True)[:, None, None]
        for values in (IMAGENET_MEAN, IMAGENET_STD)
    )
    return mean, deviation


class _Convolutions(nn.Module):
    """The part of a network that torchvision calls `features`."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.features = nn.Sequential(*layers)


class _Fire(nn.Module):
    """SqueezeNet's block: a 1 x 1 convolution to few channels, then 1 x 1 and 3 x 3 ones side by side."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x).relu()
        return torch.cat((self.expand1x1(x).relu(), self.expand3x3(x).relu()), dim=1)


class _RescaledInput(nn.Module):
    """Conversion from ImageNet's normalisation to [-1, 1], in which torchvision's GoogLeNet was trained."""

    def forward(self, x: Tensor) -> Tensor:
        mean, deviation = normalisation_constants(x)
        return (x * deviation + mean - 0.5) / 0.5


def _torchvision(name: str) -> Callable[[], nn.Module]:
    def construct() -> nn.Module:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning)  # on how GoogLeNet is initialised
            network: nn.Module = getattr(torchvision_models(), name)()
        return network

    return construct


def _features(network: Any) -> Sequence[nn.Module]:
    return list(network.features)


_VGG_BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}  # convolutions in each block


def _vgg(name: str, last: str) -> Network:
    def empty() -> nn.Module:
        layers: list[nn.Module] = []
        channels = 3
        for block, count in enumerate(_VGG_BLOCKS[name]):
            for _ in range(count):
                layers += [nn.Conv2d(channels, min(64 * 2**block, 512), 3, padding=1), nn.ReLU(inplace=True)]
                channels = min(64 * 2**block, 512)
            layers.append(nn.MaxPool2d(2, 2))
        return _Convolutions(layers)

    return Network(_torchvision(name), empty, _features, _vgg_taps(_VGG_BLOCKS[name], last), l2_pooling=True)


def _vgg_taps(convolutions: Sequence[int], last: str) -> Taps:
    """Taps after each ReLU of a VGG with that many convolutions in each block, up to `last`."""
    taps, index = {}, 0
    for block, count in enumerate(convolutions, start=1):
        for number in range(1, count + 1):
            name = f"relu{block}_{number}"
            taps[name] = (index + 1, min(64 * 2 ** (block - 1), 512), 2 ** (block - 1))
            if name == last:
                return taps
            index += 2
        index += 1  # the pool
    return taps


def _alexnet() -> nn.Module:
    return _Convolutions(
        [
            *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
        ]
    )


def _pool() -> nn.Module:
    return nn.MaxPool2d(3, 2, ceil_mode=True)


def _squeezenet1_0() -> nn.Module:
    first = (nn.Conv2d(3, 96, 7, stride=2), nn.ReLU(inplace=True), _pool())
    second = (_Fire(96, 16, 64), _Fire(128, 16, 64), _Fire(128, 32, 128), _pool())
    third = (_Fire(256, 32, 128), _Fire(256, 48, 192), _Fire(384, 48, 192), _Fire(384, 64, 256), _pool())
    return _Convolutions([*first, *second, *third, _Fire(512, 64, 256)])


def _squeezenet1_1() -> nn.Module:
    first = (nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(inplace=True), _pool())
    second = (_Fire(64, 16, 64), _Fire(128, 16, 64), _pool(), _Fire(128, 32, 128), _Fire(256, 32, 128), _pool())
    third = (_Fire(256, 48, 192), _Fire(384, 48, 192), _Fire(384, 64, 256), _Fire(512, 64, 256))
    return _Convolutions([*first, *second, *third])


def _shufflenet_layers(network: Any) -> Sequence[nn.Module]:
    return [getattr(network, name) for name in ("conv1", "maxpool", "stage2", "stage3", "stage4", "conv5")]


def _googlenet_layers(network: Any) -> Sequence[nn.Module]:
    first = _RescaledInput() if network.transform_input else nn.Identity()
    inner = ("conv1", "maxpool1", "conv2", "conv3", "maxpool2", "inception3a", "inception3b", "maxpool3")
    outer = [f"inception4{block}" for block in "abcde"] + ["maxpool4", "inception5a", "inception5b"]
    return [first, *(getattr(network, name) for name in (*inner, *outer))]


def _inception_taps(prefix: str, last_side: int) -> Taps:
    """Taps after the blocks of either GoogLeNet: the same ones at the same indices, a pool before 4a and before 5a."""
    channels = {"3a": 256, "3b": 480, "4a": 512, "4b": 512, "4c": 512, "4d": 528, "4e": 832, "5a": 832, "5b": 1024}
    sides = {"3": 7, "4": 15, "5": last_side}
    return {
        f"{prefix}{block}": (6 + index + int(block[0]) - 3, count, sides[block[0]])
        for index, (block, count) in enumerate(channels.items())
    }


NETWORKS: dict[str, Network] = {
    "vgg16": _vgg("vgg16", "relu5_3"),
    "vgg16_conv2_2": _vgg("vgg16", "relu2_2"),
    "vgg19_conv3_1": _vgg("vgg19", "relu3_1"),
    "alexnet": Network(
        _torchvision("alexnet"),
        _alexnet,
        _features,
        {"relu1": (1, 64, 7), "relu2": (4, 192, 15), "relu3": (7, 384, 31), "relu4": (9, 256, 31)}
        | {"relu5": (11, 256, 31)},
    ),
    "squeezenet1_0": Network(
        _torchvision("squeezenet1_0"),
        _squeezenet1_0,
        _features,
        {"relu1": (1, 96, 7), "fire2": (3, 128, 9), "fire3": (4, 128, 9), "fire4": (5, 256, 9)}
        | {"fire5": (7, 256, 13), "fire6": (8, 384, 13), "fire7": (9, 384, 13), "fire8": (10, 512, 13)}
        | {"fire9": (12, 512, 21)},
    ),
    "squeezenet1_1": Network(
        _torchvision("squeezenet1_1"),
        _squeezenet1_1,
        _features,
        {"relu1": (1, 64, 3), "fire2": (3, 128, 5), "fire3": (4, 128, 5), "fire4": (6, 256, 9)}
        | {"fire5": (7, 256, 9), "fire6": (9, 384, 17), "fire7": (10, 384, 17), "fire8": (11, 512, 17)}
        | {"fire9": (12, 512, 17)},
    ),
    "shufflenet_v2_x1_0": Network(
        _torchvision("shufflenet_v2_x1_0"),
        _torchvision("shufflenet_v2_x1_0"),
        _shufflenet_layers,
        {"conv1": (0, 24, 1), "stage2": (2, 116, 1), "stage3": (3, 232, 1), "stage4": (4, 464, 1)}
        | {"conv5": (5, 1024, 1)},
    ),
    "googlenet": Network(
        _torchvision("googlenet"),
        _torchvision("googlenet"),
        _googlenet_layers,
        {"conv1": (1, 64, 1), "conv2": (3, 64, 3), "conv3": (4, 192, 3)} | _inception_taps("inception", 15),
    ),
    "googlenet_bvlc": Network(
        GoogLeNetBVLC,
        GoogLeNetBVLC,
        lambda network: list(network.layers().values()),
        {"conv1": (0, 64, 1), "conv2": (3, 192, 3)} | _inception_taps("inception_", 31),
    ),
}
