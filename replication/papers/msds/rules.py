"""Paper 5: what MSDS costs, verdicts on its three claims, each with its rule, and its published values."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from replication.evaluation.correlation import correlate
from replication.features import backbone
from replication.metrics.msds import TAPS, level_scores
from replication.papers.msds.significance import MARGIN
from replication.papers.msds.study import EQUAL, LEARNED, LEVEL_0, Study, correlations
from replication.papers.msds.tables import lacks_set, lacks_weights, listed
from replication.reporting.adequacy import Basis, combined
from replication.reporting.numbers import ALPHA, p_value, signed, signed_interval
from replication.reporting.paper_sets import basis_of, paper_set
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED, VALUE_COLUMNS, judged
from replication.scoring.msds_levels import LevelScores

PAPER = "msds"
BENCHMARKS = {"live": "LIVE", "csiq": "CSIQ", "tid2013": "TID2013", "kadid-10k": "KADID-10k", "pipal": "PIPAL"}
"""The sets of the paper's abstract, by their names in the catalogue."""

PAPERS_NETWORK = "vgg16"
Outcome = tuple[str, str]
PYRAMID = 4 / 3
"""Pixels of a pyramid in times of its image's: 1 + 1/4 + 1/16 + ..., which no number of levels exceeds. This is the
cost that the paper calls negligible: its abstract names a pyramid and a few weights, and no number of levels."""


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


def judge_claims(
    studies: Sequence[Study],
    compared: pd.DataFrame,
    cost: pd.DataFrame,
    *,
    levels: int = 3,
    detectable: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Verdicts on the paper's three claims by the rules in paper.toml: the columns of claims.csv.

    compared: `adjusted` tests of all studies, with the columns data_set (title) and network. cost: of `costs`.
    detectable: the least difference of SRCC that the test over references mostly finds, by the set's title.
    """
    own = judged_by(studies)
    keys = {(of.network, of.title) for of in own}
    main = compared[(compared["first"] == LEARNED) & (compared["second"] == LEVEL_0)]
    main = main[[key in keys for key in zip(main["network"], main["data_set"], strict=True)]]
    outcomes = {
        "consistent": consistent(main),
        "significant": significant(main, detectable or {}),
        "negligible-cost": cheap(cost, levels),
    }
    rests = rests_on(own)
    return judged(PAPER, outcomes, {"consistent": rests, "significant": rests, "negligible-cost": cost_rests_on(cost)})


def judged_by(studies: Sequence[Study]) -> list[Study]:
    """The studies that verdicts rest on, those nearest to the paper's own.

    With VGG16 if it was run, otherwise with every network; of the paper's sets, or parts of them, if there are any,
    otherwise of all. Of a set and its part, the set.
    """
    own = [of for of in studies if of.network == PAPERS_NETWORK] or list(studies)
    whole = [of for of in own if paper_set(of.name) in BENCHMARKS]
    complete = {of.name for of in whole}
    return [of for of in whole if of.name in BENCHMARKS or paper_set(of.name) not in complete] or own


def rests_on(studies: Sequence[Study]) -> Basis:
    """The basis of both claims on quality."""
    used = []
    for of in studies:
        network = "" if of.network == PAPERS_NETWORK else f"{of.network} in place of {PAPERS_NETWORK}"
        weights = "" if of.pretrained else "random weights"
        used.append(replace(basis_of(of.name, len(of.opinions), BENCHMARKS), network=network, weights=weights))
    absent = [title for name, title in BENCHMARKS.items() if name not in {paper_set(of.name) for of in studies}]
    return combined(used, f"the claim also needs {listed(absent)}" if absent else "")


def cost_rests_on(cost: pd.DataFrame) -> Basis:
    """The basis of the claim on cost, for which neither images nor weights are needed."""
    network = "" if (cost["network"] == PAPERS_NETWORK).any() else f"networks in place of {PAPERS_NETWORK}"
    return Basis("own", network=network)


def consistent(main: pd.DataFrame) -> Outcome:
    """The rule of "consistent". main: tests of learned MSDS against level 0, a row for each network and set."""
    if main.empty:
        return NOT_RUN, "no network and set with opinions was run"
    gains = main["difference"]
    listing = "; ".join(f"{_named(row, main)} {signed(row['difference'])}" for row in main.to_dict("records"))
    useless = (main["high"] < MARGIN) & (gains <= 0)
    outcome = REPRODUCED if (gains > 0).all() else NOT_REPRODUCED if useless.any() else CLOSE
    return outcome, f"Gain above zero in {(gains > 0).sum()} of {len(gains)}: {listing}."


def significant(main: pd.DataFrame, least: Mapping[str, float] | None = None) -> Outcome:
    """The rule of "significant". least: the difference that a set shows in four of five cases, by its title."""
    if main.empty:
        return NOT_RUN, "no network and set with opinions was run"
    clear = (main["p_holm"] < ALPHA) & (main["difference"] > 0)
    missed = ~clear & (main["high"] < main["data_set"].map(least or {}).fillna(np.inf))
    listing = "; ".join(
        f"{_named(row, main)} {signed_interval(row['difference'], row['low'], row['high'])}, p {p_value(row['p_holm'])}"
        for row in main.to_dict("records")
    )
    shown = "; ".join(
        f"{title} shows a difference of {value:.3f} in four of five cases"
        for title in dict.fromkeys(main["data_set"])
        if np.isfinite(value := (least or {}).get(title, np.nan))
    )
    # A set too small to show a gain does not refute it.
    refuted = missed.any() or (not clear.any() and not shown)
    outcome = REPRODUCED if clear.all() else NOT_REPRODUCED if refuted else CLOSE
    return outcome, f"Significant in {clear.sum()} of {len(clear)}: {listing}.{f' {shown}.' if shown else ''}"


def cheap(cost: pd.DataFrame, levels: int) -> Outcome:
    """The rule of "negligible-cost". cost: of `costs`."""
    at = cost[cost["levels"] == levels]
    own = at[at["network"] == PAPERS_NETWORK] if (at["network"] == PAPERS_NETWORK).any() else at
    dearest = own.sort_values("times").iloc[-1]
    outcome = REPRODUCED if dearest["times"] <= PYRAMID else NOT_REPRODUCED
    others = at[at["network"] != dearest["network"]].to_dict("records")
    listing = ", ".join(f"{row['network']} {row['times']:.2f}" for row in others)
    beside = f" Others: {listing}." if others else ""
    return outcome, (
        f"{levels} levels take {dearest['times']:.2f} times the operations of one with {dearest['network']}, and "
        f"{levels} weights are learned; a pyramid of any number of levels has less than {PYRAMID:.2f} times the pixels."
        f"{beside}"
    )


def _named(row: Mapping[Hashable, Any], main: pd.DataFrame) -> str:
    return f"{row['network']} on {row['data_set']}" if main["data_set"].nunique() > 1 else str(row["network"])


def values(studies: Sequence[Study], everything: Sequence[LevelScores], printed: pd.DataFrame) -> pd.DataFrame:
    """Our values of the paper's table: learned MSDS (cross-fitted) with VGG16 on the available sets, else the reason.

    A part of a set gives a value that is no test of the published one. everything: all level scores that were
    requested, absent or not. printed: the published values.
    """
    ours = {BENCHMARKS[paper_set(of.name)]: of for of in judged_by(studies) if paper_set(of.name) in BENCHMARKS}
    rows = []
    for row in printed.to_dict("records"):
        key = [row[name] for name in ("paper", "table", "row", "column", "statistic")]
        of = ours.get(row["column"])
        if of is None or of.network != PAPERS_NETWORK:
            rows.append((*key, np.nan, np.nan, np.nan, pd.NA, "", "", why_not(everything, row["column"])))
            continue
        found = correlate(
            of.methods[LEARNED], of.opinions, references=of.references, higher_is_better=True, intervals=True
        )
        name = row["statistic"].lower()
        interval = (found.intervals or {})[name]
        limits = getattr(found, name), interval.low, interval.high, found.n
        rows.append((*key, *limits, "", rests_on([of]).untested("value"), "weights of other references"))
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
                rows.append((PAPER, of.network, method, of.title, "SRCC", *limits, len(of.opinions), "", "", note))
    return pd.DataFrame(rows, columns=VALUE_COLUMNS)
