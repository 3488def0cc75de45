"""Interrupted work goes on where it stopped, to the same table, and only the same work is reused."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
from torch import Tensor

import replication
from replication import metrics
from replication.scoring import ScoringError, engine, score
from tests.scoring.pictures import Noise, RatedSet, files, noise_set, rated


class Mean:
    """A metric that counts the images it scores, and may be told to fail at one of them."""

    def __init__(self, name: str = "mean", fail_at: int = -1, error: type[BaseException] = KeyboardInterrupt) -> None:
        self.name, self.fail_at, self.error, self.scored = name, fail_at, error, 0

    def metric(self, **protocol: object) -> metrics.Metric:
        return metrics.Metric(self.name, True, protocol, lambda x: x.mean(dim=(1, 2, 3)), self.compare)

    def compare(self, reference: Tensor, distorted: Tensor) -> Tensor:
        if self.scored == self.fail_at:
            raise self.error
        self.scored += len(distorted)
        return distorted - reference


def quiet(data_set: RatedSet, *given: metrics.Metric, store: Path, **options: object) -> pd.DataFrame:
    return score(data_set, given, store=store, show_progress=False, **options)  # type: ignore[arg-type]


def test_an_interrupted_run_goes_on_and_loses_one_batch_at_most(tmp_path: Path) -> None:
    data_set = noise_set(2, 40)
    with pytest.raises(KeyboardInterrupt):
        quiet(data_set, Mean(fail_at=30).metric(), store=tmp_path, batch_pixels=1)
    again = Mean()
    table = quiet(data_set, again.metric(), store=tmp_path, batch_pixels=1)
    assert again.scored == 80 - 16  # 16 images of one reference are stored together
    other = quiet(data_set, Mean().metric(), store=tmp_path / "other", batch_pixels=1)
    pd.testing.assert_frame_equal(table, other)
    finished = Mean()
    pd.testing.assert_frame_equal(table, quiet(data_set, finished.metric(), store=tmp_path, batch_pixels=1))
    assert finished.scored == 0


def test_an_added_metric_is_all_that_is_computed(tmp_path: Path) -> None:
    data_set = noise_set(2, 3)
    first, again, added = Mean("first"), Mean("first"), Mean("added")
    quiet(data_set, first.metric(), store=tmp_path)
    table = quiet(data_set, added.metric(), again.metric(), store=tmp_path)
    assert (again.scored, added.scored) == (0, 6)
    other = quiet(data_set, Mean("added").metric(), Mean("first").metric(), store=tmp_path / "other")
    pd.testing.assert_frame_equal(table, other)


@pytest.mark.parametrize(
    "change", [{"protocol": {"window": 3}}, {"name": "other"}, {"version": "2"}, {"batch_pixels": 1}, {"device": "cpu"}]
)
def test_work_of_another_kind_is_not_reused(tmp_path: Path, change: dict[str, object]) -> None:
    data_set = noise_set(1, 3)
    quiet(data_set, Mean().metric(window=2), store=tmp_path, version="1")
    other = Mean(str(change.pop("name", "mean")))
    protocol = change.pop("protocol", {"window": 2})
    assert isinstance(protocol, dict)
    quiet(data_set, other.metric(**protocol), store=tmp_path, **{"version": "1", **change})
    assert other.scored == 3


def test_a_changed_image_is_scored_again_and_only_its_batch(tmp_path: Path) -> None:
    pixels = {f"{i:02}.png": Noise(i).read() for i in range(34)}
    images = files(tmp_path / "images", pixels)
    data_set = rated(images, [("00.png", name) for name in images])
    before = quiet(data_set, Mean().metric(), store=tmp_path / "store")
    files(tmp_path / "images", {"20.png": Noise(99).read()})
    again = Mean()
    after = quiet(data_set, again.metric(), store=tmp_path / "store")
    assert again.scored == 16
    assert list(np.flatnonzero(before["score"] != after["score"])) == [20]
    files(tmp_path / "images", {"00.png": Noise(98).read()})
    everything = Mean()
    quiet(data_set, everything.metric(), store=tmp_path / "store")
    assert everything.scored == 34


@pytest.mark.parametrize("name", ["00.png", "05.png"])
@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_swapped_while_it_is_scored_gives_no_score_to_the_one_put_back(
    tmp_path: Path, name: str, workers: int
) -> None:
    """A reference or a distorted image, swapped after the call has begun and put back before the next."""
    pixels = {f"{i:02}.png": Noise(i).read() for i in range(34)}
    images = files(tmp_path / "images", pixels)
    data_set = rated(images, [("00.png", key) for key in images])
    whole = quiet(data_set, Mean().metric(), store=tmp_path / "other")
    store, path = tmp_path / "store", images[name].path
    quiet(rated(images, [("01.png", "02.png")]), Mean().metric(), store=store)  # so that digests are computed first
    swapped = files(tmp_path / "swapped", {name: Noise(99).read()})[name].path.read_bytes()
    original = engine.digests

    def swap(*arguments: Any) -> dict[str, str | None]:
        found = original(*arguments)
        path.write_bytes(swapped)
        return found

    content = path.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "digests", swap)
        with pytest.raises(KeyboardInterrupt):
            quiet(data_set, Mean(fail_at=32).metric(), store=store, workers=workers, batch_pixels=1)
    path.write_bytes(content)
    again = Mean()
    pd.testing.assert_frame_equal(quiet(data_set, again.metric(), store=store, batch_pixels=1), whole)
    assert again.scored == (34 if name == "00.png" else 34 - 16)


def test_images_that_cannot_be_read_give_the_same_reason_until_they_change(tmp_path: Path) -> None:
    images = files(tmp_path / "images", {"a.png": Noise(0).read(), "b.png": Noise(1).read()})
    data_set = rated(images, [("a.png", "b.png")])
    (tmp_path / "images" / "b.png").unlink()
    for _ in range(2):
        table = quiet(data_set, Mean().metric(), store=tmp_path / "store")
        assert table["problem"].item() == "b.png: no such file"
        with pytest.raises(ScoringError, match="no such file"):
            quiet(data_set, Mean().metric(), store=tmp_path / "store", on_error="stop")
    files(tmp_path / "images", {"b.png": Noise(1).read()})
    assert quiet(data_set, Mean().metric(), store=tmp_path / "store")["problem"].item() == ""


def test_what_another_attempt_may_put_right_is_tried_again(tmp_path: Path) -> None:
    data_set = noise_set(1, 1)
    table = quiet(data_set, Mean(fail_at=0, error=MemoryError).metric(), store=tmp_path)
    assert table["problem"].item() == "MemoryError: "
    assert quiet(data_set, Mean().metric(), store=tmp_path)["problem"].item() == ""


def test_a_damaged_file_of_finished_work_is_ignored(tmp_path: Path) -> None:
    data_set = noise_set(1, 2)
    table = quiet(data_set, Mean().metric(), store=tmp_path)
    (entry,) = tmp_path.iterdir()
    whole = entry.read_text()
    for content in ("", "[]", whole[:-1], whole.replace("0.", "1.", 1)):
        entry.write_text(content)
        pd.testing.assert_frame_equal(quiet(data_set, Mean().metric(), store=tmp_path), table)


def test_numbers_come_back_from_the_disk_to_the_last_bit(tmp_path: Path) -> None:
    data_set = rated(noise_set(1, 3).images, [("r0", "r0"), ("r0", "d0-0"), ("r0", "d0-1")])
    tables = [score(data_set, ["psnr", "ssim", "ms-ssim"], store=tmp_path, show_progress=False) for _ in range(2)]
    assert tables[0].to_csv() == tables[1].to_csv()
    assert tables[0]["score"].isna().sum() == 3


class TestKilled:
    """The command line, killed: in a process of its own."""

    def start(self, folder: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "replication", "score", "--reference", "r", "--distorted", "d"]
        command += ["--metric", "psnr", "--metric", "ms-ssim", "--out", "scores.csv", "--workers", "2"]
        environment = {**os.environ, "PYTHONPATH": str(Path(replication.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
        # A process that was started in the background ignores Ctrl-C, and so would its children.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(
                command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
            )
        finally:
            signal.signal(signal.SIGINT, before)

    def stored(self, folder: Path) -> int:
        return len(list(folder.glob(".score-*/*.done")))

    def wait_for(self, process: subprocess.Popen[str], folder: Path, entries: int) -> list[psutil.Process]:
        """Wait until that many batches are stored, and stop the process with its children, which are returned."""
        end = time.monotonic() + 100
        while self.stored(folder) < entries and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        assert process.poll() is None, process.communicate()[1]
        os.killpg(process.pid, signal.SIGSTOP)  # on a busy machine it would be done before this test goes on
        return psutil.Process(process.pid).children(recursive=True)

    def test_the_table_is_the_same_byte_for_byte_and_nothing_is_left(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        pixels = {f"{i:02}.png": rng.integers(0, 256, (400, 500, 3), dtype=np.uint8) for i in range(50)}
        files(tmp_path / "r", pixels)
        files(tmp_path / "d", {name: image // 2 + 20 for name, image in pixels.items()})
        (tmp_path / "d" / "05.png").write_bytes(b"not an image")

        first = self.start(tmp_path)
        children = self.wait_for(first, tmp_path, 5)
        os.killpg(first.pid, signal.SIGINT)  # Ctrl-C reaches every process of the terminal
        os.killpg(first.pid, signal.SIGCONT)
        said = first.communicate(timeout=60)[1]
        assert first.returncode == 130
        assert said.splitlines()[-1] == "error: interrupted; run the same command again to go on"
        assert "Traceback" not in said

        second = self.start(tmp_path)
        before = self.stored(tmp_path)
        children += self.wait_for(second, tmp_path, before + 5)
        second.kill()
        second.wait()
        os.killpg(second.pid, signal.SIGCONT)  # those that it leaves behind end by themselves
        assert not (tmp_path / "scores.csv").exists()
        stored = self.stored(tmp_path)

        third = self.start(tmp_path)
        said = third.communicate(timeout=100)[1]
        assert third.returncode == 1, said  # 05.png has no score
        assert f"d: goes on after {stored} of 50 images" in said
        table = (tmp_path / "scores.csv").read_bytes()
        assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "r", "scores.csv"]
        _, alive = psutil.wait_procs(children, timeout=20)
        assert not alive

        fourth = self.start(tmp_path)
        assert fourth.wait(timeout=100) == 1
        assert (tmp_path / "scores.csv").read_bytes() == table
        assert table.count(b"05.png: not a readable PNG") == 2
