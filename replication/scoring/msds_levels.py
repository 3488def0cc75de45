"""DeepSSIM at every level of image pyramids for a whole data set: one pass, from which every fusion is computed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from replication.absent import Absent, AbsentError
from replication.datasets.catalogue import Opinion
from replication.datasets.errors import DataError
from replication.datasets.rated import RatedSet, load
from replication.features import Backbone, backbone
from replication.files import atomic_write_text
from replication.metrics import registry
from replication.metrics.msds import Pyramid, most_levels
from replication.scoring.engine import score
from replication.scoring.errors import absence, absent_from_json, absent_to_json

_IMAGE = ["reference", "distorted", "distortion", "level", "opinion"]
_TYPES: Any = {**dict.fromkeys([*_IMAGE[:3], "kind"], str), "level": "Int64"}


@dataclass(frozen=True)
class LevelScores:
    """A data set's level scores with one network, and the facts that a reader of its numbers must know.

    name, title, licence, source, remarks, opinion, digest: of the data set. network, weights, taps (the usual one
    first), pyramids (likewise): what was computed. table: columns reference, distorted, distortion, level, opinion,
    kind (of sets that have kinds) and one for each reading, named by `column`; NaN where an image has no score.
    problems: the first ten reasons. absent: what was missing, where there are no scores.
    """

    name: str
    title: str
    licence: str
    source: str
    remarks: tuple[str, ...]
    opinion: Opinion
    digest: str
    network: str
    weights: str
    taps: tuple[str, ...]
    pyramids: tuple[str, ...]
    problems: tuple[str, ...]
    table: pd.DataFrame
    absent: Absent | None = None

    def columns(self, tap: str | None = None, pyramid: str | None = None) -> list[str]:
        """The columns of one reading's levels, from the image itself down; of the usual tap and pyramid by default."""
        tap, pyramid = tap or self.taps[0], pyramid or self.pyramids[0]
        names = [column(tap, pyramid, level) for level in range(10)]
        return [name for name in names if name in self.table]

    def save(self, folder: Path) -> None:
        """Write <name>.csv and <name>.json."""
        facts = {name: value for name, value in asdict(self).items() if name != "table"}
        facts["absent"] = absent_to_json(self.absent)
        text = self.table.to_csv(index=False, float_format="%.7g", lineterminator="\n")
        atomic_write_text(folder / f"{self.name}.csv", text)
        atomic_write_text(folder / f"{self.name}.json", json.dumps(facts, indent=1) + "\n")

    @staticmethod
    def load(folder: Path, name: str) -> "LevelScores":
        """The scores that `save` wrote. Raises FileNotFoundError naming the folder and the way to make it."""
        try:
            facts: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
            table = pd.read_csv(folder / f"{name}.csv", dtype=_TYPES)
            table[_IMAGE[:3]] = table[_IMAGE[:3]].fillna("")
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"no level scores of {name} in {folder}; compute them first (`dvc repro`, or the notebook msds_levels)"
            ) from error
        facts["opinion"] = Opinion(**facts["opinion"])
        facts["absent"] = absent_from_json(facts["absent"])
        facts |= {key: tuple(facts[key]) for key in ("remarks", "taps", "pyramids", "problems")}
        return LevelScores(**facts, table=table)


def column(tap: str, pyramid: str, level: int) -> str:
    """The name of the scores of one reading: "fire8 mean 0". Level 0 is the image, the same in every pyramid."""
    return f"{tap} {pyramid if level else 'image'} {level}"


def score_levels(
    name: str,
    network: str,
    *,
    taps: Sequence[str],
    pyramids: Sequence[Pyramid] = ("mean",),
    levels: int = 5,
    weights: str = "imagenet",
    options: Mapping[str, Any] | None = None,
    **how: Any,
) -> LevelScores:
    """Level scores of the data set `name` with one network; `absent` names a set or weights that are missing.

    taps: of the network; all pyramids are read at the first tap, the first pyramid at all taps. levels: maximum; fewer
    where the smallest reference does not allow as many. weights: of the network. options: of `datasets.load`; how: of
    `engine.score`.
    """
    nothing = pd.DataFrame(columns=_IMAGE)
    asked = tuple(taps), tuple(pyramids), ()
    unknown = Opinion("not known", 0.0, 1.0, True)
    try:
        net = backbone(network, weights=weights)
    except (AbsentError, DataError) as error:
        absent = absence(error, "weights", network)
        return LevelScores(name, name, "", "", (), unknown, "", network, weights, *asked, nothing, absent)
    try:
        rated = load(name, **(options or {}))
    except (AbsentError, DataError) as error:
        absent = absence(error, "data set", name)
        return LevelScores(name, name, "", "", (), unknown, "", network, net.weights, *asked, nothing, absent)
    where = {"device": how["device"]} if how.get("device") else {}
    count = min(levels, _levels(rated, net, taps))
    readings = {}
    for tap in taps:
        for pyramid in pyramids if tap == taps[0] else pyramids[:1]:
            first = pyramid == pyramids[0]
            made = {"network": network, "weights": weights, "tap": tap, "pyramid": pyramid, **where}
            for level in range(0 if first else 1, count):
                readings[column(tap, pyramid, level)] = registry.create(
                    "msds", level=level, shared_taps=list(taps) if first else [tap], **made
                )
    long = score(rated, readings, **how)
    wide = long.pivot(index="distorted", columns="metric", values="score")
    about_images = [*_IMAGE, "kind"] if rated.table["kind"].any() else _IMAGE
    table = rated.table[about_images].merge(wide[list(readings)], on="distorted", how="left", validate="one_to_one")
    failed = long[long["problem"] != ""]
    problems = tuple(f"{row.distorted}, {row.metric}: {row.problem}" for row in failed.head(10).itertuples())
    about = (rated.name, rated.title, rated.licence, rated.source, rated.remarks, rated.opinion, rated.digest)
    return LevelScores(*about, network, net.weights, *asked[:2], problems, table)


def _levels(rated: RatedSet, net: Backbone, taps: Sequence[str]) -> int:
    """The number of levels that the smallest reference has at every tap."""
    sizes = {rated.images[name].read().shape[:2] for name in rated.table["reference"].unique()}
    return min(most_levels(net, tap, height, width) for height, width in sizes for tap in taps)
