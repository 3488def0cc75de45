"""Scores that other people published image by image, and what each column is. Read by `datasets.published_scores`.

The protocols of columns were found by trying: where one is given without "inferred" or "not found", the metric of this
package under that protocol has the published scores of images whose pixels are known (the notebook instrument_checks).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from replication.datasets.entries import Tables


@dataclass(frozen=True)
class Column:
    """A column of published scores.

    higher_is_better: None where it is not stated. protocol: in words. affine: (a, b), by which the metric's score is
    a + b times the number in the file. name: in tables, where that is not the column's.
    """

    higher_is_better: bool | None = None
    protocol: str = ""
    affine: tuple[float, float] = (0.0, 1.0)
    name: str = ""


@dataclass(frozen=True)
class Published:
    """A table of published scores.

    file: in `folder` of the data root, with a column for each metric; or, if `names` names a second file (lines of an
    opinion and an image), with one score a line. columns: by name; one that is not listed is a metric of which nothing
    more is known. opinion: the column of opinions, each of which is `opinion_affine` (a, b) of the set's own: a + b
    times the number. convention: which images and opinions were used.
    """

    file: str
    data_set: str
    source: str
    rows: int
    convention: str
    columns: Mapping[str, Column]
    opinion: str = "opinion_score"
    opinion_affine: tuple[float, float] = (0.0, 1.0)
    folder: str = "published-scores"
    names: str = ""


_DEEP = "per-image results of DeepWSD and DeepJSD published by their authors, https://github.com/Buka-Xing/DeepWSD"
_DEEP_2022 = (
    "per-image results of DeepWSD published with its first release (2022), https://github.com/Buka-Xing/DeepWSD"
)
_ZERO_SHOT = (
    "per-image results of an IQA study published by its authors (Ghildyal, Barman, Zadtootaghaj, ICASSP 2025), "
    "https://github.com/abhijay9/ZS-IQA"
)
_BOOSTING = (
    "per-image results of eleven metrics published by their authors (Temel, AlRegib), "
    "https://github.com/olivesgatech/Boosting-in-IQA"
)
_2024 = "the authors' release of 2024: VGG19, mean over windows of 8 x 8, fourth root of log(1 + D)"
_COPIES = (
    "982 rows: 203 of them are undistorted copies of references, with opinion 0, each counted as a reference of "
    "its own, since the table does not name it; opinions are LIVE's DMOS before realignment"
)
_NO_CONTRAST = "750 of 866 images: contrast decrements left out; opinions rounded to 3 decimals"


def _deep(squeeze: str) -> dict[str, Column]:
    return {
        "DeepWSD_VGG": Column(protocol=_2024),
        "DeepWSD_Squeeze": Column(protocol=f"as DeepWSD_VGG, on SqueezeNet 1.1{squeeze}"),
        "DeepJSD_VGG": Column(protocol="the authors' release of 2024"),
        "DeepJSD_Squeeze": Column(protocol="the authors' release of 2024"),
    }


_UNSCALED = "images in [0, 1], where the authors' code expects [-1, 1]"
_ZERO_SHOT_COLUMNS = {
    "PSNR": Column(True, "RGB, 1e-8 added to the MSE of images in [0, 1]"),
    "MS_SSIM": Column(
        True, "rounded luminance, negative structure taken as 0; the file has (1 - score) / 2", (1.0, -2.0)
    ),
    "FSIM": Column(True, "FSIMc, last row of odd sides left out; the file has (1 - score) / 2", (1.0, -2.0)),
    "LPIPS_alex": Column(False, f"LPIPS 0.1 on AlexNet, {_UNSCALED}"),
    "LPIPS_vgg": Column(False, f"LPIPS 0.1 on VGG16, {_UNSCALED}"),
    "DISTS": Column(False, "images not resized"),
    "ST_LPIPS_alex": Column(False, "shift-tolerant LPIPS"),
    "ST_LPIPS_vgg": Column(False, "shift-tolerant LPIPS"),
    "DeepWSD_VGG": Column(False, f"{_2024}; images not reduced"),
    "DeepJSD_VGG": Column(False, "the authors' release of 2024; images not reduced"),
    "DeepKLD_VGG": Column(False, "the authors' release of 2024; images not reduced"),
}
_INFERRED = "the name is inferred from correlations with opinions"
_BOOSTING_COLUMNS = {
    "PSNR_reg": Column(True, "rounded luminance, 6.5025 added to the MSE of images in [0, 255]"),
    "PSNR_HA": Column(True, _INFERRED),
    "PSNR_HMA": Column(True, _INFERRED),
    "SSIM": Column(True, "rounded luminance, reduced by round(short side / 256), the authors' script"),
    "MS_SSIM": Column(True, "rounded luminance, odd sides repeated, the authors' script"),
    "CW_SSIM": Column(True, _INFERRED),
    "IW_SSIM": Column(True, _INFERRED),
    "SR_SIM": Column(True, _INFERRED),
    "FSIMc": Column(True, "the authors' script"),
    "PerSIM": Column(True, _INFERRED),
    "UNIQUE": Column(None, f"{_INFERRED}; mapped to the scale of the opinions on TID2013 and LIVE-MD"),
}
_NOT_FOUND = "protocol not found"
_CLASSICAL_COLUMNS = {
    "PSNR": Column(protocol="RGB"),
    "SSIM": Column(protocol="not standard SSIM; protocol not found", name="SSIM (not standard)"),
    "MSSIM": Column(protocol=_NOT_FOUND),
    "VIF": Column(protocol=_NOT_FOUND),
    "GMSD": Column(protocol="rounded luminance"),
}
_DEEPWSD = {"DeepWSD": Column(False, "the authors' release of 2022: VGG16, sum over windows of 4 x 4, log(1 + D)")}


def _zero_shot(
    data_set: str, rows: int, convention: str, opinion_affine: tuple[float, float] = (0.0, 1.0)
) -> Published:
    name = f"{data_set}_zeroshot.csv"
    return Published(name, data_set, _ZERO_SHOT, rows, convention, _ZERO_SHOT_COLUMNS, opinion_affine=opinion_affine)


def _boosting(data_set: str, rows: int, convention: str) -> Published:
    return Published(f"{data_set}_boosting.csv", data_set, _BOOSTING, rows, convention, _BOOSTING_COLUMNS)


def _deepwsd(data_set: str, file: str, names: str, rows: int, convention: str) -> Published:
    return Published(
        f"DeepWSD_{file}.txt",
        data_set,
        _DEEP_2022,
        rows,
        convention,
        _DEEPWSD,
        folder="deepwsd-scores",
        names=f"{names}.txt",
    )


_LIVE = "all 779 distorted images, with the realigned DMOS"
_TID2013 = "all 3,000 images"
PUBLISHED = {
    "live": Published("live.csv", "live", _DEEP, 982, _COPIES, _deep(", images resized to 256 x 256, D itself")),
    "csiq": Published("csiq.csv", "csiq", _DEEP, 750, _NO_CONTRAST, _deep("")),
    "tid2013": Published("tid2013.csv", "tid2013", _DEEP, 3000, _TID2013, _deep("")),
    "kadid-10k": Published("kadid-10k.csv", "kadid-10k", _DEEP, 10125, "all 10,125 images", _deep("")),
    "pipal": Published("pipal.csv", "pipal", _DEEP, 23200, "all 23,200 images of the training part", _deep("")),
    "tid2013-classical": Published(
        "tid2013_classical_metrics.csv",
        "tid2013",
        "per-image results of classical metrics on TID2013 in a public table",
        3000,
        "all 3,000 images; the column SSIM is not standard SSIM and is named so",
        _CLASSICAL_COLUMNS,
        "MOS",
    ),
    "live-zeroshot": _zero_shot("live", 779, _LIVE),
    "tid2013-zeroshot": _zero_shot("tid2013", 3000, _TID2013, (100.0, -1.0)),  # the file has 100 - MOS
    "pipal-zeroshot": _zero_shot("pipal", 23200, "all 23,200 images of the training part"),
    "live-boosting": _boosting("live", 779, _LIVE),
    "live-md-boosting": _boosting("live-md", 450, "all 450 images"),
    "tid2013-boosting": _boosting("tid2013", 3000, _TID2013),
    "live-deepwsd": _deepwsd("live", "LIVE", "LIVE_dmos", 982, _COPIES),
    "csiq-deepwsd": _deepwsd("csiq", "CSIQ", "CSIQ_dmos", 750, _NO_CONTRAST),
    "tid2013-deepwsd": _deepwsd("tid2013", "TID2013", "TID2013_mos", 3000, _TID2013),
    "kadid-10k-deepwsd": _deepwsd("kadid-10k", "KADID10k", "KADID10k_mos", 10125, "all 10,125 images"),
}
"""Every table by name."""


def _files(folder: str) -> tuple[str, ...]:
    tables = [table for table in PUBLISHED.values() if table.folder == folder]
    return tuple(file for table in tables for file in (table.file, table.names) if file)


SETS = [
    Tables(
        name="published-scores",
        title="published scores, image by image",
        folder="published-scores",
        marker="live.csv",
        files=_files("published-scores"),
        source="results published with DeepWSD and DeepJSD (VGG, SqueezeNet), https://github.com/Buka-Xing/DeepWSD; "
        "of classical metrics on TID2013; of https://github.com/abhijay9/ZS-IQA (zeroshot) and "
        "https://github.com/olivesgatech/Boosting-in-IQA (boosting), a row for each image",
        licence="as the authors' repositories",
    ),
    Tables(
        name="deepwsd-scores",
        title="published scores of DeepWSD's first release",
        folder="deepwsd-scores",
        marker="DeepWSD_TID2013.txt",
        files=_files("deepwsd-scores"),
        source="the folder results/QuaityAssessment of https://github.com/Buka-Xing/DeepWSD, as it is",
        licence="as the authors' repository",
    ),
]
