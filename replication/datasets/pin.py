"""The files that the committed reports were computed from: data.dvc, and a list for each set, pins/<name>.md5.

data.dvc is an ordinary DVC file: one output per set, by DVC's hash of a folder, outside DVC's cache (the files are
other people's and are not pushed anywhere). `dvc status data.dvc` compares it with data/. DVC allows no .dvc file as a
dependency of a stage, hence the lists: a stage depends on the lists of the sets it reads, so that pinning one more set
makes no other stage stale. Each is written together with data.dvc, and read only together.

The list of an image set has its files one by one in md5sum's format (`cd data && md5sum -c ../pins/set5.md5`).
Images are compared by name and content. Stray files, the case of names and where the data root is make no difference.

Sets with opinions, comparisons of patches, tables and training images have thousands of files, and it is their official
folder, unmodified, that counts: the list has DVC's hash of the folder in one line ("<hash>.dir  tid2013/"). Every file
counts, except files that operating systems create, and files of tables that the catalogue does not name.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from replication.datasets import availability, manifests
from replication.datasets.catalogue import FOLDERS, known
from replication.datasets.entries import OfficialFolder, Tables
from replication.datasets.errors import DataError
from replication.datasets.iqa.listing import is_stray
from replication.datasets.official import read_official
from replication.datasets.sets import images
from replication.files import atomic_write_text
from replication.project import root

_HEADER = """\
# The real data that the committed reports were computed from; pins/ has a list for each set.
# Written by `python -m replication data pin`; compared by `data status` and by `dvc status data.dvc`.
"""


@dataclass(frozen=True)
class Pin:
    """The pin of a set: DVC's hash of its folder; of an image set also the MD5 of each file, by name."""

    md5: str
    files: Mapping[str, str] = field(default_factory=dict)


def folder_md5(files: Mapping[str, str]) -> str:
    """DVC's hash of a folder: the MD5 of the JSON list of its files, {"md5": ..., "relpath": ...}, sorted by path.

    files: path relative to the folder -> MD5 of the content. Returns 32 hexadecimal digits and ".dir".
    """
    listing = [{"md5": files[path], "relpath": path} for path in sorted(files)]
    return hashlib.md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def path_of(name: str) -> Path | None:
    """The list of set `name`, relative to the project (pins/set5.md5), on which stages that read the set depend.

    None for a set that is not pinned, or made by this package, such as the installed photos.
    """
    return _relative(name) if name in known() and (root() / _relative(name)).is_file() else None


def write(names: Iterable[str] = ()) -> list[str]:
    """Pin the given sets with their present files, in data.dvc and their lists; other sets stay as pinned.

    Without names: the sets that are pinned already. Returns the names of the sets that were pinned.
    A set that is missing or incomplete is a DataError, and nothing is written.
    """
    document = _document()
    outs = {out["path"]: out for out in document.get("outs", [])}
    chosen = list(names) or [name for name in known() if _path(name) in outs]
    if not chosen:
        raise DataError("no set is pinned yet; name those to pin, as in `python -m replication data pin set5 set14`")
    if unknown := [name for name in chosen if name not in known()]:
        raise DataError(f"{unknown[0]!r} is no set of files under the data root; known: {', '.join(known())}")
    lists = {}
    for name in chosen:
        entry = known()[name]
        if isinstance(entry, OfficialFolder):
            read_official(entry)  # raises unless it is complete and as published
        else:
            images(name)  # raises unless it is complete
        files = _files(name)
        hashes = {inside: manifests.md5(path) for inside, path in files.items()}
        outs[_path(name)] = _out(name, folder_md5(hashes), files.values())
        listed = hashes if name in FOLDERS else {"": folder_md5(hashes)}
        lists[name] = "".join(f"{md5}  {entry.folder}/{inside}\n" for inside, md5 in sorted(listed.items()))
    document["outs"] = list(outs.values())
    for name, text in lists.items():
        (root() / _relative(name)).parent.mkdir(exist_ok=True)
        atomic_write_text(root() / _relative(name), text)
    atomic_write_text(_dvc_file(), _HEADER + yaml.safe_dump(document, sort_keys=False))
    return chosen


def read() -> dict[str, Pin]:
    """Every pinned set by name. Empty where there is no data.dvc. A DataError where data.dvc and a list disagree."""
    hashes = _hashes()
    return {name: _pin(name, hashes[_path(name)]) for name in known() if _path(name) in hashes}


def difference(name: str) -> str:
    """Differences of set `name` under the data root from its pin, in words; empty where it is as pinned."""
    hashes = _hashes()
    if _path(name) not in hashes:
        return "not pinned"
    pinned, found = _pin(name, hashes[_path(name)]), _files(name)
    return _difference_by_image(pinned, found) if name in FOLDERS else _difference_of_folder(name, pinned, found)


def check(names: Iterable[str]) -> None:
    """Raise a DataError unless every one of these sets is as pinned; the message names the files.

    For stages that depend on the sets' lists: the data they read must be the data pinned. Names that are no sets of the
    catalogue (the installed photos, a folder of one's own) have no pin and are passed over. So is a set with opinions,
    comparisons, tables or training images that is neither available nor pinned: the stage goes on with the others and
    reports it as missing.
    """
    chosen = [name for name in dict.fromkeys(names) if name in known()]
    for name in chosen:
        if name in FOLDERS:
            images(name)  # raises, with the way to get the set, where it is missing
    hashes = _hashes()
    chosen = [name for name in chosen if name in FOLDERS or _path(name) in hashes or _files(name)]
    differences = {name: text for name in chosen if (text := difference(name))}
    if differences:
        adopt = " ".join(differences)
        wrong = ", ".join(f"{name} ({text})" for name, text in differences.items())
        raise DataError(
            f"the data is not as pinned by data.dvc: {wrong}. Put the pinned files in place, or adopt the present ones "
            f"with `python -m replication data pin {adopt}`; all stages that read these sets then run again"
        )


def _difference_by_image(pinned: Pin, found: Mapping[str, Path]) -> str:
    expected = {Path(file).stem.lower(): (file, md5) for file, md5 in pinned.files.items()}
    images_found = {path.stem.lower(): path for path in found.values()}
    parts = (
        ("missing", [file for key, (file, _) in expected.items() if key not in images_found]),
        (
            "other content in",
            [
                file
                for key, (file, md5) in expected.items()
                if key in images_found and manifests.md5(images_found[key]) != md5
            ],
        ),
        ("also", [path.name for key, path in images_found.items() if key not in expected]),
    )
    return "; ".join(f"{what} {manifests.enumerate_briefly(files)}" for what, files in parts if files)


def _difference_of_folder(name: str, pinned: Pin, found: Mapping[str, Path]) -> str:
    if not found:
        return "missing"
    out = next(out for out in _document()["outs"] if out["path"] == _path(name))
    if len(found) != out.get("nfiles"):
        return f"{len(found)} files instead of {out.get('nfiles')}"
    hashes = {inside: manifests.md5(path) for inside, path in found.items()}
    return "" if folder_md5(hashes) == pinned.md5 else "other content or names of files"


def _path(name: str) -> str:
    """The set's path in data.dvc: in the project, wherever the data root is on this machine."""
    return f"data/{known()[name].folder}"


def _relative(name: str) -> Path:
    return Path("pins") / f"{name}.md5"


def _out(name: str, md5: str, paths: Collection[Path]) -> dict[str, Any]:
    """The entry of a folder in data.dvc."""
    return {
        "md5": md5,
        "size": sum(path.stat().st_size for path in paths),
        "nfiles": len(paths),
        "hash": "md5",
        "cache": False,
        "path": _path(name),
    }


def _dvc_file() -> Path:
    return root() / "data.dvc"


def _files(name: str) -> dict[str, Path]:
    """The files of a set that its pin covers, by path inside its folder; none where the folder is missing."""
    entry = known()[name]
    folder = manifests.locate(entry.folder)
    if folder is None or availability.folder_of(entry) is None:
        return {}
    if not isinstance(entry, OfficialFolder):
        return {path.name: path for path in manifests.list_images(folder).values()}
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    inside = {path.relative_to(folder).as_posix(): path for path in found}
    return {
        place: path
        for place, path in inside.items()
        if not is_stray(place) and (not isinstance(entry, Tables) or place in entry.files)
    }


def _document() -> dict[str, Any]:
    if not _dvc_file().is_file():
        return {}
    try:
        document = yaml.safe_load(_dvc_file().read_text(encoding="utf-8"))
        return {**document, "outs": [dict(out) for out in document["outs"]]}
    except (yaml.YAMLError, TypeError, KeyError, ValueError) as error:
        raise DataError(f"{_dvc_file()} is not a DVC file with outs ({' '.join(str(error).split())})") from error


def _hashes() -> dict[str, str]:
    """The hashes of data.dvc, by path."""
    return {out["path"]: str(out.get("md5")) for out in _document().get("outs", [])}


def _pin(name: str, md5: str) -> Pin:
    """The pin of a set by its list, which must agree with the hash in data.dvc."""
    path = root() / _relative(name)
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    listed = {PurePosixPath(file).name: hash_ for hash_, _, file in (line.partition("  ") for line in lines)}
    found = Pin(folder_md5(listed), listed) if name in FOLDERS else Pin(next(iter(listed.values()), ""))
    if found.md5 != md5:
        raise DataError(
            f"data.dvc and {_relative(name).as_posix()} disagree about {name}; take both from git, or write both with "
            f"`python -m replication data pin {name}`"
        )
    return found
