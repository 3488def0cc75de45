"""Time of MAD beside pyiqa's, where that is installed.

pyiqa is for non-commercial use, so it is neither a dependency nor installed by anything here; without it only our times
are printed. Contenders take turns, so that whatever else the machine does falls on both.
"""

import argparse
import importlib
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.contenders import OURS
from replication import metrics
from replication.torchvision_compat import make_importable

Score = Callable[[Tensor, Tensor], Tensor]
SHAPES = {"luminance": (1, 1, 384, 512), "RGB": (1, 3, 384, 512)}


def contenders() -> dict[str, Score]:
    """Ours, and pyiqa's where it is installed; each is called with (reference, distorted)."""
    found: dict[str, Score] = {OURS: metrics.mad}
    if importlib.util.find_spec("pyiqa") is not None:
        make_importable()
        network = importlib.import_module("pyiqa.archs.mad_arch").MAD()
        found["pyiqa"] = lambda reference, distorted: network(distorted, reference)
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks mad", description="Time MAD beside pyiqa's.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds over all contenders (default: %(default)s)")
    rounds = parser.parse_args(sys.argv[1:]).rounds
    print(f"MAD of one pair, 384 x 512, CPU, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for name, shape in SHAPES.items():
        generator = torch.Generator().manual_seed(0)
        reference = torch.rand(shape, generator=generator)
        distorted = (reference + 0.1 * torch.randn(shape, generator=generator)).clamp(0, 1)
        scores = contenders()
        times: dict[str, list[float]] = {contender: [] for contender in scores}
        for turn in range(rounds + 1):
            for contender, score in scores.items():
                start = time.perf_counter()
                with torch.no_grad():
                    score(reference, distorted)
                if turn:  # the first round warms up
                    times[contender].append(time.perf_counter() - start)
        for contender, seconds in times.items():
            print(f"{name:>10} {contender:>12}: least {min(seconds):.3f} s, median {statistics.median(seconds):.3f} s")
