"""Scores that others have published image by image, as score tables to set beside ours."""

from replication.absent import AbsentError
from replication.datasets.catalogue import RATED, Opinion
from replication.datasets.errors import DataError
from replication.datasets.published_scores import published_scores
from replication.scoring.errors import absence
from replication.scoring.scored import MetricFacts, Scored


def load_published_scores(name: str) -> Scored:
    """`datasets.published_scores(name)` with its source and convention; `absent` is set where it is missing."""
    try:
        table = published_scores(name)
    except (AbsentError, DataError) as error:
        return Scored.nothing(name, absence(error, "data set", f"published scores of {name}"))
    metrics = {str(label): MetricFacts(None) for label in table["metric"].unique()}
    opinion = Opinion(**table.attrs["opinion"])
    classical = " (classical metrics)" if name.endswith("-classical") else ""
    about = (
        f"{RATED[table['data_set'].iloc[0]].title}, published scores{classical}",
        "",
        table.attrs["source"],
        opinion,
        (table.attrs["convention"],),
        "",
    )
    return Scored(name, *about, metrics, table)
