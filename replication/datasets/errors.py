"""Errors about data, with messages for the person who has to put it right."""

import os
from pathlib import Path

from replication.absent import Absent, AbsentError


class DataError(ValueError):
    """Data that is missing, incomplete or not as expected; the message names it and the remedy."""


class AbsentDataError(AbsentError, DataError):
    """A data set, or a package that reads it, is missing or incomplete: `absent` says which, why, how to get it.

    message: in the set's name on the command line and with its place on this machine, in place of the usual one.
    """

    def __init__(self, absent: Absent, message: str = "") -> None:
        super().__init__(absent)
        self.args = (absent, message)  # both arguments, so that the error survives pickling
        self.message = message

    def __str__(self) -> str:
        return self.message or super().__str__()


class AlteredDataError(DataError):
    """A set that is not as published: `problem` describes how it differs, the message also how to get it again."""

    def __init__(self, problem: str, how_to_get: str) -> None:
        super().__init__(problem, how_to_get)  # both arguments, so that the error survives pickling
        self.problem = problem
        self.how_to_get = how_to_get

    def __str__(self) -> str:
        return f"{self.problem}. {self.how_to_get}"


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
