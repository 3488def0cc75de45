"""Time of LWSSIM at three window sizes beside one SSIM of the largest window.

Both take turns in one process, under the allocator settings of the other benchmarks; the time is that of the processor,
so that other work on the machine counts less.
"""

import argparse
import sys
import time

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.contenders import TASKS, Score, pair, run
from benchmarks.ssim import devices, facts, settle_allocator, synchronise
from replication import metrics
from replication.files import atomic_write_text
from replication.project import root

SIZES = {"64x3x64x64": (64, 3, 64, 64), "8x3x256x256": (8, 3, 256, 256), "1x3x1080x1920": (1, 3, 1080, 1920)}
ONE = "SSIM"
SCORES: dict[str, Score] = {
    ONE: lambda x, y: metrics.ssim(x, y).mean(),
    "uniform": lambda x, y: metrics.lwssim(x, y).mean(),
    "Gaussian": lambda x, y: metrics.lwssim(x, y, window_kind="gaussian").mean(),
}
HEADINGS = ["device", "size", "task", "SSIM ms", *(f"LWSSIM {name}" for name in list(SCORES)[1:])]


def main() -> None:
    """Run, print, and write reports/benchmarks/lwssim.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks lwssim", description="Time LWSSIM beside one SSIM.")
    parser.add_argument("--rounds", type=int, default=15, help="of which the least counts (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(sys.argv[1:])
    settle_allocator()
    torch.set_num_threads(arguments.threads)
    rows = [row(device, size, task, arguments.rounds) for device in devices() for size in SIZES for task in TASKS]
    title = "LWSSIM of windows 3, 7 and 11 beside one SSIM of a window of 11"
    table = Table(*HEADINGS, title=title)
    for cells in rows:
        table.add_row(*cells)
    Console(width=None if sys.stdout.isatty() else 140).print(table, *facts(), sep="\n")
    lines = [f"# {title}", "", *(f"- {fact}" for fact in facts()), ""]
    lines += [f"Least of {arguments.rounds} rounds; LWSSIM as a multiple of SSIM.", ""]
    lines += ["| " + " | ".join(cells) + " |" for cells in (HEADINGS, ["---:"] * len(HEADINGS), *rows)]
    folder = root() / "reports" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write_text(folder / "lwssim.md", "\n".join(lines) + "\n")


def row(device: str, size: str, task: str, rounds: int) -> list[str]:
    """The cells of one row."""
    images = pair(SIZES[size], device)
    clock = time.process_time if device == "cpu" and torch.get_num_threads() == 1 else time.perf_counter
    least = dict.fromkeys(SCORES, float("inf"))
    for turn in range(rounds + 1):  # the first warms up
        for name, score in SCORES.items():
            synchronise(images[0].device)
            start = clock()
            run(score, *images, task)
            synchronise(images[0].device)
            if turn:
                least[name] = min(least[name], clock() - start)
    return [device, size, task, f"{1000 * least[ONE]:.1f}", *(f"{least[n] / least[ONE]:.2f}" for n in list(SCORES)[1:])]
