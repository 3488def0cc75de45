"""Time of DeepSSIM beside its authors' code, and of MSDS beside DeepSSIM, for one pair of 384 x 512.

The authors' code is no dependency, and nothing here fetches it: `--authors FOLDER` names a folder with a clone of
github.com/kekezhang112/DeepSSIM under its last name. It runs as it is, but for VGG16's weights, which are seeded here
as for ours. All take turns, in one process with the same threads and allocator settings. On a CPU the time is that of
the process, all its threads together, so that other work on the machine counts little.
"""

import argparse
import importlib
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.smic import photographs
from benchmarks.ssim import facts, settle_allocator, synchronise
from replication import metrics
from replication.torchvision_compat import make_importable

Score = Callable[[Tensor, Tensor], Tensor]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks msds", description="Time DeepSSIM and MSDS.")
    parser.add_argument("--authors", type=Path, help="folder with DeepSSIM; without it, ours alone")
    parser.add_argument("--rounds", type=int, default=7, help="after one to warm up (default: %(default)s)")
    parser.add_argument("--network", default="vgg16", help="of MSDS, and of DeepSSIM beside it")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(sys.argv[1:])
    settle_allocator()
    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    pixels, others = photographs(4)
    pair = [  # channel by channel, as the authors' own reading and ours leave it
        torch.from_numpy(x).permute(2, 0, 1)[None].contiguous().float().to(arguments.device) / 255
        for x in (pixels, others[3])
    ]
    options = {"network": arguments.network, "weights": "random", "device": arguments.device}
    scores: dict[str, Score] = {"deepssim": metrics.create("msds", level=0, **options)}
    if arguments.network == "vgg16":
        scores["deepssim"] = metrics.create("deepssim", weights="random", device=arguments.device)
    scores |= {f"msds, {levels} levels": metrics.create("msds", levels=levels, **options) for levels in (2, 3, 4, 5)}
    if arguments.authors:
        scores["authors' deepssim"] = theirs(arguments.authors / "DeepSSIM" / "DeepSSIM_pytorch", arguments.device)
    clock = time.process_time if arguments.device == "cpu" else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in scores}
    values: dict[str, float] = {}
    for turn in range(arguments.rounds + 1):
        for name, score in scores.items():
            synchronise(torch.device(arguments.device))
            start = clock()
            values[name] = score(pair[0], pair[1]).item()
            if turn:  # the first round warms up
                times[name].append(clock() - start)
    for name, seconds in times.items():
        least, median = min(seconds), statistics.median(seconds)
        ratio = least / min(times["deepssim"])
        print(f"{name:>18}: least {least:.3f} s, median {median:.3f} s, {ratio:.3f} of deepssim; {values[name]:.6f}")
    if arguments.authors:
        ratio = min(times["deepssim"]) / min(times["authors' deepssim"])
        print(f"deepssim takes {ratio:.3f} of the authors' time")
    print(f"{arguments.network}, {arguments.device}, {arguments.threads} threads", *facts(), sep="\n")


def theirs(folder: Path, device: str) -> Score:
    """The authors' DeepSSIM without saliency calibration."""
    make_importable()
    import torchvision

    sys.path.insert(0, str(folder))
    networks: Any = importlib.import_module("vgg_v16s5c1")
    build = networks.vgg16

    def seeded(pretrained: bool) -> Any:
        torch.manual_seed(0)
        state = torchvision.models.vgg16(weights=None).state_dict()
        network = build(pretrained=False)
        network.load_state_dict(state)
        return network

    networks.vgg16 = seeded
    network: Score = importlib.import_module("DeepSSIM_demo").DeepSSIM().to(device).eval()
    return network
