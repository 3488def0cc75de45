"""Representations of faces and what is predicted from them, on photos under made-up light."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replication.datasets.autoencoding import parts
from replication.datasets.stacks import Stack
from replication.datasets.yaleb import LitFaces, lit_photos
from replication.models.autoencoders import Autoencoder
from replication.scoring import representations as scored
from replication.scoring.representations import Protocol, Representation
from replication.training.autoencoders import Recipe, train
from replication.training.fit import Compute
from replication.training.trained import Trained

QUICK = Protocol(folds=2, inner_folds=2, penalties=(10.0,), widths=(0.3,))
NAMES = {"mse": "MSE", "mae": "MAE"}


@pytest.fixture(scope="module")
def lit() -> LitFaces:
    return lit_photos(["photos-a"], size=16)


@pytest.fixture(scope="module")
def stacks() -> dict[str, Stack]:
    return parts("lit-photos", size=16, sets=["photos-a"], counts={"validation": 8})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, stacks: dict[str, Stack]) -> Path:
    """MSE trained; MAE at a learning rate of 0, so that it keeps its initial weights."""
    where = tmp_path_factory.mktemp("msssim_representations_training")
    for loss, rate in (("mse", 1e-2), ("mae", 0.0)):
        recipe = Recipe("ae", loss, 6, 4, rate, 4, 4, 0, 8, 3)
        run = train(
            recipe,
            stacks["training"],
            stacks["validation"],
            checkpoints=where / "unfinished" / loss,
            compute=Compute("cpu", 1),
            label=loss,
        )
        run.save(where / f"ae-{loss}-3")
    return where


@pytest.fixture(scope="module")
def networks(folder: Path, stacks: dict[str, Stack]) -> dict[tuple[str, int], Trained[Autoencoder]]:
    return scored.load_networks(folder, ["mse", "mae"], [3], stacks["training"])


def test_missing_networks_are_named_with_the_stage_that_makes_them(folder: Path, stacks: dict[str, Stack]) -> None:
    with pytest.raises(FileNotFoundError) as error:
        scored.load_networks(folder, ["mse", "ms_ssim"], [3, 4], stacks["training"])
    assert "3 of 4 trained autoencoders are missing: ae-mse-4, ae-ms_ssim-3, ae-ms_ssim-4" in str(error.value)
    assert f"the stage {folder.name} makes them" in str(error.value)


def test_networks_trained_on_other_images_are_refused(folder: Path, stacks: dict[str, Stack]) -> None:
    with pytest.raises(ValueError, match="ae-mse-3 was trained on other images"):
        scored.load_networks(folder, ["mse"], [3], stacks["validation"])


def test_the_untrained_network_is_the_one_that_training_starts_from(
    lit: LitFaces, networks: dict[tuple[str, int], Trained[Autoencoder]]
) -> None:
    found = {one.method: one for one in scored.representations(lit, networks, NAMES)}
    np.testing.assert_array_equal(found[scored.UNTRAINED].features, found["MAE"].features)
    assert np.abs(found[scored.UNTRAINED].features - found["MSE"].features).max() > 1e-3
    assert found[scored.UNTRAINED].seed == found["MSE"].seed == 3


def test_codes_and_components_have_as_many_columns_as_the_bottleneck_has_units(
    lit: LitFaces, networks: dict[tuple[str, int], Trained[Autoencoder]]
) -> None:
    found = {one.method: one for one in scored.representations(lit, networks, NAMES)}
    assert found["MSE"].features.shape == found[scored.PCA_ALL].features.shape == (len(lit), 6)
    assert found[scored.PCA_FOLDS].pca == 6
    pixels = found[scored.PIXELS].features
    np.testing.assert_array_equal(pixels, lit.stack.pixels.reshape(len(lit), 256) / 255)
    # Components by the eigenvectors of the covariance, up to their signs.
    centred = pixels - pixels.mean(axis=0)
    vectors = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :6]
    np.testing.assert_allclose(np.abs(centred @ vectors), np.abs(found[scored.PCA_ALL].features), atol=1e-9)


def test_errors_are_percents_and_squared_degrees_of_every_image_once(lit: LitFaces) -> None:
    one = Representation("known", 0, np.stack([lit.azimuth, lit.elevation], axis=1))
    table = scored.prediction_errors(lit, [one], Protocol(None, 2, 2, (100.0,), (0.3,)))
    assert table.groupby("target")["image"].apply(lambda column: sorted(column) == list(range(len(lit)))).all()
    assert set(table.loc[table["target"] == "identity", "error"]) <= {0.0, 100.0}
    means = table.groupby("target")["error"].mean()
    assert means["azimuth"] < 0.01 * lit.azimuth.var()
    assert means["identity"] > 50  # the light tells nothing of the photo
    assert set(table["C"]) == {100.0}
    assert set(table["width"]) == {0.3}


def test_groups_of_lights_are_harder_than_a_random_split_for_features_that_only_know_images(lit: LitFaces) -> None:
    """Codes that are the same for a light and random otherwise: a direction that was not seen cannot be told."""
    light = np.unique(np.stack([lit.azimuth, lit.elevation]), axis=1, return_inverse=True)[1].ravel()
    features = np.random.default_rng(0).normal(size=(light.max() + 1, 12))[light]
    one = Representation("codes of lights", 0, features)
    drawn, grouped = (
        scored.prediction_errors(lit, [one], Protocol(near, 3, 2, (100.0,), (0.3,))) for near in (None, 12.0)
    )
    error = [table.loc[table["target"] == "azimuth", "error"].mean() for table in (drawn, grouped)]
    assert error[0] < 0.05 * lit.azimuth.var()
    assert error[1] > 0.7 * lit.azimuth.var()


def test_an_interrupted_call_goes_on_where_it_stopped(
    lit: LitFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Representation("random", 1, np.random.default_rng(1).normal(size=(len(lit), 3)))
    plain = scored.prediction_errors(lit, [one], QUICK)
    calls: list[str] = []
    real = scored.predict

    def stopping(*args: object, **options: object) -> object:
        calls.append(str(options["kind"]))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(scored, "predict", stopping)
    with pytest.raises(KeyboardInterrupt):
        scored.prediction_errors(lit, [one], QUICK, store=tmp_path)
    again = scored.prediction_errors(lit, [one], QUICK, store=tmp_path)
    assert calls == ["class", "number", "number", "number"]
    pd.testing.assert_frame_equal(again, plain)
