"""Every test of the difference of two metrics, for MSDS against single scales and for scores that others published."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from replication.evaluation import weighted
from replication.evaluation.clusters import resample
from replication.evaluation.dependent import difference_of, meng, tost, williams, zou
from replication.evaluation.logistic import fit_logistic
from replication.evaluation.multiple import benjamini_hochberg
from replication.evaluation.paired import holm
from replication.evaluation.splits import compare_over_splits, splits
from replication.evaluation.variance import f_test, normality, pitman_morgan
from replication.papers.msds.study import EQUAL, LEARNED, Floats, Study
from replication.reporting.numbers import ALPHA
from replication.scoring.scored import Scored

MARGIN = 0.005  # SRCC: differences below it are of no use to anybody who chooses a metric


def against_levels(of: Study, *, resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """MSDS, with either weights, against every single level: see `pair_tests`."""
    pairs = [(first, second) for first in (LEARNED, EQUAL) for second in of.methods if second.startswith("level")]
    over = {str(method): part["srcc"].to_numpy() for method, part in of.over_splits.groupby("method")}
    return pair_tests(
        of.methods, of.opinions, of.references, pairs, over, of.test_share, resamples=resamples, seed=seed
    )


def pair_tests(
    methods: Mapping[str, Floats],
    opinions: Floats,
    references: NDArray[np.str_],
    pairs: Sequence[tuple[str, str]],
    over_splits: Mapping[str, Floats],
    test_share: float,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Every test of the difference of two methods in SRCC (and of their residuals), one row for each pair.

    Scores must grow with the opinions. Columns: first, second; srcc_first, srcc_second; difference with low, high, p
    (bootstrap over references, t), q (Cohen's effect size), better (share of resamples in which first is ahead);
    p_equivalent (two one-sided tests: is the difference within .005?); p_williams, p_meng, zou_low, zou_high (images
    counted as independent); ratio, p_f, p_pitman_morgan, kurtosis (residuals after the logistic curve; the larger
    kurtosis of the two); split_difference, p_splits (corrected t), p_wilcoxon, effect_splits (rank-biserial).
    """
    samples = resample(references, len(opinions), resamples, seed)
    counts = np.vstack([np.ones((1, samples.groups)), samples.drawn])
    used = list(dict.fromkeys(name for pair in pairs for name in pair))
    rho = {name: weighted.spearman(methods[name], opinions, samples.index, counts) for name in used}
    residuals = {name: opinions - fit_logistic(methods[name], opinions)(methods[name]) for name in used}
    rows = []
    for first, second in pairs:
        found = difference_of(rho[first], rho[second], samples.groups, 0.95)
        r = found.a, found.b, float(stats.spearmanr(methods[first], methods[second])[0]), len(opinions)
        covered = zou(*r)
        split = compare_over_splits(over_splits[first], over_splits[second], test_share)
        left, right = residuals[first], residuals[second]
        ratio = f_test(left, right)
        rows.append(
            {
                "first": first,
                "second": second,
                "srcc_first": found.a,
                "srcc_second": found.b,
                "difference": found.difference.estimate,
                "low": found.difference.low,
                "high": found.difference.high,
                "p": found.p_value,
                "q": found.effect,
                "better": found.better,
                "p_equivalent": tost(found.difference.estimate, found.standard_error, found.degrees, MARGIN).p_value,
                "p_williams": williams(*r).p_value,
                "p_meng": meng(*r).p_value,
                "zou_low": covered.low,
                "zou_high": covered.high,
                "ratio": ratio.ratio,
                "p_f": ratio.p_value,
                "p_pitman_morgan": pitman_morgan(left, right).p_value,
                "kurtosis": max(normality(left).kurtosis, normality(right).kurtosis),
                "split_difference": split.difference,
                "p_splits": split.p_value,
                "p_wilcoxon": split.wilcoxon,
                "effect_splits": split.effect,
            }
        )
    return pd.DataFrame(rows)


def adjusted(table: pd.DataFrame) -> pd.DataFrame:
    """The table with p_holm and p_bh: the bootstrap's p over all comparisons of a data set and, where there is a column
    network, of one network, so that no network changes what another's tests say."""
    groups = table.groupby([name for name in ("network", "data_set") if name in table], sort=False)["p"]
    return table.assign(
        p_holm=groups.transform(lambda p: holm(p.to_numpy())),
        p_bh=groups.transform(lambda p: benjamini_hochberg(p.to_numpy())),
    )


def published_tests(scored: Scored, *, count: int = 20, resamples: int = 500, seed: int = 0) -> pd.DataFrame:
    """The same tests for every pair of metrics whose per-image scores others have published, the better one first.

    Undistorted copies of references (LIVE) are left out.
    """
    named = scored.table["reference"].astype("string").fillna("") != ""
    wide = scored.table[named].pivot(index="distorted", columns="metric", values="score").dropna()
    about = scored.table[named].drop_duplicates("distorted").set_index("distorted").loc[wide.index]
    opinions = about["opinion"].to_numpy(float)
    references = about["reference"].to_numpy(str)
    methods = {
        str(name): np.sign(stats.spearmanr(wide[name], opinions)[0]) * wide[name].to_numpy(float) for name in wide
    }
    drawn = splits(references, count, 0.2, seed)
    over = {
        name: np.array([stats.spearmanr(values[each.test], opinions[each.test])[0] for each in drawn])
        for name, values in methods.items()
    }
    order = sorted(methods, key=lambda name: -float(stats.spearmanr(methods[name], opinions)[0]))
    pairs = list(combinations(order, 2))
    return pair_tests(methods, opinions, references, pairs, over, 0.2, resamples=resamples, seed=seed)


def disagreement(table: pd.DataFrame) -> pd.DataFrame:
    """Number of pairs of each set that each test calls different at 5 %."""
    named = {
        "references, Holm": "p_holm",
        "references": "p",
        "splits t": "p_splits",
        "Wilcoxon over splits": "p_wilcoxon",
        "Williams": "p_williams",
        "Meng": "p_meng",
        "F": "p_f",
        "Pitman-Morgan": "p_pitman_morgan",
    }
    called = pd.DataFrame({name: table[column] < ALPHA for name, column in named.items()})
    counts = called.groupby(table["data_set"], sort=False).sum()
    counts.insert(0, "pairs", table.groupby("data_set", sort=False).size())
    return counts
