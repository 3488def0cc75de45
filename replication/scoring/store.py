"""Results of finished parts of a computation, on disk, so that an interrupted one goes on where it stopped."""

import hashlib
import io
import json
import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from replication import imports
from replication.files import atomic_write_bytes

_SUFFIX = ".done"
_OURS = re.compile(rf"[0-9a-f]{{64}}\{_SUFFIX}|\.[0-9a-f]{{64}}\{_SUFFIX}\..+\.part")  # entries, and halves of them
_LIBRARIES = ("numpy", "scipy", "torch")


class Entry(NamedTuple):
    """value: anything that JSON can hold. arrays: by name."""

    value: Any
    arrays: Mapping[str, NDArray[Any]]


class Store:
    """A folder of entries, each in a file named by the hash of its key.

    The key of an entry, any JSON value, holds everything that its content depends on: a changed image, option or line
    of code is another key, for which there is no entry. Files are written in one step and carry a hash of their name
    and content; one that is damaged, cut off or renamed counts as absent. The folder is made with the first entry.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __bool__(self) -> bool:
        """True if there is any entry."""
        return self.folder.is_dir() and any(path.suffix == _SUFFIX for path in self.folder.iterdir())

    def get(self, key: object) -> Entry | None:
        """The entry of a key, if there is one."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        checksum, _, content = data.partition(b"\n")
        if checksum != _checksum(path, content):
            return None
        value, _, arrays = content.partition(b"\n")
        stored: dict[str, NDArray[Any]] = {}
        if arrays:
            with np.load(io.BytesIO(arrays), allow_pickle=False) as file:
                stored = {name: file[name] for name in file.files}
        return Entry(json.loads(value), stored)

    def put(self, key: object, value: object, arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Write the entry of a key, in the place of an earlier one."""
        path = self._path(key)
        content = json.dumps(value).encode() + b"\n" + (npz(arrays) if arrays else b"")
        atomic_write_bytes(path, _checksum(path, content) + b"\n" + content)

    def clear(self) -> None:
        """Remove every entry, and the folder unless it holds anything else."""
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if _OURS.fullmatch(path.name) and path.is_file():
                path.unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _path(self, key: object) -> Path:
        return self.folder / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()}{_SUFFIX}"


def npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An .npz file: the same arrays give the same bytes, because NumPy dates every member 1980."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **dict(arrays))
    return file.getvalue()


@cache
def code_version(*modules: str) -> str:
    """SHA-256 of the code that results of these modules depend on: of the package, and versions of libraries.

    modules: names such as "replication.metrics.ssim". A module outside the package counts with its own file alone.
    Modules that are found while the package runs, such as metrics by their names, do not count unless they are named.
    """
    own = [name for name in modules if name.split(".")[0] == imports.PACKAGE]
    content = [imports.digest(imports.closure(*(f"import {name}" for name in own), discover=False))]
    for name in sorted(set(modules) - set(own)):
        file = getattr(sys.modules.get(name), "__file__", None)
        content.append(hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else name)
    content += [metadata.version(library) for library in _LIBRARIES]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _checksum(path: Path, content: bytes) -> bytes:
    return hashlib.sha256(path.name.encode() + b"\n" + content).hexdigest().encode()
