"""BAPPS in miniature."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from layouts import build_judged
from pictures import picture
from PIL import Image

from replication import datasets
from replication.datasets import DataError
from replication.datasets.catalogue import JUDGED


def shown(name: str) -> Image.Image:
    """The picture of cnn/p0/000001."""
    _, part, index = name.split("/")
    return picture(int(index) + len(part))


@pytest.fixture
def bapps(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """data/bapps with two comparisons in every subset."""
    for name, entry in JUDGED.items():
        few = dataclasses.replace(entry, counts=tuple((subset, 2) for subset, _ in entry.counts))
        monkeypatch.setitem(JUDGED, name, few)
        build_judged(few, project / "data" / "bapps", shown, lambda index: 0.2 + index / 2)
    return project / "data" / "bapps"


def test_triplets_and_their_fractions(bapps: Path) -> None:
    (bapps / "2afc" / "val" / "cnn" / "p0" / "Thumbs.db").write_bytes(b"stray")
    found = datasets.load_judgements("bapps-2afc")
    assert list(found.table.columns) == ["subset", "name", "reference", "p0", "p1", "fraction"]
    assert found.table["subset"].tolist() == [
        subset for subset in ("traditional", "cnn", "superres", "deblur", "color", "frameinterp") for _ in range(2)
    ]
    assert found.table["fraction"].tolist() == pytest.approx([0.2, 0.7] * 6)
    row = found.table.iloc[3]
    assert (row["reference"], row["p1"]) == ("cnn/ref/000001", "cnn/p1/000001")
    assert np.array_equal(found.images["cnn/ref/000001"].read(), np.asarray(picture(4)))
    assert np.array_equal(found.images["cnn/p1/000001"].read(), np.asarray(picture(3)))


def test_pairs_and_their_fractions(bapps: Path) -> None:
    found = datasets.load_judgements("bapps-jnd", folder=bapps)
    assert list(found.table.columns) == ["subset", "name", "p0", "p1", "fraction"]
    assert len(found) == 4


def test_published_counts() -> None:
    assert sum(count for _, count in JUDGED["bapps-2afc"].counts) == 36344  # the paper's 36.3k
    assert sum(count for _, count in JUDGED["bapps-jnd"].counts) == 9600


def test_what_is_wrong_is_said(bapps: Path) -> None:
    at = bapps / "jnd" / "val" / "cnn"
    (at / "same" / "000000.npy").unlink()  # which is one file with others
    np.save(at / "same" / "000000.npy", np.array([1.5]))
    with pytest.raises(DataError, match=r"000000\.npy holds no fraction"):
        datasets.load_judgements("bapps-jnd")
    (at / "same" / "000000.npy").write_bytes(b"\x93NUMPY cut")
    with pytest.raises(DataError, match=r"000000\.npy is damaged"):
        datasets.load_judgements("bapps-jnd")
    (at / "same" / "000000.npy").unlink()
    with pytest.raises(DataError, match="cnn/same has no file 000000"):
        datasets.load_judgements("bapps-jnd")
    for part in ("p0", "p1"):
        (at / part / "000000.png").unlink()
    with pytest.raises(DataError, match=r"cnn has 1 of 2 comparisons; .*Licence: BSD"):
        datasets.load_judgements("bapps-jnd")
    (at / "p1").rename(at / "p2")
    with pytest.raises(DataError, match="incomplete, without cnn/p1"):
        datasets.load_judgements("bapps-jnd")
    with pytest.raises(DataError, match=r"bapps-2afc is missing: there is no 2afc/val in "):
        datasets.load_judgements("bapps-2afc", folder=at)
    with pytest.raises(DataError, match="unknown judgements 'bapps'; known: bapps-2afc, bapps-jnd"):
        datasets.load_judgements("bapps")
