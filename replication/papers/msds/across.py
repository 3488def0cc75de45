"""Weights fitted on one set and judged on another, and equal weights, which are fitted on none."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from replication.datasets.scenes import scene
from replication.evaluation.dependent import CorrelationDifference, compare_correlations, tost
from replication.evaluation.paired import holm
from replication.evaluation.scale_weights import Fusion, Objective, fit_weights
from replication.papers.msds.significance import MARGIN
from replication.papers.msds.study import EQUAL, LEARNED, LEVEL_0, Floats, Study, joined, parts
from replication.reporting.numbers import ALPHA
from replication.reporting.paper_sets import paper_set

OWN, NO_SET = "the set's other references", "no set (equal weights)"
"""Origins of weights, beside the titles of other sets."""

COLUMNS = ["network", "tested_on", "weights_of", "srcc", "gain", "low", "high", "p", "p_holm", "p_equivalent"]
COLUMNS += ["minus_own", "minus_own_low", "minus_own_high", "p_as_own"]


def carried(
    of: Study,
    other: Study,
    *,
    fusion: Fusion = "arithmetic",
    objective: Objective = "rank",
    folds: int = 10,
    seed: int = 0,
) -> Floats:
    """MSDS of the images of one study with weights fitted on the references of another, (images,).

    No image is scored with weights that opinions on its own photo had a part in: the photos are cut into `folds` parts,
    and each part is scored with weights fitted without its photos. The parts are put together as by `study`.
    """
    mine, theirs = (np.array([scene(each.name, str(name)) for name in each.references]) for each in (of, other))
    cut = parts(mine, folds, seed)
    fitted: dict[bytes, Floats] = {}  # without shared photos one fit serves all parts
    weights = []
    for part in cut:
        kept = ~np.isin(theirs, mine[part.test])
        if kept.tobytes() not in fitted:
            how = {"objective": objective, "fusion": fusion, "seed": seed}
            fitted[kept.tobytes()] = fit_weights(other.levels[kept], other.opinions[kept], **how).weights  # type: ignore[arg-type]
        weights.append(fitted[kept.tobytes()])
    return joined(of.levels, cut, weights, fusion)


def fused(
    of: Study, studies: Sequence[Study], *, fusion: Fusion = "arithmetic", objective: Objective = "rank", seed: int = 0
) -> dict[str, Floats]:
    """MSDS of a study's images by the origin of its weights: its own other references, no set, every other set that
    the same network was run on at as many levels."""
    scores = {OWN: of.methods[LEARNED], NO_SET: of.methods[EQUAL]}
    for other in studies:
        same = other.network == of.network and other.levels.shape[1] == of.levels.shape[1]
        if same and paper_set(other.name) != paper_set(of.name):
            scores[other.title] = carried(of, other, fusion=fusion, objective=objective, seed=seed)
    return scores


def across_sets(
    by_origin: Sequence[tuple[Study, Mapping[str, Floats]]],
    compared: pd.DataFrame,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """What MSDS gains over level 0 with weights from elsewhere, a row for each study and origin: COLUMNS.

    by_origin: each study with its `fused`. compared: the studies' `adjusted` tests, which have the set's own weights
    and equal ones already: their p_holm is that of these tests, so that no comparison has two. tested_on: title of the
    set. gain: SRCC minus that of level 0, with its 95 % interval over references, p (paired, resampled references),
    p_holm (for other sets' weights over these) and p_equivalent (two one-sided tests: within .005). minus_own: SRCC
    minus that with the set's own weights, likewise, p_as_own being the test that both are equivalent within .005.
    """
    rows = []
    for of, scores in by_origin:
        tested = compared[(compared["network"] == of.network) & (compared["data_set"] == of.title)]
        against = tested[tested["second"] == LEVEL_0].set_index("first")["p_holm"]
        corrected = {OWN: float(against[LEARNED]), NO_SET: float(against[EQUAL])}
        gains = {origin: _compared(of, values, LEVEL_0, resamples, seed) for origin, values in scores.items()}
        others = [origin for origin in scores if origin not in corrected]
        if others:
            p_values = holm(np.array([gains[origin].p_value for origin in others]))
            corrected |= dict(zip(others, map(float, p_values), strict=True))
        for origin, gain in gains.items():
            behind = _compared(of, scores[origin], LEARNED, resamples, seed)
            start = of.network, of.title, origin, gain.a, *gain.difference, gain.p_value, corrected[origin]
            rows.append((*start, _equivalent(gain), *behind.difference, _equivalent(behind)))
    return pd.DataFrame(rows, columns=COLUMNS)


def in_words(across: pd.DataFrame) -> list[str]:
    """Whether weights of other sets do what the set's own do, a sentence for each network and set."""
    lines = []
    for (network, tested), part in across.groupby(["network", "tested_on"], sort=False):
        others = part[~part["weights_of"].isin((OWN, NO_SET))]
        if others.empty:
            lines.append(f"{network} on {tested}: no other set was run, so that nothing can be tested across sets.")
        for row in others.to_dict("records"):
            title = f"{network}, weights of {row['weights_of']} on {tested}"
            lines.append(f"{title}: {_finding(row)} over level 0, and {_beside(row)}.")
    return lines


def _finding(row: Mapping[Hashable, Any]) -> str:
    if row["p_holm"] < ALPHA:
        return "a gain" if row["gain"] > 0 else "a loss"
    return "no significant difference"


def _beside(row: Mapping[Hashable, Any]) -> str:
    if row["p_as_own"] < ALPHA:
        return f"as good as the set's own weights (within {MARGIN:g})"
    if row["minus_own_low"] > 0 or row["minus_own_high"] < 0:
        return f"{'better' if row['minus_own'] > 0 else 'worse'} than with the set's own weights"
    return "not shown to be as good as the set's own weights, nor to be worse"


def _compared(of: Study, values: Floats, method: str, resamples: int, seed: int) -> CorrelationDifference:
    return compare_correlations(
        values,
        of.methods[method],
        of.opinions,
        references=of.references,
        higher_is_better=(True, True),
        resamples=resamples,
        seed=seed,
    )


def _equivalent(found: CorrelationDifference) -> float:
    if not np.isfinite(found.standard_error):
        return float("nan")
    return tost(found.difference.estimate, found.standard_error, found.degrees, MARGIN).p_value
