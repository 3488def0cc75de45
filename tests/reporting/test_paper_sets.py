"""What stands for a data set of a paper: the set, or images of a part that are known to be its own."""

from dataclasses import dataclass

import pandas as pd
import pytest

from replication.reporting.paper_sets import basis, official, standing_for


@dataclass(frozen=True)
class Table:
    name: str
    table: pd.DataFrame


IMAGES = pd.DataFrame({"distorted": ["a", "b", "c", "d"]})
WHOLE = Table("live", IMAGES)
PART = Table("live-part", IMAGES.assign(kind=["real", "exact", "near", "equivalent"]))
UNKNOWN = Table("live-part", IMAGES)
OTHER = Table("photos-distorted", IMAGES)


@pytest.mark.parametrize(("each", "count"), [(WHOLE, 4), (PART, 2), (UNKNOWN, 0), (OTHER, 4)])
def test_images_of_a_part_are_official_only_if_their_kind_says_so(each: Table, count: int) -> None:
    assert official(each).sum() == count


def test_the_whole_set_stands_before_its_part_and_other_sets_never() -> None:
    assert standing_for("live", [PART, WHOLE]) is WHOLE
    assert standing_for("live", [OTHER, PART]) is PART
    assert standing_for("live", [OTHER, UNKNOWN]) is None
    assert standing_for("live", [Table("live", IMAGES.head(0)), PART]) is PART


def test_the_basis_counts_official_images() -> None:
    of = {"live": "LIVE"}
    assert (basis(WHOLE, of=of).images, basis(WHOLE, of=of).about) == ("own", "LIVE, 4 images")
    assert (basis(PART, of=of).images, basis(PART, of=of).about) == ("exact part", "2 of the 779 images of LIVE")
    assert basis(OTHER, of=of).images == "stand-in"
