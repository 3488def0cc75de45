"""Scores that authors published image by image, as score tables beside those computed here."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from replication.datasets import availability
from replication.datasets.catalogue import RATED, TABLES, csiq, kadid_10k, live, pipal, tid2013
from replication.datasets.catalogue.published_scores import PUBLISHED, Column, Published
from replication.datasets.entries import Opinion
from replication.datasets.errors import DataError
from replication.datasets.iqa import labels
from replication.datasets.iqa.listing import Row, number, parts, text
from replication.project import data_root

if TYPE_CHECKING:
    import pandas as pd

SCORE_COLUMNS = (
    "data_set",
    "reference",
    "distorted",
    "distortion",
    "level",
    "opinion",
    "metric",
    "score",
    "problem",
)
_ABOUT = {"name", "image", "distortion", "level", "MOS", "MOS_std", "distorted", "reference", "opinion_score"}
"""Columns that are no metrics."""


@dataclass(frozen=True)
class _Line:
    """An image of a table: its name in lower case, its opinion, its reference ("" where the table names none)."""

    name: str
    opinion: float
    reference: str
    where: str


def published_scores(name: str) -> "pd.DataFrame":
    """The published scores on one set, long-form: one row for every image and metric, in the order of the file.

    name: one of `catalogue.published_scores.PUBLISHED`: "live", "csiq", "tid2013", "kadid-10k", "pipal" (DeepWSD and
    DeepJSD as released in 2024), "tid2013-classical" (PSNR, VIF, GMSD, ...), "live-zeroshot", "tid2013-zeroshot",
    "pipal-zeroshot" (PSNR, MS-SSIM, FSIM, LPIPS, DISTS, ...), "live-boosting", "live-md-boosting", "tid2013-boosting"
    (PSNR, SSIM, MS-SSIM, FSIM, ...), "live-deepwsd" and likewise (DeepWSD as released in 2022).

    Columns data_set, reference, distorted, distortion, level, opinion, metric, score, problem, images named as in
    `datasets.load`. Scores are on the metric's own scale, opinions on the set's. `.attrs` holds "source", "opinion" (an
    `Opinion` as a mapping), "convention" (which images and opinions were used) and "columns": for each metric its
    higher_is_better (None: not known) and protocol, in words. References come from the table, from the names of images,
    or for LIVE and LIVE-MD from <data root>/labels; those of LIVE's reference copies are not known and are missing
    values (<NA>). An AbsentDataError where a table is missing, a DataError where it is cut off.
    """
    import pandas as pd

    if name not in PUBLISHED:
        raise DataError(f"no published scores on {name!r}; known: {', '.join(PUBLISHED)}")
    known = PUBLISHED[name]
    rows, scores = _read(known)
    columns = {
        "data_set": known.data_set,
        "reference": pd.array([row.reference or None for row in rows], dtype="string"),
        "distorted": [row.distorted for row in rows],
        "distortion": [row.distortion for row in rows],
        "level": pd.array([row.level for row in rows], dtype="Int64"),
        "opinion": [row.opinion for row in rows],
    }
    images = pd.DataFrame(columns)
    described = {column: known.columns.get(column, Column()) for column in scores}
    shown = {column: each.name or column for column, each in described.items()}
    tables = [images.assign(metric=shown[column], score=values, problem="") for column, values in scores.items()]
    table = pd.concat(tables, ignore_index=True)[list(SCORE_COLUMNS)]
    opinion: Opinion = RATED[known.data_set].opinion
    table.attrs = {
        "source": known.source,
        "opinion": dict(vars(opinion)),
        "convention": known.convention,
        "columns": {shown[column]: (each.higher_is_better, each.protocol) for column, each in described.items()},
    }
    return table


def _read(known: Published) -> tuple[list[Row], dict[str, list[float]]]:
    """The images of a table, and each metric's scores in their order."""
    folder = data_root() / known.folder
    for path in (folder / file for file in (known.file, known.names) if file):
        if not path.is_file():
            raise availability.missing(TABLES[known.folder], f"there is no file {path}")
    lines, scores = _read_lists(known, folder) if known.names else _read_table(known, folder / known.file)
    if len(lines) != known.rows:
        raise DataError(f"{folder / known.file} has {len(lines)} of {known.rows} rows; get the table again")
    a, b = known.opinion_affine
    if (a, b) != (0, 1):  # rounded, since 100 - (100 - 5.51429) is no longer 5.51429
        lines = [replace(line, opinion=round(a + b * line.opinion, 5)) for line in lines]
    listed = labels.read(known.data_set) if known.data_set in ("live", "live-md") else []
    by_name = {row.distorted: row for row in listed}
    return [_row(known.data_set, line, by_name) for line in lines], scores


def _read_table(known: Published, path: Path) -> tuple[list[_Line], dict[str, list[float]]]:
    lines = []
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        fields = reader.fieldnames or ()
        image = "name" if "name" in fields else "distorted"
        if absent := [column for column in (image, known.opinion) if column not in fields]:
            raise DataError(f"{path} has no column {absent[0]}; get the table again")
        scores: dict[str, list[float]] = {column: [] for column in fields if column not in _ABOUT}
        for line in reader:
            where = f"{path.name} line {reader.line_num}"
            opinion = number(line[known.opinion], where)
            lines.append(_Line(line[image].lower(), opinion, (line.get("reference") or "").lower(), where))
            for column, values in scores.items():
                a, b = known.columns.get(column, Column()).affine
                values.append(a + b * number(line[column], where, "score"))
    return lines, scores


def _read_lists(known: Published, folder: Path) -> tuple[list[_Line], dict[str, list[float]]]:
    """Two text files: a score a line, and an opinion and the image's name (in either order) a line."""
    lines = []
    for count, line in enumerate(_lines(folder / known.names), 1):
        where = f"{known.names} line {count}"
        words = line.split()
        images = [word for word in words if word.lower().endswith((".bmp", ".png"))]
        if len(words) != 2 or len(images) != 1:
            raise DataError(f"{where}: expected an opinion and a file name, got {line[:60]!r}; get the file again")
        (opinion,) = (word for word in words if word not in images)
        lines.append(_Line(images[0].lower().rpartition("/")[2], number(opinion, where), "", where))
    values = [
        number(line, f"{known.file} line {count}", "score") for count, line in enumerate(_lines(folder / known.file), 1)
    ]
    if len(values) != len(lines):
        raise DataError(f"{known.file} has {len(values)} scores, {known.names} {len(lines)} images; get both again")
    (metric,) = known.columns
    return lines, {metric: values}


def _lines(path: Path) -> list[str]:
    return [line for line in text(path).splitlines() if line.strip()]


def _row(data_set: str, line: _Line, listed: dict[str, Row]) -> Row:
    name, opinion, where = line.name, line.opinion, line.where
    if data_set == "live":
        folder, image = parts(name, r"([a-z0-9]+)[_/](img\d+\.bmp)", where)
        key = f"{folder}/{image}"
        known = listed.get(key)
        reference = line.reference or (known.reference if known else "")
        return Row(reference, key, opinion, live.FOLDERS[folder][0], None, (), (), known is None)
    if data_set == "live-md":
        key = "/".join(name.split("/")[-2:])
        if key not in listed:
            raise DataError(f"{where}: {name!r} is no image of this set")
        return replace(listed[key], opinion=opinion)
    if data_set == "csiq":
        reference, kind, level = parts(name, r"(.+)\.(\w+)\.(\d)\.png", where)
        return csiq.row(reference, kind, int(level), opinion)
    if data_set == "kadid-10k":
        return kadid_10k.row(name, opinion, where)
    if data_set == "pipal":
        return pipal.row(name, opinion, where)
    return tid2013.row(name, opinion, where)
