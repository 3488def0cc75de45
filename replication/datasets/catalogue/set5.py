"""Set5: five photos on which super-resolution is tested."""

from replication.datasets.entries import ImageFolder

SETS = [
    ImageFolder(
        name="set5",
        title="Set5",
        folder="set5",
        source="Bevilacqua et al. 2012, as distributed with SRCNN's test code, "
        "http://mmlab.ie.cuhk.edu.hk/projects/SRCNN/SRCNN_v1.zip",
        licence="none stated; used for research",
    )
]
