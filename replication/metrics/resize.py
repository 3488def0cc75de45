"""Resizing as MATLAB's imresize does it, and the degradation that super-resolution tables are measured on."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from replication.metrics.checks import check_choice
from replication.metrics.colour import to_uint8


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel, a = -0.5."""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, 0.0))


def _triangle(x: Tensor) -> Tensor:
    return (1 - x.abs()).clamp(min=0)


def _box(x: Tensor) -> Tensor:
    return ((x >= -0.5) & (x < 0.5)).to(x.dtype)


_KERNELS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "bicubic": (_cubic, 4.0),
    "bilinear": (_triangle, 2.0),
    "box": (_box, 1.0),
}


def imresize(
    image: Tensor,
    *,
    scale: float | tuple[float, float] | None = None,
    size: tuple[int, int] | None = None,
    kernel: str = "bicubic",
    antialias: bool = True,
) -> Tensor:
    """Resize (..., H, W) to ceil(scale * (H, W)) or to `size`, as MATLAB's imresize.

    One pass along each side, that with the smaller scale first (rows first if equal). An output pixel at position u of
    the input is the mean of the pixels around it weighted by kernel(u - position); when shrinking with `antialias`, by
    kernel(scale (u - position)). Beyond the border the image is mirrored, the border pixel repeated.

    image: floating-point; differentiable; nothing rounded or clipped (bicubic overshoots). Half precision becomes
        float32.
    kernel: "bicubic" (Keys, a = -0.5), "bilinear" or "box".
    Raises ValueError for another dtype, shape or kernel, or unless exactly one of `scale` and `size` is given.
    """
    if image.ndim < 2 or 0 in image.shape[-2:]:
        raise ValueError(f"image must have shape (..., H, W) and at least one pixel, got {tuple(image.shape)}")
    if not image.is_floating_point():
        raise ValueError(f"image must be floating-point, got {image.dtype}; for 8-bit images divide by 255 first")
    check_choice("kernel", kernel, tuple(_KERNELS))
    scales, sizes = _scales_and_sizes((image.shape[-2], image.shape[-1]), scale, size)
    image = image.to(torch.promote_types(image.dtype, torch.float32))
    for dim in sorted((0, 1), key=lambda side: scales[side]):
        if scales[dim] != 1 or sizes[dim] != image.shape[dim - 2]:
            weights = resize_matrix(image.shape[dim - 2], sizes[dim], scales[dim], kernel, antialias)
            image = _apply(image, weights, dim - 2)
    return image


def resize_matrix(
    length: int, out_length: int, scale: float, kernel: str = "bicubic", antialias: bool = True
) -> Tensor:
    """Weight of each input pixel in each output pixel of a side: (out_length, length), float64, rows sum to one."""
    function, width = _KERNELS[kernel]
    stretch = min(scale, 1.0) if antialias else 1.0
    width /= stretch
    # Pixel centres, counted from 0: input position of each output pixel.
    centre = (torch.arange(out_length, dtype=torch.float64) + 0.5) / scale - 0.5
    first = (centre - width / 2).floor().to(torch.int64)
    taps = first[:, None] + torch.arange(math.ceil(width) + 2)
    weights = function(stretch * (centre[:, None] - taps))
    weights = weights / weights.sum(dim=1, keepdim=True)
    return torch.zeros(out_length, length, dtype=torch.float64).scatter_add_(1, _mirrored(taps, length), weights)


def shave(image: Tensor, border: int) -> Tensor:
    """(..., H, W) without `border` pixels on each side."""
    height, width = image.shape[-2:]
    if border < 0 or 2 * border >= min(height, width):
        raise ValueError(f"a border of {border} cannot be shaved off an image of {height} x {width}")
    return image[..., border : height - border, border : width - border]


def crop_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """(..., H, W) cropped at the bottom and the right to whole multiples of `multiple`."""
    height, width = (side - side % multiple for side in image.shape[-2:])
    if not (height and width):
        raise ValueError(f"an image of {image.shape[-2]} x {image.shape[-1]} has no {multiple} x {multiple} pixels")
    return image[..., :height, :width]


def reduce_2004(image: Tensor) -> Tensor:
    """Reduce (..., H, W) floats by f = round(min(H, W) / 256) with box means, as the SSIM authors' script of 2004 does.

    Every f-th pixel from the first becomes the mean of the f x f pixels around it (for even f, one more to the right
    and below than to the left and above), the border mirrored. A side under 384 pixels leaves the image as it is.
    """
    factor = max(1, math.floor(min(image.shape[-2:]) / 256 + 0.5))
    if factor == 1:
        return image
    for dim in (-2, -1):
        length = image.shape[dim]
        boxes = torch.arange(math.ceil(length / factor) * factor, device=image.device) - (factor - 1) // 2
        image = image.index_select(dim, _mirrored(boxes, length))
    return F.avg_pool2d(image, factor)


def degrade(image: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """Low resolution and its bicubic enlargement of an 8-bit luminance image: the input of super-resolution tables.

    The protocol, in order: the image is cropped (`crop_to_multiple`) and its luminance rounded to 8 bits
    (`colour.luminance`); both resizings are antialiased bicubic in float64; the low resolution is rounded to 8 bits in
    between and the enlargement at the end. Scores are those of `shave(image, scale)` and `shave(enlarged, scale)`. With
    scale 4 they are, in dB and SSIM, 28.42 / .8103 on Set5, 26.00 / .7018 on Set14 and 25.97 / .6948 on BSD200, as in
    the literature.

    image: torch.uint8 (..., H, W), H and W multiples of `scale` (`crop_to_multiple`).
    Returns torch.uint8 (..., H / scale, W / scale) and (..., H, W).
    """
    if image.dtype != torch.uint8:
        raise ValueError(f"image must be an 8-bit luminance image (torch.uint8), got {image.dtype}")
    if image.shape[-2] % scale or image.shape[-1] % scale:
        raise ValueError(f"sides must be multiples of {scale}, got {tuple(image.shape[-2:])}; use crop_to_multiple")
    low = to_uint8(imresize(image.double() / 255, scale=1 / scale))
    return low, to_uint8(imresize(low.double() / 255, scale=scale))


def _scales_and_sizes(
    shape: tuple[int, int], scale: float | tuple[float, float] | None, size: tuple[int, int] | None
) -> tuple[tuple[float, float], tuple[int, int]]:
    if (scale is None) == (size is None):
        raise ValueError("give either scale or size")
    if size is not None:
        if min(size) < 1:
            raise ValueError(f"size must be positive, got {size}")
        return (size[0] / shape[0], size[1] / shape[1]), size
    assert scale is not None
    scales = scale if isinstance(scale, tuple) else (scale, scale)
    if not min(scales) > 0:
        raise ValueError(f"scale must be positive, got {scale}")
    return scales, (math.ceil(scales[0] * shape[0]), math.ceil(scales[1] * shape[1]))


def _mirrored(positions: Tensor, length: int) -> Tensor:
    """Positions on an endless line, folded into [0, length) by mirrors beyond the first and last pixel."""
    positions = positions % (2 * length)
    return torch.where(positions < length, positions, 2 * length - 1 - positions)


def _apply(image: Tensor, weights: Tensor, dim: int) -> Tensor:
    """Weighted means along `dim` (-2 or -1)."""
    weights = weights.to(image)
    with torch.autocast(image.device.type, enabled=False):
        return weights @ image if dim == -2 else image @ weights.T
