"""What stands for a data set of a paper among those that were scored: the set itself, or the exact images of a part."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol, TypeVar

import pandas as pd

from replication.datasets.catalogue import RATED
from replication.reporting.adequacy import Basis
from replication.scoring.msds_levels import LevelScores
from replication.scoring.scored import Scored

EXACT = ("real", "exact")
"""Kinds of images of a part that are the paper's own pixel for pixel: its files, or made again bit for bit."""


class Named(Protocol):
    """Anything about a data set that has a name and a table with a row for each image (or image and metric)."""

    @property
    def name(self) -> str: ...

    @property
    def table(self) -> pd.DataFrame: ...


Each = TypeVar("Each", bound=Named)
Scores = TypeVar("Scores", Scored, LevelScores)


def standing_for(name: str, scored: Iterable[Each]) -> Each | None:
    """The set `name` if it is among `scored` and not empty, else a part of it with exact images, else None."""
    found = {each.name: each for each in scored if len(each.table) and paper_set(each.name) == name}
    parts = [each for each in found.values() if official(each).any()]
    return found.get(name) or next(iter(parts), None)


def exact(table: pd.DataFrame) -> "pd.Series[bool]":
    """For each row of a table, whether its image is an official one: of a kind in EXACT, or of a set without kinds."""
    if "kind" not in table:
        return pd.Series(True, index=table.index)
    return table["kind"].isin((*EXACT, ""))


def official(each: Named) -> "pd.Series[bool]":
    """For each row of a table, whether its image is an official one; of a part without kinds none is known to be."""
    if paper_set(each.name) != each.name and "kind" not in each.table:
        return pd.Series(False, index=each.table.index)
    return exact(each.table)


def only_exact(scored: Scores) -> Scores:
    """The scores of the official images alone; the title says so where others were left out."""
    chosen = official(scored)
    if chosen.all():
        return scored
    table = scored.table[chosen].reset_index(drop=True)
    title = f"{RATED[paper_set(scored.name)].title} ({table['distorted'].nunique():,} official images)"
    return replace(scored, title=title, table=table)


def basis(each: Named, *, of: Mapping[str, str]) -> Basis:
    """The basis of numbers computed from the official images of a set; `of` as of `basis_of`."""
    return basis_of(each.name, each.table[official(each)]["distorted"].nunique(), of)


def basis_of(name: str, images: int, of: Mapping[str, str]) -> Basis:
    """The basis of numbers computed from that many official images of the set `name`.

    of: the paper's sets: name in the catalogue -> title.
    """
    whole = paper_set(name)
    if name in of:
        return Basis("own", f"{of[name]}, {images:,} images")
    if whole in of:
        return Basis("exact part", f"{images:,} of the {RATED[whole].images:,} images of {of[whole]}")
    return Basis("stand-in", f"{name}, {images:,} images")


def paper_set(name: str) -> str:
    """The set that `name` is a part of, or its own name."""
    return (RATED[name].part_of if name in RATED else None) or name
