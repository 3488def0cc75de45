"""SSIM, MS-SSIM and LPIPS beside other libraries, and the time of moving the bytes."""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from benchmarks.contenders import METRICS, OURS, SIZES, TASKS, Loader, Score, pair
from benchmarks.device.part import Cells, Part, Settings
from benchmarks.device.timing import exact_float32, timed, transfer
from benchmarks.ssim import milliseconds_to_move_once
from replication import metrics

MOVING = "moving the bytes"
LARGE, SMALL = {**SIZES, "64x3x256x256": (64, 3, 256, 256)}, {"2x3x176x176": (2, 3, 176, 176)}


def _ours(net: str) -> Score:
    metric = metrics.create(f"lpips-{net}", weights="random")
    return lambda x, y: metric(x, y).mean()


def _torchmetrics(net: str) -> Score:
    network: Any = import_module("torchmetrics.functional.image.lpips")._LPIPS(net=net, pnet_rand=True)
    return lambda x, y: network.to(x.device)(x, y, normalize=True).mean()


def _authors(net: str) -> Score:
    network: Any = import_module("lpips").LPIPS(net=net, pnet_rand=True, verbose=False).requires_grad_(False)
    return lambda x, y: network.to(x.device)(x, y, normalize=True).mean()


def _lpips(net: str) -> dict[str, Loader]:
    contenders: dict[str, Callable[[str], Score]] = {OURS: _ours, "torchmetrics": _torchmetrics, "lpips": _authors}
    return {name: functools.partial(load, net) for name, load in contenders.items()}


CONTENDERS: dict[str, dict[str, Loader]] = {
    **{metric: {name: of[name] for name in of if name != "scikit-image"} for metric, of in METRICS.items()},
    "LPIPS (AlexNet)": _lpips("alex"),
    "LPIPS (VGG16)": _lpips("vgg"),
}


class Measured(Part):
    title = "Milliseconds beside other libraries"
    about = (
        "Two batches on the device, RGB, float32, TF32 off; the networks of LPIPS have random weights, which take the "
        "same time. Warm-up calls, then the least and the median of up to 100. Checks of values are as each library "
        f"has them by default. '{MOVING}': both batches from the host to the device, from pageable and from pinned "
        "memory, and on the device once through its memory (both images read, and one gradient written)."
    )
    headings = ("metric", "size", "task", "contender", "least ms", "median ms", "MB/s")
    share = 0.2

    def __init__(self, settings: Settings, seconds: float) -> None:
        exact_float32()
        self.device = settings.device
        self.sizes = SMALL if settings.small else LARGE
        self.items = [
            (metric, size, task, name)
            for size, task, metric in itertools.product(self.sizes, TASKS, CONTENDERS)
            for name in CONTENDERS[metric]
        ]
        if self.device != "cpu":
            moved = [("the host", "pageable"), ("the host", "pinned"), *(("the device", task) for task in TASKS)]
            self.items = [(MOVING, size, *each) for size in self.sizes for each in moved] + self.items
        self.seconds = min(1.0, 0.7 * seconds / len(self.items))

    def measure(self, item: Cells) -> list[Cells]:
        metric, size, task, name = item
        if metric == MOVING:
            return [self._moved(size, task, name)]
        images = pair(self.sizes[size], self.device)
        score = load(metric, name)
        times = timed(functools.partial(once, score, *images, task), self.device, self.seconds)
        return [(f"{times.least:.3f}", f"{times.median:.3f}", "")]

    def _moved(self, size: str, origin: str, way: str) -> Cells:
        if origin == "the device":
            least = milliseconds_to_move_once(self.sizes[size], way)
            return f"{least:.3f}", f"{least:.3f}", ""
        images = torch.stack(pair(self.sizes[size], "cpu"))
        times = transfer(images, self.device, pinned=way == "pinned", seconds=self.seconds)
        rate = 4 * math.prod(images.shape) / 1e3 / times.least
        return f"{times.least:.3f}", f"{times.median:.3f}", f"{rate:.0f}"

    @staticmethod
    def summary(rows: Sequence[Cells]) -> str:
        least = {row[:4]: float(row[4]) for row in rows if row[0] != MOVING}
        ours = [key for key in least if key[3] == OURS]
        others = [min((least[k] for k in least if k[:3] == key[:3] and k != key), default=0.0) for key in ours]
        faster = sum(least[key] <= other for key, other in zip(ours, others, strict=True) if other)
        return f"{OURS} is the fastest at {faster} of {sum(other > 0 for other in others)} tasks"


@functools.lru_cache(maxsize=32)
def load(metric: str, name: str) -> Score:
    """A contender, built once: networks take seconds."""
    return CONTENDERS[metric][name]()


def once(score: Score, reference: Tensor, distorted: Tensor, task: str) -> None:
    """One pass, whose result stays on the device."""
    if task == "forward":
        with torch.no_grad():
            score(reference, distorted)
        return
    distorted = distorted.detach().requires_grad_()
    torch.autograd.grad(score(reference, distorted), distorted)
