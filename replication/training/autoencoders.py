"""Autoencoders trained with one of several losses: the task, and how losses of different scales are made comparable.

A loss is divided by its value for the mean training image (`unit_of`), so that each counts the share of a picture that
is not reconstructed, whatever its unit: SSIM's and MSE's then weigh alike against the prior term of a VAE or an MMD-AE.
That term's own weight is chosen on validation images among the same candidates for every loss (`choose_prior_weight`):
the one whose prior term comes nearest to a target common to all, so that losses are compared at an equal rate.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from torch import Tensor, nn

from replication.datasets.stacks import Stack
from replication.files import atomic_write_bytes, atomic_write_text
from replication.metrics.losses import MSSSIMLoss, SSIMLoss
from replication.metrics.lwssim import LWSSIMLoss
from replication.metrics.ssim import ssim
from replication.models.autoencoders import Autoencoder, Kind, kl_divergence, mmd
from replication.training.fit import Compute, Task, TrainingError, fit

LOSSES: dict[str, Callable[..., nn.Module]] = {
    "mse": nn.MSELoss,
    "mae": nn.L1Loss,
    "ssim": SSIMLoss,
    "ms_ssim": MSSSIMLoss,
    "lwssim": LWSSIMLoss,
}
"""Reconstruction losses by the name used in params.yaml: a module called with (output, target)."""

_STREAM = 0xAE  # keeps the batches' generator apart from other uses of the same seed
_CHUNK = 250  # held-out images that are reconstructed at a time


@dataclass(frozen=True)
class Recipe:
    """All that a trained autoencoder depends on besides its images.

    model: "ae", "vae" or "mmd_ae". loss, loss_options: a name in `LOSSES` and its options.
    prior_weight: of the Kullback-Leibler divergence (VAE) or of MMD^2 (MMD-AE) beside the loss in its unit.
    bottleneck, width: of the network, see `Autoencoder`.
    learning_rate: of Adam, reached by a linear rise over `warmup` steps; half a cosine then lowers it to 0 at `steps`.
    batch: images. round_steps: steps between two validations and checkpoints.
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


@dataclass(frozen=True)
class Batch:
    """Images by their position in the training set, in [0, 1], and normal numbers (N, bottleneck)."""

    positions: Tensor
    images: Tensor
    noise: Tensor


class Reconstruction(Task):
    """An autoencoder trained with one loss."""

    def __init__(self, recipe: Recipe, training: Stack, held_out: Stack, network: Autoencoder, rescue: Path) -> None:
        super().__init__()
        self.recipe, self.training_set, self.held_out, self.network = recipe, training, held_out, network
        self.rescue = rescue
        self.criterion = criterion(recipe)
        self.unit = unit_of(self.criterion, training, held_out)
        self.round_steps = recipe.round_steps
        self._images = torch.from_numpy(training.pixels)

    def batch(self, step: int) -> Batch:
        """Drawn from nothing but the seed and the step; the same for every loss."""
        recipe = self.recipe
        draw = np.random.default_rng([_STREAM, recipe.seed, step])
        positions = torch.from_numpy(draw.choice(len(self._images), size=recipe.batch, replace=False))
        noise = draw.standard_normal((recipe.batch, recipe.bottleneck), dtype=np.float32)
        return Batch(positions, self._images[positions].float() / 255, torch.from_numpy(noise))

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, _: int) -> Batch:
        return Batch(batch.positions, batch.images.to(device), batch.noise.to(device))

    def loss(self, batch: Batch) -> Tensor:
        output, coded = self.network(batch.images, batch.noise)
        value = self.criterion(output, batch.images) / self.unit
        if self.recipe.model != "ae":
            value = value + self.recipe.prior_weight * self._prior(coded, batch.noise)
        if not bool(torch.isfinite(value)):
            raise TrainingError(self._save(batch, float(value.detach())))
        result: Tensor = value
        return result

    def configure_optimizers(self) -> Any:
        recipe = self.recipe

        def factor(step: int) -> float:
            rise = min(1.0, (step + 1) / recipe.warmup) if recipe.warmup else 1.0
            return rise * 0.5 * (1 + math.cos(math.pi * min(step / recipe.steps, 1.0)))

        optimiser = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def validate(self) -> dict[str, float]:
        """The loss in its unit, SSIM and MSE of reconstructions of held-out images, and the prior term."""
        losses, similarities, errors, priors, counts = [], [], [], [], []
        for start in range(0, len(self.held_out), _CHUNK):
            images = torch.from_numpy(self.held_out.pixels[start : start + _CHUNK]).to(self.device).float() / 255
            output, coded = self.network(images)
            counts.append(len(images))
            losses.append(float(self.criterion(output, images)) / self.unit)
            similarities.append(float(ssim(images, output).mean()))
            errors.append(float((output - images).square().mean()))
            if self.recipe.model != "ae" and len(images) > 1:
                draw = np.random.default_rng([_STREAM, self.recipe.seed, 1, start])
                noise = draw.standard_normal(tuple(coded.mean.shape), dtype=np.float32)
                priors.append(float(self._prior(coded, torch.from_numpy(noise).to(self.device))))
        figures = {"loss": losses, "ssim": similarities, "mse": errors}
        found = {f"validation_{name}": float(np.average(values, weights=counts)) for name, values in figures.items()}
        return {**found, "validation_prior": float(np.mean(priors)) if priors else 0.0}

    def _prior(self, coded: Any, noise: Tensor) -> Tensor:
        return kl_divergence(coded) if self.recipe.model == "vae" else mmd(coded.mean, noise)

    def _save(self, batch: Batch, value: float) -> str:
        names = [self.training_set.names[position] for position in batch.positions.tolist()]
        path = self.rescue / f"not_finite_step_{self.global_step}.safetensors"
        tensors = {"positions": batch.positions, "images": batch.images.cpu(), "noise": batch.noise.cpu()}
        weights = {f"network.{name}": value.detach().cpu() for name, value in self.network.state_dict().items()}
        tensors = {name: tensor.contiguous() for name, tensor in {**tensors, **weights}.items()}
        atomic_write_bytes(path, safetensors.torch.save(tensors, {"names": json.dumps(names)}))
        return (
            f"the loss is {value} at step {self.global_step}; the batch ({names[0]} to {names[-1]}, {len(names)} "
            f"images), its noise and the weights are kept in {path}; lower the learning rate"
        )


@dataclass(frozen=True)
class TrainedAutoencoder:
    """A trained network, its history (a row for each round) and what it was made from."""

    network: Autoencoder
    history: pd.DataFrame
    identity: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write network.safetensors, history.csv and identity.json."""
        state = {k: v.detach().cpu().contiguous() for k, v in self.network.state_dict().items()}
        atomic_write_bytes(folder / "network.safetensors", safetensors.torch.save(state))
        text = self.history.to_csv(index=False, float_format="%.8g", lineterminator="\n")
        atomic_write_text(folder / "history.csv", text)
        atomic_write_text(folder / "identity.json", json.dumps(self.identity, indent=2, sort_keys=True) + "\n")

    @staticmethod
    def load(folder: Path) -> "TrainedAutoencoder":
        """What `save` wrote; FileNotFoundError naming the folder and the way to make it if it is not there."""
        try:
            weights = (folder / "network.safetensors").read_bytes()
            history = pd.read_csv(folder / "history.csv")
            identity = json.loads((folder / "identity.json").read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise FileNotFoundError(f"no trained autoencoder in {folder}; train it first (`dvc repro`)") from error
        network = Autoencoder(**identity["network"])
        network.load_state_dict(safetensors.torch.load(weights))
        return TrainedAutoencoder(network.eval(), history, identity)


def criterion(recipe: Recipe) -> nn.Module:
    """The recipe's loss; ValueError naming the known ones."""
    if recipe.loss not in LOSSES:
        raise ValueError(f"unknown loss {recipe.loss!r}; known: {', '.join(LOSSES)}")
    return LOSSES[recipe.loss](**recipe.loss_options)


def unit_of(loss: nn.Module, training: Stack, held_out: Stack) -> float:
    """What a loss counts in: its value for the mean training image in place of the held-out ones (at most 250)."""
    mean = torch.from_numpy(training.pixels.mean(axis=0, dtype=np.float64)).float() / 255
    targets = torch.from_numpy(held_out.pixels[:_CHUNK]).float() / 255
    with torch.no_grad():
        return float(loss(mean.expand_as(targets).contiguous(), targets))


def train(
    recipe: Recipe, training: Stack, held_out: Stack, *, checkpoints: Path, compute: Compute, label: str
) -> TrainedAutoencoder:
    """Train an autoencoder by `recipe`, watching the `held_out` images; goes on where it stopped, to the same weights.

    Raises TrainingError if the loss is not finite, with the batch kept beside the checkpoints, or if the training set
    has fewer images than a batch.
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
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "network": architecture,
        "precision": compute.precision,
        "images": training.digest,
        "held_out": held_out.digest,
        "unit": task.unit,
    }
    history = fit(task, steps=recipe.steps, identity=identity, checkpoints=checkpoints, compute=compute, label=label)
    return TrainedAutoencoder(network.cpu().eval(), history, identity)


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
    """Last validations of runs of `recipe` that differ in their prior weight only, a row for each candidate."""
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
    """Of `compare_prior_weights`, the weight whose validation prior term is nearest to `target` in ratio.

    The same target for every loss compares losses at an equal rate: a VAE's codes hold as many nats, an MMD-AE's lie as
    near to the normal distribution. Which target is a choice of whoever compares; terms that are not positive (an
    unbiased MMD^2 can be negative) count as 1e-6. Of two as near, the smaller weight.
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
    """The bottleneck's values for all images, (N, bottleneck); of a VAE the means."""
    with torch.inference_mode():
        return torch.cat([network.encode(images).mean for images in _images(stack)])


def _images(stack: Stack) -> list[Tensor]:
    return [
        torch.from_numpy(stack.pixels[start : start + _CHUNK]).float() / 255 for start in range(0, len(stack), _CHUNK)
    ]
