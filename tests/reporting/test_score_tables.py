"""Scores by distortion: values known by hand, what failed, and the table that shows them."""

import numpy as np
import pandas as pd

from replication.reporting.score_tables import by_distortion, show_by_distortion


def test_scores_are_summarised_by_distortion_with_what_failed() -> None:
    table = pd.DataFrame(
        {
            "distorted": ["a", "b", "c", "d"] * 2,
            "distortion": ["blur", "noise", "noise", "noise"] * 2,
            "metric": ["x"] * 4 + ["y"] * 4,
            "score": [1.0, 2.0, 6.0, np.nan, np.nan, -1.0, 5000.4, 3.0],
        }
    )
    found = by_distortion(table).set_index(["metric", "distortion"])
    assert list(found.index) == [(metric, kind) for metric in ("x", "y") for kind in ("", "blur", "noise")]
    assert found.loc[("x", "")].tolist() == [3, 1, 6, 3, 1]
    assert found.loc[("x", "noise")].tolist() == [4, 2, 6, 2, 1]
    assert found.loc[("y", "blur"), ["scored", "failed"]].tolist() == [0, 1]
    shown = show_by_distortion(by_distortion(table)).html
    assert "4<br><span class='interval'>[2, 6]</span>" in shown
    assert "[\N{MINUS SIGN}1, 5,000]" in shown
    assert shown.count(">none<") == 1
    assert shown.count("font-weight:700'>1</td>") == 2
