"""LIVE multiply distorted: lists and opinions of two parts in MATLAB files."""

import re

from replication.datasets.entries import Opinion, Rated
from replication.datasets.errors import DataError
from replication.datasets.iqa.listing import Row, Tree, cells, matlab, number, parts, same_length


def read(tree: Tree) -> list[Row]:
    """The rows of both parts, in the order of Imagelists.mat."""
    rows: list[Row] = []
    for part, folder in (("part_1", "blurjpeg"), ("part_2", "blurnoise")):
        lists = matlab(tree.need(f"{part}/Imagelists.mat"), "distimgs", "refimgs", "ref4dist")
        (opinions,) = matlab(tree.need(f"{part}/Scores.mat"), "DMOSscores")
        distorted, references, indices = cells(lists[0]), cells(lists[1]), lists[2].ravel()
        opinions = opinions.ravel()
        same_length(part, distimgs=distorted, ref4dist=indices, DMOSscores=opinions)
        for name, index, opinion in zip(distorted, indices, opinions, strict=True):
            if not 1 <= int(index) <= len(references):
                raise DataError(f"{part}/Imagelists.mat: {name} has reference {index} of {len(references)}")
            reference = references[int(index) - 1]
            kind, level = multiple_distortion(name, part)
            at = f"{part}/{folder}"
            rows.append(
                Row(
                    reference,
                    f"{folder}/{name}",
                    number(opinion, f"{part}/Scores.mat {name}"),
                    kind,
                    level,
                    (f"Ref_Images/{reference}", f"{at}/{reference}", f"part_1/blurjpeg/{reference}"),
                    (f"{at}/{name}",),
                )
            )
    return rows


def multiple_distortion(name: str, where: str = "LIVE-MD") -> tuple[str, int | None]:
    """("blur", 2) of babygirl_blur2.bmp, ("blur + JPEG", None) of babygirl_blur2_jpeg1.bmp: two strengths, no level."""
    (applied,) = parts(name, r"[a-z0-9]+?_((?:(?:blur|jpeg|noise)\d_?){1,2})\.bmp", where)
    found = re.findall(r"(blur|jpeg|noise)(\d)", applied)
    kind = " + ".join(word.replace("jpeg", "JPEG") for word, _ in found)
    return kind, int(found[0][1]) if len(found) == 1 else None


SETS = [
    Rated(
        name="live-md",
        title="LIVE multiply distorted",
        folder="live-md",
        marker="part_1/imagelists.mat",
        source="LIVE Multiply Distorted Image Quality Database (Jayaraman et al. 2012), on request from "
        "https://live.ece.utexas.edu/research/Quality/live_multidistortedimage.html",
        licence="free to use with the University of Texas' copyright notice and citation",
        opinion=Opinion("DMOS", 0, 100, higher_is_better=False),
        read=read,
        images=450,
        references=15,
        precision=(3, 1),
        remarks=("45 blurred images are in both parts of the set, with an opinion from each study",),
    )
]
