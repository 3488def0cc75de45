"""A score table as it is kept on disk, with what a reader of its numbers must know."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from replication.datasets.catalogue import Opinion
from replication.files import atomic_write_text

COLUMNS = ("data_set", "reference", "distorted", "distortion", "level", "opinion", "metric", "score", "problem")

_TYPES: Any = {
    **dict.fromkeys(("data_set", "reference", "distorted", "distortion", "metric", "problem"), str),
    "level": "Int64",
}


@dataclass(frozen=True)
class MetricFacts:
    """What a column of scores is: its direction (None: not known), its protocol, and why there are no scores."""

    higher_is_better: bool | None
    protocol: Mapping[str, Any] = field(default_factory=dict)
    absent: str = ""


@dataclass(frozen=True)
class Scored:
    """A data set's score table (columns data_set, reference, distorted, distortion, level, opinion, metric,
    score, problem), the set's facts and the metrics'.

    name, title, licence, source, remarks: of the data set. opinion: what its opinions are. digest: of its images and
    opinions ("" for scores computed elsewhere). metrics: by label. absent: why there are no scores ("" if there are).
    """

    name: str
    title: str
    licence: str
    source: str
    opinion: Opinion
    remarks: tuple[str, ...]
    digest: str
    metrics: Mapping[str, MetricFacts]
    table: pd.DataFrame
    absent: str = ""

    def with_scores(self, labels: Sequence[str] | None = None) -> list[str]:
        """Those of the labels, all by default, that there are scores of."""
        return [
            label for label in labels or self.metrics if label not in self.metrics or not self.metrics[label].absent
        ]

    def save(self, folder: Path) -> None:
        """Write scores.csv and facts.json."""
        facts = {name: value for name, value in asdict(self).items() if name != "table"}
        text = self.table.to_csv(index=False, float_format="%.7g", lineterminator="\n")
        atomic_write_text(folder / "scores.csv", text)
        atomic_write_text(folder / "facts.json", json.dumps(facts, indent=1, default=str) + "\n")

    @staticmethod
    def load(folder: Path) -> "Scored":
        """What `save` wrote; FileNotFoundError naming the folder and the way to make it if it is not there."""
        try:
            facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
            table = pd.read_csv(
                folder / "scores.csv",
                dtype=_TYPES,
                keep_default_na=False,
                na_values={"score": [""], "level": [""], "opinion": [""]},
            )
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"no scores in {folder}; compute them first (`dvc repro`, or the notebook iqa_scores)"
            ) from error
        facts["opinion"] = Opinion(**facts["opinion"])
        facts["remarks"] = tuple(facts["remarks"])
        facts["metrics"] = {label: MetricFacts(**each) for label, each in facts["metrics"].items()}
        return Scored(**facts, table=table)

    @staticmethod
    def nothing(name: str, reason: str, metrics: Mapping[str, MetricFacts] | None = None) -> "Scored":
        """A set without scores, and why there are none."""
        unknown = Opinion("not known", 0.0, 1.0, True)
        return Scored(name, name, "", "", unknown, (), "", metrics or {}, pd.DataFrame(columns=list(COLUMNS)), reason)
