"""`python -m replication run`: a notebook with values from params.yaml, on the data that is pinned."""

from pathlib import Path

import nbformat
import numpy as np
import pytest
import yaml
from PIL import Image

from replication import cli, project
from replication.datasets import pin

PARAMETERS = {"profile": "sample", "one": {"count": 2, "sets": ["set5"]}, "two": {"count": 3}}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one notebook, and its data root inside."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    for path in (tmp_path / "conf" / "base.yaml", tmp_path / "params.yaml"):
        path.write_text(yaml.safe_dump(PARAMETERS))
    (tmp_path / "conf" / "sample.yaml").write_text("profile: sample\n")
    cells = [
        nbformat.v4.new_code_cell("profile = ''\ncount = 1\nsets = []", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print(profile, count * 111, sets)"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "story.ipynb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path / "data"))
    return tmp_path


def run(*options: str) -> int:
    return cli.main(["run", "notebooks/story.ipynb", *options])


def test_later_groups_and_single_values_win_and_the_checkpoints_go(clone: Path) -> None:
    checkpoints = project.checkpoint_folder("sample", "tale")
    checkpoints.mkdir(parents=True)
    assert run("--name", "tale", "--params", "two", "--params", "sets=one.sets", "--set", "sets=[a]") == 0
    assert "sample 333" in (clone / "reports" / "sample" / "tale.html").read_text()
    assert not checkpoints.exists()


def test_a_failed_run_keeps_its_checkpoints(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoints = project.checkpoint_folder("sample", "story")
    checkpoints.mkdir(parents=True)
    assert run("--set", "count=none-such") == 1
    assert "parameter 'count' of story.ipynb must be a number" in capsys.readouterr().err
    assert checkpoints.exists()


def test_an_unknown_group_is_named_with_the_known_ones(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--params", "three") == 1
    assert "params.yaml has no 'three': 'three' is not among one, profile, two" in capsys.readouterr().err


def test_missing_data_stops_the_stage_before_it_starts(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--params", "one") == 1
    assert "set5" in capsys.readouterr().err
    assert not (clone / "reports").exists()


def test_data_that_is_not_as_pinned_stops_the_stage_and_names_the_file(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = clone / "data" / "set5"
    folder.mkdir(parents=True)
    for shade, name in enumerate(("baby", "bird", "butterfly", "head", "woman")):
        Image.fromarray(np.full((8, 8, 3), shade, np.uint8)).save(folder / f"{name}.png")
    pin.write(["set5"])
    Image.fromarray(np.full((8, 8, 3), 99, np.uint8)).save(folder / "head.png")
    assert run("--params", "one") == 1
    said = capsys.readouterr().err
    assert "head.png" in said
    assert "data pin" in said
    assert not (clone / "reports").exists()


def test_another_profile_is_refused_because_its_results_would_be_overwritten(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--set", "profile=paper") == 1
    assert "profile cannot be set to 'paper', because params.yaml is that of sample" in capsys.readouterr().err
    assert not (clone / "reports" / "paper").exists()


def test_what_an_earlier_run_left_in_its_results_goes_when_a_run_has_succeeded(clone: Path) -> None:
    folder = project.results_folder("sample", "tale")
    folder.mkdir(parents=True)
    (folder / "old.csv").write_text("left by an earlier run")
    assert run("--name", "tale", "--results", "tale", "--set", "count=none-such") == 1
    assert (folder / "old.csv").exists()
    assert run("--name", "tale", "--results", "tale") == 0
    assert not (folder / "old.csv").exists()
