"""A set of one's own: a CSV with columns reference, distorted, opinion and, optionally, distortion and level."""

import codecs
import csv
import io
import math
import posixpath
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from replication.datasets.errors import DataError
from replication.datasets.iqa.listing import Row, number
from replication.files import read_regular

COLUMNS = ("reference", "distorted", "opinion")
_KNOWN = (*COLUMNS, "distortion", "level")
_PATH = 4096  # characters: what systems allow


def read(path: Path, *, opinions: bool = True) -> list[Row]:
    """The rows in their order; reference and distorted are paths relative to the CSV, "./a.png" being "a.png".

    opinions: whether every row must have one; without, those that have none get NaN.

    The file is UTF-8, with or without a byte-order mark, or UTF-16 with one (Excel's "Unicode text"). Fields are
    separated by commas and numbers have a decimal point. A DataError names the line and the column of whatever cannot
    be read in exactly one way.
    """
    names, lines = table(path)
    _check_header(path, names, COLUMNS if opinions else COLUMNS[:2])
    rows = []
    for where, fields in lines:
        values = dict(zip(names, fields, strict=True))
        rows.append(
            Row(
                _image(values["reference"], f"{where}, column reference"),
                _image(values["distorted"], f"{where}, column distorted"),
                _opinion(values.get("opinion", ""), f"{where}, column opinion", opinions),
                values.get("distortion", ""),
                _level(values.get("level", ""), f"{where}, column level"),
                (),
                (),
            )
        )
    if not rows:
        raise DataError(f"{path} has no rows below the names of its columns")
    return rows


def table(path: Path) -> tuple[list[str], Iterator[tuple[str, list[str]]]]:
    """The names of a CSV file's columns, and (file and number of the line, fields) of the others that are not empty.

    Encodings as for `read`. Raises DataError for two columns of one name, and, when it comes to it, for a line that has
    another number of fields or cannot be read.
    """
    lines = _lines(path)
    _, header = next(lines, ("", []))
    names = [name.strip() for name in header]
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise DataError(f"{path} has two columns named {twice[0]!r}; keep one of them")
    return names, _complete(lines, names)


def separator_hint(names: Sequence[str]) -> str:
    """The end of a message about missing columns, where the header looks as if its fields were separated otherwise."""
    separated = len(names) == 1 and re.search("[;\t]", names[0])
    return "; fields must be separated by commas" if separated else ""


def _complete(lines: Iterator[tuple[str, list[str]]], names: list[str]) -> Iterator[tuple[str, list[str]]]:
    for where, fields in lines:
        if len(fields) != len(names):
            raise DataError(f"{where}: {_wrong_count(fields, names)}")
        yield where, fields


def _lines(path: Path) -> Iterator[tuple[str, list[str]]]:
    """(file and number of the line, fields) of every line that is not empty."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:  # a field of 131,072 characters or more, a quotation mark that is never closed
            raise DataError(f"{path.name} line {reader.line_num}: {error}; the file is damaged, or no CSV") from None
        if fields is None:
            return
        if fields:
            yield f"{path.name} line {reader.line_num}", fields


def _text(path: Path) -> str:
    try:
        data = read_regular(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:  # a folder, a FIFO, no permission
        raise DataError(f"{path}: {error.strerror}") from None
    try:
        text = data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path.name} line {line}: the byte 0x{data[error.start]:02x} is no {error.encoding.upper()} text; "
            "save the table as CSV in UTF-8"
        ) from None
    if "\0" in text:
        raise DataError(f"{path.name} holds zero bytes, as no text does; save the table as CSV in UTF-8")
    return text


def _check_header(path: Path, names: list[str], wanted: Sequence[str]) -> None:
    if absent := [column for column in wanted if column not in names]:
        raise DataError(
            f"{path}: no column {' and no column '.join(absent)}; wanted are {' and '.join(wanted)}, "
            f"and, optionally, {', '.join(name for name in _KNOWN if name not in wanted)}{separator_hint(names)}"
        )


def _wrong_count(fields: list[str], names: list[str]) -> str:
    """Describe what is wrong with a line of too many or too few fields."""
    if len(fields) < len(names):
        return f"{len(fields)} fields, where the header names {len(names)} columns; {names[len(fields)]!r} is missing"
    whole = next(
        (pair for pair in pairwise(fields) if all(re.fullmatch(r"\s*-?[0-9]{1,9}\s*", field) for field in pair)), None
    )
    hint = "; if {},{} is one number, write it as {}.{}".format(*map(str.strip, whole * 2)) if whole else ""
    return f"{len(fields)} fields, where the header names {len(names)} columns{hint}"


def _image(name: str, where: str) -> str:
    """A path in its shortest form, so that an image has one name."""
    if not name.strip():
        raise DataError(f"{where}: there is no name of an image")
    if len(name) > _PATH:
        raise DataError(f"{where}: a name of {len(name):,} characters is no path of an image")
    return posixpath.normpath(name)


def _opinion(text: str, where: str, required: bool) -> float:
    return number(text, where, advice="") if required or text.strip() else math.nan


def _level(text: str, where: str) -> int | None:
    text = text.strip()
    if text and not re.fullmatch(r"[0-9]{1,9}", text):
        raise DataError(f"{where}: the level {text[:40]!r} is no whole number")
    return int(text) if text else None
