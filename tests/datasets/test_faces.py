"""Faces, STL-10 and Yale B: official layouts, half-size copies, stand-ins, and what is missing or damaged."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from replication.datasets.errors import DataError, ImageError
from replication.datasets.faces import bt601, crops, faces
from replication.datasets.stacks import fitted
from replication.datasets.stl10 import stl10
from replication.datasets.yaleb import lit_photos, yaleb

RNG = np.random.default_rng(0)


def save(path: Path, height: int, width: int, channels: int = 3) -> np.ndarray:  # type: ignore[type-arg]
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (height, width, 3) if channels == 3 else (height, width)
    pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    return tmp_path


def test_a_square_is_cut_from_the_middle_and_reduced_by_an_average() -> None:
    image = np.zeros((20, 12), np.uint8)
    image[4:16] = np.arange(12)[None, :] % 2 * 200  # stripes that a filter without antialiasing would keep or lose
    small = fitted(image, 3)
    assert small.shape == (3, 3)
    assert np.all(np.abs(small[1].astype(int) - 100) <= 8)
    assert (fitted(image, 4, crop=4) == image[8:12, 4:8]).all()
    with pytest.raises(ValueError, match="a crop of 13 does not fit into 12 x 20 pixels"):
        fitted(image, 4, crop=13)


@pytest.mark.parametrize(("place", "factor"), [("celeba/img_align_celeba", 2), ("celeba", 1), ("CelebA", 1)])
def test_celeba_is_found_in_its_layout_and_its_crop_follows_the_size(root: Path, place: str, factor: int) -> None:
    height, width = 109 * factor, 89 * factor
    pixels = save(root / place / "000001.png", height, width)
    save(root / place / "000002.png", height, width)
    stack = faces()
    assert stack.pixels.shape == (2, 3, 64, 64)
    assert stack.names == ("000001", "000002")
    assert f"{74 * factor} x {74 * factor} of {width} x {height}" in stack.title
    top, left = (height - 74 * factor) // 2, (width - 74 * factor) // 2
    square = Image.fromarray(pixels[top : top + 74 * factor, left : left + 74 * factor])
    expected = np.asarray(square.resize((64, 64), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    assert (stack.pixels[0] == expected).all()
    assert len(faces(limit=1)) == 1


def test_a_folder_of_faces_of_another_size_needs_its_crop(tmp_path: Path) -> None:
    save(tmp_path / "faces" / "a.png", 100, 90)
    with pytest.raises(DataError, match="a.png has 90 x 100 pixels, .* give the central square to take"):
        faces(tmp_path / "faces")
    assert faces(tmp_path / "faces", crop=80, size=32).pixels.shape == (1, 3, 32, 32)
    with pytest.raises(DataError, match="a crop of 91 does not fit"):
        faces(tmp_path / "faces", crop=91)
    save(tmp_path / "faces" / "b.png", 100, 91)
    with pytest.raises(ImageError, match="b.png: has 91 x 100 pixels where the others have 90 x 100"):
        faces(tmp_path / "faces", crop=80)
    (tmp_path / "faces" / "b.png").write_bytes(b"")
    with pytest.raises(ImageError, match="b.png: the file is empty"):
        faces(tmp_path / "faces", crop=80)


def test_files_beside_the_faces_are_counted(root: Path) -> None:
    save(root / "celeba" / "000001.png", 218, 178)
    assert not faces().skipped
    (root / "celeba" / "list_attr_celeba.txt").write_text("")
    (root / "celeba" / "Anno").mkdir()
    assert faces().skipped == {"no images": 2}


def test_what_is_missing_is_named_with_where_to_get_it(root: Path) -> None:
    for load, place in ((faces, "mmlab.ie.cuhk.edu.hk"), (stl10, "cs.stanford.edu"), (yaleb, "ExtYaleDatabase")):
        with pytest.raises(DataError, match=f" is missing: there is no .* To get it: .*{place}.* Licence: "):
            load()
    (root / "celeba").mkdir()
    with pytest.raises(DataError, match="celeba is missing: the folder .* holds no images"):
        faces()


def test_stl10_is_read_column_by_column_and_turned_grey_by_bt601(root: Path) -> None:
    images = RNG.integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)
    (root / "stl10_binary").mkdir()
    path = root / "stl10_binary" / "train_X.bin"
    path.write_bytes(b"".join(image[:, :, c].T.tobytes() for image in images for c in range(3)))
    assert (stl10("train", grey=False).pixels == images.transpose(0, 3, 1, 2)).all()
    grey = images @ np.array([0.299, 0.587, 0.114])
    assert np.abs(stl10("train").pixels[:, 0] - grey).max() <= 0.5 + 1e-9
    assert len(stl10("train", limit=2)) == 2
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="train_X.bin is damaged: its 82943 bytes are no whole number of images"):
        stl10("train")
    with pytest.raises(DataError, match="unknown part 'validation' of STL-10; known: unlabeled, train, test"):
        stl10("validation")


def test_luminance_of_primaries_is_that_of_bt601() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    assert bt601(colours).tolist() == [[76, 150, 29, 255]]


@pytest.mark.parametrize(("height", "width"), [(192, 168), (96, 84)])
def test_yale_b_takes_directions_from_names_and_counts_what_it_passes_over(root: Path, height: int, width: int) -> None:
    folder = root / "yaleb" / "yaleB07"
    for name in ("P00A+000E+20", "P00A-020E-40", "P00A+130E+20"):
        save(folder / f"yaleB07_{name}.pgm", height, width, 1)
    save(folder / "yaleB07_P00_Ambient.pgm", height, width, 1)
    for name in ("yaleB07_P00A+050E-40.pgm.bad", "yaleB07_P00.info", "WS_FTP.LOG"):
        (folder / name).write_bytes(b"?")
    lit = yaleb()
    assert lit.stack.pixels.shape == (3, 1, 48, 48)
    assert sorted(zip(lit.identity, lit.azimuth, lit.elevation, strict=True)) == [
        ("yaleB07", -20.0, -40.0),
        ("yaleB07", 0.0, 20.0),
        ("yaleB07", 130.0, 20.0),
    ]
    assert lit.stack.skipped == {
        ".info": 1,
        "ambient light": 1,
        "damaged when the set was made (.bad)": 1,
        "other files": 1,
    }
    save(folder / "yaleB07_P00A+005E+10.pgm", 50, 50, 1)
    with pytest.raises(ImageError, match="has 50 x 50 pixels; wanted 168 x 192, or 84 x 96"):
        yaleb()


def test_photos_stand_in_and_say_so() -> None:
    stack = crops(["photos-train"], 64, stands_for="CelebA")
    assert stack.pixels.shape[1:] == (3, 64, 64)
    assert "crops of photos of scikit-image, in place of CelebA" in stack.title
    assert crops(["photos-train"], 96, stride=48, grey=True, stands_for="STL-10").pixels.shape[1:] == (1, 96, 96)
    with pytest.raises(DataError, match="no image of photos-train is as large as 900 x 900"):
        crops(["photos-train"], 900, stands_for="CelebA")
    lit = lit_photos(["photos-a"])
    assert "in place of Extended Yale B" in lit.stack.title
    assert set(Counter(lit.identity).values()) == {24}
    right, left = (lit.stack.pixels[(lit.azimuth == a) & (lit.elevation == 0)] for a in (110, -110))
    assert right[..., 24:].mean() > right[..., :24].mean()
    assert left[..., 24:].mean() < left[..., :24].mean()


def test_the_real_sets_are_what_they_are_known_to_be(
    real_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """2414 images of 38 people under 64 lights, 18 damaged; faces cropped to 74 of 89 x 109."""
    folder = real_data("yaleb")
    monkeypatch.setenv("REPLICATION_DATA", str(folder.parent))
    lit = yaleb(size=16)
    assert len(lit) == 2414
    assert len(set(lit.identity)) == 38
    assert len(set(zip(lit.azimuth, lit.elevation, strict=True))) == 64
    assert lit.stack.skipped["damaged when the set was made (.bad)"] == 18
    assert faces(real_data("celeba"), limit=20).pixels.std() > 40
