"""The perception-distortion plane of super-resolution (Blau & Michaeli 2018): both axes, image by image."""

import hashlib
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from replication.absent import AbsentError
from replication.datasets.errors import DataError
from replication.metrics import Metric, create, registry
from replication.metrics.colour import to_uint8
from replication.metrics.psnr import psnr
from replication.metrics.resize import shave
from replication.metrics.ssim import ssim
from replication.models.vdsr import VDSR
from replication.scoring.errors import absence
from replication.scoring.store import Store, code_version
from replication.scoring.super_resolution import BICUBIC, Example, choose_examples
from replication.training.pairs import Pairs, digest, read_pairs

DISTORTION = ("PSNR", "RMSE", "SSIM")
ABSENT = {
    "nrqm": "NRQM (Ma et al. 2017), the paper's measure: its trained model has no licence that would let it be part of "
    "this project, and no implementation is installed",
}
"""Perception metrics without an implementation, and the reason."""


def perception_metrics(wanted: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Metric], dict[str, str]]:
    """The wanted metrics (name -> options) that are available, and the reason for each of the others.

    An unknown name or option is a ValueError, as is a metric of which higher is better; absent weights are a reason.
    """
    found: dict[str, Metric] = {}
    reasons: dict[str, str] = {}
    for name, options in wanted.items():
        if name in ABSENT:
            reasons[name] = ABSENT[name]
            continue
        try:
            found[name] = create(name, **options)
        except (AbsentError, DataError) as error:
            reasons[name] = str(absence(error, "weights", name))
            continue
        if found[name].higher_is_better:
            raise ValueError(f"perception is measured by metrics of which lower is better, and {name} is not one")
    return found, reasons


def score(
    networks: Mapping[str, VDSR],
    test_sets: Mapping[str, str],
    perception: Mapping[str, Metric],
    *,
    scale: int,
    on_error: Literal["stop", "skip"] = "stop",
    precision: str = "32-true",
    store: Path | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Scores of bicubic enlargement and of each network on each test set, and the images that could not be read.

    networks: name of the method -> network. test_sets: name in the table -> image set. perception: name -> metric.
    The table is long-form: data_set, image, method, metric, score. Everything is measured on 8-bit Y with a border of
    `scale` pixels shaved: PSNR in decibels, RMSE in grey levels of 255, SSIM with the standard 11 x 11 Gaussian window,
    and each perception metric on the grey picture R = G = B = Y.
    precision: of the networks' convolutions, "32-true" or "bf16-mixed".
    store: a folder for the scores of each method on each set, from which an interrupted run goes on. The caller removes
        it.
    """
    finished = None if store is None else Store(store)
    tables, problems = [], []
    modules = {registry.module_of(metric.recipe[0]) for metric in perception.values() if metric.recipe is not None}
    code = code_version(__name__, *sorted(modules))
    measured = [[name, str(sorted(metric.protocol.items()))] for name, metric in perception.items()]
    for title, name in test_sets.items():
        pairs, unreadable = read_pairs([name], scale, on_error=on_error)
        problems += unreadable
        of_set = [code, digest(pairs), scale, precision, measured]
        for method, network in {BICUBIC: None, **networks}.items():
            key = [of_set, None if network is None else _digest(network)]
            entry = None if finished is None else finished.get(key)
            if entry is not None:
                rows = entry.value
            else:
                rows = _score(network, pairs, perception, scale, precision, f"{method} on {title}")
                if finished is not None:
                    finished.put(key, rows)
            table = pd.DataFrame(rows, columns=["image", "metric", "score"])
            table["image"] = table["image"].str.removeprefix(f"{name}/")
            tables.append(table.assign(data_set=title, method=method))
    return pd.concat(tables, ignore_index=True)[["data_set", "image", "method", "metric", "score"]], problems


def examples(
    networks: Mapping[str, VDSR],
    scores: pd.DataFrame,
    test_sets: Mapping[str, str],
    *,
    scale: int,
    size: int,
    gain: tuple[str, str],
    perception: str,
    precision: str = "32-true",
) -> list[Example]:
    """Images and crops that show the difference between two methods, by the rule of `choose_examples`.

    Captions have the score of `perception` as their third number.
    """
    with _convolutions(precision):
        chosen = choose_examples(networks, scores, test_sets, scale=scale, size=size, gain=gain)  # type: ignore[arg-type]
    wide = scores[scores["metric"] == perception].set_index(["data_set", "image", "method"])["score"]
    for example in chosen:
        example.captions["Original"] += f" / {perception}"
        for method in networks.keys() | {BICUBIC}:
            example.captions[method] += f" / {wide[example.data_set, example.image, method]:.3f}"
    return chosen


def _score(
    network: VDSR | None, pairs: Pairs, perception: Mapping[str, Metric], scale: int, precision: str, label: str
) -> Sequence[tuple[str, str, float]]:
    rows = []
    reported = time.monotonic()
    if network is not None:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.inference_mode():
        for number, (image, (enlarged, original)) in enumerate(pairs.items(), start=1):
            result = _tensor(enlarged)
            if network is not None:
                with _convolutions(precision):
                    output = network.enlarge(result.contiguous(memory_format=torch.channels_last))
                result = to_uint8(output.contiguous()).float() / 255
            target, result = shave(_tensor(original), scale), shave(result, scale)
            values = {
                "PSNR": psnr(target, result),
                "RMSE": 255 * (target - result).square().mean().sqrt(),
                "SSIM": ssim(target, result),
            }
            grey = [picture.expand(-1, 3, -1, -1) for picture in (target, result)]
            values |= {name: metric(*grey) for name, metric in perception.items()}
            rows += [(image, metric, value.item()) for metric, value in values.items()]
            if time.monotonic() - reported > 10:
                reported = time.monotonic()
                print(f"{label}: image {number} of {len(pairs)}", file=sys.stderr, flush=True)
    return rows


def _convolutions(precision: str) -> AbstractContextManager[Any]:
    if precision not in ("32-true", "bf16-mixed"):
        raise ValueError(f"precision must be 32-true or bf16-mixed, got {precision!r}")
    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed")


def _tensor(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image))[None, None].float() / 255


def _digest(network: VDSR) -> str:
    content = hashlib.sha256()
    for tensor in network.state_dict().values():
        content.update(tensor.contiguous().numpy().tobytes())
    return content.hexdigest()
