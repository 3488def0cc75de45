"""Statistics of per-image scores: functions of arrays, useful without the rest of the package."""

from replication.evaluation.intervals import Interval, bootstrap_mean, bootstrap_statistic
from replication.evaluation.paired import Comparison, compare_paired, holm, not_worse, rank_biserial, same_within

__all__ = [
    "Comparison",
    "Interval",
    "bootstrap_mean",
    "bootstrap_statistic",
    "compare_paired",
    "holm",
    "not_worse",
    "rank_biserial",
    "same_within",
]
