"""Which files the committed reports were computed from: data.dvc, and data.md5 that lists them one by one.

data.dvc is an ordinary DVC file: one output per set, by DVC's hash of a folder, outside DVC's cache (the files are
other people's and are not pushed anywhere). `dvc status data.dvc` compares it with data/. DVC allows no .dvc file as a
dependency of a stage and does not say which file of a folder differs, hence data.md5: the same content in md5sum's
format (`cd data && md5sum -c ../data.md5`), which stages depend on. Both are written together, and read only together.

Compared are images by name and content. Stray files, the case of names and where the data root is make no difference.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from replication.datasets import manifests
from replication.datasets.catalogue import FOLDERS
from replication.datasets.errors import DataError
from replication.datasets.sets import images
from replication.files import atomic_write_text
from replication.project import root

PAPER_SETS = ("set5", "set14", "t91", "bsds500-train", "bsds500-val", "bsds500-test")  # pinned unless told otherwise

_HEADER = """\
# The real data that the committed reports were computed from; data.md5 lists the same files one by one.
# Written by `python -m replication data pin`; compared by `data status` and by `dvc status data.dvc`.
"""


def folder_md5(files: Mapping[str, str]) -> str:
    """DVC's hash of a folder: the MD5 of the JSON list of its files, {"md5": ..., "relpath": ...}, sorted by path.

    files: path relative to the folder -> MD5 of the content. Gives 32 hexadecimal digits and ".dir".
    """
    listing = [{"md5": files[path], "relpath": path} for path in sorted(files)]
    return hashlib.md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def write(names: Iterable[str] = ()) -> list[str]:
    """Pin the given sets as they lie under the data root now, in data.dvc and data.md5; the other sets stay as pinned.

    Without names: the sets that are pinned already, or PAPER_SETS where nothing is. Gives the names that were pinned.
    A set that is missing or incomplete is a DataError, and nothing is written.
    """
    document = _document()
    outs = {out["path"]: out for out in document.get("outs", [])}
    chosen = list(names) or [name for name in FOLDERS if _path(name) in outs] or list(PAPER_SETS)
    if unknown := [name for name in chosen if name not in FOLDERS]:
        raise DataError(f"{unknown[0]!r} is no set of files under the data root; known: {', '.join(FOLDERS)}")
    pinned = _pinned(document, replaced=chosen)
    for name in chosen:
        images(name)  # complete, or an error that says what is missing
        paths = list(_images(name).values())
        pinned[name] = {path.name: manifests.md5(path) for path in paths}
        outs[_path(name)] = {
            "md5": folder_md5(pinned[name]),
            "size": sum(path.stat().st_size for path in paths),
            "nfiles": len(paths),
            "hash": "md5",
            "cache": False,
            "path": _path(name),
        }
    document["outs"] = list(outs.values())
    lines = [
        f"{md5}  {FOLDERS[name].folder}/{file}\n"
        for name, files in pinned.items()
        for file, md5 in sorted(files.items())
    ]
    atomic_write_text(_listing(), "".join(lines))
    atomic_write_text(_dvc_file(), _HEADER + yaml.safe_dump(document, sort_keys=False))
    return chosen


def read() -> dict[str, dict[str, str]]:
    """The pinned sets: name -> file -> MD5. Empty where there is no data.dvc."""
    return _pinned(_document())


def difference(name: str) -> str:
    """How set `name` under the data root differs from the pin, in words; empty where it is as pinned."""
    pinned = read()
    if name not in pinned:
        return "not pinned"
    expected = {Path(file).stem.lower(): (file, md5) for file, md5 in pinned[name].items()}
    found = _images(name)
    parts = (
        ("missing", [file for key, (file, _) in expected.items() if key not in found]),
        (
            "other content in",
            [file for key, (file, md5) in expected.items() if key in found and manifests.md5(found[key]) != md5],
        ),
        ("also", [path.name for key, path in found.items() if key not in expected]),
    )
    return "; ".join(f"{what} {manifests.enumerate_briefly(files)}" for what, files in parts if files)


def check(names: Iterable[str]) -> None:
    """Raise a DataError unless every one of these sets is as pinned; the message names the files.

    For stages that depend on data.md5: what they read must be what it says. Sets that are no files under the data root
    (the installed photos, a folder of one's own) have no pin and are passed over.
    """
    names = [name for name in names if name in FOLDERS]
    for name in names:
        images(name)  # a set that is missing has an error of its own, which says where to get it
    differences = {name: text for name in names if (text := difference(name))}
    if differences:
        adopt = " ".join(differences)
        wrong = ", ".join(f"{name} ({text})" for name, text in differences.items())
        raise DataError(
            f"the data is not what data.dvc pins: {wrong}. Put the pinned files in place, or adopt what is there "
            f"with `python -m replication data pin {adopt}`; what depends on it then runs again"
        )


def _path(name: str) -> str:
    return f"data/{FOLDERS[name].folder}"  # in the project, wherever the data root is here


def _dvc_file() -> Path:
    return root() / "data.dvc"


def _listing() -> Path:
    return root() / "data.md5"


def _images(name: str) -> dict[str, Path]:
    folder = manifests.locate(FOLDERS[name].folder)
    return manifests.list_images(folder) if folder else {}


def _document() -> dict[str, Any]:
    if not _dvc_file().is_file():
        return {}
    try:
        document = yaml.safe_load(_dvc_file().read_text(encoding="utf-8"))
        return {**document, "outs": [dict(out) for out in document["outs"]]}
    except (yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        raise DataError(f"{_dvc_file()} is not a DVC file with outs ({' '.join(str(error).split())})") from error


def _pinned(document: Mapping[str, Any], replaced: Iterable[str] = ()) -> dict[str, dict[str, str]]:
    """The sets of data.dvc with their files from data.md5, which must be of one mind, save about those `replaced`."""
    outs = {out["path"]: out.get("md5") for out in document.get("outs", [])}
    files: dict[str, dict[str, str]] = {}
    if _listing().is_file():
        for line in _listing().read_text(encoding="utf-8").splitlines():
            md5, _, path = line.partition("  ")
            files.setdefault(str(PurePosixPath(path).parent), {})[PurePosixPath(path).name] = md5
    pinned = {name: files.get(entry.folder, {}) for name, entry in FOLDERS.items() if _path(name) in outs}
    for name, listed in pinned.items():
        if name not in replaced and folder_md5(listed) != outs[_path(name)]:
            raise DataError(
                f"data.dvc and data.md5 disagree about {name}; take both from git, or write both with "
                f"`python -m replication data pin {name}`"
            )
    return pinned
