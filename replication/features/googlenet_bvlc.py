"""GoogLeNet (Szegedy et al. 2014) as the Berkeley Vision and Learning Center trained it for Caffe.

It differs from torchvision's: no batch normalisation, true 5x5 convolutions, local response normalisation
around the second convolution, and pooling with Caffe's rounding. Layers have Caffe's names, with a dot for the slash.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Channels of a block's branches: 1x1, 3x3_reduce, 3x3, 5x5_reduce, 5x5, pool_proj.
_BLOCKS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


class _Convolution(nn.Conv2d):
    """Convolution, padded so that the size stays the same (divided by the stride), and ReLU."""

    def __init__(self, channels: int, out_channels: int, size: int, stride: int = 1) -> None:
        super().__init__(channels, out_channels, size, stride, padding=size // 2)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(super().forward(x))


class _Inception(nn.Module):
    def __init__(self, channels: int, one: int, reduce3: int, three: int, reduce5: int, five: int, pool: int) -> None:
        super().__init__()
        self.add_module("1x1", _Convolution(channels, one, 1))
        self.add_module("3x3_reduce", _Convolution(channels, reduce3, 1))
        self.add_module("3x3", _Convolution(reduce3, three, 3))
        self.add_module("5x5_reduce", _Convolution(channels, reduce5, 1))
        self.add_module("5x5", _Convolution(reduce5, five, 5))
        self.add_module("pool_proj", _Convolution(channels, pool, 1))
        self.out_channels = one + three + five + pool

    def forward(self, x: Tensor) -> Tensor:
        layer = self.get_submodule
        branches = (
            layer("1x1")(x),
            layer("3x3")(layer("3x3_reduce")(x)),
            layer("5x5")(layer("5x5_reduce")(x)),
            layer("pool_proj")(F.max_pool2d(x, 3, stride=1, padding=1)),
        )
        return torch.cat(branches, dim=1)


class GoogLeNetBVLC(nn.Module):
    """The whole network: (N, 3, 224, 224), normalised with ImageNet's mean and deviation, to 1000 logits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(OrderedDict({"7x7_s2": _Convolution(3, 64, 7, stride=2)}))
        self.conv2 = nn.Sequential(
            OrderedDict({"3x3_reduce": _Convolution(64, 64, 1), "3x3": _Convolution(64, 192, 3)})
        )
        channels = 192
        for name, branches in _BLOCKS.items():
            block = _Inception(channels, *branches)
            self.add_module(f"inception_{name}", block)
            channels = block.out_channels
        self.loss3 = nn.Sequential(OrderedDict({"classifier": nn.Linear(channels, 1000)}))

    def layers(self) -> dict[str, nn.Module]:
        """Return the layers before the classifier, in the order in which an image passes them."""
        layers: dict[str, nn.Module] = {
            "conv1": self.conv1,
            "pool1": _pool(),
            "norm1": _norm(),
            "conv2": self.conv2,
            "norm2": _norm(),
            "pool2": _pool(),
        }
        for name in _BLOCKS:
            if name in ("4a", "5a"):
                layers[f"pool{int(name[0]) - 1}"] = _pool()
            layers[f"inception_{name}"] = self.get_submodule(f"inception_{name}")
        return layers

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers().values():
            x = layer(x)
        logits: Tensor = self.loss3(x.mean(dim=(2, 3)))
        return logits


def _pool() -> nn.Module:
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


def _norm() -> nn.Module:
    return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)
