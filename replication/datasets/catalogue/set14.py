"""Set14: fourteen photos on which super-resolution is tested."""

from replication.datasets.entries import ImageFolder

SETS = [
    ImageFolder(
        name="set14",
        title="Set14",
        folder="set14",
        source="Zeyde et al. 2010, as distributed with SRCNN's test code, "
        "http://mmlab.ie.cuhk.edu.hk/projects/SRCNN/SRCNN_v1.zip",
        licence="none stated; used for research",
    )
]
