"""Scores that others have published image by image, as score tables to set beside ours."""

from replication.absent import AbsentError
from replication.datasets.catalogue import RATED, Opinion
from replication.datasets.errors import DataError
from replication.datasets.published_scores import published_scores
from replication.scoring.errors import absence
from replication.scoring.scored import MetricFacts, Scored

_OTHERS = {
    "classical": "classical metrics",
    "zeroshot": "ten metrics of ZS-IQA",
    "boosting": "eleven classical metrics",
    "deepwsd": "DeepWSD of 2022",
}
"""What tables are of that are not the DeepWSD and DeepJSD of 2024, by the last part of their names."""


def load_published_scores(name: str) -> Scored:
    """`datasets.published_scores(name)` with its source and convention; `absent` is set where it is missing."""
    try:
        table = published_scores(name)
    except (AbsentError, DataError) as error:
        return Scored.nothing(name, absence(error, "data set", f"published scores of {name}"))
    metrics = {
        label: MetricFacts(higher_is_better, {"protocol": protocol} if protocol else {})
        for label, (higher_is_better, protocol) in table.attrs["columns"].items()
    }
    opinion = Opinion(**table.attrs["opinion"])
    others = f" ({_OTHERS[last]})" if (last := name.rpartition("-")[2]) in _OTHERS else ""
    about = (
        f"{RATED[table['data_set'].iloc[0]].title}, published scores{others}",
        "",
        table.attrs["source"],
        opinion,
        (table.attrs["convention"],),
        "",
    )
    return Scored(name, *about, metrics, table)
