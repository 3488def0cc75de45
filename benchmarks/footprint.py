"""Peak memory of every metric by the size of the image: `python -m benchmarks memory`, reports/benchmarks/memory.md.

Each measurement is a process of its own: it makes a pair of RGB images as 32-bit floats, scores them, and reports the
largest resident set that the system has seen, so that the interpreter and torch (about 0.2 GB) are in it. As scoring
does, it prepares the reference, lets the image go, and then does the same with the distorted image. A metric that would
take more than 12 GB is stopped, or, where it announces that much, not begun.
"""

import argparse
import re
import resource
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn
from unittest import mock

import torch
from torch import Tensor

from replication import metrics
from replication.files import atomic_write_text
from replication.metrics import memory
from replication.metrics.names import parse
from replication.metrics.registry import takes

SIZES = {"1": (1000, 1000), "24": (4000, 6000), "100": (8000, 12500)}  # megapixels: rows and columns
_AT_100 = ("psnr", "ssim", "ms-ssim", "gmsd", "fsim")  # metrics measured at 100 megapixels
_LIMIT = 12 * 10**9  # bytes of memory of a measurement
_LIBRARIES = 10**9  # bytes of address space that torch takes without using them
_TARGET = Path("reports/benchmarks/memory.md")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks memory", description=__doc__)
    parser.add_argument("--metrics", nargs="*", help="names; all that need no file of weights unless given")
    parser.add_argument("--sizes", nargs="*", choices=list(SIZES), default=list(SIZES), help="megapixels")
    parser.add_argument("--minutes", type=int, default=15, help="of processor time that a measurement takes at most")
    parser.add_argument("--out", type=Path, default=_TARGET)
    chosen = parser.parse_args(arguments)
    rows = _measured_before(chosen.out)
    for name in chosen.metrics or list(_names()):
        cells = rows.setdefault(name, dict.fromkeys(SIZES, ""))
        for size in chosen.sizes:
            if size != "100" or name in _AT_100:
                cells[size] = _cell(name, size, chosen.minutes)
                print(f"{name}, {size} megapixels: {cells[size]}", flush=True)
                atomic_write_text(chosen.out, _page(rows))


def _measured_before(path: Path) -> dict[str, dict[str, str]]:
    """The cells of each metric in the page, which stay where nothing is measured anew."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    return {name: dict(zip(SIZES, cells, strict=True)) for name, *cells in table[2:]}


def _names() -> Iterator[str]:
    for name in metrics.names():
        if name != "feature-distance":  # it needs a choice of network and tap
            yield f"{name}(weights=random)" if takes(name, "weights") else name


def _cell(name: str, size: str, minutes: int) -> str:
    command = [sys.executable, "-m", "benchmarks.footprint", name, size, str(minutes)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return done.stdout.strip().splitlines()[-1]
    announced = re.search(r"needs about ([0-9]+) GB", done.stderr)
    over = f"over {_LIMIT / 1e9:.0f}" + (f" (announced: {announced[1]})" if announced else "")
    return over if "memory" in done.stderr or announced else "failed"


def _measure(name: str, size: str, minutes: str) -> None:
    """Print the peak of this process in GB, with a mark if the metric warned of what it needs."""
    resource.setrlimit(resource.RLIMIT_AS, (_LIMIT + _LIBRARIES, _LIMIT + _LIBRARIES))
    torch.set_num_threads(1)
    kind, options = parse(name)
    metric = metrics.create(kind, **options)
    free = mock.patch.object(memory, "free_memory", return_value=_LIMIT)
    with free, warnings.catch_warnings(record=True) as warned, torch.no_grad():
        warnings.simplefilter("always")
        signal.signal(signal.SIGPROF, _stop)
        signal.setitimer(signal.ITIMER_PROF, 60 * int(minutes))
        finished = True
        try:
            reference = metric.prepare(_image(size, 0))
            score = metric.compare(reference, metric.prepare(_image(size, 1)))
            assert score.shape == (1,)
        except TimeoutError:
            finished = False
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    announced = any("GB" in str(each.message) for each in warned)
    told = f"{' (announced)' * announced}{'' if finished else f' (in the first {minutes} min)'}"
    print(f"{peak / 1e9:.2f}{told}")


def _stop(*_: object) -> NoReturn:
    raise TimeoutError


def _image(size: str, seed: int) -> Tensor:
    return torch.rand(1, 3, *SIZES[size], generator=torch.Generator().manual_seed(seed))


def _page(rows: Mapping[str, Mapping[str, str]]) -> str:
    sizes = [f"{size} megapixels" for size in SIZES]
    return "\n".join(
        [
            "# Peak memory of a metric, GB",
            "",
            "The largest resident set of a process that scores one pair of RGB images in 32-bit floats on the CPU, one",
            "thread. Python and torch (about 0.3 GB) and the images (0.3 GB each at 24 megapixels, 1.2 GB at 100) are",
            'in it. "announced": before it starts, the metric warns of how much it needs; it refuses where that is',
            f'more than the machine has free. "over {_LIMIT / 1e9:.0f}": it was not begun, or stopped there.',
            '"in the first ... min": stopped then, with parts of the images to go that are like those before them.',
            "Written by `python -m benchmarks memory`.",
            "",
            f"| metric | {' | '.join(sizes)} |",
            f"| :--- | {' | '.join('---:' for _ in sizes)} |",
            *(f"| {name} | {' | '.join(cells.values())} |" for name, cells in sorted(rows.items())),
            "",
        ]
    )


if __name__ == "__main__":
    _measure(*sys.argv[1:])
