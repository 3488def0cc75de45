"""Data sets with human opinions, by name, to score tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from replication.absent import AbsentError
from replication.alternatives import alternatives
from replication.datasets.errors import DataError
from replication.datasets.rated import load
from replication.metrics import registry
from replication.metrics.names import parse
from replication.scoring.engine import score
from replication.scoring.errors import absence
from replication.scoring.scored import MetricFacts, Scored


def score_set(name: str, metrics: Sequence[str], *, options: Mapping[str, Any] | None = None, **how: Any) -> Scored:
    """The data set `name` scored with `metrics`; `absent` is set where it is missing or damaged.

    A metric whose weights are missing has no rows in the table; its facts give the reason.
    options: of `datasets.load`; how: of `engine.score`.
    """
    facts = {label: metric_facts(label) for label in metrics}
    try:
        rated = load(name, **(options or {}))
    except (AbsentError, DataError) as error:
        return Scored.nothing(name, absence(error, "data set", name), facts)
    table = score(rated, [label for label in metrics if not facts[label].absent], **how)
    about = (rated.title, rated.licence, rated.source, rated.opinion, rated.remarks, rated.digest)
    return Scored(rated.name, *about, facts, table)


def labels_in(*named: Any) -> list[str]:
    """Every metric named in nested lists and mappings, once each and in order.

    A text with alternatives means several: "psnr+smic(projections={8|32})" is two metrics, of different K, and
    "{psnr|ssim}+{smic|mic}" is four.
    """
    labels: list[str] = []
    for each in named:
        if isinstance(each, str):
            labels += alternatives(each)
        else:
            labels += labels_in(*(each.values() if isinstance(each, Mapping) else each))
    return list(dict.fromkeys(labels))


def metric_facts(label: str) -> MetricFacts:
    """The facts of the metric that a label names; `absent` is set where its weights or a package are missing."""
    name, options = parse(label)
    try:
        metric = registry.create(name, **options)
    except (AbsentError, DataError) as error:
        return MetricFacts(None, {}, absence(error, "weights", label))
    return MetricFacts(metric.higher_is_better, dict(metric.protocol))
