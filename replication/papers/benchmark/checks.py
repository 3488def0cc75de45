"""Our scores against published ones, image by image, on images whose pixels are the published ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from replication.reporting.figures import style
from replication.reporting.paper_sets import exact, paper_set
from replication.scoring.scored import Scored
from replication.scoring.wide import KIND

ABSOLUTE, RELATIVE = 1e-3, 1e-4
"""Two scores are equal if they differ by no more than ABSOLUTE + RELATIVE |published|: published numbers were computed
in float32 on other machines, from scores of up to 60."""

SAME, UNEXPLAINED = "same instrument", "differs, reason not found"
_NEARLY = 0.95  # share of images that are equal where the two metrics are one but for special cases

_2024 = "the authors' code of 2024"


@dataclass(frozen=True)
class Pair:
    """A metric here and a column of a published table.

    table: the last part of the table's name ("zeroshot" of live-zeroshot, "" of live). differs: the difference of
    protocols, in words; empty where there should be none. data_set: the one set it is for; empty for all.
    """

    ours: str
    table: str
    column: str
    differs: str = ""
    data_set: str = ""

    @property
    def published(self) -> str:
        """The column with its table: "DISTS (zeroshot)"."""
        return f"{self.column} ({self.table or 'DeepWSD 2024'})"


_CLAMPED = "a pixel's negative structure counts as zero there, which shows where distortion is strong"
_CUT = "the last row of an odd side is left out there when images are reduced"
_REAL_PART = "where colours are inverted, the authors take the real part of a negative number's power, .9956 of ours"
_UNSCALED = "images in [0, 1] went there into code that expects [-1, 1]"
_VGG19 = f"{_2024}, VGG19 where this has VGG16"
_ROUNDED = (
    "the weakest mean shifts, whose distance is nearly 0, are up to .4 % below the published score; coarser rounding "
    "in the network moves them up"
)
_NOT_FOUND = "no protocol tried gives the published values, which change with colour at equal luminance"
PAIRS = (
    Pair("psnr(epsilon=1e-8)", "zeroshot", "PSNR"),
    Pair("psnr", "classical", "PSNR"),
    Pair("psnr(colour=gray, eight_bit=true, epsilon=1e-4)", "boosting", "PSNR_reg"),
    Pair("ssim(colour=gray, eight_bit=true, reduction=2004)", "boosting", "SSIM"),
    Pair("ms-ssim(colour=gray, eight_bit=true)", "zeroshot", "MS_SSIM", _CLAMPED),
    Pair("ms-ssim(colour=gray, eight_bit=true, odd_sides=repeat)", "boosting", "MS_SSIM"),
    Pair("fsim", "zeroshot", "FSIM", _CUT),
    Pair("fsim", "boosting", "FSIMc", _REAL_PART),
    Pair("gmsd", "classical", "GMSD"),
    Pair("lpips-alex-unscaled", "zeroshot", "LPIPS_alex"),
    Pair("lpips-vgg-unscaled", "zeroshot", "LPIPS_vgg"),
    Pair("dists(resize=false)", "zeroshot", "DISTS"),
    Pair("deepwsd", "deepwsd", "DeepWSD", _ROUNDED),
    Pair("deepwsd-2024", "", "DeepWSD_Squeeze", data_set="tid2013"),
    Pair("deepwsd-2024(mapping=none, resize=true)", "", "DeepWSD_Squeeze", data_set="live"),
    Pair("lpips-alex", "zeroshot", "LPIPS_alex", _UNSCALED),
    Pair("lpips-vgg", "zeroshot", "LPIPS_vgg", _UNSCALED),
    Pair("dists", "zeroshot", "DISTS", "not resized there"),
    Pair("ssim(colour=gray)", "boosting", "SSIM", "reduced in size there, luminance rounded"),
    Pair("ms-ssim(colour=gray)", "zeroshot", "MS_SSIM", "luminance rounded there"),
    Pair("deepwsd", "", "DeepWSD_VGG", f"{_2024}: VGG19, means over windows of 8 x 8, fourth root of log(1 + D)"),
    Pair("deepwsd-2024(network=vgg16)", "", "DeepWSD_VGG", _VGG19),
    Pair("deepwsd-2024(network=vgg16)", "zeroshot", "DeepWSD_VGG", f"{_VGG19}; images not reduced there"),
    Pair("ms-ssim(colour=gray)", "classical", "MSSIM", _NOT_FOUND),
    Pair("vif", "classical", "VIF", _NOT_FOUND),
)
"""Pairs of the same protocol first, then pairs of the same name."""

DEEPWSD = (
    "the DeepWSD published with LIVE, TID2013, CSIQ, KADID-10k and PIPAL is the authors' release of 2024 (VGG19, "
    "windows of 8 x 8, means, fourth root of log(1 + D)), whose SqueezeNet column is reproduced; of VGG19 no weights "
    "are available here, and VGG16 in its place gives the same scale; the scores published with the release of 2022 "
    "are those of our DeepWSD"
)
"""Which variant made the published scores of DeepWSD, found by trying."""

COLUMNS = [
    *("data_set", "published", "ours", "images", "rank_agreement", "median_difference", "largest_difference"),
    *("within", "verdict"),
]


def joined(first: Scored, second: Scored | None) -> Scored:
    """One table of two score tables of the same data set; a metric that both have is the first's."""
    if second is None or second.absent:
        return first
    if first.absent:
        return second
    new = second.table[~second.table["metric"].isin(list(first.metrics))]
    table = pd.concat([first.table, new], ignore_index=True)
    return replace(first, metrics={**second.metrics, **first.metrics}, table=table)


def tables_of(scored: Scored, published: Sequence[Scored]) -> dict[str, Scored]:
    """The published tables about the images of a set, by the last part of their names ("" of "live")."""
    whole = paper_set(scored.name)
    return {
        each.name.removeprefix(whole).lstrip("-"): each for each in published if not each.absent and _of(each, whole)
    }


def beside(scored: Scored, label: str, published: Scored, column: str) -> pd.DataFrame:
    """Scores of a metric (`ours`) and of a published column (`theirs`) on the images that both have.

    One row an image: distorted, distortion, level, kind ("" without), ours, theirs, opinion (the published one).
    """
    own = scored.table[(scored.table["metric"] == label) & scored.table["score"].notna()]
    own = own.assign(kind=own.get(KIND, ""))
    columns = ["distorted", "distortion", "level", "kind", "score"]
    theirs = published.table.loc[published.table["metric"] == column, ["distorted", "score", "opinion"]]
    both = (
        own[columns].rename(columns={"score": "ours"}).merge(theirs.rename(columns={"score": "theirs"}), on="distorted")
    )
    finite: pd.DataFrame = both[np.isfinite(both["ours"]) & np.isfinite(both["theirs"])]
    return finite.reset_index(drop=True)


def of_pairs(
    everything: Sequence[Scored], published: Sequence[Scored], pairs: Sequence[Pair] = PAIRS
) -> dict[Pair, dict[str, pd.DataFrame]]:
    """`beside` on official images (`exact`) for each pair and set that has both."""
    found: dict[Pair, dict[str, pd.DataFrame]] = {}
    for pair in pairs:
        for scored in everything:
            table = tables_of(scored, published).get(pair.table)
            fits = pair.data_set in ("", paper_set(scored.name)) and pair.ours in scored.with_scores()
            if table is None or not fits or pair.column not in table.metrics:
                continue
            both = beside(scored, pair.ours, table, pair.column)
            both = both[exact(both)]
            if len(both):
                found.setdefault(pair, {})[scored.title] = both
    return found


def agreement(found: Mapping[Pair, Mapping[str, pd.DataFrame]]) -> pd.DataFrame:
    """How well the two scores of each pair agree, COLUMNS: a row for each pair and data set.

    rank_agreement: |SRCC| of the two. median_difference, largest_difference: of |ours - theirs|. within: share of the
    images on which the two are equal. verdict: "same instrument" if they are equal on all; else, with the known
    difference, "same instrument but for 3 images: " (of at most a twentieth) or "another protocol: "; without one,
    "differs, reason not found".
    """
    rows = []
    for pair, sets in found.items():
        for title, both in sets.items():
            off = (both["ours"] - both["theirs"]).abs()
            equal = off <= ABSOLUTE + RELATIVE * both["theirs"].abs()
            rank = abs(float(stats.spearmanr(both["ours"], both["theirs"])[0])) if len(both) > 2 else float("nan")
            verdict = SAME
            if not equal.all() and pair.differs:
                others = f"{SAME} but for {(~equal).sum()} images" if equal.mean() >= _NEARLY else "another protocol"
                verdict = f"{others}: {pair.differs}"
            elif not equal.all():
                verdict = UNEXPLAINED
            sizes = len(both), rank, off.median(), off.max(), equal.mean()
            rows.append((title, pair.published, pair.ours, *sizes, verdict))
    return pd.DataFrame(rows, columns=COLUMNS)


def by_metric(table: pd.DataFrame) -> pd.DataFrame:
    """`agreement` in a row for each pair: images of all sets together, the least agreement, the largest differences."""
    rows = []
    for (published, ours), group in table.groupby(["published", "ours"], sort=False):
        verdicts = sorted(group["verdict"], key=lambda verdict: (verdict != SAME, not verdict.startswith(SAME)))
        rows.append(
            {
                "published": published,
                "ours": ours,
                "images": group["images"].sum(),
                "rank agreement": group["rank_agreement"].min(),
                "median difference": group["median_difference"].max(),
                "largest difference": group["largest_difference"].max(),
                "verdict": verdicts[-1],
            }
        )
    return pd.DataFrame(rows)


def conclusion(table: pd.DataFrame) -> str:
    """One sentence on the pairs that should agree, and on those that differ."""
    metrics = by_metric(table)
    same = metrics[metrics["verdict"].str.startswith(SAME)].drop_duplicates("published")
    unknown = metrics[metrics["verdict"] == UNEXPLAINED]
    sentence = (
        f"{len(same)} published columns are reproduced ({same['images'].sum():,} pairs of scores, within {ABSOLUTE:g} "
        f"plus {RELATIVE:g} of the score, but for what the table says): {', '.join(same['published'])}"
    )
    return f"{sentence}; not explained: {', '.join(unknown['published'])}" if len(unknown) else sentence


def scatter(found: Mapping[Pair, Mapping[str, pd.DataFrame]], *, columns: int = 4) -> Figure:
    """Ours against the published score, a panel for each pair, a colour for each data set, the diagonal where equal."""
    lines = -(-len(found) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(2.3 * columns, 2.25 * lines), squeeze=False)
    titles = list(dict.fromkeys(title for sets in found.values() for title in sets))
    for axis, (pair, sets) in zip(axes.flat, found.items(), strict=False):
        for title, both in sets.items():
            looks = style(titles.index(title)) | {"markersize": 2.5, "linestyle": "none", "alpha": 0.5}
            axis.plot(both["theirs"], both["ours"], **looks, label=title.partition(" (")[0], rasterized=True)
        low, high = axis.get_xlim()
        if not pair.differs:
            axis.plot([low, high], [low, high], color="0.6", linewidth=0.8, zorder=0)
        axis.set_title(f"{pair.published}\n{_wrapped(pair.ours)}", fontsize=7)
        axis.tick_params(labelsize=7)
    for axis in axes.flat[len(found) :]:
        axis.set_visible(False)
    shown = {
        label: handle for axis in axes.flat for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(shown.values(), shown, loc="outside upper right", ncols=len(shown), fontsize=8, markerscale=2)
    figure.supxlabel("published score", fontsize=9)
    figure.supylabel("our score", fontsize=9)
    return figure


def _of(published: Scored, data_set: str) -> bool:
    return len(published.table) > 0 and published.table["data_set"].iloc[0] == data_set


def _wrapped(label: str, width: int = 34) -> str:
    return label if len(label) <= width else label.replace(", ", ",\n", 1)
