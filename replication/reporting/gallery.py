"""One picture for each paper, taken from the executed notebooks, for the README and the scorecard.

reports/<profile>/gallery/<paper>.png   the picture
reports/<profile>/gallery/pictures.csv  paper, page, shows, absent: what is seen, or why there is no picture
"""

import base64
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from PIL import Image

from replication import project
from replication.files import atomic_write_bytes, atomic_write_text
from replication.reporting import published

LIMIT = 150_000  # bytes of a picture; a larger one is made smaller


class GalleryError(ValueError):
    """An executed notebook or a list of pictures that cannot be read; the message names it."""


@dataclass(frozen=True)
class Picture:
    """A paper's picture: the page it is from and what it shows, or in `absent` why there is none."""

    paper: str
    page: str
    shows: str
    absent: str


def build(profile: str) -> Path:
    """Write reports/<profile>/gallery/ from the executed notebooks beside it; returns that folder.

    A picture is the notebook's own file, byte for byte, unless that is above LIMIT.
    """
    reports = project.root() / "reports" / profile
    folder = _folder(profile)
    found = []
    for paper, chosen in published.pictures().items():
        picture, absent = _find(reports / f"{chosen['page']}.ipynb", chosen["heading"])
        path = folder / f"{paper}.png"
        if picture is None:
            path.unlink(missing_ok=True)  # of an earlier run
        else:
            atomic_write_bytes(path, within(picture, LIMIT))
        found.append(Picture(paper, chosen["page"], chosen["shows"], absent))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(Picture.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(asdict, found))
    atomic_write_text(folder / "pictures.csv", text.getvalue())
    return folder


def read(profile: str) -> list[Picture]:
    """The gallery of a profile, a picture for each paper; where it has not been made, all are absent."""
    path = _folder(profile) / "pictures.csv"
    if not path.is_file():
        absent = "the gallery has not been made yet"
        return [Picture(paper, its["page"], its["shows"], absent) for paper, its in published.pictures().items()]
    with path.open(encoding="utf-8", newline="") as file:
        try:
            return [Picture(**row) for row in csv.DictReader(file)]
        except TypeError:
            fields = ", ".join(Picture.__dataclass_fields__)
            raise GalleryError(f"{path.name} of the gallery must have the columns {fields}; make it anew") from None


def within(png: bytes, limit: int) -> bytes:
    """The picture as it is, or so much smaller, in 256 colours on white, that it takes at most `limit` bytes."""
    scale = 1.0
    smaller = png
    while len(smaller) > limit and scale > 0.05:
        scale *= 0.8
        with Image.open(io.BytesIO(png)) as opened:
            picture = opened.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        file = io.BytesIO()
        colours = picture.resize(size, Image.Resampling.LANCZOS).quantize(256, dither=Image.Dither.NONE)
        colours.save(file, "PNG", optimize=True)
        smaller = file.getvalue()
    return smaller


def _folder(profile: str) -> Path:
    return project.root() / "reports" / profile / "gallery"


def _find(path: Path, heading: str) -> tuple[bytes | None, str]:
    """The picture, or None and why there is none."""
    try:
        notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except FileNotFoundError:
        return None, f"the notebook {path.stem} has not been run"
    except (ValueError, nbformat.ValidationError) as error:
        raise GalleryError(f"{path.name} is not a readable notebook: {str(error).splitlines()[0]}") from None
    sections = [section for section in _sections(notebook) if section[0] == heading]
    if not sections:
        return None, f"the notebook {path.stem} has no heading {heading!r}"
    for _, cells in sections:
        for cell in cells:
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    return base64.b64decode(output["data"]["image/png"]), ""
    return None, f"the notebook {path.stem} shows no picture under {heading!r}"


def _sections(notebook: NotebookNode) -> Iterator[tuple[str, list[NotebookNode]]]:
    """Every heading with the code cells below it, those under its own subheadings included."""
    open_: list[tuple[int, str, list[NotebookNode]]] = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for _, _, cells in open_:
                cells.append(cell)
            continue
        for level, text in re.findall(r"^(#{1,6})\s+(.*?)\s*$", cell.source, re.MULTILINE):
            while open_ and open_[-1][0] >= len(level):
                yield open_.pop()[1:]
            open_.append((len(level), text, []))
    while open_:
        yield open_.pop()[1:]
