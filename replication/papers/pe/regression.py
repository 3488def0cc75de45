"""Paper 4, figure 4(b): logistic regression of opinions on the distances of sets of channels."""

from collections.abc import Sequence

import pandas as pd

from replication.evaluation.correlation import correlate
from replication.evaluation.subsets import subset_scores
from replication.features.efficacy import channel_sets
from replication.papers.pe.quality import EQUATION_1, Efficacy, judgeable, layers_of, rated, weighted
from replication.scoring.channel_tables import ChannelDistances

NETWORKS = ("vgg16", "alexnet", "googlenet", "googlenet_bvlc")
PERCENTAGE = 5


def fitted(
    measured: Sequence[ChannelDistances], efficacy: Efficacy, *, networks: Sequence[str] = NETWORKS
) -> pd.DataFrame:
    """H-5, F and L-5 of every layer after a five-parameter logistic curve to the opinions (monotone).

    Columns: data_set, network, tap, set, channels, n, srcc (turned so that a distance that works is positive), plcc,
    rmse (in units of the opinions), converged, problem. Sets that are silent on all images have no coefficients.
    """
    rows = []
    for each in rated(measured):
        if each.backbone not in networks:
            continue
        known = judgeable(each)
        opinions = each.table.loc[known, "opinion"].to_numpy(float)
        assert each.opinion is not None
        for tap, pe in layers_of(each, efficacy):
            sets = channel_sets(pe, [PERCENTAGE])
            scores = subset_scores(weighted(each, tap, EQUATION_1)[known], list(sets.values()))
            for (name, index), values in zip(sets.items(), scores, strict=True):
                found = correlate(values, opinions, higher_is_better=not each.opinion.higher_is_better)
                key = (each.title, each.backbone, tap, name, len(index), found.n)
                converged = found.fit is not None and found.fit.converged
                rows.append((*key, found.srcc, found.plcc, found.rmse, converged, found.problem))
    names = ["data_set", "network", "tap", "set", "channels", "n", "srcc", "plcc", "rmse", "converged", "problem"]
    return pd.DataFrame(rows, columns=names)
