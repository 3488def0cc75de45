"""Metrics against human opinions: correlations, significant differences, distortion types, effects of protocols."""

from collections.abc import Mapping, Sequence
from html import escape

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from scipy import stats

from replication.evaluation.correlation import correlate
from replication.evaluation.dependent import compare_correlations
from replication.evaluation.logistic import MAPPINGS, fit_logistic
from replication.evaluation.ranking import Ranking
from replication.reporting.agreement import html_table
from replication.reporting.metric_scores import increases_with_opinion, reference_groups, scores_in_common, scores_of
from replication.reporting.numbers import number, signed
from replication.reporting.tables import Html
from replication.scoring.scored import Scored

SAME = {"psnr": "PSNR", "gmsd": "GMSD", "ms-ssim(colour=gray)": "MSSIM", "vif": "VIF"}
"""Our metrics by the names under which others published their scores on TID2013."""

_LEAST = 10  # least number of images for a correlation within a distortion type
_POINTS = 4000  # dots of a scatter plot; beyond, every k-th image is drawn


def in_words(correlations: Mapping[str, pd.DataFrame], pairs: Mapping[str, pd.DataFrame]) -> list[str]:
    """For each data set, a sentence: the metric of highest SRCC, its interval, and those not significantly worse.

    correlations, pairs: by data set, as `agreement.correlations` and `agreement.pairs_table` give them. Significant at
    5 % after Holm's correction over all pairs of the data set.
    """
    sentences = []
    for title, table in correlations.items():
        if table["srcc"].isna().all():
            sentences.append(f"{title}: no correlation could be computed.")
            continue
        best = table.sort_values("srcc", ascending=False, kind="stable").iloc[0]
        own = pairs.get(title, pd.DataFrame(columns=["first", "second", "p_holm"]))
        of_best = own[(own["first"] == best["metric"]) | (own["second"] == best["metric"])]
        near = of_best[~(of_best["p_holm"] < 0.05)]  # a test that could not be made shows no difference
        names = [row["second" if row["first"] == best["metric"] else "first"] for row in near.to_dict("records")]
        value = f"{number(best['srcc'])} [{number(best.get('srcc_low'))}, {number(best.get('srcc_high'))}]"
        others = f"not significantly worse: {', '.join(names)}" if names else "all others are significantly worse"
        if of_best.empty:
            others = "compared with no other metric"
        sentences.append(f"{title} ({best['n']:,} images): {best['metric']}, SRCC {value}; {others}.")
    return sentences


def by_distortion(scored: Scored, labels: Sequence[str] | None = None) -> pd.DataFrame:
    """SRCC of each metric within each distortion type of ten images or more: metric, distortion, srcc, n."""
    rows = []
    for label in scored.with_scores(labels):
        part, _ = scores_of(scored, label)
        for distortion, group in part.groupby("distortion", sort=False):
            if len(group) < _LEAST:
                continue
            expected = increases_with_opinion(scored, label)
            found = correlate(group["score"], group["opinion"], higher_is_better=expected, mapping="none")
            value = abs(found.srcc) if expected is None else found.srcc
            rows.append({"metric": label, "distortion": distortion, "srcc": value, "n": len(group)})
    return pd.DataFrame(rows, columns=["metric", "distortion", "srcc", "n"])


def agreement(scored: Scored, labels: Sequence[str] | None = None) -> pd.DataFrame:
    """Absolute SRCC of every metric with every other one over the images that all have scored."""
    chosen = scored.with_scores(labels)
    wide, _, _ = scores_in_common(scored, chosen)
    ranks = np.apply_along_axis(stats.rankdata, 1, wide)
    return pd.DataFrame(np.abs(np.corrcoef(ranks)).reshape(len(chosen), -1), index=chosen, columns=chosen)


def protocol_study(scored: Scored, families: Mapping[str, Sequence[str]], *, seed: int = 0) -> pd.DataFrame:
    """One metric under several protocols: changes of SRCC and PLCC from the first variant of each family.

    families: metric -> labels of its variants, the usual one first. Columns: metric, variant, srcc, srcc_change, low,
    high (95 % interval over references of the change), plcc (five-parameter logistic), plcc_change, plcc_4 (four
    parameters), plcc_raw (no curve).
    """
    rows = []
    for family, listed in families.items():
        variants = scored.with_scores(listed)
        if not variants:
            continue
        base, _ = scores_of(scored, variants[0])
        for variant in variants:
            part, _ = scores_of(scored, variant)
            curves = {mapping: correlate(part["score"], part["opinion"], mapping=mapping) for mapping in MAPPINGS}
            row = {"metric": family, "variant": variant, "srcc": abs(curves["none"].srcc)}
            row |= {"plcc": curves["logistic5"].plcc, "plcc_4": curves["logistic4"].plcc}
            row |= {"plcc_raw": abs(curves["none"].plcc)}
            if variant != variants[0]:
                both = part.merge(base, on=["reference", "distorted"], suffixes=("", "_base"))
                change = compare_correlations(
                    both["score"],
                    both["score_base"],
                    both["opinion"],
                    references=reference_groups(both),
                    higher_is_better=(
                        increases_with_opinion(scored, variant),
                        increases_with_opinion(scored, variants[0]),
                    ),
                    seed=seed,
                ).difference
                row |= {"srcc_change": change.estimate, "low": change.low, "high": change.high}
            rows.append(row)
    columns = ["metric", "variant", "srcc", "srcc_change", "low", "high", "plcc", "plcc_change", "plcc_4", "plcc_raw"]
    table = pd.DataFrame(rows).reindex(columns=columns)
    table["plcc_change"] = table["plcc"] - table.groupby("metric")["plcc"].transform("first")
    return table


def show_protocols(study: pd.DataFrame) -> Html:
    """`protocol_study` for reading."""
    titles = ["SRCC", "change [95&nbsp;% interval]", "PLCC", "change", "PLCC, four parameters", "PLCC, no curve"]
    head = "<th>variant</th>" + "".join(f"<th class='number'>{title}</th>" for title in titles)
    rows = []
    for metric, group in study.groupby("metric", sort=False):
        rows.append(f"<tr class='group'><th colspan='7'>{escape(str(metric))}</th></tr>")
        for row in group.to_dict("records"):
            interval = f"[{number(row['low'], '+.3f')}, {number(row['high'], '+.3f')}]"
            first = row["variant"] == group["variant"].iloc[0]
            cells = [
                number(row["srcc"]),
                "" if first else f"{number(row['srcc_change'], '+.3f')} <span class='interval'>{interval}</span>",
                number(row["plcc"]),
                "" if first else number(row["plcc_change"], "+.3f"),
                number(row["plcc_4"]),
                number(row["plcc_raw"]),
            ]
            numbers = "".join(f"<td class='number'>{cell}</td>" for cell in cells)
            rows.append(f"<tr><th scope='row'>{escape(row['variant'])}</th>{numbers}</tr>")
    return html_table(head, rows, "")


def beside_published(scored: Scored, others: Scored, same: Mapping[str, str] = SAME) -> pd.DataFrame:
    """Agreement with opinions of our scores and of published ones of the same metric, on the images that both have.

    Columns: metric, published_as, n, srcc (ours with the opinions), srcc_published, difference, agreement (SRCC of our
    scores with the published ones, absolute). Empty where no image or no metric is in both.
    """
    rows = []
    for ours, theirs in same.items():
        if ours not in scored.with_scores() or theirs not in others.metrics:
            continue
        both = scores_of(scored, ours)[0].merge(
            scores_of(others, theirs)[0], on="distorted", suffixes=("", "_published")
        )
        if len(both) < _LEAST:
            continue
        opinions = both["opinion"]
        own, printed = (abs(stats.spearmanr(both[c], opinions)[0]) for c in ("score", "score_published"))
        agreement = abs(stats.spearmanr(both["score"], both["score_published"])[0])
        rows.append((ours, theirs, len(both), own, printed, own - printed, agreement))
    columns = ["metric", "published_as", "n", "srcc", "srcc_published", "difference", "agreement"]
    return pd.DataFrame(rows, columns=columns)


def without_copies(scored: Scored) -> pd.DataFrame:
    """SRCC and PLCC with and without undistorted copies of references: the images whose reference is not named."""
    rows = []
    for label in scored.metrics:
        part, _ = scores_of(scored, label)
        distorted = part[part["reference"].astype("string").fillna("") != ""]
        for name, chosen in (("with copies", part), ("without copies", distorted)):
            found = correlate(chosen["score"], chosen["opinion"]).absolute()
            rows.append({"metric": label, "rows": name, "n": found.n, "srcc": found.srcc, "plcc": found.plcc})
    return pd.DataFrame(rows)


def scatter(scored: Scored, labels: Sequence[str] | None = None) -> Figure:
    """Opinion against score for each metric, with the fitted five-parameter logistic and whether it could be fitted."""
    labels = scored.with_scores(labels)
    columns = min(4, len(labels))
    lines = -(-len(labels) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(2.4 * columns, 2.2 * lines), squeeze=False, sharey=True)
    for axis, label in zip(axes.flat, labels, strict=False):
        part, _ = scores_of(scored, label)
        fit = fit_logistic(part["score"], part["opinion"])
        shown = part.iloc[:: max(1, len(part) // _POINTS)]
        axis.plot(shown["score"], shown["opinion"], ".", markersize=2, alpha=0.5)
        grid = np.linspace(part["score"].min(), part["score"].max(), 200)
        axis.plot(grid, fit(grid), color="C1")
        title = label.replace("$", r"\$")  # a pair of them would be a formula
        axis.set_title(title if fit.converged else f"{title}\n({fit.message})", fontsize=8)
    for axis in axes.flat[len(labels) :]:
        axis.set_visible(False)
    figure.supxlabel("score", fontsize=9)
    figure.supylabel(f"{scored.opinion.kind} ({'higher' if scored.opinion.higher_is_better else 'lower'} is better)")
    return figure


def heat_map(table: pd.DataFrame, title: str, *, low: float = 0.0) -> Figure:
    """A table of correlations, rows by columns, as colours with the numbers in them."""
    import seaborn as sns

    down, left = (0.06 * max(len(str(name)) for name in names) for names in (table.columns, table.index))
    height, width = 0.5 + 0.75 * down + 0.26 * len(table), 0.3 + max(left, 0.5 * down) + 0.48 * table.shape[1]
    figure, axis = plt.subplots(figsize=(width, height))
    sns.heatmap(
        table, vmin=low, vmax=1, cmap="viridis", annot=True, fmt=".2f", annot_kws={"size": 7}, cbar=False, ax=axis
    )
    axis.set(xlabel="", ylabel="")
    axis.set_title(title)
    axis.tick_params(labelsize=8, length=0)
    axis.grid(False)
    axis.set_xticks(axis.get_xticks(), table.columns, rotation=45, ha="right")
    return figure


def significance_map(labels: Sequence[str], ranking: Ranking) -> Figure:
    """Table of the row's SRCC minus the column's for every pair of metrics, grey where it is not significant."""
    beside = 0.06 * max(len(label) for label in labels)
    figure, axis = plt.subplots(figsize=(0.3 + beside + 0.42 * len(labels), 0.5 + 0.75 * beside + 0.42 * len(labels)))
    shade = np.where(ranking.beats > 0, 1.0, np.where(ranking.beats < 0, -1.0, 0.0))
    axis.imshow(shade, cmap=ListedColormap(["#D55E00", "#eef0f3", "#0072B2"]), vmin=-1, vmax=1)
    for (i, j), value in np.ndenumerate(ranking.difference):
        if i != j:
            text = signed(value).replace("0.", ".")
            colour = "white" if ranking.beats[i, j] else "#56606a"
            axis.text(j, i, text, ha="center", va="center", fontsize=6, color=colour)
    axis.set_xticks(range(len(labels)), labels, rotation=45, ha="right", fontsize=8)
    axis.set_yticks(range(len(labels)), labels, fontsize=8)
    axis.grid(False)
    axis.set_title("SRCC, row minus column")
    return figure
