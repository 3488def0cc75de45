"""Labels predicted from representations: folds that keep near-duplicates together, nothing learnt from test images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from replication.datasets.yaleb import lit_photos, yaleb
from replication.evaluation.representations import Target, light_groups, predict

RNG = np.random.default_rng(0)


def angle(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Between two directions (azimuth, elevation) in degrees, by the spherical law of cosines."""
    (a1, e1), (a2, e2) = np.deg2rad(a), np.deg2rad(b)
    cosine = np.sin(e1) * np.sin(e2) + np.cos(e1) * np.cos(e2) * np.cos(a1 - a2)
    return float(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))))


@pytest.mark.parametrize("near", [5.0, 12.0, 30.0])
def test_lights_nearer_than_the_limit_are_in_one_group_and_chains_are_joined(near: float) -> None:
    azimuth, elevation = RNG.uniform(-130, 130, 60), RNG.uniform(-40, 90, 60)
    groups = light_groups(azimuth, elevation, near)
    lights = list(zip(azimuth, elevation, strict=True))
    close = {(i, j) for i in range(60) for j in range(60) if angle(lights[i], lights[j]) <= near}
    assert all(groups[i] == groups[j] for i, j in close)
    joined = list(range(60))  # union of everything that a chain joins
    for i, j in close:
        joined = [min(joined[i], joined[j]) if k in (joined[i], joined[j]) else k for k in joined]
    assert len(set(joined)) == len(set(groups.tolist()))


def test_lights_straight_above_are_one_direction_whatever_their_azimuth() -> None:
    assert len(set(light_groups([0, 90, -50], [90, 90, 90], 1.0).tolist())) == 1
    assert light_groups([10, 10], [5, 5], 0).tolist() == [0, 0]
    with pytest.raises(ValueError, match="must be two arrays of one length"):
        light_groups([1, 2], [1])


def test_the_lights_of_yale_b_make_48_groups(real_data: Callable[[str], Path]) -> None:
    lit = yaleb(real_data("yaleb") / "yaleB01", size=16)  # nobody has a light that this one lacks
    groups = light_groups(lit.azimuth, lit.elevation)
    lights = dict(zip(zip(lit.azimuth, lit.elevation, strict=True), groups, strict=True))
    assert len(set(lights.values())) == 48
    assert max(np.bincount(list(lights.values()))) == 11


def test_every_image_is_tested_once_and_no_group_is_in_two_folds() -> None:
    x, y, groups = RNG.normal(size=(90, 3)), RNG.integers(0, 3, 90), np.repeat(np.arange(30), 3)
    found = predict(x, y, groups, kind="class", folds=4, penalties=[1.0], widths=[1.0])
    assert sorted(set(found.fold.tolist())) == [0, 1, 2, 3]
    for group in range(30):
        assert len(set(found.fold[groups == group].tolist())) == 1


def test_near_duplicates_across_folds_make_noise_look_predictable_and_groups_do_not() -> None:
    """Labels without any relation to features, every image three times with a little noise."""
    y = np.repeat(RNG.integers(0, 2, 40), 3)
    x = np.repeat(RNG.normal(size=(40, 6)), 3, axis=0) + 0.01 * RNG.normal(size=(120, 6))
    copies = np.repeat(np.arange(40), 3)
    honest = predict(x, y, copies, kind="class", penalties=[10.0], widths=[1.0])
    naive = predict(x, y, np.arange(120), kind="class", penalties=[10.0], widths=[1.0])
    assert naive.error < 0.05
    assert honest.error > 0.3


def test_it_is_a_support_vector_machine_fitted_without_the_fold() -> None:
    """Against scikit-learn used by hand for one fold."""
    x, y = RNG.normal(size=(60, 4)), RNG.integers(0, 2, 60)
    found = predict(x, y, np.arange(60), kind="class", folds=3, penalties=[10.0], widths=[0.5])
    test = found.fold == 1
    scaler = StandardScaler().fit(x[~test])
    machine = SVC(C=10.0, gamma=0.5 / 4).fit(scaler.transform(x[~test]), y[~test])
    assert (machine.predict(scaler.transform(x[test])) == found.predicted[test]).all()
    assert found.error == pytest.approx(np.mean(found.predicted != y))


@pytest.mark.parametrize("kind", ["class", "number"])
def test_parameters_are_those_that_a_grid_search_within_the_training_images_prefers(kind: Target) -> None:
    """Against scikit-learn's own search, with its kernel in place of distances taken once."""
    x, groups = RNG.normal(size=(120, 5)), np.repeat(np.arange(40), 3)
    y = (x[:, 0] * x[:, 1] > 0).astype(int) if kind == "class" else np.sin(2 * x[:, 0]) + x[:, 1]
    found = predict(x, y, groups, kind=kind, folds=3, inner_folds=4, penalties=[0.1, 3.0, 50.0], widths=[0.2, 2.0])
    order = np.random.default_rng(0).permutation(40)[groups]
    grid = {"C": [0.1, 3.0, 50.0], "gamma": [0.2 / 5, 2.0 / 5]}
    for fold in range(3):
        train, test = found.fold != fold, found.fold == fold
        centre, unit = (0, 1) if kind == "class" else (y[train].mean(), y[train].std())
        machine = make_pipeline(StandardScaler(), SVC() if kind == "class" else SVR(epsilon=0.05))
        search = GridSearchCV(
            machine,
            {f"{machine.steps[1][0]}__{name}": candidates for name, candidates in grid.items()},
            scoring="accuracy" if kind == "class" else "neg_mean_squared_error",
            cv=GroupKFold(4),
        ).fit(x[train], (y[train] - centre) / unit if kind == "number" else y[train], groups=order[train])
        if kind == "number":  # classes have ties, of which either is right
            assert list(search.best_params_.values()) == pytest.approx(list(found.chosen[fold].values()))
            np.testing.assert_allclose(centre + unit * search.predict(x[test]), found.predicted[test], atol=1e-6)
        else:
            scores = search.cv_results_["mean_test_score"]
            pairs = [tuple(candidate.values()) for candidate in search.cv_results_["params"]]
            assert scores[pairs.index(tuple(found.chosen[fold].values()))] == pytest.approx(scores.max())


def test_numbers_are_predicted_in_their_own_unit_and_the_unit_changes_nothing() -> None:
    x = RNG.uniform(-1, 1, size=(150, 2))
    y = 40 * x[:, 0] + 10 * np.sin(3 * x[:, 1])
    found = predict(x, y, np.arange(150) // 2, kind="number", penalties=[10.0])
    assert found.error < 0.1 * y.var()
    assert found.error == pytest.approx(np.mean((found.predicted - y) ** 2))
    scaled = predict(x, 1000 * y + 7, np.arange(150) // 2, kind="number", penalties=[10.0])
    assert scaled.error == pytest.approx(1e6 * found.error, rel=0.02)  # SVR stops at 0.001 of the unit


def test_principal_components_are_those_of_the_training_images() -> None:
    x = RNG.normal(size=(60, 20)) * np.array([10.0] * 2 + [0.1] * 18)
    y = (x[:, 0] > 0).astype(int)
    assert predict(x, y, np.arange(60), kind="class", pca=2, penalties=[1.0], widths=[1.0]).error < 0.15


def test_a_representation_of_lit_photos_tells_photo_and_light() -> None:
    lit = lit_photos(["photos-a"], size=16)
    pixels = lit.stack.pixels.reshape(len(lit), -1) / 255
    groups = light_groups(lit.azimuth, lit.elevation)
    assert predict(pixels, lit.identity, groups, kind="class", pca=16, penalties=[10.0], widths=[0.3]).error < 0.3
    assert (
        predict(pixels, lit.azimuth, groups, kind="number", pca=16, penalties=[10.0], widths=[0.3]).error
        < 0.8 * lit.azimuth.var()
    )


@pytest.mark.parametrize(
    ("x", "y", "groups", "options", "message"),
    [
        (np.zeros((4, 2)), np.zeros(3), np.arange(4), {}, r"features must be \(n, d\)"),
        (np.full((6, 2), np.nan), np.zeros(6), np.arange(6), {}, "not finite"),
        (np.zeros((6, 2)), np.zeros(6), np.zeros(6), {}, "5 folds and 3 inner ones need as many groups, got 1 groups"),
        (np.zeros((6, 2)), np.zeros(6), np.arange(6), {"kind": "rank"}, "kind must be 'class' or 'number'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    x: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    options: dict[str, str],
    message: str,  # type: ignore[type-arg]
) -> None:
    with pytest.raises(ValueError, match=message):
        predict(x, y, groups, **{"kind": "number", **options})  # type: ignore[arg-type]
