"""QADS: mos_with_names.txt, source_images/img01.bmp, super-resolved_images/img01_2_01.bmp."""

from replication.datasets.entries import Opinion, Rated
from replication.datasets.iqa.listing import Row, Tree, parts, scores_and_names


def read(tree: Tree) -> list[Row]:
    """The rows in the order of mos_with_names.txt: image_factor_method; the factor is the distortion, without level."""
    path = tree.need("mos_with_names.txt")
    rows = []
    for opinion, name in scores_and_names(path):
        reference, factor = parts(name, r"([a-z]+\d+)_(\d)_\w+\.\w+", path.name)
        sources = tuple(f"source_images/{reference}.{suffix}" for suffix in ("bmp", "png"))
        places = (f"super-resolved_images/{name}", f"super-resolved_images/{reference}/{name}")
        kind = f"super-resolution x{factor}"
        rows.append(Row(f"{reference}.bmp", name, opinion, kind, None, sources, places))
    return rows


SETS = [
    Rated(
        name="qads",
        title="QADS",
        folder="qads",
        marker="mos_with_names.txt",
        source="Quality Assessment Database for Super-resolved images (Zhou et al. 2019), "
        "http://www.vista.ac.cn/super-resolution/",
        licence="for research, with citation",
        opinion=Opinion("MOS", 0, 1, higher_is_better=True),
        read=read,
        images=980,
        references=20,
        remarks=("opinions were not compared with published ones: only their number and range were",),
    )
]
