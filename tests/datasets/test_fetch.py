"""`data fetch` against a server of the test's own: whole, cut off, resumed, wrong."""

import contextlib
import errno
import io
import os
import re
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from pictures import encoded, picture

from replication import datasets
from replication.datasets import DataError, fetch
from replication.datasets.catalogue import FOLDERS
from replication.datasets.entries import ImageFolder

FILES = ("kodim01.png", "kodim02.png", "kodim03.png")


@dataclass
class Server:
    """What the server holds, how it behaves, and which requests it got (path, Range header)."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    shift: int = 0  # a range starts this many bytes later than asked for
    cuts: dict[str, int] = field(default_factory=dict)  # path -> how many more times the connection breaks half-way
    endless: bool = False  # zeros follow the content
    slow: bool = False  # the content comes a byte at a time
    requests: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.requests.append((self.path, wanted))
            content = state.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) + state.shift if wanted and state.ranges else 0
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if not state.endless:
                self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            if state.endless or state.slow:
                self.drip(content[start:])
            elif state.cuts.get(self.path, 0) > 0:
                state.cuts[self.path] -= 1
                self.wfile.write(content[start : start + (len(content) - start) // 2])
                self.wfile.flush()
                self.connection.close()
            else:
                self.wfile.write(content[start:])

        def drip(self, content: bytes) -> None:
            with contextlib.suppress(OSError):  # until the other side has had enough
                while state.endless:
                    self.wfile.write(bytes(1 << 16))
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    threading.Event().wait(0.01)  # time.sleep does nothing in these tests

        def log_message(self, *arguments: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    state.url = f"http://127.0.0.1:{running.server_port}"
    yield state
    running.shutdown()
    running.server_close()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def kodak(tmp_path: Path, miniature: Callable[..., Path], server: Server) -> ImageFolder:
    """Three files, one by one, from the server."""
    folder = miniature("kodak", *FILES, at=tmp_path / "original", size=(250, 200))  # several reads from the network
    server.files = {f"/kodak/{file}": (folder / file).read_bytes() for file in FILES}
    return replace(FOLDERS["kodak"], download=f"{server.url}/kodak/")


@pytest.fixture
def berkeley(tmp_path: Path, miniature: Callable[..., Path], server: Server) -> list[ImageFolder]:
    """Two sets in one archive from the server."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for part, file in (("train", "100075.jpg"), ("test", "100007.jpg")):
            folder = miniature(f"bsds500-{part}", file, at=tmp_path / part)
            archive.add(folder, f"BSR/BSDS500/data/images/{part}")
    server.files = {"/BSR.tgz": packed.getvalue()}
    return [replace(FOLDERS[f"bsds500-{part}"], download=f"{server.url}/BSR.tgz") for part in ("train", "test")]


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def first_byte(wanted: str | None) -> int:
    """Of a Range header; 0 without one."""
    return int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0


def in_place(project: Path) -> bool:
    """Exactly the set, and nothing beside it."""
    return everything(project / "data") == ["kodak", *(f"kodak/{file}" for file in FILES)]


def test_files_are_fetched_checked_and_put_in_place(project: Path, kodak: ImageFolder, server: Server) -> None:
    seen: dict[str, tuple[int, int | None]] = {}
    fetch.fetch([kodak], progress=lambda file, done, total: seen.update({file: (done, total)}))
    assert in_place(project)
    for file in FILES:
        content = server.files[f"/kodak/{file}"]
        assert (project / "data" / "kodak" / file).read_bytes() == content
        assert seen[file] == (len(content), len(content))
    assert server.requests == [(f"/kodak/{file}", None) for file in FILES]
    assert len(datasets.images("kodak")) == 3


def test_parts_of_one_archive_are_downloaded_once(project: Path, berkeley: list[ImageFolder], server: Server) -> None:
    fetch.fetch(berkeley)
    assert server.requests == [("/BSR.tgz", None)]
    assert everything(project / "data") == [
        *("bsds500", "bsds500/test", "bsds500/test/100007.jpg", "bsds500/train", "bsds500/train/100075.jpg")
    ]


def test_a_broken_connection_is_taken_up_where_it_broke(project: Path, kodak: ImageFolder, server: Server) -> None:
    server.cuts = {"/kodak/kodim02.png": 1}
    fetch.fetch([kodak])
    (_, first), (path, second) = server.requests[1:3]
    assert (first, path) == (None, "/kodak/kodim02.png")
    assert 0 < first_byte(second) <= len(server.files[path]) // 2
    assert len(server.requests) == 4
    assert in_place(project)


def test_a_second_call_goes_on_where_the_first_gave_up(project: Path, kodak: ImageFolder, server: Server) -> None:
    server.cuts = {"/kodak/kodim02.png": 99}
    with pytest.raises(
        DataError, match=r"kodim02\.png: the connection failed .*goes on where it stopped.*data add kodak"
    ):
        fetch.fetch([kodak])
    assert not (project / "data" / "kodak").exists()
    assert datasets.present()[0] != "kodak"
    server.cuts.clear()
    server.requests.clear()
    fetch.fetch([kodak])
    path, wanted = server.requests[0]  # kodim01 is not asked for again
    assert path == "/kodak/kodim02.png"
    assert first_byte(wanted) > len(server.files[path]) // 2  # three halves of what was left had come
    assert server.requests[1:] == [("/kodak/kodim03.png", None)]
    assert in_place(project)


def test_a_server_without_ranges_sends_the_whole_again(project: Path, kodak: ImageFolder, server: Server) -> None:
    server.ranges = False
    server.cuts = {"/kodak/kodim02.png": 1}
    fetch.fetch([kodak])
    assert in_place(project)
    assert len(server.requests) == 4


def test_another_range_than_asked_for_is_not_put_behind_what_is_there(
    project: Path, berkeley: list[ImageFolder], server: Server
) -> None:
    staging = project / "data" / ".downloads" / "BSR.tgz"
    staging.mkdir(parents=True)
    (staging / "BSR.tgz.part").write_bytes(server.files["/BSR.tgz"][:100])
    server.shift = 10
    fetch.fetch(berkeley)
    assert server.requests == [("/BSR.tgz", "bytes=100-"), ("/BSR.tgz", None)]


@pytest.mark.parametrize("extra", [b"", b"too long"], ids=["whole", "longer"])
def test_a_part_that_is_whole_or_too_long_is_settled(
    project: Path, kodak: ImageFolder, server: Server, extra: bytes
) -> None:
    staging = project / "data" / ".downloads" / "kodak"
    staging.mkdir(parents=True)
    (staging / "kodim01.png.part").write_bytes(server.files["/kodak/kodim01.png"] + extra)
    fetch.fetch([kodak])
    assert in_place(project)


def test_a_part_of_another_file_is_found_out_and_replaced(project: Path, kodak: ImageFolder) -> None:
    staging = project / "data" / ".downloads" / "kodak"
    staging.mkdir(parents=True)
    (staging / "kodim01.png.part").write_bytes(b"something else")
    fetch.fetch([kodak])
    assert in_place(project)


def test_wrong_bytes_are_refused_and_not_kept(project: Path, kodak: ImageFolder, server: Server) -> None:
    right = server.files["/kodak/kodim02.png"]
    server.files["/kodak/kodim02.png"] = encoded(picture(77))
    with pytest.raises(
        DataError, match=r"kodim02\.png is not the file it should be \(its MD5 differs\).*data add kodak"
    ):
        fetch.fetch([kodak])
    assert everything(project / "data") == [".downloads", ".downloads/kodak", ".downloads/kodak/kodim01.png"]
    server.files["/kodak/kodim02.png"] = right
    fetch.fetch([kodak])
    assert in_place(project)


@pytest.mark.parametrize("content", [b"<html>moved</html>", None], ids=["no archive", "other images"])
def test_a_wrong_archive_is_refused_and_not_kept(
    project: Path, berkeley: list[ImageFolder], server: Server, content: bytes | None
) -> None:
    if content is None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for file in ("train/100075.jpg", "test/100007.jpg"):
                other = encoded(picture(78), "JPEG")
                member = tarfile.TarInfo(file)
                member.size = len(other)
                archive.addfile(member, io.BytesIO(other))
        content = packed.getvalue()
    server.files["/BSR.tgz"] = content
    with pytest.raises(
        DataError, match=r"neither a folder nor a zip|other content in 100075; nothing was put in place"
    ):
        fetch.fetch(berkeley)
    assert [path for path in everything(project / "data") if not path.startswith(".downloads")] in ([], ["bsds500"])
    assert not any(path.is_file() for path in (project / "data").rglob("*"))


def test_what_the_server_refuses_is_said_with_the_way_out(project: Path, kodak: ImageFolder, server: Server) -> None:
    del server.files["/kodak/kodim01.png"]
    with pytest.raises(
        DataError, match=r"kodim01\.png: the server answers 404; get it by hand from: .*data add kodak PATH"
    ):
        fetch.fetch([kodak])


def test_a_server_that_sends_without_end_is_left(project: Path, kodak: ImageFolder, server: Server) -> None:
    server.endless = True
    with pytest.raises(DataError, match=r"/kodak/: the server sent more than 0\.001 GB; --max-size raises this limit"):
        fetch.fetch([kodak], limits=fetch.Limits(size=1e6))
    assert not any((project / "data").rglob("*.part"))


def test_a_server_that_is_too_slow_is_left_and_taken_up_again(
    project: Path, kodak: ImageFolder, server: Server
) -> None:
    part = project / "data" / ".downloads" / "kodak" / "kodim01.png.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(server.files["/kodak/kodim01.png"][:1000])
    server.slow = True
    started = time.monotonic()
    with pytest.raises(DataError, match=r"took more than 0\.0001\d* hours; the same command goes on .* --max-hours"):
        fetch.fetch([kodak], limits=fetch.Limits(seconds=0.5))
    assert time.monotonic() - started < 5
    assert part.stat().st_size >= 1000
    server.slow = False
    fetch.fetch([kodak])
    assert in_place(project)


def test_no_server_is_said_with_the_way_out(project: Path, kodak: ImageFolder) -> None:
    with pytest.raises(DataError, match=r"the connection failed \(.*refused\)"):
        fetch.fetch([replace(kodak, download="http://127.0.0.1:9/kodak/")])
    assert not any((project / "data").rglob(".downloads"))


def test_full_disk_keeps_what_arrived_and_what_was_there(
    project: Path, kodak: ImageFolder, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def full(path: Path, mode: str) -> Iterator[object]:
        with open(path, mode) as file:

            def write(data: bytes) -> None:
                file.write(data[:50])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            yield SimpleNamespace(write=write)

    fetch.fetch([kodak])
    before = {file: (project / "data" / "kodak" / file).read_bytes() for file in FILES}
    server.requests.clear()
    with monkeypatch.context() as disk:
        disk.setattr(fetch, "open", full, raising=False)
        with pytest.raises(OSError, match="No space left"):
            fetch.fetch([kodak], force=True)
    assert {file: (project / "data" / "kodak" / file).read_bytes() for file in FILES} == before
    fetch.fetch([kodak], force=True)
    assert server.requests[:2] == [("/kodak/kodim01.png", None), ("/kodak/kodim01.png", "bytes=50-")]
    assert in_place(project)


def test_nothing_is_downloaded_into_a_read_only_data_root(project: Path, kodak: ImageFolder, server: Server) -> None:
    (project / "data").mkdir(exist_ok=True)
    (project / "data").chmod(0o555)
    with pytest.raises(DataError, match=r"data is read-only; nothing was changed"):
        fetch.fetch([kodak])
    (project / "data").chmod(0o755)
    assert everything(project / "data") == []
    assert not server.requests


def test_what_is_in_place_is_not_fetched_again_unless_forced(project: Path, kodak: ImageFolder, server: Server) -> None:
    fetch.fetch([kodak])
    server.requests.clear()
    with pytest.raises(DataError, match=r"kodak is in place already, in .*; --force replaces it"):
        fetch.fetch([kodak])
    assert not server.requests
    fetch.fetch([kodak], force=True)
    assert len(server.requests) == 3


def test_sets_without_a_free_download_say_where_they_are_found(project: Path) -> None:
    with pytest.raises(
        DataError, match=r"set5 has no place to be downloaded from freely.*SRCNN.*licence.*data add set5 PATH"
    ):
        fetch.fetch([FOLDERS["set5"]])
    assert not (project / "data").exists()


def test_addresses_in_the_catalogue_are_archives_or_folders() -> None:
    for entry in FOLDERS.values():
        assert entry.download is None or re.search(r"^https?://[^ ]+(/|\.tgz|\.zip)$", entry.download)
