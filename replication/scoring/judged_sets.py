"""Sets of comparisons (BAPPS) as pairs of images, and metrics' scores of these pairs."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from replication.absent import AbsentError
from replication.datasets.entries import Opinion
from replication.datasets.errors import DataError
from replication.datasets.judged import Judgements, load_judgements
from replication.scoring.engine import score
from replication.scoring.errors import absence
from replication.scoring.rated_sets import metric_facts
from replication.scoring.scored import Scored

SHARE = Opinion("share of people", 0, 1, higher_is_better=True)
"""Opinions in a table of comparisons: how many found p1 nearer (2AFC), or took p0 and p1 for the same image (JND)."""


@dataclass(frozen=True, eq=False)
class JudgedPairs:
    """The pairs of a set of comparisons.

    judgements: the set. table: subset, name, reference, distorted, fraction; 2AFC has two rows for each triplet, p0 and
    p1 as `distorted`; JND has one for each pair, p0 as `reference`. digest: of fractions and images. remarks: those of
    the set and on the subsets.
    """

    judgements: Judgements
    table: pd.DataFrame
    digest: str
    remarks: tuple[str, ...]


def judged_pairs(name: str, subsets: Sequence[str] | None = None) -> JudgedPairs:
    """The pairs of "bapps-2afc" or "bapps-jnd", of these subsets or all.

    Raises DataError for a set that has none of the subsets, and what `load_judgements` raises.
    """
    judged = load_judgements(name)
    known = list(dict.fromkeys(judged.table["subset"]))
    chosen = known if subsets is None else [subset for subset in known if subset in subsets]
    if not chosen:
        raise DataError(f"{name} has no subset {', '.join(subsets or ())}; it has {', '.join(known)}")
    rows = judged.table[judged.table["subset"].isin(chosen)]
    sides = ["p0", "p1"] if "reference" in rows else ["p1"]
    table = rows.loc[np.repeat(rows.index, len(sides))].reset_index(drop=True)
    side = np.tile(sides, len(rows))
    table["distorted"] = np.where(side == "p0", table["p0"], table["p1"])
    if "reference" not in table:
        table["reference"] = table["p0"]
    table = table[["subset", "name", "reference", "distorted", "fraction"]]
    used = [name for pair in zip(table["reference"], table["distorted"], strict=True) for name in pair]
    lines = [*map(repr, table["fraction"]), *(judged.images[name].digest() for name in used)]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return JudgedPairs(judged, table, digest, (*judged.remarks, f"subsets measured: {', '.join(chosen)}"))


def score_judgements(name: str, metrics: Sequence[str], *, subsets: Sequence[str] | None = None, **how: Any) -> Scored:
    """A set of comparisons scored with `metrics`; `absent` is set where it is missing or damaged.

    The table has a row for each pair of `judged_pairs` and metric, in its order, the subset as `distortion` and the
    fraction as `opinion`. how: of `engine.score`.
    """
    facts = {label: metric_facts(label) for label in metrics}
    try:
        pairs = judged_pairs(name, subsets)
    except (AbsentError, DataError) as error:
        return Scored.nothing(name, absence(error, "data set", name), facts)
    judged = pairs.judgements
    table = pairs.table.rename(columns={"subset": "distortion", "fraction": "opinion"})
    level = pd.Series(pd.NA, index=table.index, dtype="Int64")
    data_set = _Pairs(name, table.assign(level=level, kind=""), judged.images)
    scores = score(data_set, [label for label in metrics if not facts[label].absent], **how)
    about = (judged.title, judged.licence, judged.source, SHARE, pairs.remarks, pairs.digest)
    return Scored(name, *about, facts, scores)


@dataclass(frozen=True)
class _Pairs:
    name: str
    table: pd.DataFrame
    images: Mapping[str, Any]
