"""The memory that a pass through a network takes: announced where it is much, refused where there is not enough.

Most metrics of feature maps compare whole maps, by statistics of them; see `map_tiles` for those that need not.
"""

import itertools
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from replication.features import Backbone

SMALL = 2**20  # pixels of a batch for which nothing is estimated
_MUCH = 3e9  # bytes from which on a pass is announced
_SIDE = 128  # of the image on which the values of a network's maps are counted

_known: WeakKeyDictionary[Backbone, dict[tuple[str, ...], tuple[float, float]]] = WeakKeyDictionary()


def check_memory(backbone: Backbone, image: Tensor, taps: Sequence[str], *, in_tiles: bool = False) -> None:
    """Warn if comparing a pair of images of that size at these taps takes more than 3 GB.

    in_tiles: the network runs tile by tile, so that only the maps at the taps count.
    Raises MemoryError, before anything is computed, if the batch (N, 3, H, W) takes more than the device has free.
    """
    number, _, height, width = image.shape
    if number * height * width < SMALL:
        return
    needed = number * height * width * bytes_per_pixel(backbone, taps, in_tiles=in_tiles)
    if needed < _MUCH:
        return
    images = f"{number} images of {height} x {width}" if number > 1 else f"an image of {height} x {width}"
    what = f"{backbone.name} needs about {needed / 1e9:.0f} GB to compare {images} with a reference"
    free = free_memory(image.device)
    if needed > free:
        raise MemoryError(f"{what}, and {free / 1e9:.1f} GB are free; reduce the images or use another device")
    if needed >= number * _MUCH:
        warnings.warn(what, stacklevel=2)


def bytes_per_pixel(backbone: Backbone, taps: Sequence[str], *, in_tiles: bool = False) -> float:
    """Bytes for each pixel of an image when it is compared with a reference: an estimate from above.

    These are the largest two maps that follow each other while the network runs, and three times the maps at the taps:
    of the reference, of the distorted image, and what a metric makes of the latter.
    in_tiles: without the former.
    """
    of_network = _known.setdefault(backbone, {})
    if tuple(taps) not in of_network:
        counts = [3 * _SIDE**2]
        hooks = [layer.register_forward_hook(lambda *call: counts.append(call[2].numel())) for layer in backbone.layers]
        try:
            with torch.no_grad():
                maps = backbone(torch.zeros(1, 3, _SIDE, _SIDE, device=backbone.device), taps)
        finally:
            for hook in hooks:
                hook.remove()
        passing = max(before + after for before, after in itertools.pairwise(counts))
        stored = 3 * sum(each.numel() for each in maps.values())
        size = next(backbone.parameters()).element_size() / _SIDE**2
        of_network[tuple(taps)] = passing * size, stored * size
    passing_bytes, stored_bytes = of_network[tuple(taps)]
    return stored_bytes if in_tiles else passing_bytes + stored_bytes


def free_memory(device: torch.device) -> float:
    """Bytes that can still be allocated on a device; infinity where that is unknown."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # in torch's own cache
        return float(torch.cuda.mem_get_info(device)[0] + unused)
    if device.type != "cpu":
        return math.inf
    return min(_free_of_machine(), _free_of_container())


def _free_of_machine() -> float:
    lines = _text("/proc/meminfo").splitlines()
    return next((1024 * float(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), math.inf)


def _free_of_container() -> float:
    """Bytes below the limit of the control group (version 2), infinity without one."""
    limit, used = (_text(f"/sys/fs/cgroup/memory.{name}").strip() for name in ("max", "current"))
    return float(limit) - float(used) if limit.isdigit() and used.isdigit() else math.inf


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError:
        return ""
