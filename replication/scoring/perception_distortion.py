"""The perception-distortion plane of super-resolution (Blau & Michaeli 2018): both axes, image by image."""

import hashlib
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
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
from replication.training.pairs import digest, read_pairs

DISTORTION = ("PSNR", "RMSE", "SSIM")
ABSENT = {
    "nrqm": "NRQM (Ma et al. 2017), the paper's measure: its trained model has no licence that would let it be part of "
    "this project. To add it, register a metric named nrqm of which lower is better, such as 10 - NRQM, in a file of "
    "replication/metrics",
}
"""Perception metrics without an implementation, and the reason; a metric registered under the name is used."""


def perception_metrics(wanted: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Metric], dict[str, str]]:
    """The wanted metrics (name -> options) that are available, and the reason for each of the others.

    An unknown name or option is a ValueError, as is a metric of which higher is better; absent weights are a reason.
    """
    found: dict[str, Metric] = {}
    reasons: dict[str, str] = {}
    for name, options in wanted.items():
        if name in ABSENT and name not in registry.names():
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
    limit: int | None = None,
    on_error: Literal["stop", "skip"] = "stop",
    precision: str = "32-true",
    store: Path | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Scores of bicubic enlargement and of each network on each test set, and the images that could not be read.

    networks: name of the method -> network. test_sets: name in the table -> image set. perception: name -> metric.
    The table is long-form: data_set, image, method, metric, score. Everything is measured on 8-bit Y with a border of
    `scale` pixels shaved: PSNR in decibels, RMSE in grey levels of 255, SSIM with the standard 11 x 11 Gaussian window,
    and each perception metric on the grey picture R = G = B = Y. An original is prepared for a metric once, for all
    networks.
    limit: score that many images of each set, evenly spread. precision: of the networks' convolutions, "32-true" or
    "bf16-mixed".
    store: a folder for the scores of each method on each image, from which an interrupted run goes on. The caller
        removes it.
    """
    finished = None if store is None else Store(store)
    rows: list[tuple[str, str, str, str, float]] = []
    problems: list[str] = []
    modules = {registry.module_of(metric.recipe[0]) for metric in perception.values() if metric.recipe is not None}
    code = code_version(__name__, *sorted(modules))
    measured = [[name, str(sorted(metric.protocol.items()))] for name, metric in perception.items()]
    methods = [(BICUBIC, None, None), *((name, network, _digest(network)) for name, network in networks.items())]
    reported = time.monotonic()
    for title, name in test_sets.items():
        pairs, unreadable = read_pairs([name], scale, limit=limit, on_error=on_error)
        problems += unreadable
        for number, (image, pair) in enumerate(pairs.items(), start=1):
            test = _TestImage(*pair, perception, scale)
            content = digest({image: pair})
            for method, network, weights in methods:
                key = [code, content, scale, precision, measured, weights]
                entry = None if finished is None else finished.get(key)
                scores = test.scores(network, precision) if entry is None else entry.value
                if finished is not None and entry is None:
                    finished.put(key, scores)
                rows += [(title, image.removeprefix(f"{name}/"), method, metric, v) for metric, v in scores.items()]
            if time.monotonic() - reported > 10:
                reported = time.monotonic()
                print(f"{title}: image {number} of {len(pairs)}", file=sys.stderr, flush=True)
    return pd.DataFrame(rows, columns=["data_set", "image", "method", "metric", "score"]), problems


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


class _TestImage:
    """An image to score networks on: its bicubic enlargement, and its original prepared for every metric."""

    def __init__(
        self, enlarged: NDArray[np.uint8], original: NDArray[np.uint8], perception: Mapping[str, Metric], scale: int
    ) -> None:
        self._enlarged, self._original = _tensor(enlarged), _tensor(original)
        self._perception, self._scale = perception, scale

    @cached_property
    def _prepared(self) -> dict[str, Any]:
        original = shave(self._original, self._scale).expand(-1, 3, -1, -1)
        return {name: metric.prepare(original) for name, metric in self._perception.items()}

    @torch.inference_mode()
    def scores(self, network: VDSR | None, precision: str) -> dict[str, float]:
        """The score of every metric; without a network, of the bicubic enlargement."""
        result = self._enlarged
        if network is not None:
            network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            with _convolutions(precision):
                output = network.enlarge(result.contiguous(memory_format=torch.channels_last))
            result = to_uint8(output.contiguous()).float() / 255
        target, result = shave(self._original, self._scale), shave(result, self._scale)
        values = {
            "PSNR": psnr(target, result),
            "RMSE": 255 * (target - result).square().mean().sqrt(),
            "SSIM": ssim(target, result),
        }
        grey = result.expand(-1, 3, -1, -1)
        for name, metric in self._perception.items():
            values[name] = metric.compare(self._prepared[name], metric.prepare(grey))
        return {name: value.item() for name, value in values.items()}


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
