"""STL-10 (Coates, Lee, Ng 2011) in its official binary form."""

import numpy as np

from replication.datasets import availability
from replication.datasets.catalogue import TRAINING
from replication.datasets.errors import AlteredDataError, DataError
from replication.datasets.faces import bt601
from replication.datasets.stacks import Stack, stacked

PARTS = {"unlabeled": 100_000, "train": 5_000, "test": 8_000}
_SIDE = 96
_BYTES = 3 * _SIDE * _SIDE


def stl10(part: str = "unlabeled", *, grey: bool = True, limit: int | None = None) -> Stack:
    """Images of `part` ("unlabeled", "train" or "test") of stl10_binary/<part>_X.bin, (N, 1 or 3, 96, 96).

    The file holds red, green and blue planes of 96 x 96 bytes, each column by column. grey: by BT.601, `faces.bt601`.
    limit: the first so many images, without reading the others. Raises AbsentDataError for a missing file, DataError
    for a damaged one.
    """
    if part not in PARTS:
        raise DataError(f"unknown part {part!r} of STL-10; known: {', '.join(PARTS)}")
    entry = TRAINING["stl10"]
    folder = availability.folder_of(entry)
    path = None if folder is None else folder / f"{part}_X.bin"
    if path is None or not path.is_file():
        raise availability.missing(entry, "" if folder is None else f"there is no {part}_X.bin in {folder}")
    size = path.stat().st_size
    if size == 0 or size % _BYTES:
        problem = f"{path} is damaged: its {size} bytes are no whole number of images of {_BYTES} bytes"
        raise AlteredDataError(problem, availability.how_to_get(entry))
    count = size // _BYTES if limit is None else min(limit, size // _BYTES)
    planes = np.fromfile(path, dtype=np.uint8, count=count * _BYTES).reshape(count, 3, _SIDE, _SIDE)
    images = planes.transpose(0, 3, 2, 1)  # planes column by column: (N, H, W, 3)
    names = {f"{part}{i:06d}": (bt601(image) if grey else image) for i, image in enumerate(images)}
    return stacked(f"STL-10 {part}{', grey' if grey else ''}", names)
