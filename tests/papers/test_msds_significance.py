"""The analysis of level scores: weights and tests beside SciPy and the statistics' own, verdicts by their rules."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torch.utils.flop_counter import FlopCounterMode

from replication.absent import Absent
from replication.datasets.catalogue import Opinion
from replication.evaluation.dependent import compare_correlations, williams
from replication.evaluation.paired import holm
from replication.evaluation.power import Size
from replication.features import backbone
from replication.metrics.msds import level_scores
from replication.papers.msds import (
    figures as msds_figures,
)
from replication.papers.msds import (
    power as msds_power,
)
from replication.papers.msds import (
    rules as msds_claims,
)
from replication.papers.msds import (
    sensitivity as msds_sensitivity,
)
from replication.papers.msds import (
    significance as msds_tests,
)
from replication.papers.msds import (
    study as msds_study,
)
from replication.papers.msds import (
    tables as msds_tables,
)
from replication.reporting import level_tables
from replication.reporting.published import values as published_values
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED
from replication.scoring.msds_levels import LevelScores, column
from replication.scoring.published_scores import load_published_scores

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
def study() -> msds_study.Study:
    return msds_study.study(made(), count=6, resamples=100)


def compared(study: msds_study.Study) -> pd.DataFrame:
    table = msds_tests.against_levels(study, resamples=300).assign(network=study.network, data_set=study.title)
    return msds_tests.adjusted(table)


def test_fusing_beats_each_level_and_the_best_level_weighs_most(study: msds_study.Study) -> None:
    table = msds_study.correlations(study).set_index("method")
    for level in range(3):
        expected = stats.spearmanr(study.levels[:, level], study.opinions)[0]
        assert table.loc[f"level {level}", "srcc"] == pytest.approx(expected)
        assert table.loc[msds_study.LEARNED, "srcc"] > expected
        assert table.loc[msds_study.LEARNED, "srcc_splits"] > table.loc[f"level {level}", "srcc_splits"]
    assert study.weights["weight"].idxmax() == 1
    assert study.weights["weight"].sum() == pytest.approx(1)
    assert study.weights["contribution"].sum() == pytest.approx(1)
    assert (study.weights["low"] <= study.weights["weight"]).all()


def test_parts_with_other_weights_are_not_moved_against_each_other() -> None:
    scores = made()
    moved = scores.table.copy()
    moved["fire8 mean 1"] += 5  # what no order within a level minds
    plain, other = (
        msds_study.study(replace(scores, table=table), count=2).methods[msds_study.LEARNED]
        for table in (scores.table, moved)
    )
    np.testing.assert_allclose(other, plain, atol=1e-3)


def test_a_dmos_is_turned() -> None:
    study, turned = (
        msds_study.study(made(falling=falling), count=2, resamples=100, objective="nnls") for falling in (False, True)
    )
    np.testing.assert_allclose(turned.methods[msds_study.LEARNED], study.methods[msds_study.LEARNED])
    pd.testing.assert_frame_equal(msds_study.correlations(turned), msds_study.correlations(study))


def test_no_reference_is_scored_with_weights_fitted_on_it() -> None:
    scores = made()
    spoilt = scores.table.copy()
    own = spoilt["reference"] == "r3"
    spoilt.loc[own, "opinion"] = -100 * spoilt.loc[own, "opinion"]
    before, after = (
        msds_study.study(replace(scores, table=table), count=2, resamples=100, objective="nnls")
        for table in (scores.table, spoilt)
    )
    np.testing.assert_array_equal(before.methods[msds_study.LEARNED][own], after.methods[msds_study.LEARNED][own])
    assert not np.array_equal(before.methods[msds_study.LEARNED], after.methods[msds_study.LEARNED])


def test_images_without_a_score_are_left_out_and_counted() -> None:
    scores = made()
    scores.table.loc[[3, 7], "fire8 mean 1"] = np.nan
    assert msds_study.study(scores, count=2, resamples=100).left_out == 2


def test_every_test_is_that_of_its_own_function(study: msds_study.Study) -> None:
    row = compared(study).iloc[0]
    a, b = study.methods[msds_study.LEARNED], study.methods["level 0"]
    own = compare_correlations(a, b, study.opinions, references=study.references, resamples=300)
    assert row[["difference", "low", "high", "p"]].tolist() == pytest.approx([*own.difference, own.p_value])
    r = [stats.spearmanr(*pair)[0] for pair in ((a, study.opinions), (b, study.opinions), (a, b))]
    assert row["p_williams"] == pytest.approx(williams(*r, len(a)).p_value)
    assert row["p_holm"] >= row["p_bh"] >= row["p"]
    assert row["difference"] > 0.01
    assert row["p_holm"] < 0.05
    assert row["p_equivalent"] > 0.05


def test_ablations_change_one_choice_at_a_time() -> None:
    table = msds_sensitivity.ablation(made(), count=6).set_index(["choice", "variant"])
    for key in (("levels", "3"), ("pyramid", "mean"), ("tap", "fire8"), ("fusion", "arithmetic"), ("weights", "rank")):
        assert table.loc[key, "change"] == 0
    assert table.loc[("levels", "1"), "gain"] == 0
    assert table.loc[("levels", "1"), "high"] < 0
    shown = msds_tables.readable(table.reset_index(), "change")
    assert (shown["change [95 %]"] == "default").sum() == 6
    same = [table.loc[("softness", each), "change"] for each in ("0.02", "0.1", "0.2")]
    assert np.abs(same).max() < 0.02
    plcc, nnls = table.loc[("weights", "plcc"), "srcc"], table.loc[("weights", "nnls"), "srcc"]
    assert plcc == pytest.approx(nnls, abs=1e-3)
    shares = msds_sensitivity.split_sensitivity(made(), [0.2, 0.5], count=6)
    assert (shares["gain"] > 0).all()


def test_each_distortion_type_has_its_own_gain(study: msds_study.Study) -> None:
    fused = {name: study.methods[name] for name in (msds_study.LEARNED, msds_study.EQUAL)}
    tables = msds_study.by_distortion(study, fused, resamples=100)
    own = study.distortions == "blur"
    expected = stats.spearmanr(study.levels[own, 0], study.opinions[own])[0]
    for name, table in tables.items():
        row = table.set_index("distortion").loc["blur"]
        assert row["level 0"] == pytest.approx(expected)
        assert row["srcc"] == pytest.approx(stats.spearmanr(fused[name][own], study.opinions[own])[0])
        assert row["gain"] == pytest.approx(row["srcc"] - expected)
        assert table["p_holm"].tolist() == pytest.approx(holm(table["p"].to_numpy()).tolist())


def test_larger_sets_find_smaller_differences(study: msds_study.Study) -> None:
    model = msds_power.power_model(study)
    assert model["base"] == pytest.approx(stats.spearmanr(study.levels[:, 0], study.opinions)[0])
    power = msds_power.power_table(model, {"small": Size(10, 10), "large": Size(60, 30)}, simulations=200)
    least = msds_power.detectable(power)
    assert least.loc["large", "references"] < least.loc["small", "references"]
    drawn = [
        msds_figures.draw_power(power),
        msds_figures.draw_weights([study]),
        msds_figures.draw_differences(compared(study)),
        msds_figures.draw_by_distortion(msds_study.by_distortion(study, {"fused": study.methods[msds_study.LEARNED]})),
    ]
    shown = msds_tables.readable_weights(study.weights.assign(network=study.network, data_set=study.title))
    assert shown["level 1"].iloc[0].startswith(f"{study.weights['weight'][1]:.2f} [")
    for figure in drawn:
        figure.canvas.draw()
        plt.close(figure)


def test_differences_that_metrics_so_alike_cannot_have_are_not_simulated() -> None:
    model = {"base": 0.94, "between": 0.992, "shared": 0.0}  # at most .972 by the other metric
    power = msds_power.power_table(model, {"one": Size(10, 10)}, (0, 0.02, 0.04), simulations=20)
    assert sorted(set(power["difference"])) == [0, 0.02]


def test_costs_are_counted_and_near_the_closed_form() -> None:
    table = msds_claims.costs(["squeezenet1_1"], height=128, width=192, levels=3)
    assert table["times"].tolist() == pytest.approx(table["closed_form"].tolist(), rel=0.12)
    assert table["operations"].is_monotonic_increasing
    image = torch.full((1, 3, 128, 192), 0.5)
    with FlopCounterMode(display=False) as counter:
        level_scores(image, image, backbone=backbone("squeezenet1_1", weights="random"), levels=3)
    assert table["operations"].iloc[-1] == pytest.approx(counter.get_total_flops() / 1e9)


COST = pd.DataFrame(
    {"network": ["vgg16", "squeezenet1_1"], "levels": [3, 3], "times": [1.31, 1.6], "closed_form": [1.3125, 1.3125]}
)


def verdicts(studies: list[msds_study.Study], table: pd.DataFrame, **options: object) -> pd.DataFrame:
    return msds_claims.judge_claims(studies, table, COST, **options).set_index("claim")  # type: ignore[arg-type]


def main(*gains: tuple[float, float, float, float]) -> pd.DataFrame:
    """Rows of tests of learned MSDS against level 0 on the paper's sets: (gain, low, high, p) each."""
    table = pd.DataFrame(list(gains), columns=["difference", "low", "high", "p_holm"])
    titles = list(msds_claims.BENCHMARKS.values())[: len(gains)]
    return table.assign(network="vgg16", data_set=titles, split_difference=table["difference"])


def test_a_gain_on_every_set_is_consistent_and_a_set_without_refutes_it() -> None:
    gain, none, open_ = (0.02, 0.01, 0.03, 0.001), (-0.001, -0.003, 0.002, 0.6), (-0.001, -0.02, 0.02, 0.9)
    assert msds_claims.consistent(main(*[gain] * 5))[0] == REPRODUCED
    assert msds_claims.consistent(main(*[gain] * 4, none))[0] == NOT_REPRODUCED
    assert msds_claims.consistent(main(*[gain] * 4, open_))[0] == CLOSE  # could still be a gain that matters
    assert msds_claims.consistent(main())[0] == NOT_RUN
    other_splits = main(*[gain] * 5).assign(split_difference=-0.01)  # both claims rest on the gain over all images
    assert msds_claims.consistent(other_splits)[0] == REPRODUCED


def test_significance_is_refuted_only_where_a_gain_would_have_been_seen() -> None:
    gain, small = (0.02, 0.01, 0.03, 0.001), (0.004, -0.002, 0.010, 0.3)
    assert msds_claims.significant(main(*[gain] * 5))[0] == REPRODUCED
    assert msds_claims.significant(main(*[gain] * 4, small), {"PIPAL": 0.006})[0] == CLOSE
    assert msds_claims.significant(main(*[gain] * 4, small), {"PIPAL": 0.012})[0] == NOT_REPRODUCED
    assert msds_claims.significant(main(small, small))[0] == NOT_REPRODUCED
    least = dict.fromkeys(main(small, small)["data_set"], 0.006)
    assert msds_claims.significant(main(small, small), least)[0] == CLOSE


def test_verdicts_follow_their_rules(study: msds_study.Study) -> None:
    table = compared(study)
    one = verdicts([study], table, detectable={"Made": 0.0123})
    assert one["verdict"].tolist() == ["not tested", "not tested", REPRODUCED]
    assert one["says"].tolist() == ["supports", "supports", ""]
    for claim in ("consistent", "significant"):
        assert "stand-in images (made, 240 images)" in one["untested"][claim]
        assert "squeezenet1_1 in place of vgg16" in one["untested"][claim]
    assert "Made shows a difference of 0.012" in one["evidence"]["significant"]
    whole = [replace(study, name=name, network="vgg16") for name in msds_claims.BENCHMARKS]
    all_five = verdicts(whole, table.assign(network="vgg16"))
    assert all_five["verdict"].tolist() == [REPRODUCED, REPRODUCED, REPRODUCED]
    part = [replace(study, name="live-part", network="vgg16")]
    alone = verdicts(part, table.assign(network="vgg16"))
    assert alone["verdict"].tolist()[:2] == ["not tested", "not tested"]
    assert alone["untested"]["consistent"] == "the claim also needs CSIQ, TID2013, KADID-10k and PIPAL"
    worse = table.assign(split_difference=-0.001, difference=-0.001, high=0.001, p_holm=0.2, network="vgg16")
    assert verdicts(part, worse)["verdict"].tolist()[:2] == [NOT_REPRODUCED, NOT_REPRODUCED]
    random = verdicts([replace(part[0], pretrained=False)], worse)
    assert random["says"].tolist()[:2] == ["contradicts", "contradicts"]


def test_the_papers_own_network_and_sets_decide_where_they_were_run(study: msds_study.Study) -> None:
    own = replace(study, network="vgg16", name="live")
    others = [study, replace(study, network="vgg16"), replace(study, name="live"), replace(own, name="live-part")]
    assert msds_claims.judged_by([*others, own]) == [own]
    assert msds_claims.judged_by(others) == [others[3]]
    assert msds_claims.judged_by(others[:2]) == [others[1]]
    assert msds_claims.judged_by([others[0], others[2]]) == [others[2]]
    assert msds_claims.judged_by([]) == []


def test_cost_is_judged_by_what_a_pyramid_costs(study: msds_study.Study) -> None:
    for times, outcome in ((1.31, REPRODUCED), (1.333, REPRODUCED), (1.34, NOT_REPRODUCED)):
        assert msds_claims.cheap(COST.assign(times=times), 3)[0] == outcome
    other = msds_claims.judge_claims([study], compared(study), COST[1:]).set_index("claim").loc["negligible-cost"]
    assert (other["verdict"], other["says"]) == ("not tested", "contradicts")
    shown = msds_tables.readable_costs(msds_claims.costs(["squeezenet1_1"], height=96, width=96, levels=2))
    assert shown.loc["closed form", "2 levels"] == 1.25


def absent(network: str, name: str, missing: Absent) -> LevelScores:
    return replace(made(name=name, network=network), absent=missing, title=name)


LACKS = Absent("weights", "VGG16")
DAMAGED = Absent("data set", "CSIQ", "3 images are damaged")
EVERYTHING = [
    made(name="tid2013-part"),
    made(name="tid2013-part", network="googlenet_bvlc"),
    absent("vgg16", "tid2013-part", LACKS),
    *(absent(net, "live", Absent("data set", "LIVE")) for net in ("squeezenet1_1", "googlenet_bvlc")),
    *(absent(net, "csiq", DAMAGED) for net in ("squeezenet1_1", "googlenet_bvlc")),
    *(absent("vgg16", name, LACKS) for name in ("live", "csiq", "pipal")),
    absent("squeezenet1_1", "pipal", Absent("data set", "PIPAL")),
]


def test_what_is_absent_is_said_once() -> None:
    lines = msds_tables.what_was_run(EVERYTHING)
    assert [line.split("**")[1] for line in lines] == ["Tid2013-Part", "vgg16", "live and pipal", "csiq"]
    assert "240 images of 20 references, with squeezenet1\\_1 and googlenet\\_bvlc." in lines[0]
    assert "VGG16: not available" in lines[1]
    assert "3 images are damaged" in lines[3]


def test_values_of_the_paper_that_were_not_run_have_a_short_reason(study: msds_study.Study) -> None:
    printed = published_values("msds", "benchmarks")
    ours = msds_claims.values([study], EVERYTHING, printed).drop_duplicates("column").set_index("column")
    assert ours["value"].isna().all()
    assert ours["note"].to_dict() == {
        "LIVE": "LIVE is not available, VGG16's weights are not available",
        "CSIQ": "VGG16's weights are not available",
        "TID2013": "TID2013 is not in this profile, VGG16's weights are not available",
        "KADID-10k": "KADID-10k is not in this profile, VGG16's weights are not available",
        "PIPAL": "PIPAL is not available, VGG16's weights are not available",
    }
    assert msds_claims.why_not(EVERYTHING[:1], "LIVE") == "LIVE is not in this profile, VGG16 is not in this profile"
    ours = msds_claims.values([replace(study, name="live", network="vgg16")], EVERYTHING, printed)
    assert ours["value"].notna().sum() == 2  # SRCC and PLCC of LIVE
    assert msds_claims.extensions([study])["value"].notna().all()


def test_published_scores_go_through_the_same_tests(real_data: Callable[[str], Path]) -> None:
    real_data("published-scores")
    tests = msds_tests.published_tests(load_published_scores("csiq"), resamples=100)
    table = msds_tests.adjusted(tests.assign(data_set="CSIQ"))
    assert len(table) == 6
    assert (table["difference"] >= 0).all()
    found = dict(zip(table["first"], table["srcc_first"], strict=True))
    found |= dict(zip(table["second"], table["srcc_second"], strict=True))
    assert found["DeepWSD_VGG"] == pytest.approx(0.9646, abs=5e-5)  # as published
    assert msds_tests.disagreement(table).loc["CSIQ", "pairs"] == 6
    assert len(msds_tables.readable_tests(table)) == len(msds_tables.readable_others(table)) == 6


@pytest.mark.parametrize("falling", [False, True])
def test_each_level_by_itself_is_summarised_and_the_best_one_named(falling: bool) -> None:
    scores = made(falling=falling)
    table = level_tables.by_level(scores)
    name = scores.columns()[1]
    row = table[(table["tap"] == "fire8") & (table["pyramid"] == "mean") & (table["level"] == 1)].iloc[0]
    wanted = stats.spearmanr(scores.table[name], scores.table["opinion"])[0]
    assert row["srcc"] == pytest.approx(-wanted if falling else wanted)
    assert row["srcc"] > 0
    assert row["with_image"] == pytest.approx(stats.spearmanr(scores.table[name], scores.table[scores.columns()[0]])[0])
    own = scores.table[name].to_numpy()
    assert (row["mean"], row["deviation"]) == pytest.approx((np.mean(own), np.std(own, ddof=1)))
    words = level_tables.in_words(scores)
    assert words.startswith(f"Level 1 follows the opinions best, with an SRCC of {row['srcc']:.3f}, against")
    shown = level_tables.readable(table)
    assert shown["fire8, mean"][1] == f"{row['srcc']:.3f}"
    assert len(shown) == scores.table.columns.str.startswith("fire8 mean").sum() + 1
    flat = replace(scores, table=scores.table.assign(**{name: 1.0}))
    assert level_tables.in_words(flat).startswith("Levels cannot be compared")
