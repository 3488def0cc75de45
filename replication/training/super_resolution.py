"""Super-resolution of luminance: the training task, and the choice of a learning rate.

The protocol is SRCNN's: the network enlarges nothing itself, it improves the bicubic enlargement of the Y channel.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from replication.metrics.losses import MSSSIMLoss, SSIMLoss
from replication.metrics.psnr import psnr
from replication.metrics.resize import shave
from replication.metrics.ssim import ssim
from replication.models.srcnn import SRCNN
from replication.scoring.pairs import Pairs, digest
from replication.training.fit import Compute, Task, fit
from replication.training.patches import PatchBank
from replication.training.trained import Trained

LOSSES: dict[str, Callable[..., nn.Module]] = {
    "mse": nn.MSELoss,
    "mae": nn.L1Loss,
    "ssim": SSIMLoss,
    "ms_ssim": MSSSIMLoss,
}
"""Training losses by the name used in params.yaml: a module called with (output, target). Add your own here."""

OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "sgd": partial(torch.optim.SGD, momentum=0.9),
}
"""Optimisers by name: called with parameters and `lr`."""


@dataclass(frozen=True)
class Recipe:
    """All that a trained network depends on besides its images.

    loss, loss_options: a name in `LOSSES` and its options.
    learning_rate: reached by a linear rise over `warmup` steps; half a cosine then lowers it to 0 at `steps`.
    batch, patch: number of patches in a batch, and the side of an output patch in pixels.
    round_steps: steps between two validations and checkpoints.
    seed: of initial weights and batches, so that runs of one seed differ by their loss alone.
    optimiser: a name in `OPTIMISERS`.
    """

    loss: str
    loss_options: Mapping[str, Any]
    learning_rate: float
    steps: int
    round_steps: int
    warmup: int
    batch: int
    patch: int
    scale: int
    seed: int
    optimiser: str = "adam"


class SuperResolution(Task):
    """SRCNN trained on luminance patches with one loss."""

    def __init__(self, recipe: Recipe, bank: PatchBank, held_out: Pairs, network: nn.Module) -> None:
        super().__init__()
        if recipe.loss not in LOSSES:
            raise ValueError(f"unknown loss {recipe.loss!r}; known: {', '.join(LOSSES)}")
        if recipe.optimiser not in OPTIMISERS:
            raise ValueError(f"unknown optimiser {recipe.optimiser!r}; known: {', '.join(OPTIMISERS)}")
        self.recipe, self.bank, self.held_out, self.network = recipe, bank, held_out, network
        self.criterion = LOSSES[recipe.loss](**recipe.loss_options)
        self.round_steps = recipe.round_steps

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        return self.bank.batch(self.recipe.batch, seed=self.recipe.seed, step=step)

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        enlarged, original = batch
        output = self.network(enlarged.contiguous(memory_format=torch.channels_last))
        value: Tensor = self.criterion(output.float(), original)
        return value

    def configure_optimizers(self) -> Any:
        recipe = self.recipe

        def factor(step: int) -> float:
            rise = min(1.0, (step + 1) / recipe.warmup) if recipe.warmup else 1.0
            return rise * 0.5 * (1 + math.cos(math.pi * min(step / recipe.steps, 1.0)))

        optimiser = OPTIMISERS[recipe.optimiser](self.network.parameters(), lr=recipe.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def validate(self) -> dict[str, float]:
        losses, decibels, similarities = [], [], []
        for enlarged, original in self.held_out.values():
            target = _tensor(original).to(self.device)
            output = self.network.enlarge(_tensor(enlarged).to(self.device)).float()  # type: ignore[operator]
            output, target = shave(output, self.recipe.scale), shave(target, self.recipe.scale)
            losses.append(self.criterion(output, target))
            output = output.clamp(0, 1)
            decibels.append(psnr(target, output))
            similarities.append(ssim(target, output))
        return {
            "validation_loss": torch.stack(losses).mean().item(),
            "validation_psnr": torch.cat(decibels).mean().item(),
            "validation_ssim": torch.cat(similarities).mean().item(),
        }


def train(
    recipe: Recipe, training: Pairs, held_out: Pairs, *, checkpoints: Path, compute: Compute, label: str
) -> Trained:
    """Train SRCNN by `recipe` on the `training` pairs, watching the `held_out` ones; goes on where it stopped."""
    torch.manual_seed(recipe.seed)
    network = SRCNN()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    bank = PatchBank(training, patch=recipe.patch, margin=network.margin)
    task = SuperResolution(recipe, bank, held_out, network)
    identity = {
        "recipe": asdict(recipe),
        "precision": compute.precision,
        "images": digest(training),
        "held_out": digest(held_out),
    }
    history = fit(task, steps=recipe.steps, identity=identity, checkpoints=checkpoints, compute=compute, label=label)
    return Trained(network.cpu().eval(), history, identity)


def compare_rates(
    recipe: Recipe,
    candidates: Sequence[float],
    training: Pairs,
    held_out: Pairs,
    *,
    checkpoints: Path,
    compute: Compute,
    label: str,
) -> pd.DataFrame:
    """Histories of short runs of `recipe` that differ in their learning rate only, one below the other.

    Each runs its whole schedule, down to a rate of zero, in `recipe.steps` steps, so that a high rate is judged by
    where it ends and not by its noise on the way.
    """
    histories = []
    for rate in candidates:
        trained = train(
            replace(recipe, learning_rate=rate),
            training,
            held_out,
            checkpoints=checkpoints / f"{rate:g}",
            compute=compute,
            label=f"{label}, rate {rate:g}",
        )
        histories.append(trained.history.rename(columns={"learning_rate": "current_rate"}).assign(learning_rate=rate))
    return pd.concat(histories, ignore_index=True)


def _tensor(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(image).unsqueeze(0).unsqueeze(0).float() / 255
