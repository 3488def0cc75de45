"""Networks trained on ImageNet as sequences of named feature maps.

vgg = backbone("vgg16", pooling="l2")
maps = vgg(imagenet_normalised(image), ["relu1_2", "relu2_2"])  # stops there
"""

import copy
import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from replication.datasets.errors import DataError
from replication.features import weights as files
from replication.features.googlenet_bvlc import GoogLeNetBVLC
from replication.torchvision_compat import make_importable

Pooling = Literal["max", "l2"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class _Network:
    """How to build a network, the layers an image passes in order, and which of their outputs are taps.

    taps: name -> (place in the layers, channels, least side of the image that still leaves it a pixel).
    files: names of its weights; the first that is found is taken.
    """

    build: Callable[[], nn.Module]
    layers: Callable[[Any], Sequence[nn.Module]]
    taps: dict[str, tuple[int, int, int]]
    files: tuple[str, ...]
    l2_pooling: bool = False


class Backbone(nn.Module):
    """A network up to its last tap, frozen, in evaluation mode. Made by `backbone`.

    name: of the network.
    taps: the names of its maps, in order; channels: the number of channels of each.
    pooling: "max", or "l2" where pools are replaced by `L2Pool`.
    weights: where its weights come from, in words: file and start of its SHA-256, or "random, seed 0".
    """

    def __init__(
        self, name: str, layers: Sequence[nn.Module], taps: dict[str, tuple[int, int, int]], pooling: str, weights: str
    ) -> None:
        super().__init__()
        self.name, self.pooling, self.weights = name, pooling, weights
        self.taps = tuple(taps)
        self.channels = {tap: channels for tap, (_, channels, _) in taps.items()}
        self.least_side = {tap: 1 if pooling == "l2" else side for tap, (_, _, side) in taps.items()}
        self._place = {tap: place for tap, (place, _, _) in taps.items()}
        self.layers = nn.ModuleList(layers)
        self.eval().requires_grad_(False)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and so where images must be."""
        return next(self.parameters()).device

    def train(self, mode: bool = True) -> "Backbone":
        """Nothing: batch normalisation stays in evaluation mode inside a network that is being trained."""
        return super().train(False)

    def forward(self, image: Tensor, taps: Sequence[str] | None = None) -> dict[str, Tensor]:
        """The maps (N, channels, h, w) of the taps asked for, all by default, by name and in the order asked.

        image: (N, 3, H, W), floating-point, normalised as the weights expect (`imagenet_normalised`) or as a metric
            defines. Computed in the precision of the weights, float32, whatever the autocast and without TF32.
        Raises ValueError for an unknown tap, or an image of another shape, on another device or too small for a tap.
        """
        wanted = self.taps if taps is None else tuple(taps)
        self._check(image, wanted)
        maps: dict[str, Tensor] = {}
        at = {self._place[tap]: tap for tap in wanted}
        with torch.autocast(image.device.type, enabled=False), _whole_float32(image):
            x = image.to(next(self.parameters()).dtype)
            if not x.is_cuda:  # there convolutions are a tenth to a fifth faster with the channels last
                x = x.contiguous(memory_format=torch.channels_last)
            for place in range(max(at, default=-1) + 1):
                x = self.layers[place](x)
                if place in at:
                    maps[at[place]] = x
        return {tap: maps[tap] for tap in wanted}

    def _check(self, image: Tensor, taps: Sequence[str]) -> None:
        unknown = [tap for tap in taps if tap not in self._place]
        if unknown:
            raise ValueError(f"{self.name} has no tap {', '.join(unknown)}; it has {', '.join(self.taps)}")
        if image.ndim != 4 or image.shape[1] != 3 or not image.is_floating_point():
            raise ValueError(
                f"{self.name} takes floating-point images of shape (N, 3, H, W), got {image.dtype} "
                f"of shape {tuple(image.shape)}"
            )
        if image.device != self.device:
            raise ValueError(f"the image is on {image.device} and {self.name} on {self.device}; move one of them")
        for tap in taps:
            least = self.least_side[tap]
            if min(image.shape[2:]) < least:
                height, width = image.shape[2:]
                raise ValueError(
                    f"an image of {height} x {width} is too small for {tap} of {self.name}: "
                    f"the least size is {least} x {least}"
                )


class L2Pool(nn.Module):
    """The pooling of Henaff and Simoncelli (2016) that DISTS introduced in place of max-pooling: halves both sides.

    y = sqrt(g * x^2 + 1e-12),  g = [1 2 1] x [1 2 1] / 16,  stride 2, one zero around the map; sides round up.
    """

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        taps = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype).to(x.device, non_blocking=True)
        window = (taps[:, None] * taps / 16).expand(channels, 1, 3, 3)
        return (F.conv2d(x.square(), window, stride=2, padding=1, groups=channels) + 1e-12).sqrt()


def backbone(
    name: str,
    *,
    weights: str | Path = "imagenet",
    pooling: Pooling = "max",
    seed: int = 0,
    device: str | torch.device | None = None,
    download: bool = False,
) -> Backbone:
    """A network of `names()` with its taps.

    weights: "imagenet", files found as `weights.find` says; "random", what torchvision's constructor draws after
        torch.manual_seed(seed), torch's own random numbers being left as they were; or the path of a file with the
        network's state dict. For a network of which a part is known by name, that name: only the taps of that part.
    pooling: "l2" replaces max-pooling by `L2Pool`; VGG only.
    device: where to put it, the CPU by default.
    download: let torchvision's weights be downloaded into its cache if they are not here.
    Raises ValueError for an unknown name or option, DataError for weights that are absent or not this network's.
    """
    networks = _networks()
    if str(weights) in networks and str(weights).startswith(f"{name}_"):
        name, weights = str(weights), "imagenet"
    if name not in networks:
        raise ValueError(f"unknown backbone {name!r}; known: {', '.join(networks)}")
    network = networks[name]
    if pooling not in ("max", "l2"):
        raise ValueError(f"pooling must be max or l2, got {pooling!r}")
    if pooling == "l2" and not network.l2_pooling:
        raise ValueError(f"L2 pooling is defined for VGG only, not for {name}")
    if weights == "random":
        layers, description = _seeded(name, seed), f"random, seed {seed}"
    else:
        path = files.find(*network.files, download=download) if weights == "imagenet" else Path(weights)
        if not path.is_file():
            raise DataError(f"weights must be imagenet, random or a file that exists, got {str(weights)!r}")
        description = files.describe(path)
        layers = _loaded(name, path, description)
    own = [L2Pool() if pooling == "l2" and isinstance(x, nn.MaxPool2d) else copy.deepcopy(x) for x in layers]
    return Backbone(name, own, network.taps, pooling, description).to(device or "cpu")


def names() -> list[str]:
    """Names of all backbones."""
    return list(_networks())


def imagenet_normalised(image: Tensor) -> Tensor:
    """(image - mean) / deviation per channel, as ImageNet networks are trained; image (N, 3, H, W) in [0, 1]."""
    mean, std = (_channels(values, image) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (image - mean) / std


def _channels(values: tuple[float, ...], image: Tensor) -> Tensor:
    return torch.tensor(values, dtype=image.dtype).to(image.device, non_blocking=True)[:, None, None]


@contextmanager
def _whole_float32(image: Tensor) -> Iterator[None]:
    """Without TF32 in convolutions, which torch allows by default and which has ten bits of mantissa."""
    if not image.is_cuda:
        yield
        return
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


# Kept, as several metrics read one network, and drawing VGG16's weights takes seconds.
@functools.lru_cache(maxsize=4)
def _seeded(name: str, seed: int) -> tuple[nn.Module, ...]:
    """The layers up to the last tap as torchvision's constructor makes them."""
    network = _networks()[name]
    with torch.random.fork_rng(devices=[]), torch.device("cpu"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)  # torchvision's, on how GoogLeNet is initialised
        torch.default_generator.manual_seed(seed)
        return _used(network, network.build())


@functools.lru_cache(maxsize=4)
def _loaded(name: str, path: Path, content: str) -> tuple[nn.Module, ...]:
    """The layers up to the last tap with the weights of a file, which must hold all of them and no other network's.

    content: its hash, so that a file that was replaced is read again.
    """
    network = _networks()[name]
    with torch.device("meta"):
        whole: Any = network.build()
    if hasattr(whole, "transform_input"):
        whole.transform_input = True  # as torchvision's own loading of its weights does
    state = {key: value.float() if value.is_floating_point() else value for key, value in files.read(path).items()}
    try:
        unexpected = whole.load_state_dict(state, strict=False, assign=True).unexpected_keys
    except RuntimeError as error:  # the same names with other shapes
        raise DataError(f"{path} does not hold the weights of {name}: {str(error).splitlines()[-1].strip()}") from error
    layers = _used(network, whole)
    within = {id(tensor) for layer in layers for tensor in (*layer.parameters(), *layer.buffers())}
    tensors = (*whole.named_parameters(), *whole.named_buffers())
    missing = [key for key, tensor in tensors if id(tensor) in within and tensor.is_meta]
    if missing or unexpected:
        problem, keys = ("missing", missing) if missing else ("not part of it", unexpected)
        shown = ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
        raise DataError(f"{path} does not hold the weights of {name}: {shown} {problem}")
    return layers


def _used(network: _Network, whole: nn.Module) -> tuple[nn.Module, ...]:
    return tuple(network.layers(whole)[: max(place for place, _, _ in network.taps.values()) + 1])


def _vgg_taps(convolutions: Sequence[int], last: str) -> dict[str, tuple[int, int, int]]:
    """Taps after each ReLU of a VGG with that many convolutions per block, up to `last`."""
    taps, place = {}, 0
    for block, count in enumerate(convolutions, start=1):
        for number in range(1, count + 1):
            name = f"relu{block}_{number}"
            taps[name] = (place + 1, min(64 * 2 ** (block - 1), 512), 2 ** (block - 1))
            if name == last:
                return taps
            place += 2
        place += 1  # the pool
    return taps


def _networks() -> dict[str, _Network]:
    make_importable()
    from torchvision import models

    def features(network: Any) -> Sequence[nn.Module]:
        return list(network.features)

    def shufflenet(network: Any) -> Sequence[nn.Module]:
        return [getattr(network, name) for name in ("conv1", "maxpool", "stage2", "stage3", "stage4", "conv5")]

    def vgg(build: Callable[[], nn.Module], convolutions: Sequence[int], last: str, *files: str) -> _Network:
        return _Network(build, features, _vgg_taps(convolutions, last), files, l2_pooling=True)

    return {
        "vgg16": vgg(models.vgg16, (2, 2, 3, 3, 3), "relu5_3", "vgg16_features.safetensors", "vgg16-397923af.pth"),
        "vgg16_conv2_2": vgg(models.vgg16, (2, 2), "relu2_2", "vgg16_conv2_2.safetensors"),
        "vgg19_conv3_1": vgg(models.vgg19, (2, 2, 4), "relu3_1", "vgg19_conv3_1.safetensors"),
        "alexnet": _Network(
            models.alexnet,
            features,
            {"relu1": (1, 64, 7), "relu2": (4, 192, 15), "relu3": (7, 384, 31), "relu4": (9, 256, 31)}
            | {"relu5": (11, 256, 31)},
            ("alexnet_features.safetensors", "alexnet-owt-7be5be79.pth"),
        ),
        "squeezenet1_0": _Network(
            models.squeezenet1_0,
            features,
            {"relu1": (1, 96, 7), "fire2": (3, 128, 9), "fire3": (4, 128, 9), "fire4": (5, 256, 9)}
            | {"fire5": (7, 256, 13), "fire6": (8, 384, 13), "fire7": (9, 384, 13), "fire8": (10, 512, 13)}
            | {"fire9": (12, 512, 21)},
            ("squeezenet1_0.safetensors", "squeezenet1_0-b66bff10.pth"),
        ),
        "squeezenet1_1": _Network(
            models.squeezenet1_1,
            features,
            {"relu1": (1, 64, 3), "fire2": (3, 128, 5), "fire3": (4, 128, 5), "fire4": (6, 256, 9)}
            | {"fire5": (7, 256, 9), "fire6": (9, 384, 17), "fire7": (10, 384, 17), "fire8": (11, 512, 17)}
            | {"fire9": (12, 512, 17)},
            ("squeezenet1_1.safetensors", "squeezenet1_1-b8a52dc0.pth"),
        ),
        "shufflenet_v2_x1_0": _Network(
            models.shufflenet_v2_x1_0,
            shufflenet,
            {"conv1": (0, 24, 1), "stage2": (2, 116, 1), "stage3": (3, 232, 1), "stage4": (4, 464, 1)}
            | {"conv5": (5, 1024, 1)},
            ("shufflenet_v2_x1_0.safetensors", "shufflenetv2_x1-5666bf0f80.pth"),
        ),
        "googlenet": _Network(
            models.googlenet,
            _googlenet_layers,
            {"conv1": (1, 64, 1), "conv2": (3, 64, 3), "conv3": (4, 192, 3)} | _inception_taps("inception", 15),
            ("googlenet-1378be20.pth",),
        ),
        "googlenet_bvlc": _Network(
            GoogLeNetBVLC,
            lambda network: list(network.layers().values()),
            {"conv1": (0, 64, 1), "conv2": (3, 192, 3)} | _inception_taps("inception_", 31),
            ("googlenet_bvlc.safetensors",),
        ),
    }


class _RescaledInput(nn.Module):
    """From ImageNet's normalisation to [-1, 1], in which torchvision's GoogLeNet was trained."""

    def forward(self, x: Tensor) -> Tensor:
        mean, std = (_channels(values, x) for values in (IMAGENET_MEAN, IMAGENET_STD))
        return (x * std + mean - 0.5) / 0.5


def _googlenet_layers(network: Any) -> Sequence[nn.Module]:
    first = _RescaledInput() if network.transform_input else nn.Identity()
    inner = ("conv1", "maxpool1", "conv2", "conv3", "maxpool2", "inception3a", "inception3b", "maxpool3")
    outer = [f"inception4{block}" for block in "abcde"] + ["maxpool4", "inception5a", "inception5b"]
    return [first, *(getattr(network, name) for name in (*inner, *outer))]


def _inception_taps(prefix: str, last_side: int) -> dict[str, tuple[int, int, int]]:
    """Both GoogLeNets have the same blocks at the same places, one pool before 4a and before 5a."""
    channels = {"3a": 256, "3b": 480, "4a": 512, "4b": 512, "4c": 512, "4d": 528, "4e": 832, "5a": 832, "5b": 1024}
    sides = {"3": 7, "4": 15, "5": last_side}
    return {
        f"{prefix}{block}": (6 + place + int(block[0]) - 3, count, sides[block[0]])
        for place, (block, count) in enumerate(channels.items())
    }
