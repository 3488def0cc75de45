"""Folders, zip and tar archives as files by name, with limits on how much an archive may unpack to."""

import bz2
import errno
import gzip
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from replication.datasets.errors import DataError

_COPY = 1 << 20  # bytes
_HEADER = 1 << 24  # bytes in the longest header of a tar archive: room for any name, and no danger to memory
_HARMLESS = 10**8  # bytes that an archive may unpack to whatever its ratio
_COMPRESSED: dict[bytes, Callable[[Path], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


@dataclass(frozen=True)
class Limits:
    """Limits of what an archive unpacks to: bytes in total, their ratio to its own size, and number of files.

    The defaults leave room for the largest sets in use (some 10 GB, 600,000 files, compressed three times) and stop
    archives that are made to fill disks.
    """

    size: float = 100e9
    ratio: float = 100
    files: int = 1_000_000

    def check(self, source: Path, files: int, size: int) -> None:
        """Raise a DataError if an archive at `source` with so many files and bytes is above a limit."""
        if files > self.files:
            raise DataError(f"{source} holds more than {self.files:,} files; --max-files raises this limit")
        if size > self.size:
            raise DataError(
                f"{source} unpacks to {_gigabytes(size)} or more, and {_gigabytes(self.size)} are allowed; "
                "--max-size raises this limit"
            )
        packed = max(1, source.stat().st_size)
        if size > max(_HARMLESS, self.ratio * packed):
            raise DataError(
                f"{source} unpacks to {_gigabytes(size)}, {size / packed:,.0f} times its own size, and more than "
                f"{self.ratio:g} times is refused; --max-ratio raises this limit"
            )


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Container:
    """A folder or an archive: its files (path inside, with slashes -> bytes), and how to open one."""

    source: Path
    sizes: Mapping[str, int]
    open: Callable[[str], IO[bytes]]

    def copy(self, inside: str, destination: Path) -> None:
        """Write the file `inside` to `destination`, which must not exist; DataError where it is damaged."""
        left = self.sizes[inside]
        with open(destination, "xb") as target, _damage(self.source), self.open(inside) as file:
            while chunk := file.read(_COPY):
                left -= len(chunk)
                if left < 0:
                    raise DataError(
                        f"{self.source}: {inside} is longer than the archive's directory says; get it again"
                    )
                target.write(chunk)
        if left:
            raise DataError(f"{self.source}: {inside} is cut off; get it again")


@contextmanager
def open_source(source: Path, limits: Limits = DEFAULT_LIMITS) -> Iterator[Container]:
    """The folder, zip or tar archive `source` as a Container.

    Raises DataError for a source that is missing, damaged, neither a folder nor an archive, or above the limits, which
    are checked against the archive's directory before anything is unpacked. Files in a folder are not limited.
    """
    if source.is_dir():
        files = {path.relative_to(source).as_posix(): path for path in sorted(source.rglob("*")) if path.is_file()}
        sizes = {inside: path.stat().st_size for inside, path in files.items()}
        yield Container(source, sizes, lambda inside: open(files[inside], "rb"))  # noqa: SIM115 - the caller closes it
        return
    if not source.exists():
        raise DataError(f"no file or folder {source}")
    if not source.is_file():
        raise DataError(f"{source} is neither a folder nor a regular file")
    with ExitStack() as stack:
        with _damage(source):
            container = (_zip if zipfile.is_zipfile(source) else _tar)(source, limits, stack)
        yield container


def _zip(source: Path, limits: Limits, stack: ExitStack) -> Container:
    archive = stack.enter_context(zipfile.ZipFile(source))
    infos = archive.infolist()
    limits.check(source, len(infos), sum(info.file_size for info in infos))
    members = {info.filename: info for info in infos if not info.is_dir()}
    sizes = {name: info.file_size for name, info in members.items()}
    return Container(source, sizes, lambda inside: archive.open(members[inside]))


def _tar(source: Path, limits: Limits, stack: ExitStack) -> Container:
    file = stack.enter_context(open(source, "rb"))  # noqa: SIM115 - the stack closes it
    start = file.read(6)
    file.seek(0)
    for magic, decompress in _COMPRESSED.items():
        if start.startswith(magic):
            file = stack.enter_context(decompress(source))
    stream: Any = _Stream(source, file)
    try:
        archive = stack.enter_context(tarfile.open(fileobj=stream, mode="r:"))  # noqa: SIM115 - as above
    except tarfile.ReadError:
        raise DataError(
            f"{source} is neither a folder nor a zip or tar archive; unpack it and give the folder"
        ) from None
    members: dict[str, tarfile.TarInfo] = {}
    size = 0
    for number, member in enumerate(archive, 1):
        if member.size < 0:  # tarfile would go backwards, for ever
            raise DataError(f"{source} is damaged ({member.name} has a negative size); get it again")
        size += member.size
        limits.check(source, number, size)  # at once, because the next member is reached only by unpacking this one
        if member.isfile():
            members[member.name] = member
    while chunk := stream.read(_COPY):  # to the end, where gzip has the checksum of all that comes before
        size += len(chunk)
        limits.check(source, len(members), size)

    def opened(inside: str) -> IO[bytes]:
        content = archive.extractfile(members[inside])
        assert content is not None  # it is a file
        return content

    return Container(source, {name: member.size for name, member in members.items()}, opened)


class _Stream:
    """The content of a tar archive, for `tarfile`, which would read a header of any length at once."""

    def __init__(self, source: Path, file: IO[bytes]) -> None:
        self._source, self._file = source, file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        """The next `size` bytes, or as many as there are."""
        if not 0 <= size <= _HEADER:
            raise DataError(f"{self._source} is damaged (a header of {size:,} bytes); get it again")
        return self._file.read(size)


@contextmanager
def _damage(source: Path) -> Iterator[None]:
    """Turn every exception that the libraries raise about a damaged archive into a DataError."""
    try:
        yield
    except DataError:
        raise
    except (RuntimeError, NotImplementedError) as error:  # zipfile: encrypted, or an unknown compression
        raise DataError(f"{source} cannot be read ({error}); unpack it and give the folder") from error
    except Exception as error:  # damage leads to errors of any class: BadZipFile, zlib.error, ValueError, ...
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # which a wrong offset leads to
            raise  # the system's: no permission, a full disk
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{source} is damaged or incomplete ({reason}); get it again") from error


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"
