"""The tables of paper 3 and what attention adds, on score tables whose answers are known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from scipy import stats

from replication.datasets.catalogue import Opinion
from replication.papers.smic import gain_figures, gains, rules
from replication.papers.smic import tables as smic
from replication.papers.smic.gain_figures import show_steps
from replication.papers.smic.pictures import MEANS, telling_pairs, visibility_means
from replication.reporting import published
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED
from replication.scoring.scored import MetricFacts, Scored

REFERENCES, IMAGES = 8, 12
PLAIN = {"PSNR": "psnr", "SSIM": "ssim"}


def made(higher_is_better: bool = True, name: str = "made", noise: float = 0.6) -> Scored:
    """Scores that follow the opinions with less noise the more of attention there is."""
    rng = np.random.default_rng(0)
    opinion = rng.normal(size=REFERENCES * IMAGES)
    labels = {
        "psnr": (True, 2 * noise),
        "psnr+smic(backbone=alexnet, taps=[relu1, relu2], weighting=none)": (True, 1.5 * noise),
        "psnr+smic(backbone=alexnet, taps=[relu1, relu2], weighting=level)": (True, noise),
        "psnr+smic(backbone=alexnet, taps=[relu1, relu2])": (True, noise / 2),
        "psnr+mic(backbone=alexnet, taps=[relu1, relu2])": (True, noise),
        "ssim": (True, noise),
        "ssim+smic": (False, noise),
    }
    base = pd.DataFrame(
        {
            "data_set": name,
            "reference": np.repeat([f"r{i}" for i in range(REFERENCES)], IMAGES),
            "distorted": [f"d{i}" for i in range(REFERENCES * IMAGES)],
            "distortion": np.tile(["blur", "noise"], REFERENCES * IMAGES // 2),
            "level": pd.array([1] * (REFERENCES * IMAGES), dtype="Int64"),
            "opinion": opinion if higher_is_better else -opinion,
            "problem": "",
        }
    )
    tables, metrics = [], {}
    for label, (up, spread) in labels.items():
        score = opinion + spread * rng.normal(size=len(opinion))
        tables.append(base.assign(metric=label, score=score if up else -score))
        metrics[label] = MetricFacts(up, {"weights": "made"})
    metrics["dists"] = MetricFacts(None, {}, "the weights are not here")
    kind = Opinion("MOS", 0, 1, higher_is_better)
    return Scored(name, "Made", "", "", kind, ("made up",), "digest", metrics, pd.concat(tables, ignore_index=True))


def test_a_cell_has_the_correlation_of_its_metric_and_data_set() -> None:
    scored = made()
    values = smic.table_values("table1", {"PSNR": "psnr", "DISTS": "dists"}, {"LIVE": "live"}, {"live": scored})
    table = scored.table[scored.table["metric"] == "psnr"]
    value = values.set_index(["row", "statistic"]).loc[("PSNR", "SRCC")]
    assert value["value"] == pytest.approx(stats.spearmanr(table["score"], table["opinion"])[0])
    assert value["low"] < value["value"] < value["high"]
    assert value["note"] == "made up"
    absent = values.set_index(["row", "statistic"]).loc[("DISTS", "PLCC")]
    assert np.isnan(absent["value"])
    assert absent["note"] == "the weights are not here"


def test_a_data_set_that_is_not_here_is_a_reason() -> None:
    missing = smic.why_missing(["live"], {})
    assert missing["live"].lower().startswith("live")
    values = smic.table_values("table1", {"PSNR": "psnr", "PieAPP": None}, {"LIVE": "live"}, {}, (), {"live": "why"})
    assert dict(zip(values["row"], values["note"], strict=True)) == {
        "PSNR": "why",
        "PieAPP": "left out in this profile",
    }


def test_scores_that_others_published_stand_in_and_say_so() -> None:
    others = made(name="tid2013")
    others.table["metric"] = others.table["metric"].replace("psnr", "PSNR")
    renamed = Scored(**{**vars(others), "metrics": {"PSNR": MetricFacts(None)}})
    values = smic.table_values("table1", {"PSNR": "psnr"}, {"TID2013": "tid2013"}, {}, [renamed])
    assert values["value"].notna().all()
    assert values["origin"].eq("scores of others").all()
    assert values["note"].eq("made up").all()


def test_scores_of_different_images_are_not_joined() -> None:
    other = Scored(**{**vars(made()), "digest": "another"})
    with pytest.raises(ValueError, match="different images"):
        smic.joined(made(), other)


def test_families_are_the_metrics_with_attention_by_network() -> None:
    found = gains.families(made(), PLAIN)
    assert [(each.measure, each.network) for each in found] == [("PSNR", "alexnet"), ("SSIM", "vgg16")]
    first, second = found
    assert first.plain == "psnr"
    assert first.local.endswith("relu2])")
    assert "level" in first.level
    assert "none" in first.none
    assert first.mic.startswith("psnr+mic")
    assert (second.local, second.none, second.mic) == ("ssim+smic", "", "")


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_steps_are_differences_of_correlations_and_sum_to_the_whole(higher_is_better: bool) -> None:
    scored = made(higher_is_better)
    table = gains.steps(scored, gains.families(scored, PLAIN))
    psnr = table[(table["measure"] == "PSNR") & (table["statistic"] == "SRCC")].set_index("step")["difference"]
    whole, *parts = (psnr[step] for step in gains.STEPS)
    assert whole == pytest.approx(sum(parts))
    assert whole > 0
    rho = {
        label: abs(stats.spearmanr(part["score"], part["opinion"])[0]) for label, part in scored.table.groupby("metric")
    }
    assert whole == pytest.approx(rho["psnr+smic(backbone=alexnet, taps=[relu1, relu2])"] - rho["psnr"])
    assert (table["p_holm"] >= table["p"]).all()


def test_all_steps_are_drawn_on_one_scale() -> None:
    scored = made()
    figure = gain_figures.draw_steps(gains.steps(scored, gains.families(scored, PLAIN)))
    assert len(figure.axes) > 2
    assert len({axis.get_xlim() for axis in figure.axes}) == 1
    plt.close(figure)


def test_pairs_are_counted_as_people_order_them() -> None:
    scored = made(higher_is_better=False)
    family = gains.families(scored, PLAIN)[0]
    found = gains.pairs(scored, family)
    assert len(found) == REFERENCES * IMAGES * (IMAGES - 1) // 2
    wide = scored.table.pivot(index="distorted", columns="metric", values="score")
    opinion = scored.table.drop_duplicates("distorted").set_index("distorted")["opinion"]
    better, worse = found["better"].to_numpy(), found["worse"].to_numpy()
    assert (opinion[better].to_numpy() < opinion[worse].to_numpy()).all()  # a low opinion is a good one here
    right = wide["psnr"][better].to_numpy() > wide["psnr"][worse].to_numpy()
    assert ((found["before"] > 0).to_numpy() == right).all()
    shares = gains.corrected_and_spoiled(scored, [family]).iloc[0]
    assert shares["after"] - shares["before"] == pytest.approx(shares["corrected"] - shares["spoiled"])


def test_pictures_show_the_clearest_pair_that_attention_corrects_and_the_clearest_that_it_spoils() -> None:
    scored = made()
    family = gains.families(scored, PLAIN)[0]
    found = gains.pairs(scored, family).query("across")
    chosen = telling_pairs(scored, family).set_index("why")
    corrected = found[(found["before"] < 0) & (found["after"] > 0)]
    assert chosen.loc["attention sets right", "gap"] == corrected["gap"].max()
    assert chosen.loc["attention sets wrong", "gap"] < chosen.loc["attention sets right", "gap"]


def cells(gain: float, sets: tuple[str, ...] = smic.SETS, others: tuple[str, ...] = smic.OTHERS) -> pd.DataFrame:
    values = {**dict.fromkeys(others, 0.5), "PSNR w/ SMIC": 0.6 + gain}
    rows = [(row, title, "SRCC", value) for row, value in values.items() for title in sets]
    return pd.DataFrame(rows, columns=["row", "column", "statistic", "value"])


def changed(gains_: pd.DataFrame, *differences: float) -> pd.DataFrame:
    """Printed gains, the first of which are others, known exactly."""
    table = gains_.copy()
    for column in ("difference", "low", "high"):
        table.loc[table.index[: len(differences)], column] = differences
    return table


def test_the_papers_own_tables_give_its_own_claims() -> None:
    printed = rules.printed_gains()
    assert len(printed) == 60
    assert (printed["difference"] > 0).sum() == 59  # DISTS on LIVE, PLCC: unchanged
    slices = rules.printed_gains("{} w/ MIC", "{} w/ SMIC", "table2")
    assert len(slices) == 40
    assert rules.consistent(printed)[0] == REPRODUCED
    assert rules.consistent(printed[printed["column"].isin(rules.OTHER_SETS)])[0] == REPRODUCED
    assert rules.consistent(slices)[0] == REPRODUCED
    assert rules.beats(published.values("smic", "table1"))[0] == REPRODUCED


def test_a_significant_loss_refutes_a_consistent_gain() -> None:
    printed = rules.printed_gains()
    assert rules.consistent(changed(printed, -0.01))[0] == NOT_REPRODUCED
    uncertain = changed(printed, *[-0.01] * 10).assign(high=0.1)
    assert rules.consistent(uncertain)[0] == CLOSE  # 49 of 60 positive, none significantly negative
    assert rules.consistent(changed(printed, *[-0.01] * 40).assign(high=0.1))[0] == NOT_REPRODUCED
    assert rules.consistent(printed.head(0))[0] == NOT_RUN


def test_psnr_beats_the_others_if_it_is_ahead_of_most_of_the_six_on_some_set() -> None:
    assert rules.beats(cells(0.1))[0] == REPRODUCED
    assert rules.beats(cells(-0.2))[0] == NOT_REPRODUCED
    assert rules.beats(cells(0.1, others=smic.OTHERS[:4]))[0] == REPRODUCED  # 4 of 6, whatever the other two
    assert rules.beats(cells(0.1, others=smic.OTHERS[:3]))[0] == NOT_RUN  # 3 of 6, and three that are not known
    assert rules.beats(cells(0.1, sets=()))[0] == NOT_RUN


@pytest.mark.parametrize(
    ("attention", "product", "expected"), [(0.4, 0.7, REPRODUCED), (0.4, 0.4, CLOSE), (-0.1, 0.7, NOT_REPRODUCED)]
)
def test_attention_is_where_distortion_is_visible_if_it_brings_the_map_nearer(attention, product, expected) -> None:
    assert rules.where_visible({"LIVE": seen(attention, product)})[0] == expected


def test_attention_is_where_distortion_is_visible_only_if_it_is_on_every_set() -> None:
    both = {"LIVE": seen(0.4, 0.7), "TID2013": seen(-0.1, 0.7)}
    verdict, evidence = rules.where_visible(both)
    assert verdict == rules.where_visible(dict(reversed(both.items())))[0] == NOT_REPRODUCED
    assert "PSNR on LIVE: attention 0.40 [0.35, 0.45]" in evidence
    assert "SSIM on TID2013: attention -0.10 [-0.15, -0.05]" in evidence
    assert rules.where_visible(dict.fromkeys(both, seen(0.4, 0.7)))[0] == REPRODUCED
    assert rules.where_visible({})[0] == rules.where_visible({"LIVE": seen(0.4, 0.7).iloc[:0]})[0] == NOT_RUN


def seen(attention: float, product: float) -> pd.DataFrame:
    """Means of correlations with visible error, of two measures whose own maps have .4."""
    rows = [
        (metric, kind, mean, mean - 0.05, mean + 0.05, 60)
        for metric in ("PSNR", "SSIM")
        for kind, mean in (("distortion", 0.4), ("attention", attention), ("product", product))
    ]
    return pd.DataFrame(rows, columns=MEANS)


def part(name: str, kinds: tuple[str, ...]) -> Scored:
    """Made scores under the name of a catalogue's part, its images of the given kinds in turn."""
    scored = made()
    names = scored.table["distorted"].drop_duplicates().tolist()
    kind = {image: kinds[i % len(kinds)] for i, image in enumerate(names)}
    return replace(scored, name=name, table=scored.table.assign(kind=scored.table["distorted"].map(kind)))


COLUMNS = {"LIVE": "live", "CSIQ": "csiq"}


def test_claims_rest_on_the_official_images_of_a_part() -> None:
    scored = {"live-part": part("live-part", ("real", "near"))}
    sets = rules.sets_of(scored, COLUMNS)
    families = {name: gains.families(each, PLAIN) for name, each in scored.items()}
    assert list(sets) == ["LIVE"]
    found = rules.own_gains(sets, families, ("plain", "local"))
    assert set(found["n"]) == {REFERENCES * IMAGES // 2}
    basis = rules.rests_on(sets, families, COLUMNS, list(COLUMNS))
    assert basis.images == "exact part"
    assert basis.about == f"{REFERENCES * IMAGES // 2} of the 779 images of LIVE"
    assert "the claim also needs CSIQ" in basis.missing
    assert "not computed: PSNR, LPIPS, DISTS, DeepWSD" in basis.missing  # with the paper's network, only SSIM
    assert basis.network == ""
    others = {"live-part": [family for family in families["live-part"] if family.network != "vgg16"]}
    assert rules.rests_on(sets, others, COLUMNS, []).network == "attention from alexnet in place of vgg16"


def test_a_value_comes_from_the_whole_set_or_from_others_or_is_not_tested() -> None:
    own, of_part = replace(made(), name="live"), part("live-part", ("exact", "equivalent"))
    theirs = replace(made(), name="live-deep")
    theirs = replace(
        theirs,
        table=theirs.table.assign(data_set="live", metric=theirs.table["metric"].replace("psnr", "PSNR")),
        metrics={"PSNR": MetricFacts(None)},
    )
    label = {"PSNR": "psnr"}

    def cell(scored: list[Scored], others: list[Scored]) -> pd.Series:
        table = smic.table_values("table1", label, {"LIVE": "live"}, {each.name: each for each in scored}, others)
        return table[table["statistic"] == "SRCC"].iloc[0]

    whole = cell([own, of_part], [theirs])
    assert (whole["origin"], whole["untested"], whole["n"]) == ("", "", REFERENCES * IMAGES)
    assert cell([of_part], [theirs])["origin"] == "scores of others"
    alone = cell([of_part], [])
    assert alone["untested"] == f"part of the images ({REFERENCES * IMAGES // 2} of the 779 images of LIVE)"
    assert np.isnan(cell([], [])["value"])
    beside = smic.beside_others(label, {"LIVE": "live"}, {"live-part": of_part}, [theirs]).iloc[0]
    assert beside["agreement"] == pytest.approx(1)
    assert beside["ours_srcc"] == pytest.approx(beside["theirs_srcc"])


def test_visibility_is_averaged_by_reference() -> None:
    rows = [("a", f"a{i}", "blur", "PSNR", "attention", 0.2) for i in range(3)]
    rows.append(("b", "b0", "blur", "PSNR", "attention", 0.8))
    table = pd.DataFrame(rows, columns=["reference", "distorted", "distortion", "metric", "map", "correlation"])
    assert visibility_means(table)["mean"].item() == pytest.approx(0.5)


def test_the_gains_of_each_set_have_their_own_number_of_images() -> None:
    rows = [
        ("PSNR", "", step, "SRCC", 0.5, 0.6, 0.1, 0.0, 0.2, 0.1, 0.1, n)
        for step, n in (("LIVE", 229), ("TID2013", 720))
    ]
    names = [
        "measure",
        "network",
        "step",
        "statistic",
        "before",
        "after",
        "difference",
        "low",
        "high",
        "p",
        "p_holm",
        "n",
    ]
    table = pd.DataFrame(rows, columns=names).assign(references=[18, 24])
    assert "LIVE: 229 images, 18 references; TID2013: 720 images, 24 references; bold" in show_steps(table).html
    assert "<small>229 images, 18 references; bold" in show_steps(table.iloc[:1]).html
    assert "nothing to compare" in show_steps(table.iloc[:0]).html
