"""A project and a data root of a test's own, and image sets in miniature."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from layouts import FEW, build
from pictures import encoded, picture

from replication.datasets import manifests, place
from replication.datasets.catalogue import FOLDERS, RATED, live
from replication.datasets.iqa import fingerprints
from replication.datasets.iqa.listing import Row


@pytest.fixture(autouse=True)
def _no_real_data_is_replaced(tmp_path: Path) -> Iterator[None]:
    """Whatever a test gets wrong, no set outside its own folder is replaced. Not undone by a test's monkeypatch."""
    swap = place._swap

    def guarded(new: Path, destination: Path) -> None:
        assert tmp_path.resolve() in destination.resolve().parents, f"a test was about to replace {destination}"
        swap(new, destination)

    with pytest.MonkeyPatch.context() as own:
        own.setattr(place, "_swap", guarded)
        yield


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project in which the test runs; its data root is data/, which does not exist yet."""
    root = tmp_path / "project"
    (root / "conf").mkdir(parents=True)
    (root / "dvc.yaml").write_text("stages: {}\n")
    for name in ("paper", "sample"):
        (root / "conf" / f"{name}.yaml").write_text(f"# The profile {name}.\nprofile: {name}\nsteps: 3\n")
    (root / "params.yaml").write_text((root / "conf" / "sample.yaml").read_text())
    monkeypatch.chdir(root)
    monkeypatch.delenv("REPLICATION_DATA", raising=False)
    return root


@pytest.fixture
def miniature(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Makes a set of the catalogue with a few tiny images in its ordinary layout, and a manifest that says so.

    `miniature("set5", "baby.png", ...)` gives the folder under data/; with `at=` it is made there instead.
    """
    published = tmp_path / "manifests"
    published.mkdir()
    monkeypatch.setattr(manifests, "FOLDER", published)
    manifests.read.cache_clear()

    def make(name: str, *files: str, at: Path | None = None, size: tuple[int, int] = (9, 7)) -> Path:
        inside = project / "data" / FOLDERS[name].folder
        inside.mkdir(parents=True, exist_ok=True)
        for seed, file in enumerate(files):
            (inside / file).write_bytes(encoded(picture(seed, size=size), "JPEG" if file.endswith(".jpg") else "PNG"))
        manifests.write(name)
        manifests.read.cache_clear()
        if at is not None:
            at.parent.mkdir(parents=True, exist_ok=True)
            inside.rename(at)
        return at or inside

    yield make
    manifests.read.cache_clear()


@pytest.fixture
def few(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """`few("csiq")` builds a set of a few images under data/, and makes it what was published."""
    monkeypatch.setattr(fingerprints, "FOLDER", tmp_path / "fingerprints")
    monkeypatch.setattr(
        live, "FOLDERS", {"jp2k": ("JPEG 2000 compression", 4), "wn": ("white noise", 2), "gblur": ("Gaussian blur", 1)}
    )
    fingerprints.read.cache_clear()

    def make(name: str, rows: list[Row] | None = None) -> Path:
        rows = rows or FEW[name]
        references = len({row.reference for row in rows})
        monkeypatch.setitem(RATED, name, dataclasses.replace(RATED[name], images=len(rows), references=references))
        if RATED[name].precision:
            fingerprints.write(RATED[name], rows)
        folder = project / "data" / name
        folder.mkdir(parents=True)
        return build(name, rows, folder)

    yield make
    fingerprints.read.cache_clear()
