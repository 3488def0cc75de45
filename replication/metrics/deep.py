"""Shared parts of metrics on feature maps: checks, the pass through the network, and assembly of a `Metric`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from replication.features import Backbone, imagenet_normalised
from replication.metrics.checks import Validate, check_layout, check_values, checked_pair
from replication.metrics.map_tiles import CutMaps, is_cut
from replication.metrics.memory import check_memory
from replication.metrics.options import Device
from replication.metrics.registry import Metric, Source

VGG_STAGES = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")  # read by LPIPS, DISTS and DeepWSD
MAX_POOLED_TAPS = (*VGG_STAGES, "relu5_1")  # one pass for LPIPS on VGG16 and DeepSSIM


@dataclass(frozen=True)
class Features:
    """One pass of a batch of images through a backbone.

    image: (N, 3, H, W) in [0, 1] as it went in, but for the normalisation.
    maps: of the requested taps, by name.
    size: of the images before any resizing.
    """

    image: Tensor
    maps: Mapping[str, Tensor]
    size: tuple[int, int]


@dataclass(frozen=True)
class Resizing:
    """A metric's rule for the size of its images: what it is called in a protocol, and how it is done."""

    name: str
    apply: Callable[[Tensor], Tensor]


def _unchanged(image: Tensor) -> Tensor:
    return image


AS_IT_IS = Resizing("none", _unchanged)


def features(
    backbone: Backbone,
    image: Tensor,
    taps: Sequence[str],
    *,
    normalise: bool = True,
    resizing: Resizing = AS_IT_IS,
    cut: bool = False,
) -> Features:
    """The maps of (N, 3, H, W) images in [0, 1], in the precision of the backbone's weights.

    normalise: with ImageNet's mean and deviation, after resizing.
    cut: give `CutMaps` of images too large for one pass. Without it, that
    warns if a pair of such images takes more than 3 GB, and raises MemoryError if that exceeds the free memory.
    """
    size = (image.shape[-2], image.shape[-1])
    image = resizing.apply(image.to(next(backbone.parameters()).dtype))
    convert = imagenet_normalised if normalise else _unchanged
    if cut and is_cut(backbone, image, taps):
        return Features(image, CutMaps(backbone, image, taps, convert), size)
    check_memory(backbone, image, taps)
    return Features(image, backbone(convert(image), taps), size)


def checked_rgb_pair(
    reference: Tensor, distorted: Tensor, validate: Validate, *, same_size: bool = True
) -> tuple[Tensor, Tensor]:
    """`checks.checked_pair` for RGB images in [0, 1]; with same_size=False their sizes may differ from each other."""
    for name, image in (("reference", reference), ("distorted", distorted)):
        check_rgb(name, image)
    if same_size:
        return checked_pair(reference, distorted, 1.0, validate)
    if len(reference) != len(distorted) or reference.device != distorted.device:
        raise ValueError(
            "reference and distorted must be as many and on one device, "
            f"got {len(reference)} on {reference.device} and {len(distorted)} on {distorted.device}"
        )
    for name, image in (("reference", reference), ("distorted", distorted)):
        check_values(name, image, 1.0, validate)
    return reference, distorted


def check_rgb(name: str, image: Tensor) -> None:
    """Raise unless `image` is a floating-point (N, 3, H, W) tensor."""
    check_layout(name, image)
    if image.shape[1] != 3:
        raise ValueError(
            f"{name} must have 3 channels (RGB), got {image.shape[1]}; repeat a grey image: image.expand(-1, 3, -1, -1)"
        )


def check_comparable(
    reference: Sequence[Tensor], distorted: Sequence[Tensor], sizes: tuple[tuple[int, int], tuple[int, int]] | None
) -> None:
    """Raise unless two prepared batches are on one device, of one image size, and as many or one reference."""
    first, second = reference[0], distorted[0]
    if first.device != second.device:
        raise ValueError(f"reference and distorted must be on one device, got {first.device} and {second.device}")
    if sizes is not None and sizes[0] != sizes[1]:
        (a, b), (c, d) = sizes
        raise ValueError(f"reference and distorted must have the same size, got {a} x {b} and {c} x {d}")
    if len(first) not in (1, len(second)):
        raise ValueError(f"there must be as many references as distorted images, or 1: {len(first)} and {len(second)}")


def assemble(
    name: str,
    *,
    higher_is_better: bool,
    backbone: Backbone,
    device: Device,
    taps: Sequence[str],
    protocol: Mapping[str, Any],
    finish: Callable[[Features], Any],
    compare: Callable[[Any, Any], Tensor],
    normalise: bool = True,
    resizing: Resizing = AS_IT_IS,
    shared_taps: Sequence[str] | None = None,
    compare_cut: Callable[[CutMaps, CutMaps], Tensor] | None = None,
) -> Metric:
    """A metric whose preparation is `finish` of `features`; metrics that read the same features share one pass.

    The protocol printed is the given one, with network, weights, pooling, normalisation and resizing put before it.
    device: where to compute; None is where the image is, and the backbone follows.
    shared_taps: the taps of the shared pass, where they are more than this metric's own.
    compare_cut: scores from the parts of maps of images too large for one pass. A metric without it reads whole maps.
    """
    shared = tuple(shared_taps or taps)

    def compute(image: Tensor, wanted: Sequence[str] = shared) -> Features:
        check_rgb("image", image)
        check_values("image", image, 1.0, None)
        if device is None:
            backbone.to(image.device)
        else:
            image = image.to(device)
        return features(backbone, image, wanted, normalise=normalise, resizing=resizing, cut=True)

    def finished(of: Features) -> Any:
        return of.maps if compare_cut is not None and isinstance(of.maps, CutMaps) else finish(of)

    def compared(reference: Any, distorted: Any) -> Tensor:
        if compare_cut is None or not (isinstance(reference, CutMaps) and isinstance(distorted, CutMaps)):
            return compare(reference, distorted)
        check_comparable([reference.image], [distorted.image], (reference.size, distorted.size))
        return compare_cut(reference, distorted)

    key = (backbone.name, backbone.pooling, backbone.weights, str(device), shared, normalise, resizing.name)
    settled = {
        "backbone": backbone.name,
        "weights": backbone.weights,
        "pooling": backbone.pooling,
        "normalisation": "ImageNet" if normalise else "none",
        "resize": resizing.name,
        **protocol,
    }
    return Metric(
        name,
        higher_is_better,
        settled,
        prepare=lambda image: finished(compute(image, taps)),
        compare=compared,
        source=Source(key, compute),
        finish=finished,
    )
