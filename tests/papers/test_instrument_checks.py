"""Checks of our scores against published ones, and gates for images made again, on small tables made here."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replication.datasets.catalogue import RATED
from replication.papers.benchmark import checks, gates
from replication.papers.benchmark.checks import Pair
from replication.papers.benchmark.gates import Measure
from replication.scoring.published_scores import load_published_scores
from replication.scoring.rated_sets import score_set
from replication.scoring.scored import MetricFacts, Scored

PAIR = Pair("dists(resize=false)", "zeroshot", "DISTS")
MEASURES = (Measure("a", "zeroshot", "A"), Measure("b", "zeroshot", "B", similarity=True))


def table_of(
    name: str, data_set: str, scores: dict[str, np.ndarray], kind: str = "", distortion: str = "blur"
) -> Scored:
    """Scores of 40 images of 8 references at 5 levels; opinions fall with the level."""
    images = pd.DataFrame(
        {
            "data_set": data_set,
            "reference": [f"r{i // 5}" for i in range(40)],
            "distorted": [f"{distortion}{i}" for i in range(40)],
            "distortion": distortion,
            "level": pd.array([i % 5 + 1 for i in range(40)], dtype="Int64"),
            "opinion": [9.0 - i % 5 - 0.01 * i for i in range(40)],
        }
    )
    if kind:
        images["kind"] = kind
    table = pd.concat([images.assign(metric=label, score=values, problem="") for label, values in scores.items()])
    facts = {label: MetricFacts(False) for label in scores}
    return Scored(name, name, "", "", RATED["tid2013"].opinion, (), "", facts, table.reset_index(drop=True))


@pytest.fixture
def published() -> np.ndarray:
    return np.array([0.1 * (i % 5 + 1) + 0.001 * i for i in range(40)])


def verdict(ours: np.ndarray, theirs: np.ndarray, pair: Pair, kind: str = "exact") -> pd.DataFrame:
    own = table_of("tid2013-part", "tid2013-part", {pair.ours: ours}, kind)
    others = table_of("tid2013-zeroshot", "tid2013", {pair.column: theirs})
    return checks.agreement(checks.of_pairs([own], [others], [pair]))


def test_equal_scores_are_of_one_instrument(published: np.ndarray) -> None:
    found = verdict(published + 5e-4, published, PAIR).iloc[0]
    assert (found["verdict"], found["images"], found["within"]) == ("same instrument", 40, 1.0)
    assert found["largest_difference"] == pytest.approx(5e-4)
    assert found["rank_agreement"] == pytest.approx(1)


def test_what_differs_is_named_with_its_reason_or_without(published: np.ndarray) -> None:
    known = Pair(PAIR.ours, PAIR.table, PAIR.column, "not resized there")
    assert verdict(published + 0.01, published, known)["verdict"][0] == "another protocol: not resized there"
    assert verdict(published + 0.01, published, PAIR)["verdict"][0] == "differs, reason not found"
    few = published.copy()
    few[:2] += 0.1
    assert verdict(few, published, known)["verdict"][0] == "same instrument but for 2 images: not resized there"
    assert verdict(few, published, PAIR)["verdict"][0] == "differs, reason not found"


def test_only_images_with_the_published_pixels_are_compared(published: np.ndarray) -> None:
    assert verdict(published, published, PAIR, kind="equivalent").empty
    assert len(verdict(published, published, PAIR, kind="")) == 1


def test_tables_of_other_images_are_left_alone(published: np.ndarray) -> None:
    own = table_of("tid2013-part", "tid2013-part", {PAIR.ours: published}, "exact")
    others = table_of("live-zeroshot", "live", {PAIR.column: published})
    assert checks.of_pairs([own], [others], [PAIR]) == {}
    assert checks.agreement({}).empty


def test_a_second_table_of_the_set_adds_its_metrics(published: np.ndarray) -> None:
    first = table_of("s", "s", {"a": published, "b": published}, "exact")
    second = table_of("s", "s", {"b": published + 1, "c": published}, "exact")
    both = checks.joined(first, second)
    assert list(both.metrics) == ["b", "c", "a"]
    assert both.table.loc[both.table["metric"] == "b", "score"].tolist() == published.tolist()
    assert checks.joined(first, None) is first


def gate(ours: dict[str, np.ndarray], theirs: np.ndarray, measures: tuple[Measure, ...] = MEASURES) -> pd.Series:
    own = table_of("tid2013-part", "tid2013-part", ours, "equivalent")
    others = table_of("tid2013-zeroshot", "tid2013", {"A": theirs, "B": 1 - theirs})
    return gates.gates(gates.measured([own], [others], measures)).iloc[0]


def test_images_near_enough_to_the_published_ones_pass(published: np.ndarray) -> None:
    found = gate({"a": 1.04 * published, "b": 1 - 0.97 * published}, published)
    assert found["passed"]
    assert found["failed"] == ""
    assert (found["measures"], found["images"], found["kind"]) == (2, 40, "equivalent")
    assert (found["ratio_low"], found["ratio_high"]) == (pytest.approx(0.97), pytest.approx(1.04))
    assert gates.sentence(found.to_frame().T) == "1 of 1 distortions pass the gates"


def test_images_of_another_strength_fail(published: np.ndarray) -> None:
    found = gate({"a": 1.06 * published, "b": 1 - published}, published)
    assert not found["passed"]
    assert found["failed"] == "A 1.060 of the published at level 1, 2, 3, 4, 5"


def test_images_of_another_strength_at_one_level_fail(published: np.ndarray) -> None:
    weaker = published * np.where(np.arange(40) % 5 == 0, 0.9, 1.0)
    assert gate({"a": weaker, "b": 1 - published}, published)["failed"] == "A 0.900 of the published at level 1"


def test_images_in_another_order_fail(published: np.ndarray) -> None:
    shuffled = published.reshape(8, 5)[::-1].ravel()  # the same levels, of other references
    found = gate({"a": shuffled, "b": 1 - published}, published)
    assert found["failed"].startswith("A ranks as published only to 0.9")


def test_images_that_agree_less_with_opinions_fail(published: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, 0.025, 40)
    found = gate({"a": published, "b": 1 - published - noise}, published)
    assert "SRCC of B with opinions 0." in found["failed"]
    assert found["srcc_difference"] > gates.SRCC


def test_one_measure_is_not_enough(published: np.ndarray) -> None:
    found = gate({"a": published}, published)
    assert found["failed"] == "1 measure, 2 are needed"
    failing = gates.sentence(found.to_frame().T)
    assert failing == "0 of 1 distortions pass the gates; not used in any verdict: blur of tid2013-part"


def test_without_published_scores_there_are_no_gates(published: np.ndarray) -> None:
    assert gates.gates(gates.measured([table_of("s", "s", {"a": published})], [])).empty


def test_every_pair_is_of_a_metric_and_a_column_that_exist() -> None:
    from replication.datasets.catalogue.published_scores import PUBLISHED
    from replication.metrics import registry
    from replication.metrics.names import parse

    columns = {(name.partition("-")[2], column) for name, table in PUBLISHED.items() for column in table.columns}
    for pair in checks.PAIRS:
        assert parse(pair.ours)[0] in registry.names()
        assert (pair.table, pair.column) in columns


def test_real_images_made_again_are_the_published_ones(
    real_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contrast of TID2013, whose pixels are exact: PSNR and GMSD of 120 images."""
    folder = real_data("tid2013-part")
    if not (folder / "mos_with_names.txt").is_file():
        pytest.skip("REAL DATA ABSENT: tid2013-part is not built")
    monkeypatch.setenv("REPLICATION_DATA", str(folder.parent))
    real_data("published-scores")
    options = {"distortions": ["contrast change"]}
    own = score_set("tid2013-part", ["gmsd", "psnr"], options=options, workers=0, show_progress=False)
    found = checks.agreement(checks.of_pairs([own], [load_published_scores("tid2013-classical")]))
    assert found["published"].tolist() == ["PSNR (classical)", "GMSD (classical)"]
    assert set(found["verdict"]) == {"same instrument"}
    assert found["images"].tolist() == [120, 120]
