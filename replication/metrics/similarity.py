"""Luminance and contrast-structure of two images under windows, for SSIM, MS-SSIM and LWSSIM.

With s = x + y and d = x - y, and m and v for their means and variances under a window,

    l  = (2 mx my + C1) / (mx^2 + my^2 + C1) = 1 - 2 md^2 / (ms^2 + md^2 + 2 C1)
    cs = (2 vxy + C2) / (vx + vy + C2)       = 1 - 2 vd / (vs + vd + 2 C2)

so that four filtered maps (s, d, s^2, d^2) are enough, and similar images, where d is small, lose no precision.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from replication.metrics.checks import Padding
from replication.metrics.filters import reflected, separable_filter, separable_filter_adjoint
from replication.metrics.tiles import tiles, windows

# Windows worked on at a time. On a CPU a tile's maps (about twelve) should stay in the caches; on an accelerator fewer,
# larger kernels matter more, and the limit only bounds memory.
TILE_CPU = 2**16
TILE_ACCELERATOR = 2**25


class Constants(NamedTuple):
    """C1 = (k1 L)^2 and C2 = (k2 L)^2, L the data range: they keep the ratios defined on black and flat images."""

    c1: float
    c2: float

    @classmethod
    def of(cls, data_range: float, k1: float, k2: float) -> "Constants":
        """Constants for a data range; ValueError unless k1 and k2 are positive."""
        if not (k1 > 0 and k2 > 0):
            raise ValueError(f"k1 and k2 must be positive, got {k1} and {k2}")
        return cls((k1 * data_range) ** 2, (k2 * data_range) ** 2)


def tile_size(image: Tensor) -> int:
    """Number of windows of an image to work on at a time."""
    return TILE_CPU if image.device.type == "cpu" else TILE_ACCELERATOR


def similarity_maps(
    x: Tensor, y: Tensor, taps: Sequence[float], constants: Constants, padding: Padding
) -> tuple[Tensor, Tensor]:
    """Luminance l and contrast-structure cs at every window, differentiable any number of times.

    (N, C, H, W) to (N, C, H - size + 1, W - size + 1), or with padding "reflect" to (N, C, H, W).
    """
    if padding == "reflect":
        x, y = reflected(x, len(taps)), reflected(y, len(taps))
    signals = torch.stack((x + y, x - y))
    offset = signals.detach().mean(-1, keepdim=True).mean(-2, keepdim=True)
    signals = signals - offset
    means, squares = separable_filter(torch.cat((signals, signals.square())), taps).chunk(2)
    variance_s, variance_d = squares - means.square()
    mean_s, mean_d = (means + offset).square()
    luminance = 1 - 2 * mean_d / (mean_s + mean_d + 2 * constants.c1)
    return luminance, 1 - 2 * variance_d / (variance_s + variance_d + 2 * constants.c2)


def mean_similarity(
    x: Tensor, y: Tensor, taps: Sequence[float], constants: Constants, padding: Padding, *, luminance: bool = True
) -> Tensor:
    """Mean over the windows of l cs, or of cs alone without `luminance`: (N, C, H, W) to (N, C).

    padding: "valid", windows that lie inside the image, or "reflect", one for each pixel.
    Differentiable once; a second derivative (create_graph=True) is refused.
    """
    if not torch.is_grad_enabled():
        x, y = x.detach(), y.detach()
    mean: Tensor = _MeanSimilarity.apply(x, y, taps, constants, padding, luminance)  # type: ignore[no-untyped-call]
    return mean


class Maps(NamedTuple):
    """s, d, s^2 + 2 C2 and d^2 of a tile, (4, P, h, w), with s and d measured from the means of their planes, `offset`.

    Variances are differences of squares. Measured from the mean, these are small: float32 then agrees with float64 on
    flat and on bright images too. The variance of s enters vs + vd + 2 C2 only, so that the constant is added here.
    """

    maps: Tensor
    offset: Tensor

    @classmethod
    def of(cls, x: Tensor, y: Tensor, constants: Constants) -> "Maps":
        maps = x.new_empty(4, *x.shape)
        signals = maps[:2]
        torch.add(x, y, out=maps[0])
        torch.sub(x, y, out=maps[1])
        offset = signals.mean(-1, keepdim=True).mean(-2, keepdim=True)
        signals -= offset
        torch.mul(signals, signals, out=maps[2:])
        maps[2] += 2 * constants.c2
        return cls(maps, offset)

    def by_image(self, by_maps: Tensor, wanted: Sequence[bool]) -> tuple[Tensor | None, Tensor | None]:
        """Derivatives by x and by y, from the derivatives by the maps as `Distances.derivatives` arranges them."""
        if all(wanted):
            by_s, by_d = by_maps[:2].addcmul_(self.maps[:2], by_maps[2:])
            return by_s + by_d, by_s - by_d
        gradient, *by_squares = by_maps
        for signal, by_square, sign in zip(self.maps[:2], by_squares, (1, 1 if wanted[0] else -1), strict=True):
            gradient.addcmul_(signal, by_square, value=sign)
        return (gradient, None) if wanted[0] else (None, gradient)


class Distances(NamedTuple):
    """r = md^2 / (ms^2 + md^2 + 2 C1) and vd / (vs + vd + 2 C2) at every window, and one over these denominators.

    mass: n, the sum of a window's taps. root: multiplies both ratio and inverse, so that derivatives, products of the
        two, come out multiplied by its square without another pass over them.
    sums of s and d from their offsets, and n times their means, each (2, P, h, w).
    ratio, inverse: (2, P, h, w), of luminance and of structure, or (1, P, h, w), of structure alone. Ratios are those
    of (n m)^2 and n v, so that sums need not be divided.
    """

    mass: float
    root: float
    sums: Tensor
    means: Tensor
    ratio: Tensor
    inverse: Tensor

    @classmethod
    def of(
        cls,
        sums: Tensor,
        offset: Tensor,
        mass: float,
        constants: Constants,
        *,
        luminance: bool = True,
        root: float = 1.0,
    ) -> "Distances":
        """From the sums of `Maps` under the windows, (4, P, h, w)."""
        from_offset, squares = sums[:2], sums[2:]
        parts = sums.new_empty(1 + luminance, *squares.shape)  # of luminance, of structure; of s, of d
        torch.addcmul(squares, from_offset, from_offset, value=-1 / mass, out=parts[-1])
        means = from_offset
        if luminance:
            means = from_offset + mass * offset
            torch.mul(means, means, out=parts[0])
        inverse = parts[:, 0] + parts[:, 1]
        if luminance:
            inverse[0] += 2 * mass**2 * constants.c1
        inverse.reciprocal_()
        if root != 1:
            inverse *= root
        return cls(mass, root, from_offset, means, parts[:, 1].mul_(inverse), inverse)

    def derivatives(self, factors: Tensor, wanted: Sequence[bool], out: Tensor) -> None:
        """Derivatives of a score by the sums of s, d, s^2 and d^2, where its derivatives by r are -k / 2.

        factors: k times inverse; they are overwritten.
        out: (4, P, h, w), or (3, P, h, w) where the gradient of one image is wanted: the first two are then one, their
            sum for x and their difference for y.
        """
        by_means, by_squares = out[:-2], out[-2:]
        torch.mul(self.ratio[-1], factors[-1], out=by_squares[0])
        torch.sub(by_squares[0], factors[-1], alpha=self.root, out=by_squares[1])
        if len(factors) == 2:  # with luminance
            torch.mul(self.ratio[0], factors[0], out=self.ratio[0])
            by_mean_squares = self.ratio[0], torch.sub(self.ratio[0], factors[0], alpha=self.root, out=factors[0])
        for signal, sign in enumerate((1, 1 if all(wanted) or wanted[0] else -1)):
            target, factor = by_means[signal if all(wanted) else 0], -sign / self.mass
            so_far = target if signal and not all(wanted) else target.new_zeros(())
            torch.addcmul(so_far, self.sums[signal], by_squares[signal], value=factor, out=target)
            if len(factors) == 2:
                target.addcmul_(self.means[signal], by_mean_squares[signal], value=sign)


class _MeanSimilarity(torch.autograd.Function):
    """`mean_similarity`, tile by tile, with its gradient computed in the same pass while the tile is in the cache.

    Nothing but the gradient itself is kept for the backward pass, which only scales it.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        y: Tensor,
        taps: Sequence[float],
        constants: Constants,
        padding: Padding,
        luminance: bool,
    ) -> Tensor:
        shape, wanted = x.shape, ctx.needs_input_grad[:2]
        x, y = x.reshape(-1, *shape[-2:]), y.reshape(-1, *shape[-2:])
        total = x.new_zeros(len(x))
        gradients = [torch.zeros_like(x) if needed else None for needed in wanted]
        for tile in tiles(x.shape, len(taps), padding, tile_size(x)):
            maps = Maps.of(tile.of(x), tile.of(y), constants)
            distances = Distances.of(
                separable_filter(maps.maps, taps), maps.offset, 1.0, constants, luminance=luminance
            )
            terms = 1 - 2 * distances.ratio  # l and cs, or cs
            similarity = terms[0] * terms[1] if luminance else terms[0]
            total[tile.planes] += similarity.sum(-1).sum(-1)  # row by row: the same order whatever the batch
            if any(wanted):
                # d(l cs) is -2 cs dr for luminance and -2 l dr for structure; `backward` multiplies by 4.
                factors = distances.inverse
                factors = factors.mul_(terms.flip(0)) if luminance else factors
                by_sums = similarity.new_empty(4 if all(wanted) else 3, *similarity.shape)
                distances.derivatives(factors, wanted, by_sums)
                by_image = maps.by_image(separable_filter_adjoint(by_sums, taps), wanted)
                for gradient, by in zip(gradients, by_image, strict=True):
                    if gradient is not None and by is not None:
                        tile.add(gradient, by)
        ctx.save_for_backward(*gradients)
        ctx.windows = count = math.prod(windows(side, len(taps), padding) for side in shape[-2:])
        return (total / count).view(shape[:2])

    @staticmethod
    def backward(ctx: Any, by_mean: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivative("SSIM and MS-SSIM are differentiable once; for more, use ssim_map(...).mean()")
        return *scaled(4 * by_mean / ctx.windows, ctx.saved_tensors), None, None, None, None


def refuse_second_derivative(message: str) -> None:
    """Raise in a backward pass under create_graph=True: the saved gradient would silently count as a constant."""
    if torch.is_grad_enabled():
        raise RuntimeError(message)


def scaled(by_score: Tensor, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Gradients of scores (N, C), saved as (N C, H, W), times the derivatives by these scores; (N, C, H, W)."""
    scale = by_score[..., None, None]
    shape = by_score.shape
    return [None if saved is None else scale * saved.view(*shape, *saved.shape[-2:]) for saved in gradients]
