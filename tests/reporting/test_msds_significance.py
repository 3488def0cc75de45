"""The analysis of level scores: weights and tests beside SciPy and the statistics' own, verdicts by their rules."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replication.datasets.catalogue import Opinion
from replication.evaluation.dependent import compare_correlations, williams
from replication.evaluation.power import Size
from replication.reporting import msds_significance as msds
from replication.reporting.published import values as published_values
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED
from replication.scoring.msds_levels import LevelScores, column
from replication.scoring.published import published

REFERENCES, IMAGES = 20, 12


def made(seed: int = 0, name: str = "made", network: str = "squeezenet1_1", falling: bool = False) -> LevelScores:
    """Three levels with errors of their own, of which the second is best and the mean better than each; DMOS if
    `falling`."""
    generator = np.random.default_rng(seed)
    count = REFERENCES * IMAGES
    quality = generator.normal(size=count)
    columns = {}
    for tap in ("fire8", "fire5"):
        for pyramid in ("mean", "gaussian"):
            for level, noise in enumerate((0.5, 0.35, 0.5)):
                columns.setdefault(
                    column(tap, pyramid, level), 0.7 + 0.05 * (quality + noise * generator.normal(size=count))
                )
    base = pd.DataFrame(
        {
            "reference": [f"r{i // IMAGES}" for i in range(count)],
            "distorted": [f"d{i}" for i in range(count)],
            "distortion": ["noise" if i % 2 else "blur" for i in range(count)],
            "level": pd.array([1] * count, dtype="Int64"),
            "opinion": -quality if falling else quality,
        }
    )
    opinion = Opinion("DMOS" if falling else "MOS", -4, 4, not falling)
    facts = ("", "", (), opinion, "", network, "file", ("fire8", "fire5"), ("mean", "gaussian"), ())
    return LevelScores(name, name.title(), *facts, base.assign(**columns))


@pytest.fixture(scope="module")
def study() -> msds.Study:
    return msds.study(made(), count=6, resamples=100)


def compared(study: msds.Study) -> pd.DataFrame:
    table = msds.against_levels(study, resamples=300).assign(network=study.network, data_set=study.title)
    return msds.adjusted(table)


def test_fusing_beats_each_level_and_the_best_level_weighs_most(study: msds.Study) -> None:
    table = msds.correlations(study).set_index("method")
    for level in range(3):
        expected = stats.spearmanr(study.levels[:, level], study.opinions)[0]
        assert table.loc[f"level {level}", "srcc"] == pytest.approx(expected)
        assert table.loc[msds.LEARNED, "srcc"] > expected
        assert table.loc[msds.LEARNED, "srcc_splits"] > table.loc[f"level {level}", "srcc_splits"]
    assert study.weights["weight"].idxmax() == 1
    assert study.weights["weight"].sum() == pytest.approx(1)
    assert (study.weights["low"] <= study.weights["weight"]).all()


def test_a_dmos_is_turned() -> None:
    study, turned = (
        msds.study(made(falling=falling), count=2, resamples=100, objective="nnls") for falling in (False, True)
    )
    np.testing.assert_allclose(turned.methods[msds.LEARNED], study.methods[msds.LEARNED])
    pd.testing.assert_frame_equal(msds.correlations(turned), msds.correlations(study))


def test_no_reference_is_scored_with_weights_fitted_on_it() -> None:
    scores = made()
    spoilt = scores.table.copy()
    own = spoilt["reference"] == "r3"
    spoilt.loc[own, "opinion"] = -100 * spoilt.loc[own, "opinion"]
    before, after = (
        msds.study(replace(scores, table=table), count=2, resamples=100, objective="nnls")
        for table in (scores.table, spoilt)
    )
    np.testing.assert_array_equal(before.methods[msds.LEARNED][own], after.methods[msds.LEARNED][own])
    assert not np.array_equal(before.methods[msds.LEARNED], after.methods[msds.LEARNED])


def test_images_without_a_score_are_left_out_and_counted() -> None:
    scores = made()
    scores.table.loc[[3, 7], "fire8 mean 1"] = np.nan
    assert msds.study(scores, count=2, resamples=100).left_out == 2


def test_every_test_is_that_of_its_own_function(study: msds.Study) -> None:
    row = compared(study).iloc[0]
    a, b = study.methods[msds.LEARNED], study.methods["level 0"]
    own = compare_correlations(a, b, study.opinions, references=study.references, resamples=300)
    assert row[["difference", "low", "high", "p"]].tolist() == pytest.approx([*own.difference, own.p_value])
    r = [stats.spearmanr(*pair)[0] for pair in ((a, study.opinions), (b, study.opinions), (a, b))]
    assert row["p_williams"] == pytest.approx(williams(*r, len(a)).p_value)
    assert row["p_holm"] >= row["p_bh"] >= row["p"]
    assert row["difference"] > 0.01
    assert row["p_holm"] < 0.05
    assert row["p_equivalent"] > 0.05


def test_weights_are_carried_from_one_set_to_another() -> None:
    table = msds.across_sets([made(), made(1, "other"), made(2, "third", "vgg16")])
    assert list(zip(table["fitted_on"], table["tested_on"], strict=True)) == [("Made", "Other"), ("Other", "Made")]
    assert (table["gain"] > 0).all()


def test_ablations_change_one_choice_at_a_time() -> None:
    table = msds.ablation(made(), count=6).set_index(["choice", "variant"])
    for key in (("levels", "3"), ("pyramid", "mean"), ("tap", "fire8"), ("fusion", "arithmetic"), ("weights", "rank")):
        assert table.loc[key, "change"] == 0
    assert table.loc[("levels", "1"), "gain"] == 0
    assert table.loc[("levels", "1"), "high"] < 0
    plcc, nnls = table.loc[("weights", "plcc"), "srcc"], table.loc[("weights", "nnls"), "srcc"]
    assert plcc == pytest.approx(nnls, abs=1e-3)
    shares = msds.split_sensitivity(made(), [0.2, 0.5], count=6)
    assert (shares["gain"] > 0).all()


def test_each_distortion_type_has_its_own_gain(study: msds.Study) -> None:
    table = msds.by_distortion(study, resamples=100).set_index("distortion")
    own = study.distortions == "blur"
    expected = stats.spearmanr(study.levels[own, 0], study.opinions[own])[0]
    assert table.loc["blur", "level 0"] == pytest.approx(expected)
    assert table.loc["blur", "gain"] == pytest.approx(table.loc["blur", msds.LEARNED] - expected)


def test_larger_sets_find_smaller_differences(study: msds.Study) -> None:
    model = msds.power_model(study)
    assert model["base"] == pytest.approx(stats.spearmanr(study.levels[:, 0], study.opinions)[0])
    power = msds.power_table(model, {"small": Size(10, 10), "large": Size(60, 30)}, simulations=200)
    least = msds.detectable(power)
    assert least.loc["large", "references"] < least.loc["small", "references"]
    for figure in (msds.draw_power(power), msds.draw_weights([study]), msds.draw_differences(compared(study))):
        figure.canvas.draw()
        plt.close(figure)


def test_costs_are_counted_and_near_the_closed_form() -> None:
    table = msds.costs(["squeezenet1_1"], height=128, width=192, levels=3)
    assert table["times"].tolist() == pytest.approx(table["closed_form"].tolist(), rel=0.12)
    assert table["operations"].is_monotonic_increasing


def test_verdicts_follow_their_rules(study: msds.Study) -> None:
    cost = pd.DataFrame({"network": ["vgg16"], "levels": [3], "times": [1.31], "closed_form": [1.3125]})

    def verdicts(studies: list[msds.Study], table: pd.DataFrame) -> list[str]:
        return msds.judge_claims(studies, table, cost)["verdict"].tolist()

    table = compared(study)
    assert verdicts([study], table) == [CLOSE, CLOSE, CLOSE]
    whole = [replace(study, name=name, network="vgg16") for name in msds.BENCHMARKS]
    assert verdicts(whole, table.assign(network="vgg16")) == [REPRODUCED, REPRODUCED, CLOSE]
    worse = table.assign(split_difference=-table["split_difference"], p_holm=0.2)
    assert verdicts([study], worse)[:2] == [NOT_REPRODUCED, NOT_REPRODUCED]
    assert verdicts([replace(study, pretrained=False)], table)[:2] == [NOT_RUN, NOT_RUN]
    printed = published_values("msds", "benchmarks")
    ours = msds.values([replace(study, name="live", network="vgg16")], {"PIPAL": "no weights"}, printed)
    assert ours["value"].notna().sum() == 2  # SRCC and PLCC of LIVE
    assert ours.set_index("column").loc["PIPAL", "note"] == "no weights"
    assert msds.extensions([study])["value"].notna().all()


def test_published_scores_go_through_the_same_tests(real_data: Callable[[str], Path]) -> None:
    real_data("published-scores")
    table = msds.adjusted(msds.published_tests(published("csiq"), resamples=100).assign(data_set="CSIQ"))
    assert len(table) == 6
    assert (table["difference"] >= 0).all()
    found = dict(zip(table["first"], table["srcc_first"], strict=True))
    found |= dict(zip(table["second"], table["srcc_second"], strict=True))
    assert found["DeepWSD_VGG"] == pytest.approx(0.9646, abs=5e-5)  # as published
    assert msds.disagreement(table).loc["CSIQ", "pairs"] == 6
    assert len(msds.readable_tests(table)) == len(msds.readable_others(table)) == 6
