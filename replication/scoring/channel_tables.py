"""Matrices of channel distances as they are kept on disk, with what a reader of their numbers must know."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replication.datasets.catalogue import Opinion
from replication.files import atomic_write_bytes, atomic_write_text

Matrix = NDArray[np.float32]

COLUMNS = ("reference", "distorted", "distortion", "level", "opinion", "problem")
JUDGED_COLUMNS = ("subset", "name", "reference", "distorted", "fraction", "problem")
_TYPES: Any = {
    **dict.fromkeys(("reference", "distorted", "distortion", "subset", "name", "problem"), str),
    "level": "Int64",
}
_ABSENT = "no channel distances in {}; compute them first (`dvc repro`, or the notebook pe_channel_distances)"


class Activity(NamedTuple):
    """Of one tap's channels on images: means over images of the mean square and of the variance over pixels, (M,)."""

    energy: NDArray[np.float64]
    variance: NDArray[np.float64]


@dataclass(frozen=True)
class ChannelDistances:
    """What eq. 1 needs of a data set and a network: the mean squared difference of every channel, image by image.

    name, title, licence, source, remarks, digest: of the data set. opinion: what its opinions are, None for judgements.
    backbone, weights: of the network, in words.
    table: a row for each pair, with COLUMNS, or JUDGED_COLUMNS where people compared (2AFC: p0, then p1 of each triplet
        as `distorted`; JND: p0 as `reference`, p1 as `distorted`).
    distances: by tap, (rows, M) float32, NaN where `problem` says why. activity: by tap, on the references; empty for
        judgements. absent: why there is nothing ("" if there is).
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
    absent: str = ""

    def save(self, folder: Path) -> None:
        """Write facts.json, pairs.csv and distances.npz, the same bytes for the same content, each in one step."""
        kept = ("name", "title", "licence", "source", "remarks", "digest", "backbone", "weights", "absent")
        facts = {name: getattr(self, name) for name in kept} | {
            "taps": {t: m.shape[1] for t, m in self.distances.items()}
        }
        facts["opinion"] = None if self.opinion is None else vars(self.opinion)
        arrays: dict[str, Any] = {f"distances/{tap}": matrix for tap, matrix in self.distances.items()}
        for tap, found in self.activity.items():
            arrays |= {f"energy/{tap}": found.energy, f"variance/{tap}": found.variance}
        atomic_write_bytes(folder / "distances.npz", archive(arrays))
        atomic_write_text(folder / "pairs.csv", self.table.to_csv(index=False, lineterminator="\n"))
        atomic_write_text(folder / "facts.json", json.dumps(facts, indent=1) + "\n")

    @staticmethod
    def load(folder: Path) -> "ChannelDistances":
        """What `save` wrote; FileNotFoundError that names the folder and the way to make it if it is not there."""
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
        return ChannelDistances(**facts)

    @staticmethod
    def nothing(name: str, backbone: str, reason: str) -> "ChannelDistances":
        """A set or network without distances, and why there are none."""
        table = pd.DataFrame(columns=list(COLUMNS))
        return ChannelDistances(name, name, "", "", None, (), "", backbone, "", table, {}, {}, reason)


def archive(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An .npz file: the same arrays give the same bytes, because NumPy dates every entry 1980."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **dict(arrays))
    return file.getvalue()
