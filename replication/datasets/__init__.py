"""Image sets: where they lie, what they hold, where they come from. `datasets.images("set5")` opens one."""

from replication.datasets.errors import DataError, ImageError
from replication.datasets.images import Pixels, read_image
from replication.datasets.sets import ImageSet, Problem, images, present

__all__ = ["DataError", "ImageError", "ImageSet", "Pixels", "Problem", "images", "present", "read_image"]
