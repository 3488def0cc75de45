"""Sets of images and of human opinions: where they are, what they hold, where they come from.

`datasets.images("set5")` opens images, `datasets.load("tid2013")` distorted images with opinions,
`datasets.load_judgements("bapps-2afc")` comparisons of patches, `datasets.published_scores("live")` others' scores.
"""

from replication.datasets.entries import Opinion
from replication.datasets.errors import AbsentDataError, DataError, ImageError
from replication.datasets.images import Pixels, read_image
from replication.datasets.judged import Judgements, load_judgements
from replication.datasets.published_scores import published_scores
from replication.datasets.rated import RatedSet, Readable, load, rated_present
from replication.datasets.sets import ImageSet, Problem, images, present

__all__ = [
    "AbsentDataError",
    "DataError",
    "ImageError",
    "ImageSet",
    "Judgements",
    "Opinion",
    "Pixels",
    "Problem",
    "RatedSet",
    "Readable",
    "images",
    "load",
    "load_judgements",
    "present",
    "published_scores",
    "rated_present",
    "read_image",
]
