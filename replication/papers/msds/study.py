"""One network on one set: DeepSSIM at single scales, MSDS with equal and learned weights, all on the same images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from replication.evaluation.correlation import correlate
from replication.evaluation.dependent import compare_correlations
from replication.evaluation.paired import holm
from replication.evaluation.scale_weights import Fusion, Objective, fit_weights, fuse, held_out, weight_intervals
from replication.evaluation.splits import Split, splits
from replication.scoring.msds_levels import LevelScores

Floats = NDArray[np.float64]

LEVEL_0, EQUAL, LEARNED = "level 0", "MSDS, equal weights", "MSDS, learned weights"
"""Methods: plain DeepSSIM, and MSDS. Coarser single levels are "level 1" and so on."""

_LEAST = 10  # least number of images for a correlation within a distortion type


@dataclass(frozen=True)
class Study:
    """One network on one set. methods: scores (images,) of each single level, of MSDS with equal weights, and with
    weights learned on other references (cross-fitted). opinions: higher is better. over_splits: SRCC and PLCC of each
    method on the test side of each random split, columns split, method, srcc, plcc. weights: level, weight, low, high,
    of all references. test_share: of the splits. left_out: images without all scores.
    """

    title: str
    name: str
    network: str
    pretrained: bool
    levels: Floats
    methods: Mapping[str, Floats]
    opinions: Floats
    references: NDArray[np.str_]
    distortions: NDArray[np.str_]
    over_splits: pd.DataFrame
    weights: pd.DataFrame
    test_share: float
    left_out: int

    @property
    def heading(self) -> str:
        """Network and set, and what a reader of every number must know."""
        weights = "" if self.pretrained else ", random weights"
        missing = f", {self.left_out} images without a score left out" if self.left_out else ""
        return f"{self.network} on {self.title}{weights}{missing}"


def study(
    scores: LevelScores,
    *,
    levels: int = 3,
    tap: str | None = None,
    pyramid: str | None = None,
    fusion: Fusion = "arithmetic",
    objective: Objective = "rank",
    count: int = 20,
    test_share: float = 0.2,
    folds: int = 10,
    resamples: int = 200,
    seed: int = 0,
) -> Study:
    """Fuse the first `levels` levels, and score all methods as a whole and on `count` random splits by reference.

    Weights are never fitted on a reference they are judged on: on a split, on its training side; over all images, in
    `folds` parts of the references, each part scored with the weights of the others (`joined`).
    """
    table, opinions, references, distortions = usable(scores, levels, tap, pyramid)
    how = {"objective": objective, "fusion": fusion, "seed": seed}
    equal = np.full(table.shape[1], 1 / table.shape[1])
    methods = {f"level {k}": table[:, k] for k in range(table.shape[1])} | {EQUAL: fuse(table, equal, fusion)}
    cut = parts(references, folds, seed)
    learned = joined(table, cut, held_out(table, opinions, cut, **how)[1], fusion)  # type: ignore[arg-type]
    drawn = splits(references, count, test_share, seed)
    on_test, _ = held_out(table, opinions, drawn, **how)  # type: ignore[arg-type]
    rows = []
    for number, (split, values) in enumerate(zip(drawn, on_test, strict=True)):
        for method, scored in {**{m: v[split.test] for m, v in methods.items()}, LEARNED: values}.items():
            found = correlate(scored, opinions[split.test], higher_is_better=True)
            rows.append((number, method, found.srcc, found.plcc))
    fitted = fit_weights(table, opinions, **how)  # type: ignore[arg-type]
    intervals = weight_intervals(table, opinions, references, resamples=resamples, **how)  # type: ignore[arg-type]
    weights = pd.DataFrame({"level": range(len(equal)), "weight": fitted.weights})
    weights[["low", "high"]] = intervals
    contribution = fitted.weights * table.std(axis=0)
    weights["contribution"] = contribution / contribution.sum()
    return Study(
        scores.title,
        scores.name,
        scores.network,
        not scores.weights.startswith("random"),
        table,
        methods | {LEARNED: learned},
        opinions,
        references,
        distortions,
        pd.DataFrame(rows, columns=["split", "method", "srcc", "plcc"]),
        weights,
        test_share,
        len(scores.table) - len(opinions),
    )


def correlations(of: Study) -> pd.DataFrame:
    """Agreement of each method with the opinions: method, srcc, low, high (95 % over references), plcc, and the mean
    SRCC and PLCC on the test sides of the random splits."""
    rows = []
    for method, scores in of.methods.items():
        found = correlate(scores, of.opinions, references=of.references, higher_is_better=True, intervals=True)
        interval = (found.intervals or {})["srcc"]
        part = of.over_splits[of.over_splits["method"] == method]
        rows.append(
            (method, found.srcc, interval.low, interval.high, found.plcc, part["srcc"].mean(), part["plcc"].mean())
        )
    return pd.DataFrame(rows, columns=["method", "srcc", "low", "high", "plcc", "srcc_splits", "plcc_splits"])


def by_distortion(
    of: Study, fused: Mapping[str, Floats], *, resamples: int = 500, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """SRCC within each distortion type of ten images or more, a table for each of the fused scores.

    fused: name -> MSDS (images,). Columns: distortion, n, one for each single level, srcc of the fused scores, gain
    (minus level 0) with low, high (95 % over references), p, p_holm (over the types).
    """
    tables = {}
    for name, scores in fused.items():
        rows = []
        for distortion in dict.fromkeys(of.distortions.tolist()):
            own = of.distortions == distortion
            if own.sum() < _LEAST or len(np.unique(of.references[own])) < 2 or np.ptp(of.opinions[own]) == 0:
                continue
            single = {
                f"level {k}": float(stats.spearmanr(of.levels[own, k], of.opinions[own])[0])
                for k in range(of.levels.shape[1])
            }
            found = compare_correlations(
                scores[own],
                of.methods[LEVEL_0][own],
                of.opinions[own],
                references=of.references[own],
                higher_is_better=(True, True),
                resamples=resamples,
                seed=seed,
            )
            gain = found.difference
            limits = {"gain": gain.estimate, "low": gain.low, "high": gain.high, "p": found.p_value}
            rows.append({"distortion": distortion, "n": int(own.sum()), **single, "srcc": found.a, **limits})
        table = pd.DataFrame(rows)
        tables[name] = table.assign(p_holm=holm(table["p"].to_numpy()) if len(table) else [])
    return tables


class Usable(NamedTuple):
    """Images with all scores: (n, levels), opinions (higher is better), references, distortions."""

    levels: Floats
    opinions: Floats
    references: NDArray[np.str_]
    distortions: NDArray[np.str_]


def usable(scores: LevelScores, levels: int, tap: str | None = None, pyramid: str | None = None) -> Usable:
    """The analysed scores: the first `levels` levels of one reading, of images that have all of them and an opinion.

    tap, pyramid: the usual ones by default.
    """
    columns = scores.columns(tap, pyramid)[:levels]
    whole = scores.table.dropna(subset=[*columns, "opinion"])
    opinions = whole["opinion"].to_numpy(float) * (1 if scores.opinion.higher_is_better else -1)
    names = (whole[name].to_numpy(str) for name in ("reference", "distortion"))
    return Usable(whole[columns].to_numpy(float), opinions, *names)


def parts(labels: NDArray[np.str_], folds: int, seed: int) -> list[Split]:
    """Cut images into at most `folds` parts by label, each the test side of one split; no label is in two parts."""
    names, index = np.unique(labels, return_inverse=True)
    part = np.random.default_rng(seed).permutation(len(names)) % min(folds, len(names))
    return [Split(np.flatnonzero(part[index] != each), np.flatnonzero(part[index] == each)) for each in np.unique(part)]


def joined(levels: Floats, cut: Sequence[Split], weights: Iterable[ArrayLike], fusion: Fusion) -> Floats:
    """Fused scores of all images, (images,), the test side of each part with its own weights.

    Parts are put together in units of the mean and deviation that their weights give over all images, for which no
    opinion is needed: levels differ in their mean, and otherwise weights would move whole parts against each other.
    """
    scores = np.empty(len(levels))
    for part, own in zip(cut, weights, strict=True):
        scores[part.test] = stats.zscore(fuse(levels, own, fusion))[part.test]
    return scores
