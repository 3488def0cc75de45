"""Autoencoders trained on a folder of faces for as long as there is time: one run for each of three losses."""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from benchmarks.device.part import Cells, Part, Settings
from benchmarks.device.timing import exact_float32
from replication.absent import Absent, AbsentError
from replication.datasets.faces import faces
from replication.datasets.images import read_image
from replication.datasets.manifests import list_images
from replication.datasets.stacks import Stack, split
from replication.training.autoencoders import Recipe, train
from replication.training.fit import Compute

LOSSES = ("mse", "ssim", "lwssim")
ROUNDS = 10
_FIRST, _LONGER = 4, 4  # steps of the first pilot, and how many times longer the next one is
_SPENT = 0.8  # of what is left of a loss's time, on the run itself


class Measured(Part):
    title = "Autoencoders trained on faces"
    about = (
        "Faces of 64 x 64 pixels, a tenth of them (500 at most) held out; an autoencoder of width 16 with a bottleneck "
        "of 128, Adam at 0.002 with half a cosine down to zero, one seed, float32, deterministic, TF32 off. The number "
        "of steps is what fits into the time, by short runs before: it differs from loss to loss and from "
        f"machine to machine, and so do the values. {ROUNDS} rounds, a row for each; the losses are in units of the "
        "loss of the mean image. On the CPU, a trial, a batch has 8 faces, and 20 at most are held out."
    )
    headings = ("loss", "step", "steps/s", "training loss", "held-out loss", "held-out SSIM", "held-out MSE")
    share = 0.3

    def __init__(self, settings: Settings, seconds: float) -> None:
        exact_float32()
        self.end, self.left = time.monotonic() + seconds, len(LOSSES)
        if settings.faces is None:
            raise AbsentError(Absent("images", "a folder of faces (--faces)"))
        stack = stack_of(settings.faces)
        held_out = min(20 if settings.small else 500, len(stack) // 10)
        parts = split(stack, {"training": len(stack) - held_out, "held out": held_out})
        self.training, self.held_out = parts["training"], parts["held out"]
        self.compute = Compute("cpu" if settings.device == "cpu" else "cuda", int(os.environ.get("OMP_NUM_THREADS", 0)))
        self.batch = 8 if settings.small else 128
        self.items = [(loss,) for loss in LOSSES]

    def measure(self, item: Cells) -> list[Cells]:
        seconds = (self.end - time.monotonic()) / self.left
        self.left -= 1
        end = time.monotonic() + seconds
        recipe = Recipe(
            model="ae", loss=item[0], bottleneck=128, width=16, learning_rate=0.002, steps=1, round_steps=1,
            warmup=0, batch=self.batch, seed=0,
        )  # fmt: skip
        step, fixed = self._costs(recipe, seconds / 10)
        spent = _SPENT * (end - time.monotonic()) - ROUNDS * fixed
        round_steps = max(1, int(spent / step / ROUNDS))
        steps = ROUNDS * round_steps
        chosen = replace(recipe, steps=steps, round_steps=round_steps, warmup=min(50, steps // 10))
        history, took = self._trained(chosen)
        rate = steps / took
        columns = ("training_loss", "validation_loss", "validation_ssim", "validation_mse")
        return [
            (f"{row.step}", f"{rate:.4g}", *(f"{getattr(row, column):.5f}" for column in columns))
            for row in history.itertuples()
        ]

    def _costs(self, recipe: Recipe, seconds: float) -> tuple[float, float]:
        """Seconds of a step, and of the rest of a run of one round, from longer and longer runs of one round.

        They end with the first that takes longer than `seconds`; the run before the first warms up.
        """
        self._trained(recipe)
        steps, before, took = _FIRST, 0.0, self._trained(_of_one_round(recipe, _FIRST))[1]
        while before == 0 or took < seconds:
            steps, before = _LONGER * steps, took
            took = self._trained(_of_one_round(recipe, steps))[1]
        step = max((took - before) / (steps - steps / _LONGER), took / steps / 10)  # chance may make the first slower
        return step, max(0.0, took - step * steps)

    def _trained(self, recipe: Recipe) -> tuple[pd.DataFrame, float]:
        """The history of a run, and the seconds that it took."""
        started, label = time.monotonic(), f"autoencoder, {recipe.loss}"
        with tempfile.TemporaryDirectory(prefix="device.") as folder:
            place = Path(folder) / "checkpoints"
            trained = train(recipe, self.training, self.held_out, checkpoints=place, compute=self.compute, label=label)
        return trained.history, time.monotonic() - started

    @staticmethod
    def summary(rows: Sequence[Cells]) -> str:
        last = {row[0]: row for row in rows}
        return "; ".join(f"{loss}: {row[1]} steps at {row[2]}/s, held-out SSIM {row[5]}" for loss, row in last.items())


def stack_of(folder: Path) -> Stack:
    """Faces of 64 x 64 pixels from a folder: square images whole, those of CelebA by the usual crop."""
    files = list(list_images(folder).values()) if folder.is_dir() else []
    height, width = read_image(files[0]).shape[:2] if files else (0, 1)
    return faces(folder, crop=width if height == width else None)


def _of_one_round(recipe: Recipe, steps: int) -> Recipe:
    return replace(recipe, steps=steps, round_steps=steps)
