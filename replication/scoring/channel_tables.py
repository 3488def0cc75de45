"""Data sets with opinions or judgements, by name, to matrices of channel distances, and those on disk."""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from replication.datasets.catalogue import JUDGED, Opinion
from replication.datasets.errors import DataError
from replication.datasets.judged import load_judgements
from replication.datasets.rated import load
from replication.files import atomic_write_bytes, atomic_write_text
from replication.scoring.channels import Activity, Matrix, Network, activity, archive, measure

COLUMNS = ("reference", "distorted", "distortion", "level", "opinion", "problem")
JUDGED_COLUMNS = ("subset", "name", "reference", "distorted", "fraction", "problem")
_TYPES: Any = {
    **dict.fromkeys(("reference", "distorted", "distortion", "subset", "name", "problem"), str),
    "level": "Int64",
}
_ABSENT = "no channel distances in {}; compute them first (`dvc repro`, or the notebook pe_channel_distances)"


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


def channel_distances_of(
    name: str,
    network: Network,
    *,
    options: Mapping[str, Any] | None = None,
    subsets: Sequence[str] | None = None,
    keep: Path | None = None,
    scheduler: str | None = None,
    show_progress: bool = True,
) -> ChannelDistances:
    """The data set `name` of `datasets.load` or `datasets.load_judgements`, measured with every channel of a network.

    Where the set or the weights are missing or damaged, `absent` says why and how to get them.
    options: of `datasets.load`. subsets: of a judged set, those measured; None is all. The rest: see `measure`.
    """
    how: dict[str, Any] = {"keep": keep, "scheduler": scheduler, "show_progress": show_progress}
    try:
        net = network.make()
        if name in JUDGED:
            return _judged(name, network, net.weights, subsets, how)
        return _rated(name, network, net.weights, options or {}, how)
    except DataError as error:
        return ChannelDistances.nothing(name, network.name, str(error))


def _rated(
    name: str, network: Network, weights: str, options: Mapping[str, Any], how: Mapping[str, Any]
) -> ChannelDistances:
    rated = load(name, **options)
    pairs = list(zip(rated.table["reference"], rated.table["distorted"], strict=True))
    found = measure(pairs, rated.images, network, label=f"{name}, {network.name}", **how)
    table = rated.table.assign(problem=found.problems)[list(COLUMNS)].reset_index(drop=True)
    strength = activity(list(dict.fromkeys(rated.table["reference"])), rated.images, network)
    about = (rated.title, rated.licence, rated.source, rated.opinion, rated.remarks, rated.digest)
    return ChannelDistances(rated.name, *about, network.name, weights, table, found.distances, strength)


def _judged(
    name: str, network: Network, weights: str, subsets: Sequence[str] | None, how: Mapping[str, Any]
) -> ChannelDistances:
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
    pairs = list(zip(table["reference"], table["distorted"], strict=True))
    found = measure(pairs, judged.images, network, label=f"{name}, {network.name}", **how)
    table = table.assign(problem=found.problems)[list(JUDGED_COLUMNS)]
    used = [name for pair in pairs for name in pair]
    lines = [*map(repr, table["fraction"]), *(judged.images[name].digest() for name in used)]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    remarks = (*judged.remarks, f"subsets measured: {', '.join(chosen)}")
    about = (judged.title, judged.licence, judged.source, None, remarks, digest)
    return ChannelDistances(judged.name, *about, network.name, weights, table, found.distances, {})
