"""DeepSSIM at each level by itself: spread, agreement with opinions and with the image itself."""

import pandas as pd

from replication.scoring.msds_levels import LevelScores


def by_level(scores: LevelScores) -> pd.DataFrame:
    """A row for each tap, pyramid and level: images with a score, their mean and standard deviation, and SRCC.

    srcc: with the opinions of people, positive where better images have higher scores. with_image: SRCC with the scores
    of level 0, the image itself, at the same tap. All images count, whether official or made again.
    """
    sign = 1 if scores.opinion.higher_is_better else -1
    readings = [(tap, scores.pyramids[0]) for tap in scores.taps]
    readings += [(scores.taps[0], pyramid) for pyramid in scores.pyramids[1:]]
    rows = []
    for tap, pyramid in readings:
        image, *others = scores.columns(tap, pyramid)
        for level, name in enumerate([image, *others]):
            values = scores.table[name]
            row = {"tap": tap, "pyramid": pyramid, "level": level, "images": int(values.notna().sum())}
            row |= {"mean": values.mean(), "deviation": values.std()}
            row["srcc"] = sign * values.corr(scores.table["opinion"], method="spearman")
            row["with_image"] = values.corr(scores.table[image], method="spearman")
            rows.append(row)
    return pd.DataFrame(rows)


def in_words(scores: LevelScores) -> str:
    """Two sentences: which level follows opinions best at the usual tap and pyramid, and how alike the levels are."""
    usual = by_level(scores)
    usual = usual[(usual["tap"] == scores.taps[0]) & (usual["pyramid"] == scores.pyramids[0])].set_index("level")
    if usual["srcc"].isna().any():
        return "Levels cannot be compared: a level has one score for all images, or none."
    best, last = int(usual["srcc"].to_numpy().argmax()), len(usual) - 1
    beside = "which is the image itself" if best == 0 else f"against {usual['srcc'][0]:.3f} of the image itself"
    return (
        f"Level {best} follows the opinions best, with an SRCC of {usual['srcc'][best]:.3f}, {beside}. From level 0 to "
        f"level {last} the mean score goes from {usual['mean'][0]:.2f} to {usual['mean'][last]:.2f}, and the ranks of "
        f"images agree with those of level 0 by an SRCC of {usual['with_image'][last]:.3f}."
    )


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """`by_level` as text, a row for each level and a column of SRCC with opinions for each tap and pyramid."""
    usual = table[(table["tap"] == table["tap"].iloc[0]) & (table["pyramid"] == table["pyramid"].iloc[0])]
    spread = [
        f"{mean:.2f} ± {deviation:.2f}" for mean, deviation in zip(usual["mean"], usual["deviation"], strict=True)
    ]
    columns = {"level": usual["level"].tolist(), "images": usual["images"].tolist(), "score": spread}
    columns["with level 0"] = [f"{value:.3f}" for value in usual["with_image"]]
    for (tap, pyramid), part in table.groupby(["tap", "pyramid"], sort=False):
        columns[f"{tap}, {pyramid}"] = [f"{value:.3f}" for value in part["srcc"]]
    return pd.DataFrame(columns)
