"""The wide form of score tables: the same scores, in a fraction of the size."""

import numpy as np
import pandas as pd
import pytest

from replication.scoring.wide import COLUMNS, to_long, to_wide, with_problems


def table(rows: list[tuple[str, str, str, float, str]]) -> pd.DataFrame:
    """(reference, distorted, metric, score, problem) as a long table."""
    long = pd.DataFrame([("set", r, d, "blur", 1, 0.5, m, s, p) for r, d, m, s, p in rows], columns=list(COLUMNS))
    return long.astype({"level": "Int64"})


LONG = table(
    [
        ("r", "b", "psnr", np.inf, ""),
        ("r", "b", "ssim", np.nan, "too small, by far"),
        ("r", "a", "psnr", 30.25, ""),
        ("r", "a", "ssim", 0.5, ""),
    ]
)


def test_a_row_for_each_image_and_a_column_for_each_metric() -> None:
    scores, problems = to_wide(LONG)
    assert list(scores.columns) == [*COLUMNS[:6], "psnr", "ssim"]
    assert scores["distorted"].tolist() == ["b", "a"]
    assert scores["psnr"].tolist() == [np.inf, 30.25]
    np.testing.assert_array_equal(scores["ssim"], [np.nan, 0.5])
    assert problems.to_numpy().tolist() == [[0, "ssim", "too small, by far"]]
    assert with_problems(LONG)["problem"].tolist() == ["too small, by far", ""]


def test_the_long_form_comes_back() -> None:
    pd.testing.assert_frame_equal(to_long(*to_wide(LONG)), LONG, check_exact=True)


def test_scores_that_a_table_lacks_stay_lacking() -> None:
    lacking = LONG.drop(index=[1, 2]).reset_index(drop=True)
    pd.testing.assert_frame_equal(to_long(*to_wide(lacking)), lacking, check_exact=True)


def test_a_pair_that_is_listed_twice_is_two_images() -> None:
    twice = table([("r", "a", "psnr", 1.0, ""), ("r", "a", "psnr", 2.0, ""), ("s", "a", "psnr", 3.0, "")])
    twice["opinion"] = np.nan
    assert to_wide(twice)[0]["psnr"].tolist() == [1, 2, 3]
    pd.testing.assert_frame_equal(to_long(*to_wide(twice)), twice, check_exact=True)


def test_a_metric_cannot_have_the_name_of_a_column() -> None:
    with pytest.raises(ValueError, match="must not have the label 'level'"):
        to_wide(table([("r", "a", "level", 1.0, "")]))


def test_the_kind_of_an_image_stands_beside_its_opinion_and_comes_back() -> None:
    kinds = LONG.copy()
    kinds.insert(6, "kind", ["real", "real", "exact", "exact"])
    scores, _ = to_wide(kinds)
    assert list(scores.columns) == [*COLUMNS[:6], "kind", "psnr", "ssim"]
    assert scores["kind"].tolist() == ["real", "exact"]
    pd.testing.assert_frame_equal(to_long(*to_wide(kinds)), kinds, check_exact=True)
    with pytest.raises(ValueError, match="must not have the label 'kind'"):
        to_wide(table([("r", "a", "kind", 1.0, "")]))
