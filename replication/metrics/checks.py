"""Checks of the two images of a metric; each raises one sentence that names what was wrong."""

from typing import Literal

import torch
from torch import Tensor

Validate = bool | None


def checked_pair(
    reference: Tensor, distorted: Tensor, data_range: float, validate: Validate = None
) -> tuple[Tensor, Tensor]:
    """The two images in the precision that metrics compute in: float64 if either is, else float32.

    Shape, dtype and device are always checked. Values (no NaN, all within [0, data_range]) are checked when `validate`
    is True, never when it is False. None, the default of the metrics, checks them on the CPU only: on an accelerator,
    reading the answer would make the host wait for everything queued before it.

    Raises ValueError naming the tensor and what was wanted.
    """
    if not data_range > 0:
        raise ValueError(f"data_range must be positive, got {data_range}")
    for name, image in (("reference", reference), ("distorted", distorted)):
        check_layout(name, image)
    if reference.shape != distorted.shape:
        raise ValueError(
            "reference and distorted must have the same shape, "
            f"got {tuple(reference.shape)} and {tuple(distorted.shape)}"
        )
    if reference.device != distorted.device:
        raise ValueError(
            f"reference and distorted must be on one device, got {reference.device} and {distorted.device}"
        )
    for name, image in (("reference", reference), ("distorted", distorted)):
        check_values(name, image, data_range, validate)
    precision = torch.promote_types(torch.promote_types(reference.dtype, distorted.dtype), torch.float32)
    return reference.to(precision), distorted.to(precision)


def check_layout(name: str, image: Tensor) -> None:
    """Raise unless `image` is a floating-point (N, C, H, W) tensor with at least one channel and one pixel."""
    if not isinstance(image, Tensor):
        raise ValueError(f"{name} must be a torch tensor of shape (N, C, H, W), got {type(image).__name__}")
    if image.ndim != 4:
        raise ValueError(f"{name} must have shape (N, C, H, W), got {image.ndim} dimensions: {tuple(image.shape)}")
    if 0 in image.shape[1:]:
        raise ValueError(f"{name} must have at least one channel and one pixel, got shape {tuple(image.shape)}")
    if not image.is_floating_point():
        raise ValueError(
            f"{name} must be floating-point in [0, data_range], got {image.dtype}; "
            "convert it first, for 8-bit images with image.float() / 255"
        )


def check_values(name: str, image: Tensor, data_range: float, validate: Validate) -> None:
    """Raise if a value of `image` is NaN or outside [0, data_range]; see `checked_pair` for `validate`."""
    if validate is None:
        validate = image.device.type == "cpu"
    if not validate or image.numel() == 0:
        return
    lowest, highest = (bound.item() for bound in torch.aminmax(image.detach()))
    if lowest != lowest:  # torch.aminmax lets a NaN through, and only NaN differs from itself
        raise ValueError(f"{name} contains NaN; every value must be a number in [0, {data_range:g}]")
    if lowest < 0 or highest > data_range:
        raise ValueError(
            f"{name} must lie in [0, {data_range:g}] (data_range), got values from {lowest:g} to {highest:g}; "
            "clamp it or pass the data_range it has"
        )


def check_least_size(image: Tensor, least: int, metric: str) -> None:
    """Raise unless the pair that `image` (N, C, H, W) is one of has sides of `least` pixels."""
    height, width = image.shape[-2:]
    if min(height, width) < least:
        raise ValueError(
            f"reference and distorted are {height} x {width}, too small for {metric}: "
            f"the least size is {least} x {least}"
        )


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


Padding = Literal["valid", "reflect"]
