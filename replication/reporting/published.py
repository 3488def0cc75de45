"""The papers' own numbers and statements, read from replication/published/.

One CSV file per published table in long form (paper, table, row, column, statistic, value, source, note), and beside
them papers.csv, tables.csv, claims.csv and tolerances.csv. Adding a table is adding <paper>_<table>.csv, its row in
tables.csv and its tolerances. The order of rows is the order of the reports.
"""

import csv
import difflib
from functools import cache
from importlib import resources
from pathlib import Path

import pandas as pd

KEY = ["paper", "table", "row", "column", "statistic"]
VALUE_COLUMNS = [*KEY, "value", "source", "note"]
CLAIM_KEY = ["paper", "claim"]
_FILES = {  # columns, and those that together must be unique
    "papers.csv": (["paper", "title", "authors", "venue", "identifier", "note"], ["paper"]),
    "tables.csv": (["paper", "table", "title", "note"], ["paper", "table"]),
    "claims.csv": ([*CLAIM_KEY, "statement", "source"], CLAIM_KEY),
    "tolerances.csv": (
        ["paper", "table", "statistic", "scale", "reproduced", "close", "reason"],
        ["paper", "table", "statistic"],
    ),
}


class PublishedError(ValueError):
    """A published table that cannot be read, or a key that no paper printed; the message names it."""


def papers() -> pd.DataFrame:
    """One row per paper: paper, title, authors, venue, identifier, note."""
    return _read("papers.csv")


def tables() -> pd.DataFrame:
    """One row per published table: paper, table, title, note."""
    return _read("tables.csv")


def claims(paper: str | None = None) -> pd.DataFrame:
    """Statements that data can confirm or refute: paper, claim, statement, source."""
    return _select(_read("claims.csv"), paper=paper)


def tolerances() -> pd.DataFrame:
    """How near counts as 'reproduced' and 'close' (paper, table, statistic, scale, reproduced, close, reason).

    `scale` is 'absolute' (thresholds in units of the value) or 'relative' (fractions of the published value).
    """
    frame = _read("tolerances.csv")
    for column in ("reproduced", "close"):
        frame[column] = _numbers(frame[column], f"tolerances.csv, column {column!r}")
    if not frame["scale"].isin(["absolute", "relative"]).all():
        raise PublishedError("tolerances.csv: scale must be 'absolute' or 'relative'")
    return frame


def values(paper: str | None = None, table: str | None = None, *, folder: Path | None = None) -> pd.DataFrame:
    """Published values, in the order of print.

    Columns: paper, table, row, column, statistic, value (float), printed (the value as printed, whose decimals tell how
    it was rounded), source, note. Unknown paper or table: PublishedError listing the known ones.
    """
    folder = folder or _folder()
    listed = _read("tables.csv", folder)
    frames = []
    for paper_, table_ in zip(listed["paper"], listed["table"], strict=True):
        name = f"{paper_}_{table_}.csv"
        frame = _read_csv(folder / name, VALUE_COLUMNS, KEY)
        if set(zip(frame["paper"], frame["table"], strict=True)) != {(paper_, table_)}:
            raise PublishedError(f"{name}: every row must have paper {paper_!r} and table {table_!r}")
        frame.insert(len(KEY) + 1, "printed", frame["value"])
        frame["value"] = _numbers(frame["printed"], name)
        frames.append(frame)
    return _select(pd.concat(frames, ignore_index=True), paper=paper, table=table)


def rounding(printed: str) -> float:
    """Half a unit of the last printed digit: '0.8097' -> 0.00005. The true value lies within it of the printed one."""
    decimals = len(printed.partition(".")[2])
    return 0.5 * 10.0**-decimals


def near(key: str, known: list[str], count: int = 3) -> str:
    """The known keys most like `key`, for an error message."""
    return "; ".join(difflib.get_close_matches(key, known, n=count, cutoff=0.0))


def _select(frame: pd.DataFrame, **keys: str | None) -> pd.DataFrame:
    for column, wanted in keys.items():
        if wanted is None:
            continue
        known = list(dict.fromkeys(frame[column]))
        if wanted not in known:
            raise PublishedError(f"no published {column} {wanted!r}; known: {', '.join(known)}")
        frame = frame[frame[column] == wanted]
    return frame.reset_index(drop=True)


def _numbers(texts: pd.Series, where: str) -> pd.Series:
    numbers = pd.to_numeric(texts, errors="coerce")
    if numbers.isna().any():
        raise PublishedError(f"{where}: {texts[numbers.isna()].iloc[0]!r} is not a number")
    return numbers.astype(float)


def _folder() -> Path:
    return Path(str(resources.files("replication") / "published"))


def _read(name: str, folder: Path | None = None) -> pd.DataFrame:
    return _read_csv((folder or _folder()) / name, *_FILES[name])


def _read_csv(path: Path, columns: list[str], unique: list[str]) -> pd.DataFrame:
    return _parse(path, tuple(columns), tuple(unique)).copy()


@cache
def _parse(path: Path, columns: tuple[str, ...], unique: tuple[str, ...]) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except FileNotFoundError:
        raise PublishedError(f"{path.name} is missing from the published tables in {path.parent}") from None
    if not rows or tuple(rows[0]) != columns:
        raise PublishedError(
            f"{path.name}: the columns must be {', '.join(columns)}, found {', '.join(rows[0]) if rows else 'none'}"
        )
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(columns):
            raise PublishedError(f"{path.name}, line {number}: {len(row)} fields where {len(columns)} are wanted")
    frame = pd.DataFrame(rows[1:], columns=list(columns), dtype=str)
    repeated = frame.duplicated(list(unique))
    if repeated.any():
        raise PublishedError(f"{path.name}: {' / '.join(frame.loc[repeated, list(unique)].iloc[0])} stands there twice")
    return frame
