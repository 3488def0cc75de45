"""Checkpoints of unfinished training: tensors and JSON, verified when read, never unpickled.

A checkpoint is a safetensors file with the run's state (weights, optimiser, random numbers) and, in its metadata, the
rows of the history. Its name is `<identity>-<step>-<content>.ckpt`: the hash of all that the run depends on, the number
of finished steps, and the hash of the file. Only files of such names are ever removed.
"""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from replication.files import atomic_write_bytes

_log = logging.getLogger(__name__)

History = list[dict[str, float]]
_KEPT = 2  # checkpoints: the newest and, should it be damaged, the one before
_NAME = re.compile(r"(?P<identity>[0-9a-f]{16})-(?P<step>\d{9})-(?P<content>[0-9a-f]{16})\.ckpt")


class CheckpointError(ValueError):
    """A file is not a checkpoint of this run; the message gives the reason."""


class Checkpoints:
    """The checkpoints of one run in a folder, the newest two of them.

    identity: all that the run's result depends on, as JSON values. Checkpoints of another identity are removed, which
    is logged with the run's `label`.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], label: str) -> None:
        self._folder, self._label = folder, label
        self._identity = _hash(json.dumps(identity, sort_keys=True).encode())
        self._good: list[Path] = []
        for path, name in _ours(folder):
            if name["identity"] != self._identity:
                _log.warning("%s: a checkpoint of other parameters, data or code is replaced: %s", label, path.name)
                path.unlink(missing_ok=True)

    def restore(self, state: Mapping[str, Tensor], set_random: Callable[[Tensor], object]) -> History:
        """Copy the newest intact checkpoint into the tensors of `state`, and return its history; [] if there is none.

        set_random: takes the state of the random numbers. A file that is damaged, or that is no checkpoint of this run,
        is refused with a logged sentence, and the one before is tried.
        """
        found = sorted((int(name["step"]), path, name["content"]) for path, name in _ours(self._folder))
        while found:
            step, path, content = found.pop()
            try:
                history = _read(path, step, content, state, set_random)
            except CheckpointError as error:
                _log.warning("%s: the checkpoint %s is refused: %s", self._label, path.name, error)
                continue
            self._good = [earlier for _, earlier, _ in found] + [path]
            return history
        return []

    def save(self, state: Mapping[str, Tensor], random: Tensor, history: History) -> None:
        """Write a checkpoint, whole or not at all, and remove all but the newest two."""
        tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
        data = safetensors.torch.save({**tensors, "random": random}, {"history": json.dumps(history)})
        path = self._folder / f"{self._identity}-{int(history[-1]['step']):09}-{_hash(data)}.ckpt"
        atomic_write_bytes(path, data)
        self._good = [earlier for earlier in self._good if earlier != path] + [path]
        for old in self._good[:-_KEPT]:
            old.unlink(missing_ok=True)
        self._good = self._good[-_KEPT:]


def _read(
    path: Path, step: int, content: str, state: Mapping[str, Tensor], set_random: Callable[[Tensor], object]
) -> History:
    """The history of a checkpoint, its tensors copied into `state`, which is left as it was if an error is raised."""
    try:
        if _hash(path.read_bytes()) != content:
            raise CheckpointError("its content is not what was written (the hash differs)")
        with safe_open(path, "pt") as file:
            history: History = json.loads((file.metadata() or {})["history"])
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        random = found.pop("random")
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"it cannot be read ({error})") from error
    expected = {name: (value.shape, value.dtype) for name, value in state.items()}
    if {name: (value.shape, value.dtype) for name, value in found.items()} != expected:
        raise CheckpointError("its tensors are not those of this network and optimiser")
    if not _is_history(history, step):
        raise CheckpointError(f"it holds no history of {step} steps")
    try:
        set_random(random)
    except (RuntimeError, TypeError) as error:
        raise CheckpointError(f"its state of the random numbers is not valid ({error})") from error
    with torch.no_grad():
        for name, value in found.items():
            state[name].copy_(value)
    return history


def _is_history(value: object, step: int) -> bool:
    """True if a JSON value is a list of rows of numbers, each with its step and the last with this one."""
    rows = value if isinstance(value, list) else []
    numbers = all(
        isinstance(row, dict) and "step" in row and all(isinstance(number, int | float) for number in row.values())
        for row in rows
    )
    return bool(rows) and numbers and bool(rows[-1]["step"] == step)


def _ours(folder: Path) -> list[tuple[Path, dict[str, str]]]:
    """The files in `folder` whose names are those of checkpoints, with the parts of their names."""
    matches = [(path, _NAME.fullmatch(path.name)) for path in sorted(folder.glob("*.ckpt"))]
    return [(path, match.groupdict()) for path, match in matches if match and path.is_file()]


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
