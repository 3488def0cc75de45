"""BAPPS, validation part: patches that observers compared, in triplets (2AFC) and pairs (JND)."""

from replication.datasets.entries import Judged

_SOURCE = (
    "Berkeley-Adobe Perceptual Patch Similarity (Zhang et al. 2018), https://github.com/richzhang/PerceptualSimilarity"
)
_LICENCE = "BSD-2-Clause (release); photos for research"

SETS = [
    Judged(
        name="bapps-2afc",
        title="BAPPS 2AFC (validation)",
        folder="bapps/2afc/val",
        marker="2afc/val",
        source=f"{_SOURCE}: twoafc_val.tar.gz",
        licence=_LICENCE,
        counts=(
            ("traditional", 4720),
            ("cnn", 4720),
            ("superres", 10856),
            ("deblur", 9440),
            ("color", 4720),
            ("frameinterp", 1888),
        ),
    ),
    Judged(
        name="bapps-jnd",
        title="BAPPS JND (validation)",
        folder="bapps/jnd/val",
        marker="jnd/val",
        source=f"{_SOURCE}: jnd.tar.gz",
        licence=_LICENCE,
        counts=(("traditional", 4800), ("cnn", 4800)),
    ),
]
