"""DeepWSD as its authors released it again in 2024 (Liao, Wei, Zhou, Li, Kwong, IEEE TIP 33): means over windows.

The scores published under the name DeepWSD with that release are not those of 2022 (`deepwsd`): windows are larger, the
sum over windows became a mean, and the final mapping is another one. Its networks are VGG19 and SqueezeNet 1.1.
"""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from replication.features import Pooling, backbone
from replication.metrics.checks import check_choice
from replication.metrics.deep import VGG_STAGES, Features, assemble, check_comparable
from replication.metrics.deepwsd import sizing, stage_distance, whole_windows
from replication.metrics.options import Device
from replication.metrics.registry import Metric, registered

Network = Literal["squeezenet1_1", "vgg16"]
Mapping = Literal["log", "none"]

WINDOW = 8
TAPS = {"squeezenet1_1": ("relu1", "fire3", "fire5", "fire9"), "vgg16": VGG_STAGES}


def mean_distance(reference: tuple[Tensor, ...], distorted: tuple[Tensor, ...]) -> Tensor:
    """The mean over stages of the mean over windows of `deepwsd`'s distance, (N,).

    reference, distorted: the maps (N, C, H, W) of each stage, the image itself first; the reference's may be one image.
    """
    check_comparable(reference, distorted, None)
    distances = []
    for x, y in zip(reference, distorted, strict=True):
        windows = whole_windows(y, WINDOW)[0].numel() // WINDOW**2
        distances.append(stage_distance(x, y, WINDOW, "released") / windows)
    return torch.stack(distances).mean(dim=0)


@registered("deepwsd-2024")
def _build(
    *,
    network: Network = "squeezenet1_1",
    mapping: Mapping = "log",
    resize: bool = False,
    reduce: bool = True,
    weights: str | Path = "imagenet",
    seed: int = 0,
    device: Device = None,
    download: bool = False,
) -> Metric:
    """DeepWSD of 2024, at least 0; lower is better.

        log(1 + D)^(1/4), or D itself;  D = mean over stages of  mean over windows of  the distance of `deepwsd`

    Windows have 8 x 8 pixels. It equals the scores published for SqueezeNet within 1e-4: on TID2013 as it is, on LIVE
    with mapping="none" and resize=True.

    network: "squeezenet1_1" is the authors' second network. "vgg16", with L2 pooling, stands where the authors have
        VGG19, of which no weights come with this package.
    mapping: "log", or "none" for D.
    resize, reduce: as for `deepwsd`. The authors' code reduces by box means; their scores of LIVE were resized before.
    """
    check_choice("mapping", mapping, ("log", "none"))
    check_choice("network", network, tuple(TAPS))
    taps = TAPS[network]
    pooling: Pooling = "l2" if network == "vgg16" else "max"

    def finish(of: Features) -> tuple[Tensor, ...]:
        stages = (of.image, *(of.maps[tap] for tap in taps))
        height, width = of.size
        if any(not (round(x.shape[-2] / WINDOW) and round(x.shape[-1] / WINDOW)) for x in stages):
            raise ValueError(f"images of {height} x {width} are too small for DeepWSD: a map holds no window of 8 x 8")
        return stages

    def compare(reference: tuple[Tensor, ...], distorted: tuple[Tensor, ...]) -> Tensor:
        distance = mean_distance(reference, distorted)
        return distance.log1p() ** 0.25 if mapping == "log" else distance

    return assemble(
        "deepwsd-2024",
        higher_is_better=False,
        backbone=backbone(network, weights=weights, pooling=pooling, seed=seed, device=device, download=download),
        device=device,
        taps=taps,
        protocol={"window": WINDOW, "mapping": mapping},
        normalise=False,
        resizing=sizing(resize, reduce),
        finish=finish,
        compare=compare,
    )
