"""Parts of a set that an autoencoder is trained, watched and tested on."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from replication.datasets.autoencoding import lit_faces, parts
from replication.datasets.errors import DataError

CROPS = {"source": "crops", "size": 32, "sets": ["photos-a"], "test_sets": ["photos-b"], "stands_for": "STL-10"}


def test_parts_have_no_image_in_common_and_the_test_has_photos_of_its_own() -> None:
    found = parts(**CROPS, counts={"training": 30, "validation": 8, "test": 9}, grey=True)
    assert {name: stack.pixels.shape for name, stack in found.items()} == {
        "training": (30, 1, 32, 32),
        "validation": (8, 1, 32, 32),
        "test": (9, 1, 32, 32),
    }
    assert not set(found["training"].names) & set(found["validation"].names)
    assert all(name.startswith("photos-b/") for name in found["test"].names)
    assert "in place of STL-10" in found["test"].title
    again = parts(**CROPS, counts={"training": 30, "validation": 8, "test": 9}, grey=True)
    assert [stack.digest for stack in again.values()] == [stack.digest for stack in found.values()]
    other = parts(**CROPS, counts={"training": 30, "validation": 8, "test": 9}, grey=True, seed=1)
    assert other["training"].names != found["training"].names


def test_squares_may_overlap_where_validation_has_photos_of_its_own() -> None:
    counts = {"training": 60, "validation": 8, "test": 9}
    found = parts(**CROPS, validation_sets=["photos-train"], counts=counts, stride=16)
    origins = {name: {image.split("/")[0] for image in stack.names} for name, stack in found.items()}
    assert origins == {"training": {"photos-a"}, "validation": {"photos-train"}, "test": {"photos-b"}}
    corners = {tuple(map(int, name.split("@")[1].split(","))) for name in found["training"].names}
    assert any(left % 32 or top % 32 for left, top in corners)
    assert not any(
        left % 32 or top % 32
        for left, top in (tuple(map(int, name.split("@")[1].split(","))) for name in found["validation"].names)
    )


def test_faces_are_parted_in_the_order_of_their_names(tmp_path: Path) -> None:
    for number in range(6):
        Image.fromarray(np.full((20, 20, 3), 40 * number, np.uint8)).save(tmp_path / f"{number}.png")
    counts = {"test": 1, "training": 3, "validation": 2}
    found = parts("faces", size=16, counts=counts, folder=str(tmp_path), crop=16)
    assert [stack.names for stack in found.values()] == [("0", "1", "2"), ("3", "4"), ("5",)]
    with pytest.raises(DataError, match=r"6 images are too few for the split .*= 7"):
        parts("faces", size=16, counts={**counts, "test": 2}, folder=str(tmp_path), crop=16)


def test_lit_faces_are_parted_into_training_and_validation_alone() -> None:
    images = {"source": "lit-photos", "size": 48, "sets": ["photos-a"], "counts": {"validation": 20}}
    found, everything = parts(**images), lit_faces(**images)
    assert list(found) == ["training", "validation"]
    assert [len(stack) for stack in found.values()] == [len(everything) - 20, 20]
    assert sorted(found["training"].names + found["validation"].names) == sorted(everything.stack.names)
    with pytest.raises(DataError, match="144 images for validation leave none of 144"):
        parts(**{**images, "counts": {"validation": 144}})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"source": "photos"}, "unknown source of images 'photos'; known: faces, stl10, crops, yaleb, lit-photos"),
        ({"counts": {"training": 1}}, "counts must be given for training, validation, test, got training"),
        ({"test_sets": ["photos-a"]}, "photos-a: named for two of training, validation and test"),
        ({"validation_sets": ["photos-a"]}, "photos-a: named for two of training, validation and test"),
        ({"validation_sets": ["photos-b"]}, "photos-b: named for two of training, validation and test"),
        ({"stride": 16}, r"training squares overlap \(stride < size\); name validation_sets"),
        ({"stride": -1}, "stride of training squares must be a positive whole number, or 0 for the size, got -1"),
        ({"stride": 1.5}, "stride of training squares must be a positive whole number, or 0 for the size, got 1.5"),
        ({"stride": "8"}, "stride of training squares must be a positive whole number, or 0 for the size, got '8'"),
        ({"source": "stl10"}, "size must be 96, got 32"),
        ({"source": "lit-photos"}, "counts must be given for validation alone, got training, validation, test"),
    ],
)
def test_what_cannot_be_parted_is_refused_with_the_reason(options: dict[str, object], words: str) -> None:
    settings = {**CROPS, "counts": {"training": 2, "validation": 1, "test": 1}, **options}
    with pytest.raises(DataError, match=words):
        parts(**settings)


def test_an_unknown_source_of_lit_faces_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match="unknown source of faces 'celeba'; known: yaleb, lit-photos"):
        lit_faces("celeba", size=48)
