"""Tables, rules and figures of perceptual efficacy, on numbers whose outcome is known."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from replication import datasets, features
from replication.datasets.errors import DataError
from replication.evaluation.appearance import lab_contrast
from replication.features.efficacy import GratingProbe, scores
from replication.features.inversion import Inversion
from replication.papers.pe import channel_figures as figures
from replication.papers.pe import channels as pe
from replication.papers.pe import encoding, inversion_figures, rules

SMALL: dict[str, Any] = {"size": 48, "frequencies": 8, "orientations": 4, "phases": 2, "csf": "mannos-sakrison"}
COLOUR: dict[str, Any] = {"size": 48, "orientations": 1, "phases": 2}


@pytest.fixture(scope="module")
def measured() -> dict[str, pe.Measured]:
    found, absent = pe.measure(["alexnet"], SMALL, weights="random", colour=COLOUR)
    assert absent == {}
    return found


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def layer(**values: float) -> dict[str, Any]:
    """A row as `layer_table` has it, by default one in which both claims hold."""
    row = {"frequency_high": 8.0, "frequency_low": 2.0, "colour_high": 0.2, "colour_low": 0.6} | values
    return row | {f"octaves_{x}": pe.octaves(row[f"frequency_{x}"], 7.89) for x in ("high", "low")}


def test_networks_are_summarised_over_their_layers_beside_untrained_ones() -> None:
    rows = [layer(), layer(colour_high=0.9), layer(frequency_high=1.0)]
    table = pd.DataFrame(rows).assign(backbone=["a", "a", "b"], tap=["one", "two", "one"])
    control = table[table["backbone"] == "a"].assign(colour_high=[0.3, 0.3], seed=0)
    summary = encoding.counted({"trained": table}, control).set_index("backbone")
    assert list(summary["mid-frequency"]) == ["2 of 2", "0 of 1"]
    assert list(summary["achromatic"]) == ["1 of 2", "1 of 1"]
    assert list(summary["achromatic, beyond untrained"]) == ["1 of 2", ""]
    assert list(summary["mid-frequency, beyond untrained"]) == ["0 of 2", ""]
    read = encoding.about(summary.reset_index(), "achromatic").set_index("network")
    assert read.loc["a", ["H-10 before L-10", "beyond untrained"]].tolist() == ["1 of 2", "1 of 2"]
    assert summary.loc["a", "colour_high"] == pytest.approx((0.2 + 0.9) / 2)


def test_other_seeds_are_other_untrained_networks(measured: dict[str, pe.Measured]) -> None:
    other, _ = pe.measure(["alexnet"], SMALL, weights="random", seed=1, colour=COLOUR)
    table = encoding.untrained_layers([measured, other], "mannos-sakrison")
    assert table.groupby("seed")["tap"].count().tolist() == [5, 5]
    first, second = (table.loc[table["seed"] == seed, "colour_high"].to_numpy() for seed in (0, 1))
    assert (first != second).all()
    assert encoding.untrained_layers([], "mannos-sakrison").empty


def test_an_untrained_network_does_not_reproduce_the_claims_beside_others(measured: dict[str, pe.Measured]) -> None:
    """Of four untrained networks one at most can be beyond the other three in a layer."""
    every = [measured] + [pe.measure(["alexnet"], SMALL, weights="random", seed=x, colour=COLOUR)[0] for x in (1, 2, 3)]
    for claim in encoding.QUANTITIES:
        cases = [
            encoding.tuning_cases(
                pe.layer_table(own, "mannos-sakrison"),
                encoding.untrained_layers([other for other in every if other is not own], "mannos-sakrison"),
                claim,
            )
            for own in every
        ]
        together = pd.concat(cases)
        assert together["nearer"].any()  # as PE is made, some of its layers are before the others
        assert together["holds"].mean() <= 1 / 4
        pictures = pd.DataFrame({"holds": [True], "nearer": [True], "control": [0.0], "beyond": [True]})
        assert rules.encodes(together, pictures)[0] == rules.NOT_REPRODUCED


def test_absent_weights_are_named_and_the_rest_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    found, absent = pe.measure(["vgg16"], SMALL)
    assert found == {}
    assert absent["vgg16"].startswith("not run: weights not present: weights VGG16: not available")


def test_every_channel_has_a_row(measured: dict[str, pe.Measured]) -> None:
    table = pe.channel_table(measured)
    columns = ["backbone", "tap", "channel", "mu1", "mu2", "pe", "preferred_frequency", "preferred_orientation"]
    assert list(table.columns) == [*columns, "colour_share"]
    assert len(table) == sum(measured["alexnet"].backbone.channels.values())
    assert table.groupby("tap")["pe"].sum().le(1).all()


def test_layers_are_summarised_by_their_sets(measured: dict[str, pe.Measured]) -> None:
    table = pe.layer_table(measured, "mannos-sakrison").set_index("tap")
    found = measured["alexnet"].scores["relu1"]
    best = np.argsort(-found.pe)[:7]  # a tenth of 64, and the one that the percentile lies next to
    assert table.loc["relu1", "high"] == 7
    assert table.loc["relu1", "frequency_high"] == np.median(found.preferred_frequency[best])
    assert table.loc["relu1", "top_share"] == pytest.approx(found.pe[best[:6]].sum() / found.pe.sum())
    assert table.loc["relu1", "octaves_high"] == pytest.approx(
        abs(np.log2(table.loc["relu1", "frequency_high"] / 7.89))
    )


def test_an_unchanged_choice_changes_nothing_and_another_csf_something(measured: dict[str, pe.Measured]) -> None:
    study = pe.sensitivity_study(measured, SMALL, {"phases": [2], "csf": ["barten"]})
    same, other = study[study["choice"] == "phases"], study[study["choice"] == "csf"]
    assert len(same) == len(other) == 5
    np.testing.assert_allclose(same[["srcc", "overlap"]], 1)
    assert (other["srcc"] < 1).all()


def test_parts_correlate_as_they_are_made() -> None:
    f, t = np.arange(1.0, 5.0), np.arange(2.0)
    by_f = np.outer([1.0, 2.0, 3.0], [0.0, 1.0, 0.0, 1.0])
    by_t = np.outer([3.0, 2.0, 1.0], [0.0, 0.1])
    found = scores("tap", f, by_f, t, by_t)
    probe = GratingProbe(features.backbone("alexnet", weights="random"))
    parts = pe.part_study({"net": pe.Measured(probe, {"tap": found}, {})}).iloc[0]
    assert parts["mu1_mu2"] == -1
    assert parts["pe_mu1"] == -parts["pe_mu2"]


def test_pictures_are_those_with_most_contrast_in_both() -> None:
    images = [datasets.images("photos-a"), datasets.images("photos-b")]
    chosen = pe.choose_pictures(images, 2, 96)
    everything = pe.choose_pictures(images, len([x for each in images for _, x in each if min(x.shape[:2]) >= 96]), 96)
    strength = [math.prod(lab_contrast(x)) for x in everything.values()]
    assert strength == sorted(strength, reverse=True)
    assert list(chosen) == list(everything)[:2]
    with pytest.raises(DataError, match="Photos A, Photos B: 0 images of at least 5000 x 5000, 1 are wanted"):
        pe.choose_pictures(images, 1, 5000)


def test_every_set_gives_a_picture_or_says_why_not(measured: dict[str, pe.Measured]) -> None:
    rng = np.random.default_rng(0)
    pictures = {"noise": rng.random((40, 40, 3)), "black": np.zeros((40, 40, 3))}
    dead = scores("relu1", [1, 2, 3], np.zeros((64, 3)), [0, 1], np.zeros((64, 2)))
    network = pe.Measured(measured["alexnet"].probe, {"relu1": dead}, {})
    table, made = pe.invert_sets(
        {"alexnet": network},
        {"alexnet": ["relu1"], "vgg16": ["relu1_1"]},
        pictures,
        ["H-10"],
        pixels_per_degree=32,
        options={"steps": 2, "normalise": lambda x: -x},
    )
    assert list(table["set"]) == ["original", "H-10"] * 2
    assert len(made) == int((table["problem"] == "").sum()) - 2
    words = ("are silent on this picture", "no picture found")  # with two steps
    assert all(any(known in text for known in words) for text in table["problem"] if text)
    sheet = inversion_figures.contact_sheet(table, made, pictures).html
    assert sheet.count("<img") == 1  # one picture, however many photos and sets
    assert ">alexnet relu1<" in sheet
    numbers = inversion_figures.picture_numbers(table, table, 8.0)
    assert [label.get_text() for label in numbers.axes[0].get_yticklabels()] == ["alexnet relu1"]


@pytest.mark.parametrize(("error", "found"), [(0.96, False), (0.9, True)])
def test_a_search_that_finds_no_picture_has_no_numbers(
    measured: dict[str, pe.Measured], monkeypatch: pytest.MonkeyPatch, error: float, found: bool
) -> None:
    """They would be those of the noise that it starts from: grey, and of a mid frequency."""
    noise = torch.full((3, 40, 40), 0.5) + 0.01 * torch.randn(1, 40, 40)
    monkeypatch.setattr(pe, "invert", lambda *_, **__: Inversion(noise, (1.0,), error, False))
    pictures = {"noise": np.random.default_rng(0).random((40, 40, 3))}
    table, made = pe.invert_sets(measured, {"alexnet": ["relu1"]}, pictures, ["H-10"], pixels_per_degree=32, options={})
    row = table[table["set"] == "H-10"].iloc[0]
    assert row["problem"] == ("" if found else "no picture found: 96% of the misfit is left")
    assert (math.isfinite(row["chroma"]), len(made)) == (found, int(found))


def test_examples_run_through_the_ranking_without_silent_channels() -> None:
    assert pe.example_channels(np.array([0.0, 5.0, 1.0, 4.0, 3.0, 2.0]), 3) == [1, 4, 2]
    assert pe.example_channels(np.zeros(4)) == []


def test_figures_are_drawn(measured: dict[str, pe.Measured]) -> None:
    found = measured["alexnet"].scores["relu2"]
    assert figures.gratings(SMALL).html.count("<figure") == 7
    assert len(figures.sensitivity_functions("daly", 16).axes[0].lines) == 4
    assert figures.frequency_tuning(found, "daly", "title").axes[0].get_xlabel() == "cycles per degree"
    assert figures.orientation_tuning(found, "title").axes[1].lines
    assert "place 1 of 192" in str(figures.channel_card(found, int(found.pe.argmax()), "daly", "x").get_suptitle())
    assert figures.score_distributions(measured).axes[0].get_yscale() == "log"
    assert figures.high_and_low(pe.layer_table(measured, "daly"), 8.0).axes[0].get_xscale() == "log"
    study = pe.sensitivity_study(measured, SMALL, {"phases": [1]})
    assert [label.get_text() for label in figures.sensitivity_map(study).axes[0].get_yticklabels()] == ["phases = 1"]


def test_the_explorer_offers_the_layers_of_the_chosen_network(measured: dict[str, pe.Measured]) -> None:
    box = figures.explore(measured, "daly")
    network, tap, place = box.children[0].children
    assert network.options == ("alexnet",)
    assert tap.options == ("relu1", "relu2", "relu3", "relu4", "relu5")
    tap.value = "relu3"
    assert place.max == 384
