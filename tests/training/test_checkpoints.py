"""Checkpoints are verified before they are used, and nothing in them or beside them can do harm."""

import errno
import hashlib
import json
import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from replication import files
from tests.training.test_fit import Line, run


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    task = Line()
    run(task, tmp_path_factory.mktemp("whole"))
    return task.values()


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """The folder of a run that was stopped after step 12, with the checkpoints of steps 8 and 12."""
    with pytest.raises(RuntimeError, match="power cut"):
        run(Line(stop_at=13), tmp_path)
    return tmp_path


def checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.ckpt"))


def rewrite(path: Path, data: bytes) -> None:
    """Replace the content under a name that has the right hash, as an adversary or a program would."""
    identity, step, _ = path.stem.split("-")
    path.unlink()
    path.with_name(f"{identity}-{step}-{hashlib.sha256(data).hexdigest()[:16]}.ckpt").write_bytes(data)


class RunsCode:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def flip(path: Path, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(at * (len(data) - 1))] ^= 1
    path.write_bytes(bytes(data))


def other(path: Path, **changes: Any) -> None:
    """Rewrite a checkpoint with some of its tensors, or its history, changed."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    history = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["history"])
    tensors = safetensors.torch.load(data) | {k: v for k, v in changes.items() if k != "history"}
    rewrite(path, safetensors.torch.save(tensors, {"history": json.dumps(changes.get("history", history))}))


def test_the_newest_two_checkpoints_are_left(stopped: Path) -> None:
    assert [int(path.name.split("-")[1]) for path in checkpoints(stopped)] == [8, 12]
    run(Line(), stopped)
    assert [int(path.name.split("-")[1]) for path in checkpoints(stopped)] == [16, 20]


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    **{f"bit flipped at {at}": (lambda path, at=at: flip(path, at), "the hash differs") for at in (0, 0.3, 0.9, 1)},
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "the hash differs"),
    "empty": (lambda path: path.write_bytes(b""), "the hash differs"),
    "empty, right hash": (lambda path: rewrite(path, b""), "it cannot be read"),
    "text": (lambda path: rewrite(path, b"no checkpoint " * 10), "it cannot be read"),
    "of another network": (
        lambda path: other(path, **{"network.weight": torch.zeros(1, 2)}),
        "its tensors are not those of this network",
    ),
    "with more tensors": (lambda path: other(path, more=torch.zeros(1)), "its tensors are not those of this network"),
    "of other numbers": (
        lambda path: other(path, **{"network.weight": torch.zeros(1, 1, dtype=torch.float64)}),
        "its tensors are not those of this network",
    ),
    "without history": (lambda path: other(path, history=[]), "it holds no history"),
    "with text for history": (lambda path: other(path, history=[{"step": "12"}]), "it holds no history"),
    "of another step": (lambda path: other(path, history=[{"step": 4}]), "it holds no history"),
    "with a damaged random state": (lambda path: other(path, random=torch.zeros(3)), "its state of the random numbers"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_checkpoint_is_refused_and_the_one_before_is_continued(
    damage: str, stopped: Path, whole: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    change, reason = DAMAGES[damage]
    change(checkpoints(stopped)[-1])
    task = Line()
    with caplog.at_level(logging.WARNING):
        run(task, stopped)
    (message,) = caplog.messages
    assert message.startswith("line: the checkpoint ")
    assert reason in message.partition(" is refused: ")[2]
    assert task.seen[0] == 8
    assert task.values() == whole


def test_training_begins_anew_where_no_checkpoint_is_intact(
    stopped: Path, whole: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    before, newest = checkpoints(stopped)
    flip(newest, 0.5)
    other(before, random=torch.zeros(3))
    task = Line()
    run(task, stopped)
    assert len(caplog.messages) == 2
    assert task.seen[0] == 0
    assert task.values() == whole


def test_a_checkpoint_that_would_run_code_is_refused_and_runs_none(
    stopped: Path, whole: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    mark = stopped / "code_was_run"
    pickle.loads(pickle.dumps(RunsCode(mark)))
    assert mark.exists()  # the trap works
    mark.unlink()
    torch.save({"state_dict": RunsCode(mark)}, stopped / "zipped")
    before, newest = checkpoints(stopped)
    rewrite(newest, pickle.dumps(RunsCode(mark)))
    rewrite(before, (stopped / "zipped").read_bytes())
    task = Line()
    run(task, stopped)
    assert not mark.exists()
    assert sum("is refused" in message for message in caplog.messages) == 2
    assert task.values() == whole


def test_a_checkpoint_of_other_parameters_is_replaced_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(Line(), tmp_path, identity="old")
    task = Line()
    run(task, tmp_path, identity="new")
    assert task.seen == list(range(20))
    assert len(checkpoints(tmp_path)) == 2
    assert sum("of other parameters, data or code is replaced" in message for message in caplog.messages) == 2


def test_a_full_disk_leaves_the_checkpoints_before_from_which_training_goes_on(
    tmp_path: Path, whole: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = iter(range(2))
    sync = os.fsync

    def full(descriptor: int) -> None:
        if next(written, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        run(Line(), tmp_path)
    monkeypatch.setattr(files.os, "fsync", sync)
    assert [path.name.split("-")[1] for path in sorted(tmp_path.iterdir())] == ["000000004", "000000008"]
    task = Line()
    run(task, tmp_path)
    assert task.values() == whole


def test_files_of_other_names_are_never_removed(stopped: Path) -> None:
    identity = checkpoints(stopped)[0].name.split("-")[0]
    others = ["mine.ckpt", f"{identity}-step=8.ckpt", "0" * 16 + "-step=4.ckpt", f"{identity}-000000004.ckpt", "a.pt"]
    for name in others:
        (stopped / name).write_bytes(b"mine")
    folder = stopped / f"{'0' * 16}-{4:09}-{'0' * 16}.ckpt"
    folder.mkdir()
    run(Line(), stopped)
    run(Line(), stopped, identity="another")
    assert all((stopped / name).read_bytes() == b"mine" for name in others)
    assert folder.is_dir()


def test_a_checkpoint_holds_tensors_and_numbers_that_any_reader_of_safetensors_finds(stopped: Path) -> None:
    with safetensors.safe_open(checkpoints(stopped)[-1], "pt") as file:
        history = json.loads(file.metadata()["history"])
        names = set(file.keys())
    assert [row["step"] for row in history] == [4, 8, 12]
    assert {"network.weight", "network.bias", "random"} < names
    assert len(names) == 2 + 3 * 2 + 1  # weights; two moments and a step counter of each; random numbers
