"""The papers' own numbers and statements, read from the folders of replication/papers/.

A folder with a paper.toml is a paper: its title and source, its tables with their tolerances, its claims. Beside it
is one CSV file per table in long form: row, column, statistic, value, source, note. The order of papers is that of
`position`, the order of rows that of print; both are the order of the reports.
"""

import csv
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

KEY = ["paper", "table", "row", "column", "statistic"]
VALUE_COLUMNS = [*KEY, "value", "source", "note"]
CLAIM_KEY = ["paper", "claim"]
KINDS = ("printed", "derived")

_FIELDS: Mapping[str, tuple[str, ...]] = {  # of each part of paper.toml; the first is required
    "paper": ("title", "authors", "venue", "identifier", "note"),
    "table": ("name", "title", "note"),
    "claim": ("name", "statement", "source", "kind", "rule", "fixed"),
    "tolerance": ("statistic", "scale", "reproduced", "close", "reason"),
    "picture": ("page", "heading", "shows"),
}
_PARTS = ("position", "picture", "tables", "claims")


class PublishedError(ValueError):
    """A paper's folder that cannot be read, or a key that no paper printed; the message names it."""


def papers(folder: Path | None = None) -> pd.DataFrame:
    """One row per paper: paper (its folder's name), title, authors, venue, identifier, note."""
    rows = [{"paper": name, **_fields(paper, "paper", name)} for name, paper in _papers(folder).items()]
    return pd.DataFrame(rows, columns=["paper", *_FIELDS["paper"]])


def pictures(folder: Path | None = None) -> dict[str, dict[str, str]]:
    """The picture that stands for a paper, where it has one: paper -> page, heading, shows."""
    return {
        name: _fields(paper["picture"], "picture", name)
        for name, paper in _papers(folder).items()
        if "picture" in paper
    }


def tables(folder: Path | None = None) -> pd.DataFrame:
    """One row per published table: paper, table, title, note."""
    rows = [(paper, *_fields(table, "table", paper).values()) for paper, table in _all("tables", folder)]
    return pd.DataFrame(rows, columns=["paper", "table", "title", "note"])


def claims(paper: str | None = None, *, folder: Path | None = None) -> pd.DataFrame:
    """Statements that data can confirm or refute: paper, claim, statement, source, kind, rule, fixed.

    kind: "printed", a sentence of the paper, or "derived", our reading of its numbers. rule: how the verdict is
    reached. fixed: the date on which the rule was fixed, before the numbers that it judges.
    """
    rows = []
    for name, claim in _all("claims", folder):
        fields = _fields(claim, "claim", name)
        if fields["kind"] not in KINDS:
            raise PublishedError(
                f"{name}/paper.toml, claim {claim['name']}: kind must be {' or '.join(map(repr, KINDS))}"
            )
        if bool(fields["rule"]) != isinstance(fields["fixed"], date):
            raise PublishedError(
                f"{name}/paper.toml, claim {claim['name']}: a rule needs the date on which it was fixed"
            )
        rows.append((name, *map(str, fields.values())))
    frame = pd.DataFrame(rows, columns=[*CLAIM_KEY, *_FIELDS["claim"][1:]])
    _check_unique(frame, CLAIM_KEY, "claims")
    return _select(frame, paper=paper)


def tolerances(folder: Path | None = None) -> pd.DataFrame:
    """Tolerances for 'reproduced' and 'close' (paper, table, statistic, scale, reproduced, close, reason).

    `scale` is 'absolute' (thresholds in units of the value) or 'relative' (fractions of the published value).
    """
    rows = []
    for paper, table in _all("tables", folder):
        for tolerance in table.get("tolerances", ()):
            fields = _fields(tolerance, "tolerance", paper)
            if fields["scale"] not in ("absolute", "relative"):
                raise PublishedError(
                    f"{paper}/paper.toml, table {table['name']}: scale must be 'absolute' or 'relative'"
                )
            rows.append({"paper": paper, "table": table["name"], **fields})
    frame = pd.DataFrame(rows, columns=["paper", "table", *_FIELDS["tolerance"]])
    return frame.astype({"reproduced": float, "close": float})


def values(paper: str | None = None, table: str | None = None, *, folder: Path | None = None) -> pd.DataFrame:
    """Published values, in the order of print.

    Columns: paper, table, row, column, statistic, value (float), printed (the value as printed, whose decimals show how
    it was rounded), source, note. Unknown paper or table: PublishedError listing the known ones.
    """
    frames = [
        _read_values((folder or _folder()) / name / f"{listed['name']}.csv", name, listed["name"])
        for name, listed in _all("tables", folder)
    ]
    columns = [*KEY, "value", "printed", "source", "note"]
    everything = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
    return _select(everything, paper=paper, table=table)


def rounding(printed: str) -> float:
    """Half a unit of the last printed digit: '0.8097' -> 0.00005. The true value lies within it of the printed one."""
    decimals = len(printed.partition(".")[2])
    return 0.5 * 10.0**-decimals


def near(key: str, known: list[str], count: int = 3) -> str:
    """The known keys most like `key`, for an error message."""
    return "; ".join(difflib.get_close_matches(key, known, n=count, cutoff=0.0))


def _papers(folder: Path | None) -> dict[str, dict[str, Any]]:
    """Content of every paper.toml by the name of its folder, in the order of `position`."""
    found = {path.parent.name: _parse_toml(path) for path in sorted((folder or _folder()).glob("*/paper.toml"))}
    for name, paper in found.items():
        if unknown := [key for key in paper if key not in (*_FIELDS["paper"], *_PARTS)]:
            known = ", ".join((*_FIELDS["paper"], *_PARTS))
            raise PublishedError(f"{name}/paper.toml has an unknown entry {unknown[0]!r}; known: {known}")
    return dict(sorted(found.items(), key=lambda item: (item[1].get("position", len(found)), item[0])))


def _all(part: str, folder: Path | None) -> Iterable[tuple[str, dict[str, Any]]]:
    """(paper, entry) for every entry of a list in the papers' files."""
    return [(name, entry) for name, paper in _papers(folder).items() for entry in paper.get(part, ())]


def _fields(entry: Mapping[str, Any], kind: str, paper: str) -> dict[str, Any]:
    """The fields of an entry in order, texts that are missing as empty ones."""
    first, *_ = names = _FIELDS[kind]
    if first not in entry:
        raise PublishedError(f"{paper}/paper.toml: a {kind} lacks {first!r}")
    return {name: entry.get(name, "") for name in names}


def _select(frame: pd.DataFrame, **keys: str | None) -> pd.DataFrame:
    for column, wanted in keys.items():
        if wanted is None:
            continue
        known = list(dict.fromkeys(frame[column]))
        if wanted not in known:
            raise PublishedError(f"no published {column} {wanted!r}; known: {', '.join(known)}")
        frame = frame[frame[column] == wanted]
    return frame.reset_index(drop=True)


def _folder() -> Path:
    return Path(str(resources.files("replication") / "papers"))


@cache
def _parse_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PublishedError(f"{path.parent.name}/paper.toml is no TOML file: {error}") from None


def _read_values(path: Path, paper: str, table: str) -> pd.DataFrame:
    frame = _parse_csv(path).copy()
    frame.insert(0, "paper", paper)
    frame.insert(1, "table", table)
    _check_unique(frame, KEY, f"{paper}/{path.name}")
    numbers = pd.to_numeric(frame["value"], errors="coerce")
    if numbers.isna().any():
        raise PublishedError(f"{paper}/{path.name}: {frame['value'][numbers.isna()].iloc[0]!r} is not a number")
    frame.insert(len(KEY) + 1, "printed", frame["value"])
    frame["value"] = numbers.astype(float)
    return frame


@cache
def _parse_csv(path: Path) -> pd.DataFrame:
    columns, where = VALUE_COLUMNS[2:], f"{path.parent.name}/{path.name}"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except FileNotFoundError:
        raise PublishedError(f"{where} is missing, which paper.toml lists as a table") from None
    if not rows or rows[0] != columns:
        found = ", ".join(rows[0]) if rows else "none"
        raise PublishedError(f"{where}: the columns must be {', '.join(columns)}, found {found}")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(columns):
            raise PublishedError(f"{where}, line {number}: {len(row)} fields where {len(columns)} are wanted")
    return pd.DataFrame(rows[1:], columns=columns, dtype=str)


def _check_unique(frame: pd.DataFrame, key: list[str], where: str) -> None:
    repeated = frame.duplicated(key)
    if repeated.any():
        raise PublishedError(f"{where}: {' / '.join(frame.loc[repeated, key].iloc[0])} stands there twice")
