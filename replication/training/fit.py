"""One way to train everything: Lightning, in rounds that end in a checkpoint, resumable to the identical result."""

import hashlib
import json
import logging
import os
import sys
import time
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from replication.files import atomic_write

_log = logging.getLogger(__name__)


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class Compute:
    """Where and how to train.

    accelerator, devices: as Lightning's Trainer ("auto", "cpu", "gpu"; a count).
    threads: CPU threads. Sums are split over threads, so the last bits of a result depend on it; 0 takes all cores.
    precision: as Lightning's Trainer: "32-true", or "bf16-mixed" (convolutions in bfloat16, the rest in float32).
    """

    accelerator: str = "auto"
    devices: int = 1
    threads: int = 0
    precision: str = "32-true"


class Task(pl.LightningModule):
    """What a training run is made of: batches by number, a loss, an optimiser, a validation.

    A subclass gives `batch(step)`, `loss(batch)`, `configure_optimizers()` and `validate()`; `fit` does the rest. A
    batch depends on its number alone, which is what makes an interrupted run end at the same weights.
    """

    round_steps: int  # optimiser steps between two checkpoints

    def __init__(self) -> None:
        super().__init__()
        self.history: list[dict[str, float]] = []
        self._losses: list[Tensor] = []

    @abstractmethod
    def batch(self, step: int) -> Any:
        """Training batch number `step`, from 0."""

    @abstractmethod
    def loss(self, batch: Any) -> Tensor:
        """Training loss of a batch, a scalar."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Figures on held-out images, by name."""

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(_Round(self, self.global_step), batch_size=None)

    def training_step(self, batch: Any, _: int) -> Tensor:
        loss = self.loss(batch)
        self._losses.append(loss.detach())  # stays on the device: reading it here would wait for the GPU at every step
        return loss

    def on_train_epoch_end(self) -> None:
        losses = torch.stack(self._losses).double()
        self._losses.clear()
        if not bool(torch.isfinite(losses).all()):
            first = self.global_step - len(losses)
            raise TrainingError(
                f"the training loss is not finite between steps {first} and {self.global_step}; "
                "lower the learning rate (the last good checkpoint is kept)"
            )
        self.eval()
        with torch.inference_mode():
            figures = self.validate()
        self.train()
        rate = self.optimizers().param_groups[0]["lr"]  # type: ignore[union-attr]
        self.history.append(
            {"step": self.global_step, "learning_rate": rate, "training_loss": losses.mean().item(), **figures}
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.history = checkpoint["history"]


class _Round(IterableDataset[Any]):
    """The batches of one round, from the step that the run has reached."""

    def __init__(self, task: Task, start: int) -> None:
        self.task, self.start = task, start

    def __iter__(self) -> Iterator[Any]:
        for step in range(self.start, self.start + self.task.round_steps):
            yield self.task.batch(step)


def fit(
    task: Task, *, steps: int, identity: Mapping[str, Any], checkpoints: Path, compute: Compute, label: str
) -> pd.DataFrame:
    """Train `task` for `steps` optimiser steps and return its history, a row for each round.

    A checkpoint is left in `checkpoints` after every round; a run that finds one goes on from it, and ends at the same
    weights as if it had never stopped. `identity` is all that the result depends on (JSON values: parameters, data
    digests): a checkpoint of another identity is not continued but replaced, which is logged. The caller removes the
    folder once its results are safe.

    Raises TrainingError if `steps` is no multiple of the task's `round_steps` or the loss is not finite.
    """
    if steps % task.round_steps:
        raise TrainingError(f"steps ({steps}) must be a multiple of the steps between checkpoints ({task.round_steps})")
    if compute.threads:
        torch.set_num_threads(compute.threads)
    elif cores := os.cpu_count():
        torch.set_num_threads(cores)
    fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    for stale in checkpoints.glob("*.ckpt"):
        if not stale.name.startswith(fingerprint):
            _log.warning("%s: a checkpoint of other parameters or data is replaced: %s", label, stale.name)
            stale.unlink()
    newest = max(checkpoints.glob(f"{fingerprint}-*.ckpt"), default=None, key=lambda path: path.stat().st_mtime_ns)
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", ".*(num_workers|IterableDataset|treespec|exists and is not empty).*"
        )  # advice that does not apply
        logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
        trainer = pl.Trainer(
            accelerator=compute.accelerator,
            devices=compute.devices,
            precision=compute.precision,  # type: ignore[arg-type]
            deterministic=True,
            max_steps=steps,
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            plugins=[_AtomicCheckpoints()],
            callbacks=[
                _Progress(label, steps),
                ModelCheckpoint(
                    checkpoints, f"{fingerprint}-{{step}}", monitor="step", mode="max", save_on_train_epoch_end=True
                ),
            ],
        )
        trainer.fit(task, ckpt_path=newest, weights_only=False)
    if task.global_step < steps:
        raise KeyboardInterrupt(f"{label}: interrupted at step {task.global_step} of {steps}; run it again to go on")
    return pd.DataFrame(task.history)


class _AtomicCheckpoints(TorchCheckpointIO):
    """Checkpoints that are whole or absent, whenever the process is killed."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        with atomic_write(path, "wb") as file:
            torch.save(checkpoint, file)


class _Progress(Callback):
    """A line on standard error every few seconds: how far, how fast, how long still."""

    def __init__(self, label: str, steps: int, every: float = 10.0) -> None:
        self.label, self.steps, self.every = label, steps, every

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.started, self.first, self.said = time.monotonic(), trainer.global_step, time.monotonic()
        if self.first:
            print(f"{self.label}: goes on at step {self.first} of {self.steps}", file=sys.stderr, flush=True)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        now, step = time.monotonic(), trainer.global_step
        if now - self.said < self.every and step < self.steps:
            return
        self.said = now
        rate = (step - self.first) / (now - self.started)
        left = (self.steps - step) / rate
        print(
            f"{self.label}: step {step} of {self.steps}, {rate:.1f} steps/s, {left / 60:.1f} min left",
            file=sys.stderr,
            flush=True,
        )
