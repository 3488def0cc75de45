"""Which files the committed reports were computed from: data.dvc, and data.md5 that lists them one by one.

data.dvc is an ordinary DVC file: one output per set, by DVC's hash of a folder, outside DVC's cache (the files are
other people's and are not pushed anywhere). `dvc status data.dvc` compares it with data/. DVC allows no .dvc file as a
dependency of a stage and does not say which file of a folder differs, hence data.md5: the same content in md5sum's
format (`cd data && md5sum -c ../data.md5`), which stages depend on. Both are written together, and read only together.

Compared are images by name and content. Stray files, the case of names and where the data root is make no difference.

Sets with opinions, comparisons of patches and tables have thousands of files, and it is their official folder,
unmodified, that counts. They are pinned whole: data.dvc has DVC's hash of the folder, and data.folders.md5 has the same
hash in one line ("<hash>.dir  tid2013/"), for the stages that read such sets: pinning one more does not touch data.md5,
so that stages that read images only do not run again. Every file counts, but for those that systems leave about. Images
that autoencoders are trained on are pinned whole too, in data.pictures.md5, for the same reason.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from replication.datasets import manifests
from replication.datasets.catalogue import FOLDERS, PICTURES, known, wholes
from replication.datasets.errors import DataError
from replication.datasets.iqa.listing import is_stray
from replication.datasets.sets import images
from replication.datasets.whole import read_whole
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
    """Pin the given sets as they lie under the data root now, in data.dvc and a listing; the other sets stay as pinned.

    Without names: the sets that are pinned already, or PAPER_SETS where nothing is. Gives the names that were pinned.
    A set that is missing or incomplete is a DataError, and nothing is written.
    """
    document = _document()
    outs = {out["path"]: out for out in document.get("outs", [])}
    chosen = list(names) or [name for name in known() if _path(name) in outs] or list(PAPER_SETS)
    if unknown := [name for name in chosen if name not in known()]:
        raise DataError(f"{unknown[0]!r} is no set of files under the data root; known: {', '.join(known())}")
    pinned = _pinned(document, replaced=chosen)
    whole = _pinned_whole(document, replaced=chosen)
    for name in chosen:
        if name in wholes():
            read_whole(wholes()[name])  # as published and complete, or an error that says what is missing
            files = _files(name)
            whole[name] = folder_md5({inside: manifests.md5(path) for inside, path in files.items()})
            outs[_path(name)] = _out(name, whole[name], files.values())
            continue
        images(name)  # complete, or an error that says what is missing
        paths = list(_images(name).values())
        pinned[name] = {path.name: manifests.md5(path) for path in paths}
        outs[_path(name)] = _out(name, folder_md5(pinned[name]), paths)
    document["outs"] = list(outs.values())
    lines = [
        f"{md5}  {FOLDERS[name].folder}/{file}\n"
        for name, files in pinned.items()
        for file, md5 in sorted(files.items())
    ]
    atomic_write_text(_listing(), "".join(lines))
    for listing in dict.fromkeys(_folder_listing(name) for name in chosen if name in wholes()):
        here = {name: md5 for name, md5 in whole.items() if _folder_listing(name) == listing}
        atomic_write_text(listing, "".join(f"{md5}  {wholes()[name].folder}/\n" for name, md5 in here.items()))
    atomic_write_text(_dvc_file(), _HEADER + yaml.safe_dump(document, sort_keys=False))
    return chosen


def read() -> dict[str, dict[str, str]]:
    """The pinned image sets: name -> file -> MD5. Empty where there is no data.dvc. Sets pinned whole: `whole`."""
    return _pinned(_document())


def whole() -> dict[str, str]:
    """The sets and tables that are pinned by one hash of their folder: name -> DVC's hash."""
    return _pinned_whole(_document())


def difference(name: str) -> str:
    """How set `name` under the data root differs from the pin, in words; empty where it is as pinned."""
    if name in wholes():
        return _difference_whole(name)
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
    (the installed photos, a folder of one's own) have no pin and are passed over. So is a set with opinions that is
    neither there nor pinned: the stage goes on with the others and reports it as missing.
    """
    names = list(names)
    large = [name for name in dict.fromkeys(names) if name in wholes()]
    pinned = whole() if large else {}
    names = [name for name in names if name in FOLDERS]
    for name in names:
        images(name)  # a set that is missing has an error of its own, which says where to get it
    names += [name for name in large if name in pinned or _files(name)]
    differences = {name: text for name in names if (text := difference(name))}
    if differences:
        adopt = " ".join(differences)
        wrong = ", ".join(f"{name} ({text})" for name, text in differences.items())
        raise DataError(
            f"the data is not what data.dvc pins: {wrong}. Put the pinned files in place, or adopt what is there "
            f"with `python -m replication data pin {adopt}`; what depends on it then runs again"
        )


def _path(name: str) -> str:
    return f"data/{known()[name].folder}"  # in the project, wherever the data root is here


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


def _listing() -> Path:
    return root() / "data.md5"


def _folder_listing(name: str) -> Path:
    """Where the hash of a set that is pinned whole stands."""
    return root() / ("data.pictures.md5" if name in PICTURES else "data.folders.md5")


def _images(name: str) -> dict[str, Path]:
    folder = manifests.locate(FOLDERS[name].folder)
    return manifests.list_images(folder) if folder else {}


def _files(name: str) -> dict[str, Path]:
    """All files of a set that is pinned whole, by path inside its folder; none where it is not there."""
    folder = manifests.locate(wholes()[name].folder)
    if folder is None:
        return {}
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    inside = {path.relative_to(folder).as_posix(): path for path in found}
    return {name: path for name, path in inside.items() if not is_stray(name)}


def _difference_whole(name: str) -> str:
    pinned = whole()
    if name not in pinned:
        return "not pinned"
    files = _files(name)
    if not files:
        return "missing"
    out = next(out for out in _document()["outs"] if out["path"] == _path(name))
    if len(files) != out.get("nfiles"):
        return f"{len(files)} files instead of {out.get('nfiles')}"
    found = folder_md5({inside: manifests.md5(path) for inside, path in files.items()})
    return "" if found == pinned[name] else "other content or names of files"


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
            raise DataError(_disagree(name, _listing().name))
    return pinned


def _pinned_whole(document: Mapping[str, Any], replaced: Iterable[str] = ()) -> dict[str, str]:
    """The hash of every set pinned whole; both files must be of one mind, save about those `replaced`."""
    outs = {out["path"]: str(out.get("md5")) for out in document.get("outs", [])}
    pinned = {name: outs[_path(name)] for name in wholes() if _path(name) in outs}
    for name, md5 in pinned.items():
        listing = _folder_listing(name)
        listed = listing.read_text(encoding="utf-8").splitlines() if listing.is_file() else []
        if name not in replaced and f"{md5}  {wholes()[name].folder}/" not in listed:
            raise DataError(_disagree(name, listing.name))
    return pinned


def _disagree(name: str, listing: str) -> str:
    return (
        f"data.dvc and {listing} disagree about {name}; take both from git, or write both with "
        f"`python -m replication data pin {name}`"
    )
