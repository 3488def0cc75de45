"""Luminance as MATLAB computes it: rgb2ycbcr (ITU-R BT.601, 16 to 235 in 255) and rgb2gray.

As in MATLAB, the class of the output is that of the input: floats in [0, 1] stay floats (differentiable, nothing
rounded or clipped), 8-bit images (torch.uint8) are computed in float64, rounded and returned as 8-bit.
"""

import torch
from torch import Tensor

# Rows Y, Cb, Cr; columns R, G, B; in 255ths for components in [0, 1]. The matrix and offsets in MATLAB's documentation.
_YCBCR = ((65.481, 128.553, 24.966), (-37.797, -74.203, 112.0), (112.0, -93.786, -18.214))
_YCBCR_OFFSET = (16.0, 128.0, 128.0)
# MATLAB takes these from the inverse of the NTSC YIQ matrix, hence the digits beyond 0.299 0.587 0.114.
_GRAY = (0.298936021293775, 0.587043074451121, 0.114020904255103)


def rgb_to_ycbcr(image: Tensor) -> Tensor:
    """YCbCr of RGB, both (..., 3, H, W). Y is in [16, 235]/255, Cb and Cr in [16, 240]/255; for 8-bit without the 255.

    Raises ValueError unless `image` has three channels and is floating-point in [0, 1] or torch.uint8.
    """
    return _mix(image, _YCBCR, _YCBCR_OFFSET)


def rgb_to_y(image: Tensor) -> Tensor:
    """The Y of `rgb_to_ycbcr`, (..., 1, H, W)."""
    return _mix(image, _YCBCR[:1], _YCBCR_OFFSET[:1])


def luminance(image: Tensor) -> Tensor:
    """Y of an RGB image; a grey image as it is, full range, as super-resolution tables take Set14's 'bridge'."""
    return image if image.ndim >= 3 and image.shape[-3] == 1 else rgb_to_y(image)


def rgb_to_gray(image: Tensor) -> Tensor:
    """Luminance of RGB as MATLAB's rgb2gray, full range: (..., 3, H, W) to (..., 1, H, W)."""
    return _mix(image, (tuple(255 * weight for weight in _GRAY),), (0.0,))


def to_uint8(image: Tensor, *, data_range: float = 1.0) -> Tensor:
    """8-bit image of floats in [0, data_range], clipped; halves go up, as in MATLAB's uint8 (torch rounds to even).

    So does what falls short of a half by a rounding error: bicubic weights make exact halves common, and which way they
    go must not depend on the order in which a processor adds.
    """
    if not image.is_floating_point():
        raise ValueError(f"image must be floating-point, got {image.dtype}")
    precise = image.to(torch.float64) * (255 / data_range)
    return precise.add(0.5 + 1e-9).floor().clamp(0, 255).to(torch.uint8)


def _mix(image: Tensor, rows: tuple[tuple[float, ...], ...], offsets: tuple[float, ...]) -> Tensor:
    """rows * (R, G, B) + offsets, in 255ths."""
    if image.ndim < 3 or image.shape[-3] != 3:
        raise ValueError(f"image must be RGB of shape (..., 3, H, W), got {tuple(image.shape)}")
    if not (image.is_floating_point() or image.dtype == torch.uint8):
        raise ValueError(f"image must be floating-point in [0, 1] or torch.uint8, got {image.dtype}")
    eight_bit = image.dtype == torch.uint8
    precise = image.to(torch.float64) / 255 if eight_bit else image.to(torch.promote_types(image.dtype, torch.float32))
    red, green, blue = precise.unbind(dim=-3)
    mixed = [(r * red + g * green + b * blue + offset) / 255 for (r, g, b), offset in zip(rows, offsets, strict=True)]
    stacked = torch.stack(mixed, dim=-3)
    return to_uint8(stacked) if eight_bit else stacked
