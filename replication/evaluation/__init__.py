"""Statistics of per-image scores: functions of arrays, useful without the rest of the package."""

from replication.evaluation.correlation import Correlation, correlate, correlate_groups
from replication.evaluation.dependent import (
    CorrelationDifference,
    CorrelationTest,
    Equivalence,
    compare_correlations,
    meng,
    tost,
    williams,
    zou,
)
from replication.evaluation.intervals import Interval, bootstrap_mean, bootstrap_statistic
from replication.evaluation.judgements import Choices, just_noticeable, same_class, two_alternative
from replication.evaluation.logistic import Fit, fit_logistic
from replication.evaluation.multiple import benjamini_hochberg
from replication.evaluation.paired import Comparison, compare_paired, holm, not_worse, rank_biserial, same_within
from replication.evaluation.ranking import Ranking, who_beats_whom
from replication.evaluation.splits import Split, SplitComparison, compare_over_splits, splits
from replication.evaluation.subsets import Chance, against_chance, random_subsets, rank_correlations, subset_scores
from replication.evaluation.variance import Normality, VarianceTest, f_test, normality, pitman_morgan

__all__ = [
    "Chance",
    "Choices",
    "Comparison",
    "Correlation",
    "CorrelationDifference",
    "CorrelationTest",
    "Equivalence",
    "Fit",
    "Interval",
    "Normality",
    "Ranking",
    "Split",
    "SplitComparison",
    "VarianceTest",
    "against_chance",
    "benjamini_hochberg",
    "bootstrap_mean",
    "bootstrap_statistic",
    "compare_correlations",
    "compare_over_splits",
    "compare_paired",
    "correlate",
    "correlate_groups",
    "f_test",
    "fit_logistic",
    "holm",
    "just_noticeable",
    "meng",
    "normality",
    "not_worse",
    "pitman_morgan",
    "random_subsets",
    "rank_biserial",
    "rank_correlations",
    "same_class",
    "same_within",
    "splits",
    "subset_scores",
    "tost",
    "two_alternative",
    "who_beats_whom",
    "williams",
    "zou",
]
