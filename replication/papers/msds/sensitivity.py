"""Sensitivity to the choices that the paper leaves open: levels, pyramid, tap, fusion, weights, splits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from replication.evaluation.scale_weights import (
    FUSIONS,
    OBJECTIVES,
    SOFTNESS,
    Fusion,
    Objective,
    fuse,
    held_out,
)
from replication.evaluation.splits import SplitComparison, compare_over_splits, splits
from replication.papers.msds.study import Floats, usable
from replication.scoring.msds_levels import LevelScores

SOFTNESSES = (0.02, SOFTNESS, 0.1, 0.2)


@dataclass(frozen=True)
class _Choice:
    """weights: an objective, or "equal"."""

    levels: int
    pyramid: str
    tap: str
    fusion: Fusion
    weights: str
    softness: float = SOFTNESS


def ablation(
    scores: LevelScores,
    *,
    levels: int = 3,
    fusion: Fusion = "arithmetic",
    objective: Objective = "rank",
    count: int = 20,
    test_share: float = 0.2,
    seed: int = 0,
) -> pd.DataFrame:
    """One choice changed at a time from those given, the first pyramid and the first tap.

    Columns: choice, variant, srcc (mean on the test sides of the same random splits, weights learned on the training
    sides), change from the default with low, high (corrected resampled t, 95 %), gain over level 0 of the same tap.
    """
    most = len(scores.columns())
    base = _Choice(min(levels, most), scores.pyramids[0], scores.taps[0], fusion, objective)
    variants = [
        *(("levels", replace(base, levels=each)) for each in range(1, most + 1)),
        *(("pyramid", replace(base, pyramid=each)) for each in scores.pyramids),
        *(("tap", replace(base, tap=each)) for each in scores.taps),
        *(("fusion", replace(base, fusion=each)) for each in FUSIONS),
        *(("weights", replace(base, weights=each)) for each in (*OBJECTIVES, "equal")),
        *(("softness", replace(base, weights="rank", softness=each)) for each in SOFTNESSES),
    ]
    over = {
        choice: _over_splits(scores, choice, count, test_share, seed)
        for choice in dict.fromkeys(choice for _, choice in variants)
    }
    rows = []
    for name, choice in variants:
        fused, single = over[choice]
        change = _limits(compare_over_splits(fused, over[base][0], test_share))
        rows.append((name, str(getattr(choice, name)), fused.mean(), *change, fused.mean() - single.mean()))
    return pd.DataFrame(rows, columns=["choice", "variant", "srcc", "change", "low", "high", "gain"])


def split_sensitivity(
    scores: LevelScores,
    shares: Sequence[float],
    *,
    levels: int = 3,
    fusion: Fusion = "arithmetic",
    objective: Objective = "rank",
    count: int = 20,
    seed: int = 0,
) -> pd.DataFrame:
    """Sensitivity to the split: share of references tested on, mean SRCC of learned MSDS and of level 0, the gain,
    its interval (corrected resampled t) and its spread over splits."""
    choice = _Choice(levels, scores.pyramids[0], scores.taps[0], fusion, objective)
    rows = []
    for share in shares:
        fused, single = _over_splits(scores, choice, count, share, seed)
        gain = _limits(compare_over_splits(fused, single, share))
        rows.append((share, fused.mean(), single.mean(), *gain, (fused - single).std(ddof=1)))
    return pd.DataFrame(rows, columns=["tested", "srcc", "srcc_level_0", "gain", "low", "high", "spread"])


def _over_splits(
    scores: LevelScores, choice: _Choice, count: int, test_share: float, seed: int
) -> tuple[Floats, Floats]:
    """SRCC of MSDS and of level 0 on the test side of each split, two of (count,)."""
    table, opinions, references, _ = usable(scores, choice.levels, choice.tap, choice.pyramid)
    drawn = splits(references, count, test_share, seed)
    if choice.weights == "equal":
        fused = fuse(table, np.full(table.shape[1], 1 / table.shape[1]), choice.fusion)
        values = [fused[each.test] for each in drawn]
    else:
        how: dict[str, Any] = {"objective": choice.weights, "fusion": choice.fusion, "softness": choice.softness}
        values, _ = held_out(table, opinions, drawn, **how, seed=seed)
    one, other = (
        np.array([stats.spearmanr(part, opinions[each.test])[0] for part, each in zip(parts, drawn, strict=True)])
        for parts in (values, [table[each.test, 0] for each in drawn])
    )
    return one, other


def _limits(found: SplitComparison) -> tuple[float, float, float]:
    """The mean difference and its 95 % interval by the corrected t."""
    half = stats.t.ppf(0.975, found.degrees) * found.standard_error
    return found.difference, found.difference - half, found.difference + half
