"""MSDS against DeepSSIM at every single scale: learned weights, held-out results, tests, power, cost, verdicts."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats
from torch.utils.flop_counter import FlopCounterMode

from replication.evaluation import weighted
from replication.evaluation.clusters import resample
from replication.evaluation.correlation import correlate
from replication.evaluation.dependent import compare_correlations, difference_of, meng, tost, williams, zou
from replication.evaluation.logistic import fit_logistic
from replication.evaluation.multiple import benjamini_hochberg
from replication.evaluation.paired import holm
from replication.evaluation.power import TESTS, Size, pearson_of, shared_by_reference, simulated_power
from replication.evaluation.scale_weights import Fusion, Objective, fit_weights, fuse, held_out, weight_intervals
from replication.evaluation.splits import Split, compare_over_splits, splits
from replication.evaluation.variance import f_test, normality, pitman_morgan
from replication.features import backbone
from replication.metrics.msds import TAPS, level_scores
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED
from replication.scoring.msds_levels import LevelScores
from replication.scoring.scored import Scored

Floats = NDArray[np.float64]

PAPER, TABLE = "msds", "benchmarks"
EQUAL, LEARNED = "MSDS, equal weights", "MSDS, learned weights"
BENCHMARKS = {"live": "LIVE", "csiq": "CSIQ", "tid2013": "TID2013", "kadid-10k": "KADID-10k", "pipal": "PIPAL"}
"""The sets of the paper's abstract by their names here."""

SIZES = {  # of the sets: references, and distorted images of each on average
    "LIVE": Size(29, 27),
    "CSIQ": Size(30, 29),
    "TID2013": Size(25, 120),
    "KADID-10k": Size(81, 125),
    "PIPAL": Size(200, 116),
    "TID2013 (resynthesised)": Size(23, 29),
}
ALPHA = 0.05
MARGIN = 0.005  # SRCC: differences below it are of no use to anybody who chooses a metric
DEAR = 1.4  # times the operations: beyond, the additional complexity is not called small
NEGLIGIBLE = 1.1
_LEAST = 10  # images from which a distortion type gets a correlation of its own


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
    `folds` parts of the references, each part scored with the weights of the others.
    """
    columns = scores.columns(tap, pyramid)[:levels]
    whole = scores.table.dropna(subset=[*columns, "opinion"])
    table = whole[columns].to_numpy(float)
    opinions = whole["opinion"].to_numpy(float) * (1 if scores.opinion.higher_is_better else -1)
    references = whole["reference"].to_numpy(str)
    how = {"objective": objective, "fusion": fusion, "seed": seed}
    equal = np.full(table.shape[1], 1 / table.shape[1])
    methods = {f"level {k}": table[:, k] for k in range(table.shape[1])} | {EQUAL: fuse(table, equal, fusion)}
    parts = _parts(references, folds, seed)
    learned = np.empty(len(table))
    for part, values in zip(parts, held_out(table, opinions, parts, **how)[0], strict=True):  # type: ignore[arg-type]
        learned[part.test] = values
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
    return Study(
        scores.title,
        scores.name,
        scores.network,
        not scores.weights.startswith("random"),
        table,
        methods | {LEARNED: learned},
        opinions,
        references,
        whole["distortion"].to_numpy(str),
        pd.DataFrame(rows, columns=["split", "method", "srcc", "plcc"]),
        weights,
        test_share,
        len(scores.table) - len(whole),
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

    Scores must rise with the opinions. Columns: first, second; srcc_first, srcc_second; difference with low, high, p
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


def adjusted(table: pd.DataFrame, family: str = "data_set") -> pd.DataFrame:
    """The table with p_holm and p_bh: the bootstrap's p over all comparisons of one data set, whatever the network."""
    groups = table.groupby(family, sort=False)["p"]
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


def across_sets(
    scores: Sequence[LevelScores],
    *,
    levels: int = 3,
    fusion: Fusion = "arithmetic",
    objective: Objective = "rank",
    seed: int = 0,
) -> pd.DataFrame:
    """Weights fitted on one set and tested on the others, for each network: network, fitted_on, tested_on, srcc, gain
    over level 0 with low, high (95 % over references), weights in words. Empty where there is one set only."""
    rows = []
    for one in scores:
        for other in scores:
            if one.network != other.network or one.name == other.name:
                continue
            (table, opinions, _), (tested, judged, references) = (_plain(each, levels) for each in (one, other))
            weights = fit_weights(table, opinions, objective=objective, fusion=fusion, seed=seed).weights
            gain = compare_correlations(
                fuse(tested, weights, fusion),
                tested[:, 0],
                judged,
                references=references,
                higher_is_better=(True, True),
                seed=seed,
            )
            words = ", ".join(f"{weight:.2f}" for weight in weights)
            rows.append((one.network, one.title, other.title, gain.a, *gain.difference, words))
    return pd.DataFrame(rows, columns=["network", "fitted_on", "tested_on", "srcc", "gain", "low", "high", "weights"])


def ablation(scores: LevelScores, *, count: int = 20, test_share: float = 0.2, seed: int = 0) -> pd.DataFrame:
    """One choice changed at a time from three levels, the first pyramid and tap, rank loss and the arithmetic mean.

    Columns: choice, variant, srcc (mean on the test sides of the same random splits, weights learned on the training
    sides), change from the default with low, high (corrected resampled t, 95 %), gain over level 0 of the same tap.
    """
    fusions: tuple[Fusion, ...] = ("arithmetic", "geometric")
    objectives: tuple[Objective | None, ...] = ("rank", "plcc", "nnls", None)
    most = len(scores.columns())
    variants: list[tuple[str, str, str, str, int, Fusion, Objective | None]] = []
    tap, pyramid = scores.taps[0], scores.pyramids[0]
    standard = min(3, most)
    for levels in range(1, most + 1):
        variants.append(("levels", str(levels), tap, pyramid, levels, "arithmetic", "rank"))
    variants += [("pyramid", each, tap, each, standard, "arithmetic", "rank") for each in scores.pyramids]
    variants += [("tap", each, each, pyramid, standard, "arithmetic", "rank") for each in scores.taps]
    variants += [("fusion", each, tap, pyramid, standard, each, "rank") for each in fusions]
    variants += [("weights", each or "equal", tap, pyramid, standard, "arithmetic", each) for each in objectives]
    results = []
    for _, _, at, kind, levels, fusion, objective in variants:
        table, opinions, references = _plain(scores, levels, at, kind)
        drawn = splits(references, count, test_share, seed)
        if objective is None:
            fused = fuse(table, np.full(table.shape[1], 1 / table.shape[1]), fusion)
            values = [fused[each.test] for each in drawn]
        else:
            values, _ = held_out(table, opinions, drawn, objective=objective, fusion=fusion, seed=seed)
        results.append(
            [
                [stats.spearmanr(scored, opinions[each.test])[0] for scored, each in zip(pair, drawn, strict=True)]
                for pair in (values, [table[each.test, 0] for each in drawn])
            ]
        )
    base = results[standard - 1][0]
    rows = []
    for (choice, variant, *_), (fused_, single) in zip(variants, results, strict=True):
        change = compare_over_splits(fused_, base, test_share)
        half = stats.t.ppf(0.975, change.degrees) * change.standard_error
        mean = float(np.mean(fused_))
        limits = change.difference, change.difference - half, change.difference + half
        rows.append((choice, variant, mean, *limits, mean - float(np.mean(single))))
    return pd.DataFrame(rows, columns=["choice", "variant", "srcc", "change", "low", "high", "gain"])


def split_sensitivity(scores: LevelScores, shares: Sequence[float], *, count: int = 20, seed: int = 0) -> pd.DataFrame:
    """How the split matters: share of references tested on, mean SRCC of learned MSDS and of level 0 there, the gain,
    its interval (corrected resampled t) and its spread over splits."""
    table, opinions, references = _plain(scores, 3)
    rows = []
    for share in shares:
        drawn = splits(references, count, share, seed)
        values, _ = held_out(table, opinions, drawn, objective="rank", seed=seed)
        fused = [stats.spearmanr(v, opinions[each.test])[0] for v, each in zip(values, drawn, strict=True)]
        single = [stats.spearmanr(table[each.test, 0], opinions[each.test])[0] for each in drawn]
        found = compare_over_splits(fused, single, share)
        half = stats.t.ppf(0.975, found.degrees) * found.standard_error
        limits = found.difference, found.difference - half, found.difference + half
        rows.append((share, np.mean(fused), np.mean(single), *limits, np.std(np.subtract(fused, single), ddof=1)))
    return pd.DataFrame(rows, columns=["tested", "srcc", "srcc_level_0", "gain", "low", "high", "spread"])


def by_distortion(of: Study, *, resamples: int = 500, seed: int = 0) -> pd.DataFrame:
    """Where scale helps: SRCC within each distortion type of ten images or more.

    Columns: distortion, n, one for each method, and gain (learned less level 0) with low, high (95 % over references).
    """
    rows = []
    for distortion in dict.fromkeys(of.distortions.tolist()):
        own = of.distortions == distortion
        if own.sum() < _LEAST or len(np.unique(of.references[own])) < 2 or np.ptp(of.opinions[own]) == 0:
            continue
        values = {m: float(stats.spearmanr(scores[own], of.opinions[own])[0]) for m, scores in of.methods.items()}
        gain = compare_correlations(
            of.methods[LEARNED][own],
            of.methods["level 0"][own],
            of.opinions[own],
            references=of.references[own],
            higher_is_better=(True, True),
            resamples=resamples,
            seed=seed,
        ).difference
        limits = {"gain": gain.estimate, "low": gain.low, "high": gain.high}
        rows.append({"distortion": distortion, "n": int(own.sum()), **values, **limits})
    return pd.DataFrame(rows)


def power_model(of: Study) -> dict[str, float]:
    """What the simulation of power takes from data: SRCC of level 0, correlation of learned MSDS with it, and the share
    of the difference of their errors (ranks less what the opinions explain) that belongs to the reference."""
    y, one, two = (stats.rankdata(x) for x in (of.opinions, of.methods[LEARNED], of.methods["level 0"]))
    rest = [x - np.polyval(np.polyfit(y, x, 1), y) for x in (one, two)]
    return {
        "base": float(np.corrcoef(two, y)[0, 1]),
        "between": float(np.corrcoef(one, two)[0, 1]),
        "shared": shared_by_reference(rest[0] - rest[1], of.references),
    }


def power_table(
    model: Mapping[str, float],
    sizes: Mapping[str, Size] = SIZES,
    differences: Sequence[float] = (0, 0.0025, 0.005, 0.01, 0.02, 0.04),
    *,
    simulations: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Power of each test at each set's size: data_set, difference (of SRCC, from the model's base up), test, power."""
    rows = []
    between = pearson_of(model["between"])
    for name, size in sizes.items():
        for difference in differences:
            better, worse = pearson_of(min(model["base"] + difference, 0.999)), pearson_of(model["base"])
            found = simulated_power(size, better, worse, between, model["shared"], simulations=simulations, seed=seed)
            rows += [(name, difference, test, found[test]) for test in TESTS]
    return pd.DataFrame(rows, columns=["data_set", "difference", "test", "power"])


def detectable(power: pd.DataFrame, wanted: float = 0.8) -> pd.DataFrame:
    """The least difference that each test finds with this power, between the simulated ones by straight lines."""
    rows = []
    for (name, test), part in power.groupby(["data_set", "test"], sort=False):
        known = np.maximum.accumulate(part["power"].to_numpy())
        reached = known.max() >= wanted
        least = float(np.interp(wanted, known, part["difference"])) if reached else float("nan")
        rows.append((name, test, least))
    table = pd.DataFrame(rows, columns=["data_set", "test", "least"])
    wide = table.pivot(index="data_set", columns="test", values="least")
    return wide.reindex(index=list(dict.fromkeys(power["data_set"])), columns=list(TESTS))


def costs(networks: Sequence[str], *, height: int = 384, width: int = 512, levels: int = 5) -> pd.DataFrame:
    """Floating-point operations of one pair with 1 to `levels` levels, counted by torch: convolutions and products.

    Columns: network, tap, levels, operations (10^9), times (of one level), closed_form (sum of 4^-k), weights (what is
    added to learn). The numbers depend on no weights.
    """
    rows = []
    image = torch.full((1, 3, height, width), 0.5)
    for network in networks:
        net = backbone(network, weights="random")
        first = 0.0
        for count in range(1, levels + 1):
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                level_scores(image, image, backbone=net, levels=count)
            total = counter.get_total_flops() / 1e9
            first = first or total
            closed = sum(0.25**k for k in range(count))
            rows.append((network, TAPS[network], count, total, total / first, closed, count if count > 1 else 0))
    return pd.DataFrame(rows, columns=["network", "tap", "levels", "operations", "times", "closed_form", "weights"])


def judge_claims(
    studies: Sequence[Study], compared: pd.DataFrame, cost: pd.DataFrame, *, levels: int = 3
) -> pd.DataFrame:
    """Verdicts on the paper's three claims: paper, claim, verdict, evidence. compared: `adjusted` tests of all studies,
    with the columns data_set and network. Rules: `RULES`."""
    cheap = cost[cost["levels"] == levels]
    worst = cheap.sort_values("times").iloc[-1]
    cost_verdict = REPRODUCED if worst["times"] <= NEGLIGIBLE else CLOSE if worst["times"] <= DEAR else NOT_REPRODUCED
    per_network = ", ".join(f"{row['network']} {row['times']:.2f}" for row in cheap.to_dict("records"))
    spent = (
        f"Operations of {levels} levels, in times of one: {per_network} (closed form "
        f"{worst['closed_form']:.2f}); {levels} weights to learn."
    )
    own = [each for each in studies if each.pretrained and each.name != "photos-distorted"]
    if not own:
        reason = "no pretrained network and no set with human opinions among what was run"
        pairs = [("consistent", NOT_RUN, reason), ("significant", NOT_RUN, reason)]
    else:
        main = compared[(compared["first"] == LEARNED) & (compared["second"] == "level 0")]
        main = main[main["network"].isin([each.network for each in own])]
        gains = main["split_difference"].to_numpy()
        sure = ((main["p_holm"] < ALPHA) & (main["difference"] > 0)).to_numpy()
        complete = {each.name for each in own if each.network == "vgg16"} >= set(BENCHMARKS)
        what = "" if complete else "Not the paper's own case (VGG16 on five whole sets is not here). "
        told = "; ".join(
            f"{row['network']} on {row['data_set']} {row['split_difference']:+.3f} on held-out references, "
            f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}] over all, p (Holm) {_p(row['p_holm'])}"
            for row in main.to_dict("records")
        ).replace("-0.", "\N{MINUS SIGN}0.")
        full = REPRODUCED if complete else CLOSE
        pairs = [
            (
                "consistent",
                full if (gains > 0).all() else NOT_REPRODUCED,
                f"{what}Learned MSDS less level 0 in SRCC: {told}.",
            ),
            (
                "significant",
                full if sure.all() else NOT_REPRODUCED,
                f"{what}{sure.sum()} of {len(sure)} gains are significant after Holm's correction, by a test over "
                "references.",
            ),
        ]
    rows = [(PAPER, *pair) for pair in [*pairs, ("negligible-cost", cost_verdict, spent)]]
    return pd.DataFrame(rows, columns=["paper", "claim", "verdict", "evidence"])


RULES = f"""
- *Consistent*: the mean SRCC of MSDS, weights learned on the training side, is higher than DeepSSIM's (level 0) on the test sides of the random splits, for every pretrained network and set with human opinions that was run. Reproduced if these include VGG16 on all five of the paper's sets; close if they do not; not reproduced if any gain is zero or less.
- *Significant*: the same runs; each gain's p from resampling references, corrected by Holm over all comparisons of the set, is below {ALPHA}. Reproduced, close and not reproduced as above.
- *Negligible cost*: operations at the default number of levels, the dearest network: at most {NEGLIGIBLE} times those of DeepSSIM reproduced, at most {DEAR} times close, else not reproduced. A third more is not nothing.
"""  # noqa: E501


def values(studies: Sequence[Study], absent: Mapping[str, str], published: pd.DataFrame) -> pd.DataFrame:
    """Our values of the paper's table: learned MSDS (cross-fitted) with VGG16 on the sets that are there, else why not.

    absent: set -> why it was not run.
    """
    ours = {BENCHMARKS[each.name]: each for each in studies if each.network == "vgg16" and each.name in BENCHMARKS}
    rows = []
    for row in published.to_dict("records"):
        key = [row[name] for name in ("paper", "table", "row", "column", "statistic")]
        of = ours.get(row["column"])
        if of is None or not of.pretrained:
            rows.append(
                (*key, np.nan, np.nan, np.nan, pd.NA, absent.get(row["column"], "not among the sets asked for"))
            )
            continue
        found = correlate(
            of.methods[LEARNED], of.opinions, references=of.references, higher_is_better=True, intervals=True
        )
        name = row["statistic"].lower()
        interval = (found.intervals or {})[name]
        rows.append((*key, getattr(found, name), interval.low, interval.high, found.n, "weights of other references"))
    return pd.DataFrame(
        rows, columns=["paper", "table", "row", "column", "statistic", "value", "low", "high", "n", "note"]
    )


def absences(everything: Sequence[LevelScores]) -> dict[str, str]:
    """Why the paper's own case, VGG16 on each of its sets, was not run, by the paper's names of the sets."""
    return {
        BENCHMARKS[scores.name]: scores.absent
        for scores in everything
        if scores.name in BENCHMARKS and scores.network == "vgg16" and scores.absent
    }


def disagreement(table: pd.DataFrame) -> pd.DataFrame:
    """How many of the pairs of each set each test calls different at 5 %."""
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


def extensions(studies: Sequence[Study]) -> pd.DataFrame:
    """Numbers that the paper does not have: SRCC of level 0 and of MSDS with each network."""
    rows = []
    for of in studies:
        for method, low_high in correlations(of).set_index("method").iterrows():
            if method in ("level 0", EQUAL, LEARNED):
                note = "pretrained" if of.pretrained else "random weights"
                limits = low_high["srcc"], low_high["low"], low_high["high"]
                rows.append((PAPER, of.network, method, of.title, "SRCC", *limits, len(of.opinions), note))
    return pd.DataFrame(
        rows, columns=["paper", "table", "row", "column", "statistic", "value", "low", "high", "n", "note"]
    )


def readable_tests(table: pd.DataFrame) -> pd.DataFrame:
    """`adjusted` tests as text, a row for each pair: what is reported."""
    rows = [
        {
            **_pair(row),
            "SRCC": f"{row['srcc_first']:.3f}, {row['srcc_second']:.3f}",
            "difference [95 %]": _interval(row["difference"], row["low"], row["high"]),
            "q": _signed(row["q"]),
            "p": _p(row["p"]),
            "p, Holm": _p(row["p_holm"]),
            "p, BH": _p(row["p_bh"]),
            f"within {MARGIN:g}?": "yes" if row["p_equivalent"] < ALPHA else "not shown",
        }
        for row in table.to_dict("records")
    ]
    return pd.DataFrame(rows)


def readable_others(table: pd.DataFrame) -> pd.DataFrame:
    """The same pairs by the other tests."""
    rows = [
        {
            **_pair(row),
            "on splits": _signed(row["split_difference"]),
            "p, t": _p(row["p_splits"]),
            "p, Wilcoxon": _p(row["p_wilcoxon"]),
            "p, Williams": _p(row["p_williams"]),
            "p, Meng": _p(row["p_meng"]),
            "Zou [95 %]": f"[{_signed(row['zou_low'])}, {_signed(row['zou_high'])}]",
            "F": f"{row['ratio']:.3f}",
            "p, F": _p(row["p_f"]),
            "p, Pitman": _p(row["p_pitman_morgan"]),
            "kurtosis": f"{row['kurtosis']:.1f}",
        }
        for row in table.to_dict("records")
    ]
    return pd.DataFrame(rows)


def readable(table: pd.DataFrame, estimate: str) -> pd.DataFrame:
    """A table for a page: `estimate` with its low and high in one column, numbers with three decimals; differences have
    their sign."""
    shown = table.drop(columns=["low", "high"]).copy()
    limits = table[[estimate, "low", "high"]].itertuples(index=False, name=None)
    plain = estimate == "srcc"
    shown[estimate] = [_interval(*row).replace("+", "") if plain else _interval(*row) for row in limits]
    for name in shown.select_dtypes("float"):
        shown[name] = [f"{value:.3f}" for value in shown[name]]
    return shown.rename(columns={estimate: f"{estimate} [95 %]"})


def draw_weights(studies: Sequence[Study]) -> Figure:
    """Learned weights with their intervals, a panel for each network and set."""
    figure, axes = plt.subplots(1, len(studies), figsize=(2.3 * len(studies), 2.4), squeeze=False, sharey=True)
    for axis, of in zip(axes[0], studies, strict=True):
        table = of.weights
        errors = np.abs(table[["low", "high"]].to_numpy().T - table["weight"].to_numpy())
        axis.bar(table["level"], table["weight"], color="C5", width=0.6)
        axis.errorbar(table["level"], table["weight"], yerr=errors, fmt="none", ecolor="black", capsize=3)
        axis.axhline(1 / len(table), color="0.5", linestyle=":")
        axis.set(xticks=table["level"], xlabel="level", ylim=(0, 1))
        axis.set_title(f"{of.network}\n{of.title}", fontsize=8)
    axes[0, 0].set_ylabel("weight")
    return figure


def draw_differences(compared: pd.DataFrame) -> Figure:
    """MSDS less each single level, with 95 % intervals over references, by network and set."""
    names = list(dict.fromkeys(zip(compared["network"], compared["data_set"], strict=True)))
    figure, axes = plt.subplots(
        1, len(names), figsize=(1.4 + 2.3 * len(names), 2.6), squeeze=False, sharex=True, sharey=True
    )
    for axis, (network, data_set) in zip(axes[0], names, strict=True):
        part = compared[(compared["network"] == network) & (compared["data_set"] == data_set)]
        for shift, (method, marker) in zip((-0.12, 0.12), ((LEARNED, "o"), (EQUAL, "s")), strict=True):
            rows = part[part["first"] == method]
            place = np.arange(len(rows)) + shift
            errors = np.stack([rows["difference"] - rows["low"], rows["high"] - rows["difference"]])
            axis.errorbar(rows["difference"], place, xerr=errors, fmt=marker, capsize=2, label=method, markersize=4)
        axis.axvline(0, color="0.3", linewidth=1)
        axis.axvspan(-MARGIN, MARGIN, color="0.9", zorder=0)
        axis.set_title(f"{network}\n{data_set}", fontsize=8)
        labels = [f"less {name}" for name in rows["second"]]
        axis.set_yticks(range(len(rows)), labels)
    axes[0, 0].invert_yaxis()
    figure.supxlabel("difference of SRCC", fontsize=9)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, fontsize=8)
    return figure


def draw_power(power: pd.DataFrame) -> Figure:
    """Left: the test over references at each set's size. Right: all tests at one size, the last."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.2), sharey=True)
    markers = "osD^vPX"
    chosen = power[power["test"] == TESTS[0]]
    for marker, (name, part) in zip(markers, chosen.groupby("data_set", sort=False), strict=False):
        left.plot(part["difference"], part["power"], marker=marker, label=name)
    last = power["data_set"].iloc[-1]
    for marker, (name, part) in zip(
        markers, power[power["data_set"] == last].groupby("test", sort=False), strict=False
    ):
        right.plot(part["difference"], part["power"], marker=marker, label=name)
    left.set(xlabel="true difference of SRCC", ylabel="share of data sets called different", ylim=(0, 1))
    left.set_title("test over references, by size of the set")
    right.set(xlabel="true difference of SRCC")
    right.set_title(f"every test, {last}")
    for axis in (left, right):
        axis.axhline(ALPHA, color="0.5", linestyle=":")
        axis.axhline(0.8, color="0.5", linestyle=":")
        axis.legend(fontsize=7)
    return figure


def draw_by_distortion(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Gain of learned MSDS over level 0 within each distortion type, with 95 % intervals, one mark for each network."""
    names = list(dict.fromkeys(name for table in tables.values() for name in table["distortion"]))
    figure, axis = plt.subplots(figsize=(7, 1 + 0.12 * len(names) * (1 + len(tables))))
    for number, (label, table) in enumerate(tables.items()):
        place = np.array([names.index(name) for name in table["distortion"]])
        shift = 0.16 * (number - (len(tables) - 1) / 2)
        errors = np.stack([table["gain"] - table["low"], table["high"] - table["gain"]])
        axis.errorbar(
            table["gain"], place + shift, xerr=errors, fmt="osD^vPX"[number % 7], capsize=2, label=label, markersize=4
        )
    axis.axvline(0, color="0.3", linewidth=1)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_ylim(len(names) - 0.5, -0.5)
    axis.set_xlabel("SRCC within the type, learned MSDS less level 0")
    axis.legend(fontsize=8)
    return figure


def _plain(
    scores: LevelScores, levels: int, tap: str | None = None, pyramid: str | None = None
) -> tuple[Floats, Floats, NDArray[np.str_]]:
    """Level scores, opinions (higher is better) and references of the images that have all of them."""
    columns = scores.columns(tap, pyramid)[:levels]
    whole = scores.table.dropna(subset=[*columns, "opinion"])
    opinions = whole["opinion"].to_numpy(float) * (1 if scores.opinion.higher_is_better else -1)
    return whole[columns].to_numpy(float), opinions, whole["reference"].to_numpy(str)


def _parts(references: NDArray[np.str_], folds: int, seed: int) -> list[Split]:
    """Every reference in the test side of one part."""
    names, index = np.unique(references, return_inverse=True)
    part = np.random.default_rng(seed).permutation(len(names)) % min(folds, len(names))
    return [Split(np.flatnonzero(part[index] != each), np.flatnonzero(part[index] == each)) for each in np.unique(part)]


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"{value:.2g}"


def _pair(row: Mapping[Hashable, Any]) -> dict[str, str]:
    shown = {"data set": str(row["data_set"])} if "data_set" in row else {}
    short = [str(row[name]).removesuffix(" weights") for name in ("first", "second")]
    return {**shown, "method": short[0], "less": short[1]}


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def _interval(value: float, low: float, high: float) -> str:
    return f"{_signed(value)} [{_signed(low)}, {_signed(high)}]"
