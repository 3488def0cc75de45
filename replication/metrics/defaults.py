"""Registration of metrics with other defaults: those of an original implementation that converts colours first."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from replication.metrics.registry import Metric, _from_function, register

_STRIP = 2**19  # pixels converted at a time


def metric_on(name: str, *, higher_is_better: bool, **defaults: Any) -> Callable[[Callable[..., Tensor]], Any]:
    """`registry.metric` with other defaults for its shared options, such as colour="gray", eight_bit=True."""

    def decorate(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def build(**options: Any) -> Metric:
            return in_strips(_from_function(name, function, higher_is_better, {**defaults, **options}))

        register(name, build)
        return function

    return decorate


def in_strips(metric: Metric) -> Metric:
    """The same metric, colours converted strip by strip: rounding to 8 bits takes several copies in float64."""
    if metric.protocol["reduction"] != "none":
        return metric  # not a conversion pixel by pixel

    def prepare(image: Tensor) -> Any:
        if image.ndim != 4 or image[:, 0].numel() <= _STRIP:
            return metric.prepare(image)
        rows = max(1, _STRIP // (len(image) * image.shape[-1]))
        strips = torch.split(image, rows, dim=-2)
        return torch.cat([metric.prepare(strip) for strip in strips], dim=-2)

    return replace(metric, prepare=prepare)
