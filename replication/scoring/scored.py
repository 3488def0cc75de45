"""A score table as it is kept on disk, with what a reader of its numbers must know."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from replication import datasets
from replication.datasets.catalogue import Opinion
from replication.datasets.errors import DataError
from replication.files import atomic_write_text
from replication.metrics import registry
from replication.scoring.engine import COLUMNS, parse, score

_TYPES: Any = {
    **dict.fromkeys(("data_set", "reference", "distorted", "distortion", "metric", "problem"), str),
    "level": "Int64",
}


@dataclass(frozen=True)
class MetricFacts:
    """What a column of scores is: its direction (None: not known), and its protocol."""

    higher_is_better: bool | None
    protocol: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scored:
    """A data set's score table (columns `engine.COLUMNS`), the set's facts and the metrics'.

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


def score_set(name: str, metrics: Sequence[str], *, options: Mapping[str, Any] | None = None, **how: Any) -> Scored:
    """The data set `name` scored with `metrics`; where it is missing or damaged, `absent` says why and how to get it.

    options: of `datasets.load`; how: of `engine.score`.
    """
    facts = {label: _facts(label) for label in metrics}
    try:
        rated = datasets.load(name, **(options or {}))
    except DataError as error:
        empty = pd.DataFrame(columns=list(COLUMNS))
        unknown = Opinion("not known", float("nan"), float("nan"), True)
        return Scored(name, name, "", "", unknown, (), "", facts, empty, absent=str(error))
    table = score(rated, list(metrics), **how)
    return Scored(
        rated.name, rated.title, rated.licence, rated.source, rated.opinion, rated.remarks, rated.digest, facts, table
    )


def published(name: str) -> Scored:
    """Scores that others have published, `datasets.published_scores(name)`; see `score_set` for what is missing."""
    try:
        table = datasets.published_scores(name)
    except DataError as error:
        unknown = Opinion("not known", float("nan"), float("nan"), True)
        return Scored(name, name, "", "", unknown, (), "", {}, pd.DataFrame(columns=list(COLUMNS)), absent=str(error))
    facts = {str(label): MetricFacts(None) for label in table["metric"].unique()}
    opinion = Opinion(**table.attrs["opinion"])
    title = f"{name}, published scores"
    return Scored(name, title, "", table.attrs["source"], opinion, (table.attrs["convention"],), "", facts, table)


def _facts(label: str) -> MetricFacts:
    name, options = parse(label)
    metric = registry.create(name, **options)
    return MetricFacts(metric.higher_is_better, dict(metric.protocol))
