"""Level weighted structural similarity (LWSSIM): SSIM with luminance added, not multiplied, at several window sizes."""

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from replication.metrics.box_sums import box_sums, box_sums_adjoint
from replication.metrics.checks import Padding, Validate, check_choice, checked_pair
from replication.metrics.filters import (
    WindowKind,
    reflected,
    separable_filter,
    separable_filter_adjoint,
    window,
)
from replication.metrics.registry import metric
from replication.metrics.similarity import (
    Constants,
    Distances,
    Maps,
    refuse_second_derivative,
    scaled,
    tile_size,
)
from replication.metrics.tiles import tiles, windows

WINDOW_SIZES = (3, 7, 11)

_NEAR_ZERO = 1e-3  # below it, a power with an exponent under one continues as a straight line through zero
_NO_VARIANCE = 1e-8  # of the squared data range: below it, a standard deviation continues as a straight line to zero


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
    padding: Padding = "valid",
    validate: Validate = None,
) -> Tensor:
    """LWSSIM of each image, shape (N,); higher is better, 2 mean(weights) for identical images, which is the most.

        LWSSIM = 1/I sum_i w_i mean over windows of size i of  l^alpha + c^beta s^gamma

        l = (2 mx my + C1) / (mx^2 + my^2 + C1),  c = (2 sx sy + C2) / (vx + vy + C2),  s = (vxy + C3) / (sx sy + C3)

    with C1 = (k1 data_range)^2, C2 = (k2 data_range)^2, C3 = C2 / 2, means m and biased (co)variances v under every
    window, averaged over the windows of a channel and then over channels (Lu 2019, eq. 5 and 6; there the weights are
    called lambda). The paper gives no sizes, weights, exponents, constants, kind of window or padding: they are
    parameters, and the defaults are ours.

    reference, distorted: (N, C, H, W) floats in [0, data_range]; computed in float32 (float64 if given), whatever the
        autocast. An image's score does not depend on the rest of its batch.
    window_sizes: odd, in pixels; the largest must fit into the image. weights: one for each size, none negative; 1
        where not given.
    alpha, beta, gamma: exponents, not negative. Structure s and, out of range, luminance can be negative: a power then
        keeps the sign, sign(x) |x|^p. With an exponent below one the slope at zero is infinite: for |x| < 0.001 the
        power is replaced by a straight line through zero. With beta = gamma it is the power of the product c s. Other
        exponents than (1, 1, 1) take several times as long.
    window_kind, sigma: "uniform", or "gaussian" with a standard deviation of `sigma` pixels for a window of 11, others
        in proportion.
    padding: "valid" uses windows that lie inside the image; "reflect" mirrors the image at its border pixels and has
        one window of each size for each pixel, so that a loss trains the border too.
    validate: whether values are checked, see `checks.checked_pair`.
    Differentiable; gradients are finite everywhere, on flat and on identical images too.
    Raises ValueError naming the tensor or parameter and what was wanted.
    """
    reference, distorted = checked_pair(reference, distorted, data_range, validate)
    levels = _levels(window_sizes, weights, window_kind, sigma)
    for name, exponent in (("alpha", alpha), ("beta", beta), ("gamma", gamma)):
        if not (exponent >= 0 and math.isfinite(exponent)):
            raise ValueError(f"{name} must be a number that is not negative, got {exponent}")
    check_choice("padding", padding, ("valid", "reflect"))
    height, width = reference.shape[-2:]
    largest = max(window_sizes)
    if min(height, width) < largest:
        raise ValueError(
            f"reference and distorted are {height} x {width}, too small for a window of {largest}: "
            f"the least size is {largest} x {largest}; use smaller window_sizes"
        )
    constants = Constants.of(data_range, k1, k2)
    with torch.autocast(reference.device.type, enabled=False):
        x, y = reference, distorted
        if alpha == beta == gamma == 1:
            if not torch.is_grad_enabled():
                x, y = x.detach(), y.detach()
            scores: Tensor = _MeanSum.apply(x, y, levels, constants, padding)  # type: ignore[no-untyped-call]
        else:
            scores = _mean_of_powers(x, y, levels, constants, (alpha, beta, gamma), data_range, padding)
        return scores.mean(dim=1)


class LWSSIMLoss(nn.Module):
    """2 mean(weights) - LWSSIM, batch mean: zero for identical images. Options: those of `lwssim`.

    As in the losses of `losses`, by default values are not checked and images are padded.
    """

    def __init__(self, *, padding: Padding = "reflect", validate: bool = False, **options: Any) -> None:
        super().__init__()
        self.options = {"padding": padding, "validate": validate, **options}
        weights = options.get("weights")
        self.most = 2.0 if weights is None else 2 * sum(weights) / len(weights)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return self.most - lwssim(target, output, **self.options).mean()


class _Level(NamedTuple):
    """A window: its size, its taps (None for ones) and their sum over the window, and its weight w_i / I."""

    size: int
    taps: tuple[float, ...] | None
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
        levels.append(_Level(size, None, size**2, share) if kind == "uniform" else _Level(size, taps, 1.0, share))
    return tuple(level for level in levels if level.weight > 0)


def _sums(maps: Tensor, levels: Sequence[_Level]) -> Iterator[Tensor]:
    """Weighted sums of maps (..., H, W) under every whole window, level by level.

    Each is computed when it is asked for, so that it is still in the caches when it is used.
    """
    if any(level.taps for level in levels):
        yield from (separable_filter(maps, level.taps or ()) for level in levels)
        return
    across = box_sums(maps, [level.size for level in levels], -1)
    for columns, level in zip(across, levels, strict=True):
        yield box_sums(columns, [level.size], -2)[0]


def _sums_adjoint(by_sums: Sequence[Tensor], levels: Sequence[_Level]) -> Tensor:
    """The gradient with respect to the maps, given those with respect to `_sums`, with zeros above and below them."""
    if any(level.taps for level in levels):
        spread = [separable_filter_adjoint(by, level.taps or ()) for by, level in zip(by_sums, levels, strict=True)]
        return functools.reduce(Tensor.add_, spread)
    down = [box_sums(by, [level.size], -2)[0] for by, level in zip(by_sums, levels, strict=True)]
    return box_sums_adjoint(down, [level.size for level in levels], -1)


def _places(
    level: _Level, largest: int, tile: tuple[slice, slice], shape: Sequence[int], padding: Padding
) -> list[slice]:
    """The rows and the columns of a tile's sums that hold the windows of the level.

    tile: the rows and the columns of its largest windows. Smaller windows have the same centres; unless the image is
    padded, a tile at the border also has those nearer to the border.
    """
    inset, places = (largest - level.size) // 2, []
    for place, side in zip(tile, shape[-2:], strict=True):
        before = 0 if padding == "valid" and place.start == 0 else inset
        after = 0 if padding == "valid" and place.stop == side - largest + 1 else inset
        places.append(slice(before, place.stop - place.start + 2 * inset - after))
    return places


class _MeanSum(torch.autograd.Function):
    """The mean over windows of l + c s, weighted and summed over levels: (N, C, H, W) to (N, C).

    c s = (2 vxy + C2) / (vx + vy + C2). With s = x + y and d = x - y, as in `similarity`,

        l + c s = 2 - 2 md^2 / (ms^2 + md^2 + 2 C1) - 2 vd / (vs + vd + 2 C2),

    which loses no precision where images are alike. Tile by tile, with the gradient computed in the same pass.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, levels: tuple[_Level, ...], constants: Constants, padding: Padding
    ) -> Tensor:
        shape, wanted = x.shape, ctx.needs_input_grad[:2]
        x, y = x.reshape(-1, *shape[-2:]), y.reshape(-1, *shape[-2:])
        total = x.new_zeros(len(x))
        gradients = [torch.zeros_like(x) if needed else None for needed in wanted]
        largest = max(level.size for level in levels)
        for tile in tiles(x.shape, largest, padding, tile_size(x)):
            maps = Maps.of(tile.of(x), tile.of(y), constants)
            by_sums = []
            for level, sums in zip(levels, _sums(maps.maps, levels), strict=True):
                rows, columns = _places(level, largest, tile.places, shape, padding)
                scale = 2 * level.weight / math.prod(windows(side, level.size, padding) for side in shape[-2:])
                root = math.sqrt(2 * scale)
                distances = Distances.of(sums[:, :, rows, columns], maps.offset, level.mass, constants, root=root)
                # Plane by plane: the same order whatever the batch.
                total[tile.planes] -= scale / root * distances.ratio.flatten(-2).sum(-1).sum(0)
                if any(wanted):
                    room = 0 if level.taps else level.size - 1
                    planes, height, width = sums.shape[1:]
                    by = sums.new_zeros(4 if all(wanted) else 3, planes, height + 2 * room, width)
                    inside = by[:, :, room + rows.start : room + rows.stop, columns]
                    distances.derivatives(distances.inverse, wanted, inside)
                    by_sums.append(by)
            if by_sums:
                by_image = maps.by_image(_sums_adjoint(by_sums, levels), wanted)
                for gradient, by_one in zip(gradients, by_image, strict=True):
                    if gradient is not None and by_one is not None:
                        tile.add(gradient, by_one)
        ctx.save_for_backward(*gradients)
        return (total + 2 * sum(level.weight for level in levels)).view(shape[:2])

    @staticmethod
    def backward(ctx: Any, by_score: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivative("LWSSIM with exponents of one is differentiable once")
        return *scaled(by_score, ctx.saved_tensors), None, None, None


def _mean_of_powers(
    x: Tensor,
    y: Tensor,
    levels: Sequence[_Level],
    constants: Constants,
    exponents: tuple[float, float, float],
    data_range: float,
    padding: Padding,
) -> Tensor:
    """LWSSIM of each channel at any exponents, by autograd through maps of the whole batch: (N, C, H, W) to (N, C)."""
    alpha, beta, gamma = exponents
    largest = max(level.size for level in levels)
    all_places = [slice(0, windows(side, largest, padding)) for side in x.shape[-2:]]
    places = [_places(level, largest, (all_places[0], all_places[1]), x.shape, padding) for level in levels]
    if padding == "reflect":
        x, y = reflected(x, largest), reflected(y, largest)
    signals = torch.stack((x + y, x - y)).flatten(1, 2)
    offset = signals.detach().mean(-1, keepdim=True).mean(-2, keepdim=True)
    s, d = signals - offset
    total = x.new_zeros(len(s))
    all_sums = _sums(torch.stack((s, d, s * s, d * d, s * d)), levels)
    for level, sums, (rows, columns) in zip(levels, all_sums, places, strict=True):
        moments = sums[:, :, rows, columns] / level.mass
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
