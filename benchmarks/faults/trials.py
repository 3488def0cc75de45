"""Trials with damaged content, kind by kind. A trial returns "" or, in words, what went wrong."""

import bz2
import csv
import gzip
import hashlib
import io
import logging
import lzma
import math
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
from PIL import Image

from benchmarks.faults.mutations import damage, misspell
from replication import datasets, project
from replication.datasets import DataError, ImageError, manifests, place
from replication.datasets.catalogue import FOLDERS
from replication.datasets.sets import ImageFile

if TYPE_CHECKING:
    import torch

Trial = Callable[[Random], str]
Kind = Callable[[Path], Trial]
"""Prepares what the trials of a kind need in an empty folder, and returns the trial."""


def images(folder: Path) -> Trial:
    """Damaged images of every format are read as their stored pixels or refused; a PNG is never read as another."""
    originals = dict(_images())
    pixels = {}
    for name, content in originals.items():
        (folder / name).write_bytes(content)
        pixels[name] = ImageFile(folder / name).read()

    def trial(random: Random) -> str:
        name = random.choice(sorted(originals))
        content = damage(originals[name], random)
        (folder / "damaged").write_bytes(content)
        try:
            found, digest = ImageFile(folder / "damaged").read_hashed()
        except ImageError as error:
            return "" if error.digest == _md5(content) else f"{name}: refused under another hash"
        if digest != _md5(content):
            return f"{name}: read under another hash"
        if found.dtype != np.uint8 or found.ndim != 3 or found.shape[2] != 3:
            return f"{name}: read as {found.dtype} {found.shape}"
        if name.endswith(".png") and content.startswith(b"\x89PNG") and not np.array_equal(found, pixels[name]):
            return f"{name}: read with other pixels than it was saved with"
        return ""

    return trial


def tables(folder: Path) -> Trial:
    """Damaged tables of opinions are refused, or read as finite opinions about images that exist."""
    for seed, name in enumerate(("r.png", "a.png", "b.png", "größer.png")):
        photo(seed).save(folder / name)
    text = "reference,distorted,opinion,distortion,level\n" + "".join(
        f"r.png,{name},{opinion},noise,{level}\n"
        for level, (name, opinion) in enumerate((("a.png", 3.75), ("b.png", 4), ("größer.png", -1e-3)), 1)
    )
    path = folder / "table.csv"

    def trial(random: Random) -> str:
        encoding = random.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "utf-16-le"))
        content = misspell(text, random).encode(encoding, errors="replace")
        path.write_bytes(damage(content, random) if random.random() < 0.3 else content)
        try:
            found = datasets.load(path, kind="MOS", higher_is_better=True)
        except DataError as error:
            return _not_a_sentence(error)
        if not all(math.isfinite(opinion) for opinion in found.table["opinion"]):
            return "opinions that are not finite"
        return "" if all(os.path.isfile(folder / name) for name in found.images) else "images that do not exist"

    return trial


def parameters(folder: Path) -> Trial:
    """Damaged params.yaml are refused, or read as parameters of the profile with their types."""
    (folder / "conf").mkdir()
    (folder / "dvc.yaml").write_text("stages: {}\n")
    text = "profile: sample\nrate: 0.1\nsteps: 3\nfast: true\nmetrics: [psnr, ssim]\ngroup: {seed: 1, limit: null}\n"
    (folder / "conf" / "base.yaml").write_text(text)
    (folder / "conf" / "sample.yaml").write_text("profile: sample\n")
    os.chdir(folder)

    def trial(random: Random) -> str:
        content = misspell(text, random).encode(errors="replace")
        (folder / "params.yaml").write_bytes(damage(content, random) if random.random() < 0.3 else content)
        try:
            found = project.settings()
        except project.SettingsError as error:
            return _not_a_sentence(error)
        if set(found) != {"profile", "rate", "steps", "fast", "metrics", "group"}:
            return f"read with the names {sorted(map(str, found))}"
        return "" if isinstance(found["rate"], float | int) and isinstance(found["metrics"], list) else "other types"

    return trial


def archives(folder: Path) -> Trial:
    """Damaged archives are refused and leave nothing, or give a set whose files are those that were packed."""
    packed = folder / "packed"
    files = miniature_set(packed)
    contents = {_md5(path.read_bytes()) for path in files}
    originals = {name: pack(files, folder / name).read_bytes() for name in ARCHIVES}
    data = folder / "data"
    data.mkdir()
    (data / "mine.txt").write_text("mine")

    def trial(random: Random) -> str:
        name = random.choice(ARCHIVES)
        (folder / name).write_bytes(damage(originals[name], random))
        with miniature_root(packed, data):
            try:
                state = place.add(FOLDERS["set5"], folder / name)
            except DataError as error:
                left = sorted(path.name for path in data.iterdir())
                return _not_a_sentence(error) or ("" if left == ["mine.txt"] else f"{name}: left {left}")
        found = {_md5(path.read_bytes()) for path in (data / "set5").iterdir()}
        left = sorted(path.name for path in data.iterdir())
        shutil.rmtree(data / "set5")
        if left != ["mine.txt", "set5"]:
            return f"{name}: left {left}"
        if found == contents or (state.word == "different" and name == "set.tar"):  # tar has no checksums of content
            return ""
        return f"{name}: put other content in place, and said it was {state}" if not found <= contents else ""

    return trial


def weights(folder: Path) -> Trial:
    """Damaged files of weights are refused, or read as finite tensors; nothing in them is run."""
    import safetensors.torch
    import torch

    from replication.features import weights as reading

    tensors = {f"layer{i}.weight": torch.randn(4, 3, generator=torch.Generator().manual_seed(i)) for i in range(3)}
    safetensors.torch.save_file(tensors, folder / "good.safetensors")
    torch.save(tensors, folder / "good.pth")
    torch.save({"a": torch.full((3,), math.nan)}, folder / "nan.pth")
    (folder / "code.pth").write_bytes(runs_code(folder / "code was run"))
    originals = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    def trial(random: Random) -> str:
        name = random.choice(sorted(originals))
        path = folder / f"damaged{Path(name).suffix}"
        path.write_bytes(damage(originals[name], random) if random.random() < 0.9 else originals[name])
        try:
            found = reading.read(path)
        except DataError as error:
            return _not_a_sentence(error)
        finally:
            if (folder / "code was run").exists():
                (folder / "code was run").unlink()
                return "code in the file was run"  # noqa: B012 - worse than any error
        if not all(isinstance(value, torch.Tensor) for value in found.values()):
            return f"{name}: read as something else than tensors"
        finite = all(bool(value.isfinite().all()) for value in found.values() if value.is_floating_point())
        return "" if finite else f"{name}: read with numbers that are not finite"

    return trial


def checkpoints(folder: Path) -> Trial:
    """Training that finds a damaged checkpoint ends at the same weights as without, or says why it cannot go on."""
    import torch

    from replication.training.fit import TrainingError

    logging.disable(logging.WARNING)  # that a checkpoint is refused
    expected = train(folder / "whole")
    originals = {path.name: path.read_bytes() for path in (folder / "whole").iterdir()}

    def trial(random: Random) -> str:
        shutil.rmtree(folder / "damaged", ignore_errors=True)
        (folder / "damaged").mkdir()
        (folder / "damaged" / "mine.txt").write_text("mine")
        for name, content in originals.items():
            fault = random.choice(("damage", "damage", "code", "none", "lost"))
            content = damage(content, random) if fault == "damage" else content
            content = runs_code(folder / "code was run") if fault == "code" else content
            if fault != "lost":
                (folder / "damaged" / name).write_bytes(content)
        try:
            found = train(folder / "damaged")
        except TrainingError as error:
            return _not_a_sentence(error)
        finally:
            if (folder / "code was run").exists():
                (folder / "code was run").unlink()
                return "code in a checkpoint was run"  # noqa: B012 - worse than any error
        if not (folder / "damaged" / "mine.txt").is_file():
            return "a file of the user's was removed"
        same = all(torch.equal(found[name], value) for name, value in expected.items())
        return "" if same else "training ended at other weights"

    return trial


KINDS: dict[str, Kind] = {
    "images": images,
    "tables": tables,
    "parameters": parameters,
    "archives": archives,
    "weights": weights,
    "checkpoints": checkpoints,
}


ARCHIVES = ("set.zip", "set.tar", "set.tgz", "set.tar.bz2", "set.tar.xz")


def miniature_set(folder: Path, size: tuple[int, int] = (24, 16)) -> list[Path]:
    """Three images in `folder`, and manifests in `folder`/manifests by which they are Set5."""
    (folder / "manifests").mkdir(parents=True)
    files = [folder / name for name in ("baby.png", "bird.png", "woman.png")]
    for seed, path in enumerate(files):
        photo(seed, size).save(path)
    with open(folder / "manifests" / "set5.csv", "w", newline="") as file:
        rows = [(path.name, path.stat().st_size, _md5(path.read_bytes())) for path in files]
        csv.writer(file).writerows([("file", "size", "md5"), *rows])
    return files


@contextmanager
def miniature_root(packed: Path, data: Path) -> Iterator[None]:
    """The miniature set is Set5, and `data` the data root."""
    manifests.read.cache_clear()
    with (
        mock.patch.object(manifests, "FOLDER", packed / "manifests"),
        mock.patch.dict(os.environ, {"REPLICATION_DATA": str(data)}),
    ):
        yield
    manifests.read.cache_clear()


def pack(files: list[Path], archive: Path) -> Path:
    """Pack files into an archive in a folder named Set5; its kind is that of its name."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in files:
                packed.write(path, f"Set5/{path.name}")
    else:
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as tar:
            for path in files:
                tar.add(path, f"Set5/{path.name}")
        content = plain.getvalue()
        for suffix, module in ((".tgz", gzip), (".bz2", bz2), (".xz", lzma)):
            content = module.compress(content) if archive.suffix == suffix else content
        archive.write_bytes(content)
    return archive


def runs_code(marker: Path) -> bytes:
    """A pickle that makes the file `marker` when it is unpickled."""
    import pickle

    class Runs:
        def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
            return Path.touch, (marker,)

    return pickle.dumps(Runs())


def train(checkpoint_folder: Path, steps: int = 6) -> "dict[str, torch.Tensor]":
    """Weights of an SRCNN after a very short training with checkpoints in the folder."""
    from replication.training import super_resolution
    from replication.training.fit import Compute

    recipe = super_resolution.Recipe(
        loss="mse",
        loss_options={},
        learning_rate=1e-3,
        steps=steps,
        round_steps=2,
        warmup=1,
        batch=2,
        patch=12,
        scale=2,
        seed=0,
    )
    grey = {str(seed): np.asarray(photo(seed, (32, 32)).convert("L")) for seed in range(2)}
    pairs = {name: (image[::-1].copy(), image) for name, image in grey.items()}
    compute = Compute(accelerator="cpu", threads=1)
    trained = super_resolution.train(
        recipe, pairs, pairs, checkpoints=checkpoint_folder, compute=compute, label="faults"
    )
    return {name: value.contiguous() for name, value in trained.network.state_dict().items()}


def photo(seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A smooth picture with some noise, as photos are."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: size[1], : size[0]]
    waves = np.stack([np.sin((x * random.uniform(0.02, 0.2)) + y * random.uniform(0.02, 0.2)) for _ in range(3)], -1)
    return Image.fromarray(np.clip(128 + 80 * waves + random.normal(0, 8, waves.shape), 0, 255).astype(np.uint8))


def _images() -> Iterator[tuple[str, bytes]]:
    """(name, content) of a picture in every format, and in the kinds of each."""
    picture = photo(0)
    for name, image, form, options in (
        ("colour.png", picture, "PNG", {}),
        ("grey.png", picture.convert("L"), "PNG", {}),
        ("palette.png", picture.quantize(32), "PNG", {}),
        ("bilevel.png", picture.convert("1"), "PNG", {}),
        ("alpha.png", picture.convert("RGBA"), "PNG", {}),
        ("colour.jpg", picture, "JPEG", {"quality": 90}),
        ("progressive.jpg", picture, "JPEG", {"progressive": True}),
        ("grey.jpg", picture.convert("L"), "JPEG", {}),
        ("colour.bmp", picture, "BMP", {}),
        ("palette.bmp", picture.quantize(32), "BMP", {}),
        ("raw.tif", picture, "TIFF", {}),
        ("lzw.tif", picture, "TIFF", {"compression": "tiff_lzw"}),
        ("deflate.tif", picture, "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("jpeg.tif", picture, "TIFF", {"compression": "jpeg"}),
        ("fax.tif", picture.convert("1"), "TIFF", {"compression": "group4"}),
        ("colour.ppm", picture, "PPM", {}),
        ("grey.pgm", picture.convert("L"), "PPM", {}),
        ("bilevel.pbm", picture.convert("1"), "PPM", {}),
    ):
        file = io.BytesIO()
        image.save(file, form, **options)
        yield name, file.getvalue()


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _not_a_sentence(error: Exception) -> str:
    """Return "" if the message is written for people, else what is wrong with it."""
    text = str(error)
    return "" if text and "Traceback" not in text else f"the message is {text!r}"
