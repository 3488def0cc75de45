"""The published opinions of a set, without the opinions: a short hash of every published row.

A fingerprint is the first 24 bits of the SHA-256 of "distorted reference score", names in lower case, the score as an
integer number of units of the last digit that the official files and the published labels share (`Rated.precision`). A
row of a set must have one of its reference's fingerprints: an altered score, a changed reference or an invented image
has none (except by chance, one in 100,000). Fewer rows than fingerprints are an incomplete list. Where the sources
round differently, a score may be one unit off.
"""

import base64
import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from replication.datasets.entries import Rated
from replication.datasets.iqa.listing import Row
from replication.files import atomic_write_text

FOLDER = Path(__file__).parent / "fingerprints"

_LENGTH = 4  # characters of base64, 24 bits


@dataclass(frozen=True)
class Comparison:
    """Rows that are not as published, by name; and of each reference with too few rows, (how many, of how many)."""

    altered: tuple[str, ...]
    short: Mapping[str, tuple[int, int]]


@cache
def read(name: str) -> Mapping[str, frozenset[str]]:
    """The fingerprints of a set, by reference."""
    with open(FOLDER / f"{name}.csv", encoding="utf-8", newline="") as file:
        return {line["reference"]: frozenset(_split(line["fingerprints"])) for line in csv.DictReader(file)}


def compare(entry: Rated, rows: Sequence[Row]) -> Comparison:
    """The rows, without reference copies, compared with what was published of the set."""
    known = read(entry.name)
    _, slack = _precision(entry)
    altered = tuple(
        row.distorted
        for row in rows
        if not any(_fingerprint(entry, row, step) in known.get(row.reference, ()) for step in range(-slack, slack + 1))
    )
    found = Counter(row.reference for row in rows)
    short = {
        reference: (found[reference], len(prints))
        for reference, prints in known.items()
        if found[reference] < len(prints)
    }
    return Comparison(altered, short)


def write(entry: Rated, rows: Sequence[Row]) -> Path:
    """Make the fingerprints of a set from its published rows, once, when the set is added."""
    by_reference: dict[str, list[str]] = {}
    for row in rows:
        by_reference.setdefault(row.reference, []).append(_fingerprint(entry, row))
    text = io.StringIO()
    lines = [(reference, "".join(sorted(prints))) for reference, prints in sorted(by_reference.items())]
    csv.writer(text, lineterminator="\n").writerows([("reference", "fingerprints"), *lines])
    atomic_write_text(FOLDER / f"{entry.name}.csv", text.getvalue())
    return FOLDER / f"{entry.name}.csv"


def _precision(entry: Rated) -> tuple[int, int]:
    if entry.precision is None:
        raise ValueError(f"the entry {entry.name!r} has no precision, which fingerprints need")
    return entry.precision


def _fingerprint(entry: Rated, row: Row, step: int = 0) -> str:
    decimals, _ = _precision(entry)
    units = round(row.opinion * 10**decimals) + step
    digest = hashlib.sha256(f"{row.distorted} {row.reference} {units}".encode()).digest()
    return base64.urlsafe_b64encode(digest[: _LENGTH * 3 // 4]).decode()


def _split(prints: str) -> list[str]:
    return [prints[at : at + _LENGTH] for at in range(0, len(prints), _LENGTH)]
