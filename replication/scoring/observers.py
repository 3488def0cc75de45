"""Model observers: metrics that rank reconstructions in place of people."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from replication.evaluation.plackett_luce import rankings_of_scores
from replication.metrics.registry import Metric

_CHUNK = 100  # images scored at a time


def observe(
    originals: Tensor, reconstructions: Mapping[str, Tensor], metrics: Sequence[Metric]
) -> dict[str, NDArray[np.intp]]:
    """Rankings (n, m) by each metric of the methods for every image, best first, as positions in `reconstructions`.

    originals, reconstructions: (n, C, h, w) in [0, 1]. A ranking by a metric shows which reconstruction that metric
    prefers. It is not a human judgement, and a metric that one of the methods was trained with favours that method.
    """
    if len(reconstructions) < 2:
        raise ValueError(f"a ranking is of two methods or more, got {len(reconstructions)}")
    for method, images in reconstructions.items():
        if images.shape != originals.shape:
            raise ValueError(
                f"{method}: reconstructions are {tuple(images.shape)}, the originals {tuple(originals.shape)}"
            )
    found = {}
    for metric in metrics:
        scores = np.empty((len(originals), len(reconstructions)))
        for start in range(0, len(originals), _CHUNK):
            part = slice(start, start + _CHUNK)
            prepared = metric.prepare(originals[part])
            for column, images in enumerate(reconstructions.values()):
                scores[part, column] = metric.compare(prepared, metric.prepare(images[part])).detach().cpu().numpy()
        found[metric.name] = rankings_of_scores(scores, higher_is_better=metric.higher_is_better)
    return found
