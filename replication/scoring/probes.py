"""Faces' identity and light read out of representations by linear maps, under repeated cross-validation."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replication.datasets.yaleb import LitFaces
from replication.evaluation.probes import probe
from replication.progress import progress
from replication.scoring.representations import TARGETS, Representation

FEWER_THAN = 1000  # features: with more, the closed forms are slow and have more features than images


class Probed(NamedTuple):
    """by_image: method, seed, target, image, error, the mean over repetitions, as `representations.prediction_errors`.

    by_fold: method, seed, target, repeat, fold, error (mean over the fold's images), images.
    """

    by_image: pd.DataFrame
    by_fold: pd.DataFrame


def probe_errors(
    lit: LitFaces,
    found: Sequence[Representation],
    groups: NDArray[np.intp],
    *,
    folds: int = 5,
    repeats: int = 20,
    seed: int = 0,
    label: str = "linear read-out",
) -> Probed:
    """Errors of `evaluation.probes.probe` for each representation and target, in percent or degrees squared.

    groups: of each image; no group is divided. Representations of 1,000 features and more (all pixels), or made within
    folds (`pca`), are left out. Raises ValueError if none is left.
    """
    chosen = [one for one in found if one.pca is None and one.features.shape[1] < FEWER_THAN]
    if not chosen:
        raise ValueError(f"no representation has fewer than {FEWER_THAN} features, which a linear read-out needs")
    images, folded = [], []
    with progress(label, len(chosen) * len(TARGETS), 0, "read-outs") as advance:
        for one in chosen:
            for target, kind in TARGETS.items():
                result = probe(
                    one.features,
                    getattr(lit, target),
                    groups,
                    kind=kind,
                    folds=folds,
                    repeats=repeats,
                    scaling=one.scaling,
                    seed=seed,
                )
                error = result.loss * (100 if kind == "class" else 1)
                about: dict[str, Any] = {"method": one.method, "seed": one.seed, "target": target}
                images.append(pd.DataFrame({**about, "image": np.arange(len(lit)), "error": error.mean(axis=0)}))
                each = {"repeat": np.repeat(np.arange(repeats), len(lit)), "fold": result.fold.ravel()}
                every = pd.DataFrame({**each, "error": error.ravel()})
                means = every.groupby(["repeat", "fold"])["error"].agg(["mean", "size"]).reset_index()
                folded.append(means.rename(columns={"mean": "error", "size": "images"}).assign(**about))
                advance(1)
    by_fold = pd.concat(folded, ignore_index=True)
    columns = ["method", "seed", "target", "repeat", "fold", "error", "images"]
    return Probed(pd.concat(images, ignore_index=True), by_fold[columns])
