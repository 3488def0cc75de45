"""Feature maps of images too large for one pass through a network: tile by tile, in bounded memory.

A tile is read with a margin wider than what a value of any map depends on, and the values of the margin are left out.
So the maps are those of one pass, but for rounding.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from replication.features import Backbone
from replication.metrics.memory import SMALL, bytes_per_pixel, check_memory

LARGE = 2.4e9  # bytes from which on a pass is cut: with two images of that size and torch itself, 3 GB
_CORE = 512  # pixels of a tile's side without margins, give or take half
_MARGIN = 128  # values of the deepest maps of the networks below depend on 118 pixels to one side
_NETWORKS = ("alexnet", "vgg16", "squeezenet1_0", "squeezenet1_1")
_STEP = 32  # tiles begin at multiples of it, as the windows of all layers do


def is_cut(backbone: Backbone, image: Tensor, taps: Sequence[str]) -> bool:
    """True if one pass of one of these images would exceed 3 GB and the network can work on tiles."""
    pixels = math.prod(image.shape[-2:])
    return pixels >= SMALL and backbone.name in _NETWORKS and pixels * bytes_per_pixel(backbone, taps) >= LARGE


class CutMaps(Mapping[str, Tensor]):
    """The maps of images (N, 3, H, W) by tap, computed when they are asked for.

    taps: those that may be asked for. convert: what is done to the image first; it treats every pixel alike.
    """

    def __init__(
        self, backbone: Backbone, image: Tensor, taps: Sequence[str], convert: Callable[[Tensor], Tensor]
    ) -> None:
        self._backbone, self.image, self._taps, self._convert = backbone, image, tuple(taps), convert
        self._whole: dict[str, Tensor] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.image.shape[-2], self.image.shape[-1]

    def __getitem__(self, tap: str) -> Tensor:
        """The whole map. Raises MemoryError where it and those asked for before take more memory than is free."""
        if tap not in self._taps:
            raise KeyError(tap)
        if tap not in self._whole:
            check_memory(self._backbone, self.image, [*self._whole, tap], in_tiles=True)
            rows: dict[int, list[Tensor]] = {}
            for top, maps in self._tiles([tap]):
                rows.setdefault(top, []).append(maps[tap])
            self._whole[tap] = torch.cat([torch.cat(parts, dim=-1) for parts in rows.values()], dim=-2)
        return self._whole[tap]

    def __iter__(self) -> Iterator[str]:
        return iter(self._taps)

    def __len__(self) -> int:
        return len(self._taps)

    def parts(self, taps: Sequence[str]) -> Iterator[Mapping[str, Tensor]]:
        """Parts of the maps at these taps, which together are the maps; those of images of one size match."""
        return (maps for _, maps in self._tiles(taps))

    def bands(self, taps: Sequence[str], patch: int, stride: int) -> Iterator[Mapping[str, Tensor]]:
        """Rows of the maps by tap, in which the whole patches of `patch` pixels, one every `stride`, are once each.

        A band is about as high as a row of tiles, and as wide as the map. A tap at which no patch ends has no entry.
        stride: at most `patch`.
        """
        left: dict[str, Tensor] = {}  # rows of patches that end in the next band
        for _, tiles in itertools.groupby(self._tiles(taps), key=lambda found: found[0]):
            across = [maps for _, maps in tiles]
            whole = {}
            for tap in taps:
                rows = torch.cat([maps[tap] for maps in across], dim=-1)
                rows = torch.cat([left[tap], rows], dim=-2) if tap in left else rows
                count = max(0, (rows.shape[-2] - patch) // stride + 1)
                if count:
                    whole[tap] = rows[..., : (count - 1) * stride + patch, :]
                left[tap] = rows[..., count * stride :, :].clone()
            yield whole

    def _tiles(self, taps: Sequence[str]) -> Iterator[tuple[int, Mapping[str, Tensor]]]:
        """The tiles row by row: the first row of pixels, and the part of each map that belongs to it."""
        height, width = self.size
        for top, bottom in _spans(height):
            for left, right in _spans(width):
                above, before = max(0, top - _MARGIN), max(0, left - _MARGIN)
                tile = self.image[..., above : bottom + _MARGIN, before : right + _MARGIN]
                maps = self._backbone(self._convert(tile), taps)
                for tap, whole in maps.items():
                    stride = 2 ** round(math.log2(tile.shape[-1] / whole.shape[-1]))
                    down, across = (
                        slice((start - first) // stride, None if end == side else (end - first) // stride)
                        for start, end, first, side in ((top, bottom, above, height), (left, right, before, width))
                    )
                    maps[tap] = whole[..., down, across].clone()  # not a view, which would hold the margins
                yield top, maps


def _spans(side: int) -> Iterator[tuple[int, int]]:
    """First and last pixel, excluded, of each tile along a side."""
    count = max(1, round(side / _CORE))
    bounds = [_STEP * round(side * number / count / _STEP) for number in range(count)]
    return zip(bounds, [*bounds[1:], side], strict=True)
