"""Sets of channels as loud as those of highest efficacy: how they are drawn, and that strength alone is found out."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from replication.papers.pe.matched import against_as_loud, matched_subsets
from replication.papers.pe.quality_summaries import summarise_as_loud
from replication.scoring.channel_tables import Activity
from tests.papers.test_pe_quality import efficacy, made


def test_every_channel_is_replaced_by_one_of_nearly_its_strength() -> None:
    strength = np.repeat([1.0, 10.0, 100.0, 1000.0], 5)
    members = [0, 7, 13, 19]
    drawn = matched_subsets(strength, members, 50, 0)
    assert drawn.shape == (50, 4)
    assert not np.isin(drawn, members).any()
    assert all(len(set(row)) == 4 for row in drawn.tolist())
    np.testing.assert_array_equal(np.sort(strength[drawn], axis=1), np.tile(strength[members], (50, 1)))
    assert len({tuple(sorted(row)) for row in drawn.tolist()}) > 10
    np.testing.assert_array_equal(drawn, matched_subsets(strength, members, 50, 0))
    with pytest.raises(ValueError, match="11 members cannot be matched by 9 other channels"):
        matched_subsets(strength, np.arange(11), 1, 0)


def test_a_set_that_is_better_than_channels_as_loud_is_found() -> None:
    table = against_as_loud([made()], efficacy("alexnet"), draws=60).set_index(["tap", "set"])
    row = table.loc[("one", "H-10")]
    each = made()
    distance = each.distances["one"][:, 36:].astype(float).mean(axis=1)
    assert row["srcc"] == pytest.approx(-stats.spearmanr(distance, each.table["opinion"])[0])
    assert (row["channels"], row["p"], row["percentile"], row["energy"]) == (4, 1 / 61, 100, 1)
    summary = summarise_as_loud(table.reset_index()).set_index("set").loc["H-10"]
    assert summary[["layers", "significant", "above_median", "energy"]].tolist() == [2, 2, 2, 1]
    assert set(table.index.get_level_values("set")) == {"H-5", "H-10", "H-25"}


def test_images_without_an_opinion_are_left_out() -> None:
    each = made()
    partly = dataclasses.replace(
        each, table=each.table.assign(opinion=each.table["opinion"].where(np.arange(160) < 100))
    )
    cut = dataclasses.replace(
        each, table=each.table.iloc[:100], distances={tap: matrix[:100] for tap, matrix in each.distances.items()}
    )
    found, expected = (against_as_loud([of], efficacy("alexnet"), draws=20)["srcc"] for of in (partly, cut))
    np.testing.assert_array_equal(found, expected)


def test_a_set_that_is_good_for_its_strength_alone_is_not() -> None:
    """Every second channel has a twin: as loud, and as good; PE ranks one of the twins above the other."""
    each = made()
    twins = np.repeat(each.distances["one"][:, ::2], 2, axis=1)
    energy = np.repeat(np.arange(1.0, 21.0), 2)
    same = dataclasses.replace(each, distances={"one": twins}, activity={"one": Activity(energy, energy)})
    table = against_as_loud([same], efficacy("alexnet"), draws=60, percentages=[5]).iloc[0]
    assert table["channels"] == 2  # the loudest pair of twins, whose substitutes are the next ones
    assert table["energy"] < 1
    odd = {"alexnet": {"one": dataclasses.replace(efficacy("alexnet")["alexnet"]["one"], pe=np.arange(40) % 2 * 1.0)}}
    half = against_as_loud([same], odd, draws=60, percentages=[40]).iloc[0]
    assert half["channels"] == 20
    assert half["p"] > 0.2
