"""Which sets and networks decide the claims of paper 4, and its verdicts from measured distances to the end."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from replication.absent import Absent
from replication.datasets.catalogue import JUDGED, RATED
from replication.evaluation import correlate
from replication.papers.pe import basis, comparisons, quality_claims, regression, rules
from replication.papers.pe import quality as pe
from replication.scoring.channel_sets import channel_distances_of
from replication.scoring.channel_tables import ChannelDistances
from replication.scoring.channels import Network
from replication.scoring.judged_sets import score_judgements
from tests.papers.test_pe_quality import efficacy, made, nothing, people, scored, scores

FIVE = ("alexnet", "vgg16", "squeezenet1_1", "shufflenet_v2_x1_0", "googlenet_bvlc")
NO_WEIGHTS = Absent("weights", "VGG16")


def titled(name: str, backbone: str = "alexnet", *, rising: bool = True, **more: Any) -> ChannelDistances:
    each = made(backbone, rising=rising, name=name)
    return dataclasses.replace(each, title=RATED[name].title, **more)


def part(backbone: str = "alexnet", kinds: tuple[str, ...] = ("exact", "near"), **how: Any) -> ChannelDistances:
    """live-part with images of these kinds in turn."""
    each = titled("live-part", backbone, **how)
    return dataclasses.replace(each, table=each.table.assign(kind=[kinds[i % len(kinds)] for i in range(160)]))


def verdicts(*measured: ChannelDistances, metrics: pd.DataFrame | None = None) -> Mapping[str, Mapping[str, str]]:
    cut = pe.by_kind(measured)
    known = efficacy(*{each.backbone for each in cut})
    _, differences = pe.study(cut, known, draws=1, resamples=100)
    tables = {each.name: scored(each) for each in measured if not each.absent and each.opinion is not None}
    beside = comparisons.beside_metrics(
        cut, known, tables, [rules.LPIPS, "good"], distortions=[rules.BLUR], resamples=100
    )
    judged = comparisons.judged(cut, known)
    fits = regression.fitted([each for each in cut if each.backbone.startswith("googlenet")], known)
    found = quality_claims.judge(cut, differences, fits, beside, judged, pd.DataFrame() if metrics is None else metrics)
    return {row["claim"]: row for row in found.to_dict("records")}


def test_own_sets_and_all_networks_give_a_test() -> None:
    found = verdicts(*(titled(name, network) for network in FIVE for name in ("live", "live-md")))
    for claim in ("h-over-f", "f-over-l", "across-networks", "h10-beats-lpips-md", "h10-beats-lpips-blur"):
        expected = "not run" if claim == "h10-beats-lpips-blur" else "reproduced"  # no layer is named relu1 here
        assert (found[claim]["verdict"], found[claim]["untested"]) == (expected, ""), claim
    assert "20 comparisons" not in found["h-over-f"]["evidence"]
    assert found["h-over-f"]["evidence"].startswith("20 layers of 5 networks")
    assert "LPIPS" in found["h10-beats-lpips-md"]["evidence"] or "lpips" in found["h10-beats-lpips-md"]["evidence"]
    turned = verdicts(*(titled(name, network, rising=False) for network in FIVE for name in ("live", "live-md")))
    for claim in ("h-over-f", "f-over-l", "across-networks"):
        assert turned[claim]["verdict"] == "not reproduced"


def test_googlenet_decides_the_regression() -> None:
    found = verdicts(titled("live", "googlenet"))["h5-fits-dmos"]
    assert (found["verdict"], found["untested"]) == ("reproduced", "")
    assert verdicts(titled("live", "googlenet", rising=False))["h5-fits-dmos"]["verdict"] == "not reproduced"
    assert verdicts(titled("live", "alexnet"))["h5-fits-dmos"]["verdict"] == "not run"


def test_exact_images_of_a_part_decide_and_others_stand_beside() -> None:
    each = part(rising=False)
    exact = (each.table["kind"] == "exact").to_numpy()
    matrix = each.distances["one"].copy()
    matrix[exact] = made(rising=True).distances["one"][exact]  # only exact images agree with the paper
    mixed = dataclasses.replace(each, distances={"one": matrix}, activity={"one": each.activity["one"]})
    found = verdicts(mixed)["h-over-f"]
    assert found["says"] in ("supports", "inconclusive")  # all images together contradict it
    assert found["untested"] == "without LIVE multiply distorted, VGG16, SqueezeNet, ShuffleNet, GoogLeNet"
    chosen = basis.votes(pe.by_kind([mixed]))
    assert chosen.basis is not None
    assert (chosen.basis.images, chosen.basis.about) == ("exact part", "80 of the 779 images of LIVE")
    assert chosen.pairs == {("LIVE: 80 exact images", "alexnet")}


def test_a_second_set_is_studied_beside_and_decides_nothing_that_live_decides() -> None:
    second = titled("tid2013-part", rising=False)  # contradicts every order of the paper
    second = dataclasses.replace(second, table=second.table.assign(kind="exact"))
    alone, both = verdicts(part()), verdicts(part(), second)
    for claim in ("h-over-f", "f-over-l", "across-networks"):
        assert both[claim] == alone[claim]
    assert both["h10-beats-lpips-md"]["verdict"] == "not tested"  # no image of LIVE multiply distorted
    cuts = pe.by_kind([part(), second])
    assert pe.official(cuts) == ["LIVE: 80 exact images", "TID2013: 160 exact images"]
    _, differences = pe.study(cuts, efficacy("alexnet"), draws=1, resamples=100)
    own = differences[(differences["first"] == "H-10") & (differences["second"] == "F")]
    medians = own.groupby("data_set")["difference"].median()
    assert medians["TID2013: 160 exact images"] < 0 < medians["LIVE: 80 exact images"]


def test_a_part_can_refute_a_claim() -> None:
    found = verdicts(part(rising=False))
    assert found["h-over-f"]["verdict"] == "not reproduced"
    assert found["across-networks"]["verdict"] == "not reproduced"


def test_the_whole_set_is_preferred_to_its_part() -> None:
    chosen = basis.votes(pe.by_kind([part(), titled("live")]), sets=("live",))
    assert chosen.pairs == {("LIVE", "alexnet")}
    assert chosen.basis is not None
    assert chosen.basis.images == "own"


def test_other_sets_and_random_weights_are_no_test() -> None:
    other = dataclasses.replace(titled("tid2013-part"), weights="random, seed 0")
    other = dataclasses.replace(other, table=other.table.assign(kind="exact"))
    found = verdicts(other)["f-over-l"]
    assert (found["verdict"], found["says"]) == ("not tested", "supports")
    assert found["untested"] == "stand-in images (tid2013-part, 160 images); random weights"


def test_a_part_without_kinds_is_not_taken_for_exact() -> None:
    chosen = basis.votes(pe.by_kind([titled("live-part")]))
    assert chosen.basis is not None
    assert chosen.basis.untested("claim").startswith("stand-in images")


def test_images_with_opinions_of_others_are_never_used() -> None:
    each = titled("tid2013-part")
    mixed = dataclasses.replace(each, table=each.table.assign(kind=["exact", "similar"] * 80))
    assert [(cut.title, len(cut.table)) for cut in pe.by_kind([mixed])] == [("TID2013: 80 exact images", 80)]
    with_noise = dataclasses.replace(
        each, table=each.table.assign(kind=["exact", "similar", "equivalent", "exact"] * 40)
    )
    cuts = pe.by_kind([with_noise])
    assert [cut.title for cut in cuts] == ["TID2013: 120 exact, equivalent images", "TID2013: 80 exact images"]
    assert pe.official(cuts) == ["TID2013: 80 exact images"]


def test_networks_that_the_paper_has_not_do_not_vote() -> None:
    found = verdicts(
        titled("live"), titled("live", "vgg16_conv2_2", rising=False), titled("live", "squeezenet1_0", rising=False)
    )
    assert found["h-over-f"]["says"] == "supports"
    assert "vgg16_conv2_2" not in found["across-networks"]["evidence"]
    only_others = verdicts(titled("live", "vgg16_conv2_2"))
    assert only_others["h-over-f"]["verdict"] == "not run"
    assert basis.standing_for({"googlenet_bvlc": 0, "googlenet": 0, "vgg16_conv2_2": 0}) == {"GoogLeNet": "googlenet"}


def test_reasons_for_what_was_not_run() -> None:
    absent = [nothing("live-md", "alexnet"), nothing("bapps-jnd", "alexnet"), nothing("live", "vgg16", NO_WEIGHTS)]
    found = verdicts(titled("live-part"), *absent)
    assert found["jnd-2afc"]["evidence"] == "bapps-jnd: not available"
    assert found["lpips-best-2afc"]["evidence"] == "bapps-jnd: not available"
    alone = verdicts(nothing("live", "alexnet"), nothing("live", "vgg16", NO_WEIGHTS))
    assert alone["h-over-f"]["evidence"] == "live: not available"
    assert alone["h5-fits-dmos"]["verdict"] == "not run"
    assert basis.why_not([]) == "LIVE and LIVE multiply distorted with one of the paper's networks: not in this profile"


def test_a_claim_on_two_kinds_of_images_is_judged_on_those_that_are_a_test() -> None:
    found = verdicts(part(kinds=("exact",)))["five-layers-beat-lpips"]
    assert found["verdict"] == "not run"  # the five layers were not scored
    chosen, cases = quality_claims._testing(
        {
            "multiply distorted": (
                basis.votes([titled("tid2013")], sets=("live-md",), networks=("AlexNet",)),
                pd.DataFrame(),
            ),
            "blur": (basis.votes([titled("live")], sets=("live",), networks=("AlexNet",)), pd.DataFrame()),
        }
    )
    assert list(cases) == ["blur"]
    assert chosen.basis is not None
    assert (chosen.basis.images, chosen.basis.missing) == ("own", "without multiply distorted")


def pairs_of(differences: pd.DataFrame) -> pd.DataFrame:
    return differences[differences["weighting"] == pe.EQUATION_1]


def test_sets_that_tie_are_named() -> None:
    each = made()
    values = np.arange(40) / 100
    values[:20] = 0  # half of the channels answer nothing
    known = {"alexnet": dict.fromkeys(("one", "two"), scores(values))}
    agreement, differences = pe.study([each], known, draws=1, resamples=100)
    same = agreement[(agreement["tap"] == "one") & (agreement["weighting"] == pe.EQUATION_1)].set_index("set")[
        "same_as"
    ]
    assert same[["L-5", "L-10", "L-25", "L-50"]].tolist() == ["", "L-5", "L-5", "L-5"]
    assert (same[["H-5", "H-10", "H-25", "H-50", "F"]] == "").all()
    pairs = differences[(differences["tap"] == "one") & (differences["weighting"] == pe.EQUATION_1)]
    assert pairs.loc[pairs["second"] == "L-50", "same_as"].tolist() == ["L-5"]
    assert "6 comparisons repeat the set of a smaller x" in rules.sets_differ(pairs_of(differences), "L")[1]
    from replication.papers.pe import quality_figures as views

    html = views.show_agreement(agreement[agreement["weighting"] == pe.EQUATION_1], (5, 10, 25, 50)).html
    assert "(0." in html
    assert "by ties of PE" in html


def test_regression_is_that_of_the_sets_distances() -> None:
    each = made("vgg16")
    table = regression.fitted([each, made("squeezenet1_1")], efficacy("vgg16", "squeezenet1_1"))
    assert set(table["network"]) == {"vgg16"}
    row = table[(table["tap"] == "one") & (table["set"] == "H-5")].iloc[0]
    distance = each.distances["one"][:, -2:].astype(float).mean(axis=1)  # the best 5 % of 40
    expected = correlate(distance, each.table["opinion"], higher_is_better=False)
    assert (row["channels"], row["n"]) == (2, 160)
    assert (row["srcc"], row["plcc"], row["rmse"]) == pytest.approx((expected.srcc, expected.plcc, expected.rmse))
    assert row["plcc"] > table[(table["tap"] == "one") & (table["set"] == "L-5")]["plcc"].item()


@pytest.fixture
def bapps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """BAPPS in its official layout with six comparisons in each subset: noise that people see or do not see."""
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    random = np.random.default_rng(0)

    def save(path: Path, image: np.ndarray) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(path)

    for name, entry in JUDGED.items():
        few = tuple((subset, 6) for subset, _ in entry.counts)
        monkeypatch.setitem(JUDGED, name, dataclasses.replace(entry, counts=few))
        for subset, _ in few:
            folder = tmp_path / entry.folder / subset
            for index in range(6):
                base = random.integers(60, 200, (64, 64, 3)).astype(float)
                weak, strong = (base + random.normal(0, sigma, base.shape) for sigma in (2 + index, 30 + 5 * index))
                file = f"{index:06}.png"
                if name == "bapps-2afc":
                    save(folder / "ref" / file, base)
                    save(folder / "p0" / file, weak if index % 2 else strong)
                    save(folder / "p1" / file, strong if index % 2 else weak)
                    decided, value = "judge", 0.0 if index % 2 else 1.0
                else:
                    save(folder / "p0" / file, base)
                    save(folder / "p1" / file, weak if index < 3 else strong)
                    decided, value = "same", 1.0 if index < 3 else 0.0
                (folder / decided).mkdir(exist_ok=True)
                np.save(folder / decided / f"{index:06}.npy", np.array([value], np.float32))
    return tmp_path / "bapps"


def test_bapps_is_measured_scored_and_judged(bapps: Path) -> None:
    network = Network("alexnet", ("relu1",), "random")
    sets = ["bapps-jnd", "bapps-2afc"]
    subsets = ["cnn", "frameinterp"]
    measured = [channel_distances_of(name, network, subsets=subsets, show_progress=False) for name in sets]
    found = pe.efficacies(measured, weights="random", frequencies=3, orientations=2, phases=1, size=32)
    judged = comparisons.judged(measured, found)
    labels = ["lpips-alex(weights=random)", "ssim(colour=gray)"]
    how = {"subsets": subsets, "show_progress": False, "workers": 0}
    of_metrics = comparisons.judged_metrics({name: score_judgements(name, labels, **how) for name in sets})
    # people saw the stronger noise, and so does every distance
    assert of_metrics.groupby("measure")["score"].min().to_dict() == {"2AFC": 1.0, "JND": 1.0, "JND (area)": 1.0}
    assert set(of_metrics["subset"]) == {"cnn", "frameinterp"}
    assert judged[judged["set"] == "F"]["score"].min() == 1.0
    named = of_metrics.assign(
        metric=of_metrics["metric"].replace({labels[0]: rules.LPIPS, labels[1]: rules.FIVE_LAYERS})
    )
    empty = pd.DataFrame()
    table = quality_claims.judge(measured, empty, empty, empty, judged, named).set_index("claim")
    row = table.loc["lpips-best-2afc"]
    assert (row["verdict"], row["says"], row["untested"]) == ("not tested", "contradicts", "random weights")
    assert "JND (cnn): LPIPS 1.000" in row["evidence"]
    better = named.assign(score=np.where(named["metric"] == rules.LPIPS, 1.1, named["score"]))
    row = quality_claims.judge(measured, empty, empty, empty, judged, better).set_index("claim").loc["lpips-best-2afc"]
    assert row["says"] == "supports"
    assert table.loc["jnd-2afc", "verdict"] == "not tested"


def test_comparisons_that_could_not_be_scored_are_left_out(bapps: Path) -> None:
    (bapps / "2afc" / "val" / "cnn" / "p1" / "000001.png").write_bytes(b"no image")
    how: dict[str, Any] = {"subsets": ["cnn"], "show_progress": False, "workers": 0}
    table = comparisons.judged_metrics({"bapps-2afc": score_judgements("bapps-2afc", ["psnr"], **how)})
    assert table[["subset", "metric", "measure", "score", "n"]].to_numpy().tolist() == [["cnn", "psnr", "2AFC", 1.0, 5]]
    absent = score_judgements("bapps-2afc", ["psnr"], subsets=["unheard"], show_progress=False)
    assert "has no subset unheard" in str(absent.absent)


def test_a_patch_equal_to_its_reference_is_the_nearest(bapps: Path) -> None:
    """Its PSNR is infinite."""
    at = bapps / "2afc" / "val" / "cnn"
    (at / "p0" / "000001.png").write_bytes((at / "ref" / "000001.png").read_bytes())
    how: dict[str, Any] = {"subsets": ["cnn"], "show_progress": False, "workers": 0}
    table = comparisons.judged_metrics({"bapps-2afc": score_judgements("bapps-2afc", ["psnr"], **how)})
    assert table[["measure", "score", "n"]].to_numpy().tolist() == [["2AFC", 1.0, 6]]


@pytest.mark.parametrize("better", [True, False])
def test_judgements_of_channels_get_their_verdict(better: bool) -> None:
    sets = [people("bapps-jnd", better), people("bapps-2afc", better)]
    judged = comparisons.judged(sets, efficacy("alexnet"))
    low = judged["set"].str.startswith("L")
    judged.loc[low, "score"] = 0.0  # below F for certain
    empty = pd.DataFrame()
    row = quality_claims.judge(sets, empty, empty, empty, judged, empty).set_index("claim").loc["jnd-2afc"]
    assert row["verdict"] == ("not tested" if better else "not reproduced")
    assert row["untested"] == ("without VGG16, SqueezeNet, ShuffleNet, GoogLeNet" if better else "")
