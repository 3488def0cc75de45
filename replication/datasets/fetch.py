"""Downloading sets that are freely available: resumed after an interruption, checked by hash, then put in place."""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from replication.datasets import manifests
from replication.datasets.entries import Entry, ImageFolder
from replication.datasets.errors import DataError
from replication.datasets.place import add, refuse_read_only
from replication.project import data_root

Progress: TypeAlias = Callable[[str, int, int | None], None]  # file, bytes so far, bytes in all if the server says

_CONNECT_S, _READ_S = 20.0, 60.0
_CHUNK = 1 << 14  # bytes; what a broken connection costs at most
_RETRIES = 2  # each goes on where the last one stopped


class LimitError(Exception):
    """A download is above a limit. Not a ValueError, which Pooch would try again."""


class Limits:
    """Limits of a call of `fetch`, over all its files: bytes received, and seconds.

    A server that sends without end, or a byte a minute, would otherwise fill the disk or never return.
    """

    def __init__(self, size: float = 20e9, seconds: float = 24 * 3600) -> None:
        self.size, self.seconds = size, seconds
        self._received = 0
        self._end = time.monotonic() + seconds

    def count(self, received: int) -> None:
        """Raise a LimitError where this many more bytes are above a limit."""
        self._received += received
        if self.full:
            raise LimitError(f"the server sent more than {self.size / 1e9:g} GB; --max-size raises this limit")
        if self.left <= 0:
            raise LimitError(
                f"the download took more than {self.seconds / 3600:g} hours; the same command goes on where it "
                "stopped, and --max-hours raises this limit"
            )

    @property
    def full(self) -> bool:
        """True if more bytes than allowed were received."""
        return self._received > self.size

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self._end - time.monotonic()

    def stop(self) -> None:
        """End the time now."""
        self._end = time.monotonic()


class Resuming:
    """A downloader for Pooch that stores what has arrived in <file>.part and asks the server for the rest.

    A server that does not know ranges sends the whole file, and the part is written anew. Pooch then checks the hash,
    and only after that does the file get its name; a file with the wrong hash is removed.
    """

    def __init__(self, limits: Limits, progress: Progress | None = None) -> None:
        self.limits = limits
        self.progress = progress

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        """Download `url` to `output_file`; a broken connection raises and leaves the .part for the next call."""
        import requests

        file = PurePosixPath(urlsplit(url).path).name
        part = Path(output_file).parent / f"{file}.part"
        start = part.stat().st_size if part.is_file() else 0
        # A compressed transfer has no byte ranges of the file itself.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        with requests.get(url, headers=headers, stream=True, timeout=(_CONNECT_S, _READ_S)) as response:
            if response.status_code == 416 and response.headers.get("Content-Range") == f"bytes */{start}":
                pass  # the whole file had arrived already
            elif response.status_code == 416:
                part.unlink()
                raise requests.exceptions.ConnectionError("the partial file does not fit the server's file")
            else:
                response.raise_for_status()
                resumed = response.status_code == 206 and _first_byte(response.headers) == start
                if response.status_code == 206 and not resumed:
                    part.unlink(missing_ok=True)
                    raise requests.exceptions.ConnectionError("the server sent another part than requested")
                self._receive(response, part, file, start if resumed else 0)
        os.replace(part, output_file)

    def _receive(self, response: Any, part: Path, file: str, start: int) -> None:
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        done = start
        with open(part, "ab" if start else "wb") as out:
            for chunk in response.iter_content(_CHUNK):
                try:
                    self.limits.count(len(chunk))
                except LimitError:
                    if self.limits.full:
                        part.unlink()  # of no use to a call with the same limit
                    raise
                out.write(chunk)
                done += len(chunk)
                if self.progress:
                    self.progress(file, done, total)


def fetch(
    entries: Sequence[Entry], *, force: bool = False, progress: Progress | None = None, limits: Limits | None = None
) -> None:
    """Download these sets and put them in place: exactly the manifest's files, or a DataError and nothing in place.

    Interrupted, or out of time, it leaves what has arrived in a hidden folder of the data root, and the next call goes
    on from that.
    """
    limits = limits or Limits()
    free: list[ImageFolder] = []
    for entry in entries:
        if not isinstance(entry, ImageFolder) or entry.download is None:
            raise DataError(
                f"{entry.name} has no place to be downloaded from freely. Get it from: {entry.source} "
                f"(licence: {entry.licence}); then `python -m replication data add {entry.name} PATH`"
            )
        at = manifests.locate(entry.folder)
        if at and manifests.holds_images(at) and not force:
            raise DataError(f"{entry.name} is in place already, in {at}; --force replaces it")
        refuse_read_only(at or data_root() / entry.folder)
        free.append(entry)
    for url in dict.fromkeys(entry.download for entry in free if entry.download):
        of_this = [entry for entry in free if entry.download == url]
        staging = data_root() / ".downloads" / PurePosixPath(urlsplit(url).path).name
        try:
            download = partial(_download, url, of_this[0], staging, limits, progress)
            _put_in_place(of_this, _in_time(download, limits), staging, force)
        except LimitError as error:
            raise DataError(f"{url}: {error}") from error
        finally:
            for folder in (staging, staging.parent):
                with contextlib.suppress(OSError):
                    folder.rmdir()  # where nothing has arrived, nothing stays


def _put_in_place(entries: Sequence[ImageFolder], source: Path, staging: Path, force: bool) -> None:
    try:
        for entry in entries:
            add(entry, source, force=force, as_published=True)
    except DataError:  # a wrong file is of no use to the next call either
        shutil.rmtree(staging)
        raise
    shutil.rmtree(staging)


def _download(url: str, entry: ImageFolder, staging: Path, limits: Limits, progress: Progress | None) -> Path:
    """Download `url` into `staging`; return the folder with the manifest's files, or the archive."""
    import pooch
    import requests

    folder_url, _, archive = url.rpartition("/")
    registry = (
        {archive: None} if archive else {fact.file: f"md5:{fact.md5}" for fact in manifests.read(entry.name).values()}
    )
    pooch.get_logger().setLevel("ERROR")  # its notes about hashes are for those who write registries
    staging.mkdir(parents=True, exist_ok=True)
    downloads = pooch.create(staging, f"{folder_url}/", registry=registry, retry_if_failed=_RETRIES)
    for file in registry:
        try:
            downloads.fetch(file, downloader=Resuming(limits, progress))
        except requests.exceptions.HTTPError as error:
            status = error.response.status_code if error.response is not None else "no"
            raise DataError(f"{folder_url}/{file}: the server answers {status}; {_by_hand(entry)}") from error
        except requests.exceptions.RequestException as error:
            raise DataError(
                f"{folder_url}/{file}: the connection failed ({_cause(error)}); "
                f"the same command goes on where it stopped. If it keeps failing, {_by_hand(entry)}"
            ) from error
        except ValueError as error:  # Pooch's: the hash is wrong, and the file is gone
            raise DataError(
                f"{folder_url}/{file} is not the file it should be (its MD5 differs); {_by_hand(entry)}"
            ) from error
    return staging / archive if archive else staging


def _in_time(download: Callable[[], Path], limits: Limits) -> Path:
    """Return the result of `download`, which runs in a thread that is abandoned when the time is over.

    A server that sends a byte now and then blocks a read for ever, because no timeout of the network libraries expires.
    """
    results: list[Path] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(download())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        thread.join(max(0, limits.left))
    finally:
        if thread.is_alive():
            limits.stop()  # so that it ends with the next bytes
    if errors:
        raise errors[0]
    if not results:
        limits.count(0)
    return results[0]


def _first_byte(headers: Any) -> int | None:
    """The first byte of "bytes 500-999/1000"."""
    first = str(headers.get("Content-Range", "")).removeprefix("bytes ").partition("-")[0]
    return int(first) if first.isdigit() else None


def _cause(error: BaseException) -> str:
    """The innermost of the errors that network libraries wrap around one another."""
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    return " ".join(str(getattr(error, "reason", None) or error).split())


def _by_hand(entry: ImageFolder) -> str:
    return f"get it by hand from: {entry.source}, and use `python -m replication data add {entry.name} PATH`"
