"""Score tables with a row for each image and a column for each metric: a tenth of the size of the long form."""

import numpy as np
import pandas as pd

IMAGE = ("data_set", "reference", "distorted", "distortion", "level", "opinion")
COLUMNS = (*IMAGE, "metric", "score", "problem")
KIND = "kind"
"""A further column about the image, in tables of sets whose images are of several kinds, such as "exact"."""


def about_image(table: pd.DataFrame) -> list[str]:
    """The columns of a score table, of either form, that are about the image: IMAGE, and KIND if it has that."""
    return [*IMAGE, *([KIND] if KIND in table else [])]


def to_wide(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scores of a long table (COLUMNS, and KIND if the set has kinds) in the wide form, and its problems.

    Scores: the columns IMAGE, KIND if the table has it, then one for each metric; rows and metrics in the order in
    which the table first has them. Problems: the columns row (of the first table, from 0), metric, problem; a line for
    each score that has one.
    Raises ValueError for a metric that has the name of a column.
    """
    labels = list(table["metric"].unique())
    if taken := sorted({*labels} & {*IMAGE, KIND}):
        raise ValueError(
            f"a metric must not have the label {taken[0]!r}, which is the name of a column; choose another"
        )
    about = about_image(table)
    images = table[about]
    # A pair that is listed twice is two images.
    again = table.groupby([*about, "metric"], dropna=False, sort=False).cumcount()
    row = images.assign(again=again).groupby([*about, "again"], dropna=False, sort=False).ngroup()
    scores = images[~row.duplicated()].reset_index(drop=True)
    columns = {}
    for label in labels:
        of_metric = table["metric"] == label
        column = np.full(len(scores), np.nan)
        column[row[of_metric]] = table.loc[of_metric, "score"]
        columns[label] = column
    problems = pd.DataFrame({"row": row, "metric": table["metric"], "problem": table["problem"]})
    problems = problems[problems["problem"] != ""].reset_index(drop=True)
    return pd.concat([scores, pd.DataFrame(columns, index=scores.index)], axis=1), problems


def to_long(scores: pd.DataFrame, problems: pd.DataFrame) -> pd.DataFrame:
    """The long table of `to_wide`'s two, by image and then by metric.

    A score that is missing without a problem has no row.
    """
    about = about_image(scores)
    labels = [str(name) for name in scores if name not in about]
    count = len(labels)
    long = scores.loc[np.repeat(scores.index, count), about].reset_index(drop=True)
    reasons = np.full((len(scores), count), "", dtype=object)
    positions = {label: position for position, label in enumerate(labels)}
    for row, metric, problem in zip(problems["row"], problems["metric"], problems["problem"], strict=True):
        reasons[int(row), positions[metric]] = problem
    values = scores[labels].to_numpy(np.float64)
    long = long.assign(
        metric=np.tile(np.array(labels, dtype=object), len(scores)), score=values.ravel(), problem=reasons.ravel()
    )
    present = ~np.isnan(values.ravel()) | (reasons.ravel() != "")
    complete: pd.DataFrame = long[present]
    return complete.reset_index(drop=True)


def with_problems(table: pd.DataFrame) -> pd.DataFrame:
    """The wide form of a long table, with a last column `problem`: the reasons for missing scores."""
    scores, problems = to_wide(table)
    reasons = problems.groupby("row")["problem"].agg(lambda texts: "; ".join(dict.fromkeys(texts)))
    return scores.assign(problem=reasons.reindex(scores.index, fill_value=""))
