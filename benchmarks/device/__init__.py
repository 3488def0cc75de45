"""One script for a GPU, in ten minutes: its tests, agreement with the CPU, speed, MIC and SMIC, training.

    python -m benchmarks device [--seconds 600] [--faces FOLDER] [--out FOLDER]
    python -m benchmarks device --device cpu --seconds 120 --out FOLDER    a trial without a GPU, with small sizes
    python -m benchmarks device --pack FOLDER                              what travels to a machine with a GPU

Each part gets a share of the time, has a process of its own and is ended when its time is over; what was not reached is
listed. Rows are written as they arrive: FOLDER/device.md, and FOLDER/PART.csv for each part.
"""

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from benchmarks.device.page import Page, Section
from benchmarks.device.part import Settings, run
from replication.project import root

PARTS = ("gpu_tests", "agreement", "speed", "dependence", "steps", "training")
"""Modules of this package, in the order in which they run; each defines its part as `Measured`."""

_RESERVE = 2.0  # seconds, to end the last part and write
_PACKAGES = ("torch", "torchvision", "torchmetrics", "piq", "pytorch-msssim", "lpips", "numpy", "scikit-image")


def main() -> None:
    """Run, or pack."""
    started = time.monotonic()
    usual = Path("reports/benchmarks/device")
    parser = argparse.ArgumentParser(prog="python -m benchmarks device", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600, help="for all parts together (default: %(default)s)")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="default: %(default)s")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--faces", type=Path, help="folder of aligned faces to train on, or to pack")
    parser.add_argument("--out", type=Path, help=f"folder of the page (default: {usual})")
    parser.add_argument("--pack", type=Path, metavar="FOLDER", help="make this folder of faces and weights, and stop")
    arguments = parser.parse_args(sys.argv[1:])
    if arguments.pack:
        from benchmarks.device.pack import PackError, pack

        try:
            print(pack(arguments.pack, arguments.faces))
        except (PackError, ValueError) as error:
            sys.exit(str(error))
        return
    if not arguments.seconds > 0:
        parser.error(f"--seconds must be positive, got {arguments.seconds:g}")
    if arguments.device == "cpu" and arguments.out is None:
        parser.error(f"--device cpu is a trial: give a folder with --out, so that {usual} keeps what a GPU gave")
    if arguments.device == "cuda" and not _has_gpu():
        sys.exit("torch finds no CUDA device; --device cpu --out FOLDER makes a trial with small sizes on the CPU")
    settings, folder = Settings(arguments.device, arguments.faces), arguments.out or root() / usual
    try:
        measure(settings, arguments.only, folder, started + arguments.seconds - _RESERVE)
    except KeyboardInterrupt:
        sys.exit(f"interrupted; what was measured before is in {folder}")


def measure(settings: Settings, names: Sequence[str], folder: Path, end: float) -> Page:
    """Run the parts of these names until `end` (of time.monotonic), writing the page into `folder` as rows arrive."""
    modules = {name: f"benchmarks.device.{name}" for name in PARTS if name in names}
    sections = [Section(name, import_module(module).Measured) for name, module in modules.items()]
    page = Page(folder, facts(settings.device), sections)
    page.write(sections)  # so that no rows of an earlier run remain
    for number, section in enumerate(sections):
        shares = [each.part.share for each in sections[number:]]
        seconds = (end - time.monotonic()) * shares[0] / sum(shares)  # what a part leaves goes to the later ones
        if seconds <= 0:
            continue
        for event in run(modules[section.name], settings, seconds):
            section.add(event)
            page.write([section])
        print(f"{section.part.title}: {section.line}", flush=True)
    return page


def facts(device: str) -> list[str]:
    """The device, its driver and the versions that figures depend on; no clock and no name of a machine."""
    from benchmarks.ssim import processor

    found = [f"Processor: {processor()}"]
    if device != "cpu":
        import torch

        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        cudnn: Any = torch.backends.cudnn
        gpu = f"GPU: {torch.cuda.get_device_name()}, {memory:.0f} GiB, driver {_driver()}"
        found.insert(0, f"{gpu}, CUDA {torch.version.cuda}, cuDNN {cudnn.version()}")
    versions = []
    for name in _PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{name} not installed")
    return [*found, f"Python {platform.python_version()}, {', '.join(versions)}"]


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.split("\n")[0].strip() or "unknown"
