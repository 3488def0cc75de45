"""The command line as a whole: exit codes, errors in a sentence, profiles, a quick start."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from replication import files, project
from replication.cli import main


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two profiles, the sample one active."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    for name in ("paper", "sample"):
        (tmp_path / "conf" / f"{name}.yaml").write_text(f"# The profile {name}.\nprofile: {name}\nsteps: 3\n")
    (tmp_path / "params.yaml").write_text((tmp_path / "conf" / "sample.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_profile_shows_the_active_one_and_the_known(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile"]) == 0
    assert capsys.readouterr().out == "paper\nsample (active)\n"


def test_profile_switches_with_comments_and_all(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "paper"]) == 0
    assert (clone / "params.yaml").read_text() == "# The profile paper.\nprofile: paper\nsteps: 3\n"
    main(["profile"])
    assert "paper (active)" in capsys.readouterr().out


def test_unknown_profile_is_one_sentence_and_changes_nothing(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (clone / "params.yaml").read_text()
    assert main(["profile", "papr"]) == 1
    captured = capsys.readouterr()
    assert captured.err == "error: unknown profile 'papr'; known: paper, sample\n"
    assert (clone / "params.yaml").read_text() == before


def test_unknown_parameter_is_one_sentence(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clone / "params.yaml").write_text("profile: sample\nstep: 3\n")
    assert main(["profile"]) == 1
    assert "unknown parameter 'step'; known here: profile, steps" in capsys.readouterr().err


def test_outside_a_project_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["profile"]) == 1
    assert "error: no project" in capsys.readouterr().err


def test_full_disk_is_one_sentence_and_leaves_the_old_profile(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = (clone / "params.yaml").read_text()
    monkeypatch.setattr(files.os, "fsync", full)
    assert main(["profile", "paper"]) == 1
    assert capsys.readouterr().err == "error: No space left on device\n"
    assert (clone / "params.yaml").read_text() == before


def test_mistakes_of_our_own_keep_their_traceback(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[str]:
        raise KeyError("bug")

    monkeypatch.setattr(project, "profiles", broken)
    with pytest.raises(KeyError):
        main(["profile"])


@pytest.mark.parametrize(
    "arguments", [["no-such-command"], ["data", "add", "set5"], ["data", "add", "--no-such-option"]]
)
def test_usage_errors_exit_with_2(clone: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "Usage" in capsys.readouterr().err


def test_help_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "profile" in capsys.readouterr().out


def test_the_module_runs_with_the_same_exit_codes(clone: Path) -> None:
    command = [sys.executable, "-m", "replication", "profile", "papr"]
    environment = {"PYTHONPATH": str(Path(project.__file__).parents[1])}
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr == "error: unknown profile 'papr'; known: paper, sample\n"


def test_importing_the_command_line_imports_nothing_heavy() -> None:
    heavy = {"torch", "lightning", "pandas", "papermill", "pooch", "requests", "dvc"}
    script = f"import sys, replication.cli; print(*{heavy} & {{*sys.modules}})"
    environment = {"PYTHONPATH": str(Path(project.__file__).parents[1])}
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    )
    assert finished.stdout == "\n"
