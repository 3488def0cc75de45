"""Weights are found in one order, checked, and never run."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from replication.datasets.errors import DataError
from replication.features import weights


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data root's weights/, empty; torch's cache is empty too."""
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "data" / "weights").mkdir(parents=True)
    (tmp_path / "torch" / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "data" / "weights"


@pytest.fixture
def cache(own: Path) -> Path:
    return own.parents[1] / "torch" / "hub" / "checkpoints"


def hashed(folder: Path, content: bytes, stem: str = "net") -> Path:
    path = folder / f"{stem}-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    path.write_bytes(content)
    return path


def test_the_data_root_comes_before_torchs_cache_and_names_in_the_order_given(own: Path, cache: Path) -> None:
    in_cache = hashed(cache, b"downloaded")
    assert weights.find("net.safetensors", in_cache.name) == in_cache
    (own / in_cache.name).write_bytes(b"downloaded")
    assert weights.find("net.safetensors", in_cache.name) == own / in_cache.name
    (own / "net.safetensors").touch()
    assert weights.find("net.safetensors", in_cache.name) == own / "net.safetensors"


def test_absent_weights_are_named_with_where_to_get_and_where_to_put_them(own: Path) -> None:
    with pytest.raises(DataError) as caught:
        weights.find("vgg16-397923af.pth")
    for part in ("vgg16-397923af.pth", "VGG16", "https://download.pytorch.org/models/", str(own), "download=True"):
        assert part in str(caught.value)
    with pytest.raises(DataError) as caught:
        weights.find("mine.safetensors")
    assert "download" not in str(caught.value)


def test_a_file_whose_hash_is_not_that_of_its_name_is_refused(own: Path) -> None:
    path = hashed(own, b"weights")
    assert weights.find(path.name) == path
    path.write_bytes(b"weighty")
    with pytest.raises(DataError, match="is damaged: its SHA-256 starts with [0-9a-f]{8}, not [0-9a-f]{8}"):
        weights.find(path.name)


def test_nothing_is_downloaded_unless_asked(own: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"published"
    name = hashed(own, content).name
    (own / name).unlink()
    asked = []

    def download(url: str, to: str, hash_prefix: str) -> None:
        asked.append((url, hash_prefix))
        Path(to).write_bytes(content)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(DataError):
        weights.find(name)
    assert asked == []
    assert weights.find("other.safetensors", name, download=True) == cache / name
    assert asked == [(f"https://download.pytorch.org/models/{name}", name[4:12])]


def test_a_failed_download_says_what_failed(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(url: str, to: str, hash_prefix: str) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(DataError, match="net-00000000.pth could not be downloaded: no route to host"):
        weights.find("net-00000000.pth", download=True)


def test_outside_the_project_torchs_cache_alone_is_searched(
    own: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REPLICATION_DATA")
    monkeypatch.chdir(tmp_path)
    path = hashed(cache, b"weights")
    assert weights.find(path.name) == path
    with pytest.raises(DataError, match="REPLICATION_DATA"):
        weights.find("absent.safetensors")


def test_tensors_are_read_from_both_kinds_of_file(tmp_path: Path) -> None:
    tensors = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3)}
    save_file(tensors, tmp_path / "x.safetensors")
    torch.save(tensors, tmp_path / "x.pth")
    torch.save(tensors, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    for name in ("x.safetensors", "x.pth", "old.pth"):
        read = weights.read(tmp_path / name)
        assert set(read) == set(tensors)
        assert all(torch.equal(read[key], tensors[key]) for key in tensors)


class _Runs:
    """What a pickle of it would do when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"weight": _Runs(tmp_path / "was here")}, tmp_path / "evil.pth")
    with pytest.raises(DataError, match="cannot be read as weights"):
        weights.read(tmp_path / "evil.pth")
    assert not (tmp_path / "was here").exists()


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"PK\x03\x04 half an archive"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name} cannot be read as weights"):
        weights.read(tmp_path / name)
    with pytest.raises(DataError, match="no file of weights"):
        weights.read(tmp_path / "absent.pth")


def test_a_file_with_other_things_than_tensors_is_refused(tmp_path: Path) -> None:
    for content in ([torch.zeros(1)], {"epoch": 3, "weight": torch.zeros(1)}):
        torch.save(content, tmp_path / "x.pth")
        with pytest.raises(DataError, match="something else than a plain dictionary of tensors"):
            weights.read(tmp_path / "x.pth")


def test_a_description_names_the_content_and_not_the_place(tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(b"weights")
    expected = f"net.safetensors, SHA-256 {hashlib.sha256(b'weights').hexdigest()[:8]}"
    assert weights.describe(tmp_path / "net.safetensors") == expected


@pytest.mark.parametrize(
    ("bundled", "authors"),
    [(f"lpips_models/{net}.pth", f"lpips_v0.1_{net}.pth") for net in ("alex", "vgg", "squeeze")]
    + [("dists_models/weights.pt", "dists.pt")],
)
def test_the_trained_heads_in_torchmetrics_are_the_authors_files(
    real_data: Callable[[str], Path], bundled: str, authors: str
) -> None:
    published = real_data(f"weights/{authors}").read_bytes()
    assert weights.bundled(f"functional/image/{bundled}").read_bytes() == published


def test_a_head_that_torchmetrics_does_not_bring_is_named() -> None:
    with pytest.raises(DataError, match="does not bring functional/image/absent.pth"):
        weights.bundled("functional/image/absent.pth")
