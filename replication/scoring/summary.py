"""Means of score tables."""

import posixpath

import numpy as np
import pandas as pd

from replication.evaluation.cluster_means import cluster_mean


def means(table: pd.DataFrame) -> pd.DataFrame:
    """The mean score of each metric over the distorted images of each folder, with a 95 % interval over references.

    table: long, as `score` gives it. Columns: folder (of the distorted images, "." where their names have none),
    metric, mean, low, high, images, missing (images without a score). The interval is the bootstrap of `cluster_mean`;
    NaN for images of one reference, and where a score is infinite, as PSNR is of identical images.
    """
    folders = table["distorted"].map(lambda name: posixpath.dirname(name) or ".")
    rows = []
    for (folder, metric), part in table.groupby([folders, "metric"], sort=False):
        scored = part[part["score"].notna()]
        scores = scored["score"].to_numpy(float)
        low = high = np.nan
        if scored["reference"].nunique() > 1 and np.isfinite(scores).all():
            _, low, high = cluster_mean(scores, scored["reference"].to_numpy(str))
        mean = float(scores.mean()) if len(scores) else np.nan
        rows.append((folder, metric, mean, low, high, len(scores), len(part) - len(scores)))
    return pd.DataFrame(rows, columns=["folder", "metric", "mean", "low", "high", "images", "missing"])
