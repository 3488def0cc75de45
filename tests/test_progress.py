"""Progress of a long step: lines in a log, a bar where somebody looks on."""

import pytest

from replication import progress


def test_a_log_has_lines_with_rate_and_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress("scores", 4, 1, "images", every=0) as advance:
        advance(2)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "scores: goes on after 1 of 4 images"
    assert second.startswith("scores: 3 of 4 images, ")
    assert second.endswith(" min left")


def test_in_a_notebook_the_bar_is_no_error_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "in_lab", lambda: True)
    with progress.progress("scores", 4, 0, "images") as advance:
        advance(4)
    shown = capsys.readouterr()
    assert "4/4" in shown.out
    assert shown.err == ""
