"""T91: the 91 photos that super-resolution networks are trained on."""

from replication.datasets.entries import ImageFolder

SETS = [
    ImageFolder(
        name="t91",
        title="T91",
        folder="t91",
        source="Yang et al. 2010, as distributed with SRCNN's training code, "
        "http://mmlab.ie.cuhk.edu.hk/projects/SRCNN/SRCNN_train.zip",
        licence="none stated; used for research",
    )
]
