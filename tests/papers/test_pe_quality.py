"""The study of channel sets: coefficients against scipy, tests that find what was put in, and the rules of verdicts."""

import dataclasses
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replication.absent import Absent
from replication.datasets.catalogue import Opinion
from replication.features.efficacy import ChannelScores, channel_sets
from replication.papers.pe import comparisons, matched, quality_summaries
from replication.papers.pe import quality as pe
from replication.papers.pe import quality_figures as views
from replication.scoring.channel_tables import Activity, ChannelDistances
from replication.scoring.scored import MetricFacts, Scored
from replication.scoring.wide import COLUMNS

MOS = Opinion("MOS", 0, 9, higher_is_better=True)
PERCENTAGES = (5, 10, 25, 50)
NETWORKS = ("alexnet", "vgg16", "squeezenet1_0", "shufflenet_v2_x1_0", "googlenet_bvlc")


def scores(values: np.ndarray) -> ChannelScores:
    nothing = np.zeros(0)
    return ChannelScores("tap", nothing, nothing, nothing, nothing, nothing, nothing, values)


def made(backbone: str = "alexnet", *, rising: bool = True, channels: int = 40, name: str = "set") -> ChannelDistances:
    """Channels whose distances follow opinions better from the first to the last, or (not rising) the other way."""
    random = np.random.default_rng(len(backbone))
    opinion = random.normal(size=160)
    noise = np.linspace(6, 0.2, channels) if rising else np.linspace(0.2, 6, channels)
    matrix = (20 - 2 * opinion[:, None] + noise * random.normal(size=(160, channels))).astype(np.float32)
    table = pd.DataFrame(
        {
            "reference": [f"r{i // 16}" for i in range(160)],
            "distorted": [f"d{i}" for i in range(160)],
            "distortion": ["Gaussian blur" if i % 2 else "noise" for i in range(160)],
            "level": pd.array([1] * 160, dtype="Int64"),
            "opinion": opinion,
            "problem": "",
        }
    )
    taps = {"one": matrix, "two": matrix[:, ::-1][:, ::-1] ** 2}
    strength = {tap: Activity(np.full(channels, 2.0), np.arange(channels, dtype=float)) for tap in taps}
    return ChannelDistances(name, name.title(), "", "", MOS, ("made up",), "d", backbone, "w", table, taps, strength)


def efficacy(*backbones: str, channels: int = 40) -> dict[str, dict[str, ChannelScores]]:
    """PE that rises from the first channel to the last."""
    return {name: dict.fromkeys(("one", "two"), scores(np.arange(channels) / 100)) for name in backbones}


def study(*measured: ChannelDistances) -> tuple[pd.DataFrame, pd.DataFrame]:
    known = efficacy(*{each.backbone for each in measured})
    return pe.study(measured, known, percentages=PERCENTAGES, draws=60, resamples=200)


NO_WEIGHTS = Absent("weights", "VGG16")


def nothing(name: str, backbone: str, absent: Absent | None = None) -> ChannelDistances:
    return ChannelDistances.nothing(name, backbone, absent or Absent("data set", name))


def test_coefficients_are_scipys_and_positive_for_a_distance_that_works() -> None:
    each = made()
    agreement, _ = study(each)
    rows = agreement[agreement["weighting"] == pe.EQUATION_1].set_index(["tap", "set"])
    for name, index in channel_sets(np.arange(40), PERCENTAGES).items():
        score = each.distances["one"][:, index].astype(float).mean(axis=1)
        expected = -stats.spearmanr(score, each.table["opinion"])[0]
        assert rows.loc[("one", name), "srcc"] == pytest.approx(expected, abs=1e-12)
        assert rows.loc[("one", name), "low"] < expected < rows.loc[("one", name), "high"]
        assert rows.loc[("one", name), "channels"] == len(index)
    assert pd.isna(rows.loc[("one", "F"), "p"])


def test_opinions_that_fall_with_quality_turn_nothing_round() -> None:
    each = made()
    turned = dataclasses.replace(
        each,
        opinion=Opinion("DMOS", 0, 9, higher_is_better=False),
        table=each.table.assign(opinion=-each.table["opinion"]),
    )
    pd.testing.assert_series_equal(study(each)[0]["srcc"], study(turned)[0]["srcc"])


def test_good_channels_are_found_better_than_the_layer_and_than_chance_and_bad_ones_worse() -> None:
    agreement, differences = study(made())
    rows = agreement[agreement["weighting"] == pe.EQUATION_1].set_index(["tap", "set"])
    assert rows.loc[("one", "H-10"), "p"] == 1 / 61
    assert rows.loc[("one", "H-10"), "percentile"] == 100
    assert rows.loc[("one", "L-50"), "p"] == 1 / 61
    assert rows.loc[("one", "L-50"), "percentile"] == 0
    own = differences[differences["weighting"] == pe.EQUATION_1].set_index(["tap", "first", "second"])
    assert own.loc[("one", "F", "L-10"), "low"] > 0
    assert own.loc[("one", "H-10", "F"), "difference"] == pytest.approx(
        rows.loc[("one", "H-10"), "srcc"] - rows.loc[("one", "F"), "srcc"]
    )
    assert own.loc[("one", "H-10", "V-10"), "difference"] == 0  # variance was made to rise as PE does
    assert (agreement["p_bh"].dropna() >= agreement["p"].dropna() - 1e-12).all()


def test_equalising_divides_each_channel_by_its_energy() -> None:
    each = made()
    energy = np.random.default_rng(0).random(40) + 0.1
    energy[3] = 0
    strong = dataclasses.replace(
        each,
        distances={"one": (each.distances["one"] * energy).astype(np.float32)},
        activity={"one": Activity(energy, energy)},
    )
    agreement, _ = study(strong)
    equalised = agreement[agreement["weighting"] == pe.EQUALISED].set_index("set")["srcc"]
    silent = each.distances["one"].astype(float)
    silent[:, 3] = 0
    expected = -stats.spearmanr(silent.mean(axis=1), each.table["opinion"])[0]
    assert equalised["F"] == pytest.approx(expected, abs=1e-4)
    strongest = np.argsort(-energy)[:4]
    found = agreement[(agreement["weighting"] == pe.EQUATION_1) & (agreement["set"] == "A-10")]["srcc"].item()
    score = strong.distances["one"][:, strongest].astype(float).mean(axis=1)
    assert found == pytest.approx(-stats.spearmanr(score, each.table["opinion"])[0], abs=1e-12)


def test_images_that_could_not_be_measured_and_silent_channels_do_not_stop_it() -> None:
    each = made()
    matrix = each.distances["one"].copy()
    matrix[5], matrix[:, :4] = np.nan, 0
    matrix[5, :4] = np.nan
    table = each.table.copy()
    table.loc[5, "problem"] = "no such file"
    broken = dataclasses.replace(each, table=table, distances={"one": matrix})
    agreement, _ = study(broken)
    rows = agreement[agreement["weighting"] == pe.EQUATION_1].set_index("set")
    kept = np.arange(160) != 5
    expected = -stats.spearmanr(matrix[kept].mean(axis=1, dtype=float), table.loc[kept, "opinion"])[0]
    assert rows.loc["F", "srcc"] == pytest.approx(expected)
    assert np.isnan(rows.loc["L-10", "srcc"])  # they differ on no image
    assert "\N{EN DASH}" in views.show_agreement(agreement[agreement["weighting"] == pe.EQUATION_1], PERCENTAGES).html


def test_the_correction_is_over_the_layers_of_all_networks() -> None:
    agreement, _ = study(made("alexnet"), made("vgg16"))
    own = agreement[(agreement["weighting"] == pe.EQUATION_1) & (agreement["set"] == "H-25")]
    assert len(own) == 4
    np.testing.assert_allclose(own["p_bh"], stats.false_discovery_control(own["p"]))


def scored(each: ChannelDistances, digest: str = "d") -> Scored:
    random = np.random.default_rng(1)
    base = each.table.drop(columns="problem").assign(data_set=each.name, problem="")
    opinion = each.table["opinion"].to_numpy()
    good, bad = opinion + 0.01 * random.normal(size=160), -opinion + 3 * random.normal(size=160)
    table = pd.concat([base.assign(metric="good", score=good), base.assign(metric="lpips-alex", score=bad)])
    facts = {"good": MetricFacts(True), "lpips-alex": MetricFacts(False)}
    return Scored(each.name, each.title, "", "", MOS, (), digest, facts, table[list(COLUMNS)].reset_index(drop=True))


def test_layers_stand_beside_metrics_over_all_images_and_within_a_distortion() -> None:
    each = made()
    table = comparisons.beside_metrics(
        [each],
        efficacy("alexnet"),
        {"set": scored(each)},
        ["good", "lpips-alex", "unknown"],
        distortions=["Gaussian blur", "unheard of"],
        resamples=200,
    )
    assert list(table["images"].unique()) == ["all", "Gaussian blur"]
    two = [each, dataclasses.replace(each, backbone="vgg16")]
    both = comparisons.beside_metrics(
        two, efficacy("alexnet", "vgg16"), {"set": scored(each)}, ["good", "lpips-alex"], resamples=100
    )
    assert (both["set"] == "metric").sum() == 1  # the metrics are compared once, however many networks there are
    row = table[(table["images"] == "Gaussian blur") & (table["tap"] == "one") & (table["set"] == "F")].iloc[0]
    blurred = (each.table["distortion"] == "Gaussian blur").to_numpy()
    opinions = each.table.loc[blurred, "opinion"]
    score = each.distances["one"][blurred].mean(axis=1, dtype=float)
    assert (row["metric"], row["n"]) == ("good", 80)
    assert row["srcc"] == pytest.approx(-stats.spearmanr(score, opinions)[0])
    assert row["difference"] == pytest.approx(row["srcc"] - row["metric_srcc"])
    assert row["metric_srcc"] > 0.99
    with pytest.raises(ValueError, match="the scores of set are of other images"):
        comparisons.beside_metrics([each], efficacy("alexnet"), {"set": scored(each, "other")}, ["good"])


def test_a_set_is_cut_down_to_some_types_of_distortion() -> None:
    each = made()
    (cut,) = pe.only([each, nothing("live", "alexnet")], distortions=["blocks", "Gaussian blur"])
    assert cut.title == "Set: Gaussian blur"
    blurred = (each.table["distortion"] == "Gaussian blur").to_numpy()
    np.testing.assert_array_equal(cut.distances["two"], each.distances["two"][blurred])
    assert cut.table["distorted"].tolist() == each.table.loc[blurred, "distorted"].tolist()
    agreement, _ = study(cut)
    expected = -stats.spearmanr(cut.distances["one"].mean(axis=1, dtype=float), cut.table["opinion"])[0]
    assert agreement["srcc"].iloc[0] == pytest.approx(expected)
    assert pe.only([each], distortions=["blocks"]) == []


def test_sensitivity_has_the_usual_choices_first_and_overlaps_with_them() -> None:
    turned = {"alexnet": dict.fromkeys(("one", "two"), scores(np.arange(40)[::-1] / 100))}
    table = pe.sensitivity([made()], {"usual": efficacy("alexnet"), "turned": turned})
    usual, other = (
        table[(table["choices"] == label) & (table["tap"] == "one")].iloc[0] for label in ("usual", "turned")
    )
    assert (usual["overlap"], usual["rank"]) == (1, pytest.approx(1))
    assert (other["overlap"], other["rank"]) == (0, pytest.approx(-1))
    assert other["h"] == usual["l"]
    counted = quality_summaries.summarise_sensitivity(table).set_index("choices")
    assert counted.loc["usual", "f_above_l"] == 2
    assert counted.loc["turned", "h_above_f"] == 0
    assert "turned" in views.show_sensitivity(counted.reset_index()).html


def test_pe_that_follows_strength_is_seen_to() -> None:
    table = quality_summaries.activation_strength([made()], efficacy("alexnet")).set_index("tap")
    assert table.loc["one", "variance"] == pytest.approx(1)
    assert np.isnan(table.loc["one", "energy"])  # all channels equally strong
    assert table.loc["one", "without_pe"] == 1 / 40


def people(name: str, better: bool) -> ChannelDistances:
    """JND or 2AFC: the last channels see what people see, the first ones (or all the others) do not."""
    random = np.random.default_rng(0)
    triplets = 60
    fraction = random.integers(0, 4, triplets) / 3
    both = name == "bapps-2afc"
    good = np.stack([np.zeros(triplets), 0.5 - fraction], axis=1).ravel() + 1 if both else 2 - fraction
    noise = random.random((len(good), 40)) * 4
    matrix = noise.astype(np.float32)
    matrix[:, 36:] = (good if better else -good)[:, None] + 5
    table = pd.DataFrame(
        {
            "subset": "cnn",
            "name": np.repeat([f"{i}" for i in range(triplets)], 2 if both else 1),
            "reference": "r",
            "distorted": "d",
            "fraction": np.repeat(fraction, 2 if both else 1),
            "problem": "",
        }
    )
    return ChannelDistances(name, name, "", "", None, (), "d", "alexnet", "w", table, {"one": matrix}, {})


def test_judgements_are_scored_by_sets_of_channels() -> None:
    table = comparisons.judged([people("bapps-jnd", True), people("bapps-2afc", True)], efficacy("alexnet"))
    wide = table.pivot(index=["data_set", "measure"], columns="set", values="score").droplevel("data_set")
    assert set(wide.index) == {"2AFC", "JND", "JND (area)"}
    fraction = np.random.default_rng(0).integers(0, 4, 60) / 3
    assert wide.loc["2AFC", "H-10"] == pytest.approx(np.maximum(fraction, 1 - fraction).mean())
    assert (wide["H-10"] > wide["F"]).all()
    row = table[(table["data_set"] == "bapps-2afc") & (table["set"] == "H-10")].iloc[0]
    assert row["low"] < row["score"] < row["high"]
    assert row["human"] == pytest.approx((fraction**2 + (1 - fraction) ** 2).mean())
    views.sets_figure(table[table["measure"] == "JND"], PERCENTAGES, value="score")
    plt.close("all")


def test_figures_and_tables_are_drawn(tmp_path: Path) -> None:
    each = made()
    agreement, differences = study(each)
    own = agreement[agreement["weighting"] == pe.EQUATION_1]
    views.sets_figure(own, PERCENTAGES).savefig(tmp_path / "sets.png")
    views.differences_figure(differences[differences["weighting"] == pe.EQUATION_1], [("H-10", "F")])
    beside = comparisons.beside_metrics([each], efficacy("alexnet"), {"set": scored(each)}, ["good"], resamples=200)
    views.metrics_figure(beside)
    plt.close("all")
    assert "\N{BLACK DOWN-POINTING TRIANGLE}" in views.show_agreement(own, PERCENTAGES).html
    html = views.show_summary(
        quality_summaries.summary(differences, by=("weighting", "first", "second")), ["first", "second"], "weighting"
    )
    assert "H-10 minus F" in html.html
    assert "2 of 2" in views.show_chance(quality_summaries.summarise_chance(agreement)).html
    medians = quality_summaries.medians(agreement).set_index("column")
    assert medians.loc["F", "value"] == own[own["set"] == "F"]["srcc"].median()
    assert list(views.order((50, 5))) == ["L-5", "L-50", "F", "H-50", "H-5"]


def test_the_result_counts_layers_in_which_sets_are_above_others() -> None:
    both = [made("alexnet"), made("vgg16", rising=False)]
    agreement, differences = study(*both)
    loud = matched.against_as_loud(both, efficacy("alexnet", "vgg16"), draws=60)
    found = quality_summaries.headline(differences, agreement, loud)
    assert found.columns.tolist() == [
        "H-10 above F",
        "F above L-10",
        "H-10 above random sets",
        "H-10 above sets as loud",
    ]
    assert found.loc[("Set", "alexnet"), "F above L-10"] == "2 of 2, 2 significant"
    assert found.loc[("Set", "alexnet"), "H-10 above random sets"] == "2 of 2, 2 significant"
    assert found.loc[("Set", "vgg16")].tolist() == ["0 of 2, 0 significant"] * 4


def test_efficacy_of_other_weights_is_refused() -> None:
    each = dataclasses.replace(made("squeezenet1_1"), distances={"relu1": np.ones((160, 64), np.float32)})
    few = {"frequencies": 3, "orientations": 2, "phases": 1, "size": 32}
    with pytest.raises(ValueError, match="distances of squeezenet1_1 are of w, not of random, seed 0"):
        pe.efficacies([each], weights="random", **few)
    same = dataclasses.replace(each, weights="random, seed 0")
    found = pe.efficacies([same, nothing("set", "alexnet")], weights="random", **few)
    assert found["squeezenet1_1"]["relu1"].pe.shape == (64,)
    wrong = {"squeezenet1_1": {"relu1": scores(np.ones(3))}}
    with pytest.raises(ValueError, match="PE of 3 channels, distances of 64"):
        pe.study([same], wrong)


def test_score_tables_are_read_where_there_are_any(tmp_path: Path) -> None:
    scored(made()).save(tmp_path / "set")
    assert list(pe.load_scored(tmp_path, ["set", "live"])) == ["set"]
