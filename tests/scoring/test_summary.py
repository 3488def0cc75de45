"""Means by folder and metric: values against numpy, intervals over references, what is missing."""

import numpy as np
import pandas as pd
import pytest

from replication.scoring.summary import means


def made() -> pd.DataFrame:
    random = np.random.default_rng(0)
    rows = [
        {"reference": f"r{i % 10}", "distorted": f"{folder}i{i}.png", "metric": metric, "score": random.normal()}
        for folder in ("a/", "b/c/", "")
        for i in range(30)
        for metric in ("x", "y")
    ]
    return pd.DataFrame(rows)


def test_means_of_each_folder_and_metric() -> None:
    table = made()
    table.loc[0, "score"] = np.nan
    found = means(table).set_index(["folder", "metric"])
    assert list(found.index) == [(f, m) for f in ("a", "b/c", ".") for m in ("x", "y")]
    own = table[table["distorted"].str.startswith("a/") & (table["metric"] == "x")]["score"]
    assert found.loc[("a", "x"), "mean"] == pytest.approx(own.mean(), rel=1e-12)
    assert found.loc[("a", "x"), ["images", "missing"]].tolist() == [29, 1]
    assert (found["low"] < found["mean"]).all()
    assert (found["mean"] < found["high"]).all()


def test_intervals_are_over_references() -> None:
    """A score that is the same in all images of a reference has the interval of ten values, not of thirty."""
    table = made().assign(score=lambda t: t["reference"].str[1:].astype(float))
    found = means(table).iloc[0]
    error = np.arange(10).std(ddof=1) / np.sqrt(10)
    # t of 9 degrees is 2.26; percentiles of 2,000 resamples vary by a few hundredths of an error.
    assert (found["high"] - found["low"]) / (2 * error) == pytest.approx(2.26, abs=0.15)


def test_no_interval_where_there_is_none() -> None:
    table = made().assign(reference="r")
    assert means(table)[["low", "high"]].isna().all(axis=None)
    table = made()
    table.loc[table["distorted"] == "a/i0.png", "score"] = np.inf
    found = means(table).iloc[0]
    assert (found["mean"], np.isnan(found["low"])) == (np.inf, True)
    assert means(table.assign(score=np.nan))["mean"].isna().all()
