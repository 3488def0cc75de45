"""Every data set of the catalogue: complete, found by being there, and read from its layout."""

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from layouts import FEW
from pictures import encoded, picture

from replication import datasets
from replication.absent import AbsentError
from replication.datasets import catalogue, manifests, photos, sets
from replication.datasets.catalogue import FOLDERS, RATED, _found, known
from replication.datasets.entries import Entry, OfficialFolder
from replication.datasets.iqa import fingerprints
from replication.datasets.official import read_official

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = pytest.mark.parametrize("entry", known().values(), ids=list(known()))


@ENTRIES
def test_an_entry_is_complete(entry: Entry) -> None:
    for text in (entry.name, entry.title, entry.folder, entry.source, entry.licence, *entry.remarks):
        assert text.strip() == text != ""
    assert entry.name == entry.name.lower().replace("_", "-")
    assert not Path(entry.folder).is_absolute()
    assert entry.download is None or entry.download.startswith("http")
    if isinstance(entry, OfficialFolder):
        assert entry.marker


@pytest.mark.parametrize("name", RATED)
def test_a_set_with_opinions_can_be_checked(name: str) -> None:
    entry = RATED[name]
    assert entry.opinion.low < entry.opinion.high
    assert 0 < entry.references < entry.images
    if entry.part_of:
        whole = RATED[entry.part_of]
        assert entry.opinion == whole.opinion
        assert entry.images < whole.images
        assert len(entry.names_sha256 or "") == 64
    elif entry.precision:
        known_rows = sum(map(len, fingerprints.read(name).values()))
        # Two rows of a reference may share a 24-bit fingerprint, and LIVE-MD lists 45 rows in both of its parts.
        assert entry.images - 50 <= known_rows <= entry.images
        assert len(fingerprints.read(name)) == entry.references


@ENTRIES
def test_a_missing_set_says_what_it_lacks_as_a_value(project: Path, entry: Entry) -> None:
    (project / "data").mkdir()
    with pytest.raises(AbsentError) as caught:
        _load(entry)
    assert isinstance(caught.value, datasets.DataError)
    absent = caught.value.absent
    assert (absent.kind, absent.name, absent.reason) == ("data set", entry.title, "not available")
    for words in (entry.licence, entry.build or entry.source, str(project / "data")):
        assert words in absent.how_to_get
        assert words in str(caught.value)


def _load(entry: Entry) -> object:
    if isinstance(entry, OfficialFolder):
        return read_official(entry)
    return datasets.images(entry.name)


@pytest.mark.parametrize("name", FOLDERS)
def test_an_image_set_is_read_from_its_folder(miniature: Callable[..., Path], name: str) -> None:
    miniature(name, "b.png", "a.jpg")
    found = datasets.images(name)
    assert found.names == ["a", "b"]
    assert (found.title, found.source, found.licence) == (
        FOLDERS[name].title,
        FOLDERS[name].source,
        FOLDERS[name].licence,
    )


def test_layouts_that_are_tested_are_those_of_whole_sets() -> None:
    assert set(FEW) <= {name for name, entry in RATED.items() if not entry.part_of}


@ENTRIES
def test_the_module_of_a_set_is_named_relative_to_the_project(entry: Entry) -> None:
    module = sets.module_of(entry.name)
    assert (ROOT / module).is_file()
    assert entry.name in [one.name for one in importlib.import_module(".".join(module.with_suffix("").parts)).SETS]


def test_photos_come_from_the_module_that_makes_them() -> None:
    for name in photos.PHOTOS:
        assert sets.module_of(name).as_posix() == "replication/datasets/photos.py"
    assert sets.module_of("photos-distorted").as_posix() == "replication/datasets/distort.py"
    with pytest.raises(datasets.DataError, match="unknown set 'sett5'"):
        sets.module_of("sett5")


NEW = '''\
"""Two new sets."""

from replication.datasets.entries import ImageFolder, Opinion, Rated
from replication.datasets.iqa.listing import Row, number, text


def read(tree):
    rows = []
    for line in text(tree.need("scores.txt")).splitlines():
        name, score = line.split()
        rows.append(Row("r.png", name, number(score, "scores.txt"), "blur", None, ("r.png",), (name,)))
    return rows


SETS = [
    ImageFolder(name="new-images", title="New", folder="new/images", source="a host", licence="free"),
    Rated(
        name="new-scores",
        title="New scores",
        folder="new/scores",
        marker="scores.txt",
        source="a host",
        licence="free",
        opinion=Opinion("MOS", 0, 5, higher_is_better=True),
        read=read,
        images=2,
        references=1,
    ),
]
'''

USE = """\
from replication import datasets
from replication.cli import main
from replication.datasets import pin
assert main(["data", "add", "new-images", "downloaded"]) == 0
assert datasets.images("new-images").names == ["a", "b"]
assert datasets.load("new-scores").table["opinion"].tolist() == [1.5, 4.5]
assert main(["data", "pin", "new-images", "new-scores"]) == 0
pin.check(["new-images", "new-scores"])
assert str(pin.path_of("new-images")) == "pins/new-images.md5"
assert main(["data", "status", "--csv"]) == 0
"""


def test_one_new_file_makes_a_set_that_everything_knows(project: Path, tmp_path: Path) -> None:
    """A set of images without a manifest and a set with opinions in a layout of its own, from one file."""
    package = tmp_path / "copy" / "replication"
    shutil.copytree(ROOT / "replication", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "datasets" / "catalogue" / "new_sets.py").write_text(NEW)
    for name in ("downloaded/a.png", "downloaded/b.png", "data/new/scores/r.png", "data/new/scores/x.png"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_bytes(encoded(picture(len(name))))
    (project / "data" / "new" / "scores" / "y.png").write_bytes(encoded(picture(3)))
    (project / "data" / "new" / "scores" / "scores.txt").write_text("x.png 1.5\ny.png 4.5\n")
    environment = {key: value for key, value in os.environ.items() if key != "REPLICATION_DATA"}
    done = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=project,
        env=environment | {"PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "new-images: present (2 files)\n" in done.stdout
    assert "new-images,present (2 files),as pinned,free,a host\n" in done.stdout
    assert "new-scores,complete (2 images),as pinned,free,a host\n" in done.stdout


def test_a_module_without_sets_and_a_name_used_twice_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "__path__", [*catalogue.__path__, str(tmp_path)])
    (tmp_path / "zz_empty.py").write_text("")
    with pytest.raises(ValueError, match=r"zz_empty\.py defines no data set; it needs a list SETS"):
        _found.discover(tmp_path)
    (tmp_path / "zz_empty.py").unlink()
    for name in ("zz_one", "zz_two"):
        (tmp_path / f"{name}.py").write_text("from replication.datasets.catalogue.set5 import SETS\n")
    with pytest.raises(ValueError, match=r"zz_two\.py and .*zz_one\.py both define the data set 'set5'"):
        _found.discover(tmp_path)


def test_an_image_set_without_a_manifest_is_whatever_its_folder_holds(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "FOLDER", tmp_path)
    manifests.read.cache_clear()
    (project / "data" / "kodak").mkdir(parents=True)
    (project / "data" / "kodak" / "mine.png").write_bytes(encoded(picture(0)))
    assert datasets.images("kodak").names == ["mine"]
    assert str(manifests.compare("kodak", project / "data" / "kodak")) == "present (1 files)"
    manifests.read.cache_clear()
