"""Verdicts at and around their limits, and the files that carry results to the scorecard."""

import json

import numpy as np
import pandas as pd
import pytest

from replication.reporting import published, verdicts
from replication.reporting.adequacy import Basis, Gate, combined
from replication.reporting.published import KEY
from replication.reporting.verdicts import ResultsError, compare, compare_claims, read_results, write_results

CLAIM = ["paper", "claim", "verdict", "evidence"]
SET5_MSE = ("msssim", "super_resolution", "MSE", "Set5", "PSNR")  # published: 30.52, limits 0.05 and 0.3


def ours(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=[*KEY, "value"])


def judge(key: tuple, value: float) -> pd.Series:
    table = compare(published.values(key[0], key[1]), ours((*key, value)))
    return table.set_index(KEY).loc[key]


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (30.52, "reproduced"),
        (30.575, "reproduced"),  # 0.05 and half of the last printed digit, exactly
        (30.465, "reproduced"),
        (30.576, "close"),
        (30.215, "close"),
        (30.825, "close"),
        (30.826, "not reproduced"),
        (29.0, "not reproduced"),
    ],
)
def test_absolute_limits(value, verdict):
    row = judge(SET5_MSE, value)
    assert row["verdict"] == verdict
    assert row["difference"] == pytest.approx(value - 30.52)
    assert row["published"] == 30.52


def test_a_limit_met_exactly_in_print_is_met_whatever_its_binary_form():
    assert judge(("msssim", "super_resolution", "Bicubic", "Set14", "PSNR"), 25.955)["verdict"] == "reproduced"
    assert 26.01 - 25.955 > 0.05 + 0.005


def test_relative_limits_scale_with_the_published_value():
    key = ("lwssim", "celeba", "VAE (MSE)", "CelebA 64", "MSE")  # 0.0235: 5 % is 0.001175, 20 % is 0.0047
    verdicts_ = [judge(key, 0.0235 + step)["verdict"] for step in (0.00122, 0.00123, 0.00474, 0.00476)]
    assert verdicts_ == ["reproduced", "close", "close", "not reproduced"]


def test_reason_says_which_limit_decided():
    assert judge(SET5_MSE, 30.5)["reason"] == "within 0.055"
    assert judge(SET5_MSE, 30.3)["reason"] == "within 0.305"
    assert judge(SET5_MSE, 10.0)["reason"] == "off by more than 0.305"


def test_absent_values_are_not_run_with_the_reason():
    table = ours((*SET5_MSE, np.nan)).assign(note="weights not present")
    judged = compare(published.values("msssim", "super_resolution"), table).set_index(KEY)
    assert tuple(judged.loc[SET5_MSE, ["verdict", "reason"]]) == ("not run", "weights not present")
    other = judged.drop(index=SET5_MSE)
    assert set(other["verdict"]) == {"not run"}
    assert set(other["reason"]) == {"not built"}


def test_rows_keep_the_order_of_print_whatever_ours_is():
    values = published.values("smic")
    shuffled = values[[*KEY, "value"]].sample(frac=1, random_state=0)
    judged = compare(values, shuffled)
    assert (judged[KEY] == values[KEY]).all().all()
    assert set(judged["verdict"]) == {"reproduced"}


def test_unknown_keys_name_the_nearest_known():
    judge_row = ours(("msssim", "super_resolution", "MS_SSIM", "Set5", "PSNR", 30.0))
    with pytest.raises(ResultsError, match=r"MS_SSIM / Set5 / PSNR'; nearest: .*MS-SSIM / Set5 / PSNR"):
        compare(published.values("msssim", "super_resolution"), judge_row)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (ours((*SET5_MSE, 1.0), (*SET5_MSE, 2.0)), "is given twice"),
        (ours((*SET5_MSE, 1.0)).drop(columns="value"), "lack the column value"),
        (ours((*SET5_MSE, 1.0)).assign(mean=1), "unknown columns mean"),
    ],
)
def test_bad_tables_are_refused(table, message):
    with pytest.raises(ResultsError, match=message):
        compare(published.values("msssim", "super_resolution"), table)


def test_a_statistic_without_tolerance_is_an_error():
    limits = published.tolerances()
    limits = limits[limits["statistic"] != "PSNR"]
    with pytest.raises(ResultsError, match=r"no row for msssim / super_resolution / PSNR"):
        compare(published.values("msssim", "super_resolution"), ours((*SET5_MSE, 30.0)), limits)


def test_claims_without_verdict_are_not_built():
    mine = pd.DataFrame([("msssim", "sr-mae-worst", "close", "on two of three sets")], columns=CLAIM)
    judged = compare_claims(published.claims("msssim"), mine).set_index("claim")
    assert tuple(judged.loc["sr-mae-worst", ["verdict", "reason"]]) == ("close", "on two of three sets")
    assert tuple(judged.loc["fine-detail", ["verdict", "reason"]]) == ("not run", "not built")


def test_results_come_back_as_written(clone):
    values = ours((*SET5_MSE, 30.123456789), ("msssim", "super_resolution", "MAE", "Set5", "SSIM", np.nan))
    values = values.assign(low=[30.0, np.nan], high=[30.2, np.nan], n=[5, 5], note=["", "NA, no weights"])
    claims = pd.DataFrame([("msssim", "sr-mae-worst", "close", "a, b")], columns=CLAIM)
    folder = write_results("sample", "sr", values, claims, extensions=values.assign(table="other network"))
    assert folder == clone / "results" / "sample" / "sr"
    assert (folder / "values.csv").read_text().splitlines() == [
        "paper,table,row,column,statistic,value,low,high,n,origin,untested,note",
        "msssim,super_resolution,MSE,Set5,PSNR,30.1235,30,30.2,5,,,",
        'msssim,super_resolution,MAE,Set5,SSIM,,,,5,,,"NA, no weights"',
    ]
    back = read_results("sample")["sr"]
    judged = compare(published.values("msssim", "super_resolution"), back["values"]).set_index(KEY)
    assert judged.loc[SET5_MSE, "ours"] == 30.1235
    assert judged.loc[("msssim", "super_resolution", "MAE", "Set5", "SSIM"), "reason"] == "NA, no weights"
    assert list(back["claims"]["evidence"]) == ["a, b"]
    assert set(back["extensions"]["table"]) == {"other network"}


def test_a_notebook_and_the_scorecard_see_the_same_digits(clone):
    table = ours((*SET5_MSE, 27.29499999)).assign(low=30.57500049)
    published_ = published.values("msssim", "super_resolution")
    write_results("sample", "sr", table)
    here, there = compare(published_, table), compare(published_, read_results("sample")["sr"]["values"])
    pd.testing.assert_frame_equal(here, there)
    assert here.set_index(KEY).loc[SET5_MSE, "ours"] == 27.295


def test_results_of_a_later_run_replace_all_of_the_earlier(clone):
    values = ours((*SET5_MSE, 30.0))
    claims = pd.DataFrame([("msssim", "sr-mae-worst", "close", "x")], columns=CLAIM)
    write_results("sample", "sr", values, claims, extensions=values.assign(table="new"))
    folder = write_results("sample", "sr", values)
    assert sorted(path.name for path in folder.iterdir()) == ["claims.csv", "metrics.json", "values.csv"]
    assert read_results("sample")["sr"]["claims"].empty


def test_wrong_results_leave_the_earlier_ones(clone):
    good = ours((*SET5_MSE, 30.0))
    folder = write_results("sample", "sr", good)
    before = (folder / "values.csv").read_text()
    bad_claim = pd.DataFrame([("msssim", "sr-mae-worst", "true", "x")], columns=CLAIM)
    with pytest.raises(ResultsError, match="'true' is no verdict; the words are reproduced, close"):
        write_results("sample", "sr", ours((*SET5_MSE, 1.0)), bad_claim)
    with pytest.raises(ResultsError, match="no published paper / claim is 'msssim / sr-mae'; nearest: msssim / sr-mae"):
        write_results("sample", "sr", good, bad_claim.assign(claim="sr-mae", verdict="close"))
    assert (folder / "values.csv").read_text() == before


def test_a_results_file_with_other_columns_is_named(clone):
    folder = write_results("sample", "sr", ours((*SET5_MSE, 30.0)))
    (folder / "values.csv").write_text("paper,value\nmsssim,1\n")
    with pytest.raises(ResultsError, match=r"values\.csv of sr: results lack the column table"):
        read_results("sample")


@pytest.mark.parametrize(
    ("value", "low", "high", "says"),
    [(30.7, np.nan, np.nan, "supports"), (31.0, 30.4, 31.5, "inconclusive"), (31.0, 30.9, 31.1, "contradicts")],
)
def test_a_value_that_is_no_test_says_what_it_says(value, low, high, says):
    """Published: 30.52; the second tolerance is 0.3 and half a unit of the last digit."""
    table = ours((*SET5_MSE, value)).assign(low=low, high=high, untested="stand-in images")
    judged = compare(published.values("msssim", "super_resolution"), table).set_index(KEY).loc[SET5_MSE]
    assert tuple(judged[["verdict", "says", "reason"]]) == ("not tested", says, "stand-in images")


@pytest.mark.parametrize(
    ("outcome", "basis", "expected"),
    [
        ("reproduced", Basis("own"), ("reproduced", "")),
        ("reproduced", Basis("exact part"), ("reproduced", "")),
        ("reproduced", Basis("stand-in"), ("not tested", "supports")),
        ("close", Basis("own", network="another network"), ("not tested", "inconclusive")),
        ("not reproduced", Basis("own", weights="random weights"), ("not tested", "contradicts")),
        ("not reproduced", Basis("own", gates=(Gate("beats PCA", passed=False),)), ("not tested", "contradicts")),
        ("not reproduced", Basis("own", gates=(Gate("beats PCA", passed=True),)), ("not reproduced", "")),
        ("reproduced", Basis("exact part", missing="four of six sets"), ("not tested", "supports")),
        ("not reproduced", Basis("exact part", missing="four of six sets"), ("not reproduced", "")),
        ("not run", Basis("stand-in"), ("not run", "")),
    ],
)
def test_a_claim_is_tested_only_by_what_the_paper_says_it_of(outcome, basis, expected):
    row = verdicts.judged("msds", {"consistent": (outcome, "numbers")}, basis).iloc[0]
    assert tuple(row[["verdict", "says"]]) == expected
    assert (row["untested"] != "") == (row["verdict"] == "not tested")


def test_a_part_of_a_set_tests_claims_but_not_values():
    part = Basis("exact part", "229 of 779 images")
    assert part.untested("claim") == ""
    assert part.untested("value") == "part of the images (229 of 779 images)"


def test_bases_are_combined_to_the_weakest():
    gate = Gate("beats PCA", passed=False, found=".006 against .005")
    both = combined([Basis("own", weights="random weights"), Basis("exact part", gates=(gate,))], "KADID-10k")
    assert both == Basis("exact part", weights="random weights", gates=(gate,), missing="KADID-10k")
    assert both.untested("claim") == "random weights; conditions of training not met: beats PCA"


def test_a_claim_not_tested_needs_its_reason(clone):
    claims = pd.DataFrame([("msssim", "sr-mae-worst", "not tested", "x")], columns=CLAIM)
    with pytest.raises(ResultsError, match="a claim that is not tested has a reason"):
        write_results("sample", "sr", ours((*SET5_MSE, 1.0)), claims)


def test_numbers_and_counts_of_verdicts_are_left_for_dvc(clone):
    values = ours((*SET5_MSE, 30.5), ("msssim", "super_resolution", "MAE", "Set5", "SSIM", np.nan))
    claims = pd.DataFrame([("msssim", "sr-mae-worst", "close", "x")], columns=CLAIM)
    left = json.loads((write_results("sample", "sr", values, claims) / "metrics.json").read_text())
    assert left["numbers"] == {"MSE, Set5, PSNR": 30.5}
    assert left["values"]["reproduced"] == 1
    assert left["claims"] == {word: int(word == "close") for word in verdicts.VERDICTS}
    only = write_results("sample", "sr", values.iloc[1:], extensions=ours(("msssim", "new", "a", "b", "c", 2.0)))
    assert json.loads((only / "metrics.json").read_text())["numbers"] == {"a, b, c": 2.0}
