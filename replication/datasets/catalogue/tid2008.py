"""TID2008: the first seventeen distortions of TID2013, in the same layout."""

from replication.datasets.catalogue.tid2013 import OPINION, read
from replication.datasets.entries import Rated

SETS = [
    Rated(
        name="tid2008",
        title="TID2008",
        folder="tid2008",
        marker="mos_with_names.txt",
        source="Tampere Image Database 2008, an image set by N. Ponomarenko et al., "
        "http://www.ponomarenko.info/tid2008.htm",
        licence="for research, with citation",
        opinion=OPINION,
        read=read,
        images=1700,
        references=25,
        precision=(4, 1),
    )
]
