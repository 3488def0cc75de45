"""Missing data, weights and packages as values, which reports group and link without parsing sentences."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["data set", "images", "weights", "package", "results"]


@dataclass(frozen=True)
class Absent:
    """One thing that is not available on this machine.

    kind: what sort of thing. name: its title, as in "TID2013" or "VGG16".
    reason: why, in a few words that are the same on every machine (no paths).
    how_to_get: what to do, one sentence; it may name folders of this machine, so it is for messages, not for pages.
    """

    kind: Kind
    name: str
    reason: str = "not available"
    how_to_get: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


class AbsentError(ValueError):
    """Something is not available: `absent` holds it, and the message also how to get it."""

    def __init__(self, absent: Absent) -> None:
        super().__init__(absent)  # the argument itself, so that the error survives pickling
        self.absent = absent

    def __str__(self) -> str:
        how = f". {self.absent.how_to_get}" if self.absent.how_to_get else ""
        return f"{self.absent.kind} {self.absent}{how}"
