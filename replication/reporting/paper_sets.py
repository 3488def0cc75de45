"""What stands for a data set of a paper among those that were scored: the set itself, or the exact images of a part."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol, TypeVar

import pandas as pd

from replication.datasets.catalogue import RATED
from replication.reporting.adequacy import Basis
from replication.scoring.scored import Scored

EXACT = ("real", "exact")
"""Kinds of images of a part that are the paper's own pixel for pixel: its files, or made again bit for bit."""


class Named(Protocol):
    """Anything about a data set that has a name and a table with a row for each image (or image and metric)."""

    @property
    def name(self) -> str: ...

    @property
    def table(self) -> pd.DataFrame: ...


Any_ = TypeVar("Any_", bound=Named)


def standing_for(name: str, scored: Iterable[Any_]) -> Any_ | None:
    """The set `name` if it is among `scored` and not empty, else a part of it with exact images, else None."""
    found = {each.name: each for each in scored if len(each.table)}
    parts = [each for each in found.values() if _whole(each.name) == name and exact(each.table).any()]
    return found.get(name) or next(iter(parts), None)


def exact(table: pd.DataFrame) -> "pd.Series[bool]":
    """For each row of a table, whether its image is an official one: of a kind in EXACT, or of a set without kinds."""
    if "kind" not in table:
        return pd.Series(True, index=table.index)
    return table["kind"].isin((*EXACT, ""))


def only_exact(scored: Scored) -> Scored:
    """The scores of the official images alone."""
    return replace(scored, table=scored.table[exact(scored.table)].reset_index(drop=True))


def basis(table: Named, *, of: Mapping[str, str]) -> Basis:
    """The basis of numbers computed from the official images of a set.

    of: the paper's sets: name in the catalogue -> title.
    """
    images = table.table[exact(table.table)]["distorted"].nunique()
    whole = _whole(table.name)
    if table.name in of:
        return Basis("own", f"{of[table.name]}, {images:,} images")
    if whole in of:
        return Basis("exact part", f"{images:,} of the {RATED[whole].images:,} images of {of[whole]}")
    return Basis("stand-in", f"{table.name}, {images:,} images")


def _whole(name: str) -> str:
    return (RATED[name].part_of or "") if name in RATED else ""
