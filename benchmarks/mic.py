"""Time and peak memory of the maximal information coefficient, beside minepy's where that is installed.

minepy (GPL) is no dependency. Both take turns in one process, under the allocator settings of the other
benchmarks; minepy, which knows no threads, scores every fourth pair.
"""

import argparse
import importlib
import multiprocessing
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks import memory
from benchmarks.ssim import devices, settle_allocator, synchronise
from replication.files import atomic_write_text
from replication.metrics.mic import mic
from replication.project import root

PAIRS, SIZE, CORRELATIONS = 9216, 49, (0.0, 0.5, 0.9)
_EVERY = 4


def main() -> None:
    """Run, print, and write reports/benchmarks/mic.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks mic", description="Time the MIC beside minepy's.")
    parser.add_argument(
        "--rounds", type=int, default=5, help="rounds, of which the least counts (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="on the CPU (default: 1 and 2)")
    arguments = parser.parse_args(sys.argv[1:])
    settle_allocator()
    rows = [
        (device, str(threads), f"{correlation:g}", *measured(device, threads, correlation, arguments.rounds))
        for device in devices()
        for threads in (arguments.threads if device == "cpu" else [1])
        for correlation in CORRELATIONS
    ]
    headings = ["device", "threads", "correlation", "us a pair", "minepy's us a pair", "of minepy's", "MiB"]
    title = f"MIC of {PAIRS:,} pairs of {SIZE} points, alpha = 0.5, c = 10"
    table = Table(*headings, title=title)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    lines = [f"# {title}", "", f"Least of {arguments.rounds} rounds; MiB is the peak above what was held before.", ""]
    lines += ["| " + " | ".join(cells) + " |" for cells in (headings, ["---:"] * len(headings), *rows)]
    folder = root() / "reports" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write_text(folder / "mic.md", "\n".join(lines) + "\n")


def measured(device: str, threads: int, correlation: float, rounds: int) -> tuple[str, ...]:
    """The cells of one row after the first three."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    x, y = pairs(correlation, device)
    contenders: dict[str, Callable[[], object]] = {"ours": lambda: mic(x, y)}
    if find_spec("minepy"):
        every = [sample[::_EVERY].double().cpu().numpy() for sample in (x, y)]
        mine = importlib.import_module("minepy").MINE(alpha=0.5, c=10, est="mic_approx")
        contenders["minepy"] = lambda: [(mine.compute_score(a, b), mine.mic()) for a, b in zip(*every, strict=True)]
    least = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds + 1):  # the first warms up; being slower, it does not count
        for name, score in contenders.items():
            synchronise(x.device)
            start = time.perf_counter()
            score()
            synchronise(x.device)
            least[name] = min(least[name], time.perf_counter() - start)
    torch.set_num_threads(before)
    ours, theirs = 1e6 * least["ours"] / PAIRS, 1e6 * least.get("minepy", float("nan")) / (PAIRS / _EVERY)
    compared = (f"{theirs:.1f}", f"{ours / theirs:.3f}") if "minepy" in least else ("not installed", "")
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        return f"{ours:.2f}", *compared, f"{pool.apply(peak, (correlation, device)):.0f}"


def pairs(correlation: float, device: str) -> tuple[Tensor, Tensor]:
    """Gaussian samples, the same at every call."""
    x, noise = torch.randn(2, PAIRS, SIZE, generator=torch.Generator().manual_seed(0))
    return x.to(device), (correlation * x + (1 - correlation**2) ** 0.5 * noise).to(device)


def peak(correlation: float, device: str) -> float:
    """Peak of one call in MiB, above what is held before it; for a process of its own."""
    x, y = pairs(correlation, device)
    mic(x[:8], y[:8])
    before = memory._start(device)
    mic(x, y)
    return memory._peak(device) - before
