"""Metrics that stand in for people, tested first on pairs of images with opinions of people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from replication.evaluation.cluster_means import cluster_mean
from replication.evaluation.pair_order import agrees, pairs_of
from replication.scoring.scored import Scored

KINDS = ("Gaussian blur", "JPEG compression", "JPEG 2000 compression")
"""The distortions that are most like what an autoencoder does: it blurs, and it compresses."""

BESIDE = ("psnr", "ssim(colour=gray)", "ms-ssim(colour=gray)")
"""Metrics that are reported beside the observers: what the losses that are compared measure."""

COLUMNS = ["data_set", "metric", "pairs", "share", "low", "high", "n", "references", "reason"]
FEWEST = 2  # references: an interval over them needs two


def label_of(name: str, options: Mapping[str, Any]) -> str:
    """The name of an observer's column in a score table, as in "gmsd" or "lpips-squeeze(weights=random)"."""
    return f"{name}({', '.join(f'{key}={_written(value)}' for key, value in options.items())})" if options else name


def _written(value: Any) -> str:
    """A value as it is written in the name of a metric: "true", "[fire3, fire5]"."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def observer_accuracy(
    scored: Scored, labels: Sequence[str], *, kinds: Iterable[str] = KINDS, seed: int = 0
) -> pd.DataFrame:
    """The share of pairs that each metric puts in the order of people's opinions, with its 95 % interval.

    Pairs are of images of one reference, distorted by any of `kinds`, whose opinions differ. A row for each metric and
    for "all" pairs, the "close" ones (the half with the smaller difference of opinions) and those of "two kinds" of
    distortion, where there are such pairs of two references or more. 0.5 is chance. Images of one reference are not
    independent: the interval draws whole references.

    scored: the images that count, see `reporting.paper_sets.only_exact`. labels: of metrics. Columns: COLUMNS. A metric
    without scores has the reason and no share; so have all where fewer than two references have such images.
    """
    table = scored.table
    table = table[table["distortion"].isin(list(kinds)) & np.isfinite(table["opinion"])]
    rows: list[dict[str, Any]] = []
    for label in labels:
        own = table[(table["metric"] == label) & np.isfinite(table["score"])]
        about = {"data_set": scored.title, "metric": label, "references": own["reference"].nunique()}
        facts = scored.metrics.get(label)
        if facts is None or facts.higher_is_better is None or own.empty:
            absent = f": {facts.absent}" if facts and facts.absent else ""
            rows.append({**about, "pairs": "all", "n": 0, "reason": f"no scores{absent}"})
            continue
        better = scored.opinion.higher_is_better
        pairs = pairs_of(own["opinion"], own["reference"], higher_is_better=better)
        right = agrees(own["score"], pairs, higher_is_better=facts.higher_is_better)
        references = own["reference"].to_numpy()[pairs.better]
        distortions = own["distortion"].to_numpy()
        of_two = distortions[pairs.better] != distortions[pairs.worse]
        if len(set(references)) < FEWEST:
            rows.append({**about, "pairs": "all", "n": len(right), "reason": "pairs of fewer than two references"})
            continue
        close = pairs.apart <= np.median(pairs.apart)
        for name, chosen in (("all", pairs.apart > 0), ("close", close), ("two kinds", of_two)):
            if len(set(references[chosen])) < FEWEST:
                continue
            share = cluster_mean(right[chosen], references[chosen], seed=seed)
            ends = {"share": share.estimate, "low": share.low, "high": share.high, "n": int(chosen.sum())}
            rows.append({**about, "pairs": name, **ends, "reason": ""})
    return pd.DataFrame(rows, columns=COLUMNS)
