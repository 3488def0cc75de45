"""A part of TID2013: exact references and twelve of its distortions, made again by build.py in the set's folder.

The layout is TID2013's. How an image relates to TID2013's own follows from its distortion:

exact: TID2013's own pixels, made by its own recipe (the MSE equals the published one).
equivalent: the same kind of noise at the published MSE, with other random numbers.
similar: a local distortion of the same kind at other places, so that the opinion belongs to another image; it is NaN.

Beside scores that others published of TID2013's own files (the notebook instrument_checks), on all 720 exact images:
PSNR within 2e-4 dB, GMSD 8e-5, FSIM 7e-6. Of the equivalent noises three pass its gates (1 - FSIM and GMSD .989 to
1.008 of the published at every level, ranks above .999); impulse noise does not (1 - FSIM .85 to .88 of the published,
GMSD 1.11 at level 1), nor do the similar images (.74 to 1.65).
"""

from dataclasses import replace

from replication.datasets.catalogue import tid2013
from replication.datasets.entries import Rated
from replication.datasets.iqa.listing import Row, Tree

_KINDS = {
    "quantisation noise": "exact",
    "Gaussian blur": "exact",
    "JPEG compression": "exact",
    "mean shift": "exact",
    "contrast change": "exact",
    "change of colour saturation": "exact",
    "additive Gaussian noise": "equivalent",
    "additive noise in colour components": "equivalent",
    "impulse noise": "equivalent",
    "multiplicative Gaussian noise": "equivalent",
    "non eccentricity pattern noise": "similar",
    "local block-wise distortions": "similar",
}


def read(tree: Tree) -> list[Row]:
    """The rows in the order of mos_with_names.txt, each with the kind that its distortion has."""
    return [replace(row, kind=_KINDS.get(row.distortion, "")) for row in tid2013.read(tree)]


SETS = [
    Rated(
        name="tid2013-part",
        title="TID2013 (part)",
        folder="tid2013-part",
        marker="mos_with_names.txt",
        source="made from the Kodak photos by build.py in that folder: `python build.py OUT`",
        licence="Kodak photos: unrestricted use; opinions: TID2013, for research, with citation",
        build="python build.py OUT",
        opinion=tid2013.OPINION,
        read=read,
        images=1440,
        references=24,
        part_of="tid2013",
        names_sha256="5a88a858d763ae65ddf1f4da93f0fae48404026b67eb2eee8877885c57264949",
        remarks=(
            "exact images are TID2013's own pixels, made again by its recipe; equivalent ones have the same kind of "
            "noise at the published MSE, with other random numbers; impulse noise differs from TID2013's (its "
            "FSIM and GMSD do not pass the gates of the notebook instrument_checks)",
            "similar images (pattern noise and blocks) have the distortion at other places than TID2013's, whose "
            "opinions belong to other images",
        ),
    )
]
