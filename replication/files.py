"""Reading regular files, and replacing files in one step: a reader sees the old content or the new, never a part."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """Return the content of a regular file; links are followed.

    Raises an OSError for whatever else `path` names. A FIFO or a device is not opened: it could block for ever, or
    never end.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(number, "is a folder" if stat.S_ISDIR(mode) else "is not a regular file", os.fspath(path))
    with open(path, "rb") as file:
        return file.read()


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path` for writing; replace `path` with it when the block ends well.

    If the block raises, or the disk is full, the temporary file is removed and what stood at `path` before stays as it
    was. Parent folders are made. `mode` is "w" (UTF-8, newlines as written; bytes of file names that are no UTF-8 are
    escaped, as in "bruit\\udce9.png") or "wb".
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"mode must be 'w' or 'wb', got {mode!r}")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""} if mode == "w" else {}
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(descriptor, mode, **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # a full disk
            error.filename = os.fspath(path)
        raise


def atomic_write_text(path: str | os.PathLike[str], text: str) -> None:
    """Replace the content of `path` by `text` (UTF-8) in one step."""
    with atomic_write(path) as file:
        file.write(text)


def atomic_write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the content of `path` by `data` in one step."""
    with atomic_write(path, "wb") as file:
        file.write(data)


def remove_older(folder: Path, moment: int) -> None:
    """Remove the files below `folder` that were last written before `moment` (nanoseconds since 1970)."""
    for path in folder.rglob("*") if folder.is_dir() else ():
        if path.is_file() and path.stat().st_mtime_ns < moment:
            path.unlink()


def _umask() -> int:
    current = os.umask(0)  # the only way to read it is to set it
    os.umask(current)
    return current
