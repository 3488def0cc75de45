"""The published opinions in <data root>/labels, one CSV for each set, as rows with the official names."""

import csv
from pathlib import Path

from replication.datasets import availability
from replication.datasets.catalogue import TABLES, csiq, kadid_10k, live, live_md, pipal, tid2013
from replication.datasets.errors import DataError
from replication.datasets.iqa.listing import Row, number, parts
from replication.project import data_root

FILES = {
    "live": "LIVE.csv",
    "live-md": "LIVE_MD.csv",
    "csiq": "CSIQ.csv",
    "tid2008": "TID2008.csv",
    "tid2013": "TID2013.csv",
    "kadid-10k": "KADID-10k.csv",
    "pipal": "PIPAL.csv",
}


def read(name: str, folder: Path | None = None) -> list[Row]:
    """The published rows of a set, in the order of the file: 779 of LIVE, without reference copies."""
    if name not in FILES:
        raise DataError(f"there are no published labels of {name!r}; known: {', '.join(FILES)}")
    path = (folder or data_root() / TABLES["labels"].folder) / FILES[name]
    if not path.is_file():
        raise availability.missing(TABLES["labels"], f"there is no file {path}")
    rows = []
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        for line in reader:
            where = f"{path.name} line {reader.line_num}"
            if None in line.values():
                raise DataError(f"{where}: the line is cut off; get the table again")
            made = _row(name, line["dis_img_path"].lower(), line["ref_img_path"].lower(), line["score"], where)
            if made.reference != line["ref_img_path"].lower().rpartition("/")[2]:
                raise DataError(f"{where}: {line['dis_img_path']} with the reference {line['ref_img_path']}")
            rows.append(made)
    return rows


def _row(name: str, path: str, reference_path: str, score: str, where: str) -> Row:
    folder, file = path.split("/")[-2:]
    opinion = number(score, where)
    reference = reference_path.rpartition("/")[2]
    if name == "live":
        return Row(reference, f"{folder}/{file}", opinion, live.FOLDERS[folder][0], None, (), ())
    if name == "live-md":
        return Row(reference, f"{folder}/{file}", opinion, *live_md.multiple_distortion(file, where), (), ())
    if name == "csiq":
        image, kind, level = parts(file, r"(.+)\.(\w+)\.(\d)\.png", where)
        return csiq.row(image, kind, int(level), opinion)
    if name == "kadid-10k":
        return kadid_10k.row(file, opinion, where)
    if name == "pipal":
        return pipal.row(file, opinion, where)
    return tid2013.row(file, opinion, where)
