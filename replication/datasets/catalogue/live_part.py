"""A part of LIVE: its own files and images made again by build.py in the set's folder.

labels.csv has the columns reference, distorted (files in LIVE's folders), opinion (realigned DMOS), distortion (LIVE's
folder) and kind:

real: LIVE's own file.
exact: made by LIVE's own recipe; the PSNR equals the published one.
near: as exact except for the last row of the photo, which is not known; or JPEG 2000 by another coder at the published
    PSNR.
equivalent: white noise of the published strength, with other random numbers.

Beside scores that others published of LIVE's own files (the notebook instrument_checks), on all 229 real and exact
images: SSIM within 5e-7, MS-SSIM 3e-7, FSIM 5e-5, DISTS 2e-6 (images not resized), LPIPS 4e-6 (images in [0, 1], as the
published ones were computed), DeepWSD 4e-4 of up to 11. On near and equivalent images DISTS and 1 - FSIM are .999 to
1.004 of the published (medians of each distortion), ranks within a distortion agree above .996: all pass the gates.
"""

import csv
import io

from replication.datasets.catalogue import live
from replication.datasets.entries import Rated
from replication.datasets.errors import DataError
from replication.datasets.iqa.listing import Row, Tree, number, text

_COLUMNS = ("reference", "distorted", "opinion", "distortion", "kind")
_KINDS = ("real", "exact", "near", "equivalent")


def read(tree: Tree) -> list[Row]:
    """The rows in the order of labels.csv."""
    path = tree.need("labels.csv")
    reader = csv.DictReader(io.StringIO(text(path)))
    if absent := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
        raise DataError(f"{path} has no column {absent[0]}; make the set again with its build.py")
    return [_row(line, f"{path.name} line {reader.line_num}") for line in reader]


def _row(line: dict[str, str | None], where: str) -> Row:
    cells = {column: (line[column] or "").strip() for column in _COLUMNS}
    if cells["distortion"] not in live.FOLDERS or cells["kind"] not in _KINDS:
        raise DataError(f"{where}: no distortion or no kind of this set; make the set again with its build.py")
    reference_file, file = cells["reference"].lower(), cells["distorted"].lower()
    return Row(
        reference_file.removeprefix("refimgs/"),
        file,
        number(cells["opinion"], where),
        live.FOLDERS[cells["distortion"]][0],
        None,
        (reference_file,),
        (file,),
        kind=cells["kind"],
    )


SETS = [
    Rated(
        name="live-part",
        title="LIVE (part)",
        folder="live-part",
        marker="labels.csv",
        source="made from the Kodak photos and LIVE's own files by build.py in that folder: `python build.py OUT`",
        licence="Kodak photos: unrestricted use; LIVE: free to use with the University of Texas' copyright notice and "
        "citation",
        build="python build.py OUT",
        opinion=live.OPINION,
        read=read,
        images=488,
        references=21,
        part_of="live",
        names_sha256="fd60cd049d9c0773958c89a604d64036406ddf7836c586580d8aace8bda987da",
        remarks=(
            "real images are LIVE's own files; exact ones were made again by LIVE's recipe, with the published PSNR; "
            "near ones differ from it by up to 0.044 dB (the last row of the photo, or the JPEG 2000 coder); "
            "equivalent ones have white noise of the published strength, with other random numbers; DISTS and FSIM of "
            "all of them agree with scores published of LIVE's own files (notebook instrument_checks)",
        ),
    )
]
