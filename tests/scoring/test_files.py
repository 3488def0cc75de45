"""Files and folders as pairs: what is passed over is counted and named."""

import os
from pathlib import Path

import pytest

from replication.scoring import files
from replication.scoring.errors import ScoringError
from tests.scoring import pictures


def test_what_is_passed_over_in_a_folder_is_counted_and_named(tmp_path: Path) -> None:
    pixels = {"a.png": pictures.Noise(1).read()}
    for folder in ("r", "d"):
        pictures.files(tmp_path / folder, pixels)
    assert files.pairs(tmp_path / "r", tmp_path / "d").remarks == ()
    for name in ("b.webp", "notes.txt", ".DS_Store", "._a.png", "Thumbs.db"):
        (tmp_path / "d" / name).touch()
    os.mkfifo(tmp_path / "d" / "c.png")
    (tmp_path / "d" / "sub").mkdir()
    found = files.pairs(tmp_path / "r", tmp_path / "d")
    assert found.remarks == (f"{tmp_path / 'd'}: passed over 3 files (b.webp, c.png, notes.txt) and 1 folder (sub)",)
    assert found.table["distorted"].tolist() == [f"{tmp_path}/d/a.png"]


def test_a_hidden_image_is_passed_over_and_named(tmp_path: Path) -> None:
    for folder in ("r", "d"):
        pictures.files(tmp_path / folder, {"a.png": pictures.Noise(1).read()})
    (tmp_path / "d" / "...png").write_bytes((tmp_path / "d" / "a.png").read_bytes())
    assert files.pairs(tmp_path / "r", tmp_path / "d").remarks == (f"{tmp_path / 'd'}: passed over 1 file (...png)",)


def test_columns_that_are_not_read_are_named_as_a_misspelt_opinion_is_one(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("reference,distorted,opinon,level\nr.png,d.png,3,1\n")
    assert files.listed(table).remarks == ("own.csv: columns that are not read: opinon",)
    table.write_text("reference,distorted,opinion,level\nr.png,d.png,3,1\n")
    assert files.listed(table).remarks == ()


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link.csv").symlink_to(tmp_path / "scores.csv")
    for name in ("pipe", "link.csv"):
        with pytest.raises(ScoringError, match=rf"cannot write .*{name}: it is a link or a device; give the name of"):
            files.check_writable(tmp_path / name)
    files.check_writable(tmp_path / "scores.csv")
