"""`python -m replication data ...` as typed."""

import csv
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import encoded, picture

from replication.cli import main
from replication.datasets.catalogue import FOLDERS
from replication.features.catalogue import WEIGHTS


def rows(output: str) -> dict[str, list[str]]:
    """The lines of `data status --csv`, by their first field."""
    return {first: others for first, *others in csv.reader(io.StringIO(output))}


def test_status_without_a_data_root(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "status"]) == 0
    assert capsys.readouterr().out.startswith(f"data root: {project / 'data'} (does not exist)\n")
    assert main(["data", "status", "--csv"]) == 0
    table = rows(capsys.readouterr().out)
    for name, entry in FOLDERS.items():
        assert table[name][0] == "missing"
        assert table[name][2] == entry.licence
        assert entry.source in table[name][3]
    assert "`data fetch kodak`" in table["kodak"][3]
    assert "fetch" not in table["set5"][3]
    assert table["photos-a"][0] == "complete (6 images)"
    assert all(table[weights.file][0] == "missing" for weights in WEIGHTS if not weights.packaged)
    assert all(table[weights.file][1] == weights.sha256[:8] for weights in WEIGHTS)


def test_status_tells_the_states_apart(
    project: Path, miniature: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    miniature("set5", "baby.png", "bird.png")
    miniature("set14", "zebra.png", "baboon.png")
    miniature("t91", "t1.png", "t2.png")
    miniature("kodak", "kodim01.png")
    for part in ("train", "val", "test"):
        miniature(f"bsds500-{part}", f"{part}.jpg")
    (project / "data" / "bsds500" / "val" / "val.jpg").unlink()
    assert main(["data", "pin", "set5", "set14", "t91"]) == 0
    assert capsys.readouterr().out == "data.dvc and pins/ now pin set5, set14, t91\n"
    (project / "data" / "set14" / "zebra.png").unlink()
    (project / "data" / "t91" / "t2.png").write_bytes(encoded(picture(30)))
    (project / "data" / "kodak" / "kodim01.jpg").write_bytes(encoded(picture(0), "JPEG"))
    assert main(["data", "status", "--csv"]) == 0
    table = rows(capsys.readouterr().out)
    assert table["set5"][:2] == ["complete (2 files)", "as pinned"]
    assert table["set14"][:2] == ["incomplete (1 of 2 files): missing zebra", "differs from pin: missing zebra.png"]
    assert table["t91"][:2] == ["different (2 files): other content in t2", "differs from pin: other content in t2.png"]
    assert table["bsds500-val"][:2] == ["empty", ""]
    assert "kodim01.jpg and kodim01.png" in table["kodak"][0]  # one damaged set does not hide the others


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("terminal", [True, False])
def test_status_is_as_wide_as_asked_for(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    terminal: bool,
    width: int,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["data", "status"]) == 0
    output = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert "\t" not in output
    lines = output.splitlines()[1:]  # the first has the data root
    assert max(map(len, lines)) <= width
    for words in ("photos-a           complete (6 images)", "kodak              missing", "data fetch kodak", "r0k.us"):
        assert words in output


def test_status_outside_a_project_knows_nothing_of_pins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    (tmp_path / "set5").mkdir()
    (tmp_path / "set5" / "baby.png").write_bytes(encoded(picture(0)))
    assert main(["data", "status", "--csv"]) == 0
    assert rows(capsys.readouterr().out)["set5"][:2] == [
        "incomplete (1 of 5 files): missing bird, butterfly, head, woman; other content in baby",
        "unknown",
    ]


def test_status_works_outside_a_project_without_a_data_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPLICATION_DATA", raising=False)
    assert main(["data", "status"]) == 0
    assert capsys.readouterr().out.startswith("data root: none; set REPLICATION_DATA to a folder for data")
    assert main(["data", "status", "--csv"]) == 0
    table = rows(capsys.readouterr().out)
    assert table["set5"][:2] == ["missing", "unknown"]
    assert table["photos-a"][0] == "complete (6 images)"


def test_status_names_files_that_are_passed_over(
    miniature: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = miniature("set5", "baby.png")
    for name in ("readme.txt", "bird.webp", "Thumbs.db", ".DS_Store"):
        (folder / name).write_bytes(b"")
    (folder / "more").mkdir()
    assert main(["data", "status", "--csv"]) == 0
    words = "complete (1 files); passed over: bird.webp, more/, readme.txt"
    assert rows(capsys.readouterr().out)["set5"][0] == words


def test_add_says_what_it_put_in_place(
    project: Path, tmp_path: Path, miniature: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = miniature("set5", "baby.png", "bird.png", at=tmp_path / "downloaded")
    assert main(["data", "add", "set5", str(folder)]) == 0
    assert capsys.readouterr().out == "set5: complete (2 files)\n"
    assert main(["data", "add", "set5", str(folder)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("error: set5: the folder ")
    (folder / "bird.png").write_bytes(encoded(picture(30)))
    assert main(["data", "add", "set5", str(folder), "--force"]) == 0
    assert capsys.readouterr().out == (
        "set5: different (2 files): other content in bird; another copy than the published results were computed from\n"
    )


def test_limits_of_archives_are_options(
    project: Path, tmp_path: Path, miniature: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    miniature("set5", "baby.png", at=tmp_path / "downloaded")
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "downloaded" / "baby.png", "baby.png")
        archive.writestr("zeros", bytes(110_000_000))
    command = ["data", "add", "set5", str(tmp_path / "set.zip")]
    for more, words in (
        ([], "more than 100 times is refused; --max-ratio raises this limit"),
        (["--max-size", "0.1"], "unpacks to 0.1 GB or more, and 0.1 GB are allowed; --max-size raises"),
        (["--max-files", "1"], "holds more than 1 files; --max-files raises"),
    ):
        assert main([*command, *more]) == 1
        assert words in capsys.readouterr().err
    assert main([*command, "--max-ratio", "2000"]) == 0


@pytest.mark.parametrize(
    ("code", "arguments", "words"),
    [
        (2, ["data", "add", "sett5", "."], "unknown set 'sett5'; known: bsds500-train, "),
        (1, ["data", "add", "set5", "nowhere"], "no file or folder nowhere"),
        (1, ["data", "fetch", "set5"], "no place to be downloaded from freely"),
        (2, ["data", "fetch", "photos-a"], "unknown set 'photos-a'"),
        (1, ["data", "pin", "set5"], "set5 is missing"),
        (1, ["data", "pin"], "no set is pinned yet"),
        (2, ["data", "pin", "sett5"], "unknown set 'sett5'"),
    ],
)
def test_errors_are_one_line_on_stderr(
    project: Path, capsys: pytest.CaptureFixture[str], code: int, arguments: list[str], words: str
) -> None:
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert words in captured.err
    assert captured.err.count("\n") == 1


def test_parts_of_a_set_are_named_together(
    project: Path, miniature: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("train", "val", "test"):
        miniature(f"bsds500-{part}", f"{part}.jpg")
    assert main(["data", "pin", "bsds500"]) == 0
    assert capsys.readouterr().out.endswith("pin bsds500-train, bsds500-val, bsds500-test\n")
