"""A reader sees the old content or the new one, never a part."""

import errno
import os
from pathlib import Path

import pytest

from replication.files import atomic_write, atomic_write_bytes, atomic_write_text, read_regular


def test_writes_text_and_bytes_and_makes_folders(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "a" / "b.txt", "größer\n")
    atomic_write_bytes(tmp_path / "c.bin", b"\x00\xff")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "größer\n".encode()
    assert (tmp_path / "c.bin").read_bytes() == b"\x00\xff"


def test_what_is_not_utf8_is_escaped(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "a", "bruit\udce9.png\n")
    assert (tmp_path / "a").read_bytes() == b"bruit\\udce9.png\n"


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "link").symlink_to("a")
    assert read_regular(tmp_path / "link") == b"content"
    os.mkfifo(tmp_path / "fifo")
    for path, words in ((tmp_path / "fifo", "not a regular file"), (tmp_path, "a folder"), ("/dev/zero", "not a reg")):
        with pytest.raises(OSError, match=words):
            read_regular(path)


def test_permissions_are_those_of_an_ordinary_new_file(tmp_path: Path) -> None:
    (tmp_path / "ordinary").write_text("")
    atomic_write_text(tmp_path / "atomic", "")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_failing_block_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="half-way"), atomic_write(path) as file:  # noqa: PT012 - it must fail inside
        file.write("new, but only ha")
        raise RuntimeError("half-way")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left"):
        atomic_write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_other_modes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'w' or 'wb', got 'a'"), atomic_write(tmp_path / "x", "a"):
        pass
