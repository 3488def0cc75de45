"""The benchmark's tables: values against scipy, signs, references, and what is left out."""

from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from replication.datasets.catalogue import Opinion
from replication.papers.benchmark import correlations as benchmark
from replication.reporting import agreement
from replication.scoring.published_scores import load_published_scores
from replication.scoring.scored import MetricFacts, Scored
from replication.scoring.wide import COLUMNS

LABELS = ["good", "fair", "distance"]


def made(images: int = 20, references: int = 8) -> Scored:
    """A set whose opinions are `good` with little noise, `fair` with more, and minus `distance`."""
    random = np.random.default_rng(1)
    count = images * references
    opinion = random.normal(size=count)
    scores = {"good": opinion + 0.2 * random.normal(size=count), "fair": opinion + random.normal(size=count)}
    scores["distance"] = -opinion + 0.3 * random.normal(size=count)
    base = pd.DataFrame(
        {
            "data_set": "made",
            "reference": [f"r{i // images}" for i in range(count)],
            "distorted": [f"d{i}" for i in range(count)],
            "distortion": ["noise" if i % 2 else "blur" for i in range(count)],
            "level": pd.array([1 + i % 4 for i in range(count)], dtype="Int64"),
            "opinion": opinion,
        }
    )
    table = pd.concat([base.assign(metric=name, score=values, problem="") for name, values in scores.items()])
    metrics = {"good": MetricFacts(True), "fair": MetricFacts(True), "distance": MetricFacts(False)}
    table = table[list(COLUMNS)].reset_index(drop=True)
    return Scored("made", "Made", "", "", Opinion("MOS", -3, 3, True), (), "", metrics, table)


def test_coefficients_are_scipys_with_the_sign_of_a_metric_that_works() -> None:
    scored = made()
    table = agreement.correlations(scored).set_index("metric")
    for label in LABELS:
        part = scored.table[scored.table["metric"] == label]
        assert table.loc[label, "srcc"] == pytest.approx(
            abs(stats.spearmanr(part["score"], part["opinion"])[0]), abs=1e-12
        )
        assert table.loc[label, "krcc"] == pytest.approx(
            abs(stats.kendalltau(part["score"], part["opinion"])[0]), abs=1e-12
        )
        assert table.loc[label, "srcc_low"] < table.loc[label, "srcc"] < table.loc[label, "srcc_high"]
    assert (table["references"] == 8).all()


def test_a_metric_that_works_backwards_has_a_negative_coefficient() -> None:
    scored = made()
    metrics = {**scored.metrics, "good": MetricFacts(False)}
    backwards = Scored(**{**vars(scored), "metrics": metrics})
    assert agreement.correlations(backwards, ["good"])["srcc"].item() < -0.9


def test_scores_that_could_not_be_computed_are_counted_and_left_out() -> None:
    scored = made()
    scored.table.loc[[0, 5], "score"] = np.nan
    row = agreement.correlations(scored, ["good"]).iloc[0]
    assert (row["n"], row["left_out"]) == (158, 2)


def test_an_infinite_score_keeps_its_rank() -> None:
    scored = made()
    best = scored.table.loc[scored.table["metric"] == "good", "score"].idxmax()
    before = agreement.correlations(scored, ["good"])["srcc"].item()
    scored.table.loc[best, "score"] = np.inf
    assert agreement.correlations(scored, ["good"])["srcc"].item() == before


def test_the_ranking_puts_the_better_metric_first_and_says_so_significantly() -> None:
    labels, ranking = agreement.rank(made())
    assert labels == ["good", "distance", "fair"]
    assert ranking.beats[0, 2] == 1
    assert ranking.beats[2, 0] == -1
    pairs = agreement.pairs_table(labels, ranking)
    assert list(pairs["first"]) == ["good", "good", "distance"]
    assert (pairs["difference"] > 0).all()


def test_each_distortion_type_has_its_own_coefficient() -> None:
    scored = made()
    table = benchmark.by_distortion(scored, ["good"]).set_index("distortion")
    part = scored.table[(scored.table["metric"] == "good") & (scored.table["distortion"] == "blur")]
    assert table.loc["blur", "srcc"] == pytest.approx(stats.spearmanr(part["score"], part["opinion"])[0], abs=1e-12)


def test_protocols_are_compared_with_the_first_of_their_family() -> None:
    study = benchmark.protocol_study(made(), {"x": ["good", "fair"]})
    assert np.isnan(study["srcc_change"][0])
    assert study["srcc_change"][1] == pytest.approx(study["srcc"][1] - study["srcc"][0], abs=1e-12)
    assert study["high"][1] < 0
    assert "fair" in benchmark.show_protocols(study).html


def test_agreement_is_one_with_itself_and_symmetric() -> None:
    table = benchmark.agreement(made())
    np.testing.assert_allclose(np.diag(table), 1)
    np.testing.assert_allclose(table, table.T)
    wide = made().table.pivot(index="distorted", columns="metric", values="score")
    expected = abs(stats.spearmanr(wide["good"], wide["distance"])[0])
    assert table.loc["good", "distance"] == pytest.approx(expected, abs=1e-12)


def test_published_scores_of_the_same_images_are_compared() -> None:
    scored = made()
    others = Scored(
        **{**vars(scored), "metrics": {"GOOD": MetricFacts(None)}, "table": scored.table.replace("good", "GOOD")}
    )
    others = Scored(**{**vars(others), "table": others.table.iloc[::2]})
    row = benchmark.beside_published(scored, others, {"good": "GOOD", "none": "GOOD"}).iloc[0]
    assert (row["metric"], row["n"], row["difference"]) == ("good", 80, 0)
    assert row["agreement"] == pytest.approx(1)


def test_an_unknown_metric_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no scores of 'best'; known: good, fair, distance"):
        agreement.correlations(made(), ["best"])


def test_figures_are_drawn() -> None:
    scored = made()
    labels, ranking = agreement.rank(scored)
    figures = [benchmark.scatter(scored, LABELS), benchmark.significance_map(labels, ranking)]
    figures.append(benchmark.heat_map(benchmark.agreement(scored), "agreement"))
    for figure in figures:
        figure.canvas.draw()
        plt.close(figure)


def test_published_scores_give_the_published_coefficient(real_data: Callable[[str], Path]) -> None:
    real_data("published-scores")
    table = agreement.correlations(load_published_scores("csiq")).set_index("metric")
    assert table.loc["DeepWSD_VGG", "srcc"] == pytest.approx(0.9646, abs=5e-5)  # four printed decimals


def test_reference_copies_move_the_coefficients(real_data: Callable[[str], Path]) -> None:
    real_data("published-scores")
    table = benchmark.without_copies(load_published_scores("live")).set_index(["metric", "rows"])
    assert table.loc[("DeepWSD_VGG", "with copies"), "srcc"] == pytest.approx(0.9625, abs=5e-5)
    assert table.loc[("DeepWSD_VGG", "without copies"), "n"] == 779


def test_the_best_metric_is_named_with_those_that_are_not_significantly_worse() -> None:
    table = pd.DataFrame(
        {"metric": ["a", "b", "c"], "srcc": [0.5, 0.9, 0.8], "srcc_low": 0.4, "srcc_high": 0.95, "n": 1200}
    )
    rows = [("b", "a", 0.001), ("c", "b", 0.2), ("c", "a", 0.9)]
    pairs = pd.DataFrame(rows, columns=["first", "second", "p_holm"])
    nothing = table.assign(srcc=np.nan)
    assert benchmark.in_words({"Set": table, "Other": nothing}, {"Set": pairs}) == [
        "Set (1,200 images): b, SRCC 0.900 [0.400, 0.950]; not significantly worse: c.",
        "Other: no correlation could be computed.",
    ]
    clear = pairs.assign(p_holm=0.01)
    assert benchmark.in_words({"Set": table}, {"Set": clear})[0].endswith("; all others are significantly worse.")
    for none in ({}, {"Set": pairs[:0]}):
        assert benchmark.in_words({"Set": table[1:2]}, none)[0].endswith("; compared with no other metric.")
