"""Times on a device: of a call, and of moving a batch to the GPU."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor

_WARM_UP = 3  # calls: kernels are loaded, cuDNN chooses algorithms, the allocator gets its memory
_ROUNDS = (3, 100)  # at least and at most


class Times(NamedTuple):
    """Milliseconds of a call over the rounds: the least and the median."""

    least: float
    median: float


def exact_float32(allow_tf32: bool = False) -> None:
    """Let matrix products and convolutions on a GPU be computed in float32 rather than TF32, for the whole process.

    allow_tf32: torch's own defaults instead, which are TF32 in convolutions and float32 in matrix products.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = allow_tf32


def synchronise(device: str) -> None:
    """Wait until a GPU has done what was queued."""
    if device != "cpu":
        torch.cuda.synchronize()


def timed(call: Callable[[], object], device: str, seconds: float) -> Times:
    """Times of `call` after warm-up calls, over as many rounds as fit into `seconds`.

    On a GPU they are CUDA events around each call, read after all of them, so that the host waits once: what is timed
    is the device's work where the host queues it fast enough, else the host's queueing.
    """
    rounds = int(min(max(_ROUNDS[0], seconds / _warm(call, device)), _ROUNDS[1]))
    if device == "cpu":
        found = []
        for _ in range(rounds):
            start = time.perf_counter()
            call()
            found.append(1000 * (time.perf_counter() - start))
    else:
        event: Any = torch.cuda.Event
        events = [[event(enable_timing=True) for _ in range(2)] for _ in range(rounds)]
        for before, after in events:
            before.record()
            call()
            after.record()
        torch.cuda.synchronize()
        found = [before.elapsed_time(after) for before, after in events]
    return Times(min(found), median(found))


def rate(call: Callable[[], object], device: str, seconds: float) -> float:
    """Calls per second, from the time of many calls together after warm-up calls: as many as fit into `seconds`."""
    calls = max(_ROUNDS[0], int(seconds / _warm(call, device)))
    start = _now(device)
    for _ in range(calls):
        call()
    return calls / (_now(device) - start)


def _warm(call: Callable[[], object], device: str) -> float:
    """The seconds of the last of the warm-up calls."""
    once = 0.0
    for _ in range(_WARM_UP):
        start = _now(device)
        call()
        once = _now(device) - start
    return max(once, 1e-6)


def transfer(images: Tensor, device: str, *, pinned: bool, seconds: float) -> Times:
    """Times of copying a batch from the host to the GPU, from pageable or from pinned memory."""
    images = images.pin_memory() if pinned else images
    return timed(lambda: images.to(device, non_blocking=pinned), device, seconds)


def _now(device: str) -> float:
    synchronise(device)
    return time.perf_counter()
