"""The folder that travels to a machine with a GPU beside the tree: faces as small JPEG files, AlexNet's weights."""

import io
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from benchmarks.device.training import stack_of
from replication.absent import AbsentError
from replication.datasets.faces import faces
from replication.datasets.stacks import Stack
from replication.errors import CommandError
from replication.features import weights
from replication.features.catalogue import weights_of
from replication.project import root

LIMIT = 64 * 2**20  # bytes that travel, the tree among them
WEIGHTS = ("alexnet", "lpips-alex-heads", "lpips-vgg-heads", "lpips-squeeze-heads", "dists-coefficients")
_QUALITY = 90  # of JPEG: 1.8 kB a face


class PackError(CommandError, ValueError):
    """The folder cannot be made; the message says why and what to do."""


def pack(folder: Path, source: Path | None = None) -> str:
    """Make `folder` and return a report: faces/ of 64-pixel JPEG files, and weights/ with what is available of WEIGHTS.

    source: a folder of faces; CelebA under the data root if not given. `folder` then serves as a data root.
    Raises PackError where it and the tree exceed 64 MiB, or the folder exists; nothing is then written.
    """
    if folder.exists():
        raise PackError(f"{folder} exists; name a new folder for the pack, or remove that one")
    contents = _faces(faces() if source is None else stack_of(source))
    count, missing = len(contents), []
    for name in WEIGHTS:
        try:
            contents[f"weights/{weights_of(name)[0].file}"] = weights.find(name).read_bytes()
        except AbsentError as error:
            missing.append(error.absent.name)
    packed, tree = sum(map(len, contents.values())), tree_bytes()
    sizes = f"the pack {packed / 2**20:.1f} MiB and the tree {tree / 2**20:.1f}, {(packed + tree) / 2**20:.1f} in all"
    if packed + tree > LIMIT:
        raise PackError(f"{sizes}, are more than {LIMIT // 2**20} MiB; give a folder of fewer faces with --faces")
    _write(folder, contents)
    lines = [f"{folder}: {count} faces and {len(contents) - count} files of weights; {sizes} (of {LIMIT // 2**20})."]
    lines += [f"Not available, so random where they are used: {', '.join(missing)}."] if missing else []
    return "\n".join([*lines, "Use it by: REPLICATION_DATA=PACK python -m benchmarks device --faces PACK/faces"])


def tree_bytes() -> int:
    """Bytes of the files that git tracks or would track in the project; of all its files outside a clone."""
    try:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=root(), capture_output=True, check=True).stdout
        paths = [root() / os.fsdecode(name) for name in listed.split(b"\0") if name]
    except (OSError, subprocess.CalledProcessError):
        paths = list(root().rglob("*"))
    return sum(path.lstat().st_size for path in paths if path.is_file())


def _faces(stack: Stack) -> dict[str, bytes]:
    files = {}
    for name, pixels in zip(stack.names, stack.pixels, strict=True):
        buffer = io.BytesIO()
        Image.fromarray(pixels.transpose(1, 2, 0)).save(buffer, "JPEG", quality=_QUALITY, optimize=True)
        files[f"faces/{name}.jpg"] = buffer.getvalue()
    return files


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    """Write all files, then give the folder its name: it is complete or absent."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, content in contents.items():
            (staging / name).parent.mkdir(exist_ok=True)
            (staging / name).write_bytes(content)
        staging.chmod(0o755)
        staging.rename(folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
