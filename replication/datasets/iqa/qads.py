"""QADS: mos_with_names.txt, source_images/img01.bmp, super-resolved_images/img01_2_01.bmp."""

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
