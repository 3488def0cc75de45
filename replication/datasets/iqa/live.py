"""LIVE and LIVE multiply distorted: lists and opinions in MATLAB files."""

import re

from replication.datasets.errors import DataError
from replication.datasets.iqa.listing import Row, Tree, cells, matlab, number, parts, same_length

# Folders in the order in which dmos_realigned.mat and refnames_all.mat count their images (readme.txt of release 2).
FOLDERS = {
    "jp2k": ("JPEG 2000 compression", 227),
    "jpeg": ("JPEG compression", 233),
    "wn": ("white noise", 174),
    "gblur": ("Gaussian blur", 174),
    "fastfading": ("fast fading", 174),
}


def read(tree: Tree) -> list[Row]:
    """All 982 rows in the order of dmos_realigned.mat, the 203 reference copies (`orgs`) marked.

    img5.bmp of a folder is the fifth of that folder. Opinions are the realigned DMOS, `dmos_new`.
    """
    opinions_file, names_file = tree.need("dmos_realigned.mat"), tree.need("refnames_all.mat")
    opinions, originals = matlab(opinions_file, "dmos_new", "orgs")
    (names,) = matlab(names_file, "refnames_all")
    references = cells(names)
    opinions, originals = opinions.ravel(), originals.ravel()
    images = [(folder, index) for folder, (_, count) in FOLDERS.items() for index in range(1, count + 1)]
    same_length("LIVE", images=images, dmos_new=opinions, orgs=originals, refnames_all=references)
    rows = []
    for (folder, index), opinion, original, reference in zip(images, opinions, originals, references, strict=True):
        file = f"{folder}/img{index}.bmp"
        kind = FOLDERS[folder][0]
        where = f"{opinions_file.name} {file}"
        score = number(opinion, where)
        rows.append(Row(reference, file, score, kind, None, (f"refimgs/{reference}",), (file,), bool(original)))
    return rows


def read_multiply_distorted(tree: Tree) -> list[Row]:
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
