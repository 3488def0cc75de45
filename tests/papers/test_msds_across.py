"""Weights from other sets and all lines of evidence, on generated sets whose answer is known."""

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replication.datasets.catalogue import Opinion
from replication.evaluation.dependent import compare_correlations, tost
from replication.evaluation.paired import holm
from replication.papers.msds import across as msds_across
from replication.papers.msds import evidence as msds_evidence
from replication.papers.msds import power as msds_power
from replication.papers.msds import rules as msds_claims
from replication.papers.msds import significance as msds_tests
from replication.papers.msds import study as msds_study
from replication.papers.msds import tables as msds_tables
from replication.scoring.msds_levels import LevelScores, column

REFERENCES, IMAGES = 24, 15
FINE_AND_COARSE = (0.35, 0.35, 3.0)
"""Noise of three levels whose best weights are about (.5, .5, 0); the others' are about (0, 0, 1) or (1, 0, 0)."""
COARSE_ONLY, FINE_ONLY = (3.0, 3.0, 0.3), (0.3, 3.0, 3.0)


@functools.cache
def planted(
    name: str, noise: tuple[float, ...], seed: int, network: str = "vgg16", references: tuple[str, ...] = ()
) -> msds_study.Study:
    """A set whose levels are its opinions with this much noise each; its name and title are the same."""
    generator = np.random.default_rng(seed)
    names = references or [f"{name}-{i}" for i in range(REFERENCES)]
    quality = generator.normal(size=REFERENCES * IMAGES)
    table = pd.DataFrame({"reference": np.repeat(names, IMAGES), "opinion": quality, "distortion": "noise"})
    table["distorted"] = [f"d{i}" for i in range(len(table))]
    for level, each in enumerate(noise):
        scores = 0.7 + 0.02 * (quality + each * generator.normal(size=len(table))) / np.hypot(1, each)
        table[column("relu5_1", "mean", level)] = scores
    facts = ("", "", (), Opinion("MOS", -4, 4, True), "", network, "file", ("relu5_1",), ("mean",), ())
    return msds_study.study(LevelScores(name, name, *facts, table), count=3, resamples=100, objective="nnls")


def adjusted_of(*studies: msds_study.Study) -> pd.DataFrame:
    parts = [msds_tests.against_levels(s).assign(network=s.network, data_set=s.title) for s in studies]
    return msds_tests.adjusted(pd.concat(parts, ignore_index=True))


def table_of(*studies: msds_study.Study) -> pd.DataFrame:
    fused = [(study, msds_across.fused(study, studies, objective="nnls")) for study in studies]
    return msds_across.across_sets(fused, adjusted_of(*studies)).set_index(["tested_on", "weights_of"])


def test_planted_weights_that_two_sets_share_are_as_good_on_the_other() -> None:
    one, other = planted("one", FINE_AND_COARSE, 0), planted("other", FINE_AND_COARSE, 1)
    table = table_of(one, other)
    for tested, fitted in (("one", "other"), ("other", "one")):
        row = table.loc[tested, fitted]
        assert row["gain"] > 0
        assert row["p_holm"] < 0.001
        assert row["p_as_own"] < 0.05
        assert abs(row["minus_own"]) < 0.005
        assert table.loc[(tested, msds_across.OWN), "minus_own"] == 0
    lines = msds_across.in_words(table.reset_index())
    assert lines[0] == (
        "vgg16, weights of other on one: a gain over level 0, and as good as the set's own weights (within 0.005)."
    )


def test_planted_weights_of_a_set_whose_best_level_is_another_one_lose() -> None:
    table = table_of(planted("one", COARSE_ONLY, 0), planted("other", FINE_ONLY, 1))
    for tested, fitted in (("one", "other"), ("other", "one")):
        row = table.loc[tested, fitted]
        assert row["minus_own_high"] < -0.3
        assert row["p_as_own"] > 0.05
    assert table.loc["other", "one"]["p_holm"] < 0.001
    assert table.loc["other", "one"]["gain"] < -0.3
    lines = msds_across.in_words(table.reset_index())
    assert lines[1] == "vgg16, weights of one on other: a loss over level 0, and worse than with the set's own weights."


def test_gains_and_tests_are_those_of_their_own_functions() -> None:
    one, other = planted("one", FINE_AND_COARSE, 0), planted("other", FINE_AND_COARSE, 1)
    row = table_of(one, other).loc["one", msds_across.NO_SET]
    mean = one.levels.mean(axis=1)
    own = compare_correlations(mean, one.levels[:, 0], one.opinions, references=one.references)
    assert row["srcc"] == pytest.approx(stats.spearmanr(mean, one.opinions)[0])
    assert row[["gain", "low", "high", "p"]].tolist() == pytest.approx([*own.difference, own.p_value])
    equivalent = tost(own.difference.estimate, own.standard_error, own.degrees, 0.005).p_value
    assert row["p_equivalent"] == pytest.approx(equivalent)


def test_no_comparison_has_two_corrected_p_values() -> None:
    studies = planted("one", FINE_AND_COARSE, 0), planted("other", (0.4, 0.4, 0.4), 1), planted("last", FINE_ONLY, 2)
    table, compared = table_of(*studies), adjusted_of(*studies)
    for study in studies:
        own = compared[(compared["data_set"] == study.title) & (compared["second"] == "level 0")].set_index("first")
        for origin, method in ((msds_across.OWN, msds_study.LEARNED), (msds_across.NO_SET, msds_study.EQUAL)):
            row = table.loc[(study.title, origin)]
            assert row[["gain", "p", "p_holm"]].tolist() == own.loc[method, ["difference", "p", "p_holm"]].tolist()
        others = table.loc[study.title].drop([msds_across.OWN, msds_across.NO_SET])
        assert others["p_holm"].tolist() == pytest.approx(holm(others["p"].to_numpy()).tolist())


def test_no_image_is_scored_with_opinions_on_its_own_photo() -> None:
    kodak = tuple(f"I{i + 1:02}.BMP" for i in range(REFERENCES))
    names = ("caps.bmp", *(f"live-{i}" for i in range(REFERENCES - 1)))
    tid, live = (
        planted("tid2013-part", FINE_AND_COARSE, 0, references=kodak),
        planted("live-part", FINE_AND_COARSE, 1, references=names),
    )
    opinions = np.where(live.references == "caps.bmp", -live.opinions, live.opinions)
    before, after = (
        msds_across.carried(tid, each, folds=24, objective="nnls") for each in (live, replace(live, opinions=opinions))
    )
    own = tid.references == "I03.BMP"  # cut from the same photo as caps.bmp
    np.testing.assert_array_equal(before[own], after[own])
    assert not np.array_equal(before[~own], after[~own])


def test_one_set_has_nothing_to_be_tested_across_and_its_own_part_is_no_other_set() -> None:
    part, whole = planted("live-part", FINE_AND_COARSE, 0), planted("live", FINE_AND_COARSE, 1)
    for studies in ([part], [part, whole], [part, planted("tid2013", FINE_AND_COARSE, 2, "googlenet_bvlc")]):
        table = table_of(*studies).reset_index()
        assert set(table["weights_of"]) == {msds_across.OWN, msds_across.NO_SET}
        assert msds_across.in_words(table)[0] == (
            "vgg16 on live-part: no other set was run, so that nothing can be tested across sets."
        )


def evidence(*studies: msds_study.Study) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Lines of evidence, tests and `across_sets`."""
    compared, across = adjusted_of(*studies), table_of(*studies).reset_index()
    lines = msds_evidence.lines_of_evidence(studies, compared, across, {"live": 0.0123})
    return lines.set_index(["network", "data set"]), compared, across


def test_other_networks_are_extensions_and_change_no_number_of_the_papers() -> None:
    own = [planted("live", FINE_AND_COARSE, 0), planted("tid2013", FINE_AND_COARSE, 1)]
    others = [planted("live", FINE_ONLY, 2, "googlenet_bvlc"), planted("tid2013", FINE_ONLY, 3, "googlenet_bvlc")]
    alone, compared, across = evidence(*own)
    both, all_compared, all_across = evidence(*own, *others)
    assert both["counts"].tolist() == ["verdict", "verdict", "extension", "extension"]
    pd.testing.assert_frame_equal(both.iloc[:2], alone)
    pd.testing.assert_frame_equal(all_across.iloc[: len(across)], across)
    cost = pd.DataFrame({"network": ["vgg16"], "levels": [3], "times": [1.31], "closed_form": [1.3125]})
    first, second = (
        msds_claims.judge_claims(studies, tests, cost)
        for studies, tests in ((own, compared), ([*own, *others], all_compared))
    )
    pd.testing.assert_frame_equal(first, second)
    assert alone.loc[("vgg16", "live"), "seen in 4 of 5"] == "0.012"
    assert alone.loc[("vgg16", "live"), "weights of other sets"].startswith("tid2013 +0.")
    assert len(msds_tables.readable_across(across)) == 6


def test_a_finding_is_a_difference_or_an_equivalence_or_open() -> None:
    tests = {"p_holm": 0.01, "difference": 0.01, "p_equivalent": 0.9}
    assert msds_evidence.finding(tests) == "gain"
    assert msds_evidence.finding(tests | {"difference": -0.01}) == "loss"
    assert msds_evidence.finding(tests | {"p_holm": 0.2}) == "not decided"
    assert msds_evidence.finding(tests | {"p_holm": 0.2, "p_equivalent": 0.01}) == "within 0.005"


def test_estimates_of_one_gain_that_cannot_both_hold_are_named() -> None:
    study = planted("one", FINE_AND_COARSE, 0)
    _, compared, _ = evidence(study)
    assert msds_evidence.contradictions([study], compared) == []
    elsewhere = compared.assign(split_difference=-0.05)
    assert "random splits have \N{MINUS SIGN}0.050" in msds_evidence.contradictions([study], elsewhere)[0]


def test_types_on_which_scale_helps_and_hurts_are_named() -> None:
    table = pd.DataFrame(
        {"distortion": ["blur", "noise", "fading"], "gain": [0.02, 0.01, -0.03], "p_holm": [0.01, 0.3, 0.02]}
    )
    lines = msds_evidence.where_scale_helps({"LIVE": table, "none": table[:0]})
    assert lines[0] == (
        "LIVE: scale helps on blur (+0.020) and hurts on fading (\N{MINUS SIGN}0.030); on 1 of 3 types no difference "
        "is significant."
    )
    assert lines[1].startswith("none: no type")


def test_each_set_is_simulated_after_its_own_study() -> None:
    live, other = planted("live-part", FINE_AND_COARSE, 0), planted("made", FINE_ONLY, 1)
    sizes = msds_power.sizes_of([other, live])
    assert sizes["LIVE"] == (live, msds_power.SIZES["LIVE"])
    assert sizes["CSIQ"][0] is other
    assert sizes["made"][0] is other
    assert (sizes["live-part"][0], sizes["live-part"][1].images) == (live, IMAGES)
    power = msds_power.power_of([live], simulations=5)
    assert list(dict.fromkeys(power["data_set"])) == [*msds_power.SIZES, "live-part"]
