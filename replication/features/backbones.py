"""Networks trained on ImageNet as sequences of named feature maps.

vgg = backbone("vgg16", pooling="l2")
maps = vgg(imagenet_normalised(image), ["relu1_2", "relu2_2"])  # stops there
"""

import copy
import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from replication.absent import AbsentError
from replication.datasets.errors import DataError
from replication.features import weights as files
from replication.features.networks import NETWORKS, Taps, normalisation_constants

Pooling = Literal["max", "l2"]


class Backbone(nn.Module):
    """A network up to its last tap, frozen, in evaluation mode. Made by `backbone`.

    name: of the network.
    taps: the names of its maps, in order. channels, least_side: by tap, the number of channels of its map, and the
        least side of an image that leaves the map a pixel.
    pooling: "max", or "l2" where pools are replaced by `L2Pool`.
    weights: where its weights come from, in words: file and start of its SHA-256, or "random, seed 0".
    """

    def __init__(self, name: str, layers: Sequence[nn.Module], taps: Taps, pooling: str, weights: str) -> None:
        super().__init__()
        self.name, self.pooling, self.weights = name, pooling, weights
        self.taps = tuple(taps)
        self.channels = {tap: channels for tap, (_, channels, _) in taps.items()}
        self.least_side = {tap: 1 if pooling == "l2" else side for tap, (_, _, side) in taps.items()}
        self._index = {tap: index for tap, (index, _, _) in taps.items()}
        self.layers = nn.ModuleList(layers)
        self.eval().requires_grad_(False)

    @property
    def device(self) -> torch.device:
        """The device of the weights, on which images must be."""
        return next(self.parameters()).device

    def train(self, mode: bool = True) -> "Backbone":
        """Return self, unchanged: batch normalisation stays in evaluation mode inside a network that is trained."""
        return super().train(False)

    def forward(self, image: Tensor, taps: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Return the maps (N, channels, h, w) of the given taps, all by default, by name and in the given order.

        image: (N, 3, H, W), floating-point, normalised as the weights expect (`imagenet_normalised`) or as a metric
            defines. Computed in the precision of the weights, float32, whatever the autocast and without TF32.
        Raises ValueError for an unknown tap, or an image of another shape, on another device or too small for a tap.
        """
        wanted = self.taps if taps is None else tuple(taps)
        self._check(image, wanted)
        maps: dict[str, Tensor] = {}
        at = {self._index[tap]: tap for tap in wanted}
        with torch.autocast(image.device.type, enabled=False), _whole_float32(image):
            x = image.to(next(self.parameters()).dtype)
            if not x.is_cuda:  # on a CPU convolutions are a tenth to a fifth faster with the channels last
                x = x.contiguous(memory_format=torch.channels_last)
            for index in range(max(at, default=-1) + 1):
                x = self.layers[index](x)
                if index in at:
                    maps[at[index]] = x
        return {tap: maps[tap] for tap in wanted}

    def _check(self, image: Tensor, taps: Sequence[str]) -> None:
        unknown = [tap for tap in taps if tap not in self._index]
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
    """Return a network of `names()` with its taps.

    weights: "imagenet", the files that `weights.find` finds; "random", what torchvision's constructor draws after
        torch.manual_seed(seed), without changing the state of torch's random numbers; or the path of a file with the
        network's state dict. For a network of which a part is known by a name, that name: the taps of that part only.
    pooling: "l2" replaces max-pooling by `L2Pool`; VGG only.
    device: the CPU by default.
    download: whether torchvision's weights may be downloaded into its cache where there are none.
    Raises ValueError for an unknown name or option; DataError for weights that are damaged or not this network's, and
    of its kinds AbsentWeightsError for weights that are not on this machine.
    """
    if str(weights) in NETWORKS and str(weights).startswith(f"{name}_"):
        name, weights = str(weights), "imagenet"
    if name not in NETWORKS:
        raise ValueError(f"unknown backbone {name!r}; known: {', '.join(NETWORKS)}")
    network = NETWORKS[name]
    if pooling not in ("max", "l2"):
        raise ValueError(f"pooling must be max or l2, got {pooling!r}")
    if pooling == "l2" and not network.l2_pooling:
        raise ValueError(f"L2 pooling is defined for VGG only, not for {name}")
    if files.recording():
        if weights != "random":
            files.note(name if weights == "imagenet" else str(weights))
        layers, description, device = _without_numbers(name), str(weights), None
    elif weights == "random":
        layers, description = _seeded(name, seed), f"random, seed {seed}"
    else:
        path = files.find(name, download=download) if weights == "imagenet" else Path(weights)
        if not path.is_file():
            got = f"the folder {weights}" if path.is_dir() else repr(str(weights))
            raise DataError(f"weights must be imagenet, random or a file that exists, got {got}")
        description = files.describe(path)
        layers = _loaded(name, path, description)
    own = [L2Pool() if pooling == "l2" and isinstance(x, nn.MaxPool2d) else copy.deepcopy(x) for x in layers]
    made = Backbone(name, own, network.taps, pooling, description)
    return made if device is None else made.to(device)


def names() -> list[str]:
    """Return the names of all backbones."""
    return list(NETWORKS)


def imagenet_normalised(image: Tensor) -> Tensor:
    """(image - mean) / deviation per channel, as ImageNet networks are trained; image (N, 3, H, W) in [0, 1]."""
    mean, deviation = normalisation_constants(image)
    return (image - mean) / deviation


def network_of(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of the network whose layers these tensors fill, by keys and shapes; None if it is none known.

    Where the tensors fill both a network and its first part, it is the network. Networks that only torchvision can
    build are passed over where it is not installed.
    """
    sizes = {}
    for name in NETWORKS:
        try:
            layers = fill(name, tensors, "this")
        except (DataError, AbsentError):
            continue
        sizes[name] = sum(tensor.numel() for layer in layers for tensor in layer.parameters())
    return max(sizes, key=lambda name: sizes[name], default=None)


def fill(name: str, tensors: Mapping[str, Tensor], origin: object) -> tuple[nn.Module, ...]:
    """Return the layers of a network up to its last tap, filled with the tensors of a state dict.

    It must have all of theirs, in the right shapes, and nothing that is no part of the network; tensors of later layers
    and of the classifier may be left out. Raises DataError naming `origin` and tensors that are missing or too many.
    """
    network = NETWORKS[name]
    with torch.device("meta"):
        whole: Any = network.empty()
    if hasattr(whole, "transform_input"):
        whole.transform_input = True  # as torchvision's own loading of its weights does
    state = {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
    try:
        result = whole.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as error:  # the same names with other shapes
        reason = str(error).splitlines()[-1].strip()
        raise DataError(f"{origin} does not hold the weights of {name}: {reason}") from error
    layers = network.used_layers(whole)
    within = {id(tensor) for layer in layers for tensor in (*layer.parameters(), *layer.buffers())}
    named = (*whole.named_parameters(), *whole.named_buffers())
    missing = [key for key, tensor in named if id(tensor) in within and tensor.is_meta]
    unexpected = [key for key in result.unexpected_keys if not key.startswith("classifier.")]
    if missing or unexpected:
        problem, keys = ("missing", missing) if missing else ("not part of it", unexpected)
        shown = ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
        raise DataError(f"{origin} does not hold the weights of {name}: {shown} {problem}")
    return layers


@contextmanager
def _whole_float32(image: Tensor) -> Iterator[None]:
    """Turn off TF32 in convolutions, which torch allows by default and which has ten bits of mantissa."""
    if not image.is_cuda:
        yield
        return
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


# Cached, as several metrics read one network, and drawing VGG16's weights takes seconds.
@functools.lru_cache(maxsize=4)
def _seeded(name: str, seed: int) -> tuple[nn.Module, ...]:
    """The layers up to the last tap as torchvision's constructor makes them."""
    network = NETWORKS[name]
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.default_generator.manual_seed(seed)
        return network.used_layers(network.constructed())


@functools.lru_cache(maxsize=4)
def _loaded(name: str, path: Path, content: str) -> tuple[nn.Module, ...]:
    """The layers up to the last tap, filled from a file. content: its hash, so that a replaced file is read again."""
    return fill(name, files.read(path), path)


def _without_numbers(name: str) -> tuple[nn.Module, ...]:
    """The layers up to the last tap on the meta device."""
    network = NETWORKS[name]
    with torch.device("meta"):
        return network.used_layers(network.empty())
