"""A hidden folder in which a data set is built; the next process cleans up after one that was killed."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from replication.datasets.errors import DataError

_SUFFIX = ".adding"
_MARK = "written by replication data add"  # its lock; the file that says that the folder is ours


@contextmanager
def staging(destination: Path) -> Iterator[Path]:
    """An empty folder beside `destination`, on its disk, to be filled and renamed to it; removed at the end.

    The caller may move `destination` aside, to "old" beside the returned folder; it is removed at the end too, or moved
    back if nothing has taken its place. The same is done for folders that killed processes have left, for all sets in
    the same parent folder. Folders in use by another process, or without our mark, are not touched.

    Raises DataError if another process adds the same set.
    """
    for left in destination.parent.glob(f".*{_SUFFIX}"):
        if (lock := _lock(left)) is not None:
            _clear(left, destination.parent / left.name[1 : -len(_SUFFIX)], lock)
    folder = destination.parent / f".{destination.name}{_SUFFIX}"
    try:
        folder.mkdir()
        lock = _lock(folder, create=True)
    except FileExistsError:
        lock = None
    if lock is None:
        raise DataError(
            f"{folder} is in use by another `data add` of the same set, or was made by something else; "
            "wait for the other, or move the folder away"
        )
    try:
        (folder / "new").mkdir()
        yield folder / "new"
    finally:
        _clear(folder, destination, lock)


def _lock(folder: Path, create: bool = False) -> IO[bytes] | None:
    """Return the lock of a staging folder, which its process holds until it ends; None if it is taken, or is none."""
    mark = folder / _MARK
    empty = folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())  # killed before it made the mark
    with ExitStack() as stack:
        try:
            lock = stack.enter_context(open(mark, "xb" if create or empty else "r+b"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(lock.fileno()), mark.stat()):
                return None
        except OSError:  # taken, or removed by its process just now
            return None
        stack.pop_all()
        return lock


def _clear(folder: Path, destination: Path, lock: IO[bytes]) -> None:
    old = folder / "old"
    if os.path.lexists(old) and not os.path.lexists(destination):
        os.replace(old, destination)
    for path in (folder / "new", old):
        if path.is_symlink():
            path.unlink()
        else:
            shutil.rmtree(path, ignore_errors=True)
    (folder / _MARK).unlink()  # last, since without it the folder would not be known as ours
    folder.rmdir()
    lock.close()
