"""Official layouts of image quality sets, written from rows: a whole set from its published labels, or a few images."""

import functools
import io
import os
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import numpy as np
from openpyxl import Workbook
from pictures import encoded, picture
from PIL import Image
from scipy.io import savemat

from replication.datasets.catalogue import csiq, kadid_10k, live, pipal, tid2013
from replication.datasets.entries import Judged
from replication.datasets.iqa.listing import Row

FEW: dict[str, list[Row]] = {
    "live": [
        Row("bikes.bmp", "jp2k/img1.bmp", 15.5, "JPEG 2000 compression", None, (), ()),
        Row("house.bmp", "jp2k/img3.bmp", 40.25, "JPEG 2000 compression", None, (), ()),
        Row("house.bmp", "wn/img2.bmp", -1.5, "white noise", None, (), ()),
    ],
    "live-md": [
        Row("cows.bmp", "blurjpeg/cows_blur1.bmp", 21.5789, "blur", 1, (), ()),
        Row("cows.bmp", "blurjpeg/cows_blur1_jpeg2.bmp", 35.7895, "blur + JPEG", None, (), ()),
        Row("palace2.bmp", "blurnoise/palace2_noise3.bmp", 32.5, "noise", 3, (), ()),
        Row("cows.bmp", "blurnoise/cows_blur1.bmp", 20.125, "blur", 1, (), ()),
    ],
    "csiq": [
        csiq.row("1600", "awgn", 1, 0.062),
        csiq.row("1600", "jpeg2000", 5, 0.897),
        csiq.row("snow_leaves", "contrast", 3, 0.5),
    ],
    "tid2013": [
        tid2013.row("i01_01_1.bmp", 5.51429),
        tid2013.row("i01_24_5.bmp", 2.77143),
        tid2013.row("i25_08_3.bmp", 3.5),
        tid2013.row("i25_10_4.bmp", 4.25),
    ],
    "tid2008": [
        tid2013.row("i01_01_1.bmp", 5.9706),
        tid2013.row("i02_17_4.bmp", 3.5),
        tid2013.row("i02_08_1.bmp", 0.0),
    ],
    "kadid-10k": [
        kadid_10k.row("i01_01_01.png", 4.57),
        kadid_10k.row("i01_25_05.png", 3.27),
        kadid_10k.row("i81_10_03.png", 2.0),
    ],
    "pipal": [
        pipal.row("a0001_00_00.bmp", 1520.0648),
        pipal.row("a0001_06_26.bmp", 1437.0798),
        pipal.row("a0248_03_01.bmp", 1257.06),
    ],
    "qads": [
        Row("img01.bmp", "img01_2_1.bmp", 0.38889, "super-resolution x2", None, (), ()),
        Row("img20.bmp", "img20_4_21.bmp", 0.7, "super-resolution x4", None, (), ()),
    ],
}


_ONE = picture(0)
_LINKS = 50_000  # names of one file; file systems allow 65,000


def build(
    name: str, rows: Sequence[Row], folder: Path, shown: Callable[[str], Image.Image] = lambda name: _ONE
) -> Path:
    """Write rows as the official folder of a set. `shown` gives the image by its name in the rows; images that are the
    same object are one file under many names."""
    WRITERS[name](rows, folder, Images(folder, shown))
    return folder


def build_judged(
    entry: Judged, folder: Path, shown: Callable[[str], Image.Image], fraction: Callable[[int], float]
) -> Path:
    """Write comparisons as the official folder of BAPPS. `shown` gives the image by its name ("cnn/p0/000001"),
    `fraction` the decision by the comparison's number."""
    images = Images(folder, shown)
    parts = ("ref", "p0", "p1") if entry.name == "bapps-2afc" else ("p0", "p1")
    decided = "judge" if entry.name == "bapps-2afc" else "same"
    for subset, count in entry.counts:
        at = f"{entry.marker}/{subset}"
        for index in range(count):
            for part in parts:
                images.put(f"{at}/{part}/{index:06d}.png", f"{subset}/{part}/{index:06d}")
            value = fraction(index)
            images.put_file(f"{at}/{decided}/{index:06d}.npy", value, functools.partial(_array, value))
    return folder


def _array(value: float) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([value], np.float32))
    return file.getvalue()


class Images:
    """The files of a folder; equal ones are one file under many names."""

    def __init__(self, folder: Path, shown: Callable[[str], Image.Image]) -> None:
        self.folder, self.shown = folder, shown
        self._folders: set[Path] = set()
        self._made: dict[Hashable, tuple[Path, int]] = {}  # the file and its number of names
        self._images: dict[int, Image.Image] = {}  # alive, so that none gets the identity of another

    def put(self, place: str, name: str) -> None:
        """Write the image `name` at `place`, if there is none yet."""
        image, form = self.shown(name), {".png": "PNG", ".bmp": "BMP"}[place[-4:].lower()]
        self._images[id(image)] = image
        self.put_file(place, (id(image), form), lambda: encoded(image, form))

    def put_file(self, place: str, same: Hashable, content: Callable[[], bytes]) -> None:
        """Write a file at `place`, if there is none yet; files of equal `same` have equal content."""
        path = self.folder / place
        if path.exists():
            return
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(path.parent)
        first, names = self._made.get(same, (path, 0))
        if names % _LINKS:
            os.link(first, path)
        else:
            first = path
            path.write_bytes(content())
        self._made[same] = first, names + 1


def _tid(rows: Sequence[Row], folder: Path, images: Images) -> None:
    lines = []
    for index, row in enumerate(rows):
        name = row.distorted.replace("i", "I", 1) if index % 2 else row.distorted  # both are found in the official list
        images.put(f"reference_images/{row.reference.upper()}", row.reference)
        images.put(f"distorted_images/{name.replace('bmp', 'BMP') if index % 3 else name}", row.distorted)
        lines.append(f"{row.opinion:.5f} {name}\r\n")
    (folder / "mos_with_names.txt").write_text("".join(lines), newline="")


def _qads(rows: Sequence[Row], folder: Path, images: Images) -> None:
    for row in rows:
        images.put(f"source_images/{row.reference}", row.reference)
        images.put(f"super-resolved_images/{row.distorted}", row.distorted)
    (folder / "mos_with_names.txt").write_text("".join(f"{row.opinion:.5f}  {row.distorted}\n" for row in rows))


def _kadid(rows: Sequence[Row], folder: Path, images: Images) -> None:
    lines = ["dist_img,ref_img,dmos,var"]
    for row in rows:
        images.put(f"images/{row.reference.upper().replace('PNG', 'png')}", row.reference)
        images.put(f"images/{row.distorted.upper().replace('PNG', 'png')}", row.distorted)
        lines.append(f"{row.distorted.replace('i', 'I')},{row.reference.replace('i', 'I')},{row.opinion},0.5")
    (folder / "dmos.csv").write_text("\n".join(lines) + "\n")


def _pipal(rows: Sequence[Row], folder: Path, images: Images) -> None:
    labels: dict[str, list[str]] = {}
    for index, row in enumerate(rows):
        name = row.distorted.replace("a", "A", 1)
        images.put(f"Train_Ref/{row.reference.replace('a', 'A')}", row.reference)
        images.put(f"Distortion_{index % 4 + 1}/{name}", row.distorted)
        labels.setdefault(row.reference[:5].upper(), []).append(f"{name},{row.opinion:.4f}\n")
    (folder / "Train_Label").mkdir()
    for reference, lines in labels.items():
        (folder / "Train_Label" / f"{reference}.txt").write_text("".join(lines))


def _csiq(rows: Sequence[Row], folder: Path, images: Images) -> None:
    book = Workbook()
    sheet = book.active
    sheet.title = "all_by_distortion"
    sheet = book.create_sheet("all_by_image")
    sheet["D1"] = "DMOS values"
    for column, title in enumerate(("image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos"), 4):
        sheet.cell(4, column, title)
    words = {at: kind for kind, (at, _) in csiq.DISTORTIONS.items()} | {"jpeg2000": "jpeg 2000"}
    for line, row in enumerate(rows, 5):
        image, at, level, _ = row.distorted.split(".")
        values = (int(image) if image == "1600" else image, 1, words[at], int(level), 0.1, row.opinion)
        for column, value in enumerate(values, 4):
            sheet.cell(line, column, value)
        images.put(f"src_imgs/{row.reference}", row.reference)
        file = f"{image}.{at.upper() if at in ('awgn', 'blur', 'jpeg') else at}.{level}.png"
        images.put(f"dst_imgs/{at}/{file}", row.distorted)
    book.save(folder / "csiq.DMOS.xlsx")


def _live(rows: Sequence[Row], folder: Path, images: Images) -> None:
    known = {row.distorted: row for row in rows}
    listed = [f"{at}/img{i}.bmp" for at, (_, count) in live.FOLDERS.items() for i in range(1, count + 1)]
    references = [known[name].reference if name in known else rows[0].reference for name in listed]
    opinions = [known[name].opinion if name in known else 0.0 for name in listed]
    for name, reference in zip(listed, references, strict=True):
        images.put(name, name if name in known else reference)  # an undistorted copy otherwise
        images.put(f"refimgs/{reference}", reference)
    originals = [float(name not in known) for name in listed]
    savemat(folder / "dmos_realigned.mat", {"dmos_std": [opinions], "dmos_new": [opinions], "orgs": [originals]})
    savemat(folder / "refnames_all.mat", {"refnames_all": _cells(references)[None]})


def _live_md(rows: Sequence[Row], folder: Path, images: Images) -> None:
    for part, at in (("Part 1", "blurjpeg"), ("Part 2", "blurnoise")):
        own = [row for row in rows if row.distorted.startswith(at)]
        names = [row.distorted.partition("/")[2] for row in own]
        references = sorted({row.reference for row in own})
        for name in (*names, *references):
            images.put(f"To_Release/{part}/{at}/{name}", name if name in references else f"{at}/{name}")
        indices = [[references.index(row.reference) + 1] for row in own]
        lists = {"distimgs": _nested(names), "refimgs": _nested(references), "ref4dist": indices}
        savemat(folder / "To_Release" / part / "Imagelists.mat", lists)
        savemat(folder / "To_Release" / part / "Scores.mat", {"DMOSscores": [[row.opinion for row in own]]})


def _cells(texts: Sequence[str]) -> np.ndarray:
    return np.array(texts, dtype=object)


def _nested(texts: Sequence[str]) -> np.ndarray:
    """A column of cells, each of which holds a cell with the text, as in the official lists."""
    column = np.empty((len(texts), 1), dtype=object)
    for index, word in enumerate(texts):
        column[index, 0] = _cells([word])
    return column


WRITERS: dict[str, Callable[[Sequence[Row], Path, Images], None]] = {
    "live": _live,
    "live-md": _live_md,
    "csiq": _csiq,
    "tid2013": _tid,
    "tid2008": _tid,
    "kadid-10k": _kadid,
    "pipal": _pipal,
    "qads": _qads,
}
