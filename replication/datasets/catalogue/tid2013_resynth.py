"""TID2013 resynthesised: distorted images made again from exact references by build.py in the set's folder."""

from replication.datasets.catalogue.tid2013 import OPINION, read
from replication.datasets.entries import Rated

SETS = [
    Rated(
        name="tid2013-resynth",
        title="TID2013 (resynthesised)",
        folder="tid2013-resynth",
        marker="mos_with_names.txt",
        source="made from the Kodak photos by build.py in that folder: `python build.py OUT`",
        licence="Kodak photos: unrestricted use; opinions: TID2013, for research, with citation",
        build="python build.py OUT",
        opinion=OPINION,
        read=read,
        images=675,
        references=23,
        part_of="tid2013",
        names_sha256="654de2d355f806be5f5608442dc24df6d6509368128371cb7498ba926624141c",
        remarks=(
            "distorted images are not TID2013's own files: each was made again from the exact reference with the same "
            "kind of distortion, its strength set so that its MSE is the published one, and carries TID2013's mean "
            "opinion score",
            "superseded by tid2013-part: the blur and the JPEG 2000 compression of these images are not TID2013's",
        ),
    )
]
