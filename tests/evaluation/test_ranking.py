"""All pairs of metrics: consistent with the comparison of two, adjusted, and honest under the null."""

import numpy as np
import pytest
from scipy import stats

from replication.evaluation import benjamini_hochberg, compare_correlations, holm, meng, who_beats_whom, williams

GENERATOR = np.random.default_rng(0)
INDEX = np.repeat(np.arange(30), 8)
OPINIONS = GENERATOR.normal(size=240)
NOISE = np.array([0.3, 0.32, 1.0, 3.0])
SCORES = OPINIONS + NOISE[:, None] * GENERATOR.normal(size=(4, 240))
SCORES[2] *= -1  # a distance


@pytest.mark.parametrize("coefficient", ["srcc", "krcc", "plcc", "pearson"])
def test_entries_are_the_comparisons_of_two(coefficient):
    table = who_beats_whom(SCORES, OPINIONS, INDEX, coefficient=coefficient, resamples=300)
    pair = compare_correlations(
        SCORES[1], SCORES[2], OPINIONS, references=INDEX, coefficient=coefficient, resamples=300
    )
    assert (table.difference[1, 2], table.low[1, 2], table.high[1, 2]) == pytest.approx(pair.difference)
    assert (table.p_value[2, 1], table.effect[2, 1]) == pytest.approx((pair.p_value, -pair.effect))
    assert table.low[2, 1] == -table.high[1, 2]
    assert table.coefficient[2] == pytest.approx(pair.b)
    assert table.adjusted[np.triu_indices(4, 1)] == pytest.approx(holm(table.p_value[np.triu_indices(4, 1)]))
    assert table.beats.tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [-1, -1, 0, 1], [-1, -1, -1, 0]]


@pytest.mark.parametrize(("name", "test"), [("williams", williams), ("meng", meng)])
def test_classic_tests_are_to_be_had(name, test):
    table = who_beats_whom(SCORES, OPINIONS, test=name, correction="benjamini-hochberg", resamples=100)
    r = [stats.spearmanr(a, b)[0] for a, b in ((SCORES[0], OPINIONS), (-SCORES[2], OPINIONS), (SCORES[0], -SCORES[2]))]
    assert table.p_value[0, 2] == pytest.approx(test(*r, 240).p_value, rel=1e-6)
    upper = np.triu_indices(4, 1)
    assert table.adjusted[upper] == pytest.approx(stats.false_discovery_control(table.p_value[upper]))


def test_benjamini_hochberg_rejects_what_its_authors_rejected():
    # Benjamini & Hochberg 1995, section 4: of fifteen comparisons four at 5 %; Bonferroni leaves three
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1,
    ]
    adjusted = benjamini_hochberg(p)
    assert list(np.flatnonzero(adjusted <= 0.05)) == [0, 1, 2, 3]
    assert adjusted[3] == pytest.approx(15 * 0.0095 / 4)
    assert benjamini_hochberg([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.03])
    assert len(benjamini_hochberg([])) == 0
    with pytest.raises(ValueError, match="between 0 and 1"):
        benjamini_hochberg([0.1, np.nan])


def test_false_discoveries_are_as_few_as_promised():
    z = GENERATOR.normal(size=(2000, 20)) + np.where(np.arange(20) < 10, 3.0, 0)
    found = np.array([benjamini_hochberg(2 * stats.norm.sf(abs(row))) < 0.1 for row in z])
    share = found[:, 10:].sum(axis=1) / np.maximum(found.sum(axis=1), 1)
    assert share.mean() == pytest.approx(0.1 * 10 / 20, abs=0.01)


def test_equal_metrics_rarely_beat_each_other():
    any_alarm = 0
    for _ in range(300):
        opinions = GENERATOR.normal(size=150)
        scores = (
            opinions + 0.5 * GENERATOR.normal(size=(4, 150)) + np.repeat(GENERATOR.normal(size=(4, 30)), 5, axis=1) / 2
        )
        table = who_beats_whom(scores, opinions, np.repeat(np.arange(30), 5), coefficient="pearson", resamples=200)
        any_alarm += bool(table.beats.any())
    assert any_alarm / 300 < 0.08  # 5 % promised, 1.3 % its own error


def test_a_constant_metric_is_left_out():
    table = who_beats_whom(np.vstack([SCORES[:2], np.ones(240)]), OPINIONS, INDEX, resamples=100)
    assert np.isnan(table.p_value[0, 2])
    assert np.isnan(table.coefficient[2])
    assert table.adjusted[0, 1] == table.p_value[0, 1]
    assert table.beats[0, 2] == 0


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        (SCORES[0], {}, "at least 2 metrics"),
        (SCORES, {"test": "t"}, "got 't'"),
        (SCORES, {"correction": "bonferroni"}, "got 'bonferroni'"),
        (SCORES, {"test": "meng", "coefficient": "krcc"}, "not for Kendall's tau"),
        (SCORES, {"higher_is_better": [True]}, "each of 4 metrics, got 1"),
        (np.where(SCORES > 2, np.nan, SCORES), {}, "of the scores are not finite"),
    ],
)
def test_bad_input_is_named(scores, options, message):
    with pytest.raises(ValueError, match=message):
        who_beats_whom(scores, OPINIONS, INDEX, **options)
