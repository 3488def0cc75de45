"""VDSR trained with L2 and the contextual loss in equation 9's proportions (Tariq et al., ECCV 2020, section 5.5)."""

import copy
import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.torch
import torch
from torch import Tensor, nn

from replication.features import Backbone, backbone
from replication.features.efficacy import perceptual_efficacy
from replication.files import atomic_write_bytes, atomic_write_text
from replication.metrics.contextual import PerceptualContextualLoss
from replication.models.vdsr import VDSR
from replication.scoring.pairs import Pairs, digest
from replication.training.fit import Compute, fit
from replication.training.patches import PatchBank
from replication.training.super_resolution import Recipe, SuperResolution

L2, START = "l2", "start"
WEIGHTINGS = ("plain", "pe", "pe-root")
_HELD_OUT_SEED = 1_000_003  # of the held-out patches on which the loss is watched


@dataclass(frozen=True)
class Condition:
    """Where on equation 9's line a network is trained, and how the contextual loss weighs its channels.

    weighting: "plain", all alike; "pe", features multiplied by their channels' perceptual efficacy; "pe-root", by its
    square root, so that inner products, not features, are weighted in proportion to it.
    """

    weighting: str
    alpha: float

    @staticmethod
    def named(name: str) -> "Condition":
        """Weighting and alpha, as in "plain-0.9" or "pe-0.99"; or "l2" or "start", both alpha = 1.

        ValueError for anything else.
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
    """What the contextual loss compares, and how.

    backbone, weights: names of the network and of its weights, see `features.backbone`. tap: its layer.
    bandwidth: of the contextual loss. efficacy: choices of `perceptual_efficacy`.
    """

    backbone: str = "vgg16_conv2_2"
    weights: str = "imagenet"
    tap: str = "relu2_2"
    bandwidth: float = 0.5
    efficacy: Mapping[str, Any] | None = None

    def network(self) -> Backbone:
        return backbone(self.backbone, weights=self.weights)


def channel_weights(condition: Condition, features: Features, network: Backbone) -> Tensor | None:
    """Weights (C,) of the condition's contextual loss, the largest being 1; None where all channels count alike."""
    if condition.weighting == "plain" or condition.alpha == 1:
        return None
    scores = perceptual_efficacy(network, [features.tap], **(features.efficacy or {}))[features.tap]
    pe = scores.pe / scores.pe.max()
    return torch.from_numpy(pe if condition.weighting == "pe" else np.sqrt(pe)).float()


class Enlarging(SuperResolution):
    """A network of luminance patches trained with a given loss, its gradients clipped as VDSR's.

    Each component of the gradient is limited to -+ clip / learning rate (VDSR's adjustable clipping, its theta being
    `clip`), so that no step of plain gradient descent moves a weight further than `clip`. Adam's steps are bounded by
    themselves; the limit then only keeps a rare batch out of its averages.
    The loss is watched on held-out patches, as many as a batch; PSNR and SSIM on whole held-out images.
    """

    def __init__(
        self, recipe: Recipe, bank: PatchBank, held_out: Pairs, network: VDSR, objective: nn.Module, clip: float
    ) -> None:
        super().__init__(recipe, bank, held_out, network)
        self.objective, self.clip = objective, clip
        self._patches = PatchBank(held_out, patch=recipe.patch).batch(recipe.batch, seed=_HELD_OUT_SEED, step=0)

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        enlarged, original = batch
        output = self.network(enlarged.contiguous(memory_format=torch.channels_last))
        value: Tensor = self.objective(output.float(), original)
        return value

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        rate = optimizer.param_groups[0]["lr"]
        if rate > 0:
            torch.nn.utils.clip_grad_value_(self.network.parameters(), self.clip / rate)

    def validate(self) -> dict[str, float]:
        enlarged, original = (patches.to(self.device) for patches in self._patches)
        return super().validate() | {"validation_loss": self.loss((enlarged, original)).item()}


@dataclass(frozen=True)
class Trained:
    """A trained VDSR, its history (a row for each round) and what it was made from."""

    network: VDSR
    history: pd.DataFrame
    identity: dict[str, Any]

    def about_features(self) -> str:
        """What its loss saw of an image, in words."""
        features = self.identity["features"]
        if features is None:
            return "Loss: L2 alone"
        channels = "all channels alike"
        if features["channels"] is not None:
            channels = f"channels weighted, half of all weight on {features['half_of_weight_on']}"
        return (
            f"Features: {features['tap']} of {features['backbone']} ({features['weights']}), "
            f"bandwidth {features['bandwidth']:g},\n          {channels}"
        )

    def save(self, folder: Path) -> None:
        """Write network.safetensors, history.csv and identity.json."""
        state = {name: value.contiguous() for name, value in self.network.state_dict().items()}
        atomic_write_bytes(folder / "network.safetensors", safetensors.torch.save(state))
        history = self.history.to_csv(index=False, float_format="%.8g", lineterminator="\n")
        atomic_write_text(folder / "history.csv", history)
        atomic_write_text(folder / "identity.json", json.dumps(self.identity, indent=2, sort_keys=True) + "\n")

    @staticmethod
    def load(folder: Path) -> "Trained":
        """What `save` wrote; FileNotFoundError naming the folder and the way to make it if it is not there."""
        try:
            network = _read(folder / "network.safetensors")
            history = pd.read_csv(folder / "history.csv")
            identity = json.loads((folder / "identity.json").read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"no trained network in {folder}; train it first (`dvc repro`, or the training notebook)"
            ) from error
        return Trained(network, history, identity)


def train(
    recipe: Recipe,
    condition: Condition,
    features: Features,
    training: Pairs,
    held_out: Pairs,
    *,
    start: Trained | None,
    clip: float,
    checkpoints: Path,
    compute: Compute,
    label: str,
) -> Trained:
    """Train VDSR by `recipe` under `condition` on the `training` pairs; goes on where it stopped.

    recipe: its loss is "mse", the L2 of every condition.
    start: the network it starts from; None starts from weights drawn with the recipe's seed. Conditions of one start
        and one seed have equal weights at the beginning and see equal batches.
    Raises ValueError where the recipe has another loss, TrainingError as `fit`, DataError where the features' weights
    are not here.
    """
    if recipe.loss != "mse" or recipe.loss_options:
        raise ValueError(
            f"the loss of a VDSR recipe is mse without options, got {recipe.loss!r}; see Condition for others"
        )
    torch.manual_seed(recipe.seed)
    network = VDSR() if start is None else copy.deepcopy(start.network)
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    objective, made_of = _objective(condition, features)
    bank = PatchBank(training, patch=recipe.patch)
    task = Enlarging(recipe, bank, held_out, network, objective, clip)
    identity = {
        "recipe": asdict(recipe),
        "condition": asdict(condition),
        "features": made_of,
        "clip": clip,
        "start": start and _digest(*start.network.state_dict().values()),
        "precision": compute.precision,
        "images": digest(training),
        "held_out": digest(held_out),
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*module.* in eval mode.*")  # the features' network is meant to be
        history = fit(
            task, steps=recipe.steps, identity=identity, checkpoints=checkpoints, compute=compute, label=label
        )
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return Trained(network.cpu().eval(), history, identity)


def _objective(condition: Condition, features: Features) -> tuple[nn.Module, dict[str, Any] | None]:
    """The condition's loss, and what its features are, weights by their content; nothing where there are none."""
    if condition.alpha == 1:
        return nn.MSELoss(), None
    network = features.network()
    weights = channel_weights(condition, features, network)
    loss = PerceptualContextualLoss(
        network, alpha=condition.alpha, tap=features.tap, weights=weights, bandwidth=features.bandwidth
    )
    made_of = asdict(features) | {"weights": network.weights, "channels": None}
    if weights is not None:
        shares = (weights / weights.sum()).sort(descending=True).values.cumsum(dim=0)
        made_of |= {"channels": _digest(weights), "half_of_weight_on": int((shares < 0.5).sum()) + 1}
    return loss, made_of


def _read(path: Path) -> VDSR:
    network = VDSR()
    network.load_state_dict(safetensors.torch.load(path.read_bytes()))
    return network.eval()


def _digest(*tensors: Tensor) -> str:
    content = hashlib.sha256()
    for tensor in tensors:
        content.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return content.hexdigest()[:16]
