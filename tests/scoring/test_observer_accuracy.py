"""Metrics in place of people, on opinions whose order is known."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from replication.absent import Absent
from replication.datasets.entries import Opinion
from replication.evaluation.pair_order import agrees, pairs_of
from replication.metrics.names import parse
from replication.scoring.observer_accuracy import label_of, observer_accuracy
from replication.scoring.scored import MetricFacts, Scored

RNG = np.random.default_rng(0)


def scored() -> Scored:
    """Ten references with four blurred, four compressed and two noisy images, and metrics of known accuracy."""
    rows = []
    for reference in range(10):
        for number in range(10):
            kind = "Gaussian blur" if number < 4 else "JPEG compression" if number < 8 else "white noise"
            opinion = float(RNG.uniform(0, 100))
            scores = {
                "right": -opinion,
                "distance": opinion,
                "wrong": opinion,
                "flat": 1.0,
                "noise": float(RNG.normal()),
                "near": -opinion + RNG.normal(0, 20),
            }
            for metric, score in scores.items():
                rows.append(("made", f"r{reference}", f"r{reference}_{number}", kind, 1, opinion, metric, score, ""))
    columns = ["data_set", "reference", "distorted", "distortion", "level", "opinion", "metric", "score", "problem"]
    facts = dict.fromkeys(("right", "wrong", "flat", "noise", "near"), MetricFacts(True)) | {
        "distance": MetricFacts(False),
        "absent": MetricFacts(True, {}, Absent("weights", "x", "there are none")),
    }
    table = pd.DataFrame(rows, columns=columns)
    return Scored("made", "Made", "", "", Opinion("DMOS", 0.0, 100.0, False), (), "", facts, table)


def test_pairs_are_of_one_reference_and_by_the_opinion() -> None:
    opinions, references = [3.0, 1.0, 1.0, 7.0], ["a", "a", "a", "b"]
    pairs = pairs_of(opinions, references, higher_is_better=True)
    assert sorted(zip(pairs.better.tolist(), pairs.worse.tolist(), strict=True)) == [(0, 1), (0, 2)]
    assert pairs.apart.tolist() == [2, 2]
    dmos = pairs_of(opinions, references, higher_is_better=False)
    assert sorted(dmos.worse.tolist()) == [0, 0]
    assert agrees([5, 5, 1, 0], pairs, higher_is_better=True).tolist() == [0.5, 1]
    assert agrees([5, 5, 1, 0], pairs, higher_is_better=False).tolist() == [0.5, 0]
    with pytest.raises(ValueError, match="opinions must be finite"):
        pairs_of([1.0, np.nan], ["a", "a"], higher_is_better=True)


def test_a_share_is_that_of_the_pairs_in_the_order_of_opinions() -> None:
    made = scored()
    found = observer_accuracy(made, ["right", "distance", "wrong", "flat", "noise", "near"]).set_index(
        ["metric", "pairs"]
    )
    share: Any = found["share"].to_dict()
    assert (share["right", "all"], share["distance", "all"], share["wrong", "all"]) == (1, 1, 0)
    assert (share["flat", "all"], share["flat", "close"]) == (0.5, 0.5)
    noise: Any = found.loc[("noise", "all")]
    assert noise["low"] < 0.5 < noise["high"]
    assert share["near", "close"] < share["near", "all"]
    assert set(found["references"]) == {10}
    assert found.loc[("right", "all"), "n"] == 10 * 8 * 7 / 2  # the noisy images play no part
    assert found.loc[("right", "two kinds"), "n"] == 10 * 4 * 4
    # by counting
    own = made.table[(made.table["metric"] == "near") & (made.table["distortion"] != "white noise")]
    right = []
    for _, group in own.groupby("reference"):
        values = group[["opinion", "score"]].to_numpy(float)
        right += [(a[0] < b[0]) == (a[1] > b[1]) for a, b in itertools.combinations(values, 2)]
    assert share["near", "all"] == pytest.approx(np.mean(right))


def test_what_cannot_be_tested_has_a_reason() -> None:
    rows = observer_accuracy(scored(), ["absent", "unknown"])
    assert rows["share"].isna().all()
    assert rows["reason"].tolist()[1] == "no scores"
    assert "there are none" in rows["reason"].tolist()[0]
    none = observer_accuracy(scored(), ["right"], kinds=["fog"])
    assert none["reason"].tolist() == ["no scores"]


def test_a_label_is_the_column_of_a_score_table() -> None:
    assert label_of("gmsd", {}) == "gmsd"
    assert label_of("lpips-squeeze", {"weights": "random"}) == "lpips-squeeze(weights=random)"
    options = {"resize": False, "taps": ["fire3", "fire5"], "k1": 0.5}
    label = label_of("dists", options)
    assert label == "dists(resize=false, taps=[fire3, fire5], k1=0.5)"
    assert parse(label) == ("dists", options)
