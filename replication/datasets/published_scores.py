"""Scores that authors published image by image, as score tables beside those computed here."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from replication.datasets import availability
from replication.datasets.catalogue import RATED, TABLES, csiq, kadid_10k, live, pipal, tid2013
from replication.datasets.entries import Opinion
from replication.datasets.errors import DataError
from replication.datasets.iqa import labels
from replication.datasets.iqa.listing import Row, number, parts
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
_DEEP = "per-image results of DeepWSD and DeepJSD published by their authors, https://github.com/Buka-Xing/DeepWSD"
_NOT_METRICS = {"name", "image", "distortion", "level", "MOS", "MOS_std", "distorted", "opinion_score"}
_RENAMED = {"SSIM": "SSIM (not standard)"}  # its values are not those of standard SSIM


@dataclass(frozen=True)
class _Published:
    file: str
    data_set: str
    opinion_column: str
    source: str
    rows: int
    convention: str


_KNOWN = {
    "live": _Published(
        "live.csv",
        "live",
        "opinion_score",
        _DEEP,
        982,
        "982 rows: 203 of them are undistorted copies of references, with opinion 0, each counted as a reference of "
        "its own, since the table does not name it; opinions are LIVE's DMOS before realignment",
    ),
    "csiq": _Published(
        "csiq.csv",
        "csiq",
        "opinion_score",
        _DEEP,
        750,
        "750 of 866 images: contrast decrements left out; opinions rounded to 3 decimals",
    ),
    "tid2013": _Published("tid2013.csv", "tid2013", "opinion_score", _DEEP, 3000, "all 3,000 images"),
    "kadid-10k": _Published("kadid-10k.csv", "kadid-10k", "opinion_score", _DEEP, 10125, "all 10,125 images"),
    "pipal": _Published("pipal.csv", "pipal", "opinion_score", _DEEP, 23200, "all 23,200 images of the training part"),
    "tid2013-classical": _Published(
        "tid2013_classical_metrics.csv",
        "tid2013",
        "MOS",
        "per-image results of classical metrics on TID2013 in a public table",
        3000,
        "all 3,000 images; the column SSIM is not standard SSIM and is named so",
    ),
}


def published_scores(name: str) -> "pd.DataFrame":
    """The published scores on one set, long-form: one row for every image and metric, in the order of the file.

    name: "live", "csiq", "tid2013", "kadid-10k", "pipal" (DeepWSD and DeepJSD with VGG and SqueezeNet), or
    "tid2013-classical" (MSE, RMSE, PSNR, SNR, WSNR, NQM, UQI, MSSIM, VIF, CQ(1,1), GMSM, GMSD, and an SSIM that is not
    the standard one).

    Columns data_set, reference, distorted, distortion, level, opinion, metric, score, problem, images named as in
    `datasets.load`. `.attrs` holds "source", "opinion" (an `Opinion` as a mapping) and "convention": which images and
    opinions were used. The references of LIVE come from <data root>/labels; those of its reference copies are not known
    and are missing values (<NA>). An AbsentDataError where a table is missing, a DataError where it is cut
    off.
    """
    import pandas as pd

    if name not in _KNOWN:
        raise DataError(f"no published scores on {name!r}; known: {', '.join(_KNOWN)}")
    known = _KNOWN[name]
    path = data_root() / TABLES["published-scores"].folder / known.file
    rows, scores = _read(path, known)
    columns = {
        "data_set": known.data_set,
        "reference": pd.array([row.reference or None for row in rows], dtype="string"),
        "distorted": [row.distorted for row in rows],
        "distortion": [row.distortion for row in rows],
        "level": pd.array([row.level for row in rows], dtype="Int64"),
        "opinion": [row.opinion for row in rows],
    }
    images = pd.DataFrame(columns)
    tables = [images.assign(metric=metric, score=values, problem="") for metric, values in scores.items()]
    table = pd.concat(tables, ignore_index=True)[list(SCORE_COLUMNS)]
    opinion: Opinion = RATED[known.data_set].opinion
    table.attrs = {"source": known.source, "opinion": dict(vars(opinion)), "convention": known.convention}
    return table


def _read(path: Path, known: _Published) -> tuple[list[Row], dict[str, list[float]]]:
    """The images of a table, and each metric's scores in their order."""
    if not path.is_file():
        raise availability.missing(TABLES["published-scores"], f"there is no file {path}")
    references = {row.distorted: row for row in labels.read("live")} if known.data_set == "live" else {}
    rows: list[Row] = []
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        metrics = [column for column in reader.fieldnames or () if column not in _NOT_METRICS]
        scores: dict[str, list[float]] = {_RENAMED.get(metric, metric): [] for metric in metrics}
        image = "name" if "name" in (reader.fieldnames or ()) else "distorted"
        if absent := [column for column in (image, known.opinion_column) if column not in (reader.fieldnames or ())]:
            raise DataError(f"{path} has no column {absent[0]}; get the table again")
        for line in reader:
            where = f"{path.name} line {reader.line_num}"
            rows.append(
                _row(known.data_set, line[image].lower(), number(line[known.opinion_column], where), where, references)
            )
            for metric in metrics:
                scores[_RENAMED.get(metric, metric)].append(number(line[metric], where, "score"))
    if len(rows) != known.rows:
        raise DataError(f"{path} has {len(rows)} of {known.rows} rows; get the table again")
    return rows, scores


def _row(data_set: str, name: str, opinion: float, where: str, references: dict[str, Row]) -> Row:
    if data_set == "live":
        folder, image = parts(name, r"([a-z0-9]+)_(img\d+\.bmp)", where)
        key = f"{folder}/{image}"
        known = references.get(key)
        return Row(known.reference if known else "", key, opinion, live.FOLDERS[folder][0], None, (), (), known is None)
    if data_set == "csiq":
        reference, kind, level = parts(name, r"(.+)\.(\w+)\.(\d)\.png", where)
        return csiq.row(reference, kind, int(level), opinion)
    if data_set == "kadid-10k":
        return kadid_10k.row(name, opinion, where)
    if data_set == "pipal":
        return pipal.row(name, opinion, where)
    return tid2013.row(name, opinion, where)
