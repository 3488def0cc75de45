"""Level weighted structural similarity (LWSSIM): SSIM with luminance added, not multiplied, at several window sizes."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from replication.metrics.box_sums import Taps, shifted_sum, shifted_sums
from replication.metrics.checks import Validate, check_choice, checked_pair
from replication.metrics.filters import WindowKind, window
from replication.metrics.registry import metric
from replication.metrics.similarity import Constants

WINDOW_SIZES = (3, 7, 11)

_NEAR_ZERO = 1e-3  # below it, a power less than one goes on as a straight line through zero
_NO_VARIANCE = 1e-8  # of the squared data range: where a standard deviation goes on as a straight line to zero
# Pixels worked on at a time: small enough for a CPU's caches, large for an accelerator.
_TILE_CPU = 2**16
_TILE_ACCELERATOR = 2**24


@metric("lwssim", higher_is_better=True)
def lwssim(
    reference: Tensor,
    distorted: Tensor,
    *,
    data_range: float = 1.0,
    window_sizes: Sequence[int] = WINDOW_SIZES,
    weights: Sequence[float] | None = None,
    alpha: float = 1.0,
    beta: float = 1.0,
    gamma: float = 1.0,
    window_kind: WindowKind = "uniform",
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    validate: Validate = None,
) -> Tensor:
    """LWSSIM of each image, shape (N,); higher is better, 2 mean(weights) for identical images, which is the most.

        LWSSIM = 1/I sum_i w_i mean over windows of size i of  l^alpha + c^beta s^gamma

        l = (2 mx my + C1) / (mx^2 + my^2 + C1),  c = (2 sx sy + C2) / (vx + vy + C2),  s = (vxy + C3) / (sx sy + C3)

    with C1 = (k1 data_range)^2, C2 = (k2 data_range)^2, C3 = C2 / 2, means m and biased (co)variances v over every
    window that lies inside the image, averaged over the windows of a channel and then over channels (Lu 2019, eq. 5
    and 6; there the weights are called lambda). The paper gives no sizes, weights, exponents, constants or kind of
    window: they are parameters, and the defaults are ours.

    reference, distorted: (N, C, H, W) floats in [0, data_range]; computed in float32 (float64 if given), whatever the
        autocast. An image's score does not depend on the rest of its batch.
    window_sizes: odd, in pixels; the largest must fit into the image. weights: one for each size, none negative; 1
        where not given.
    alpha, beta, gamma: exponents, not negative. Structure s and, out of range, luminance can be negative: a power then
        keeps the sign, sign(x) |x|^p. An exponent below one has an infinite slope at zero, so that |x| < 0.001 is
        replaced by a straight line to zero there. With beta = gamma the power is that of the product c s. All other
        than (1, 1, 1) take a slower way.
    window_kind, sigma: "uniform", or "gaussian" with a standard deviation of `sigma` pixels for a window of 11, others
        in proportion.
    validate: whether values are checked, see `checks.checked_pair`.
    Differentiable; gradients are finite everywhere, on flat and on identical images too.
    Raises ValueError naming the tensor or parameter and what was wanted.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    levels = _levels(window_sizes, weights, window_kind, sigma)
    for name, exponent in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        if not (exponent >= 0 and math.isfinite(exponent)):
            raise ValueError(f"{name} must be a number that is not negative, got {exponent}")
    height, width = reference.shape[-2:]
    largest = max(level.size for level in levels)
    if min(height, width) < largest:
        raise ValueError(
            f"reference and distorted are {height} x {width}, too small for a window of {largest}: "
            f"the least size is {largest} x {largest}; use smaller window_sizes"
        )
    constants = Constants.of(data_range, k1, k2)
    with torch.autocast(reference.device.type, enabled=False):
        if alpha == beta == gamma == 1:
            if not torch.is_grad_enabled():
                reference, distorted = reference.detach(), distorted.detach()
            scores: Tensor = _MeanSum.apply(reference, distorted, levels, constants)  # type: ignore[no-untyped-call]
        else:
            scores = _mean_of_powers(reference, distorted, levels, constants, (alpha, beta, gamma), data_range)
        return scores.mean(dim=1)


class LWSSIMLoss(nn.Module):
    """2 mean(weights) - LWSSIM, batch mean: zero for identical images. Options: those of `lwssim`."""

    def __init__(self, *, validate: bool = False, **options: Any) -> None:
        super().__init__()
        self.options = {"validate": validate, **options}
        weights = options.get("weights")
        self.most = 2.0 if weights is None else 2 * sum(weights) / len(weights)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return self.most - lwssim(target, output, **self.options).mean()


class _Level(NamedTuple):
    """A window: its size, its taps (the size itself stands for that many ones) and their sum, and w_i / I."""

    size: int
    taps: int | Taps
    mass: float
    weight: float


def _levels(
    sizes: Sequence[int], weights: Sequence[float] | None, kind: WindowKind, sigma: float
) -> tuple[_Level, ...]:
    check_choice("window_kind", kind, ("uniform", "gaussian"))
    if len(sizes) == 0:
        raise ValueError("window_sizes must name one size or more, got none")
    given = [1.0] * len(sizes) if weights is None else list(weights)
    if len(given) != len(sizes):
        raise ValueError(f"weights must be one for each of {len(sizes)} window_sizes, got {len(given)}")
    if any(not (weight >= 0 and math.isfinite(weight)) for weight in given) or not any(given):
        raise ValueError(f"weights must not be negative, nor all zero, got {tuple(given)}")
    levels = []
    for size, weight in zip(sizes, given, strict=True):
        taps = window(size, sigma * size / 11, kind)  # checks both
        share = weight / len(sizes)
        levels.append(_Level(size, size, size**2, share) if kind == "uniform" else _Level(size, taps, 1.0, share))
    return tuple(levels)


def _sums(flat: Tensor, levels: Sequence[_Level], pixels: int, width: int) -> list[Tensor]:
    """Under every level's window, the sums (K, pixels) of K planes that lie flat with enough after them.

    They stand where the window's upper left corner is, and mean something only where the window is whole.
    """
    across = shifted_sums(flat, [level.taps for level in levels], 1)
    down = [shifted_sum(columns, level.taps, width) for level, columns in zip(levels, across, strict=True)]
    return [sums.narrow(-1, 0, pixels) for sums in down]


def _beyond(levels: Sequence[_Level], width: int) -> int:
    """How many pixels after its corner the largest window ends."""
    return (max(level.size for level in levels) - 1) * (width + 1)


class _MeanSum(torch.autograd.Function):
    """The mean over windows of l + c s, weighted and summed over levels: (N, C, H, W) to (N, C).

    c s = (2 vxy + C2) / (vx + vy + C2). With s = x + y and d = x - y, as in `similarity`,

        l + c s = 2 - 2 md^2 / (ms^2 + md^2 + 2 C1) - 2 vd / (vs + vd + 2 C2),

    which loses no precision where images are alike. Tile by tile, with the gradient computed in the same pass.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, levels: tuple[_Level, ...], constants: Constants) -> Tensor:
        shape = x.shape
        x, y = x.reshape(-1, *shape[-2:]), y.reshape(-1, *shape[-2:])
        total = x.new_zeros(len(x))
        gradients = [torch.zeros_like(x) if needed else None for needed in ctx.needs_input_grad[:2]]
        wanted, largest = any(ctx.needs_input_grad), max(level.size for level in levels)
        for planes, rows in _tiles(x, levels):
            inside = (planes, slice(rows.start, min(rows.stop + largest - 1, shape[-2])))
            whole = [_whole(level, shape, rows) for level in levels]
            tile = _Tile.of(x[inside], y[inside], levels)
            scales = [2 * level.weight / math.prod(_whole(level, shape)) for level in levels]
            total_by_moments = None
            for level, sums, windows, scale in zip(levels, tile.sums, whole, scales, strict=True):
                distance, by_sums = _distance(tile, sums, level, constants, windows, scale if wanted else None)
                total[planes] -= scale * distance
                if by_sums is not None:
                    across = shifted_sum(by_sums, level.taps, 1)
                    spread = shifted_sum(across, level.taps, shape[-1])
                    total_by_moments = spread if total_by_moments is None else total_by_moments.add_(spread)
            if total_by_moments is not None:
                by_mean, by_square = total_by_moments.view(4, *x[inside].shape).chunk(2)
                by_s, by_d = by_mean.addcmul_(tile.signals, by_square)
                for gradient, by in zip(gradients, (by_s - by_d, by_s + by_d), strict=True):
                    if gradient is not None:
                        gradient[inside] += by
        ctx.save_for_backward(*gradients)
        return (total + 2 * sum(level.weight for level in levels)).view(shape[:2])

    @staticmethod
    def backward(ctx: Any, by_score: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():  # create_graph=True: the saved gradient would silently count as a constant
            raise RuntimeError("LWSSIM with exponents of one is differentiable once")
        scale = by_score[..., None, None]
        gradients = (
            None if saved is None else scale * saved.view(*by_score.shape, *saved.shape[-2:])
            for saved in ctx.saved_tensors
        )
        return *gradients, None, None


class _Tile(NamedTuple):
    """s and d from their planes' means (2, P, h, w); these means; each level's sums of s, d, s^2 and d^2, (4, P h w).

    Variances are differences of squares, and precise in float32 when measured from the mean.
    """

    signals: Tensor
    offset: Tensor
    sums: list[Tensor]

    @classmethod
    def of(cls, x: Tensor, y: Tensor, levels: Sequence[_Level]) -> "_Tile":
        pixels, width = x.numel(), x.shape[-1]
        flat = x.new_empty(4, pixels + _beyond(levels, width))
        flat[:, pixels:] = 0
        planes = flat[:, :pixels].view(4, *x.shape)
        signals = planes[:2]
        torch.add(x, y, out=signals[0])
        torch.sub(x, y, out=signals[1])
        offset = signals.mean(-1, keepdim=True).mean(-2, keepdim=True)
        signals -= offset
        torch.mul(signals, signals, out=planes[2:])
        return cls(signals, offset, _sums(flat, levels, pixels, width))


def _distance(
    tile: _Tile, sums: Tensor, level: _Level, constants: Constants, whole: tuple[int, int], scale: float | None
) -> tuple[Tensor, Tensor | None]:
    """Sum over whole windows of md^2 / (ms^2 + md^2 + 2 C1) + vd / (vs + vd + 2 C2), (P,), and its derivatives.

    With `scale`, these are by the sums, times scale and with the sign changed for d and d^2, flat behind as many zeros
    as a window reaches. Sums are left undivided: with n the mass of a window, the ratios are those of (n m)^2 and n v.
    """
    shape, n = tile.signals.shape, level.mass
    sums = sums.view(4, *shape[1:])
    from_offset, squares = sums[:2], sums[2:]
    means = from_offset + n * tile.offset
    parts = sums.new_empty(2, *shape)  # of s, of d; for luminance, for structure
    torch.mul(means, means, out=parts[:, 0])
    torch.addcmul(squares, from_offset, from_offset, value=-1 / n, out=parts[:, 1])
    inverse = parts[0] + parts[1]
    inverse[0] += 2 * n * n * constants.c1
    inverse[1] += 2 * n * constants.c2
    inverse.reciprocal_()
    inverse[:, :, whole[0] :] = 0  # no share for what is no whole window
    inverse[:, :, : whole[0], whole[1] :] = 0
    ratio = parts[1] * inverse
    distance = ratio.flatten(-2).sum(-1).sum(0)  # plane by plane: the same order whatever the batch
    if scale is None:
        return distance, None
    before, pixels = (level.size - 1) * (shape[-1] + 1), sums[0].numel()
    flat = sums.new_empty(4, before + pixels)
    flat[:, :before] = 0
    by_sums = flat[:, before:].view(sums.shape)
    inverse *= 2 * scale
    by_mean_s = torch.mul(ratio[0], inverse[0])  # by (n ms)^2, the sign changed
    torch.mul(ratio[1], inverse[1], out=by_sums[2])
    torch.sub(inverse[1], by_sums[2], out=by_sums[3])
    torch.mul(means[0], by_mean_s, out=by_sums[0])
    torch.mul(means[1], inverse[0].sub_(by_mean_s), out=by_sums[1])
    by_sums[:2].addcmul_(from_offset, by_sums[2:], value=-1 / n)
    return distance, flat


def _mean_of_powers(
    x: Tensor,
    y: Tensor,
    levels: Sequence[_Level],
    constants: Constants,
    exponents: tuple[float, float, float],
    data_range: float,
) -> Tensor:
    """The same for any exponents, by autograd through maps of the whole batch: (N, C, H, W) to (N, C)."""
    alpha, beta, gamma = exponents
    planes, width = (x.shape[0] * x.shape[1], *x.shape[2:]), x.shape[-1]
    signals = torch.stack((x + y, x - y)).view(2, *planes)
    offset = signals.detach().mean(-1, keepdim=True).mean(-2, keepdim=True)
    s, d = signals - offset
    flat = torch.stack((s, d, s * s, d * d, s * d)).view(5, -1)
    flat = torch.cat((flat, flat.new_zeros(5, _beyond(levels, width))), dim=1)
    total = x.new_zeros(planes[0])
    for level, sums in zip(levels, _sums(flat, levels, s.numel(), width), strict=True):
        rows, columns = _whole(level, x.shape)
        moments = sums.view(5, *planes)[:, :, :rows, :columns] / level.mass
        mean_s, mean_d = moments[:2] + offset
        variance_s, variance_d = moments[2:4] - moments[:2].square()
        variances = variance_s + variance_d  # 2 (vx + vy)
        luminance = 1 - 2 * mean_d.square() / (mean_s.square() + mean_d.square() + 2 * constants.c1)
        if beta == gamma:
            structure = _power(1 - 2 * variance_d / (variances + 2 * constants.c2), beta)
        else:
            skew = 2 * (moments[4] - moments[0] * moments[1])  # of s and d: 2 (vx - vy)
            deviations = _deviation((variances + skew) / 4, data_range) * _deviation((variances - skew) / 4, data_range)
            contrast = (2 * deviations + constants.c2) / (variances / 2 + constants.c2)
            correlation = ((variance_s - variance_d) / 4 + constants.c2 / 2) / (deviations + constants.c2 / 2)
            structure = _power(contrast, beta) * _power(correlation, gamma)
        total = total + level.weight * (_power(luminance, alpha) + structure).mean(dim=(-2, -1))
    return total.view(x.shape[:2])


def _power(base: Tensor, exponent: float) -> Tensor:
    """sign(x) |x|^p; for p < 1 a straight line where |x| < 0.001, so that the slope stays finite; 1 for p = 0."""
    if exponent == 1:
        return base
    if exponent == 0:
        return torch.ones_like(base)
    size = base.abs()
    if exponent > 1:
        return base.sign() * size**exponent
    bounded = size.clamp(min=_NEAR_ZERO)
    return torch.where(size < _NEAR_ZERO, base * _NEAR_ZERO ** (exponent - 1), base.sign() * bounded**exponent)


def _deviation(variance: Tensor, data_range: float) -> Tensor:
    """Square root, continued to zero by a straight line below a variance of 1e-8 (grey levels of 1/40 in 255)."""
    least = _NO_VARIANCE * data_range**2
    positive = variance.clamp(min=0)
    return torch.where(positive < least, positive / math.sqrt(least), positive.clamp(min=least).sqrt())


def _whole(level: _Level, shape: torch.Size, rows: slice | None = None) -> tuple[int, int]:
    """How many windows of the level there are down and across, in an image or where they begin in these rows of it."""
    down, across = shape[-2] - level.size + 1, shape[-1] - level.size + 1
    return (down if rows is None else max(0, min(rows.stop, down) - rows.start)), across


def _tiles(images: Tensor, levels: Sequence[_Level]) -> Iterator[tuple[slice, slice]]:
    """Slices of planes, and of the rows in which windows begin: small planes together, a large one in strips."""
    planes, height, width = images.shape
    pixels = _TILE_CPU if images.device.type == "cpu" else _TILE_ACCELERATOR
    down = height - min(level.size for level in levels) + 1
    strips = math.ceil(down * width / pixels)
    rows = math.ceil(down / strips)
    together = max(1, pixels // (height * width))
    for plane in range(0, planes, together):
        for row in range(0, down, rows):
            yield slice(plane, min(plane + together, planes)), slice(row, min(row + rows, down))
