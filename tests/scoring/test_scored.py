"""Score tables with their facts: the files they are saved in, and what a set that is missing leaves behind."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replication.reporting.metric_scores import scores_of
from replication.reporting.paper_sets import only_exact
from replication.scoring.published_scores import load_published_scores
from replication.scoring.rated_sets import score_set
from replication.scoring.scored import Scored
from replication.scoring.wide import COLUMNS


@pytest.fixture(scope="module")
def scored() -> Scored:
    return score_set("photos-distorted", ["psnr", "ssim(colour=gray)"], workers=0, show_progress=False)


def test_a_set_is_scored_with_what_a_reader_must_know(scored: Scored) -> None:
    assert list(scored.table.columns) == list(COLUMNS)
    assert len(scored.table) == 2 * 120
    assert scored.opinion.kind == "order"
    assert scored.metrics["ssim(colour=gray)"].protocol["colour"] == "gray"
    assert scored.metrics["psnr"].higher_is_better is True
    assert any("replicate nothing" in remark for remark in scored.remarks)


def test_it_is_read_back_as_it_was_written(scored: Scored, tmp_path: Path) -> None:
    scored.save(tmp_path)
    again = Scored.load(tmp_path)
    assert again.metrics == scored.metrics
    assert (again.opinion, again.remarks, again.digest) == (scored.opinion, scored.remarks, scored.digest)
    numbers = ["score", "opinion"]
    pd.testing.assert_frame_equal(
        again.table.drop(columns=numbers), scored.table.drop(columns=numbers), check_dtype=False
    )
    np.testing.assert_allclose(again.table["score"], scored.table["score"], rtol=1e-6)  # seven digits are saved


def test_saving_twice_gives_the_same_bytes(scored: Scored, tmp_path: Path) -> None:
    scored.save(tmp_path / "a")
    Scored.load(tmp_path / "a").save(tmp_path / "b")
    for name in ("scores.csv", "facts.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_missing_set_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    absent = score_set("kadid-10k", ["psnr"])
    assert absent.table.empty
    assert absent.absent is not None
    assert absent.absent.kind == "data set"
    absent.save(tmp_path / "saved")
    assert Scored.load(tmp_path / "saved").absent == absent.absent


def test_missing_published_scores_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    absent = load_published_scores("live").absent
    assert absent is not None
    assert absent.kind == "data set"


def test_no_scores_are_an_error_that_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="compute them first"):
        Scored.load(tmp_path)


def test_scores_are_saved_in_the_wide_form_and_read_from_the_long_one_too(scored: Scored, tmp_path: Path) -> None:
    table = scored.table.copy()
    table.loc[3, ["score", "problem"]] = [np.nan, "too small, by far"]
    failed = replace(scored, table=table)
    failed.save(tmp_path / "wide")
    header, first = (tmp_path / "wide" / "scores.csv").read_text().splitlines()[:2]
    assert header == "data_set,reference,distorted,distortion,level,opinion,psnr,ssim(colour=gray)"
    assert first.startswith("photos-distorted,")
    assert (tmp_path / "wide" / "problems.csv").read_text().splitlines()[1:] == [
        '1,ssim(colour=gray),"too small, by far"'
    ]
    (tmp_path / "long").mkdir()
    (tmp_path / "long" / "facts.json").write_bytes((tmp_path / "wide" / "facts.json").read_bytes())
    failed.table.to_csv(tmp_path / "long" / "scores.csv", index=False, float_format="%.7g")
    wide, long = (Scored.load(tmp_path / name).table for name in ("wide", "long"))
    pd.testing.assert_frame_equal(wide, long, check_exact=True)
    assert wide["problem"][3] == "too small, by far"
    scored.save(tmp_path / "wide")
    assert not (tmp_path / "wide" / "problems.csv").exists()


def test_a_table_with_kinds_is_read_back_and_restricted_to_some(scored: Scored, tmp_path: Path) -> None:
    table = scored.table.copy()
    table.insert(6, "kind", np.where(table["level"] == 1, "exact", "similar"))
    table.loc[table["kind"] == "similar", "opinion"] = np.nan
    replace(scored, table=table).save(tmp_path)
    again = Scored.load(tmp_path)
    assert again.table["kind"].tolist() == table["kind"].tolist()
    assert again.table["opinion"].isna().tolist() == table["opinion"].isna().tolist()
    exact = only_exact(replace(again, name="tid2013-part"))
    assert set(exact.table["kind"]) == {"exact"}
    assert len(exact.table) == (table["level"] == 1).sum()


def test_images_without_an_opinion_are_counted_and_in_no_correlation(scored: Scored) -> None:
    table = scored.table.copy()
    table.loc[table["distorted"] == table["distorted"].iloc[0], "opinion"] = np.nan
    rows, left_out = scores_of(replace(scored, table=table), "psnr")
    assert (len(rows), left_out) == (119, 1)
    assert rows["opinion"].notna().all()
