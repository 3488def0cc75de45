"""Autoencoders trained with one of several losses: the task, and how losses of different scales are made comparable.

A loss is divided by its value for the mean training image (`unit_of`), so that 1 means that nothing but the mean is
reconstructed, whatever the loss: SSIM and MSE then weigh alike against the prior term of a VAE or an MMD-AE. The weight
of that term is chosen on validation images among the same candidates for every loss (`choose_prior_weight`): the one
whose prior term comes nearest to a target common to all, so that losses are compared at an equal rate.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from torch import Tensor, nn

from replication.datasets.stacks import Stack
from replication.files import atomic_write_bytes
from replication.metrics.ssim import ssim
from replication.models.autoencoders import Autoencoder, Kind, kl_divergence, mmd
from replication.training import losses
from replication.training.fit import Compute, Task, TrainingError, fit
from replication.training.schedule import Decay, Schedule
from replication.training.trained import Trained, recipe_values

_STREAM = 0xAE  # keeps the batches' generator apart from other uses of the same seed
_CHUNK = 250  # held-out images that are reconstructed at a time


@dataclass(frozen=True)
class Recipe:
    """All that a trained autoencoder depends on besides its images.

    model: "ae", "vae" or "mmd_ae". loss, loss_options: a name in `losses.LOSSES` and its options.
    prior_weight: factor of the Kullback-Leibler divergence (VAE) or of MMD^2 (MMD-AE), added to the loss in its unit.
    bottleneck, width: of the network, see `Autoencoder`.
    learning_rate (of Adam), steps, warmup, decay: see `Schedule`.
    batch: images in a batch. round_steps: steps between two validations and checkpoints.
    seed: of initial weights, batches and noise, so that runs of one seed differ by their loss alone.
    """

    model: Kind
    loss: str
    bottleneck: int
    width: int
    learning_rate: float
    steps: int
    round_steps: int
    warmup: int
    batch: int
    seed: int
    prior_weight: float = 0.0
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    decay: Decay = field(default="cosine", metadata={"later": True})


@dataclass(frozen=True)
class Batch:
    """Batch number `step`: images in [0, 1], their positions in the training set, normal numbers (N, bottleneck)."""

    step: int
    positions: Tensor
    images: Tensor
    noise: Tensor


class Reconstruction(Task):
    """An autoencoder trained with one loss."""

    network: Autoencoder

    def __init__(self, recipe: Recipe, training: Stack, held_out: Stack, network: Autoencoder, rescue: Path) -> None:
        super().__init__()
        self.recipe, self.training_set, self.held_out, self.network = recipe, training, held_out, network
        self.rescue = rescue
        self.criterion = losses.create(recipe.loss, recipe.loss_options)
        self.schedule = Schedule(recipe.learning_rate, recipe.steps, recipe.warmup, recipe.decay)
        self.unit = unit_of(self.criterion, training, held_out)
        self.round_steps = recipe.round_steps
        self._images = torch.from_numpy(training.pixels)

    def batch(self, step: int) -> Batch:
        """Batch number `step`, drawn from nothing but the seed and the step; the same for every loss."""
        recipe = self.recipe
        draw = np.random.default_rng([_STREAM, recipe.seed, step])
        positions = torch.from_numpy(draw.choice(len(self._images), size=recipe.batch, replace=False))
        noise = torch.from_numpy(draw.standard_normal((recipe.batch, recipe.bottleneck), dtype=np.float32))
        images = self._images[positions].float() / 255
        return Batch(step, positions, images.to(self.device), noise.to(self.device))

    def loss(self, batch: Batch) -> Tensor:
        output, coded = self.network(batch.images, batch.noise)
        value = self.criterion(output, batch.images) / self.unit
        if self.recipe.model != "ae":
            value = value + self.recipe.prior_weight * self._prior(coded, batch.noise)
        if not bool(torch.isfinite(value)):
            raise TrainingError(self._save(batch, float(value.detach())))
        result: Tensor = value
        return result

    def validate(self) -> dict[str, float]:
        """The loss in its unit, SSIM and MSE of the reconstructions of held-out images, and the prior term."""
        values, similarities, errors, priors, counts = [], [], [], [], []
        for start in range(0, len(self.held_out), _CHUNK):
            images = torch.from_numpy(self.held_out.pixels[start : start + _CHUNK]).to(self.device).float() / 255
            output, coded = self.network(images)
            counts.append(len(images))
            values.append(float(self.criterion(output, images)) / self.unit)
            similarities.append(float(ssim(images, output).mean()))
            errors.append(float((output - images).square().mean()))
            if self.recipe.model != "ae" and len(images) > 1:
                draw = np.random.default_rng([_STREAM, self.recipe.seed, 1, start])
                noise = draw.standard_normal(tuple(coded.mean.shape), dtype=np.float32)
                priors.append(float(self._prior(coded, torch.from_numpy(noise).to(self.device))))
        figures = {"loss": values, "ssim": similarities, "mse": errors}
        found = {f"validation_{name}": float(np.average(each, weights=counts)) for name, each in figures.items()}
        return {**found, "validation_prior": float(np.mean(priors)) if priors else 0.0}

    def _prior(self, coded: Any, noise: Tensor) -> Tensor:
        return kl_divergence(coded) if self.recipe.model == "vae" else mmd(coded.mean, noise)

    def _save(self, batch: Batch, value: float) -> str:
        """Write the batch and the weights that gave a loss of `value`, and return a sentence about them."""
        names = [self.training_set.names[position] for position in batch.positions.tolist()]
        path = self.rescue / f"not_finite_step_{batch.step}.safetensors"
        tensors = {"positions": batch.positions, "images": batch.images.cpu(), "noise": batch.noise.cpu()}
        weights = {f"network.{name}": value.detach().cpu() for name, value in self.network.state_dict().items()}
        tensors = {name: tensor.contiguous() for name, tensor in {**tensors, **weights}.items()}
        atomic_write_bytes(path, safetensors.torch.save(tensors, {"names": json.dumps(names)}))
        return (
            f"the loss is {value} at step {batch.step}; the batch ({names[0]} to {names[-1]}, {len(names)} "
            f"images), its noise and the weights are stored in {path}; lower the learning rate"
        )


def unit_of(loss: nn.Module, training: Stack, held_out: Stack) -> float:
    """The loss of the mean training image as the reconstruction of every held-out image (of the first 250)."""
    mean = torch.from_numpy(training.pixels.mean(axis=0, dtype=np.float64)).float() / 255
    targets = torch.from_numpy(held_out.pixels[:_CHUNK]).float() / 255
    with torch.no_grad():
        return float(loss(mean.expand_as(targets).contiguous(), targets))


def train(
    recipe: Recipe, training: Stack, held_out: Stack, *, checkpoints: Path, compute: Compute, label: str
) -> Trained[Autoencoder]:
    """Train an autoencoder by `recipe`, watching the `held_out` images; goes on where it stopped, to the same weights.

    Raises ValueError if the recipe names an unknown loss; TrainingError if the loss is not finite (the batch is then
    stored beside the checkpoints), if the training set has fewer images than a batch, or for the reasons of `fit`.
    """
    if len(training) < recipe.batch:
        raise TrainingError(
            f"{training.title}: {len(training)} training images are fewer than a batch of {recipe.batch}"
        )
    architecture = {
        "kind": recipe.model,
        "size": training.pixels.shape[-1],
        "channels": training.pixels.shape[1],
        "bottleneck": recipe.bottleneck,
        "width": recipe.width,
    }
    torch.manual_seed(recipe.seed)
    network = Autoencoder(**architecture)
    task = Reconstruction(recipe, training, held_out, network, checkpoints)
    identity = {
        "recipe": recipe_values(recipe),
        "network": architecture,
        "precision": compute.precision,
        "images": training.digest,
        "held_out": held_out.digest,
        "unit": task.unit,
    }
    history = fit(task, identity=identity, checkpoints=checkpoints, compute=compute, label=label)
    return Trained(network.cpu().eval(), history, identity)


def compare_prior_weights(
    recipe: Recipe,
    candidates: tuple[float, ...],
    training: Stack,
    held_out: Stack,
    *,
    checkpoints: Path,
    compute: Compute,
    label: str,
) -> pd.DataFrame:
    """The last validation of runs of `recipe` that differ in their prior weight only, a row for each candidate."""
    rows = []
    for weight in candidates:
        trained = train(
            replace(recipe, prior_weight=weight),
            training,
            held_out,
            checkpoints=checkpoints / f"{weight:g}",
            compute=compute,
            label=f"{label}, prior weight {weight:g}",
        )
        rows.append({"loss": recipe.loss, "prior_weight": weight, **trained.history.iloc[-1].to_dict()})
    return pd.DataFrame(rows)


def choose_prior_weight(runs: pd.DataFrame, target: float) -> float:
    """The weight among `compare_prior_weights` whose validation prior term is nearest to `target` in ratio.

    With the same target for every loss, losses are compared at an equal rate: the codes of VAEs hold as many nats,
    those of MMD-AEs are as near to the normal distribution. The target is the caller's choice. Terms that are not
    positive (an unbiased MMD^2 can be negative) count as 1e-6. Of two weights as near, the smaller is chosen.
    """
    if not (target > 0 and len(runs)):
        raise ValueError(f"a choice needs runs and a positive target, got {len(runs)} runs and {target}")
    distance = np.abs(np.log(np.maximum(runs["validation_prior"].to_numpy(float), 1e-6) / target))
    order = np.lexsort((runs["prior_weight"].to_numpy(float), distance))
    return float(runs["prior_weight"].iloc[order[0]])


def reconstruct(network: Autoencoder, stack: Stack) -> Tensor:
    """Reconstructions of all images, (N, C, size, size) in (0, 1); a VAE decodes its mean codes."""
    with torch.inference_mode():
        return torch.cat([network(images)[0] for images in _images(stack)])


def codes(network: Autoencoder, stack: Stack) -> Tensor:
    """Codes of all images, (N, bottleneck); a VAE's mean codes."""
    with torch.inference_mode():
        return torch.cat([network.encode(images).mean for images in _images(stack)])


def _images(stack: Stack) -> list[Tensor]:
    return [
        torch.from_numpy(stack.pixels[start : start + _CHUNK]).float() / 255 for start in range(0, len(stack), _CHUNK)
    ]
