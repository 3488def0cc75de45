"""Rules of paper 1: its own printed numbers reproduce its claims, numbers that refute it do not."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replication import datasets
from replication.papers.msssim import reconstructions, rules, super_resolution
from replication.papers.msssim import representations as report
from replication.papers.msssim.losses import METHODS, PAIRS
from replication.reporting import published
from replication.reporting.adequacy import Gate
from replication.reporting.verdicts import compare, judged
from replication.scoring.edges import GABOR, GRADIENTS

Changes = Mapping[tuple[str, str, str], float]


def enlarged(changes: Changes | None = None) -> pd.DataFrame:
    """Differences of the printed table on super-resolution, without any uncertainty.

    changes: (data set, metric, loss) -> the value in place of the printed one.
    """
    printed = published.values("msssim", "super_resolution")
    keys = zip(printed["column"], printed["statistic"], printed["row"], strict=True)
    table = {**dict(zip(keys, printed["value"], strict=True)), **(changes or {})}
    rows = []
    for data_set, images in (("Set5", 5), ("Set14", 14), ("BSD200", 200)):
        for metric in ("PSNR", "SSIM"):
            for first, second in PAIRS:
                mean = table[data_set, metric, first] - table[data_set, metric, second]
                rows.append((data_set, metric, first, second, mean, mean, mean, 0.0, 3, 3, images))
    columns = ["data_set", "metric", "first", "second", "mean", "low", "high", "p_holm", "agree", "seeds", "n"]
    return pd.DataFrame(rows, columns=columns)


def predicted(changes: Mapping[tuple[str, str], float] | None = None) -> pd.DataFrame:
    """Differences of the printed table on representations. changes: (target, loss) -> value."""
    printed = published.values("msssim", "representations")
    table = dict(zip(zip(printed["column"], printed["row"], strict=True), printed["value"], strict=True))
    return _differences({**table, **(changes or {})}, ("identity", "azimuth", "elevation"))


def edges(**levels: float) -> pd.DataFrame:
    """Differences of reading errors: MS-SSIM 10, others 20, unless given."""
    means = {"MSE": 20.0, "MAE": 20.0, "MS-SSIM": 10.0} | {name.replace("_", "-"): v for name, v in levels.items()}
    return _differences(
        {(target, loss): value for target in (GRADIENTS, GABOR) for loss, value in means.items()}, (GRADIENTS, GABOR)
    )


def _differences(table: Mapping[tuple[str, str], float], targets: tuple[str, ...]) -> pd.DataFrame:
    rows = []
    for target in targets:
        for first, second in PAIRS:
            mean = table[target, first] - table[target, second]
            rows.append((target, first, second, mean, mean, mean))
    return pd.DataFrame(rows, columns=["target", "first", "second", "mean", "low", "high"])


def shares(share: float, low: float) -> pd.DataFrame:
    rows = [("people", "MS-SSIM", other, share, low, 2 * share - low, 1000) for other in ("MSE", "MAE")]
    return pd.DataFrame(rows, columns=["observer", "first", "second", "share", "low", "high", "n"])


def apart(mean: float) -> pd.DataFrame:
    rows = [("MS-SSIM", other, mean, mean, mean, mean, mean, 1000) for other in ("MSE", "MAE")]
    return pd.DataFrame(rows, columns=["first", "second", "mean", "low", "high", "least", "most", "n"])


def all_outcomes() -> dict[str, tuple[str, str]]:
    return {
        **rules.super_resolution(enlarged()),
        **rules.representations(predicted(), predicted()),
        **rules.edges(edges()),
        **rules.reconstructions(shares(0.6, 0.55), apart(0.1), apart(0.1), note="as the paper has it"),
    }


def test_every_claim_has_a_dated_rule_in_words_and_one_in_code() -> None:
    claims = published.claims("msssim")
    assert set(claims["claim"]) == set(all_outcomes())
    assert (claims["rule"] != "").all()
    assert set(claims["fixed"]) == {"2026-11-28"}


def test_the_papers_own_numbers_reproduce_all_of_its_claims() -> None:
    assert {verdict for verdict, _ in all_outcomes().values()} == {"reproduced"}


@pytest.mark.parametrize(
    ("claim", "changes", "verdict"),
    [
        ("sr-ssim-best", {("Set14", "SSIM", "MS-SSIM"): 0.75}, "not reproduced"),
        ("sr-psnr-comparable", {("BSD200", "PSNR", "MS-SSIM"): 26.6}, "not reproduced"),
        ("sr-mae-worst", {("Set5", "PSNR", "MAE"): 30.4}, "not reproduced"),
        ("sr-mae-worst", {("Set5", "SSIM", "MAE"): 0.865}, "not reproduced"),
    ],
)
def test_numbers_that_refute_a_claim_on_super_resolution(claim: str, changes: Changes, verdict: str) -> None:
    assert rules.super_resolution(enlarged(changes))[claim][0] == verdict


def test_super_resolution_is_close_where_it_is_not_significant() -> None:
    table = enlarged()
    one = (table["data_set"] == "Set14") & (table["first"] == "MS-SSIM")
    assert rules.super_resolution(table.assign(p_holm=np.where(one, 0.2, 0.0)))["sr-ssim-best"][0] == "close"
    assert rules.super_resolution(table.assign(agree=np.where(one, 2, 3)))["sr-ssim-best"][0] == "close"
    wide = table.assign(low=table["mean"] - 0.6)
    found = {claim: verdict for claim, (verdict, _) in rules.super_resolution(wide).items()}
    assert (found["sr-psnr-comparable"], found["sr-mae-worst"]) == ("close", "close")
    few = table.assign(p_holm=np.where(table["data_set"] == "Set5", 0.2, 0.0))  # five images: no test can be
    assert rules.super_resolution(few)["sr-ssim-best"][0] == "reproduced"


def test_predictions_are_judged_by_the_random_split() -> None:
    worse = predicted({("elevation", "MS-SSIM"): 60.0})
    assert rules.representations(worse, predicted())["representations-best"][0] == "not reproduced"
    verdict, evidence = rules.representations(predicted(), worse)["representations-best"]
    assert verdict == "reproduced"
    assert "by groups of lights: lowest error for 2 of 3 targets" in evidence
    unsure = predicted().assign(high=1.0)
    assert rules.representations(unsure, worse)["representations-best"][0] == "close"


def test_edges_are_judged_by_both_maps_against_both_losses() -> None:
    assert rules.edges(edges(MAE=9.0))["edges-encoded"][0] == "not reproduced"
    assert rules.edges(edges().assign(high=0.5))["edges-encoded"][0] == "close"
    assert rules.edges(None)["edges-encoded"][0] == "not run"


@pytest.mark.parametrize(
    ("people", "fine", "cut_off", "expected"),
    [
        (shares(0.6, 0.45), -0.1, 0.1, {"human-preference": "close", "fine-detail": "close"}),
        (shares(0.4, 0.35), -0.1, -0.1, {"human-preference": "not reproduced", "fine-detail": "not reproduced"}),
        (None, 0.1, -0.1, {"human-preference": "not run", "fine-detail": "reproduced"}),
    ],
)
def test_reconstructions(people: pd.DataFrame | None, fine: float, cut_off: float, expected: Mapping[str, str]) -> None:
    found = rules.reconstructions(people, apart(fine), apart(cut_off), note="made here")
    assert {claim: verdict for claim, (verdict, _) in found.items()} == expected


def test_a_seed_of_the_other_sign_is_no_finer_detail() -> None:
    table = apart(0.1).assign(least=-0.01)
    assert rules.reconstructions(None, table, apart(-0.1), note="")["fine-detail"][0] == "not reproduced"


class TestBasis:
    def test_other_training_images_leave_bicubic_a_test_and_networks_none(self) -> None:
        named = {title: f"set-{title}" for title in ("Set5", "Set14", "BSD200")}
        titles = {f"set-{title}": title for title in named} | {"t91": "T91"}

        class Images:
            def __init__(self, title: str) -> None:
                self.title = title

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(datasets, "images", lambda name: Images(titles[name]))
            bicubic, networks = super_resolution.bases(named, ["t91"], [Gate("flat", True)])
            assert bicubic.untested("value") == ""
            assert networks.untested("value").startswith("trained on T91; the paper trained on 5 million patches")
            stand_in, _ = super_resolution.bases(named | {"Set5": "t91"}, ["t91"], [])
        assert stand_in.untested("value") == "stand-in images (T91)"
        claims = judged("msssim", rules.super_resolution(enlarged()), networks)
        assert set(claims["verdict"]) == {"not tested"}
        assert set(claims["says"]) == {"supports"}

    def test_yale_b_and_stl10_are_the_papers_own(self) -> None:
        failed = [Gate("three seeds", False, "1 of each")]
        assert report.basis("yaleb", "Extended Yale B", []).untested("value") == ""
        assert report.basis("yaleb", "", failed).untested("claim") == "conditions of training not met: three seeds"
        assert report.basis("lit-photos", "photos", []).untested("claim") == "stand-in images (photos)"
        assert reconstructions.basis("stl10", "", []).untested("claim") == ""
        assert reconstructions.basis("crops", "squares", []).images == "stand-in"


def test_values_that_test_nothing_say_so() -> None:
    table = published.values("msssim", "representations")
    own = pd.DataFrame({"target": table["column"], "method": table["row"], "mean": table["value"]})
    own = own.assign(low=own["mean"], high=own["mean"], n=2414)
    found = compare(table, report.values(own, "faces", "training: flat not met"))
    assert set(found["verdict"]) == {"not tested"}
    assert set(found["says"]) == {"supports"}
    assert set(compare(table, report.values(own, "faces"))["verdict"]) == {"reproduced"}
    assert set(METHODS.values()) == set(own["method"])


def test_power_of_the_published_identity_errors() -> None:
    found = report.identity_power(17, 27, 482, 2414).set_index("experiment")
    assert found.loc["as published", "wrong, %"] == "3.53 and 5.60"
    assert found.loc["as published", "p"] == pytest.approx(0.1642, abs=1e-4)
    rng = np.random.default_rng(0)
    wrong = rng.binomial(100, [0.1, 0.3], (2000, 2))
    hits = [stats.fisher_exact(np.array([[a, 100 - a], [b, 100 - b]])).pvalue < 0.05 for a, b in wrong]
    small = report.identity_power(10, 30, 100, 100)
    assert small.loc[0, "power"] == pytest.approx(np.mean(hits), abs=0.03)
