"""Agreement of scores with opinions: SRCC, KRCC, PLCC and RMSE, with intervals over references."""

from collections.abc import Callable
from collections.abc import Mapping as Table
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from replication.evaluation import weighted
from replication.evaluation.clusters import Resamples, check_options, group_index, interval, jackknife_error, resample
from replication.evaluation.intervals import Interval
from replication.evaluation.logistic import Fit, Mapping, fit_logistic, paired, refitted

Floats = NDArray[np.float64]
Method = Literal["jackknife", "percentile", "bca"]
COEFFICIENTS = ("srcc", "krcc", "plcc", "rmse")


@dataclass(frozen=True)
class Correlation:
    """Result of `correlate`. A coefficient that is not defined is NaN, and `problem` gives the reason ("" otherwise).

    srcc, krcc: rank correlations, signed. plcc, rmse: after `fit`. n: images. references: how many, None if not given.
    intervals: of all four by name, None where they were not requested or cannot be computed.
    """

    srcc: float
    krcc: float
    plcc: float
    rmse: float
    n: int
    references: int | None
    fit: Fit | None
    intervals: Table[str, Interval] | None
    problem: str

    def absolute(self) -> "Correlation":
        """The same with a negative SRCC turned positive; krcc and plcc are turned with it, intervals mirrored."""
        if not self.srcc < 0:
            return self
        mirrored = None
        if self.intervals is not None:
            kept = {name: each for name, each in self.intervals.items() if not each.estimate < 0}
            turned = {n: Interval(-e.estimate, -e.high, -e.low) for n, e in self.intervals.items() if e.estimate < 0}
            mirrored = {name: (kept | turned)[name] for name in self.intervals}
        return replace(self, srcc=-self.srcc, krcc=-self.krcc, plcc=abs(self.plcc), intervals=mirrored)


def correlate(
    scores: ArrayLike,
    opinions: ArrayLike,
    *,
    references: ArrayLike | None = None,
    higher_is_better: bool | None = None,
    mapping: Mapping = "logistic5",
    intervals: bool = False,
    confidence: float = 0.95,
    method: Method = "jackknife",
    resamples: int = 1000,
    refit: bool = True,
    seed: int = 0,
) -> Correlation:
    """Agreement of a metric's scores with opinions over images.

    scores, opinions: n finite numbers each, n >= 3. references: n labels of any type, the reference of each image;
        images of one reference are not independent, so intervals are over references. Without it every image counts
        as its own reference, and the interval is too narrow wherever images share one.
    higher_is_better: None keeps the sign (a distance has a negative SRCC with MOS). True or False gives the
        direction in which a good metric's scores move with the opinions: False turns the sign of the scores, so that a
        good metric's SRCC is positive and one that errs is negative. `Correlation.absolute()` drops the sign instead.
    mapping: the curve for PLCC and RMSE, see `fit_logistic`. After it PLCC has no sign. 'none' is Pearson's r of the
        scores as they are, sign unchanged, with the RMSE about the least-squares line.
        RMSE is sqrt(mean squared residual), in units of the opinions, not corrected for the curve's parameters.
    intervals: also give `confidence` intervals over references (at least 2).
    method: the way intervals are computed.
        'jackknife': estimate -+ t(references - 1) standard errors, with each reference left out once, on the scale of
            Fisher's z (log for RMSE). No random numbers.
        'percentile', 'bca': bootstrap of references, `resamples` draws from `seed`, widened for few references as
            `bootstrap_statistic` does.
        Measured coverage of 95 % intervals, 25 references, each with its own offset as large as the noise (PLCC, 20
        images each): jackknife 94 %, bca 92 %, percentile 91 %; with smaller offsets 96, 94, 95 % (SRCC, 10 images: 94,
        93, 93 %; KRCC: 94, 92, 94 %); 80 references with large offsets: 96, 96, 95 % (1,000 to 1,500 data sets each).
        Hence the default.
    refit: whether PLCC and RMSE fit the curve again to every resample, starting from the full fit, or use the
        curve of all images (faster; the interval then ignores that the curve was fitted to these references). For
        10,125 images of 81 references no limit moved by more than .0006; with 25 references of 10 images both covered
        97 to 98 % (311 data sets).

    Constant scores or opinions: coefficients NaN, with the reason in `problem`. ValueError: NaN or infinite values,
    unequal lengths, fewer than 3 images, unknown options.
    """
    x, y = paired(scores, opinions, least=3)
    check_options(confidence, "bca" if method == "jackknife" else method)
    if higher_is_better is False:
        x = -x
    count = None if references is None else int(group_index(references, len(x)).max()) + 1
    fit = fit_logistic(x, y, mapping)
    problem = _undefined(x, y) or fit.message
    everything = np.zeros(len(x), dtype=np.intp)
    values = _values(x, y, fit, mapping, everything, np.ones((1, 1)), refit=False)
    estimates = {name: float(values[name][0]) for name in COEFFICIENTS}
    found = None
    if intervals and count == 1:
        problem = problem or "one reference only: there is no interval over references"
    elif intervals:
        drawn = resample(references, len(x), resamples if method != "jackknife" else 100, seed)
        found = _intervals(x, y, fit, mapping, estimates, drawn, confidence, method, refit)
    return Correlation(**estimates, n=len(x), references=count, fit=fit, intervals=found, problem=problem)


def correlate_groups(
    scores: ArrayLike,
    opinions: ArrayLike,
    groups: ArrayLike,
    *,
    references: ArrayLike | None = None,
    higher_is_better: bool | None = None,
    mapping: Mapping = "logistic5",
    intervals: bool = False,
    confidence: float = 0.95,
    method: Method = "jackknife",
    resamples: int = 1000,
    refit: bool = True,
    seed: int = 0,
) -> dict[str, Correlation]:
    """`correlate` within each group of images, by label in order of first appearance.

    groups: n labels, distortion types or references. The curve is fitted within each group, so a PLCC here is not a
    share of the overall one. A group of fewer than 3 images is NaN, with the reason in `problem`.
    """
    x, y = paired(scores, opinions)
    labels = np.asarray(groups).astype(str)
    if labels.shape != x.shape:
        raise ValueError(f"groups must name one group for each of the {len(x)} images, got shape {labels.shape}")
    index = group_index(references, len(x))
    result = {}
    for label in dict.fromkeys(labels.tolist()):
        own = labels == label
        if (n := int(own.sum())) < 3:
            nan = float("nan")
            why = f"{n} images only: at least 3 are needed"
            result[label] = Correlation(nan, nan, nan, nan, n, None, None, None, why)
            continue
        result[label] = correlate(
            x[own],
            y[own],
            references=None if references is None else index[own],
            higher_is_better=higher_is_better,
            mapping=mapping,
            intervals=intervals,
            confidence=confidence,
            method=method,
            resamples=resamples,
            refit=refit,
            seed=seed,
        )
    return result


def _values(
    x: Floats, y: Floats, fit: Fit, mapping: Mapping, index: NDArray[np.intp], weights: Floats, refit: bool
) -> dict[str, Floats]:
    """The four coefficients under each row of weights."""
    predicted = fit(x)
    if refit:
        plcc, rmse = refitted(x, y, fit, index, weights)
    else:
        plcc = weighted.pearson(predicted, y, index, weights)
        rmse = weighted.root_mean_square(y - predicted, index, weights)
    if mapping == "none":
        plcc = weighted.pearson(x, y, index, weights)
    if len(weights) == 1 and weights.shape[1] == 1:
        krcc = np.array([stats.kendalltau(x, y, method="asymptotic").statistic])  # n log n, without the table of pairs
    else:
        krcc = weighted.kendall(x, y, index, weights)
    return {"srcc": weighted.spearman(x, y, index, weights), "krcc": krcc, "plcc": plcc, "rmse": rmse}


def _intervals(
    x: Floats,
    y: Floats,
    fit: Fit,
    mapping: Mapping,
    estimates: dict[str, float],
    samples: Resamples,
    confidence: float,
    method: Method,
    refit: bool,
) -> dict[str, Interval]:
    left_out = _values(x, y, fit, mapping, samples.index, samples.left_out, refit)
    if method == "jackknife":
        return {name: _student(name, estimates[name], left_out[name], confidence) for name in COEFFICIENTS}
    drawn = _values(x, y, fit, mapping, samples.index, samples.drawn, refit)
    return {
        name: interval(estimates[name], drawn[name], left_out[name], confidence=confidence, method=method)
        for name in COEFFICIENTS
    }


def _student(name: str, estimate: float, left_out: Floats, confidence: float) -> Interval:
    """Estimate -+ t standard errors of the jackknife where its distribution is closest to normal."""
    if not np.isfinite(estimate) or not np.isfinite(left_out).all():
        return Interval(estimate, float("nan"), float("nan"))
    if name == "rmse":
        return _on_scale(np.log, np.exp, estimate, left_out, confidence, edge=min(estimate, left_out.min()) <= 0)
    return _on_scale(
        np.arctanh, np.tanh, estimate, left_out, confidence, edge=max(abs(estimate), np.abs(left_out).max()) >= 1
    )


def _on_scale(
    there: Callable[..., Any],
    back: Callable[..., Any],
    estimate: float,
    left_out: Floats,
    confidence: float,
    edge: bool,
) -> Interval:
    if edge:  # a perfect correlation or no error: the end of the scale
        return Interval(estimate, estimate, estimate)
    half = stats.t.ppf((1 + confidence) / 2, len(left_out) - 1) * jackknife_error(there(left_out))
    return Interval(estimate, float(back(there(estimate) - half)), float(back(there(estimate) + half)))


def _undefined(x: Floats, y: Floats) -> str:
    if np.ptp(x) == 0:
        return "all scores are equal: no correlation is defined"
    if np.ptp(y) == 0:
        return "all opinions are equal: no correlation is defined"
    return ""
