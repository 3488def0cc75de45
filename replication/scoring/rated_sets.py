"""Data sets with human opinions, by name, to score tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from replication.datasets.errors import DataError
from replication.datasets.rated import load
from replication.metrics import registry
from replication.scoring.engine import parse, score
from replication.scoring.scored import MetricFacts, Scored


def score_set(name: str, metrics: Sequence[str], *, options: Mapping[str, Any] | None = None, **how: Any) -> Scored:
    """The data set `name` scored with `metrics`; where it is missing or damaged, `absent` says why and how to get it.

    options: of `datasets.load`; how: of `engine.score`.
    """
    facts = {label: _facts(label) for label in metrics}
    try:
        rated = load(name, **(options or {}))
    except DataError as error:
        return Scored.nothing(name, str(error), facts)
    table = score(rated, list(metrics), **how)
    about = (rated.title, rated.licence, rated.source, rated.opinion, rated.remarks, rated.digest)
    return Scored(rated.name, *about, facts, table)


def _facts(label: str) -> MetricFacts:
    name, options = parse(label)
    metric = registry.create(name, **options)
    return MetricFacts(metric.higher_is_better, dict(metric.protocol))
