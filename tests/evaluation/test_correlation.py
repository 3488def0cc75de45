"""SRCC, KRCC, PLCC and RMSE with intervals over references: scipy, published scores, closed forms, and cover."""

import csv

import numpy as np
import pytest
from scipy import stats

from replication.evaluation import correlate, correlate_groups
from replication.evaluation.logistic import fit_logistic, refitted

GENERATOR = np.random.default_rng(3)
REFERENCES = np.repeat(np.arange(20), 12)
OPINIONS = GENERATOR.normal(size=240)
SCORES = np.round(np.tanh(OPINIONS) + 0.4 * GENERATOR.normal(size=240) + 0.3 * GENERATOR.normal(size=20)[REFERENCES], 2)


def test_coefficients_are_scipys():
    found = correlate(SCORES, OPINIONS, mapping="none")
    assert found.srcc == pytest.approx(stats.spearmanr(SCORES, OPINIONS)[0], abs=1e-12)
    assert found.krcc == pytest.approx(stats.kendalltau(SCORES, OPINIONS)[0], abs=1e-12)
    assert found.plcc == pytest.approx(stats.pearsonr(SCORES, OPINIONS)[0], abs=1e-12)
    assert found.rmse == pytest.approx(OPINIONS.std() * np.sqrt(1 - found.plcc**2))
    assert (found.n, found.references, found.intervals, found.problem) == (240, None, None, "")


def test_after_the_logistic_plcc_and_rmse_belong_together():
    found = correlate(SCORES, OPINIONS)  # least squares: rmse^2 = variance (1 - plcc^2)
    assert found.rmse == pytest.approx(OPINIONS.std() * np.sqrt(1 - found.plcc**2), rel=1e-6)
    assert found.plcc >= correlate(SCORES, OPINIONS, mapping="none").plcc


@pytest.mark.parametrize(
    ("name", "srcc", "count"),
    [
        ("live", 0.9625, 982),
        ("csiq", 0.9646, 750),
        ("tid2013", 0.8806, 3000),
        ("kadid-10k", 0.9016, 10125),
        ("pipal", 0.6327, 23200),
    ],
)
def test_published_scores_give_the_published_srcc(real_data, name, srcc, count):
    with (real_data("published-scores") / f"{name}.csv").open() as file:
        rows = [(float(row["DeepWSD_VGG"]), float(row["opinion_score"])) for row in csv.DictReader(file)]
    found = correlate(*np.array(rows).T)
    assert found.n == count
    assert abs(found.srcc) == pytest.approx(srcc, abs=5e-5)
    assert found.fit.converged


def test_direction_and_sign():
    falling = correlate(-SCORES, OPINIONS, references=REFERENCES, intervals=True)
    rising = correlate(SCORES, OPINIONS, references=REFERENCES, intervals=True)
    assert falling.srcc == pytest.approx(-rising.srcc)
    assert falling.plcc == pytest.approx(rising.plcc)
    told = correlate(-SCORES, OPINIONS, higher_is_better=False)
    assert (told.srcc, told.krcc) == pytest.approx((rising.srcc, rising.krcc))
    assert correlate(SCORES, OPINIONS, higher_is_better=False).srcc == pytest.approx(-rising.srcc)
    absolute = falling.absolute()
    assert absolute.srcc == pytest.approx(rising.srcc)
    assert absolute.intervals["srcc"] == pytest.approx(rising.intervals["srcc"])
    assert absolute.intervals["rmse"] == falling.intervals["rmse"]
    assert rising.absolute() is rising


@pytest.mark.parametrize("method", ["jackknife", "percentile", "bca"])
def test_intervals_hold_the_estimate_and_are_the_same_again(method):
    first = correlate(SCORES, OPINIONS, references=REFERENCES, intervals=True, method=method, resamples=200)
    again = correlate(SCORES, OPINIONS, references=REFERENCES, intervals=True, method=method, resamples=200)
    assert first == again
    assert first.references == 20
    for name in ("srcc", "krcc", "plcc", "rmse"):
        found = first.intervals[name]
        assert found.low < found.estimate == getattr(first, name) < found.high


def test_images_that_share_references_are_less_than_their_number():
    copies = np.tile(SCORES[::12], 12), np.tile(OPINIONS[::12], 12), np.tile(np.arange(20), 12)
    once = correlate(*(each[:20] for each in copies[:2]), intervals=True, mapping="none").intervals["srcc"]
    twelve = correlate(*copies[:2], references=copies[2], intervals=True, mapping="none").intervals["srcc"]
    blind = correlate(*copies[:2], intervals=True, mapping="none").intervals["srcc"]
    assert twelve == pytest.approx(once, abs=1e-12)
    assert blind.high - blind.low < 0.4 * (once.high - once.low)


def test_refitting_each_resample_makes_little_difference_here():
    kept, again = (
        correlate(SCORES, OPINIONS, references=REFERENCES, intervals=True, refit=refit).intervals
        for refit in (False, True)
    )
    assert kept["plcc"] == pytest.approx(again["plcc"], abs=0.02)
    assert kept["plcc"] != again["plcc"]
    assert kept["srcc"] == again["srcc"]


def test_refitted_resamples_are_fits_to_the_repeated_images():
    scores = GENERATOR.normal(size=240)
    opinions = np.tanh(1.5 * scores) + 0.1 * GENERATOR.normal(size=240)  # clear enough to have one best curve
    weights = GENERATOR.multinomial(20, np.full(20, 1 / 20), 3).astype(float)
    for mapping in ("logistic5", "logistic4", "none"):
        plcc, rmse = refitted(scores, opinions, fit_logistic(scores, opinions, mapping), REFERENCES, weights)
        for row, found_plcc, found_rmse in zip(weights, plcc, rmse, strict=True):
            times = row[REFERENCES].astype(int)
            spelt = correlate(np.repeat(scores, times), np.repeat(opinions, times), mapping=mapping)
            assert (found_plcc, found_rmse) == pytest.approx((spelt.plcc, spelt.rmse), rel=1e-5)


def test_groups_are_correlated_on_their_own():
    groups = np.array(["noise", "blur", "jpeg"])[np.arange(240) % 3]
    found = correlate_groups(SCORES, OPINIONS, groups, references=REFERENCES, intervals=True)
    assert list(found) == ["noise", "blur", "jpeg"]
    own = groups == "blur"
    assert found["blur"] == correlate(SCORES[own], OPINIONS[own], references=REFERENCES[own], intervals=True)
    within = correlate_groups(SCORES, OPINIONS, REFERENCES, references=REFERENCES, intervals=True)
    assert len(within) == 20
    assert within["0"].intervals is None
    assert within["0"].problem == "one reference only: there is no interval over references"
    small = correlate_groups(SCORES[:5], OPINIONS[:5], ["a", "a", "a", "b", "b"])
    assert np.isnan(small["b"].srcc)
    assert small["b"].problem == "2 images only: at least 3 are needed"


def test_constants_are_undefined_and_say_so():
    flat = correlate(np.ones(10), np.arange(10.0), references=np.arange(10) // 2, intervals=True)
    assert np.isnan([flat.srcc, flat.krcc, flat.plcc]).all()
    assert flat.rmse == pytest.approx(np.arange(10.0).std())
    assert flat.problem == "all scores are equal: no correlation is defined"
    assert np.isnan(flat.intervals["srcc"].low)
    assert correlate(np.arange(10.0), np.ones(10)).problem == "all opinions are equal: no correlation is defined"


def test_a_perfect_metric_has_an_interval_of_no_width():
    perfect = correlate(OPINIONS, OPINIONS, references=REFERENCES, intervals=True, mapping="none")
    assert perfect.intervals["srcc"] == pytest.approx((1, 1, 1))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([1, 2], [1, 2]), {}, "at least 3 scores are needed, got 2"),
        (([1, 2, np.nan], [1, 2, 3]), {}, "1 of the scores are not finite"),
        (([1, 2, 3], [1, 2, 3]), {"method": "normal"}, "got 'normal'"),
        (([1, 2, 3], [1, 2, 3]), {"confidence": 95}, "got 95"),
        (([1, 2, 3], [1, 2, 3]), {"references": [1, 2]}, "each of the 3 images"),
        (([1, 2, 3], [1, 2, 3]), {"intervals": True, "method": "bca", "resamples": 5}, "at least 100 resamples"),
    ],
)
def test_bad_input_is_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        correlate(*arguments, **options)


N = 2000  # data sets: the share that is found has a standard error of 0.5 %


def test_intervals_over_references_cover_the_truth():
    generator, levels, index = np.random.default_rng(1), np.linspace(-1.5, 1.5, 10), np.repeat(np.arange(25), 10)

    def images(references):
        opinions = np.tile(levels, references) + 0.4 * generator.normal(size=10 * references)
        offsets = np.repeat(0.3 * generator.normal(size=references), 10)
        return np.tile(levels, references) + offsets + 0.5 * generator.normal(size=10 * references), opinions

    truth = correlate(*images(10_000), mapping="none")
    covered = np.zeros(4)
    for _ in range(N):
        found = correlate(*images(25), references=index, intervals=True, mapping="none").intervals
        covered += [found[name].low <= getattr(truth, name) <= found[name].high for name in found]
    assert np.all((covered / N > 0.93) & (covered / N < 0.97))
