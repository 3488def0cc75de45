"""Reconstructions by several networks measured against the originals: by metrics, by band, and ranked by observers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from replication.absent import AbsentError
from replication.metrics.bands import band_agreement, mirrored
from replication.metrics.psnr import psnr
from replication.metrics.registry import create
from replication.metrics.ssim import ms_ssim, ssim
from replication.scoring.observers import observe
from replication.scoring.regions import border_error, interior_error

Made = Mapping[tuple[str, int], Tensor]
"""Reconstructions (n, C, h, w) in [0, 1] by loss and seed of the network that made them."""

Border = Literal["mirror", "window", "jump"]

_CHUNK = 100  # images measured at a time


def quality(
    originals: Tensor, made: Made, names: Sequence[str], ms_ssim_options: Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """SSIM, MS-SSIM, PSNR and MSE of every reconstruction: loss, seed, image, metric, score.

    MSE also without the outer 5 pixels (interior), and over them alone (border).

    originals: (n, C, h, w) in [0, 1], `names` theirs. ms_ssim_options: of `metrics.ms_ssim`; small images need fewer
    levels.
    """
    measures: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "SSIM": ssim,
        "MS-SSIM": lambda x, y: ms_ssim(x, y, **(ms_ssim_options or {})),
        "MSE": lambda x, y: (x - y).square().mean(dim=(1, 2, 3)),
        "MSE, interior": interior_error,
        "MSE, border": border_error,
        "PSNR": psnr,
    }
    parts = []
    with torch.inference_mode():
        for (loss, seed), images in made.items():
            _check(originals, images, names, loss)
            for metric, measure in measures.items():
                pairs = _chunks(originals, images)
                scores = torch.cat([measure(x, y) for x, y in pairs]).double().numpy()
                parts.append(
                    pd.DataFrame({"loss": loss, "seed": seed, "image": names, "metric": metric, "score": scores})
                )
    return pd.concat(parts, ignore_index=True)


def detail(
    originals: Tensor, made: Made, names: Sequence[str], edges: Sequence[float], *, border: Border = "mirror"
) -> pd.DataFrame:
    """`metrics.bands.band_agreement` of every reconstruction, band by band.

    border: "mirror" continues images by their mirror image, so that all pixels count alike and none jumps; "window"
        weights pixels by a Hann window, which hides the border; "jump" leaves the jump between opposite borders in
        every band.

    Columns: loss, seed, image, band_low, band_high (ends of the band in cycles per pixel), decibels (10 log10 of its
    power, of the original's), correlation.
    """
    bands = len(edges) - 1
    parts = []
    with torch.inference_mode():
        for (loss, seed), images in made.items():
            _check(originals, images, names, loss)
            pairs = _chunks(originals, images)
            if border == "mirror":
                pairs = ((mirrored(x), mirrored(y)) for x, y in pairs)
            found = [band_agreement(x, y, edges, taper=border == "window") for x, y in pairs]
            power, correlation = (torch.cat(values).flatten() for values in zip(*found, strict=True))
            parts.append(
                pd.DataFrame(
                    {
                        "loss": loss,
                        "seed": seed,
                        "image": np.repeat(np.asarray(names), bands),
                        "band_low": np.tile(edges[:-1], len(names)),
                        "band_high": np.tile(edges[1:], len(names)),
                        "decibels": (10 * power.log10()).numpy(),
                        "correlation": correlation.numpy(),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class Observed:
    """Rankings by metrics in place of people.

    rankings: observer (with its options, if it has any) -> seed -> (n, losses), best first, as positions in the order
    of the losses. protocols: of each of these observers, in words: weights, colours, resizing. absent: the reason for
    each of the others.
    """

    rankings: dict[str, dict[int, NDArray[np.intp]]]
    protocols: dict[str, str]
    absent: dict[str, str]


def observer_rankings(originals: Tensor, made: Made, observers: Mapping[str, Mapping[str, Any]]) -> Observed:
    """Rankings of the losses' reconstructions by metrics, image by image and seed by seed.

    observers: names and options of `metrics.create`. Grey images are shown as red = green = blue. An observer whose
    weights are missing, or that cannot see images of this size, is absent, with the reason.
    """
    losses = list(dict.fromkeys(loss for loss, _ in made))
    seeds = list(dict.fromkeys(seed for _, seed in made))
    found = Observed({}, {}, {})
    for name, options in observers.items():
        settings = ", ".join(f"{option}={value}" for option, value in options.items())
        label = f"{name} ({settings})" if settings else name
        try:
            metric = create(name, **options)
            with torch.inference_mode():
                found.rankings[label] = {
                    seed: observe(_colour(originals), {loss: _colour(made[loss, seed]) for loss in losses}, [metric])[
                        metric.name
                    ]
                    for seed in seeds
                }
            found.protocols[label] = ", ".join(f"{what}: {value}" for what, value in metric.protocol.items())
        except AbsentError as error:
            found.absent[label] = str(error.absent)
        except ValueError as error:
            found.absent[label] = str(error)
    return found


def _chunks(*stacks: Tensor) -> Iterator[tuple[Tensor, ...]]:
    for start in range(0, len(stacks[0]), _CHUNK):
        yield tuple(stack[start : start + _CHUNK] for stack in stacks)


def _colour(images: Tensor) -> Tensor:
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


def _check(originals: Tensor, images: Tensor, names: Sequence[str], loss: str) -> None:
    if not originals.shape == images.shape or len(names) != len(images):
        raise ValueError(
            f"{loss}: reconstructions are {tuple(images.shape)}, the originals {tuple(originals.shape)}, "
            f"and there are {len(names)} names; they must belong together"
        )
