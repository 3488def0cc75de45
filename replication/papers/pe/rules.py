"""Paper 4: verdicts on its claims on quality, JND and 2AFC tests, each with its rule."""

from collections.abc import Sequence

import pandas as pd

from replication.datasets.catalogue import JUDGED, RATED
from replication.papers.pe.quality import CONTROL, EQUATION_1
from replication.reporting.numbers import ALPHA
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED
from replication.scoring.channel_tables import ChannelDistances

PAPER = "pe"
PAPERS_NETWORKS = {
    "alexnet": "AlexNet",
    "vgg16": "VGG16",
    "vgg16_conv2_2": "VGG16",
    "squeezenet1_0": "SqueezeNet",
    "squeezenet1_1": "SqueezeNet",
    "shufflenet_v2_x1_0": "ShuffleNet",
    "googlenet": "GoogLeNet",
    "googlenet_bvlc": "GoogLeNet",
}
MOST, HALF, FEW = 0.75, 0.5, 0.05

RULES = {
    "h-over-f": (
        f"Comparisons are H-x minus F for every layer and every x. A difference is significant if p < {ALPHA} (t over "
        "resampled references, Benjamini and Hochberg's correction over layers). Reproduced: above zero in "
        f"{MOST:.0%} of them at least, significantly in {HALF:.0%}, and significantly below in no more than {FEW:.0%}. "
        f"Close: above zero in more than {HALF:.0%}, and more often significantly above than significantly below. "
        "Otherwise not reproduced."
    ),
    "f-over-l": "The same rule for F minus L-x.",
    "across-networks": (
        "Both rules above come out 'close' or better within a network's own layers. Reproduced: in every one of the "
        "paper's networks that could be measured, four of the five at least. Close: in more than half of those "
        "measured. Otherwise not reproduced; not run with fewer than two. Variants of a network count as one, and all "
        "of them must pass."
    ),
    "jnd-2afc": (
        f"H-{CONTROL} above F and F above L-{CONTROL}, for every layer and subset of BAPPS. Reproduced: both in "
        f"{MOST:.0%} of cases at least, in JND and in 2AFC. Close: both in more than {HALF:.0%}. Otherwise not "
        "reproduced."
    ),
    "h10-beats-lpips-md": (
        f"H-{CONTROL} of some layer of AlexNet against LPIPS (AlexNet) on LIVE multiply distorted. Reproduced: one is "
        f"significantly better (the same test). Close: one is better. Otherwise not reproduced."
    ),
    "lpips-best-2afc": "LPIPS (AlexNet) above F and H of every layer on the same comparisons of BAPPS.",
}


def judge_claims(
    measured: Sequence[ChannelDistances],
    differences: pd.DataFrame,
    comparisons: pd.DataFrame,
    beside: pd.DataFrame,
) -> pd.DataFrame:
    """Verdicts: paper, claim, verdict, evidence. RULES says how each is reached.

    measured: every network and data set requested, absent ones too. differences: of `quality.study`; those under
    eq. 1 are judged. comparisons: of `quality.judged`. beside: of `quality.beside_metrics`.
    """
    own = differences[differences["weighting"] == EQUATION_1] if len(differences) else differences
    verdicts = {
        "h-over-f": _over(own, "H", measured),
        "f-over-l": _over(own, "L", measured),
        "across-networks": _across(own, measured),
        "jnd-2afc": _judgements(comparisons, measured),
        "h10-beats-lpips-md": _beats_lpips(beside, measured),
        "lpips-best-2afc": _lpips_best(measured),
    }
    rows = [(PAPER, claim, verdict, evidence.strip()) for claim, (verdict, evidence) in verdicts.items()]
    return pd.DataFrame(rows, columns=["paper", "claim", "verdict", "evidence"])


def why_not(measured: Sequence[ChannelDistances], *, rated: bool) -> str:
    """The reason why no set with opinions (rated) or judgements was measured: that of one set, preferably with a
    network that was measured on another set."""
    absent = [each for each in measured if each.absent and (each.name in JUDGED) != rated]
    absent.sort(key=lambda each: not _has(measured, backbone=each.backbone))
    kind = "data set with opinions" if rated else "BAPPS set"
    return str(absent[0].absent) if absent else f"no {kind} was requested in this profile"


def _over(own: pd.DataFrame, side: str, measured: Sequence[ChannelDistances]) -> tuple[str, str]:
    rows = _comparisons(own, side)
    if rows.empty:
        return NOT_RUN, why_not(measured, rated=True)
    counts = []
    column = "first" if side == "H" else "second"
    for name, group in rows.groupby(column, sort=False):
        pair = f"{name} above F" if side == "H" else f"F above {name}"
        counts.append(f"{pair} in {(group['difference'] > 0).sum()} of {len(group)}")
    return _verdict(rows), f"{_what(own, measured)} {_counted(rows)} {', '.join(counts)} layers. {_absent(measured)}"


def _across(own: pd.DataFrame, measured: Sequence[ChannelDistances]) -> tuple[str, str]:
    passed: dict[str, list[bool]] = {}
    said = []
    for network, group in own.groupby("network", sort=False) if len(own) else ():
        high, low = (_comparisons(group, side) for side in ("H", "L"))
        holds = all(_verdict(rows) in (REPRODUCED, CLOSE) for rows in (high, low))
        parts = [f"{(rows['difference'] > 0).sum()} of {len(rows)}" for rows in (high, low)]
        said.append(f"{network}: H above F in {parts[0]}, F above L in {parts[1]} ({'holds' if holds else 'does not'})")
        if str(network) in PAPERS_NETWORKS:
            passed.setdefault(PAPERS_NETWORKS[str(network)], []).append(holds)
    if len(passed) < 2:
        return NOT_RUN, f"{len(passed)} of the paper's five networks measured. {_absent(measured)}"
    holding = sum(all(each) for each in passed.values())
    verdict = NOT_REPRODUCED
    if holding == len(passed) and len(passed) >= 4:
        verdict = REPRODUCED
    elif holding > HALF * len(passed):
        verdict = CLOSE
    evidence = (
        f"{_what(own, measured)} {'; '.join(said)}. It holds in {holding} of {len(passed)} of the paper's networks."
    )
    return verdict, f"{evidence} {_absent(measured)}"


def _judgements(comparisons: pd.DataFrame, measured: Sequence[ChannelDistances]) -> tuple[str, str]:
    if comparisons.empty or comparisons["data_set"].nunique() < 2:
        return NOT_RUN, why_not(measured, rated=False)
    shares, said = [], []
    for data_set, group in comparisons.groupby("data_set", sort=False):
        wide = group.pivot(index=["subset", "network", "tap"], columns="set", values="score")
        for first, second in ((f"H-{CONTROL}", "F"), ("F", f"L-{CONTROL}")):
            above = (wide[first] > wide[second]).sum()
            shares.append(above / len(wide))
            said.append(f"{data_set}: {first} above {second} in {above} of {len(wide)} cases")
    verdict = REPRODUCED if min(shares) >= MOST else CLOSE if min(shares) > HALF else NOT_REPRODUCED
    return verdict, "; ".join(said) + "."


def _beats_lpips(beside: pd.DataFrame, measured: Sequence[ChannelDistances]) -> tuple[str, str]:
    rows = beside
    if len(rows):
        rows = rows[(rows["data_set"] == RATED["live-md"].title) & (rows["images"] == "all")]
        rows = rows[(rows["network"] == "alexnet") & (rows["metric"] == "lpips-alex") & (rows["set"] == f"H-{CONTROL}")]
    if rows.empty:
        names = {each.name for each in measured if each.absent and each.name == "live-md"}
        lacking = ["LIVE multiply distorted is not available"] if names or not _has(measured, name="live-md") else []
        lacking += [] if _has(measured, backbone="alexnet") else ["AlexNet's weights are not available"]
        near = ""
        if len(beside):
            near = " " + _nearest(beside)
        return NOT_RUN, f"{' and '.join(lacking) or 'LPIPS (AlexNet) was not scored on it'}.{near}"
    best = rows.sort_values("difference").iloc[-1]
    significant = ((rows["difference"] > 0) & (rows["p_bh"] < ALPHA)).any()
    verdict = REPRODUCED if significant else CLOSE if best["difference"] > 0 else NOT_REPRODUCED
    return verdict, f"Best layer {best['tap']}: SRCC {best['srcc']:.3f}, LPIPS {best['metric_srcc']:.3f}."


def _nearest(beside: pd.DataFrame) -> str:
    """A sentence on what was run in its place, for each data set and metric that is an LPIPS."""
    rows = beside[(beside["images"] == "all") & (beside["set"] == f"H-{CONTROL}")]
    rows = rows[rows["metric"].str.startswith("lpips")]
    said = []
    for (data_set, metric), group in rows.groupby(["data_set", "metric"], sort=False):
        significant = group["p_bh"] < ALPHA
        above = group["difference"] > 0
        said.append(
            f"On {data_set}, H-{CONTROL} is above {metric} ({group['metric_srcc'].iloc[0]:.3f}) in {above.sum()} of "
            f"{len(group)} layers, significantly in {(above & significant).sum()}, significantly below in "
            f"{(~above & significant).sum()}"
        )
    return ". ".join(said) + "." if said else ""


def _lpips_best(measured: Sequence[ChannelDistances]) -> tuple[str, str]:
    reason = why_not(measured, rated=False) if not _has(measured, judged=True) else ""
    return NOT_RUN, reason or "LPIPS was not computed on BAPPS' comparisons."


def _comparisons(own: pd.DataFrame, side: str) -> pd.DataFrame:
    """H-x minus F for side H, F minus L-x for side L."""
    if own.empty:
        return own
    first, second = own["first"].str, own["second"].str
    chosen = first.startswith("H") & (own["second"] == "F") if side == "H" else second.startswith("L")
    return own[chosen & own["difference"].notna()]


def _verdict(rows: pd.DataFrame) -> str:
    """The rule of 'h-over-f'."""
    above, significant = rows["difference"] > 0, rows["p_bh"] < ALPHA
    won, lost = (above & significant).mean(), (~above & significant).mean()
    if above.mean() >= MOST and won >= HALF and lost <= FEW:
        return REPRODUCED
    return CLOSE if above.mean() > HALF and won > lost else NOT_REPRODUCED


def _counted(rows: pd.DataFrame) -> str:
    above, significant = rows["difference"] > 0, rows["p_bh"] < ALPHA
    return (
        f"Above in {above.sum()} of {len(rows)} comparisons, significantly in {(above & significant).sum()}; "
        f"significantly below in {(~above & significant).sum()}."
    )


def _what(own: pd.DataFrame, measured: Sequence[ChannelDistances]) -> str:
    """Data, networks and, where they are random, weights that a verdict comes from."""
    layers = own[["network", "tap"]].drop_duplicates()
    random = any(each.weights.startswith("random") for each in measured if not each.absent)
    networks = f"{layers['network'].nunique()} network{'s' if layers['network'].nunique() > 1 else ''}"
    said = f"{', '.join(own['data_set'].unique())}; {len(layers)} layers of {networks}"
    return f"{said}{' with random weights' if random else ''}."


def _absent(measured: Sequence[ChannelDistances]) -> str:
    """Sentences that list networks and sets without any result."""
    said = []
    networks = dict.fromkeys(each.backbone for each in measured)
    if lacking := [name for name in networks if not _has(measured, backbone=name)]:
        said.append(f"Not run, weights absent: {', '.join(lacking)}.")
    rated = dict.fromkeys(each.name for each in measured if each.name not in JUDGED)
    if lacking := [name for name in rated if not _has(measured, name=name)]:
        said.append(f"Not run, data absent: {', '.join(lacking)}.")
    return " ".join(said)


def _has(
    measured: Sequence[ChannelDistances], *, name: str | None = None, backbone: str | None = None, judged: bool = False
) -> bool:
    there = [each for each in measured if not each.absent]
    return any(
        (name is None or each.name == name)
        and (backbone is None or each.backbone == backbone)
        and (not judged or each.name in JUDGED)
        for each in there
    )
