"""Tables of scores and opinions, ours or other people's: a CSV file to a `Scored`, and where directions come from."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from replication.datasets.entries import Opinion
from replication.datasets.iqa import own
from replication.datasets.iqa.listing import number
from replication.metrics.names import nearest
from replication.scoring.about import direction_of
from replication.scoring.errors import ScoringError
from replication.scoring.scored import MetricFacts, Scored
from replication.scoring.wide import COLUMNS, IMAGE

Origin = Literal["option", "registry", "sign"]

_OPINION = {"opinion": "MOS", "mos": "MOS", "dmos": "DMOS"}  # name of the column -> kind
_ABSENT = {"", "nan", "na", "n/a", "null", "none"}
_INFINITE = {"inf": math.inf, "+inf": math.inf, "infinity": math.inf, "-inf": -math.inf, "-infinity": -math.inf}


@dataclass(frozen=True)
class Directions:
    """Metrics, by their labels in the table, by which more is better, and by which less is, as the user gives them."""

    higher: Sequence[str] = ()
    lower: Sequence[str] = ()


@dataclass(frozen=True)
class ScoreTable:
    """scored: the scores of images that have an opinion. origins: where each metric's direction comes from: an option,
    this package's metric of that name, or nowhere, so that only the size of a correlation can be given.

    notes: sentences about what was left out.
    """

    scored: Scored
    origins: Mapping[str, Origin]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Columns:
    """Numbers of the columns by their meaning; `metrics` are the columns of scores of a wide table, by label."""

    known: Mapping[str, int]
    kind: str
    metrics: Mapping[str, int]

    @property
    def long(self) -> bool:
        return "metric" in self.known


def read(
    file: Path, *, dmos: bool = False, metrics: Sequence[str] = (), directions: Directions | None = None
) -> ScoreTable:
    """Read a CSV file with opinions and scores.

    Two forms: a row for each score with columns metric and score, and a row for each image with a column of scores for
    each metric, whatever its name. Columns of both, in any order and case: opinion (also named mos or dmos), and, if
    there are any, reference, distorted, distortion, data_set. Without reference every image counts as independent.
    dmos: lower opinions are better; a column named dmos says the same. metrics: labels to read, all where none are
    given. directions: of metrics, in place of what this package knows.

    Opinions and scores may be missing; infinite scores keep their rank. Raises DataError or ScoringError naming the
    line, the column or the name that is wrong.
    """
    names, lines = own.table(file)
    columns = _find_columns(file, names)
    records = list(lines)
    if not records:
        raise ScoringError(f"{file} has no rows below the names of its columns")
    notes: list[str] = []
    if not columns.long:
        columns = _with_scores(file, columns, records, metrics, notes)
    table = _long(columns, records) if columns.long else _melted(columns, records)
    table = _chosen(file, table, metrics)
    table = _rated(file, table, notes)
    _check_pairs(file, table)
    if "reference" not in columns.known:
        notes.append(
            "no column reference: images count as independent, and intervals are too narrow where some are not"
        )
    labels = list(dict.fromkeys(table["metric"]))
    given = _given(labels, directions or Directions())
    known = {label: given.get(label, direction_of(label)) for label in labels}
    lower_is_better = dmos or columns.kind == "DMOS"
    opinions = table["opinion"]
    scored = Scored(
        name=file.stem,
        title=file.stem,
        licence="",
        source=file.name,
        opinion=Opinion(
            "DMOS" if lower_is_better else "MOS", float(opinions.min()), float(opinions.max()), not lower_is_better
        ),
        remarks=tuple(notes),
        digest="",
        metrics={label: MetricFacts(direction) for label, direction in known.items()},
        table=table,
    )
    origins: dict[str, Origin] = {
        label: "option" if label in given else "sign" if known[label] is None else "registry" for label in labels
    }
    return ScoreTable(scored, origins, tuple(notes))


def _find_columns(file: Path, names: Sequence[str]) -> _Columns:
    found = {name.lower(): position for position, name in enumerate(names)}
    opinion = [name for name in _OPINION if name in found]
    if not opinion:
        raise ScoringError(
            f"{file}: no column opinion (or mos, or dmos); wanted are opinion, and scores: a column for each metric, "
            f"or the columns metric and score{own.separator_hint(names)}"
        )
    if len(opinion) > 1:
        raise ScoringError(f"{file} has the columns {' and '.join(opinion)}; keep the one that is to be compared with")
    long = "metric" in found and "score" in found
    if "metric" in found and not long:
        raise ScoringError(f"{file}: a column metric, but no column score beside it")
    if long and "distorted" not in found:
        raise ScoringError(f"{file}: no column distorted, which tells the scores of one image from another's")
    meant = [*(name for name in IMAGE if name != "opinion"), "problem", *(["metric", "score"] if long else [])]
    known = {name: found[name] for name in meant if name in found} | {"opinion": found[opinion[0]]}
    others = {name: position for position, name in enumerate(names) if position not in known.values() and name}
    return _Columns(known, _OPINION[opinion[0]], {} if long else others)


def _with_scores(
    file: Path,
    columns: _Columns,
    records: Sequence[tuple[str, list[str]]],
    wanted: Sequence[str],
    notes: list[str],
) -> _Columns:
    """The columns of a wide table that hold scores: those whose first entry is a number, and those asked for."""
    scores, others = {}, []
    for label, position in columns.metrics.items():
        first = next((fields[position] for _, fields in records if not _is_absent(fields[position])), "")
        if label in wanted or _is_number(first):
            scores[label] = position
        else:
            others.append(label)
    if others:
        notes.append(f"columns without scores, passed over: {', '.join(others)}")
    if not scores:
        raise ScoringError(f"{file} has no column of scores beside the opinions")
    return _Columns(columns.known, columns.kind, scores)


def _long(columns: _Columns, records: Sequence[tuple[str, list[str]]]) -> pd.DataFrame:
    known = columns.known
    table = _images(columns, records)
    table["metric"] = [fields[known["metric"]].strip() for _, fields in records]
    table["score"] = [_score(fields[known["score"]], f"{where}, column score") for where, fields in records]
    return table.assign(problem="")[[*COLUMNS, "where"]]


def _melted(columns: _Columns, records: Sequence[tuple[str, list[str]]]) -> pd.DataFrame:
    images = _images(columns, records)
    parts = []
    for label, position in columns.metrics.items():
        scores = [_score(fields[position], f"{where}, column {label}") for where, fields in records]
        parts.append(images.assign(metric=label, score=scores, problem=""))
    return pd.concat(parts, ignore_index=True)[[*COLUMNS, "where"]]


def _images(columns: _Columns, records: Sequence[tuple[str, list[str]]]) -> pd.DataFrame:
    """The columns of IMAGE, and `where` each row stands. Images without a name are called by their row."""
    known = columns.known

    def texts(name: str) -> list[str]:
        return [fields[known[name]].strip() if name in known else "" for _, fields in records]

    places = [f"{where}, column opinion" for where, _ in records]
    opinions = [_opinion(fields[known["opinion"]], at) for (_, fields), at in zip(records, places, strict=True)]
    names = texts("distorted") if "distorted" in known else [f"row {row}" for row in range(1, len(records) + 1)]
    return pd.DataFrame(
        {
            "data_set": texts("data_set"),
            "reference": texts("reference"),
            "distorted": names,
            "distortion": texts("distortion"),
            "level": pd.array([pd.NA] * len(records), dtype="Int64"),
            "opinion": np.array(opinions),
            "where": [where for where, _ in records],
        }
    )


def _chosen(file: Path, table: pd.DataFrame, wanted: Sequence[str]) -> pd.DataFrame:
    labels = list(dict.fromkeys(table["metric"]))
    for label in wanted:
        if label not in labels:
            raise ScoringError(
                f"{file} has no scores of {label!r}; it has: {', '.join(labels)}{nearest(label, labels)}"
            )
    return table[table["metric"].isin(list(wanted))] if wanted else table


def _rated(file: Path, table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """The rows with an opinion; a note counts the others."""
    rated = table[table["opinion"].notna()]
    if rated.empty:
        raise ScoringError(
            f"{file} has no opinions: its column is empty; score the images with `--dataset FILE.csv`, a table with "
            "the columns reference, distorted and opinion, or fill the column"
        )
    if len(rated) < len(table):
        count = len(table.loc[table["opinion"].isna(), ["reference", "distorted"]].drop_duplicates())
        notes.append(f"{count} images without an opinion are left out")
    sets = [name for name in dict.fromkeys(rated["data_set"]) if name]
    if len(sets) > 1:
        raise ScoringError(
            f"{file} holds {len(sets)} data sets ({', '.join(sets)}), whose opinions may differ in scale; "
            "give a table for each"
        )
    return rated.reset_index(drop=True)


def _check_pairs(file: Path, table: pd.DataFrame) -> None:
    """Refuse an image that a metric has scored twice, and name images apart that have one name and two references."""
    key = ["reference", "distorted", "metric"]
    again = table.duplicated(key)
    if again.any():
        row = table[again].iloc[0]
        first = table[(table[key] == row[key]).all(axis=1)].iloc[0]
        raise ScoringError(
            f"{row['where']} has the image {row['distorted']} of {first['where']} again, metric {row['metric']}; "
            "keep one of them"
        )
    if table.duplicated(["distorted", "metric"]).any():
        table["distorted"] = table["reference"] + " | " + table["distorted"]
    del table["where"]


def _given(labels: Sequence[str], directions: Directions) -> dict[str, bool]:
    given: dict[str, bool] = {}
    for wanted, higher in ((directions.higher, True), (directions.lower, False)):
        for label in wanted:
            if label not in labels:
                raise ScoringError(
                    f"no scores of {label!r}; the table has: {', '.join(labels)}{nearest(label, labels)}"
                )
            if given.setdefault(label, higher) != higher:
                raise ScoringError(f"{label!r} is given both directions; give one")
    return given


def _score(text: str, where: str) -> float:
    if _is_absent(text):
        return math.nan
    infinite = _INFINITE.get(text.strip().lower())
    return number(text, where, "score", "") if infinite is None else infinite


def _opinion(text: str, where: str) -> float:
    return math.nan if _is_absent(text) else number(text, where, "opinion", "")


def _is_absent(text: str) -> bool:
    return text.strip().lower() in _ABSENT


def _is_number(text: str) -> bool:
    try:
        _score(text, "")
    except ValueError:
        return False
    return not _is_absent(text)
