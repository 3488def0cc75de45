"""Files of weights: found by name, checked against the hash in their name, read without running anything in them."""

import functools
import hashlib
import importlib.util
import pickle
import re
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from replication.datasets.catalogue import WEIGHTS
from replication.datasets.errors import DataError
from replication.project import data_root

_TORCHVISION = "https://download.pytorch.org/models/"
_HASHED = re.compile(r"-([0-9a-f]{8,})\.pth$")  # torchvision's names carry the start of the file's SHA-256


def find(file: str, *also: str, download: bool = False) -> Path:
    """Where a file of weights is: under the data root's weights/, else in torchvision's cache.

    file, also: its name, and names under which the same weights are known; in each folder the first that exists.
    download: fetch it into torchvision's cache if it is nowhere and one of the names is torchvision's own.
    Raises DataError if it is nowhere, saying where to get it and where to put it, or if its SHA-256 is not the one that
    its name promises.
    """
    names = (file, *also)
    for folder in _folders():
        for name in names:
            if (folder / name).is_file():
                return _checked(folder / name)
    published = next((name for name in names if _HASHED.search(name)), None)
    if download and published is not None:
        return _download(published)
    raise DataError(_missing(names, published))


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a .pth file that holds nothing else, on the CPU.

    Raises DataError for a file that is absent or cannot be read so; code in a .pth file is never run.
    """
    if not path.is_file():
        raise DataError(f"no file of weights at {path}")
    try:
        if path.suffix == ".safetensors":
            tensors = safetensors.torch.load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{path} cannot be read as weights ({reason}); get the file again") from error
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise DataError(f"{path} holds something else than a plain dictionary of tensors; save a state dict instead")
    return dict(tensors)


def bundled(path: str) -> Path:
    """A file that comes inside the installed torchmetrics, by its path there. Raises DataError if it is not there."""
    spec = importlib.util.find_spec("torchmetrics")
    if spec is None or spec.origin is None:
        raise DataError(f"{path} comes with the package torchmetrics, which is not installed; pip install torchmetrics")
    found = Path(spec.origin).parent / path
    if not found.is_file():
        raise DataError(f"this version of torchmetrics does not bring {path}; install torchmetrics 1.9")
    return found


def describe(path: Path) -> str:
    """A file of weights in words, the same wherever it lies: its name and the start of its SHA-256."""
    return f"{path.name}, SHA-256 {_sha256(path)[:8]}"


def _folders() -> list[Path]:
    folders = [Path(torch.hub.get_dir()) / "checkpoints"]
    own = _own_folder()
    return folders if own is None else [own, *folders]


def _own_folder() -> Path | None:
    try:
        return data_root() / "weights"
    except FileNotFoundError:  # the package is used outside its project, and REPLICATION_DATA is not set
        return None


def _missing(names: tuple[str, ...], published: str | None) -> str:
    known = next((entry for name in (published, *names) for entry in WEIGHTS if entry.file == name), None)
    what = f" ({known.network})" if known else ""
    source = f"{_TORCHVISION}{published}" if published else "its authors"
    folder = _own_folder() or "weights/ in the folder that REPLICATION_DATA names"
    return (
        f"the weights {' or '.join(names)}{what} are not here; put the file into {folder}; "
        f"to be had from: {known.source if known else source}{' (or pass download=True)' if published else ''}"
    )


def _checked(path: Path) -> Path:
    named = _HASHED.search(path.name)
    if named is not None and not _sha256(path).startswith(named[1]):
        raise DataError(
            f"{path} is damaged: its SHA-256 starts with {_sha256(path)[:8]}, not {named[1]} as its name says; "
            "remove it and get it again"
        )
    return path


def _download(name: str) -> Path:
    """Fetch one of torchvision's files into its cache; a partial download is never left under the file's name."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    named = _HASHED.search(name)
    assert named is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(f"{_TORCHVISION}{name}", str(path), hash_prefix=named[1])
    except (OSError, RuntimeError) as error:
        raise DataError(f"{_TORCHVISION}{name} could not be downloaded: {error}") from error
    return path


def _sha256(path: Path) -> str:
    state = path.stat()
    return _sha256_of(path, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _sha256_of(path: Path, size: int, modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
