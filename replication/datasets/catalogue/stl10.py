"""STL-10: small colour photos. Read by `replication.datasets.stl10`."""

from replication.datasets.entries import TrainingImages

SETS = [
    TrainingImages(
        name="stl10",
        title="STL-10",
        folder="stl10_binary",
        marker="train_X.bin",
        source="STL-10 (Coates, Lee, Ng 2011), stl10_binary.tar.gz from https://cs.stanford.edu/~acoates/stl10/",
        licence="none stated; images from ImageNet, for research",
        images=5,  # files of many images each
        suffix=(".bin",),
    )
]
