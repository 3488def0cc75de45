"""Which stage of how many runs, and how long the rest may take."""

from pathlib import Path

import pytest

from replication import run_times

STAGES = ["a", "b", "c"]


@pytest.fixture(autouse=True)
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "conf").mkdir()
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_first_run_has_no_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    run_times.announce("b", STAGES, "sample")
    assert capsys.readouterr().err == "stage 2 of 3: b\n"


def test_the_estimate_counts_this_stage_and_those_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    for stage, seconds in (("a", 1000.0), ("b", 120.0)):
        run_times.record(stage, "sample", seconds)
    run_times.announce("b", STAGES, "sample")  # c, which has not run, counts as the mean, 560 seconds
    assert capsys.readouterr().err == "stage 2 of 3: b; at most 11 min left\n"


def test_times_that_cannot_be_read_are_no_estimate(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_times.record("a", "sample", 1.0)
    (clone / "checkpoints" / "sample.seconds.json").write_text("[")
    run_times.announce("a", STAGES, "sample")
    assert capsys.readouterr().err == "stage 1 of 3: a\n"
