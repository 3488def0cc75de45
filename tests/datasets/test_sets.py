"""Image sets by name or folder: layouts on disk, what is missing, what is unreadable."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pictures import encoded, picture

from replication import datasets
from replication.datasets import manifests, photos
from replication.datasets.catalogue import FOLDERS

LAYOUTS = {
    "set5": ("set5", "baby.png"),
    "set14": ("set14", "zebra.png"),
    "t91": ("t91", "tt9.png"),
    "bsds500-train": ("bsds500/train", "100075.jpg"),
    "bsds500-val": ("bsds500/val", "101085.jpg"),
    "bsds500-test": ("bsds500/test", "100007.jpg"),
    "kodak": ("kodak", "kodim01.png"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_set_is_its_ordinary_folder_under_the_data_root(
    project: Path, miniature: Callable[..., Path], name: str
) -> None:
    folder, file = LAYOUTS[name]
    miniature(name, file)
    assert (project / "data" / folder / file).is_file()
    opened = datasets.images(name)
    assert (opened.name, len(opened), opened.names) == (name, 1, [Path(file).stem])
    assert opened.title
    assert opened.licence
    assert opened.source
    np.testing.assert_array_equal(opened.read(Path(file).stem), datasets.read_image(project / "data" / folder / file))


def test_the_sets_of_the_papers_have_manifests() -> None:
    assert FOLDERS.keys() >= LAYOUTS.keys()
    for name, (_, file) in LAYOUTS.items():
        assert Path(file).stem in manifests.read(name)


@pytest.mark.parametrize(
    ("name", "count"),
    [("set5", 5), ("set14", 14), ("t91", 91), ("bsds500-train", 200), ("bsds500-val", 100), ("bsds500-test", 200)],
)
def test_real_sets_are_complete_and_readable(real_data: Callable[[str], Path], name: str, count: int) -> None:
    folder = real_data(FOLDERS[name].folder)
    state = manifests.compare(name, folder)
    assert (state.word, state.present) == ("complete", count)
    first, *_, last = datasets.images(folder).names
    for image in (first, last):
        assert datasets.images(folder).read(image).shape[2] == 3


def test_the_title_of_the_berkeley_test_set_is_the_papers() -> None:
    assert FOLDERS["bsds500-test"].title == "BSD200"


def test_case_and_stray_files_make_no_difference(project: Path, miniature: Callable[..., Path]) -> None:
    folder = miniature("set5", "baby.png", "bird.png")
    digest = datasets.images("set5").digest
    (folder / "baby.png").rename(folder / "Baby.PNG")
    for stray in ("Thumbs.db", ".DS_Store", "readme.txt", "._bird.png"):
        (folder / stray).write_bytes(b"stray")
    (folder / "sub.png").mkdir()
    folder.rename(project / "data" / "Set5")
    opened = datasets.images("set5")
    assert opened.names == ["baby", "bird"]
    assert opened.digest == digest


def test_digest_follows_the_content(miniature: Callable[..., Path]) -> None:
    folder = miniature("set5", "baby.png", "bird.png")
    before = datasets.images("set5").digest
    (folder / "bird.png").write_bytes(encoded(picture(99)))
    assert datasets.images("set5").digest != before


def test_iteration_gives_names_and_pixels_in_order(miniature: Callable[..., Path]) -> None:
    miniature("set5", "woman.png", "baby.png")
    pairs = list(datasets.images("set5"))
    assert [name for name, _ in pairs] == ["baby", "woman"]
    np.testing.assert_array_equal(pairs[1][1], np.asarray(picture(0)))


def test_modes_of_reading_are_passed_on(miniature: Callable[..., Path]) -> None:
    folder = miniature("set14", "baboon.png", "bridge.png")
    picture(1, "L").save(folder / "bridge.png")
    opened = datasets.images("set14")
    assert opened.read("bridge", mode="stored").shape == (7, 9)
    images, _ = opened.read_all(mode="stored")
    assert [image.ndim for image in images.values()] == [3, 2]
    photo = datasets.images("photos-a")
    assert photo.read("grass-top", mode="L").shape == (128, 128)
    np.testing.assert_array_equal(photo.read("grass-top", mode="L"), photo.read("grass-top")[..., 0])


def test_sets_travel_to_worker_processes(miniature: Callable[..., Path]) -> None:
    miniature("set5", "baby.png")
    opened = pickle.loads(pickle.dumps(datasets.images("set5")))
    assert opened.read("baby").shape == (7, 9, 3)


def test_missing_data_root_says_how_to_get_the_set(project: Path) -> None:
    with pytest.raises(datasets.DataError) as caught:
        datasets.images("set5")
    message = str(caught.value)
    for words in (
        "set5 is missing",
        f"the data root {project / 'data'} does not exist",
        "REPLICATION_DATA",
        "data add set5 PATH",
        "SRCNN_v1.zip",
        "Licence: none stated",
        "photos-a",
    ):
        assert words in message


def test_missing_set_lists_the_sets_that_are_there(miniature: Callable[..., Path]) -> None:
    miniature("set14", "zebra.png")
    with pytest.raises(
        datasets.DataError, match=r"there is no kodak under .*data fetch kodak.*available: set14, photos-train"
    ):
        datasets.images("kodak")


def test_empty_folder_is_missing_too(project: Path) -> None:
    (project / "data" / "set5").mkdir(parents=True)
    (project / "data" / "set5" / "Thumbs.db").write_bytes(b"stray")
    with pytest.raises(datasets.DataError, match=r"set5 is missing: the folder .* holds no images.*Licence"):
        datasets.images("set5")
    assert "set5" not in datasets.present()


def test_incomplete_set_names_the_missing_images(miniature: Callable[..., Path]) -> None:
    folder = miniature("set5", "baby.png", "bird.png", "head.png")
    (folder / "bird.png").unlink()
    with pytest.raises(datasets.DataError, match=r"set5 is incomplete, 2 of 3 images, missing bird: "):
        datasets.images("set5")


def test_another_copy_of_a_set_is_used(miniature: Callable[..., Path]) -> None:
    folder = miniature("set5", "baby.png", "bird.png")
    (folder / "baby.png").rename(folder / "baby_GT.png")
    (folder / "bird.png").write_bytes(encoded(picture(7)))
    assert datasets.images("set5").names == ["baby_gt", "bird"]
    assert str(manifests.compare("set5", folder)) == (
        "different (2 files): missing baby; other content in bird; also baby_gt"
    )


def test_two_files_for_one_image_are_an_error(miniature: Callable[..., Path]) -> None:
    folder = miniature("set5", "baby.png")
    (folder / "baby.jpg").write_bytes(encoded(picture(0), "JPEG"))
    with pytest.raises(datasets.DataError, match=r"baby\.jpg and baby\.png are both image 'baby'"):
        datasets.images("set5")


def test_unknown_set_lists_the_known_ones(project: Path) -> None:
    with pytest.raises(datasets.DataError, match=r"unknown image set 'sett5'; known: bsds500-.*set5, .*photos-c"):
        datasets.images("sett5")


def test_unknown_image_lists_the_known_ones(miniature: Callable[..., Path]) -> None:
    miniature("set5", "baby.png")
    with pytest.raises(datasets.DataError, match="Set5 has no image 'babe'; it has baby"):
        datasets.images("set5").read("babe")


def test_any_folder_is_a_set(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project / "my photos" / "Holiday"
    folder.mkdir(parents=True)
    picture(1).save(folder / "B.jpg")
    picture(2).save(folder / "a.bmp")
    assert datasets.images(folder).names == ["a", "b"]
    assert datasets.images("my photos/Holiday").title == "Holiday"
    (project / "notebooks").mkdir()
    monkeypatch.chdir(project / "notebooks")  # where JupyterLab runs a notebook
    assert len(datasets.images("my photos/Holiday")) == 2
    monkeypatch.chdir(folder.parent)
    assert len(datasets.images("Holiday")) == 2


def test_folder_that_is_missing_or_empty_is_named(project: Path) -> None:
    with pytest.raises(datasets.DataError, match="no folder no/where"):
        datasets.images("no/where")
    (project / "empty").mkdir()
    with pytest.raises(datasets.DataError, match="the folder empty holds no images"):
        datasets.images("empty")


def test_unreadable_images_stop_or_are_named_and_skipped(miniature: Callable[..., Path]) -> None:
    folder = miniature("set5", "baby.png", "bird.png", "head.png")
    (folder / "baby.png").write_bytes((folder / "baby.png").read_bytes()[:80])
    (folder / "head.png").write_bytes(b"nonsense")
    opened = datasets.images("set5")
    with pytest.raises(datasets.ImageError, match=r"baby\.png: .*truncated"):
        opened.read_all()
    images, problems = opened.read_all(on_error="skip")
    assert list(images) == ["bird"]
    assert [str(problem).split(":")[0] for problem in problems] == ["set5/baby.png", "set5/head.png"]
    assert str(folder) not in "".join(map(str, problems))  # reports must not differ between machines
    with pytest.raises(ValueError, match="'ignore'"):
        opened.read_all(on_error="ignore")  # type: ignore[arg-type]


PHOTO_SETS = ("photos-train", "photos-validation", "photos-a", "photos-b", "photos-c")


@pytest.mark.parametrize("name", PHOTO_SETS)
def test_photo_sets_need_nothing_but_the_installed_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)  # no project, no data root
    monkeypatch.delenv("REPLICATION_DATA", raising=False)
    opened = datasets.images(name)
    images, problems = opened.read_all()
    assert not problems
    assert 3 <= len(images) <= 6
    for image in images.values():
        assert image.dtype == np.uint8
        assert min(image.shape[:2]) >= 96
        assert name in PHOTO_SETS[:2] or max(image.shape[:2]) <= 160
        assert image.std() > 5  # a picture, not a patch of sky


def test_photo_sets_share_no_pixel_and_training_no_photo() -> None:
    pieces = [(name, piece) for name in PHOTO_SETS for piece in photos.PHOTOS[name][1].values()]
    tested = {piece.photo for name, piece in pieces if name in PHOTO_SETS[2:]}
    for name in PHOTO_SETS[:2]:
        own = {piece.photo for other, piece in pieces if other == name}
        others = {piece.photo for other, piece in pieces if other != name}
        assert not own & (tested | others)
    for index, (_, one) in enumerate(pieces):
        for _, other in pieces[index + 1 :]:
            if one.photo == other.photo:
                left, top = max(one.box[0], other.box[0]), max(one.box[1], other.box[1])
                right, bottom = min(one.box[2], other.box[2]), min(one.box[3], other.box[3])
                assert left >= right or top >= bottom, (one, other)


def test_reducing_a_photo_is_the_mean_of_its_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = picture(8, size=(13, 11))
    whole.save(tmp_path / "a.png")
    monkeypatch.setattr(photos, "photo_path", lambda photo: tmp_path / photo)
    reduced = photos.Piece("a.png", (1, 2, 13, 11), 3).read()
    pixels = np.asarray(whole, dtype=float)[2:11, 1:13]
    expected = [[pixels[i : i + 3, j : j + 3].mean(axis=(0, 1)) for j in range(0, 12, 3)] for i in range(0, 9, 3)]
    np.testing.assert_array_equal(reduced, np.floor(np.array(expected) + 0.5))


def test_a_photo_set_without_its_package_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(datasets.DataError, match="pip install scikit-image"):
        datasets.images("photos-a").read("retina")


def test_manifest_tells_complete_incomplete_different_empty_and_missing(
    tmp_path: Path, miniature: Callable[..., Path]
) -> None:
    folder = miniature("set5", "baby.png", "bird.png")
    assert str(manifests.compare("set5", folder)) == "complete (2 files)"
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "baby.png").write_bytes(encoded(picture(9)))
    assert str(manifests.compare("set5", other)) == "different (2 files): other content in baby"
    (other / "bird.png").unlink()
    assert str(manifests.compare("set5", other)) == ("incomplete (1 of 2 files): missing bird; other content in baby")
    (other / "baby.png").unlink()
    assert str(manifests.compare("set5", other)) == "empty"
    assert str(manifests.compare("set5", None)) == "missing"


def test_long_lists_of_names_are_cut() -> None:
    assert manifests.enumerate_briefly(f"t{i}" for i in range(20)) == "t0, t1, t2, t3, t4 and 15 more"


def test_files_beside_the_images_are_named(miniature: Callable[..., Path]) -> None:
    folder = miniature("set5", "baby.png")
    (folder / "more").mkdir()
    for name in ("readme.txt", "bird.webp", "Thumbs.db", ".hidden.png"):
        (folder / name).write_bytes(b"")
    assert datasets.images("set5").passed_over == ("bird.webp", "more/", "readme.txt")
    assert datasets.images(folder).passed_over == ("bird.webp", "more/", "readme.txt")
