"""Extended Yale B, cropped: faces under 64 lights. Read by `replication.datasets.yaleb`."""

from replication.datasets.entries import TrainingImages

SETS = [
    TrainingImages(
        name="yaleb",
        title="Extended Yale B, cropped",
        folder="yaleb",
        marker="yaleB01",
        source="Extended Yale Face Database B (Georghiades, Belhumeur, Kriegman 2001; Lee, Ho, Kriegman 2005), "
        "CroppedYale.zip, formerly at http://vision.ucsd.edu/~leekc/ExtYaleDatabase/, with "
        "yaleb/yaleB01/yaleB01_P00A+000E+00.pgm and so on",
        licence="research",
        images=2_414,
        suffix=(".pgm",),
    )
]
