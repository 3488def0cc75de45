"""Time of ten columns of scores, five metrics plain and with SMIC, beside the authors' code run one after another.

The authors' code is no dependency, and nothing here fetches it. For the comparison, `--authors FOLDER` names a folder
with clones of github.com/KANGX99/SMIC, Buka-Xing/DeepWSD and dingkeyan93/DISTS, under these last names; minepy, POT
and lpips must be installed. They run as they are, but for VGG16, whose weights are seeded here as for ours, and on a
CPU for their calls of .cuda(). Ours and theirs take turns, in one process with the same threads and allocator settings.
"""

import argparse
import copy
import functools
import importlib
import os
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import skimage.filters
import torch
from PIL import Image

from benchmarks.ssim import facts, settle_allocator, synchronise
from replication import metrics
from replication.datasets.images import Pixels
from replication.scoring.tasks import Scorer, Task, Work
from replication.torchvision_compat import make_importable

_skimage: Any = skimage

NAMES = tuple(
    f"{name}{weighting}" for name in ("psnr", "ssim", "lpips-vgg", "dists", "deepwsd") for weighting in ("", "+smic")
)
IMAGES = 30


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks smic", description="Time SMIC beside its authors' code."
    )
    parser.add_argument("--authors", type=Path, help="folder with SMIC, DeepWSD and DISTS; without it, ours alone")
    parser.add_argument("--rounds", type=int, default=2, help="of which the least counts (default: %(default)s)")
    parser.add_argument(
        "--images",
        type=int,
        default=IMAGES,
        help="distorted versions of ours; fewer are scaled up (default: %(default)s)",
    )
    parser.add_argument("--sample", type=int, default=1, help="how many of them theirs score (default: %(default)s)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(sys.argv[1:])
    settle_allocator()
    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    reference, distorted = photographs(arguments.images)
    options = {"device": arguments.device}
    created = tuple(
        metrics.create(name, **options, **({} if name in ("psnr", "ssim") else {"weights": "random"})) for name in NAMES
    )
    scorers = theirs(arguments.authors, arguments.device) if arguments.authors else {}
    least: dict[str, float] = {}
    scores: dict[str, float] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        synchronise(torch.device(arguments.device))
        start = time.perf_counter()
        result = call()
        synchronise(torch.device(arguments.device))
        least[name] = min(least.get(name, float("inf")), time.perf_counter() - start)
        return result

    for _ in range(arguments.rounds):
        timed("ours, one image", lambda: ours(created, reference, distorted[:1], arguments.device))
        first = timed("ours", lambda: ours(created, reference, distorted, arguments.device))[0]
        for name, score in scorers.items():
            found = timed(name, functools.partial(_each, score, reference, distorted[: arguments.sample]))
            scores[name] = found[0]
        print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    count = arguments.images
    later = (least["ours"] - least["ours, one image"]) / (count - 1) if count > 1 else least["ours"]
    total = least["ours"] + later * (IMAGES - count)
    print(f"ours: {total:.2f} s for {IMAGES} images of 384 x 512 and 10 columns, {later:.3f} s a further image")
    for name, own in zip(NAMES, first, strict=True):
        if name in scorers:
            seconds = least[name] / arguments.sample
            print(f"{name:>15}: theirs {seconds:.3f} s an image; score {scores[name]:.6f}, ours {own:.6f}")
    if scorers:
        sequential = IMAGES * sum(least[name] for name in NAMES) / arguments.sample
        print(f"theirs: {sequential:.2f} s for {IMAGES} images; ours takes {total / sequential:.3f} of it")
    print(f"{arguments.device}, {arguments.threads} threads, {arguments.images} images of ours", *facts(), sep="\n")


def _each(score: Callable[[Pixels, Pixels], float], reference: Pixels, distorted: list[Pixels]) -> list[float]:
    return [score(reference, image) for image in distorted]


def photographs(count: int) -> tuple[Pixels, list[Pixels]]:
    """A photograph of 384 x 512 and versions of it, noisy and blurred in turn, more and more."""
    reference = _skimage.data.coffee()[:384, :512]
    generator = np.random.default_rng(0)
    versions = []
    for step in range(count):
        if step % 2:
            changed = 255 * _skimage.filters.gaussian(reference, 0.5 + 0.2 * step, channel_axis=2)
        else:
            changed = reference + (4 + 2 * step) * generator.standard_normal(reference.shape)
        versions.append(changed.round().clip(0, 255).astype(np.uint8))
    return reference, versions


def ours(
    created: tuple[metrics.Metric, ...], reference: Pixels, distorted: list[Pixels], device: str
) -> list[list[float]]:
    """Scores by image, then by metric, as `scoring.score` computes them."""
    pixels = {"reference": reference, **{str(number): image for number, image in enumerate(distorted)}}
    scorer = Scorer(Work(uuid.uuid4().hex, created, device, 2**18 if device == "cpu" else 2**21))
    named: Any = {name: name for name in pixels}
    task = Task(("reference", named["reference"]), tuple((str(i), named[str(i)]) for i in range(len(distorted))))
    done = scorer(task, lambda name: (pixels[str(name)], ""))
    return [[outcome.score for outcome in row] for row in done.outcomes]


def theirs(folder: Path, device: str) -> dict[str, Callable[[Pixels, Pixels], float]]:
    """The authors' metrics by our names, each called with two images."""
    make_importable()
    import torchvision
    from torchvision.transforms.functional import to_tensor

    torch.manual_seed(0)
    seeded = torchvision.models.vgg16(weights=None)
    torchvision.models.vgg16 = lambda *_, **__: copy.deepcopy(seeded)
    if device == "cpu":
        torch.Tensor.cuda = torch.nn.Module.cuda = lambda self, *_, **__: self  # type: ignore[method-assign,assignment]
    own = {"SMIC": folder / "SMIC" / "smic-pytorch", "DISTS": folder / "DISTS" / "DISTS_pytorch"}
    sys.path[:0] = [str(path) for path in (*own.values(), folder / "DeepWSD")]

    def build(module: str, name: str, prefix: Path, **options: Any) -> Any:
        """Their networks look for weights under sys.prefix."""
        before, sys.prefix = sys.prefix, str(prefix)
        try:
            return getattr(importlib.import_module(module), name)(**options).to(device).eval()
        finally:
            sys.prefix = before

    smic, wsd = importlib.import_module("preprocess"), importlib.import_module("utils")
    tensor: Any = to_tensor

    def whole(image: Any) -> Any:
        return tensor(image)[None]

    ssim = functools.partial(importlib.import_module("pytorch_msssim").ssim, data_range=1.0)
    networks = {
        "psnr": (whole, lambda x, y: -10 * torch.log10((x - y).square().mean())),
        "ssim": (whole, ssim),
        "lpips-vgg": (lambda x: 2 * whole(x) - 1, build("lpips", "LPIPS", folder, net="vgg", verbose=False)),
        "dists": (importlib.import_module("DISTS_pt").prepare_image, build("DISTS_pt", "DISTS", own["DISTS"])),
        "deepwsd": (wsd.prepare_image, build("DeepWSD", "DeepWSD", folder)),
        "psnr+smic": (smic.prepare_image, build("PSNR_SMIC", "PSNR_SMIC", folder)),
        "ssim+smic": (smic.prepare_image, build("SSIM_SMIC", "SSIM_SMIC", folder, data_range=1, win_size=7)),
        "lpips-vgg+smic": (smic.prepare_image, build("LPIPS_SMIC", "LPIPS_SMIC", folder)),
        "dists+smic": (smic.prepare_image, build("DISTS_SMIC", "DISTS_SMIC", own["SMIC"])),
        "deepwsd+smic": (smic.wsd_prepare_image, build("DeepWSD_SMIC", "DeepWSD_SMIC", folder)),
    }

    def called(prepare: Any, network: Any, name: str) -> Callable[[Pixels, Pixels], float]:
        options = {"as_loss": False} if name.startswith("deepwsd") else {}
        return lambda x, y: float(network(*(prepare(Image.fromarray(z)).to(device) for z in (x, y)), **options))

    return {name: called(*pair, name) for name, pair in networks.items()}
