"""Paper 4, a control that it lacks: are channels of high efficacy better than others that are as loud?

Equation 1 adds raw squared differences, and PE grows with the cube of a channel's strength. A set that is better than
random ones may so be better for its strength alone.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from replication.evaluation.subsets import against_chance, rank_correlations, subset_scores
from replication.features.efficacy import channel_sets
from replication.papers.pe.quality import EQUATION_1, Efficacy, corrected, judgeable, layers_of, rated, weighted
from replication.scoring.channel_tables import ChannelDistances

NEAREST = 3
"""Among how many channels of nearest energy the substitute of a channel is drawn."""


def matched_subsets(
    strength: ArrayLike, members: ArrayLike, draws: int, seed: int, nearest: int = NEAREST
) -> NDArray[np.intp]:
    """Sets of channels as loud as the members and without any of them, (draws, len(members)).

    strength: of every channel, at least 0. Every member, in random order, is replaced by one of the `nearest` channels
    that are neither members nor drawn yet and differ least from it in log strength, with equal chances. ValueError
    where there are fewer others than members.
    """
    values = np.log(np.asarray(strength, dtype=np.float64) + np.finfo(float).tiny)
    chosen = np.asarray(members, dtype=np.intp)
    others = np.setdiff1d(np.arange(len(values)), chosen)
    if len(others) < len(chosen):
        raise ValueError(f"{len(chosen)} members cannot be matched by {len(others)} other channels")
    generator = np.random.default_rng(seed)
    drawn = np.empty((draws, len(chosen)), dtype=np.intp)
    for row in drawn:
        free = others
        for place, member in enumerate(generator.permutation(chosen)):
            near = np.argsort(np.abs(values[free] - values[member]), kind="stable")[:nearest]
            pick = int(generator.choice(near))
            row[place] = free[pick]
            free = np.delete(free, pick)
    return drawn


def against_as_loud(
    measured: Sequence[ChannelDistances],
    efficacy: Efficacy,
    *,
    percentages: Sequence[float] = (5, 10, 25),
    draws: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """SRCC of H-x among sets of the same size and loudness, for every layer.

    Columns: data_set, network, tap, set, channels, srcc, matched_low, matched_median, matched_high (95 % of the sets),
    percentile, p (no better than a matched set), energy (median energy of a matched set over that of H-x; far from 1
    where H-x holds the loudest channels of the layer), p_bh (over the layers of all networks).
    """
    rows: list[dict[str, object]] = []
    for each in rated(measured):
        known = judgeable(each)
        opinions = each.table.loc[known, "opinion"].to_numpy(float)
        assert each.opinion is not None
        sign = -1.0 if each.opinion.higher_is_better else 1.0
        for tap, pe in layers_of(each, efficacy):
            matrix, energy = weighted(each, tap, EQUATION_1)[known], each.activity[tap].energy
            for name, index in channel_sets(pe, sorted(percentages)).items():
                if not name.startswith("H") or 2 * len(index) > len(pe):
                    continue
                subsets = matched_subsets(energy, index, draws, seed)
                found = sign * rank_correlations(subset_scores(matrix, [index, *subsets]), opinions)
                chance = against_chance(float(found[0]), found[1:], alternative="greater")
                row: dict[str, object] = {"data_set": each.title, "network": each.backbone, "tap": tap, "set": name}
                row |= {"channels": len(index), "srcc": found[0]}
                row |= {"matched_low": chance.low, "matched_median": chance.median, "matched_high": chance.high}
                loudness = (
                    np.median(energy[subsets].sum(axis=1)) / energy[index].sum() if energy[index].any() else np.nan
                )
                rows.append(row | {"percentile": chance.percentile, "p": chance.p_value, "energy": loudness})
    return corrected(rows, ["data_set", "set"])
