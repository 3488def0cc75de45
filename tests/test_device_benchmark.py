"""The benchmark of one device: parts that fail or are cut off, the page, the pack, and a short trial on the CPU."""

import csv
import sys
import textwrap
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import device
from benchmarks.device import agreement, gpu_tests, pack, speed, timing, training
from benchmarks.device.page import Page, Section
from benchmarks.device.part import Event, Part, Settings, run

CPU = Settings("cpu", None)

PART = """
    import os
    import time
    from benchmarks.device.part import Part

    class Measured(Part):
        title, about, headings, share = "Demo", "A part.", ("item", "figure"), 1.0

        def __init__(self, settings, seconds):
            {constructor}
            self.items = [("first",), ("second",), ("third",)]

        def measure(self, item):
            if item == ("second",):
                {second}
            return [("1.5",)]
"""
GOOD = [("1.5",)]


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`events("raise ValueError", seconds=30)`: of a part whose second item does that, or its constructor."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def collect(second: str = "pass", constructor: str = "pass", seconds: float = 60) -> list[Event]:
        (tmp_path / "demo_part.py").write_text(textwrap.dedent(PART.format(second=second, constructor=constructor)))
        return list(run("demo_part", CPU, seconds))

    return collect


def test_an_item_that_fails_is_one_line_and_the_others_are_measured(events: Any) -> None:
    found = events("raise ValueError('too\\nlarge')")
    assert found == [
        Event(("first",), GOOD),
        Event(("second",), [], "failed: ValueError: too large"),
        Event(("third",), GOOD),
    ]


def test_a_package_or_weights_that_are_absent_are_named(events: Any) -> None:
    assert events("import no_such_package.inside")[1].reason == "not installed: no_such_package"
    absent = "from replication.features.weights import absent; from replication.absent import AbsentError"
    assert events(f"{absent}; raise AbsentError(absent('pieapp'))")[1].reason == "not available: PieAPP"


def test_a_part_that_hangs_is_ended_in_time_and_what_is_left_is_not_reached(events: Any) -> None:
    events()  # the server of processes has started
    started = time.monotonic()
    found = events("time.sleep(600)", seconds=5)
    assert time.monotonic() - started < 15
    assert found[0] == Event(("first",), GOOD)
    assert [(event.item, event.reason) for event in found[1:]] == [
        ((name,), "not reached: the part ended after its 5 s") for name in ("second", "third")
    ]


def test_a_part_whose_process_ends_or_that_cannot_be_made_is_reported(events: Any) -> None:
    reasons = [event.reason for event in events("os._exit(3)")]
    assert reasons == ["", *["not reached: the part's process ended with code 3"] * 2]
    assert events(constructor="raise RuntimeError('no data')") == [Event(None, [], "failed: RuntimeError: no data")]


class Demo(Part):
    title, about, headings, share = "Demo", "A part.", ("item", "case", "figure"), 1.0


def test_the_page_and_the_csv_have_figures_and_reasons(tmp_path: Path) -> None:
    section, empty = Section("demo", Demo), Section("later", Demo)
    section.add(Event(("a", "x|y"), [("1.5",), ("2.5", "cold")]))
    for item in ("b", "c"):
        section.add(Event((item, "z"), [], "not installed: piq"))
    empty.add(Event(None, [], "failed: RuntimeError: no data"))
    Page(tmp_path, ["GPU: some"], [section, empty]).write([section, empty])
    rows = list(csv.reader((tmp_path / "demo.csv").open()))
    assert rows == [
        ["item", "case", "figure", "note"],
        ["a", "x|y", "1.5", ""],
        ["a", "x|y", "2.5", "cold"],
        ["b", "z", "", "not installed: piq"],
        ["c", "z", "", "not installed: piq"],
    ]
    text = (tmp_path / "device.md").read_text()
    assert "- Demo: 2 rows; 2 not installed.\n- Demo: failed: RuntimeError: no data." in text
    assert "| a | x\\|y | 2.5 | cold |" in text
    assert "- not installed: piq: b, z; c, z." in text


def test_a_trial_on_the_cpu_keeps_to_its_time_and_lists_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("speed", "steps", "training")
    arguments = ["--device", "cpu", "--seconds", "30", "--only", *names, "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    started = time.monotonic()
    device.main()
    assert time.monotonic() - started < 45
    items = {name: import_module(f"benchmarks.device.{name}").Measured for name in names[:2]}
    for name, part in items.items():
        rows = list(csv.reader((tmp_path / f"{name}.csv").open()))
        assert rows[0] == [*part.headings, "note"]
        assert len(rows) - 1 >= 12  # whether measured or not
        assert all(row[-1] or all(float(cell) > 0 for cell in row[-3:-1] if cell) for row in rows[1:])
    text = (tmp_path / "device.md").read_text()
    assert "- Autoencoders trained on faces: not available: a folder of faces (--faces)." in text
    assert "torch " in text


def test_without_a_gpu_one_sentence_says_so_and_a_trial_spares_the_committed_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["benchmarks"])
    with pytest.raises(SystemExit, match="^torch finds no CUDA device; --device cpu --out FOLDER makes a trial"):
        device.main()
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--device", "cpu"])
    with pytest.raises(SystemExit):
        device.main()
    assert "give a folder with --out" in capsys.readouterr().err


class TestTiming:
    def test_a_call_takes_as_long_as_it_sleeps(self) -> None:
        times = timing.timed(lambda: time.sleep(0.02), "cpu", 0.1)
        assert 20 <= times.least <= times.median
        assert 1 < timing.rate(lambda: time.sleep(0.02), "cpu", 0.1) <= 50

    def test_on_a_gpu_events_are_read_after_one_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        log: list[str] = []

        class FakeEvent:
            def __init__(self, enable_timing: bool) -> None:
                assert enable_timing

            def record(self) -> None:
                log.append("record")

            def elapsed_time(self, after: "FakeEvent") -> float:
                assert log[-1] == "wait"
                return 2.5

        monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
        monkeypatch.setattr(torch.cuda, "synchronize", lambda: log.append("wait"))
        assert timing.timed(lambda: log.append("call"), "cuda", 0) == (2.5, 2.5)
        assert log[:9] == ["wait", "call", "wait"] * 3  # warm-up
        assert log[9:] == ["record", "call", "record"] * 3 + ["wait"]


class TestAgreement:
    def test_difference_is_relative_to_the_score_or_to_a_hundredth_of_the_largest(self) -> None:
        expected = torch.tensor([2.0, 0.001])
        assert agreement.difference(expected, torch.tensor([2.2, 0.001])) == pytest.approx(0.1)
        assert agreement.difference(expected, torch.tensor([2.0, 0.003])) == pytest.approx(0.1)
        assert agreement.difference(expected, torch.tensor([float("nan"), 0.001])) == float("inf")

    @pytest.mark.parametrize(("error", "agrees"), [(0.0, "yes"), (5e-5, "yes"), (2e-4, "NO"), (float("nan"), "NO")])
    def test_scores_that_differ_are_off(self, error: float, agrees: str, monkeypatch: pytest.MonkeyPatch) -> None:
        calls: list[str] = []
        create = agreement.created

        def created(name: str, where: str) -> Any:
            metric, weights = create(name, where)
            calls.append(where)
            factor = 1 + error if calls == ["cpu", "cpu"] else 1.0
            return lambda x, y: factor * metric(x, y), weights

        monkeypatch.setattr(agreement, "created", created)
        part = agreement.Measured(CPU, 10)
        rows = part.measure(("score", "gmsd"))
        assert rows[0][2:] == ("0.0001", agrees, "")
        assert ("off: gmsd" in part.summary([("score", "gmsd", *rows[0])])) == (agrees == "NO")

    def test_every_metric_and_loss_is_compared(self) -> None:
        names = {name for _, name in agreement.Measured(CPU, 10).items}
        assert {"ssim", "vif", "lpips-alex", "dists+mic", "lwssim", "ms_ssim_l1", "PSNRLoss"} <= names
        assert agreement.Measured(CPU, 10).measure(("gradient", "PSNRLoss"))[0][1:3] == ("0.0e+00", "0.0001")


def test_contenders_that_are_installed_give_one_score() -> None:
    """Libraries are timed at the same task: what they compute differs in rounding alone."""
    x, y = agreement.pairs(1, 1)
    for metric in ("SSIM", "MS-SSIM"):
        scores = [float(speed.load(metric, name)(x, y)) for name in speed.CONTENDERS[metric]]
        np.testing.assert_allclose(scores, scores[0], atol=2e-3)  # libraries treat borders of a level differently


TESTS = """
    import pytest

    pytestmark = pytest.mark.gpu

    def test_good(): pass

    def test_bad(): assert 1 == 2, "one is not two"

    def test_other(): pytest.skip("no GPU")
"""


def test_outcomes_of_marked_tests_are_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_marked.py").write_text(textwrap.dedent(TESTS))
    (tmp_path / "tests" / "test_broken.py").write_text("import no_such_package  # pytest.mark.gpu")
    (tmp_path / "tests" / "test_unmarked.py").write_text("def test_it(): pass")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = gpu: for GPUs\n")
    monkeypatch.chdir(tmp_path)
    part = gpu_tests.Measured(CPU, 10)
    broken, marked = part.items
    assert (broken, marked) == (("tests/test_broken.py",), ("tests/test_marked.py",))
    rows = part.measure(marked)
    assert [row[:2] for row in rows] == [("test_good", "passed"), ("test_bad", "failed"), ("test_other", "skipped")]
    assert "one is not two" in rows[1][2]
    assert rows[2][2] == "no GPU"
    assert "no_such_package" in part.measure(broken)[0][2]
    assert part.summary([("", *row) for row in rows]) == "1 passed, 1 failed, 1 skipped"


@pytest.fixture
def some_faces(tmp_path: Path) -> Path:
    """Twenty smooth pictures of half CelebA's size."""
    folder = tmp_path / "some"
    folder.mkdir()
    for seed in range(20):
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((89, 109), Image.Resampling.BICUBIC).save(folder / f"{seed:06}.png")
    return folder


def test_the_pack_travels_and_is_trained_on(some_faces: Path, tmp_path: Path) -> None:
    report = pack.pack(tmp_path / "pack", some_faces)
    assert "20 faces" in report
    packed = training.stack_of(tmp_path / "pack" / "faces")
    original = training.stack_of(some_faces)
    assert packed.names == original.names
    assert packed.pixels.shape == (20, 3, 64, 64)
    assert np.abs(packed.pixels.astype(int) - original.pixels).mean() < 4
    assert not list(tmp_path.glob(".pack*"))
    part = training.Measured(Settings("cpu", tmp_path / "pack" / "faces"), 6)
    part.items = [("mse",)]
    rows = part.measure(("mse",))
    assert len(rows) == training.ROUNDS
    assert [int(row[0]) for row in rows] == [int(rows[0][0]) * (round_ + 1) for round_ in range(training.ROUNDS)]
    assert all(float(cell) > 0 for row in rows for cell in row[1:])
    assert part.summary([("mse", *row) for row in rows]).startswith(f"mse: {rows[-1][0]} steps at ")


def test_a_pack_that_is_too_large_or_in_the_way_is_refused_and_nothing_is_written(
    some_faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(pack.PackError, match="exists; name a new folder"):
        pack.pack(some_faces, some_faces)
    monkeypatch.setattr(pack, "LIMIT", pack.tree_bytes())
    with pytest.raises(pack.PackError, match=r"in all, are more than \d+ MiB; give a folder of fewer faces"):
        pack.pack(tmp_path / "pack", some_faces)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["some"]
    assert len(list(some_faces.iterdir())) == 20


@pytest.mark.parametrize(
    ("command", "expected"),
    [(["mic", "--rounds", "3"], ("mic", ["--rounds", "3"])), (["--rounds", "3"], ("ssim", ["--rounds", "3"]))],
)
def test_a_benchmark_gets_all_of_its_own_arguments(
    command: list[str], expected: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import runpy

    found = []
    monkeypatch.setattr(sys, "argv", ["benchmarks", *command])
    for name in ("mic", "ssim"):
        module = import_module(f"benchmarks.{name}")
        monkeypatch.setattr(module, "main", lambda name=name: found.append((name, sys.argv[1:])))
    runpy.run_module("benchmarks", run_name="__main__")
    assert found == [expected]
