"""Several metrics on the same images: which differences between them are more than chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from replication.evaluation.clusters import check_options, resample
from replication.evaluation.dependent import Coefficient, coefficients_of, difference_of, meng, williams
from replication.evaluation.logistic import fit_logistic, paired
from replication.evaluation.multiple import benjamini_hochberg
from replication.evaluation.paired import holm

Floats = NDArray[np.float64]
PairTest = Literal["bootstrap", "williams", "meng"]
Correction = Literal["holm", "benjamini-hochberg", "none"]


@dataclass(frozen=True)
class Ranking:
    """All pairs of m metrics; entry [i, j] is metric i against metric j.

    coefficient: (m,), turned so that more is better. difference, low, high: (m, m) i minus j and its interval, for this
    pair alone (not widened for the number of pairs). p_value, adjusted: (m, m), 1 on the diagonal, adjusted for all
    m (m - 1) / 2 pairs. effect: (m, m) Cohen's q. beats: (m, m) 1 where i is significantly better, -1 worse, else 0.
    """

    coefficient: Floats
    difference: Floats
    low: Floats
    high: Floats
    p_value: Floats
    adjusted: Floats
    effect: Floats
    beats: NDArray[np.int8]


def who_beats_whom(
    scores: ArrayLike,
    opinions: ArrayLike,
    references: ArrayLike | None = None,
    *,
    coefficient: Coefficient = "srcc",
    higher_is_better: Sequence[bool | None] | None = None,
    test: PairTest = "bootstrap",
    correction: Correction = "holm",
    alpha: float = 0.05,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> Ranking:
    """Compare every pair of metrics on the same images.

    scores: (metrics, images), finite. opinions: (images,). references: label of each image, see `compare_correlations`.
    higher_is_better: one per metric; None turns each metric so that its own correlation is positive.
    test: 'bootstrap' resamples references, and is the one to report; 'williams' and 'meng' count images as independent
        and err too often where several share a reference (see `dependent`). Intervals are the bootstrap's in any case.
    correction: over all pairs: 'holm' bounds the chance of any false alarm, 'benjamini-hochberg' the share of them.

    A pair whose difference is not defined (constant scores) has NaN and is left out of the correction.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or len(table) < 2:
        raise ValueError(f"scores must be an array (metrics, images) of at least 2 metrics, got shape {table.shape}")
    if test not in ("bootstrap", "williams", "meng"):
        raise ValueError(f"test must be 'bootstrap', 'williams' or 'meng', got {test!r}")
    if correction not in ("holm", "benjamini-hochberg", "none"):
        raise ValueError(f"correction must be 'holm', 'benjamini-hochberg' or 'none', got {correction!r}")
    if test != "bootstrap" and coefficient == "krcc":
        raise ValueError(f"test {test!r} is not for Kendall's tau; use 'bootstrap'")
    check_options(confidence, "bca")
    m = len(table)
    directions = [None] * m if higher_is_better is None else list(higher_is_better)
    if len(directions) != m:
        raise ValueError(f"higher_is_better must name one direction for each of {m} metrics, got {len(directions)}")
    checked = [paired(row, opinions, least=4) for row in table]
    y = checked[0][1]
    samples = resample(references, len(y), resamples, seed)
    rows = np.stack(
        [coefficients_of(x, y, samples, coefficient, way) for (x, _), way in zip(checked, directions, strict=True)]
    )
    difference, low, high, effect = (np.zeros((m, m)) for _ in range(4))
    p_value = np.eye(m)
    between = _between(table, y, directions, coefficient) if test != "bootstrap" else np.eye(m)
    for i, j in combinations(range(m), 2):
        found = difference_of(rows[i], rows[j], samples.groups, confidence)
        p = found.p_value
        if test != "bootstrap":
            classic = williams if test == "williams" else meng
            known = np.isfinite([found.a, found.b, between[i, j]]).all()
            p = classic(found.a, found.b, float(between[i, j]), len(y)).p_value if known else float("nan")
        p_value[i, j] = p_value[j, i] = p
        difference[i, j], low[i, j], high[i, j] = found.difference
        difference[j, i], low[j, i], high[j, i] = -difference[i, j], -high[i, j], -low[i, j]
        effect[i, j], effect[j, i] = found.effect, -found.effect
    adjusted = _adjusted(p_value, correction)
    beats = np.where(adjusted < alpha, np.sign(np.nan_to_num(difference)), 0).astype(np.int8)
    return Ranking(rows[:, 0], difference, low, high, p_value, adjusted, effect, beats)


def _between(table: Floats, y: Floats, directions: Sequence[bool | None], coefficient: Coefficient) -> Floats:
    """Correlations between the metrics, turned as they are."""
    turned = []
    for row, way in zip(table, directions, strict=True):
        values = fit_logistic(row, y)(row) if coefficient == "plcc" else row
        if coefficient == "srcc":
            values = stats.rankdata(values)
        against = stats.rankdata(y) if coefficient == "srcc" else y
        falling = np.dot(values - values.mean(), against - against.mean()) < 0
        turned.append(-values if (falling if way is None or coefficient == "plcc" else not way) else values)
    centred = np.stack(turned) - np.mean(turned, axis=1, keepdims=True)
    size = np.linalg.norm(centred, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.clip(centred @ centred.T / np.outer(size, size), -1, 1))


def _adjusted(p_value: Floats, correction: Correction) -> Floats:
    adjusted = p_value.copy()
    upper = np.triu_indices(len(p_value), 1)
    p = p_value[upper]
    known = np.isfinite(p)
    if correction == "holm":
        p[known] = holm(p[known])
    elif correction == "benjamini-hochberg":
        p[known] = benjamini_hochberg(p[known])
    adjusted[upper] = p
    adjusted.T[upper] = p
    return adjusted
