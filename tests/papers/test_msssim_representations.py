"""The table of learned representations: errors made up so that what must come out is known."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from replication.datasets.stacks import Stack
from replication.datasets.yaleb import LitFaces
from replication.models.autoencoders import Autoencoder
from replication.papers.msssim import representation_figures
from replication.papers.msssim import representations as report
from replication.papers.msssim.losses import METHODS
from replication.reporting import published
from replication.reporting.verdicts import compare
from replication.scoring.representations import PIXELS, TARGETS, Protocol

PEOPLE, LIGHTS = 5, 12


@pytest.fixture(autouse=True)
def _figures_closed() -> Any:
    yield
    plt.close("all")


def faces() -> LitFaces:
    identity = np.repeat([f"person {i}" for i in range(PEOPLE)], LIGHTS)
    azimuth = np.tile(np.linspace(-110, 110, LIGHTS), PEOPLE)
    elevation = np.tile(np.where(np.arange(LIGHTS) % 2, 40.0, -20.0), PEOPLE)
    names = tuple(str(i) for i in range(len(identity)))
    return LitFaces(
        Stack("made", names, np.zeros((len(identity), 1, 16, 16), np.uint8), {}), identity, azimuth, elevation
    )


LIT = faces()
GROUPS = np.tile(np.arange(LIGHTS), PEOPLE)


def errors(level: Mapping[str, float], *, noise: float = 1.0, seeds: tuple[int, ...] = (0, 1)) -> pd.DataFrame:
    """Errors about 50 plus the method's level, with an effect of the light that all methods share."""
    generator = np.random.default_rng(0)
    parts = []
    for target in TARGETS:
        shared = 5 * generator.normal(size=LIGHTS)[GROUPS]
        for method, value in {**level, PIXELS: 0.0}.items():
            for seed in seeds if method != PIXELS else (0,):
                error = 50 + value + shared + noise * generator.normal(size=len(LIT))
                row = {"method": method, "seed": seed, "target": target, "image": np.arange(len(LIT)), "error": error}
                parts.append(
                    pd.DataFrame({**row, "fold": GROUPS % 3, "C": 3.0, "width": np.where(GROUPS % 3, 0.1, 1.0)})
                )
    return pd.concat(parts, ignore_index=True)


def compared(ours: float, noise: float = 1.0) -> pd.DataFrame:
    made = errors({"MSE": 0.0, "MAE": 1.0, "MS-SSIM": ours}, noise=noise, seeds=(0, 1, 2, 3))
    return report.differences(made, METHODS.values(), GROUPS, LIT.identity, resamples=500)


def test_a_summary_holds_the_mean_over_images_and_seeds_and_every_seed() -> None:
    made = errors({"MSE": 0.0, "MAE": 1.0, "MS-SSIM": -3.0})
    table = report.summary(made, GROUPS, resamples=500)
    assert list(dict.fromkeys(table["target"])) == list(TARGETS)
    one = table[(table["target"] == "azimuth") & (table["method"] == "MAE")].iloc[0]
    same = made[(made["target"] == "azimuth") & (made["method"] == "MAE")]
    assert one["mean"] == pytest.approx(same["error"].mean())
    assert one["seeds"] == pytest.approx(tuple(same.groupby("seed")["error"].mean()))
    assert one["low"] < one["mean"] < one["high"]
    # Lights differ by 5: the mean of twelve of them is known to about 5 / sqrt(12), however many people there are.
    assert 2 < one["high"] - one["low"] < 12
    assert len(table[table["method"] == PIXELS].iloc[0]["seeds"]) == 1


def test_differences_are_of_the_same_images_and_free_of_what_the_losses_share() -> None:
    table = compared(-3.0)
    assert len(table) == 9
    row = table[(table["target"] == "identity") & (table["second"] == "MSE")].iloc[0]
    assert row["mean"] == pytest.approx(-3, abs=0.4)
    assert row["high"] - row["low"] < 1.5
    assert row["low"] < row["mean"] < row["high"] < 0
    assert row["low_people"] < row["mean"] < row["high_people"] < 0
    assert row["seeds"] == "4 of 4"
    assert row["effect"] == -1
    assert row["p"] == pytest.approx(2 / 2**12)  # every one of twelve groups has the same sign
    assert (table["p_holm"] >= table["p"]).all()
    assert row["groups"] == LIGHTS


def test_the_nine_values_are_the_papers_and_everything_else_is_an_extension() -> None:
    table = report.summary(errors({"MSE": 0.0, "MAE": 1.0, "MS-SSIM": -3.0}), GROUPS, resamples=200)
    ours = report.values(table, "made up")
    joined = compare(published.values(report.PAPER, report.TABLE), ours)
    assert len(joined) == 9
    assert joined["ours"].notna().all()
    guessed = report.always_guessed(LIT)
    others = report.extensions(table, table, guessed, "made up")
    assert set(others["table"]) == {
        "representations, by a random split",
        "representations, by groups of lights",
        "representations, no prediction",
    }
    assert "no near-duplicates on both sides" in others["note"].iloc[0]
    assert set(ours["note"]) == {"made up; by a random split; mean of 2 networks"}
    assert set(others.loc[others["row"].isin([PIXELS, report.GUESS]), "note"].str.contains("networks")) == {False}
    assert not others.duplicated(["paper", "table", "row", "column", "statistic"]).any()


def test_the_plain_guess_errs_by_the_variance_and_by_all_but_the_most_frequent_person() -> None:
    guessed = report.always_guessed(LIT)
    assert guessed["identity"] == pytest.approx(100 * (1 - 1 / PEOPLE))
    assert guessed["azimuth"] == pytest.approx(np.mean((LIT.azimuth - LIT.azimuth.mean()) ** 2))
    assert guessed["elevation"] == pytest.approx(900)


def test_errors_by_azimuth_are_means_of_columns_of_twenty_degrees() -> None:
    made = errors({"MSE": 0.0, "MAE": 1.0, "MS-SSIM": -3.0}).assign(error=4.0)
    table = representation_figures.draw_by_azimuth(made, LIT, ["MSE", "MS-SSIM"])
    assert set(table["method"]) == {"MSE", "MS-SSIM", report.GUESS}
    assert set(table.loc[(table["method"] == "MSE") & (table["target"] == "identity"), "error"]) == {4.0}
    assert set(table.loc[(table["method"] == "MSE") & (table["target"] == "azimuth"), "error"]) == {2.0}  # a root
    assert set(table["azimuth"]) == set(LIT.azimuth)  # 20 degrees apart, so that a column holds one
    guess = table[(table["method"] == report.GUESS) & (table["target"] == "azimuth")]
    assert guess["error"].min() < 20 < 80 < guess["error"].max()


def test_sensitivity_names_the_targets_that_ms_ssim_is_best_at() -> None:
    usual = errors({"MSE": 0.0, "MAE": 1.0, "MS-SSIM": -3.0})
    other = errors({"MSE": 0.0, "MAE": 1.0, "MS-SSIM": 0.5})
    table = report.sensitivity(usual, {"otherwise": other}, list(METHODS.values()))
    assert table["MS-SSIM lowest for", ""].tolist() == ["identity, azimuth, elevation", "none"]
    assert table.loc["otherwise", ("azimuth", "MAE")] == pytest.approx(51, abs=5)
    flat = report.flat(table)
    assert list(flat.columns[:2]) == ["choice", "identity MSE"]
    assert flat["choice"].tolist() == ["as above", "otherwise"]


def test_how_often_candidates_were_chosen_is_counted_by_folds() -> None:
    table = report.chosen(
        errors({"MSE": 0.0, "MAE": 1.0, "MS-SSIM": 0.0}), Protocol(12.0, 3, 2, (3.0, 30.0), (0.1, 1.0))
    )
    assert table.loc["C = 3"].tolist() == [1, 1, 1]
    assert table.loc["C = 30"].tolist() == [0, 0, 0]
    np.testing.assert_allclose(table.loc["gamma x features = 0.1"].to_numpy(float), 2 / 3)


def test_tables_and_figures_show_every_method_and_seed() -> None:
    made = errors({"MSE": 0.0, "MAE": 1.0, "MS-SSIM": -3.0})
    table, guessed = report.summary(made, GROUPS, resamples=200), report.always_guessed(LIT)
    shown = representation_figures.readable(table, guessed)
    assert list(shown.index) == ["MSE", "MAE", "MS-SSIM", PIXELS, report.GUESS]
    assert list(shown.columns) == list(TARGETS)
    networks = representation_figures.readable_networks(report.of_networks(made, METHODS.values()))
    assert list(networks.index) == ["MSE", "MAE", "MS-SSIM"]
    assert networks.shape == (3, 6)
    assert representation_figures.readable_differences(compared(-3.0))["difference"].iloc[0] == "MS-SSIM minus MSE"
    figure = representation_figures.draw_overview(table, table, guessed, published.values(report.PAPER, report.TABLE))
    figure.canvas.draw()
    assert len(figure.axes) == 3


def test_networks_are_described_drawn_and_their_reconstructions_shown() -> None:
    history = pd.DataFrame({"step": [1, 2], "validation_loss": [1.0, 0.5], "validation_mse": [0.2, 0.1]})
    history["validation_ssim"] = [0.2, 0.4]
    recipe = {
        "loss_options": {},
        "bottleneck": 4,
        "width": 4,
        "steps": 2,
        "batch": 8,
        "learning_rate": 0.001,
        "seed": 0,
    }
    run = SimpleNamespace(
        network=Autoencoder("ae", size=16, channels=1, bottleneck=4, width=4).eval(),
        history=history,
        identity={"recipe": recipe, "precision": "32-true"},
    )
    names = METHODS
    networks: Any = {(loss, 0): run for loss in names}
    about = report.about(names, networks)
    assert about.loc["validation SSIM, mean"].tolist() == ["0.4000"] * 3
    assert representation_figures.draw_curves(names, networks).axes[0].lines[0].get_ydata()[1] == 0.5  # type: ignore[index]
    figure = representation_figures.draw_reconstructions(names, networks, LIT.stack, 4)
    assert len(figure.axes) == 16
    assert "60 images of 5 identities" in report.describe(LIT, {"training": LIT.stack, "validation": LIT.stack})
