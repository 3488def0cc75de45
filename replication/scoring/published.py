"""Scores that others have published image by image, as score tables beside ours."""

from replication.datasets.catalogue import RATED, Opinion
from replication.datasets.errors import DataError
from replication.datasets.published_scores import published_scores
from replication.scoring.scored import MetricFacts, Scored


def published(name: str) -> Scored:
    """`datasets.published_scores(name)` with its source and convention; where it is missing, `absent` says why."""
    try:
        table = published_scores(name)
    except DataError as error:
        return Scored.nothing(name, str(error))
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
