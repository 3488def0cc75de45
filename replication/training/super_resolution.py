"""Super-resolution of luminance: the training task, and the choice of a learning rate.

The protocol is SRCNN's: the network does not enlarge; it improves the bicubic enlargement of the Y channel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from replication.metrics.psnr import psnr
from replication.metrics.resize import shave
from replication.metrics.ssim import ssim
from replication.models.srcnn import SRCNN, Activation
from replication.training import losses
from replication.training.fit import Compute, Task, fit
from replication.training.pairs import Pairs, digest
from replication.training.patches import PatchBank
from replication.training.schedule import Decay, Schedule
from replication.training.trained import Trained, recipe_values


@dataclass(frozen=True)
class Recipe:
    """All that a trained network depends on besides its images.

    loss, loss_options: a name in `losses.LOSSES` and its options.
    learning_rate, steps, warmup, decay: see `Schedule`.
    round_steps: steps between two validations and checkpoints.
    batch, patch: number of patches in a batch, and the side of an output patch in pixels.
    scale: factor of the enlargement.
    seed: of initial weights and batches, so that runs of one seed differ by their loss alone.
    optimiser: a name in `optimisers.OPTIMISERS`. activation: of SRCNN.
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
    decay: Decay = field(default="cosine", metadata={"later": True})
    activation: Activation = field(default="relu", metadata={"later": True})


class SuperResolution(Task):
    """A network of luminance patches trained with one loss."""

    def __init__(
        self, recipe: Recipe, bank: PatchBank, held_out: Pairs, network: nn.Module, criterion: nn.Module
    ) -> None:
        super().__init__()
        self.recipe, self.bank, self.held_out = recipe, bank, held_out
        self.network, self.criterion = network, criterion
        self.schedule = Schedule(recipe.learning_rate, recipe.steps, recipe.warmup, recipe.decay)
        self.round_steps, self.optimiser = recipe.round_steps, recipe.optimiser

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        enlarged, original = self.bank.batch(self.recipe.batch, seed=self.recipe.seed, step=step)
        return enlarged.to(self.device), original.to(self.device)

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        enlarged, original = batch
        output = self.network(enlarged.contiguous(memory_format=torch.channels_last))
        value: Tensor = self.criterion(output.float(), original)
        return value

    def validate(self) -> dict[str, float]:
        """The loss, PSNR and SSIM of whole held-out images."""
        pairs = self.outputs()
        values = [self.criterion(output, target) for output, target in pairs]
        return {"validation_loss": torch.stack(values).mean().item(), **quality(pairs)}

    def outputs(self) -> list[tuple[Tensor, Tensor]]:
        """The network's output and the original of each held-out image, their borders shaved by the scale."""
        pairs = []
        for enlarged, original in self.held_out.values():
            output = self.network.enlarge(_tensor(enlarged).to(self.device)).float()  # type: ignore[operator]
            target = _tensor(original).to(self.device)
            pairs.append((shave(output, self.recipe.scale), shave(target, self.recipe.scale)))
        return pairs


def quality(pairs: Sequence[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Mean PSNR in decibels and mean SSIM of (output, target) pairs, the outputs clamped to [0, 1]."""
    clamped = [(output.clamp(0, 1), target) for output, target in pairs]
    return {
        "validation_psnr": torch.cat([psnr(target, output) for output, target in clamped]).mean().item(),
        "validation_ssim": torch.cat([ssim(target, output) for output, target in clamped]).mean().item(),
    }


def train(
    recipe: Recipe, training: Pairs, held_out: Pairs, *, checkpoints: Path, compute: Compute, label: str
) -> Trained[SRCNN]:
    """Train SRCNN by `recipe` on the `training` pairs, watching the `held_out` ones; goes on where it stopped.

    Raises ValueError if the recipe names an unknown loss, optimiser or activation, and TrainingError as `fit` does.
    """
    torch.manual_seed(recipe.seed)
    network = SRCNN(activation=recipe.activation)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    bank = PatchBank(training, patch=recipe.patch, margin=network.margin)
    task = SuperResolution(recipe, bank, held_out, network, losses.create(recipe.loss, recipe.loss_options))
    identity: dict[str, Any] = {
        "recipe": recipe_values(recipe),
        "precision": compute.precision,
        "images": digest(training),
        "held_out": digest(held_out),
    }
    if recipe.activation != "relu":
        identity["network"] = {"activation": recipe.activation}
    history = fit(task, identity=identity, checkpoints=checkpoints, compute=compute, label=label)
    return Trained(network.cpu().eval(), history, identity)


def _tensor(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(image).unsqueeze(0).unsqueeze(0).float() / 255
