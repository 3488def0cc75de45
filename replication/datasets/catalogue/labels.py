"""Published opinions of seven sets, from a public list. Read by `replication.datasets.iqa.labels`."""

from replication.datasets.entries import Tables

_NAMES = ("LIVE", "LIVE_MD", "CSIQ", "TID2008", "TID2013", "KADID-10k", "PIPAL")
_FILES = tuple(f"{name}.csv" for name in _NAMES)

SETS = [
    Tables(
        name="labels",
        title="published opinions",
        folder="labels",
        marker=_FILES[0],
        files=_FILES,
        source="file names, distortions, references and opinions of seven sets, a public list of published labels",
        licence="MIT",
    )
]
