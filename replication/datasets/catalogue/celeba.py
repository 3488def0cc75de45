"""CelebA: aligned faces. Read by `replication.datasets.faces`."""

from replication.datasets.entries import TrainingImages

SETS = [
    TrainingImages(
        name="celeba",
        title="CelebA",
        folder="celeba",
        marker="img_align_celeba",
        source="CelebFaces Attributes (Liu et al. 2015), https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html: "
        "img_align_celeba.zip (aligned and cropped images), in celeba/img_align_celeba/ or celeba/",
        licence="non-commercial research",
        images=202_599,
        suffix=(".jpg", ".jpeg", ".png"),
    )
]
