"""VDSR trained with L2 and the contextual loss in equation 9's proportions (Tariq et al., ECCV 2020, section 5.5)."""

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from replication.features import Backbone, backbone
from replication.features.efficacy import perceptual_efficacy
from replication.metrics.contextual import PerceptualContextualLoss
from replication.models.vdsr import VDSR
from replication.training import losses
from replication.training.fit import Compute, fit
from replication.training.pairs import Pairs, digest
from replication.training.patches import PatchBank
from replication.training.super_resolution import Recipe, SuperResolution, quality
from replication.training.trained import Trained, recipe_values

L2, START = "l2", "start"
WEIGHTINGS = ("plain", "pe", "pe-root")
_HELD_OUT_SEED = 1_000_003  # of the held-out patches on which the loss is measured


@dataclass(frozen=True)
class Condition:
    """The loss of equation 9: its alpha, and how the contextual loss weights its channels.

    weighting: "plain", all alike; "pe", features multiplied by their channels' perceptual efficacy; "pe-root", by its
    square root, so that inner products, not features, are weighted in proportion to it.
    """

    weighting: str
    alpha: float

    @staticmethod
    def named(name: str) -> "Condition":
        """The condition of a name: a weighting and alpha, as in "plain-0.9" or "pe-0.99"; or l2 or start, alpha = 1.

        Raises ValueError for any other name.
        """
        if name in (L2, START):
            return Condition("plain", 1.0)
        weighting, _, text = name.rpartition("-")
        try:
            alpha = float(text)
        except ValueError:
            alpha = -1.0
        if weighting not in WEIGHTINGS or not 0 <= alpha < 1:
            raise ValueError(
                f"a condition is l2, or a weighting ({', '.join(WEIGHTINGS)}) and an alpha from 0 to below 1 "
                f"as in pe-0.9, got {name!r}"
            )
        return Condition(weighting, alpha)


@dataclass(frozen=True)
class Features:
    """The features that the contextual loss compares, and how it compares them.

    backbone, weights: names of the network and of its weights, see `features.backbone`. tap: its layer.
    bandwidth: of the contextual loss. efficacy: choices of `perceptual_efficacy`.
    """

    backbone: str = "vgg16"
    weights: str = "imagenet"
    tap: str = "relu2_2"
    bandwidth: float = 0.5
    efficacy: Mapping[str, Any] | None = None

    def network(self) -> Backbone:
        """The network that computes the features."""
        return backbone(self.backbone, weights=self.weights)


def channel_weights(condition: Condition, features: Features, network: Backbone) -> Tensor | None:
    """Channel weights (C,) of the condition's contextual loss, the largest 1; None where all channels count alike."""
    if condition.weighting == "plain" or condition.alpha == 1:
        return None
    scores = perceptual_efficacy(network, [features.tap], **(features.efficacy or {}))[features.tap]
    pe = scores.pe / scores.pe.max()
    return torch.from_numpy(pe if condition.weighting == "pe" else np.sqrt(pe)).float()


class Enlarging(SuperResolution):
    """VDSR on luminance patches, trained with a given loss and with gradients clipped as VDSR's.

    Each component of the gradient is limited to -+ clip / learning rate (VDSR's adjustable clipping, its theta being
    `clip`), so that no step of plain gradient descent moves a weight further than `clip`. Adam bounds its own steps;
    with it, the limit only excludes a rare batch from its averages.
    The loss is measured on held-out patches, as many as a batch; PSNR and SSIM on whole held-out images.
    """

    def __init__(
        self, recipe: Recipe, bank: PatchBank, held_out: Pairs, network: VDSR, criterion: nn.Module, clip: float
    ) -> None:
        super().__init__(recipe, bank, held_out, network, criterion)
        self.clip = clip
        self._patches = PatchBank(held_out, patch=recipe.patch).batch(recipe.batch, seed=_HELD_OUT_SEED, step=0)

    def limit_gradients(self, rate: float) -> None:
        if rate > 0:
            torch.nn.utils.clip_grad_value_(self.network.parameters(), self.clip / rate)

    def validate(self) -> dict[str, float]:
        enlarged, original = (patches.to(self.device) for patches in self._patches)
        return {"validation_loss": self.loss((enlarged, original)).item(), **quality(self.outputs())}


def about_features(trained: Trained[VDSR]) -> str:
    """The features that a network's loss compared, in words."""
    features = trained.identity["features"]
    if features is None:
        loss = trained.identity["recipe"]["loss"]
        return f"Loss: {'L2' if loss == 'mse' else losses.title(loss)} alone"
    channels = "all channels alike"
    if features["channels"] is not None:
        channels = f"channels weighted, half of all weight on {features['half_of_weight_on']}"
    return (
        f"Features: {features['tap']} of {features['backbone']} ({features['weights']}), "
        f"bandwidth {features['bandwidth']:g},\n          {channels}"
    )


def train(
    recipe: Recipe,
    condition: Condition,
    features: Features,
    training: Pairs,
    held_out: Pairs,
    *,
    start: Trained[VDSR] | None,
    clip: float,
    checkpoints: Path,
    compute: Compute,
    label: str,
) -> Trained[VDSR]:
    """Train VDSR by `recipe` under `condition` on the `training` pairs; goes on where it stopped.

    recipe: its loss is "mse" where the contextual loss has a share; where alpha is 1, any loss.
    start: the network it starts from; None starts from weights drawn with the recipe's seed. Conditions of one start
        and one seed have equal weights at the beginning and see equal batches.
    Raises ValueError if the contextual loss is combined with another loss than the MSE, TrainingError as `fit` does,
    and DataError if the weights of the features' network are not available.
    """
    torch.manual_seed(recipe.seed)
    network = VDSR() if start is None else copy.deepcopy(start.network)
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    criterion, compared = _criterion(recipe, condition, features)
    bank = PatchBank(training, patch=recipe.patch)
    task = Enlarging(recipe, bank, held_out, network, criterion, clip)
    identity = {
        "recipe": recipe_values(recipe),
        "condition": asdict(condition),
        "features": compared,
        "clip": clip,
        "start": start and _digest(*start.network.state_dict().values()),
        "precision": compute.precision,
        "images": digest(training),
        "held_out": digest(held_out),
    }
    history = fit(task, identity=identity, checkpoints=checkpoints, compute=compute, label=label)
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return Trained(network.cpu().eval(), history, identity)


def _criterion(recipe: Recipe, condition: Condition, features: Features) -> tuple[nn.Module, dict[str, Any] | None]:
    """The condition's loss, and the values that describe its features; None where it has no features."""
    if condition.alpha == 1:
        return losses.create(recipe.loss, recipe.loss_options), None
    if recipe.loss != "mse" or recipe.loss_options:
        raise ValueError(f"the contextual loss is combined with mse without options, got {recipe.loss!r}")
    network = features.network()
    weights = channel_weights(condition, features, network)
    loss = PerceptualContextualLoss(
        network, alpha=condition.alpha, tap=features.tap, weights=weights, bandwidth=features.bandwidth
    )
    compared = asdict(features) | {"weights": network.weights, "channels": None}
    if weights is not None:
        shares = (weights / weights.sum()).sort(descending=True).values.cumsum(dim=0)
        compared |= {"channels": _digest(weights), "half_of_weight_on": int((shares < 0.5).sum()) + 1}
    return loss, compared


def _digest(*tensors: Tensor) -> str:
    """The first 16 digits of the SHA-256 of the tensors' values."""
    content = hashlib.sha256()
    for tensor in tensors:
        content.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return content.hexdigest()[:16]
