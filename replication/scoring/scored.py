"""Score tables on disk, with the facts that a reader of their numbers must know."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from replication.absent import Absent
from replication.datasets.catalogue import Opinion
from replication.files import atomic_write_text
from replication.scoring.errors import absent_from_json, absent_to_json
from replication.scoring.wide import COLUMNS, to_long, to_wide

_TEXTS: Any = dict.fromkeys(("data_set", "reference", "distorted", "distortion", "kind", "metric", "problem"), str)


@dataclass(frozen=True)
class MetricFacts:
    """Facts about a metric: its direction (None: not known), its protocol, and what was missing to compute it."""

    higher_is_better: bool | None
    protocol: Mapping[str, Any] = field(default_factory=dict)
    absent: Absent | None = None


@dataclass(frozen=True)
class Scored:
    """A data set's score table (columns data_set, reference, distorted, distortion, level, opinion, kind, metric,
    score, problem), the set's facts and the metrics'.

    The column `kind` is there if images are of several kinds ("real", "exact", ...). An image without an opinion of
    its own has the opinion NaN.

    name, title, licence, source, remarks: of the data set. opinion: what its opinions are. digest: of its images and
    opinions ("" for scores computed elsewhere). metrics: by label. absent: what was missing, where there are no scores.
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
    absent: Absent | None = None

    def with_scores(self, labels: Sequence[str] | None = None) -> list[str]:
        """The labels, out of those given or all, that have scores."""
        return [
            label for label in labels or self.metrics if label not in self.metrics or not self.metrics[label].absent
        ]

    def save(self, folder: Path) -> None:
        """Write facts.json, scores.csv (a row for each image, a column for each metric) and, if any, problems.csv.

        Scores have seven digits.
        """
        facts = {name: value for name, value in asdict(self).items() if name != "table"}
        facts["absent"] = absent_to_json(self.absent)
        for label, each in self.metrics.items():
            facts["metrics"][label]["absent"] = absent_to_json(each.absent)
        scores, problems = to_wide(self.table)
        _write_csv(folder / "scores.csv", scores)
        if len(problems):
            _write_csv(folder / "problems.csv", problems)
        else:
            (folder / "problems.csv").unlink(missing_ok=True)
        atomic_write_text(folder / "facts.json", json.dumps(facts, indent=1, default=str) + "\n")

    @staticmethod
    def load(folder: Path) -> "Scored":
        """The table and facts that `save` wrote; a scores.csv with a row for each score is read as well.

        Raises FileNotFoundError naming the folder and the way to make it.
        """
        try:
            facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
            table = _read_csv(folder / "scores.csv")
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"no scores in {folder}; compute them first (`dvc repro`, or the notebook iqa_scores)"
            ) from error
        if "metric" not in table:
            file = folder / "problems.csv"
            problems = _read_csv(file) if file.is_file() else pd.DataFrame(columns=["row", "metric", "problem"])
            table = to_long(table, problems)
        facts["opinion"] = Opinion(**facts["opinion"])
        facts["remarks"] = tuple(facts["remarks"])
        facts["absent"] = absent_from_json(facts["absent"])
        facts["metrics"] = {
            label: MetricFacts(**{**each, "absent": absent_from_json(each["absent"])})
            for label, each in facts["metrics"].items()
        }
        return Scored(**facts, table=table)

    @staticmethod
    def nothing(name: str, absent: Absent, metrics: Mapping[str, MetricFacts] | None = None) -> "Scored":
        """A set without scores, and what was missing."""
        unknown = Opinion("not known", 0.0, 1.0, True)
        return Scored(name, name, "", "", unknown, (), "", metrics or {}, pd.DataFrame(columns=list(COLUMNS)), absent)


def _write_csv(file: Path, table: pd.DataFrame) -> None:
    atomic_write_text(file, table.to_csv(index=False, float_format="%.7g", lineterminator="\n"))


def _read_csv(file: Path) -> pd.DataFrame:
    """A table with empty texts where fields are empty, and missing numbers."""
    names = pd.read_csv(file, nrows=0).columns
    numbers = [name for name in names if name not in _TEXTS]
    return pd.read_csv(
        file,
        dtype={**_TEXTS, "level": "Int64"},
        keep_default_na=False,
        na_values={name: [""] for name in numbers},
    )
