"""What metrics with attention need of images too large for one pass, from parts of their maps, in bounded memory."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from replication.metrics.attention_controls import Attended, Weighting, placed
from replication.metrics.map_tiles import CutMaps

if TYPE_CHECKING:
    from replication.metrics.attended_scores import PatchAttention


def in_bands(
    where: "PatchAttention",
    reference: CutMaps,
    distorted: CutMaps,
    distance: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> tuple[list[Tensor], list[Tensor]]:
    """The weights of the patches at each of attention's taps, and their distances, all (N, h, w).

    distance: of the patches of two maps (N, C, H, W), to (N, h, w); without it there are no distances.
    """
    own: Weighting = "none" if where.weighting in ("none", "zero") else "local"  # controls are of all bands together
    weights: dict[str, list[Tensor]] = {tap: [] for tap in where.taps}
    distances: dict[str, list[Tensor]] = {tap: [] for tap in where.taps}
    bands = (image.bands(where.taps, where.patch, where.stride) for image in (reference, distorted))
    for x, y in zip(*bands, strict=True):
        for tap, projection in zip(where.taps, where.projections, strict=True):
            if tap in x:
                part = where._replace(taps=(tap,), projections=(projection,), weighting=own)
                weights[tap] += part.between(Attended((x[tap],)), Attended((y[tap],)))
                if distance is not None:
                    distances[tap].append(distance(x[tap], y[tap]))
    joined = placed(where.weighting, [torch.cat(parts, dim=1) for parts in weights.values()], None, where.shuffle_seed)
    return joined, [torch.cat(parts, dim=1) for parts in distances.values() if parts]


class PartMoments(NamedTuple):
    """The mean and the mean square of each channel, (N, C)."""

    mean: Tensor
    square: Tensor

    @property
    def variance(self) -> Tensor:
        """The biased variance."""
        return self.square - self.mean.square()


def moments_of_parts(
    reference: CutMaps, distorted: CutMaps, taps: Sequence[str]
) -> tuple[list[PartMoments], list[PartMoments], list[PartMoments]]:
    """Moments of the maps at each tap: of the reference, of the distorted image, of their difference.

    In float64, in which a variance may be a difference of squares.
    """
    sums: dict[str, list[Tensor]] = {}
    pixels = dict.fromkeys(taps, 0)
    for maps in zip(reference.parts(taps), distorted.parts(taps), strict=True):
        for tap in taps:
            x, y = (of[tap].double() for of in maps)
            added = [total for z in (x, y, x - y) for total in (z.sum(dim=(2, 3)), z.square().sum(dim=(2, 3)))]
            sums[tap] = [a + b for a, b in zip(sums[tap], added, strict=True)] if tap in sums else added
            pixels[tap] += x.shape[-2] * x.shape[-1]
    means = {tap: [total / pixels[tap] for total in sums[tap]] for tap in taps}
    first, second, difference = ([PartMoments(*means[tap][at : at + 2]) for tap in taps] for at in (0, 2, 4))
    return first, second, difference
