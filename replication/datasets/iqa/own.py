"""A set of one's own: a CSV with columns reference, distorted, opinion and, if there are any, distortion, level."""

import csv
from pathlib import Path

from replication.datasets.errors import DataError
from replication.datasets.iqa.listing import Row, number

COLUMNS = ("reference", "distorted", "opinion")


def read(path: Path) -> list[Row]:
    """The rows in their order; reference and distorted as they stand there, which is relative to the CSV."""
    rows = []
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if absent := [column for column in COLUMNS if column not in (reader.fieldnames or ())]:
            raise DataError(
                f"{path}: no column {' and no column '.join(absent)}; wanted are reference, distorted and opinion, "
                "and if there are any, distortion and level"
            )
        for line in reader:
            where = f"{path.name} line {reader.line_num}"
            if not line["reference"] or not line["distorted"]:
                raise DataError(f"{where}: no reference or no distorted image")
            level = (line.get("level") or "").strip()
            if level and not level.isdigit():
                raise DataError(f"{where}: the level {level!r} is no whole number")
            rows.append(
                Row(
                    line["reference"],
                    line["distorted"],
                    number(line["opinion"], where, advice=""),
                    line.get("distortion") or "",
                    int(level) if level else None,
                    (),
                    (),
                )
            )
    if not rows:
        raise DataError(f"{path} has no rows below the names of its columns")
    return rows
