"""LPIPS of images in [0, 1] given to code that expects [-1, 1]: a slip that published scores contain."""

from dataclasses import replace
from pathlib import Path

from torch import Tensor

from replication.metrics.lpips import BACKBONES
from replication.metrics.options import Device
from replication.metrics.registry import Metric, create, registered


def brightened(image: Tensor) -> Tensor:
    """(v + 1) / 2 of the values v of an image in [0, 1].

    The authors' code takes v in [-1, 1] for the picture (v + 1) / 2. Given a picture in [0, 1] it therefore sees that
    picture at half its contrast, in [0.5, 1].
    """
    return (image + 1) / 2


def _register(network: str) -> None:
    @registered(f"lpips-{network}-unscaled")
    def build(
        *,
        weights: str | Path = "imagenet",
        seed: int = 0,
        device: Device = None,
        download: bool = False,
    ) -> Metric:
        lpips = create(f"lpips-{network}", weights=weights, seed=seed, device=device, download=download)
        return replace(
            lpips,
            name=f"lpips-{network}-unscaled",
            protocol={**lpips.protocol, "input": "[0, 1] where the authors' code expects [-1, 1]"},
            prepare=lambda image: lpips.prepare(brightened(image)),
            source=None,  # another input, so that no pass through the network is shared
            finish=None,
        )


for _network in BACKBONES:
    _register(_network)
