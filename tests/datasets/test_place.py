"""`data add`: found in a folder or an archive, checked, put in place in one step or not at all."""

import errno
import io
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import encoded, picture

from replication import datasets
from replication.datasets import DataError, manifests, place, staging
from replication.datasets.archives import Container, Limits
from replication.datasets.catalogue import FOLDERS, select

FILES = ("baby.png", "bird.png", "woman.png")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def downloaded(tmp_path: Path, miniature: Callable[..., Path]) -> Path:
    """Set5 as one finds it: deep in a folder, among other things."""
    folder = miniature("set5", *FILES, at=tmp_path / "downloads" / "SR" / "Set5")
    (folder / "Thumbs.db").write_bytes(b"stray")
    (folder.parent / "readme.txt").write_text("about")
    (folder.parent / "Set5_x2").mkdir()
    (folder.parent / "Set5_x2" / "baby_x2.png").write_bytes(encoded(picture(9)))
    return tmp_path / "downloads"


def pack(folder: Path, archive: Path) -> Path:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as packed:
            for path in sorted(folder.rglob("*")):
                packed.write(path, path.relative_to(folder))
    else:
        with tarfile.open(archive, f"w:{archive.suffix[1:].replace('tar', '').replace('tgz', 'gz')}") as tar:
            tar.add(folder, ".")
    return archive


@pytest.mark.parametrize("archive", [None, "set.zip", "set.tar", "set.tgz", "set.tar.bz2", "set.tar.xz"])
def test_a_set_is_found_and_put_in_place(project: Path, downloaded: Path, tmp_path: Path, archive: str | None) -> None:
    source = pack(downloaded, tmp_path / archive) if archive else downloaded
    state = place.add(FOLDERS["set5"], source)
    assert str(state) == "complete (3 files)"
    assert contents(project / "data") == {
        f"set5/{file}": (downloaded / "SR" / "Set5" / file).read_bytes() for file in FILES
    }
    assert everything(project / "data") == ["set5", *(f"set5/{file}" for file in FILES)]  # nothing hidden left either
    assert datasets.images("set5").names == ["baby", "bird", "woman"]


def test_the_parts_of_a_set_come_out_of_one_archive(
    project: Path, tmp_path: Path, miniature: Callable[..., Path]
) -> None:
    inside = tmp_path / "BSR" / "BSDS500" / "data" / "images"
    for part, file in (("train", "100075.jpg"), ("val", "101085.jpg"), ("test", "100007.jpg")):
        miniature(f"bsds500-{part}", file, at=inside / part)
    shutil.rmtree(project / "data")
    archive = pack(tmp_path / "BSR", tmp_path / "BSR_bsds500.tgz")
    entries = select("bsds500")
    assert [str(place.add(entry, archive)) for entry in entries] == ["complete (1 files)"] * 3
    assert everything(project / "data" / "bsds500") == [
        *("test", "test/100007.jpg", "train", "train/100075.jpg", "val", "val/101085.jpg")
    ]


def test_a_set_among_other_images_is_picked_out(project: Path, tmp_path: Path, miniature: Callable[..., Path]) -> None:
    folder = miniature("set5", *FILES, at=tmp_path / "flat")
    (folder / "holiday.png").write_bytes(encoded(picture(9)))
    place.add(FOLDERS["set5"], folder)
    assert sorted(contents(project / "data" / "set5")) == sorted(FILES)


def test_another_copy_is_put_in_place_and_said_to_be_another(
    project: Path, downloaded: Path, miniature: Callable[..., Path]
) -> None:
    folder = downloaded / "SR" / "Set5"
    (folder / "bird.png").write_bytes(encoded(picture(40)))
    state = place.add(FOLDERS["set5"], downloaded)
    assert str(state) == "different (3 files): other content in bird"
    for file in FILES:  # the naming of SRCNN's test code
        (folder / file).rename(folder / file.replace(".png", "_GT.bmp"))
    state = place.add(FOLDERS["set5"], downloaded, force=True)
    assert state.word == "different"
    assert datasets.images("set5").names == ["baby_gt", "bird_gt", "woman_gt"]


def test_what_is_in_place_is_replaced_only_by_force(project: Path, downloaded: Path) -> None:
    place.add(FOLDERS["set5"], downloaded)
    before = contents(project / "data")
    (downloaded / "SR" / "Set5" / "bird.png").write_bytes(encoded(picture(40)))
    with pytest.raises(DataError, match=r"set5: the folder .*set5 is not empty; --force replaces it"):
        place.add(FOLDERS["set5"], downloaded)
    assert contents(project / "data") == before
    place.add(FOLDERS["set5"], downloaded, force=True)
    assert contents(project / "data")["set5/bird.png"] == encoded(picture(40))
    assert everything(project / "data") == ["set5", *(f"set5/{file}" for file in FILES)]


def test_a_differently_spelled_folder_is_the_one_replaced(project: Path, downloaded: Path) -> None:
    place.add(FOLDERS["set5"], downloaded)
    (project / "data" / "set5").rename(project / "data" / "Set5")
    place.add(FOLDERS["set5"], downloaded, force=True)
    assert [path.name for path in (project / "data").iterdir()] == ["Set5"]


def test_a_linked_folder_is_replaced_and_its_target_left(project: Path, downloaded: Path, tmp_path: Path) -> None:
    place.add(FOLDERS["set5"], downloaded)
    (project / "data" / "set5").rename(tmp_path / "kept")
    (project / "data" / "set5").symlink_to(tmp_path / "kept")
    place.add(FOLDERS["set5"], downloaded, force=True)
    assert not (project / "data" / "set5").is_symlink()
    assert sorted(contents(tmp_path / "kept")) == sorted(FILES)


@pytest.mark.parametrize("protected", ["data", "data/set5"])
def test_data_that_is_marked_read_only_stays_even_where_one_is_root(
    project: Path, downloaded: Path, protected: str
) -> None:
    place.add(FOLDERS["set5"], downloaded)
    before = contents(project / "data")
    (project / protected).chmod(0o555)
    with pytest.raises(DataError, match=r"is read-only; nothing was changed"):
        place.add(FOLDERS["set5"], downloaded, force=True)
    (project / protected).chmod(0o755)
    assert contents(project / "data") == before


def failing_at(call: int, error: BaseException) -> Callable[[Container, str, Path], None]:
    """A Container.copy that fails at its n-th call, half-way, as on a disk that fills up."""
    calls = iter(range(call + 1))
    copy = Container.copy

    def failing(self: Container, inside: str, destination: Path) -> None:
        copy(self, inside, destination)
        if next(calls, call) == call:
            destination.write_bytes(destination.read_bytes()[:10])
            raise error

    return failing


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()], ids=["full disk", "interrupted"])
def test_failure_half_way_leaves_what_was_there_and_nothing_else(
    project: Path, downloaded: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    place.add(FOLDERS["set5"], downloaded)
    before, names = contents(project / "data"), everything(project / "data")
    (downloaded / "SR" / "Set5" / "bird.png").write_bytes(encoded(picture(40)))
    monkeypatch.setattr(Container, "copy", failing_at(2, error))
    with pytest.raises(type(error)):
        place.add(FOLDERS["set5"], downloaded, force=True)
    assert contents(project / "data") == before
    assert everything(project / "data") == names


def test_full_disk_at_the_first_add_leaves_no_set(
    project: Path, downloaded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Container, "copy", failing_at(1, FULL))
    with pytest.raises(OSError, match="No space left"):
        place.add(FOLDERS["set5"], downloaded)
    assert everything(project / "data") == []


def test_a_failed_exchange_puts_the_old_set_back(
    project: Path, downloaded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.add(FOLDERS["set5"], downloaded)
    before, names = contents(project / "data"), everything(project / "data")
    replace = os.replace

    def failing(source: Path, target: Path) -> None:
        if source.name == "new":
            raise PermissionError(errno.EACCES, "no")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(PermissionError):
        place.add(FOLDERS["set5"], downloaded, force=True)
    assert contents(project / "data") == before
    assert everything(project / "data") == names


def test_incomplete_sets_are_refused_and_the_missing_named(project: Path, downloaded: Path) -> None:
    (downloaded / "SR" / "Set5" / "woman.png").unlink()
    with pytest.raises(
        DataError, match=r"set5 in it is incomplete \(2 of 3 files\): missing woman; nothing was put in place"
    ):
        place.add(FOLDERS["set5"], downloaded)
    assert everything(project / "data") == []


def test_unusable_images_are_refused_by_name(project: Path, downloaded: Path) -> None:
    file = downloaded / "SR" / "Set5" / "bird.png"
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(DataError, match=r"bird\.png the file is truncated.*nothing was put in place"):
        place.add(FOLDERS["set5"], downloaded)
    assert everything(project / "data") == []


def test_published_files_can_be_demanded(project: Path, downloaded: Path) -> None:
    (downloaded / "SR" / "Set5" / "bird.png").write_bytes(encoded(picture(40)))
    with pytest.raises(DataError, match="other content in bird; nothing was put in place"):
        place.add(FOLDERS["set5"], downloaded, as_published=True)
    assert everything(project / "data") == []


def test_what_holds_no_such_set_is_named(project: Path, downloaded: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("text")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no file or folder .*nothing"):
        place.add(FOLDERS["set5"], tmp_path / "nothing")
    with pytest.raises(DataError, match=r"text\.txt is neither a folder nor a zip or tar archive"):
        place.add(FOLDERS["set5"], tmp_path / "text.txt")
    with pytest.raises(
        DataError, match=r"empty holds nothing like set5 \(a folder with baby\.png, bird\.png, woman\.png\)"
    ):
        place.add(FOLDERS["set5"], tmp_path / "empty")
    shutil.copytree(downloaded / "SR" / "Set5", downloaded / "again")
    with pytest.raises(DataError, match=r"holds set5 twice, in .* give the folder that is meant"):
        place.add(FOLDERS["set5"], downloaded)


@pytest.mark.parametrize("archive", ["set.zip", "set.tgz"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_truncated_archives_are_refused(
    project: Path, downloaded: Path, tmp_path: Path, archive: str, kept: float
) -> None:
    packed = pack(downloaded, tmp_path / archive)
    packed.write_bytes(packed.read_bytes()[: int(kept * packed.stat().st_size)])
    with pytest.raises(DataError, match=r"set\.(zip|tgz) (is damaged|is neither)"):
        place.add(FOLDERS["set5"], packed)
    assert not (project / "data").exists() or everything(project / "data") == []


def test_damaged_members_are_refused(project: Path, downloaded: Path, tmp_path: Path) -> None:
    packed = pack(downloaded, tmp_path / "set.zip")
    data = bytearray(packed.read_bytes())
    at = data.index(b"IDAT") + 20
    data[at] ^= 255
    packed.write_bytes(data)
    with pytest.raises(DataError, match=r"set\.zip is damaged"):
        place.add(FOLDERS["set5"], packed)


def test_the_checksum_at_the_end_of_a_gzip_file_is_verified(project: Path, downloaded: Path, tmp_path: Path) -> None:
    packed = pack(downloaded, tmp_path / "set.tgz")
    data = bytearray(packed.read_bytes())
    data[-8] ^= 1  # its CRC-32, and then its length
    packed.write_bytes(data)
    with pytest.raises(DataError, match=r"set\.tgz is damaged or incomplete \(CRC check failed"):
        place.add(FOLDERS["set5"], packed)


def test_names_that_lead_out_of_an_archive_stay_inside(project: Path, downloaded: Path, tmp_path: Path) -> None:
    folder = downloaded / "SR" / "Set5"
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        for file in FILES:
            archive.write(folder / file, f"../../../{file}")
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        for file in FILES:
            tar.add(folder / file, f"/../{tmp_path}/outside/{file}")
        link = tarfile.TarInfo("Set5/baby.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    shutil.rmtree(project / "data")
    around = everything(tmp_path)
    for archive_name in ("evil.zip", "evil.tar"):
        place.add(FOLDERS["set5"], tmp_path / archive_name, force=True)
        assert sorted(contents(project / "data" / "set5")) == sorted(FILES)
        assert not any(path.is_symlink() for path in (project / "data").rglob("*"))
    shutil.rmtree(project / "data")
    assert everything(tmp_path) == around
    assert not (project.parent.parent / FILES[0]).exists()


def test_encrypted_archives_say_what_to_do(
    project: Path, downloaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encrypted(self: zipfile.ZipFile, name: zipfile.ZipInfo) -> bytes:
        raise RuntimeError(f"File {name.filename!r} is encrypted, password required for extraction")

    packed = pack(downloaded, tmp_path / "set.zip")
    monkeypatch.setattr(zipfile.ZipFile, "open", encrypted)
    with pytest.raises(DataError, match=r"encrypted.*unpack it and give the folder"):
        place.add(FOLDERS["set5"], packed)


def zip_of(tmp_path: Path, size: int, files: int = 1) -> Path:
    """An archive of files of zeros."""
    with zipfile.ZipFile(tmp_path / "zeros.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(files):
            archive.writestr(f"Set5/{number}.png", bytes(size))
    return tmp_path / "zeros.zip"


def tar_of(tmp_path: Path, size: int, files: int = 1) -> Path:
    with tarfile.open(tmp_path / "zeros.tgz", "w:gz") as archive:
        for number in range(files):
            member = tarfile.TarInfo(f"Set5/{number}.png")
            member.size = size
            archive.addfile(member, io.BytesIO(bytes(size)))
    return tmp_path / "zeros.tgz"


@pytest.mark.parametrize("make", [zip_of, tar_of])
@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(size=90e6), r"unpacks to 0\.1 GB or more, and 0\.1 GB are allowed; --max-size raises this limit"),
        (Limits(), r"unpacks to 0\.1 GB, 1,0\d\d times its own size, and more than 100 times .*; --max-ratio raises"),
        (Limits(files=1, ratio=2000), "holds more than 1 files; --max-files raises this limit"),
    ],
)
def test_archives_that_unpack_to_too_much_are_refused_before_they_are_unpacked(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[..., Path],
    limits: Limits,
    words: str,
) -> None:
    monkeypatch.setattr(Container, "copy", lambda *_: pytest.fail("unpacked"))
    archive = make(tmp_path, 52_000_000, files=2)
    with pytest.raises(DataError, match=words):
        place.add(FOLDERS["set5"], archive, limits=limits)
    assert everything(project / "data") == []


def test_a_file_longer_than_its_directory_says_is_refused(tmp_path: Path) -> None:
    longer = Container(tmp_path, {"a": 3}, lambda inside: io.BytesIO(b"abcd"))
    with pytest.raises(DataError, match="a is longer than the archive's directory says"):
        longer.copy("a", tmp_path / "a")
    shorter = Container(tmp_path, {"a": 5}, lambda inside: io.BytesIO(b"abcd"))
    with pytest.raises(DataError, match="a is cut off"):
        shorter.copy("a", tmp_path / "b")


@pytest.mark.parametrize(
    ("size", "words"), [(1 << 30, "a header of 1,073,741,824 bytes"), (-512, "negative size|header")]
)
@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.REGTYPE])
def test_lengths_in_a_tar_archive_are_not_trusted(
    project: Path, tmp_path: Path, kind: bytes, size: int, words: str
) -> None:
    member = tarfile.TarInfo("name")
    member.type, member.size = kind, size
    (tmp_path / "a.tar").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(10240))
    if kind == tarfile.REGTYPE and size > 0:
        words = "damaged|unpacks to 1.1 GB, 99,"
    with pytest.raises(DataError, match=words):
        place.add(FOLDERS["set5"], tmp_path / "a.tar")


def test_a_fifo_is_no_archive(project: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "set.zip")
    with pytest.raises(DataError, match=r"set\.zip is neither a folder nor a regular file"):
        place.add(FOLDERS["set5"], tmp_path / "set.zip")


def test_a_set_is_written_to_disk_once(project: Path, downloaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[list[str]] = []
    monkeypatch.setattr(os, "sync", lambda: synced.append(everything(project / "data")))
    monkeypatch.setattr(os, "fsync", lambda descriptor: pytest.fail("one file"))
    place.add(FOLDERS["set5"], downloaded)
    assert [path.rsplit("/")[-1] for path in synced[0] if path.endswith(".png")] == list(FILES)
    assert len(synced) == 1


def left_by_a_killed_process(folder: Path, moved_aside: Path | None = None) -> Path:
    """A staging folder with a part of a set, as `kill -9` leaves it."""
    (folder / "new").mkdir(parents=True)
    (folder / "new" / "baby.png").write_bytes(b"part")
    (folder / staging._MARK).touch()
    if moved_aside:
        moved_aside.rename(folder / "old")
    return folder


def test_what_a_killed_process_left_is_removed_by_the_next(project: Path, downloaded: Path) -> None:
    left_by_a_killed_process(project / "data" / ".set5.adding")
    left_by_a_killed_process(project / "data" / ".kodak.adding")
    (project / "data" / ".set14.adding").mkdir()  # killed at once
    place.add(FOLDERS["set5"], downloaded)
    assert everything(project / "data") == ["set5", *(f"set5/{file}" for file in FILES)]


def test_a_set_that_was_moved_aside_comes_back(project: Path, downloaded: Path) -> None:
    place.add(FOLDERS["set5"], downloaded)
    before = contents(project / "data")
    left_by_a_killed_process(project / "data" / ".set5.adding", moved_aside=project / "data" / "set5")
    with pytest.raises(DataError, match="is not empty; --force replaces it"):
        place.add(FOLDERS["set5"], downloaded)
    assert contents(project / "data") == before


def test_hidden_folders_of_others_stay(project: Path, downloaded: Path) -> None:
    mine = project / "data" / ".set5.adding"
    mine.mkdir(parents=True)
    (mine / "notes.txt").write_text("mine")
    (project / "data" / ".kodak.adding").symlink_to(mine)
    before = everything(project / "data")
    with pytest.raises(DataError, match=r"\.set5\.adding is in use .* or was made by something else"):
        place.add(FOLDERS["set5"], downloaded)
    assert everything(project / "data") == before


def made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def test_two_processes_do_not_add_one_set(project: Path, downloaded: Path) -> None:
    with (
        staging.staging(made(project / "data") / "set5") as building,
        pytest.raises(DataError, match=r"in use by another `data add` of the same set"),
    ):
        place.add(FOLDERS["set5"], downloaded)
    assert not building.exists()
    place.add(FOLDERS["set5"], downloaded)


def test_the_real_layout_is_its_own_source(real_data: Callable[[str], Path], project: Path, tmp_path: Path) -> None:
    source = real_data("set5").parent
    assert str(place.add(FOLDERS["set5"], real_data("set5"))) == "complete (5 files)"
    assert str(manifests.compare("set5", project / "data" / "set5")) == "complete (5 files)"
    packed = pack(real_data("set14"), tmp_path / "set14.zip")
    assert str(place.add(FOLDERS["set14"], packed)) == "complete (14 files)"
    assert source != project / "data"
