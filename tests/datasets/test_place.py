"""`data add`: found in a folder or an archive, checked, put in place in one step or not at all."""

import errno
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pictures import encoded, picture

from replication import datasets
from replication.datasets import DataError, manifests, place
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


def failing_at(call: int, error: BaseException) -> Callable[[int], None]:
    """An os.fsync that fails at its n-th call, as on a disk that fills up."""
    calls = iter(range(call + 1))

    def fsync(descriptor: int) -> None:
        if next(calls, call) == call:
            raise error

    return fsync


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()], ids=["full disk", "interrupted"])
def test_failure_half_way_leaves_what_was_there_and_nothing_else(
    project: Path, downloaded: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    place.add(FOLDERS["set5"], downloaded)
    before, names = contents(project / "data"), everything(project / "data")
    (downloaded / "SR" / "Set5" / "bird.png").write_bytes(encoded(picture(40)))
    monkeypatch.setattr(os, "fsync", failing_at(2, error))
    with pytest.raises(type(error)):
        place.add(FOLDERS["set5"], downloaded, force=True)
    assert contents(project / "data") == before
    assert everything(project / "data") == names


def test_full_disk_at_the_first_add_leaves_no_set(
    project: Path, downloaded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", failing_at(1, FULL))
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
        if source.suffix == ".part":
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
    def encrypted(self: zipfile.ZipFile, name: str) -> bytes:
        raise RuntimeError(f"File {name!r} is encrypted, password required for extraction")

    packed = pack(downloaded, tmp_path / "set.zip")
    monkeypatch.setattr(zipfile.ZipFile, "read", encrypted)
    with pytest.raises(DataError, match=r"encrypted.*unpack it and give the folder"):
        place.add(FOLDERS["set5"], packed)


def test_the_real_layout_is_its_own_source(real_data: Callable[[str], Path], project: Path, tmp_path: Path) -> None:
    source = real_data("set5").parent
    assert str(place.add(FOLDERS["set5"], real_data("set5"))) == "complete (5 files)"
    assert str(manifests.compare("set5", project / "data" / "set5")) == "complete (5 files)"
    packed = pack(real_data("set14"), tmp_path / "set14.zip")
    assert str(place.add(FOLDERS["set14"], packed)) == "complete (14 files)"
    assert source != project / "data"
