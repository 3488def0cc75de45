"""What the numbers of paper 2's page rest on, as far as it decides whether they test the paper."""

from collections.abc import Iterable, Mapping
from typing import Any

from replication.datasets.faces import of_official_size
from replication.reporting.adequacy import Basis, Gate

HALF_SIZE = (
    "the first of CelebA's photos at half size: 74 x 74 of 89 x 109 pixels, stored as JPEG once more, reduced to 64 x "
    "64, where the usual crop is 148 x 148 of 178 x 218; the paper names neither its photos nor its crop"
)
PART = "a part of CelebA's photos; the paper does not say which it used"
FORMULAE = Basis("own", about="a board of light and dark squares: the statement is about the formulae")
"""Of the luminance argument, which needs neither the paper's images nor its networks."""


def of_faces(images: Mapping[str, Any], title: str, gates: Iterable[Gate]) -> Basis:
    """The basis of what was measured on reconstructions.

    images: parameters of `datasets.autoencoding.parts`. title: of its images. gates: of the training.
    """
    if images["source"] != "faces":
        return Basis("stand-in", title, gates=tuple(gates))
    if of_official_size(images.get("folder") or "celeba"):
        return Basis("exact part", PART, gates=tuple(gates))
    return Basis("stand-in", HALF_SIZE, gates=tuple(gates))
