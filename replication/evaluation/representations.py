"""Information in a representation: labels predicted from it by support vector machines, on images not trained on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.decomposition import PCA
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import GroupKFold
from sklearn.svm import SVC, SVR

from replication.evaluation.scaling import Scaling, fit_scaling

NEAR = 12.0  # degrees
Floats = NDArray[np.float64]
Target = Literal["class", "number"]


@dataclass(frozen=True)
class Prediction:
    """Every image predicted by a machine that was fitted without its fold.

    loss: for each image, 1 for a wrong class and 0 for a right one, or the squared error. fold: which one the image was
    tested in. chosen: the parameters that the inner folds preferred, for each outer fold.
    """

    predicted: NDArray[Any]
    loss: Floats
    fold: NDArray[np.intp]
    chosen: tuple[dict[str, float], ...]

    @property
    def error(self) -> float:
        """Mean loss: share of wrong classes, or mean squared error."""
        return float(self.loss.mean())


def light_groups(azimuth: ArrayLike, elevation: ArrayLike, near: float = NEAR) -> NDArray[np.intp]:
    """Number of each image's group: near-duplicates are in one group, and so in one fold.

    Two images of one person are near-duplicates if their lights' directions are at most `near` degrees apart. Lights
    that a chain of such steps connects form a group, which holds the images of all persons under them: then no two
    near-duplicates are on different sides, and no direction to be predicted was trained on. The 64
    lights of Yale B have neighbours at 9 to 11 degrees or from 14 on; 12 degrees makes 48 groups, of which the largest
    holds 11 lights about the camera's axis. near = 0 groups equal directions alone.
    """
    a, e = (np.deg2rad(np.asarray(angle, dtype=np.float64)) for angle in (azimuth, elevation))
    if a.shape != e.shape or a.ndim != 1 or not len(a):
        raise ValueError(f"azimuth and elevation must be two arrays of one length, got {a.shape} and {e.shape}")
    towards = np.stack([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)], axis=1)
    lights, index = np.unique(towards.round(9), axis=0, return_inverse=True)
    if len(lights) == 1:
        return np.zeros(len(a), dtype=np.intp)
    upper = np.triu_indices(len(lights), 1)
    apart = np.rad2deg(np.arccos(np.clip(np.sum(lights[upper[0]] * lights[upper[1]], axis=1), -1, 1)))
    joined = fcluster(linkage(apart, "single"), near, "distance")
    return np.asarray(joined[index.ravel()] - 1, dtype=np.intp)


def predict(
    features: ArrayLike,
    target: ArrayLike,
    groups: ArrayLike,
    *,
    kind: Target,
    folds: int = 5,
    inner_folds: int = 3,
    penalties: Sequence[float] = (1.0, 10.0, 100.0),
    widths: Sequence[float] = (0.3, 1.0),
    pca: int | None = None,
    scaling: Scaling = "each",
    seed: int = 0,
) -> Prediction:
    """Predict a class (SVC) or a number (SVR, RBF kernels both) for every image by nested cross-validation.

    features: (n, d). target: (n,). groups: of each image; no group is in two folds, outer or inner.
    penalties: candidates for C; for a number C multiplies its standard deviation, in units of which it is fitted.
    widths: candidates for gamma, in units of 1 / d, after the features were scaled on the training images
        (`scaling.fit_scaling`). The best pair is chosen on inner folds of the training images alone.
    pca: reduce the features to this many principal components, fitted on the training images of each outer fold.
    seed: of the groups' order, which decides their folds.
    """
    x, y, label = np.asarray(features, dtype=np.float64), np.asarray(target), np.asarray(groups)
    if x.ndim != 2 or y.shape != (len(x),) or label.shape != (len(x),):
        raise ValueError(
            f"features must be (n, d), target and groups (n,), got shapes {x.shape}, {y.shape} and {label.shape}"
        )
    if kind not in ("class", "number"):
        raise ValueError(f"kind must be 'class' or 'number', got {kind!r}")
    if not np.isfinite(x).all():
        raise ValueError("features hold values that are not finite")
    distinct, index = np.unique(label, return_inverse=True)
    if len(distinct) < folds or folds < 2 or inner_folds < 2:
        raise ValueError(f"{folds} folds and {inner_folds} inner ones need as many groups, got {len(distinct)} groups")
    shuffled = np.random.default_rng(seed).permutation(len(distinct))[index.ravel()]
    gammas = [width / (x.shape[1] if pca is None else pca) for width in widths]
    predicted = np.empty_like(y) if kind == "class" else np.empty(len(y))
    fold, chosen = np.empty(len(y), dtype=np.intp), []
    for number, (train, test) in enumerate(GroupKFold(folds).split(x, groups=shuffled)):
        learn, apply = x[train], x[test]
        if pca is not None:
            components = PCA(pca, svd_solver="full").fit(learn)
            learn, apply = components.transform(learn), components.transform(apply)
        wanted, centre, unit = y[train], 0.0, 1.0
        if kind == "number":
            values = y[train].astype(np.float64)
            centre, unit = float(values.mean()), float(values.std()) or 1.0
            wanted = (values - centre) / unit
        penalty, gamma = _best_pair(learn, wanted, shuffled[train], kind, inner_folds, penalties, gammas, scaling)
        ((_, _, found),) = _fitted(learn, wanted, apply, kind, [penalty], [gamma], scaling)
        predicted[test] = found if kind == "class" else centre + unit * found
        fold[test] = number
        chosen.append({"C": float(penalty), "gamma": float(gamma)})
    wrong = (predicted != y).astype(np.float64) if kind == "class" else (predicted - y.astype(np.float64)) ** 2
    return Prediction(predicted, wrong, fold, tuple(chosen))


def _best_pair(
    x: Floats,
    y: NDArray[Any],
    groups: NDArray[np.intp],
    kind: Target,
    folds: int,
    penalties: Sequence[float],
    gammas: Sequence[float],
    scaling: Scaling,
) -> tuple[float, float]:
    """The C and gamma with the lowest error, mean over the folds; of equal ones the first."""
    errors: dict[tuple[float, float], list[float]] = {}
    for train, test in GroupKFold(folds).split(x, groups=groups):
        for penalty, gamma, found in _fitted(x[train], y[train], x[test], kind, penalties, gammas, scaling):
            error = np.mean(found != y[test]) if kind == "class" else np.mean((found - y[test]) ** 2)
            errors.setdefault((penalty, gamma), []).append(float(error))
    return min(errors, key=lambda pair: float(np.mean(errors[pair])))


def _fitted(
    learn: Floats,
    y: NDArray[Any],
    apply: Floats,
    kind: Target,
    penalties: Sequence[float],
    gammas: Sequence[float],
    scaling: Scaling,
) -> Iterator[tuple[float, float, NDArray[Any]]]:
    """Predictions for `apply`, for each C and gamma, by a machine fitted on `learn` and `y`.

    Distances are computed once for all machines, by matrix products: with every pixel a feature, they would otherwise
    take most of the time.
    """
    scale = fit_scaling(learn, scaling)
    learn, apply = scale(learn), scale(apply)
    within, across = euclidean_distances(learn, squared=True), euclidean_distances(apply, learn, squared=True)
    for gamma in gammas:
        kernel, kernel_across = np.exp(-gamma * within), np.exp(-gamma * across)
        for penalty in penalties:
            machine = (
                SVC(C=penalty, kernel="precomputed")
                if kind == "class"
                else SVR(C=penalty, kernel="precomputed", epsilon=0.05)
            )
            yield penalty, gamma, machine.fit(kernel, y).predict(kernel_across)
