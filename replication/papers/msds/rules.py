"""Paper 5: what MSDS costs, verdicts on its three claims, each with its rule, and its published values."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from replication.datasets import distort
from replication.evaluation.correlation import correlate
from replication.features import backbone
from replication.metrics.msds import TAPS, level_scores
from replication.papers.msds.study import EQUAL, LEARNED, LEVEL_0, Study, correlations
from replication.papers.msds.tables import lacks_set, lacks_weights, listed
from replication.reporting.numbers import ALPHA, p_value, signed, signed_interval
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED, VALUE_COLUMNS
from replication.scoring.msds_levels import LevelScores

PAPER = "msds"
BENCHMARKS = {"live": "LIVE", "csiq": "CSIQ", "tid2013": "TID2013", "kadid-10k": "KADID-10k", "pipal": "PIPAL"}
"""The sets of the paper's abstract, by their names in the catalogue."""

PAPERS_NETWORK = "vgg16"
STAND_IN = distort.NAME
"""The set whose opinions are generated, not given by people."""

DEAR = 1.4  # times the operations: beyond, the additional complexity is not called small
NEGLIGIBLE = 1.1


def costs(networks: Sequence[str], *, height: int = 384, width: int = 512, levels: int = 5) -> pd.DataFrame:
    """Floating-point operations of one pair with 1 to `levels` levels, counted by torch: convolutions and products.

    Columns: network, tap, levels, operations (10^9), times (of one level), closed_form (sum of 4^-k), weights (what is
    added to learn). The numbers depend on no weights.
    """
    rows = []
    for network in networks:
        net = backbone(network, weights="random")
        each = []
        for level in range(levels):  # reducing an image is no product, and is not counted
            image = torch.full((1, 3, height >> level, width >> level), 0.5)
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                level_scores(image, image, backbone=net, levels=1)
            each.append(counter.get_total_flops() / 1e9)
        for count, total in enumerate(np.cumsum(each), start=1):
            closed = sum(0.25**k for k in range(count))
            rows.append((network, TAPS[network], count, total, total / each[0], closed, count if count > 1 else 0))
    return pd.DataFrame(rows, columns=["network", "tap", "levels", "operations", "times", "closed_form", "weights"])


RULES = f"""
- **What is judged.** Pretrained networks on sets with human opinions. If VGG16, the paper's network, was run, it alone; otherwise every network that was. Likewise the paper's five sets if any of them was run, otherwise every set. A verdict says what it rests on, and without VGG16 on all five sets none is better than *close*.
- **Consistent.** The gain is the mean SRCC of MSDS with learned weights minus that of DeepSSIM (level 0), on the test sides of random splits by reference, with weights of their training sides. Every gain above zero: reproduced (close, as said above). Any gain of zero or less: not reproduced, since the claim is about every set.
- **Significant.** Each gain over all images (weights of other references), by a test over resampled references, corrected by Holm over all comparisons of a set. Every gain above zero with p below {ALPHA}: reproduced (close). Otherwise not reproduced; how small a difference the set could have shown stands beside it.
- **Negligible cost.** Operations of one pair at the default number of levels in times of those of DeepSSIM, as torch counts them; of VGG16 if it is among the networks (counting needs no weights), otherwise of the dearest. At most {NEGLIGIBLE} times: reproduced. At most {DEAR}: close; a third more is small, and not nothing. More: not reproduced.
"""  # noqa: E501


def judge_claims(
    studies: Sequence[Study],
    compared: pd.DataFrame,
    cost: pd.DataFrame,
    *,
    levels: int = 3,
    detectable: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Verdicts on the paper's three claims: paper, claim, verdict, evidence. Rules: `RULES`.

    compared: `adjusted` tests of all studies, with the columns data_set (title) and network. cost: of `costs`.
    detectable: the least difference of SRCC that the test over references mostly finds, by the set's title.
    """
    own = judged(studies)
    if own:
        main = compared[(compared["first"] == LEARNED) & (compared["second"] == LEVEL_0)]
        keys = {(of.network, of.title) for of in own}
        main = main[[key in keys for key in zip(main["network"], main["data_set"], strict=True)]]
        complete = {of.name for of in own if of.network == PAPERS_NETWORK} >= set(BENCHMARKS)
        basis = "" if complete else basis_of(own)
        pairs = {
            "consistent": _consistent(main, basis, complete),
            "significant": _significant(main, basis, complete, detectable or {}),
        }
    else:
        reason = "no pretrained network and set with human opinions was run"
        pairs = {"consistent": (NOT_RUN, reason), "significant": (NOT_RUN, reason)}
    pairs["negligible-cost"] = _cheap(cost, levels)
    rows = [(PAPER, claim, *pair) for claim, pair in pairs.items()]
    return pd.DataFrame(rows, columns=["paper", "claim", "verdict", "evidence"])


def judged(studies: Sequence[Study]) -> list[Study]:
    """The studies that verdicts rest on, those nearest to the paper's own: see `RULES`."""
    own = [of for of in studies if of.pretrained and of.name != STAND_IN]
    own = [of for of in own if of.network == PAPERS_NETWORK] or own
    return [of for of in own if of.name in BENCHMARKS] or own


def basis_of(studies: Sequence[Study]) -> str:
    """The runs that verdicts rest on, and which of the paper's own are missing."""
    networks = list(dict.fromkeys(of.network for of in studies))
    sets = {
        of.title: f"{of.title} ({len(of.opinions)} images, {len(np.unique(of.references))} references)"
        for of in studies
    }
    names = {of.name for of in studies}
    absent = [] if PAPERS_NETWORK in networks else ["the paper's network, VGG16"]
    if missing := [title for name, title in BENCHMARKS.items() if name not in names]:
        absent.append(f"{'all' if len(missing) == len(BENCHMARKS) else len(missing)} of the paper's five sets")
    without = f", without {listed(absent)}" if absent else ""
    counted = f"{len(networks)} networks" if len(networks) > 1 else networks[0]
    return f"On {listed(sets.values())} with {counted}{without}. "


def _consistent(main: pd.DataFrame, basis: str, complete: bool) -> tuple[str, str]:
    gains = main["split_difference"]
    listing = "; ".join(f"{_named(row, main)} {signed(row['split_difference'])}" for row in main.to_dict("records"))
    verdict = (REPRODUCED if complete else CLOSE) if (gains > 0).all() else NOT_REPRODUCED
    return verdict, f"{basis}Gain above zero in {(gains > 0).sum()} of {len(gains)}: {listing}."


def _significant(main: pd.DataFrame, basis: str, complete: bool, least: Mapping[str, float]) -> tuple[str, str]:
    significant = (main["p_holm"] < ALPHA) & (main["difference"] > 0)
    listing = "; ".join(
        f"{_named(row, main)} {signed_interval(row['difference'], row['low'], row['high'])}, p {p_value(row['p_holm'])}"
        for row in main.to_dict("records")
    )
    shown = "; ".join(
        f"{title} shows a difference of {least[title]:.3f} in four of five cases"
        for title in dict.fromkeys(main["data_set"])
        if np.isfinite(least.get(title, np.nan))
    )
    verdict = (REPRODUCED if complete else CLOSE) if significant.all() else NOT_REPRODUCED
    return (
        verdict,
        f"{basis}Significant in {significant.sum()} of {len(significant)}: {listing}.{f' {shown}.' if shown else ''}",
    )


def _cheap(cost: pd.DataFrame, levels: int) -> tuple[str, str]:
    at = cost[cost["levels"] == levels]
    own = at[at["network"] == PAPERS_NETWORK] if (at["network"] == PAPERS_NETWORK).any() else at
    dearest = own.sort_values("times").iloc[-1]
    times = float(dearest["times"])
    verdict = REPRODUCED if times <= NEGLIGIBLE else CLOSE if times <= DEAR else NOT_REPRODUCED
    others = at[at["network"] != dearest["network"]].to_dict("records")
    listing = ", ".join(f"{row['network']} {row['times']:.2f}" for row in others)
    beside = f" Others: {listing}." if others else ""
    return verdict, (
        f"{levels} levels take {times:.2f} times the operations of one with {dearest['network']} (sum of 4^-k: "
        f"{dearest['closed_form']:.2f}), and {levels} weights are learned.{beside}"
    )


def _named(row: Mapping[Hashable, Any], main: pd.DataFrame) -> str:
    return f"{row['network']} on {row['data_set']}" if main["data_set"].nunique() > 1 else str(row["network"])


def values(studies: Sequence[Study], everything: Sequence[LevelScores], printed: pd.DataFrame) -> pd.DataFrame:
    """Our values of the paper's table: learned MSDS (cross-fitted) with VGG16 on the available sets, else the reason.

    everything: all level scores that were requested, absent or not. printed: the published values.
    """
    ours = {BENCHMARKS[of.name]: of for of in studies if of.network == PAPERS_NETWORK and of.name in BENCHMARKS}
    rows = []
    for row in printed.to_dict("records"):
        key = [row[name] for name in ("paper", "table", "row", "column", "statistic")]
        of = ours.get(row["column"])
        if of is None or not of.pretrained:
            rows.append((*key, np.nan, np.nan, np.nan, pd.NA, why_not(everything, row["column"])))
            continue
        found = correlate(
            of.methods[LEARNED], of.opinions, references=of.references, higher_is_better=True, intervals=True
        )
        name = row["statistic"].lower()
        interval = (found.intervals or {})[name]
        rows.append((*key, getattr(found, name), interval.low, interval.high, found.n, "weights of other references"))
    return pd.DataFrame(rows, columns=VALUE_COLUMNS)


def why_not(everything: Sequence[LevelScores], title: str) -> str:
    """The reason why VGG16 was not run on a set of the paper, in a few words."""
    on_set = [scores for scores in everything if BENCHMARKS.get(scores.name) == title]
    network = [scores for scores in everything if scores.network == PAPERS_NETWORK]
    own = [scores for scores in on_set if scores.network == PAPERS_NETWORK]
    lacking = []
    if not on_set:
        lacking.append(f"{title} is not in this profile")
    elif any(lacks_set(scores) for scores in on_set):
        lacking.append(f"{title} is not available")
    if not network:
        lacking.append("VGG16 is not in this profile")
    elif any(lacks_weights(scores) for scores in network):
        lacking.append("VGG16's weights are not available")
    if not lacking:
        random = own and own[0].weights.startswith("random")
        lacking.append("VGG16 with random weights only" if random else str(own[0].absent) if own else "not run")
    return ", ".join(lacking)


def extensions(studies: Sequence[Study]) -> pd.DataFrame:
    """Numbers that the paper does not have: SRCC of level 0 and of MSDS with each network."""
    rows = []
    for of in studies:
        for method, low_high in correlations(of).set_index("method").iterrows():
            if method in (LEVEL_0, EQUAL, LEARNED):
                note = "pretrained" if of.pretrained else "random weights"
                limits = low_high["srcc"], low_high["low"], low_high["high"]
                rows.append((PAPER, of.network, method, of.title, "SRCC", *limits, len(of.opinions), note))
    return pd.DataFrame(rows, columns=VALUE_COLUMNS)
