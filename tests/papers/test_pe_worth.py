"""What makes a channel worth choosing: known causes are found, copies add nothing, opinions do not leak."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from replication.features.efficacy import ChannelScores
from replication.papers.pe import worth
from replication.papers.pe import worth_figures as views
from replication.papers.pe.worth import BOTH, DISTORTIONS, OPINIONS, PE, RANDOM, REFERENCES, SETS, SIMPLE, Images
from replication.scoring.channel_tables import Activity, ChannelDistances
from tests.papers.test_pe_quality import made, scores

CHANNELS = 60


def layer(name: str = "set", *, clue: np.ndarray | None = None) -> ChannelDistances:
    """One layer in which channels follow opinions better from the first to the last; of the simple measures, variance
    and sparsity follow the clue, the others nothing."""
    each = made(channels=CHANNELS, name=name)
    random = np.random.default_rng(1)
    mean = random.random(CHANNELS)
    variance = random.random(CHANNELS) if clue is None else clue
    matrix = each.distances["one"]
    matrix = (matrix - matrix.mean(axis=0)) * (40 / matrix.std(axis=0)) + 300  # as loud and as spread as one another
    return dataclasses.replace(
        each, distances={"one": matrix.astype(np.float32)}, activity={"one": Activity(variance + mean**2, variance)}
    )


def efficacy(pe: np.ndarray) -> dict[str, dict[str, ChannelScores]]:
    return {"alexnet": {"one": scores(pe)}}


GOOD = np.arange(CHANNELS) / CHANNELS + 0.1
NOISE = np.random.default_rng(2).random(CHANNELS)


def means(each: ChannelDistances, pe: np.ndarray) -> dict[str, tuple[float, float]]:
    table = worth.by_layer(worth.explain([each], efficacy(pe), count=6))
    own = table[table["held_out"] == REFERENCES].set_index("by")
    return {str(by): (row["explained"], row["srcc"]) for by, row in own.iterrows()}


def test_worth_is_each_channels_own_correlation() -> None:
    random = np.random.default_rng(0)
    images = Images(random.random((30, 4)), random.random(30))
    expected = [stats.spearmanr(column, images.badness)[0] for column in images.distances.T]
    np.testing.assert_allclose(images.worth(), expected)
    chosen = images.srcc([np.array([0, 2])])[0]
    assert chosen == pytest.approx(stats.spearmanr(images.distances[:, [0, 2]].mean(axis=1), images.badness)[0])


def test_simple_measures_are_those_of_the_answers() -> None:
    answers = np.random.default_rng(0).random((3, 5, 8, 8)) ** 4  # images, channels, pixels
    answers[:, 4] = 0
    activity = Activity((answers**2).mean(axis=(0, 2, 3)), answers.var(axis=(2, 3)).mean(axis=0))
    distances = np.random.default_rng(1).random((20, 5))
    distances[:, 4] = 0
    found = worth.simple_measures(activity, distances)
    mean = answers.mean(axis=(2, 3))
    np.testing.assert_allclose(found["mean answer"], np.sqrt((mean**2).mean(axis=0)), atol=1e-12)
    sparseness = 1 - (mean[:, :4] ** 2).mean(axis=0) / (answers[:, :4] ** 2).mean(axis=(0, 2, 3))
    np.testing.assert_allclose(found["sparsity"], [*sparseness, 0])
    np.testing.assert_allclose(found["spread over images"], [*stats.variation(distances[:, :4]), 0])


def test_a_channel_is_predicted_by_what_holds_of_the_others() -> None:
    random = np.random.default_rng(3)
    columns, target = random.random((37, 3)), random.random(37)
    fold = np.random.default_rng(5).permutation(37) % 5
    expected = cross_val_predict(LinearRegression(), columns, target, cv=PredefinedSplit(fold))
    np.testing.assert_allclose(worth._predict(columns, target, 5), expected)


def test_pe_that_tells_what_simple_measures_do_not_adds_it() -> None:
    found = means(layer(), GOOD)
    assert found[PE][0] > 0.6
    assert found[SIMPLE][0] < 0.1
    assert found[BOTH][0] - found[SIMPLE][0] > 0.6
    assert found[PE][1] > found[RANDOM][1] + 0.05


def test_pe_that_copies_a_simple_measure_adds_nothing() -> None:
    found = means(layer(clue=GOOD), GOOD)
    assert found[SIMPLE][0] > 0.6
    assert abs(found[BOTH][0] - found[SIMPLE][0]) < 0.03


def test_pe_without_relation_to_worth_explains_nothing_and_opinions_nearly_all() -> None:
    found = means(layer(), NOISE)
    assert found[PE][0] < 0.1
    assert found[OPINIONS][0] > 0.6
    assert found[OPINIONS][1] > found[PE][1] + 0.05


def test_opinions_of_the_tested_images_are_not_used() -> None:
    """Without any relation of distances to opinions, what is learnt on some images says nothing of others."""
    each = layer()
    shuffled = each.table.assign(opinion=np.random.default_rng(4).permutation(each.table["opinion"]))
    found = means(dataclasses.replace(each, table=shuffled), NOISE)
    assert max(explained for explained, _ in found.values() if np.isfinite(explained)) < 0.1


def test_another_distortion_and_another_set_are_held_out_too() -> None:
    turned = layer("other")
    turned = dataclasses.replace(turned, distances={"one": turned.distances["one"][:, ::-1]})  # the worst are the best
    table = worth.explain([layer(), turned], efficacy(GOOD), count=2)
    cases = table.groupby(["data_set", "held_out"], sort=False)["case"].unique().map(list).to_dict()
    assert cases["Set", "a distortion"] == ["Gaussian blur", "noise"]
    assert (cases["Set", "another set"], cases["Other", "another set"]) == (["0", "1"], ["0", "1"])
    own = table[table["by"] == OPINIONS].groupby("held_out")["srcc"].mean()
    chance = table[table["by"] == RANDOM].groupby("held_out")["srcc"].mean()
    assert own["a distortion"] > chance["a distortion"]
    assert own["another set"] < chance["another set"]  # what is learnt on the one misleads on the other
    added = worth.added(table, "srcc", OPINIONS, PE)
    assert added["low"].notna().tolist() == (added["held_out"] != DISTORTIONS).tolist()
    layers = worth.by_layer(table)
    for value in ("explained", "srcc"):
        assert "simple and PE" in views.show_worth(layers[layers["data_set"] == "Set"], value).html
    added = views.added_table(table[table["data_set"] == "Set"])
    assert "alexnet, another set" in views.show_added(added).html
    both = views.worth_figure(layers[layers["data_set"] == "Set"]).axes
    titles = [axis.get_title() or axis.get_title(loc="left") for axis in both]  # the house style has them on the left
    assert titles == ["learnt on other references"] * 2 + ["learnt on another set"] * 2
    assert (both[0].get_xlim(), both[1].get_xlim()) == (both[2].get_xlim(), both[3].get_xlim())
    alone = views.worth_figure(layers[(layers["data_set"] == "Set") & (layers["held_out"] != "another set")]).axes
    assert [axis.get_xlabel() for axis in alone] == ["share of worth explained", "SRCC of the chosen tenth"]
    plt.close("all")


def test_worth_of_another_set_is_learnt_on_other_scenes_than_it_is_tested_on() -> None:
    """LIVE and TID2013 share most scenes; every distance here is the number of its scene."""
    photos = {"live-part": ["bikes", "caps", "plane", "monarch"], "tid2013-part": ["i05", "i03", "i20", "i01"]}
    number = np.repeat([5.0, 3.0, 20.0, 0.0], 20)
    sets = []
    for name, references in photos.items():
        own = number + (number == 0) * (1 if name == "live-part" else 2)  # which no other set shows
        table = made().table.iloc[:80].assign(reference=np.repeat([f"{each}.bmp" for each in references], 20))
        matrix = np.repeat(own[:, None], CHANNELS, axis=1).astype(np.float32)
        sets.append(dataclasses.replace(made(name=name), table=table, distances={"one": matrix}))
    for each in sets:
        images = worth._images(each, "one")
        cases = [case for case in worth._cases(each, "one", images, sets, 8, 0) if case[0] == SETS]
        assert len(cases) == 8
        for _, _, training, test in cases:
            learnt, tested = (set(part.distances[:, 0]) for part in (training, test))
            assert not learnt & tested
            assert len(learnt) == (4 if tested <= {1.0, 2.0} else 3)


def test_the_difference_is_the_middle_of_its_interval_where_layers_have_other_cases() -> None:
    rows = [
        ("one", "0", 0.5, 0.1),
        ("one", "1", 0.4, 0.2),
        ("two", "0", 0.9, 0.1),  # the second case of this layer was left out
    ]
    found = [
        {"data_set": "Set", "network": "n", "tap": tap, "held_out": REFERENCES, "case": case, "by": by, "srcc": value}
        for tap, case, *values in rows
        for by, value in zip((BOTH, SIMPLE), values, strict=True)
    ]
    row = worth.added(pd.DataFrame(found), "srcc").iloc[0]
    assert row["difference"] == pytest.approx(((0.4 + 0.8) / 2 + 0.2) / 2)
    assert (row["low"] + row["high"]) / 2 == pytest.approx(row["difference"])


def test_silent_channels_are_left_out_and_a_layer_of_few_is_passed_over() -> None:
    each = layer()
    matrix = each.distances["one"].copy()
    matrix[:, :20] = 0
    table = worth.explain([dataclasses.replace(each, distances={"one": matrix})], efficacy(GOOD), count=2)
    assert set(table["channels"]) == {40}
    matrix[:, 9:] = 0
    assert worth.explain([dataclasses.replace(each, distances={"one": matrix})], efficacy(GOOD), count=2).empty


def test_held_out_images_on_which_all_channels_are_alike_explain_nothing() -> None:
    random = np.random.default_rng(4)
    badness = random.random(20)
    alike = Images(np.outer(badness, 1 + random.random(CHANNELS)), badness)
    training = Images(random.random((20, CHANNELS)), badness)
    measures = dict.fromkeys(worth.MEASURES, NOISE)
    assert list(worth._compare(GOOD, measures, training, alike, 5, 0)) == []
    assert len(list(worth._compare(GOOD, measures, alike, training, 5, 0))) > 0
    table = worth.explain([layer()], efficacy(GOOD), count=2)
    assert worth.added(table[table["by"] == SIMPLE], "explained").empty
