"""Paper 4: its claims judged from tables of numbers, by the rules in paper.toml.

A rule takes a table and returns what it says (reproduced, close, not reproduced, or not run where the table holds no
case) and the evidence. Which rows vote, and whether they are a test, is decided in `basis`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from replication.papers.pe.basis import NETWORKS
from replication.papers.pe.comparisons import JND, TWO_AFC
from replication.papers.pe.quality import CONTROL
from replication.reporting.numbers import ALPHA, signed, signed_interval
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED

PAPER = "pe"
MOST, HALF, FEW = 0.75, 0.5, 0.05
HIGH, LOW = f"H-{CONTROL}", f"L-{CONTROL}"
BLUR = "Gaussian blur"
LPIPS, FIVE_LAYERS, SSIM, PSNR = "lpips-alex", "lpips-alex-uncalibrated", "ssim(colour=gray)", "psnr"

Outcome = tuple[str, str]


def sets_differ(differences: pd.DataFrame, side: str) -> Outcome:
    """The rule of "h-over-f" (side "H") and "f-over-l" (side "L"), from `quality.study`'s differences."""
    rows = _comparisons(differences, side)
    if rows.empty:
        return NOT_RUN, "no two sets could be compared"
    layers = rows[["data_set", "network", "tap"]].drop_duplicates()
    column = "first" if side == "H" else "second"
    counts = [
        f"{f'{name} above F' if side == 'H' else f'F above {name}'} in {_count(group['difference'] > 0)}"
        for name, group in rows.groupby(column, sort=False)
    ]
    left_out = _side(differences, side)
    ties = int((left_out["same_as"] != "").sum())
    tied = f" {ties} comparisons repeat the set of a smaller x and do not count." if ties else ""
    counted = f"{len(layers)} layers of {_plural(layers['network'].nunique(), 'network')}. {_counted(rows)}"
    return _share_of_comparisons(rows), f"{counted} {', '.join(counts)} layers.{tied}"


def across_networks(differences: pd.DataFrame) -> Outcome:
    """The rule of "across-networks", from the same table."""
    if differences.empty:
        return NOT_RUN, "no network was measured"
    names = {ours: name for name, all_ours in NETWORKS.items() for ours in all_ours}
    holds, words = [], []
    for network, group in differences.groupby("network", sort=False):
        high, low = (_comparisons(group, side) for side in ("H", "L"))
        holds.append(all(_share_of_comparisons(rows) in (REPRODUCED, CLOSE) for rows in (high, low)))
        counts = [_count(rows["difference"] > 0) for rows in (high, low)]
        title = names.get(str(network), str(network))
        words.append(
            f"{title}: H above F in {counts[0]}, F above L in {counts[1]} ({'holds' if holds[-1] else 'does not hold'})"
        )
    return _at_least(holds, all_needed=True), f"{'; '.join(words)}. It holds in {_count(holds)}."


def fits(regression: pd.DataFrame) -> Outcome:
    """The rule of "h5-fits-dmos", from `regression.fitted`'s rows of one network."""
    if regression.empty:
        return NOT_RUN, "no layer was fitted"
    wide = regression.pivot(index=["data_set", "network", "tap"], columns="set", values=["plcc", "rmse"]).dropna()
    if wide.empty:
        return NOT_RUN, "no layer has both sets"
    better = (wide["plcc", "H-5"] > wide["plcc", "L-5"]) & (wide["rmse", "H-5"] < wide["rmse", "L-5"])
    medians = [
        f"{name} {wide['plcc', name].median():.3f} and {wide['rmse', name].median():.2f}" for name in ("H-5", "L-5")
    ]
    evidence = f"H-5 fits better in {_count(better)} layers. PLCC and RMSE, medians: {', '.join(medians)}."
    return _at_least(better), evidence


def judgements(comparisons: pd.DataFrame) -> Outcome:
    """The rule of "jnd-2afc", from `comparisons.judged`."""
    outcomes, words = [], []
    for measure in (JND, TWO_AFC):
        rows = comparisons[comparisons["measure"] == measure] if len(comparisons) else comparisons
        if rows.empty:
            return NOT_RUN, f"no comparisons of {measure}"
        wide = rows.pivot(index=["subset", "network", "tap"], columns="set", values="score")
        for first, second in ((HIGH, "F"), ("F", LOW)):
            above = wide[first] > wide[second]
            outcomes.append(_at_least(above))
            words.append(f"{measure}: {first} above {second} in {_count(above)} layers")
    return _weakest(outcomes), f"{'; '.join(words)}."


def beats_metric(beside: pd.DataFrame, metric: str, taps: Sequence[str] | None = None) -> Outcome:
    """The rule of "h10-beats-lpips-md" and "h10-beats-lpips-blur", from `comparisons.beside_metrics`'s rows of one
    network and type of images."""
    rows = beside[(beside["metric"] == metric) & (beside["set"] == HIGH)] if len(beside) else beside
    if taps is not None and len(rows):
        rows = rows[rows["tap"].isin(taps)]
    if rows.empty:
        return NOT_RUN, f"{metric} was not scored beside these layers"
    outcomes, words = [], []
    for title, group in rows.groupby("data_set", sort=False):
        above = group["difference"] > 0
        significant = (above & (group["p_bh"] < ALPHA)).any()
        outcomes.append(REPRODUCED if significant else CLOSE if above.any() else NOT_REPRODUCED)
        best = group.sort_values("difference").iloc[-1]
        words.append(
            f"{title}, {best['n']} images: {metric} {best['metric_srcc']:.3f}; best layer {best['tap']} "
            f"{best['srcc']:.3f}, difference {signed_interval(best['difference'], best['low'], best['high'])}; above "
            f"in {_count(above)} layers"
        )
    return _weakest(outcomes), f"{'; '.join(words)}."


def five_layers(cases: Mapping[str, pd.DataFrame]) -> Outcome:
    """The rule of "five-layers-beat-lpips", from rows of `comparisons.beside_metrics` by name of the case."""
    above, significant, words = [], [], []
    for case, beside in cases.items():
        rows = _of_two(beside, FIVE_LAYERS, LPIPS)
        for row in rows.to_dict("records"):
            above.append(row["difference"] > 0)
            significant.append(row["difference"] > 0 and row["p"] < ALPHA)
            interval = signed_interval(row["difference"], row["low"], row["high"])
            words.append(f"{case}: {row['srcc']:.3f}, LPIPS {row['metric_srcc']:.3f}, difference {interval}")
    if not above:
        return NOT_RUN, "the two metrics were not scored on the same images"
    outcome = NOT_REPRODUCED if not all(above) else REPRODUCED if any(significant) else CLOSE
    return outcome, f"{'; '.join(words)}."


def beats_classical(cases: Mapping[str, pd.DataFrame]) -> Outcome:
    """The rule of "h10-beats-ssim-l2", from rows of `comparisons.beside_metrics` by name of the case."""
    by_layer: dict[str, list[str]] = {}
    words: dict[str, list[str]] = {}
    for case, beside in cases.items():
        rows = beside[beside["metric"].isin([SSIM, PSNR]) & (beside["set"] == HIGH)] if len(beside) else beside
        for (title, tap), group in rows.groupby(["data_set", "tap"], sort=False) if len(rows) else ():
            above = group["difference"] > 0
            best = above.all() and group["metric"].nunique() == 2
            both = best and (group["p_bh"] < ALPHA).all()
            by_layer.setdefault(str(tap), []).append(REPRODUCED if both else CLOSE if best else NOT_REPRODUCED)
            others = ", ".join(f"{row['metric']} {row['metric_srcc']:.3f}" for row in group.to_dict("records"))
            words.setdefault(str(tap), []).append(f"{case} ({title}): {group['srcc'].iloc[0]:.3f}, {others}")
    if not by_layer:
        return NOT_RUN, "SSIM and PSNR were not scored beside these layers"
    outcomes = {tap: _weakest(found) for tap, found in by_layer.items()}
    best_layer = min(outcomes, key=lambda tap: _ORDER.index(outcomes[tap]))
    return outcomes[best_layer], f"{best_layer}: {'; '.join(words[best_layer])}."


def lpips_is_best(comparisons: pd.DataFrame, metrics: pd.DataFrame) -> Outcome:
    """The rule of "lpips-best-2afc", from `comparisons.judged`'s rows of AlexNet and `comparisons.judged_metrics`."""
    outcomes, words = [], []
    for measure, subset in ((JND, "cnn"), (TWO_AFC, "frameinterp")):
        known = [
            table[(table["measure"] == measure) & (table["subset"] == subset)] if len(table) else table
            for table in (comparisons, metrics)
        ]
        if any(table.empty for table in known):
            return NOT_RUN, f"LPIPS and AlexNet's layers were not both scored on {measure} of {subset}"
        sets, scores = known
        sets = sets[sets["set"].isin(["F", HIGH])]
        score = scores.set_index("metric")["score"]
        if LPIPS not in score or FIVE_LAYERS not in score:
            return NOT_RUN, f"{LPIPS} and {FIVE_LAYERS} were not scored"
        others = np.append(sets["score"].to_numpy(float), score[FIVE_LAYERS])
        below = others < score[LPIPS]
        outcomes.append(_at_least(below, all_needed=True, close=MOST))
        words.append(
            f"{measure} ({subset}): LPIPS {score[LPIPS]:.3f}, five layers {score[FIVE_LAYERS]:.3f}, best single "
            f"layer {sets['score'].max():.3f}; LPIPS above {_count(below)}"
        )
    return _weakest(outcomes), f"{'; '.join(words)}."


def encodes(tuning: pd.DataFrame, pictures: pd.DataFrame) -> Outcome:
    """The rule of "mid-frequency" and "achromatic", from the cases of `channels.tuning_cases` and `picture_cases`."""
    if tuning.empty or pictures.empty:
        return NOT_RUN, f"no {'layer' if tuning.empty else 'picture'} was measured with the untrained network beside it"
    outcomes = [_at_least(table["holds"]) for table in (tuning, pictures)]
    words = [
        f"By tuning it holds in {_count(tuning['holds'])} layers: H-10 is before L-10 in {_count(tuning['nearer'])}, "
        f"and in {_count(tuning['control'] > 0)} in some untrained network",
        f"by pictures it holds in {_count(pictures['holds'])}: H-10 is before L-10 in {_count(pictures['nearer'])}, "
        f"with the untrained network in {_count(pictures['control'] > 0)}, and before the original in "
        f"{_count(pictures['beyond'])}",
    ]
    return _weakest(outcomes), f"{'; '.join(words)}."


def tradeoff(gaps: pd.DataFrame) -> Outcome:
    """The rule of "sr-tradeoff", from `super_resolution.gaps`'s rows with SSIM as distortion."""
    if gaps.empty or gaps["gap"].isna().any():
        reasons = "; ".join(dict.fromkeys(f"{row['data_set']}: {row['reason']}" for row in gaps.to_dict("records")))
        return NOT_RUN, reasons or "no networks"
    outcome = NOT_REPRODUCED
    if (gaps["low"] > 0).all():
        outcome = REPRODUCED
    elif (gaps["gap"] > 0).all():
        outcome = CLOSE
    words = [
        f"{row['data_set']} {signed_interval(row['gap'], row['low'], row['high'], 4)}"
        if not row["reason"]
        else f"{row['data_set']} {signed(row['gap'], 4)} ({row['reason']})"
        for row in gaps.to_dict("records")
    ]
    return outcome, f"Plain minus PE-weighted line: {', '.join(words)}."


_ORDER = (REPRODUCED, CLOSE, NOT_REPRODUCED)


def _weakest(outcomes: Sequence[str]) -> str:
    return max(outcomes, key=_ORDER.index)


def _at_least(holds: "Sequence[bool] | np.ndarray | pd.Series", *, all_needed: bool = False, close: float = 0.0) -> str:
    """Reproduced if MOST (or all) cases hold; close if more than HALF do, or at least `close` where it is given."""
    share = float(np.mean(np.asarray(holds, dtype=bool)))
    if share >= (1 if all_needed else MOST):
        return REPRODUCED
    return CLOSE if (share >= close if close else share > HALF) else NOT_REPRODUCED


def _side(differences: pd.DataFrame, side: str) -> pd.DataFrame:
    """H-x minus F for side H, F minus L-x for side L."""
    if differences.empty:
        return differences
    first, second = differences["first"].str, differences["second"].str
    return differences[
        first.startswith("H") & (differences["second"] == "F") if side == "H" else second.startswith("L")
    ]


def _comparisons(differences: pd.DataFrame, side: str) -> pd.DataFrame:
    rows = _side(differences, side)
    return rows if rows.empty else rows[rows["difference"].notna() & (rows["same_as"] == "")]


def _share_of_comparisons(rows: pd.DataFrame) -> str:
    """The rule of "h-over-f" for comparisons of which the first set ought to be above the second."""
    if rows.empty:
        return NOT_REPRODUCED
    above, significant = rows["difference"] > 0, rows["p_bh"] < ALPHA
    won, lost = (above & significant).mean(), (~above & significant).mean()
    if above.mean() >= MOST and won >= HALF and lost <= FEW:
        return REPRODUCED
    return CLOSE if above.mean() > HALF and won > lost else NOT_REPRODUCED


def _of_two(beside: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Rows of two metrics, the first minus the second."""
    if beside.empty:
        return beside
    pairs = beside[beside["set"] == "metric"]
    straight = pairs[(pairs["tap"] == first) & (pairs["metric"] == second)]
    turned = pairs[(pairs["tap"] == second) & (pairs["metric"] == first)]
    turned = turned.rename(columns={"srcc": "metric_srcc", "metric_srcc": "srcc"})
    turned = turned.assign(difference=-turned["difference"], low=-turned["high"], high=-turned["low"])
    return pd.concat([straight, turned[straight.columns]])


def _counted(rows: pd.DataFrame) -> str:
    above, significant = rows["difference"] > 0, rows["p_bh"] < ALPHA
    return (
        f"Above in {_count(above)} comparisons, significantly in {(above & significant).sum()}; significantly below in "
        f"{(~above & significant).sum()}."
    )


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _count(holds: "Sequence[bool] | np.ndarray | pd.Series") -> str:
    return f"{int(np.sum(np.asarray(holds, dtype=bool)))} of {len(holds)}"
