"""Score tables with their facts: what is kept on disk, and what a set that is missing leaves behind."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from replication.scoring.published import published
from replication.scoring.rated_sets import score_set
from replication.scoring.scored import COLUMNS, Scored


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
    np.testing.assert_allclose(again.table["score"], scored.table["score"], rtol=1e-6)  # seven digits are kept


def test_saving_twice_gives_the_same_bytes(scored: Scored, tmp_path: Path) -> None:
    scored.save(tmp_path / "a")
    Scored.load(tmp_path / "a").save(tmp_path / "b")
    for name in ("scores.csv", "facts.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_missing_set_says_why_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    absent = score_set("kadid-10k", ["psnr"])
    assert absent.table.empty
    assert "kadid-10k is missing" in absent.absent
    assert "Licence" in absent.absent
    absent.save(tmp_path / "kept")
    assert Scored.load(tmp_path / "kept").absent == absent.absent


def test_missing_published_scores_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    assert "live.csv" in published("live").absent


def test_no_scores_are_an_error_that_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="compute them first"):
        Scored.load(tmp_path)
