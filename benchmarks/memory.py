"""Peak memory of one pass, each in a process of its own."""

import multiprocessing
import resource
import sys
from pathlib import Path

import torch

from benchmarks.contenders import METRICS, SIZES, pair, run

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Memory:
    """Measures passes in fresh processes, forked from a server that has only imported the libraries."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        libraries = ["piq", "pytorch_msssim", "skimage.metrics", "torchmetrics.functional.image"]
        self._context.set_forkserver_preload(["benchmarks.memory", *libraries])

    def peak(self, metric: str, name: str, size: str, task: str, device: str) -> float:
        """Peak of one pass in MiB, above what is held before it."""
        with self._context.Pool(1) as pool:
            return pool.apply(_measured, (metric, name, size, task, device))


def _measured(metric: str, name: str, size: str, task: str, device: str) -> float:
    # A small pass first: libraries set up threads and buffers once, which is not the metric's memory.
    score = METRICS[metric][name]()
    run(score, *pair((1, 3, 176, 176), device), task)
    images = pair(SIZES[size], device)
    before = _start(device)
    run(score, *images, task)
    return _peak(device) - before


def _start(device: str) -> float:
    """Forget the peak so far; returns the MiB held now."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    elif _CLEAR.exists():
        _CLEAR.write_text("5")  # on Linux the high-water mark falls to what is resident now
    return _peak(device)


def _peak(device: str) -> float:
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / 2**20
    if _STATUS.exists():
        return (
            next(int(line.split()[1]) for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM")) / 2**10
        )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
