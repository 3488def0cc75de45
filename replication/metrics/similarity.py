"""What SSIM and MS-SSIM share: local luminance and contrast-structure of two images, and their mean.

With s = x + y and d = x - y, and m and v for their local means and variances,

    l  = (2 mx my + C1) / (mx^2 + my^2 + C1) = (ms^2 - md^2 + 2 C1) / (ms^2 + md^2 + 2 C1)
    cs = (2 vxy + C2) / (vx + vy + C2)       = (vs - vd + 2 C2) / (vs + vd + 2 C2)

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

# Pixels worked on at a time. On a CPU a tile's maps (about twelve) should stay in the caches; on an accelerator fewer,
# larger kernels matter more, and the limit only bounds memory.
_TILE_CPU = 2**16
_TILE_ACCELERATOR = 2**25


class Constants(NamedTuple):
    """C1 = (k1 L)^2 and C2 = (k2 L)^2, L the data range: they keep the ratios defined on black and flat images."""

    c1: float
    c2: float

    @classmethod
    def of(cls, data_range: float, k1: float, k2: float) -> "Constants":
        if not (k1 > 0 and k2 > 0):
            raise ValueError(f"k1 and k2 must be positive, got {k1} and {k2}")
        return cls((k1 * data_range) ** 2, (k2 * data_range) ** 2)


class _Moments(NamedTuple):
    """Of s and d, each (2, ..., H, W): the signals and their local means, both from an offset; means; variances."""

    signals: Tensor
    means_from_offset: Tensor
    means: Tensor
    variances: Tensor

    @classmethod
    def of(cls, x: Tensor, y: Tensor, taps: Sequence[float]) -> "_Moments":
        """Variances are differences of squares. Measured from the mean of the plane, these are small: float32 then
        agrees with float64 on flat and on bright images too.
        """
        signals = torch.stack((x + y, x - y))
        offset = signals.detach().mean(-1, keepdim=True).mean(-2, keepdim=True)
        signals -= offset
        means, mean_squares = separable_filter(torch.cat((signals, signals.square())), taps).chunk(2)
        return cls(signals, means, means + offset, torch.addcmul(mean_squares, means, means, value=-1))


class _Ratio(NamedTuple):
    """(a - b + c) / (a + b + c) and its derivatives with respect to a and b."""

    value: Tensor
    denominator: Tensor

    @classmethod
    def of(cls, a: Tensor, b: Tensor, c: float) -> "_Ratio":
        denominator = (a + b).add_(c)
        return cls(torch.sub(denominator, b, alpha=2).div_(denominator), denominator)

    def derivatives(self) -> Tensor:
        return torch.stack((1 - self.value, -1 - self.value)).div_(self.denominator)


def similarity_maps(
    x: Tensor, y: Tensor, taps: Sequence[float], constants: Constants, padding: Padding
) -> tuple[Tensor, Tensor]:
    """Luminance l and contrast-structure cs at every window.

    (N, C, H, W) to (N, C, H - size + 1, W - size + 1), or with padding "reflect" to (N, C, H, W).
    """
    if padding == "reflect":
        x, y = reflected(x, len(taps)), reflected(y, len(taps))
    luminance, structure = _ratios(_Moments.of(x, y, taps), constants)
    return luminance.value, structure.value


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


def _ratios(moments: _Moments, constants: Constants) -> tuple[_Ratio, _Ratio]:
    """Luminance and contrast-structure."""
    mean_s, mean_d = moments.means.square()
    variance_s, variance_d = moments.variances
    return _Ratio.of(mean_s, mean_d, 2 * constants.c1), _Ratio.of(variance_s, variance_d, 2 * constants.c2)


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
        shape = x.shape
        x, y = x.reshape(-1, *shape[-2:]), y.reshape(-1, *shape[-2:])
        total = x.new_zeros(len(x))
        gradients = [torch.zeros_like(x) if needed else None for needed in ctx.needs_input_grad[:2]]
        for tile in tiles(x.shape, len(taps), padding, _TILE_CPU if x.device.type == "cpu" else _TILE_ACCELERATOR):
            moments = _Moments.of(tile.of(x), tile.of(y), taps)
            ratios = _ratios(moments, constants)
            similarity = ratios[0].value * ratios[1].value if luminance else ratios[1].value
            total[tile.planes] += similarity.sum(-1).sum(-1)  # row by row: the same order whatever the batch
            if any(ctx.needs_input_grad):
                by_image = _gradients(moments, ratios, taps, luminance, ctx.needs_input_grad[:2])
                for gradient, by in zip(gradients, by_image, strict=True):
                    if gradient is not None and by is not None:
                        tile.add(gradient, by)
        ctx.save_for_backward(*gradients)
        ctx.windows = math.prod(windows(side, len(taps), padding) for side in shape[-2:])
        return (total / ctx.windows).view(shape[:2])

    @staticmethod
    def backward(ctx: Any, by_mean: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():  # create_graph=True: the saved gradient would silently count as a constant
            raise RuntimeError("SSIM and MS-SSIM are differentiable once; for more, differentiate ssim_map(...).mean()")
        scale = (by_mean / ctx.windows)[..., None, None]
        gradients = (
            None if saved is None else scale * saved.view(*by_mean.shape, *saved.shape[-2:])
            for saved in ctx.saved_tensors
        )
        return *gradients, None, None, None, None


def _gradients(
    moments: _Moments, ratios: tuple[_Ratio, _Ratio], taps: Sequence[float], luminance: bool, wanted: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Derivatives of the sum of l cs (or of cs) with respect to x and to y, (..., H, W), those that are wanted.

    The chain rule through v = filter(s^2) - m^2: with f_v and f_m the derivatives by variance and by mean,
    f_s = adjoint(f_m - 2 m f_v) + 2 s adjoint(f_v), and likewise for d; then f_x = f_s + f_d and f_y = f_s - f_d. Where
    one of these two is wanted, the means of s and d share one adjoint.
    """
    brightness, structure = ratios
    by_variance = structure.derivatives()
    if luminance:
        by_variance *= brightness.value
    by_mean = (-2 * moments.means_from_offset).mul_(by_variance)
    if luminance:
        by_mean += (2 * moments.means).mul_(brightness.derivatives()).mul_(structure.value)
    if all(wanted):
        from_means, from_squares = separable_filter_adjoint(torch.cat((by_mean, by_variance)), taps).chunk(2)
        by_s, by_d = from_means.addcmul_(moments.signals, from_squares, value=2)
        return by_s + by_d, by_s - by_d
    sign = 1 if wanted[0] else -1
    by_mean[0].add_(by_mean[1], alpha=sign)
    gradient, from_squares, from_square_d = separable_filter_adjoint(torch.cat((by_mean[:1], by_variance)), taps)
    gradient.addcmul_(moments.signals[0], from_squares, value=2)
    gradient.addcmul_(moments.signals[1], from_square_d, value=2 * sign)
    return (gradient, None) if wanted[0] else (None, gradient)
