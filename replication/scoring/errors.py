"""Errors of scoring, in words meant for the user, and things that are not available, as tables hold them."""

from dataclasses import asdict, replace
from typing import Any

from replication.absent import Absent, AbsentError, Kind
from replication.datasets.errors import DataError
from replication.project import data_root


class ScoringError(ValueError):
    """Scores cannot be computed as requested; the message gives the reason and the remedy."""


def absence(error: AbsentError | DataError, kind: Kind, name: str) -> Absent:
    """The thing that is not available, as tables and pages name it: without paths and without how to get it.

    kind, name: for data that is damaged; it is not available either, and the message is the reason.
    """
    if isinstance(error, AbsentError):
        return replace(error.absent, how_to_get="")
    try:
        reason = str(error).replace(str(data_root()), "data")
    except FileNotFoundError:  # outside a project, where REPLICATION_DATA is not set
        reason = str(error)
    return Absent(kind, name, reason)


def absent_to_json(absent: Absent | None) -> dict[str, str] | None:
    """An absence as JSON holds it: its kind, name and reason."""
    return None if absent is None else {key: text for key, text in asdict(absent).items() if key != "how_to_get"}


def absent_from_json(value: Any) -> Absent | None:
    """The absence that `absent_to_json` gave."""
    return Absent(**value) if value else None
