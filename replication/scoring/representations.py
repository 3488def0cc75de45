"""Faces represented in several ways, and the errors of predicting identity and light from each."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from replication.datasets.stacks import Stack
from replication.datasets.yaleb import LitFaces
from replication.evaluation.representations import NEAR, Target, light_groups, predict
from replication.evaluation.scaling import Scaling
from replication.models.autoencoders import Autoencoder
from replication.progress import progress
from replication.scoring.store import Store, code_version
from replication.training.autoencoders import codes
from replication.training.trained import Trained

TARGETS: dict[str, Target] = {"identity": "class", "azimuth": "number", "elevation": "number"}
UNTRAINED = "untrained network"
PCA_FOLDS, PCA_ALL = "PCA of training folds", "PCA of all images"
PCA_PLAIN = "PCA of all images, not whitened"
PIXELS = "pixels"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Protocol:
    """Settings of the prediction of labels: see `evaluation.representations.predict`.

    near: images whose lights are at most so many degrees apart stay on one side of every split; None splits images at
        random, each for itself.
    folds, inner_folds: of the nested cross-validation. penalties, widths: candidates for C, and for gamma in units of 1
        over the number of features. seed: of the assignment to folds.
    """

    near: float | None = NEAR
    folds: int = 5
    inner_folds: int = 3
    penalties: tuple[float, ...] = (1.0, 10.0, 100.0)
    widths: tuple[float, ...] = (0.1, 0.3, 1.0)
    seed: int = 0

    def groups(self, lit: LitFaces) -> NDArray[np.intp]:
        """The number of each image's group; a group is never split."""
        return np.arange(len(lit)) if self.near is None else light_groups(lit.azimuth, lit.elevation, self.near)


@dataclass(frozen=True)
class Representation:
    """features: (n, d), a row for each image. seed: of the network, 0 without one. pca, scaling: see `predict`."""

    method: str
    seed: int
    features: Floats
    pca: int | None = None
    scaling: Scaling = "each"


def load_networks(
    folder: Path, losses: Sequence[str], seeds: Sequence[int], training: Stack
) -> dict[tuple[str, int], Trained[Autoencoder]]:
    """The autoencoder of each loss and seed, from ae-<loss>-<seed>/ in `folder`.

    Raises FileNotFoundError naming those that are missing and the stage that makes them; ValueError if one was trained
    on other images than `training`.
    """
    wanted = {(loss, seed): folder / f"ae-{loss}-{seed}" for loss in losses for seed in seeds}
    missing = [path.name for path in wanted.values() if not (path / "network.safetensors").is_file()]
    if missing:
        raise FileNotFoundError(
            f"{len(missing)} of {len(wanted)} trained autoencoders are missing: {', '.join(missing)}; the stage "
            f"{folder.name} makes them (`dvc repro {folder.name}`, or `dvc pull` where they are in a cache)"
        )
    networks = {key: Trained.load(path, Autoencoder) for key, path in wanted.items()}
    for key, network in networks.items():
        if network.identity["images"] != training.digest:
            raise ValueError(
                f"{wanted[key].name} was trained on other images ({network.identity['images'][:12]}) than the "
                f"{len(training)} of {training.title} that are now for training ({training.digest[:12]}); run the "
                f"stage {folder.name} again"
            )
    return networks


def representations(
    lit: LitFaces, networks: dict[tuple[str, int], Trained[Autoencoder]], names: dict[str, str]
) -> list[Representation]:
    """Codes of every network under its loss's name in `names`, and the baselines that a code must beat.

    The baselines: the same network before training (of each seed, with the initial weights that all losses start from);
    as many principal components as the bottleneck has units, fitted on training folds, and fitted on all images without
    their labels, as the autoencoders were, each component scaled to unit variance (whitened) or all by one number; and
    the pixels.
    """
    found = [
        Representation(names[loss], seed, _codes(run.network, lit.stack)) for (loss, seed), run in networks.items()
    ]
    architectures = {seed: run.identity["network"] for (_, seed), run in networks.items()}
    for seed, architecture in architectures.items():
        torch.manual_seed(seed)
        found.append(Representation(UNTRAINED, seed, _codes(Autoencoder(**architecture).eval(), lit.stack)))
    pixels = lit.stack.pixels.reshape(len(lit), -1) / 255.0
    width = min(next(iter(architectures.values()))["bottleneck"], *pixels.shape)
    components = PCA(width, svd_solver="full").fit_transform(pixels)
    return [
        *found,
        Representation(PCA_FOLDS, 0, pixels, width),
        Representation(PCA_ALL, 0, components),
        Representation(PCA_PLAIN, 0, components, scaling="common"),
        Representation(PIXELS, 0, pixels),
    ]


def prediction_errors(
    lit: LitFaces,
    found: Sequence[Representation],
    protocol: Protocol,
    *,
    store: Path | None = None,
    label: str = "predictions",
) -> pd.DataFrame:
    """The error of every prediction on images not trained on: a row for each representation, target and image.

    Columns: method, seed, target, image (its position), error (100 for a wrong identity and 0 for a right one, so that
    the mean is in percent; degrees squared for an angle), fold, and what was chosen for that fold: C, and width,
    which is gamma in units of 1 over the number of features.
    store: a folder for finished predictions, so that an interrupted call goes on where it stopped.
    """
    finished = None if store is None else Store(store)
    groups = protocol.groups(lit)
    total = len(found) * len(TARGETS)
    parts = []
    with progress(label, total, 0, "predictions") as advance:
        for one in found:
            for target, kind in TARGETS.items():
                result = _predicted(one, getattr(lit, target), groups, kind, protocol, finished)
                parts.append(pd.DataFrame({"method": one.method, "seed": one.seed, "target": target, **result}))
                advance(1)
    return pd.concat(parts, ignore_index=True)


def _predicted(
    one: Representation,
    target: NDArray[Any],
    groups: NDArray[np.intp],
    kind: Target,
    protocol: Protocol,
    finished: Store | None,
) -> dict[str, Any]:
    key = _key(one, target, groups, protocol)
    if finished is not None and (entry := finished.get(key)) is not None:
        return dict(entry.value)
    options = {name: value for name, value in asdict(protocol).items() if name != "near"}
    found = predict(one.features, target, groups, kind=kind, pca=one.pca, scaling=one.scaling, **options)
    features = one.features.shape[1] if one.pca is None else one.pca
    result = {
        "image": list(range(len(target))),
        "error": [float(loss) for loss in found.loss * (100 if kind == "class" else 1)],
        "fold": [int(fold) for fold in found.fold],
        "C": [found.chosen[fold]["C"] for fold in found.fold],
        "width": [round(found.chosen[fold]["gamma"] * features, 9) for fold in found.fold],
    }
    if finished is not None:
        finished.put(key, result)
    return result


def _key(one: Representation, target: NDArray[Any], groups: NDArray[np.intp], protocol: Protocol) -> object:
    """Everything that a prediction depends on, with the code that makes it."""
    features = hashlib.sha256(np.ascontiguousarray(one.features).tobytes()).hexdigest()
    about = [one.pca, one.scaling, one.features.shape, target.tolist(), groups.tolist(), asdict(protocol)]
    return [code_version(predict.__module__), features, *about]


def _codes(network: Autoencoder, stack: Stack) -> Floats:
    return codes(network, stack).double().numpy()
