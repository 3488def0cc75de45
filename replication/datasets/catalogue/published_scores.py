"""Scores that other people published image by image. Read by `replication.datasets.published_scores`."""

from replication.datasets.entries import Tables

_NAMES = ("live", "csiq", "tid2013", "kadid-10k", "pipal", "tid2013_classical_metrics")
_FILES = tuple(f"{name}.csv" for name in _NAMES)

SETS = [
    Tables(
        name="published-scores",
        title="published scores, image by image",
        folder="published-scores",
        marker=_FILES[0],
        files=_FILES,
        source="results published with DeepWSD and DeepJSD (VGG, SqueezeNet), https://github.com/Buka-Xing/DeepWSD; "
        "and of classical metrics on TID2013",
        licence="as the authors' repositories",
    )
]
