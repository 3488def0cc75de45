"""Putting a downloaded set in place: found inside a folder or an archive, checked, and moved there in one step."""

import os
import stat
from pathlib import Path, PurePosixPath

from replication.datasets import manifests
from replication.datasets.archives import DEFAULT_LIMITS, Container, Limits, open_source
from replication.datasets.entries import Entry, Judged, OfficialFolder
from replication.datasets.errors import DataError, ImageError
from replication.datasets.images import read_image
from replication.datasets.iqa.listing import is_stray, normal
from replication.datasets.official import read_official
from replication.datasets.staging import staging
from replication.project import data_root


def add(
    entry: Entry, source: Path, *, force: bool = False, as_published: bool = False, limits: Limits = DEFAULT_LIMITS
) -> manifests.State:
    """Copy the images of a set from `source`, a folder or a zip or tar archive that holds them somewhere inside.

    The folder inside `source` that has most of the manifest's file names is taken; a set with opinions, comparisons or
    tables is taken whole, as the folder that holds the file it is recognised by, and read once. The copy is built in a
    hidden folder beside its destination, written to disk, checked, and only then renamed; if anything fails, what was
    in place before is untouched. Returns the state of what is now in place: complete, or different where the copy is
    another one than the manifest's or a part of a set.

    Raises DataError if nothing inside resembles the set, images are missing or unusable, the archive is damaged or
    above `limits`, images are in place already (unless `force`), files differ from the manifest's although
    `as_published` asks for exactly those, or another process adds the same set.
    """
    destination = manifests.locate(entry.folder) or data_root() / entry.folder
    refuse_read_only(destination)
    destination.parent.mkdir(parents=True, exist_ok=True)
    with staging(destination) as building:
        if not force and destination.is_dir() and any(destination.iterdir()):
            raise DataError(f"{entry.name}: the folder {destination} is not empty; --force replaces it")
        with open_source(source, limits) as container:
            if not isinstance(entry, OfficialFolder):
                chosen = {inside: PurePosixPath(inside).name for inside in _choose(entry, container)}
            else:
                chosen = _choose_whole(entry, container)
            for inside, place in chosen.items():
                # Only the last part of a name is used, or parts without "..": no name can lead out of the folder.
                (building / place).parent.mkdir(parents=True, exist_ok=True)
                container.copy(inside, building / place)
        _write_to_disk()
        if not isinstance(entry, OfficialFolder):
            state = _check(entry, building, source, as_published)
        else:
            state = _check_whole(entry, building, source, len(chosen))
        _swap(building, destination)
    return state


def refuse_read_only(folder: Path) -> None:
    """Raise a DataError where a folder, or the nearest one above that exists, is marked read-only.

    The system enforces that for ordinary users only. In a container one is often root, for whom protected data would be
    replaced.
    """
    marked = [at for at in (folder, *folder.parents) if at.exists()][:1]
    if folder.exists():
        marked.append(folder.parent)
    for at in marked:
        if not at.stat().st_mode & stat.S_IWUSR:
            raise DataError(f"{at} is read-only; nothing was changed (chmod u+w, if it is yours to change)")


def _check(entry: Entry, folder: Path, source: Path, as_published: bool) -> manifests.State:
    state = manifests.compare(entry.name, folder)
    if state.word in ("empty", "incomplete"):
        raise DataError(f"{source}: {entry.name} in it is {state}; nothing was put in place")
    if state.word == "different" and as_published:
        raise DataError(f"{source}: {entry.name} in it is {state}; nothing was put in place")
    files = manifests.list_images(folder)
    for name in (*state.differing, *state.extra):  # the others are known to be good
        try:
            read_image(files[name])
        except ImageError as error:
            raise DataError(f"{source}: {error.path.name} {error.reason}; nothing was put in place") from None
    return state


def _choose(entry: Entry, container: Container) -> list[str]:
    """The set's files, in the order in which they lie in the container."""
    source = container.source
    manifest = manifests.read(entry.name)
    folders: dict[str, dict[str, str]] = {}
    for inside in container.sizes:
        path = PurePosixPath(inside)
        if manifests.is_image(path.name) and "__MACOSX" not in path.parts:
            folders.setdefault(str(path.parent), {})[inside] = path.stem.lower()

    def score(folder: str) -> tuple[int, int]:
        known = [(inside, manifest[name]) for inside, name in folders[folder].items() if name in manifest]
        return len(known), sum(container.sizes[inside] == fact.size for inside, fact in known)

    ranked = sorted(folders, key=score, reverse=True)
    if ranked and score(ranked[0])[0] == 0:  # another naming of the files; then the folder must have the set's name
        named = [folder for folder in ranked if PurePosixPath(folder).name.lower() == Path(entry.folder).name]
        alone = len(ranked) == 1 and (not manifest or len(folders[ranked[0]]) == len(manifest))
        ranked = named or (ranked if alone else [])
    if not ranked:
        wanted = manifests.enumerate_briefly((fact.file for fact in manifest.values()), 3) or f"images, {entry.folder}"
        raise DataError(f"{source} holds nothing like {entry.name} (a folder with {wanted})")
    if len(ranked) > 1 and score(ranked[0]) == score(ranked[1]):
        raise DataError(
            f"{source} holds {entry.name} twice, in {ranked[0]} and {ranked[1]}; give the folder that is meant"
        )
    chosen = folders[ranked[0]]
    if manifest and manifest.keys() <= set(chosen.values()):  # all found; other files beside them are left out
        return [inside for inside, name in chosen.items() if name in manifest]
    return list(chosen)


def _choose_whole(entry: OfficialFolder, container: Container) -> dict[str, str]:
    """Path in the container -> path in the set's folder, for every file below the folder that holds the marker."""
    source = container.source
    marker = normal(entry.marker).split("/")
    above: set[tuple[str, ...]] = set()  # the folders that hold the marker, as spelled
    files = [inside for inside in container.sizes if not is_stray(inside.removeprefix("./"))]
    for inside in files:
        parts = PurePosixPath(inside).parts
        if ".." in parts or inside.startswith("/"):
            raise DataError(f"{source} holds the file {inside}, which leads out of the set's folder")
        lower = [normal(part) for part in parts]
        above |= {parts[:at] for at in range(len(parts)) if lower[at : at + len(marker)] == marker}
    if not above:
        raise DataError(f"{source} holds nothing like {entry.name} (a folder with {entry.marker})")
    if len(above) > 1:
        both = " and ".join(sorted("/".join(parts) or "." for parts in above)[:2])
        raise DataError(f"{source} holds {entry.name} twice, in {both}; give the folder that is meant")
    depth = len(above.pop())
    inner = depth + len(marker) if isinstance(entry, Judged) else depth  # their folder is the marker itself
    start = next(PurePosixPath(inside).parts[:depth] for inside in files if _marked(inside, depth, marker))
    chosen = {}
    for inside in files:
        parts = PurePosixPath(inside).parts
        if parts[:depth] == start and (inner == depth or _marked(inside, depth, marker)):
            chosen[inside] = "/".join(parts[inner:])
    return chosen


def _marked(inside: str, depth: int, marker: list[str]) -> bool:
    return [normal(part) for part in PurePosixPath(inside).parts[depth : depth + len(marker)]] == marker


def _check_whole(entry: OfficialFolder, folder: Path, source: Path, files: int) -> manifests.State:
    """Read the set once from the folder in which it is built; a DataError says what is wrong with it."""
    try:
        words = read_official(entry, folder)
    except DataError as error:
        raise DataError(f"{source}: nothing was put in place. {error}".replace(str(folder), str(source))) from None
    return manifests.State("complete" if words.startswith("complete") else "different", files, files)


def _write_to_disk() -> None:
    """Flush all written files to disk, once for the whole set: file by file it takes minutes."""
    if hasattr(os, "sync"):
        os.sync()


def _swap(new: Path, destination: Path) -> None:
    """Put `new` at `destination`. The previous folder is moved beside `new` as "old" first, and back on failure."""
    if not os.path.lexists(destination):
        os.replace(new, destination)
        return
    old = new.with_name("old")
    os.replace(destination, old)
    try:
        os.replace(new, destination)
    except BaseException:
        os.replace(old, destination)
        raise
