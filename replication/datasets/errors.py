"""What goes wrong with data, in words meant for the person who has to put it right."""

import os
from pathlib import Path


class DataError(ValueError):
    """Data that is missing, incomplete or not what it should be; the message says which, and what to do."""


class ImageError(DataError):
    """An image that cannot be used as it is: `path` names the file, `reason` says why and what to do.

    digest: MD5 of the bytes that could not be used; empty where none could be read, or where nobody asked for it.
    """

    def __init__(self, path: str | os.PathLike[str], reason: str, digest: str = "") -> None:
        super().__init__(os.fspath(path), reason, digest)  # every argument, so that the error survives pickling
        self.path = Path(path)
        self.reason = reason
        self.digest = digest

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"
