"""Matrices of channel distances on disk, with the facts that a reader of their numbers must know."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replication.absent import Absent
from replication.datasets.catalogue import Opinion
from replication.files import atomic_write_bytes, atomic_write_text
from replication.scoring.errors import absent_from_json, absent_to_json
from replication.scoring.store import npz

Matrix = NDArray[np.float32]

COLUMNS = ("reference", "distorted", "distortion", "level", "opinion", "problem")
JUDGED_COLUMNS = ("subset", "name", "reference", "distorted", "fraction", "problem")
_TYPES: Any = {
    **dict.fromkeys(("reference", "distorted", "distortion", "subset", "name", "problem"), str),
    "level": "Int64",
}
_ABSENT = "no channel distances in {}; compute them first (`dvc repro`, or the notebook pe_channel_distances)"


class Activity(NamedTuple):
    """Response of one tap's channels: means over images of the mean square and of the variance over pixels, (M,)."""

    energy: NDArray[np.float64]
    variance: NDArray[np.float64]


@dataclass(frozen=True)
class ChannelDistances:
    """The mean squared difference of every channel, image by image: the terms of eq. 1 for a data set and a network.

    name, title, licence, source, remarks, digest: of the data set. opinion: its kind of opinions, None for judgements.
    backbone, weights: of the network, in words.
    table: a row for each pair, with COLUMNS, or JUDGED_COLUMNS where people compared (2AFC: p0, then p1 of each triplet
        as `distorted`; JND: p0 as `reference`, p1 as `distorted`).
    distances: by tap, (rows, M) float32, NaN where `problem` has a reason. activity: by tap, on the references; empty
        for judgements. absent: what was missing, where there are no distances.
    """

    name: str
    title: str
    licence: str
    source: str
    opinion: Opinion | None
    remarks: tuple[str, ...]
    digest: str
    backbone: str
    weights: str
    table: pd.DataFrame
    distances: Mapping[str, Matrix]
    activity: Mapping[str, Activity]
    absent: Absent | None = None

    def save(self, folder: Path) -> None:
        """Write facts.json, pairs.csv and distances.npz, the same bytes for the same content, each in one step."""
        names = ("name", "title", "licence", "source", "remarks", "digest", "backbone", "weights")
        facts: dict[str, Any] = {name: getattr(self, name) for name in names}
        facts["absent"] = absent_to_json(self.absent)
        facts["taps"] = {tap: matrix.shape[1] for tap, matrix in self.distances.items()}
        facts["opinion"] = None if self.opinion is None else vars(self.opinion)
        arrays: dict[str, Any] = {f"distances/{tap}": matrix for tap, matrix in self.distances.items()}
        for tap, found in self.activity.items():
            arrays |= {f"energy/{tap}": found.energy, f"variance/{tap}": found.variance}
        atomic_write_bytes(folder / "distances.npz", npz(arrays))
        atomic_write_text(folder / "pairs.csv", self.table.to_csv(index=False, lineterminator="\n"))
        atomic_write_text(folder / "facts.json", json.dumps(facts, indent=1) + "\n")

    @staticmethod
    def load(folder: Path) -> "ChannelDistances":
        """The distances that `save` wrote. Raises FileNotFoundError naming the folder and the way to make it."""
        try:
            facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
            text = (folder / "pairs.csv").read_text(encoding="utf-8")
            with np.load(folder / "distances.npz", allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except FileNotFoundError as error:
            raise FileNotFoundError(_ABSENT.format(folder)) from error
        nothing = {"level": [""], "opinion": [""], "fraction": [""]}
        facts["table"] = pd.read_csv(io.StringIO(text), dtype=_TYPES, keep_default_na=False, na_values=nothing)
        taps = facts.pop("taps")
        facts["distances"] = {tap: arrays[f"distances/{tap}"] for tap in taps}
        rated = [tap for tap in taps if f"energy/{tap}" in arrays]
        facts["activity"] = {tap: Activity(arrays[f"energy/{tap}"], arrays[f"variance/{tap}"]) for tap in rated}
        facts["opinion"] = None if facts["opinion"] is None else Opinion(**facts["opinion"])
        facts["remarks"] = tuple(facts["remarks"])
        facts["absent"] = absent_from_json(facts["absent"])
        return ChannelDistances(**facts)

    @staticmethod
    def nothing(name: str, backbone: str, absent: Absent) -> "ChannelDistances":
        """A set or network without distances, and what was missing."""
        table = pd.DataFrame(columns=list(COLUMNS))
        return ChannelDistances(name, name, "", "", None, (), "", backbone, "", table, {}, {}, absent)
