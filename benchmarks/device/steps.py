"""Optimiser steps per second of two networks with each training loss."""

import os
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from benchmarks.device.part import Cells, Part, Settings
from benchmarks.device.timing import exact_float32, rate
from replication.models.autoencoders import Autoencoder
from replication.models.srcnn import SRCNN
from replication.training import losses, optimisers

BATCHES, PATCH, RATE = (32, 256), 64, 1e-4
_FEWER_LEVELS = {"levels": 3}  # five levels of MS-SSIM need 161 pixels


def loss_of(name: str) -> nn.Module:
    """The training loss of that name, for images of 64 pixels."""
    return losses.create(name, _FEWER_LEVELS if name.startswith("ms_ssim") else {})


class Measured(Part):
    title = "Training steps per second"
    about = (
        f"Forward, loss, backward and a step of Adam, float32, TF32 off, deterministic algorithms as in training; "
        f"targets of {PATCH} x {PATCH} pixels that are on the device already. SRCNN 9-5-5 on luminance; autoencoder "
        "of width 16 with a bottleneck of 128 on RGB. On the CPU, a trial, batches hold two images."
    )
    headings = ("network", "loss", "batch", "steps/s", "images/s")
    share = 0.1

    def __init__(self, settings: Settings, seconds: float) -> None:
        exact_float32()
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.set_deterministic_debug_mode("error")
        self.device, self.batches = settings.device, (2,) if settings.small else BATCHES
        self.items = [(network, loss) for network in NETWORKS for loss in losses.LOSSES]
        self.seconds = min(2.0, 0.5 * seconds / (len(self.items) * len(self.batches)))

    def measure(self, item: Cells) -> list[Cells]:
        rows: list[Cells] = []
        network, loss = item
        for batch in self.batches:
            per_second = rate(step_of(network, loss, batch, self.device), self.device, self.seconds)
            rows.append((str(batch), f"{per_second:.4g}", f"{batch * per_second:.4g}"))
        return rows

    @staticmethod
    def summary(rows: Sequence[Cells]) -> str:
        found = [f"{row[0]} with {row[1]}, batch {row[2]}: {row[3]}/s" for row in rows if row[1] in ("mse", "lwssim")]
        return "; ".join(found) or f"{len(rows)} rows"


def step_of(network: str, loss: str, batch: int, device: str) -> Callable[[], None]:
    """A step of training on one random batch; the time does not depend on the values."""
    torch.manual_seed(0)
    built, source, target = NETWORKS[network](batch)
    module, source, target = built.to(device), source.to(device), target.to(device)
    criterion, optimiser = loss_of(loss).to(device), optimisers.create("adam", list(module.parameters()))

    def step() -> None:
        output = module(source)
        criterion(output[0] if isinstance(output, tuple) else output, target).backward()
        optimiser.step(RATE)

    return step


def _srcnn(batch: int) -> tuple[nn.Module, Tensor, Tensor]:
    network, target = SRCNN(), torch.rand(batch, 1, PATCH, PATCH)
    return network, torch.rand(batch, 1, PATCH + 2 * network.margin, PATCH + 2 * network.margin), target


def _autoencoder(batch: int) -> tuple[nn.Module, Tensor, Tensor]:
    images = torch.rand(batch, 3, PATCH, PATCH)
    return Autoencoder(size=PATCH, bottleneck=128, width=16), images, images


NETWORKS: dict[str, Callable[[int], tuple[nn.Module, Tensor, Tensor]]] = {"SRCNN": _srcnn, "autoencoder": _autoencoder}
