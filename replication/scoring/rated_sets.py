"""Data sets with human opinions, by name, to score tables."""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from replication.datasets.errors import DataError
from replication.datasets.rated import load
from replication.metrics import registry
from replication.scoring.engine import parse, score
from replication.scoring.scored import MetricFacts, Scored


def score_set(name: str, metrics: Sequence[str], *, options: Mapping[str, Any] | None = None, **how: Any) -> Scored:
    """The data set `name` scored with `metrics`; where it is missing or damaged, `absent` says why and how to get it.

    A metric whose weights are missing has no rows in the table; its facts say why.
    options: of `datasets.load`; how: of `engine.score`.
    """
    facts = {label: _facts(label) for label in metrics}
    try:
        rated = load(name, **(options or {}))
    except DataError as error:
        return Scored.nothing(name, str(error), facts)
    table = score(rated, [label for label in metrics if not facts[label].absent], **how)
    about = (rated.title, rated.licence, rated.source, rated.opinion, rated.remarks, rated.digest)
    return Scored(rated.name, *about, facts, table)


def labels_in(*named: Any) -> list[str]:
    """Every metric that lists and mappings name, however deep, once each and in order.

    A text with alternatives stands for several: "psnr+smic(projections={8|32})" is two metrics, of different K, and
    "{psnr|ssim}+{smic|mic}" is four.
    """
    labels: list[str] = []
    for each in named:
        if isinstance(each, str):
            labels += alternatives(each)
        else:
            labels += labels_in(*(each.values() if isinstance(each, Mapping) else each))
    return list(dict.fromkeys(labels))


def alternatives(text: str) -> list[str]:
    """A text for each choice among what stands in braces, "{a|b}"; the last brace varies fastest."""
    parts = re.split(r"\{([^{}]*)\}", text)
    choices = [part.split("|") if place % 2 else [part] for place, part in enumerate(parts)]
    return ["".join(chosen) for chosen in itertools.product(*choices)]


def reason(error: str) -> str:
    """What an error says is missing, without what to do about it: the part that is the same on every machine."""
    return re.split(r"[:;.] ", error)[0]


def _facts(label: str) -> MetricFacts:
    name, options = parse(label)
    try:
        metric = registry.create(name, **options)
    except DataError as error:
        return MetricFacts(None, {}, reason(str(error)))
    return MetricFacts(metric.higher_is_better, dict(metric.protocol))
