"""The campaign of faults: a short form of it, and that it finds faults where there are some."""

import os
import sys
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks import faults
from benchmarks.faults import kills, trials
from replication.datasets import manifests, place
from replication.datasets.archives import Container


@pytest.mark.parametrize(
    ("kind", "count"), [("images", 300), ("tables", 150), ("parameters", 150), ("archives", 100), ("kill add", 1)]
)
def test_a_short_campaign_finds_nothing(kind: str, count: int) -> None:
    tally = faults.campaign(kind, range(count), seed=1)
    assert (tally.tried, tally.failures) == (count, {})


def failures(kind: str, folder: Path, count: int) -> list[str]:
    """The words of the trials that fail, in this process."""
    trial = trials.KINDS[kind](folder)
    return [words for number in range(count) if (words := trial(Random(number)))]


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about damaged metadata
def test_it_finds_a_png_that_is_read_with_other_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("replication.datasets.images"), "_check_png", lambda path, data: None)
    found = failures("images", tmp_path, 300)
    assert any("read with other pixels than it was saved with" in words for words in found)


def test_it_finds_what_an_archive_leaves_and_content_that_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(self: Container, inside: str, destination: Path) -> None:
        destination.write_bytes(bytes(self.sizes[inside]))
        if "bird" in inside:
            (tmp_path / "data" / "left.txt").touch()

    monkeypatch.setattr(Container, "copy", careless)
    monkeypatch.setattr(place, "_check", lambda *_: manifests.State("complete", 3, 3))
    found = failures("archives", tmp_path, 20)
    assert any("left ['left.txt', 'mine.txt'" in words for words in found)
    monkeypatch.setattr(Container, "copy", lambda self, _, to: to.write_bytes(b"wrong"))
    (tmp_path / "again").mkdir()
    found = failures("archives", tmp_path / "again", 20)
    assert any("put other content in place, and said it was complete (3 files)" in words for words in found)


def _work(kind: str, monkeypatch: pytest.MonkeyPatch, trial: Any) -> list[Any]:
    """What the process of a kind would send for two trials."""
    sent: list[Any] = []
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    monkeypatch.setitem(trials.KINDS, kind, lambda folder: trial)
    faults._work(type("Pipe", (), {"send": sent.append}), kind, [3, 4], 0)  # type: ignore[arg-type]
    return [(number, words) for number, words, _ in sent]


def test_an_exception_that_is_no_sentence_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _work("images", monkeypatch, lambda random: "" if random.random() > 2 else {}["key"])
    assert found == [(3, "KeyError: 'key'"), (4, "KeyError: 'key'")]


def test_a_trial_depends_on_its_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (_work("images", monkeypatch, lambda random: str(random.random())) for _ in range(2))
    assert first == second
    assert first[0] != first[1]


def test_a_kind_that_cannot_be_prepared_is_a_failure() -> None:
    tally = faults.campaign("no such kind", [7, 8])
    assert tally.failures == {7: "not prepared: KeyError: 'no such kind'"}


def test_work_that_ends_otherwise_after_a_kill_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "import os, sys, time; p = 'a%d' % len(os.listdir()); open(p, 'w').close(); time.sleep(.2); os.remove(p)"
    monkeypatch.setattr(kills, "_started", lambda command, work: _popen(script, work))
    trial = kills._killed(tmp_path, [])
    assert any(trial(Random(number)).startswith("left or lost: a") for number in range(3))


def _popen(script: str, work: Path) -> Any:
    import subprocess

    return subprocess.Popen([sys.executable, "-c", script], cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
