"""Time and peak memory of SSIM and MS-SSIM beside other libraries, in one run.

Contenders take turns, so that whatever else the machine does falls on all of them; times are the least and the median
over the rounds. All run in one process, with the same threads and the same allocator settings: freed memory is kept, as
a training process keeps it, since otherwise what is timed is largely the kernel handing out pages.
"""

import argparse
import csv
import io
import itertools
import math
import os
import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.contenders import METRICS, OURS, SIZES, TASKS, Score, contenders, pair, run
from benchmarks.memory import Memory
from replication.files import atomic_write_text
from replication.project import root

_ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "8589934592", "MALLOC_TRIM_THRESHOLD_": "17179869184"}


class Row(NamedTuple):
    """One contender at one task; times in milliseconds, memory in MiB above the inputs."""

    device: str
    metric: str
    size: str
    task: str
    contender: str
    least_ms: float
    median_ms: float
    of_fastest_other: float | None
    memory_mib: float | None
    score: float | None


def main() -> None:
    """Run, print, and write reports/benchmarks/metrics.csv and .md."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Time the metrics beside other libraries."
    )
    parser.add_argument("--rounds", type=int, default=15, help="rounds over all contenders (default: %(default)s)")
    rounds = parser.parse_args(sys.argv[1:]).rounds
    settle_allocator()
    console = Console(width=None if sys.stdout.isatty() else 140)
    rows = [row for device in devices() for row in measured(device, rounds, console)]
    console.print(table(rows), *facts(), sep="\n")
    folder = root() / "reports" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write_text(folder / "metrics.csv", as_csv(rows))
    atomic_write_text(folder / "metrics.md", as_markdown(rows))


def settle_allocator() -> None:
    """Start again with the allocator settings, unless they hold: the allocator reads them when a process starts."""
    if any(os.environ.get(name) != value for name, value in _ALLOCATOR.items()):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **_ALLOCATOR})


def devices() -> list[str]:
    """The CPU, and a GPU where there is one."""
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def measured(device: str, rounds: int, console: Console) -> list[Row]:
    """Every contender at every task on one device."""
    memory, rows = Memory(), []
    for metric, size, task in itertools.product(METRICS, SIZES, TASKS):
        console.print(f"{device}: {metric} {size} {task}", style="dim")
        scores = contenders(metric, task, device)
        times, values = race(scores, pair(SIZES[size], device), task, rounds)
        fastest_other = min(min(times[name]) for name in scores if name != OURS)
        for name in scores:
            least, median = min(times[name]), statistics.median(times[name])
            ratio = least / fastest_other if name == OURS else None
            peak = memory.peak(metric, name, size, task, device)
            rows.append(Row(device, metric, size, task, name, least, median, ratio, peak, values[name]))
        if device != "cpu":
            once = milliseconds_to_move_once(SIZES[size], task)
            rows.append(Row(device, metric, size, task, "moving the bytes once", once, once, None, None, None))
    return rows


def race(
    scores: dict[str, Score], images: tuple[Tensor, Tensor], task: str, rounds: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Milliseconds of each contender in each round, and its score. A first round warms up and is not counted."""
    times: dict[str, list[float]] = {name: [] for name in scores}
    values = {}
    for turn in range(rounds + 1):
        for name, score in scores.items():
            synchronise(images[0].device)
            start = time.perf_counter()
            values[name] = run(score, *images, task)  # brings the score to the host, so the device has finished
            synchronise(images[0].device)
            if turn:
                times[name].append(1000 * (time.perf_counter() - start))
    return times, values


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has done what was queued."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def milliseconds_to_move_once(shape: tuple[int, ...], task: str) -> float:
    """Time to read both images, and to write one gradient, at the bandwidth that a large copy reaches on this GPU."""
    large = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(large)
    best = float("inf")
    for _ in range(10):
        torch.cuda.synchronize()
        start = time.perf_counter()
        target.copy_(large)
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    moved = 4 * math.prod(shape) * (2 if task == "forward" else 3)
    return 1000 * best * moved / (2 * large.numel())


def facts() -> list[str]:
    """What the figures depend on, without naming the machine."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", *list(METRICS["SSIM"])[1:]))
    found = [f"Processor: {processor()}"]
    if torch.cuda.is_available():
        found.append(f"GPU: {torch.cuda.get_device_name()}")
    return [*found, f"Python {platform.python_version()}, {versions}"]


def processor() -> str:
    """The processor, how many threads torch uses, and the instructions."""
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}"


def cells(row: Row) -> list[str]:
    """A row as text, in the order of `HEADINGS`."""
    ratio = "" if row.of_fastest_other is None else f"{row.of_fastest_other:.2f}"
    memory = "" if row.memory_mib is None else f"{row.memory_mib:.0f}"
    score = "" if row.score is None else f"{row.score:.6f}"
    return [*row[:5], f"{row.least_ms:.2f}", f"{row.median_ms:.2f}", ratio, memory, score]


HEADINGS = [
    "device",
    "metric",
    "size",
    "task",
    "contender",
    "least ms",
    "median ms",
    "of fastest other",
    "MiB",
    "score",
]


def table(rows: list[Row]) -> Table:
    """For the terminal."""
    result = Table(*HEADINGS[:5], title="SSIM and MS-SSIM beside other libraries")
    for heading in HEADINGS[5:]:
        result.add_column(heading, justify="right")
    for previous, row in zip([None, *rows], rows, strict=False):
        if previous is not None and previous[:4] != row[:4]:
            result.add_section()
        result.add_row(*cells(row), style="bold" if row.contender == OURS else None)
    return result


def as_csv(rows: list[Row]) -> str:
    """One line a row, rounded as in the table."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([Row._fields, *map(cells, rows)])
    return buffer.getvalue()


def as_markdown(rows: list[Row]) -> str:
    """A page with the table and what it depends on."""
    lines = ["# SSIM and MS-SSIM beside other libraries", "", *(f"- {fact}" for fact in facts()), ""]
    lines += [
        "Contenders took turns; times are the least and the median over the rounds. 'Of fastest other' is the least",
        "time of replication over that of the fastest other library. MiB is the peak above what was held before.",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|" + " --- |" * 5 + " ---: |" * (len(HEADINGS) - 5),
    ]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"
