"""Training losses by name: one table for super-resolution, VDSR and autoencoders, and for the titles in reports."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from replication.metrics.losses import MSSSIML1Loss, MSSSIMLoss, SSIMLoss
from replication.metrics.lwssim import LWSSIMLoss


@dataclass(frozen=True)
class Loss:
    """A training loss: its title in tables and figures, and what builds its module from its options.

    The module is called with (output, target), both (N, C, H, W) in [0, 1], and returns a scalar to be minimised.
    """

    title: str
    build: Callable[..., nn.Module]


LOSSES: dict[str, Loss] = {
    "mse": Loss("MSE", nn.MSELoss),
    "mae": Loss("MAE", nn.L1Loss),
    "ssim": Loss("SSIM", SSIMLoss),
    "ms_ssim": Loss("MS-SSIM", MSSSIMLoss),
    "ms_ssim_l1": Loss("MS-SSIM + L1", MSSSIML1Loss),
    "lwssim": Loss("LWSSIM", LWSSIMLoss),
}
"""Losses by the name used in params.yaml. One more entry is all that a new loss needs."""


def create(name: str, options: Mapping[str, Any] | None = None) -> nn.Module:
    """The loss `name` built with its `options`; ValueError that names the known losses, or the option that is wrong."""
    loss = _entry(name)
    try:
        return loss.build(**(options or {}))
    except TypeError as error:
        raise ValueError(f"loss {name!r} with options {dict(options or {})}: {error}") from error


def title(name: str) -> str:
    """The loss's title, as in "MS-SSIM" for "ms_ssim"; ValueError that names the known losses."""
    return _entry(name).title


def _entry(name: str) -> Loss:
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}; known: {', '.join(LOSSES)}")
    return LOSSES[name]
