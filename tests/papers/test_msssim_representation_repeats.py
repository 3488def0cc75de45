"""Predictions repeated over splits and by the size of the code, on errors whose summary is known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from replication.datasets.yaleb import LitFaces, lit_photos
from replication.models.autoencoders import Autoencoder
from replication.papers.msssim import representation_repeats as repeats
from replication.papers.msssim import representations as report
from replication.scoring.probes import probe_errors
from replication.scoring.representations import PCA_ALL, PCA_FOLDS, PIXELS, TARGETS, Representation


def folds(wrong: dict[str, list[int]]) -> pd.DataFrame:
    """Wrong identities of 100 images in each fold, two folds a repetition."""
    rows = [
        (method, 0, "identity", at // 2, at % 2, float(count), 100)
        for method, counts in wrong.items()
        for at, count in enumerate(counts)
    ]
    return pd.DataFrame(rows, columns=["method", "seed", "target", "repeat", "fold", "error", "images"])


def test_the_spread_over_repetitions_is_that_of_their_means() -> None:
    table = repeats.repeats_table(folds({"MSE": [10, 20, 30, 40, 2, 4]})).iloc[0]
    assert table["mean"] == pytest.approx(np.mean([15, 35, 3]))
    assert table["sd"] == pytest.approx(np.std([15, 35, 3], ddof=1))
    assert (table["least"], table["most"], table["networks"], table["repeats"]) == (2, 40, 1, 3)


def test_single_test_parts_are_compared_part_by_part() -> None:
    row = repeats.single_splits(folds({"MS-SSIM": [10, 20, 30, 12], "MSE": [20, 29, 29, 22]})).iloc[0]
    assert (row["wrong_first"], row["wrong_second"], row["fewer"]) == (18, 25, 7)
    assert (row["ten"], row["reversed"], row["parts"], row["images"]) == (0.5, 0.25, 4, 100)
    with pytest.raises(ValueError, match="MS-SSIM and MSE have 0 test parts in common"):
        repeats.single_splits(folds({"MS-SSIM": [1], "MAE": [1]}))


@pytest.fixture(scope="module")
def lit() -> LitFaces:
    return lit_photos(("photos-a",), size=16)


def test_light_in_the_features_is_read_out_of_them(lit: LitFaces) -> None:
    known = Representation("known", 0, np.stack([lit.azimuth, lit.elevation], axis=1))
    noise = Representation("noise", 0, np.random.default_rng(0).normal(size=(len(lit), 2)))
    pixels = Representation(PIXELS, 0, np.zeros((len(lit), 4000)))
    of_folds = Representation(PCA_FOLDS, 0, noise.features, pca=2)
    found = probe_errors(lit, [known, noise, pixels, of_folds], np.arange(len(lit)), folds=3, repeats=2)
    assert set(found.by_image["method"]) == {"known", "noise"}
    means = found.by_image.groupby(["method", "target"])["error"].mean()
    assert means["known", "azimuth"] < 0.01 * lit.azimuth.var()
    assert means["noise", "azimuth"] == pytest.approx(lit.azimuth.var(), rel=0.1)
    assert means["noise", "identity"] > 50
    total = found.by_fold.assign(sum=found.by_fold["error"] * found.by_fold["images"])
    sums = total.groupby(["method", "target"])[["sum", "images"]].sum()
    pd.testing.assert_series_equal(sums["sum"] / sums["images"], means, check_names=False)
    with pytest.raises(ValueError, match="no representation has fewer than 1000 features"):
        probe_errors(lit, [pixels], np.arange(len(lit)))


def test_codes_of_every_size_stand_beside_as_many_components(lit: LitFaces) -> None:
    def run(units: int) -> Any:
        return SimpleNamespace(network=Autoencoder("ae", size=16, channels=1, bottleneck=units, width=2).eval())

    usual = {("mse", 0): run(6), ("mse", 1): run(6)}
    table = repeats.sized_errors(
        lit, usual, {(3, "mse", 0): run(3)}, {"mse": "MSE"}, np.arange(len(lit)), folds=3, repeats=1
    )
    assert table.groupby(["units", "method"]).size().to_dict() == {
        (units, method): len(TARGETS) for units in (3, 6) for method in ("MSE", PCA_ALL)
    }
    assert table[(table["units"] == 6) & (table["method"] == "MSE")]["networks"].tolist() == [2, 2, 2]
    azimuth = table[(table["method"] == PCA_ALL) & (table["target"] == "azimuth")].set_index("units")["error"]
    assert azimuth[6] < azimuth[3]
    assert list(repeats.readable_sizes(table, ["MSE"]).columns) == ["MSE", PCA_ALL]


def test_codes_of_longer_runs_carry_the_title_of_their_loss_and_their_seed() -> None:
    lit = lit_photos(["photos-a"], size=48)
    run = SimpleNamespace(
        network=Autoencoder(size=48, channels=1, width=2, bottleneck=3), identity={"recipe": {"seed": 4}}
    )
    found = repeats.of_longer(lit, {"mse": run, "other": run}, {"mse": "MSE"})  # type: ignore[dict-item]
    assert [(one.method, one.seed, one.features.shape) for one in found] == [("MSE", 4, (len(lit), 3))]


def test_longer_runs_stand_beside_the_usual_one_of_their_seed_and_the_range_of_all_seeds() -> None:
    def errors(method: str, seed: int, azimuth: float, identity: float) -> pd.DataFrame:
        rows = [
            {"method": method, "seed": seed, "target": target, "image": image, "error": value + image}
            for target, value in (("azimuth", azimuth), ("identity", identity))
            for image in (0, 1)
        ]
        return pd.DataFrame(rows)

    usual = pd.concat([errors("MSE", 0, 10.0, 4.0), errors("MSE", 1, 14.0, 3.0), errors("SSIM", 0, 1.0, 1.0)])
    table = repeats.beside_longer(usual, errors("MSE", 0, 9.0, 5.0))
    assert table.to_numpy().tolist() == [
        ["identity", "MSE", 4.5, 5.5, 3.5, 4.5],
        ["azimuth", "MSE", 10.5, 9.5, 10.5, 14.5],
    ]
    alone = repeats.beside_longer(usual, errors("MSE", 7, 9.0, 5.0))
    assert alone["usual"].isna().all()
    assert alone["longer"].tolist() == [5.5, 9.5]


def test_the_result_names_both_splits() -> None:
    row = {"target": "identity", "first": "MS-SSIM", "second": "MSE", "mean": -2.0, "low": -3.0, "high": -1.0}
    first, second = report.in_words(pd.DataFrame([row]), pd.DataFrame([{**row, "mean": 2.0, "low": 1.0, "high": 3.0}]))
    assert "by a random split" in first
    assert "identity \N{MINUS SIGN}2.00" in first
    assert "by groups of lights" in second
    assert "identity +2.00" in second
