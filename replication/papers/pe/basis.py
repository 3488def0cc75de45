"""What the numbers behind a claim of paper 4 rest on: which sets and networks vote, and what is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from replication.datasets.catalogue import JUDGED, RATED
from replication.reporting import paper_sets
from replication.reporting.adequacy import Basis, combined
from replication.scoring.channel_tables import ChannelDistances

NETWORKS: Mapping[str, tuple[str, ...]] = {
    "AlexNet": ("alexnet",),
    "VGG16": ("vgg16",),
    "SqueezeNet": ("squeezenet1_1",),
    "ShuffleNet": ("shufflenet_v2_x1_0",),
    "GoogLeNet": ("googlenet", "googlenet_bvlc"),
}
"""The paper's networks, and which of ours stand for them: the first one measured. The paper gives no versions. All
others (a network cut off after a few layers, a pruned one, VGG19) are extensions and do not vote."""
SETS = ("live", "live-md")
"""The paper's sets with opinions."""


@dataclass(frozen=True)
class Votes:
    """The data sets and networks that decide a claim, and what they are worth.

    pairs: (title of the set, network) of each. basis: as `verdicts.judged` needs it; None where nothing was measured.
    why_not: the reason, where nothing was measured.
    """

    pairs: frozenset[tuple[str, str]]
    basis: Basis | None
    why_not: str = ""

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows that vote of a table with the columns data_set and network (empty: the row is about no network)."""
        if table.empty:
            return table
        pairs = self.pairs | {(title, "") for title, _ in self.pairs}
        return table[[pair in pairs for pair in zip(table["data_set"], table["network"], strict=True)]]


def votes(
    measured: Sequence[ChannelDistances],
    *,
    sets: Sequence[str] = SETS,
    networks: Sequence[str] = tuple(NETWORKS),
    distortion: str | None = None,
) -> Votes:
    """The measured sets and networks that decide a claim about these sets and networks of the paper.

    Of each set the paper's own images vote, or, where these are missing, the exact ones of a part (of
    `quality.by_kind`). Where neither is available for any set, all others vote, as stand-ins. Sets of comparisons
    have no stand-ins. distortion: the type that the claim is about; images of others do not count.
    """
    standing = standing_for(dict.fromkeys(each.backbone for each in measured if not each.absent), networks)
    candidates = [
        each
        for each in measured
        if not each.absent and each.backbone in standing.values() and _count(each, distortion) > 0
    ]
    used: list[ChannelDistances] = []
    lacking: list[str] = []
    for name in sets:
        own = [each for each in candidates if each.name == name]
        found = own or [each for each in candidates if _part_of(each) == name and _is_exact(each)]
        used += found
        lacking += [] if found else [_title(name)]
    stand_in = not used and not set(sets) & set(JUDGED)
    if stand_in:
        exact = {each.name for each in candidates if _is_exact(each)}
        used = [each for each in candidates if each.opinion is not None and (each.name not in exact or _is_exact(each))]
    if not used:
        return Votes(frozenset(), None, why_not(measured, sets, networks))
    voting = {each.backbone for each in used}
    lacking += [name for name in networks if standing.get(name) not in voting]
    missing = f"without {', '.join(lacking)}" if lacking else ""
    basis = combined((_basis(each, sets, distortion) for each in used), missing)
    if stand_in:
        basis = replace(basis, images="stand-in")
    return Votes(frozenset((each.title, each.backbone) for each in used), basis)


def standing_for(available: Mapping[str, object], networks: Sequence[str] = tuple(NETWORKS)) -> dict[str, str]:
    """The paper's network -> the available one of ours that stands for it, for those that have one."""
    found = {name: [ours for ours in NETWORKS[name] if ours in available] for name in networks}
    return {name: ours[0] for name, ours in found.items() if ours}


def why_not(
    measured: Sequence[ChannelDistances],
    sets: Sequence[str] | None = None,
    networks: Sequence[str] = tuple(NETWORKS),
) -> str:
    """The reason why none of these sets (None: none with opinions) was measured with one of these networks.

    A missing set is preferred to missing weights.
    """
    wanted = [ours for name in networks for ours in NETWORKS[name]]
    absent = [each for each in measured if each.absent and each.backbone in wanted]
    absent = [each for each in absent if (each.name not in JUDGED if sets is None else each.name in sets)] or absent
    absent.sort(key=lambda each: each.absent is not None and each.absent.kind == "weights")
    if absent:
        return str(absent[0].absent)
    of = " or ".join(networks) if len(networks) == 1 else "one of the paper's networks"
    return f"{' and '.join(map(_title, sets or SETS))} with {of}: not in this profile"


def _basis(each: ChannelDistances, sets: Sequence[str], distortion: str | None) -> Basis:
    chosen = each.table if distortion is None else each.table[each.table["distortion"] == distortion]
    found = paper_sets.basis(replace(each, table=chosen), of={name: _title(name) for name in sets})
    kind = f", {distortion} alone" if distortion else ""
    return replace(
        found,
        about=f"{found.about}{kind}",
        weights="random weights" if each.weights.startswith("random") else "",
    )


def _is_exact(each: ChannelDistances) -> bool:
    return bool(paper_sets.official(each).all())


def _part_of(each: ChannelDistances) -> str | None:
    return RATED[each.name].part_of if each.name in RATED else None


def _count(each: ChannelDistances, distortion: str | None) -> int:
    if distortion is None:
        return len(each.table)
    return int((each.table["distortion"] == distortion).sum()) if "distortion" in each.table else 0


def _title(name: str) -> str:
    return next((known[name].title for known in (RATED, JUDGED) if name in known), name)
