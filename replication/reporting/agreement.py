"""Agreement of metrics with opinions, from a score table: correlations with intervals, and which metric is better."""

from collections.abc import Sequence
from dataclasses import fields, replace
from html import escape

import numpy as np
import pandas as pd

from replication.evaluation.correlation import COEFFICIENTS, Correlation, correlate
from replication.evaluation.ranking import Ranking, who_beats_whom
from replication.reporting.metric_scores import increases_with_opinion, reference_groups, scores_in_common, scores_of
from replication.reporting.numbers import number
from replication.reporting.tables import VERDICT_CSS, Html
from replication.scoring.scored import Scored

_LEAST = 3  # images for a correlation


def correlations(scored: Scored, labels: Sequence[str] | None = None) -> pd.DataFrame:
    """Agreement of each metric with the opinions over all images, with 95 % intervals over references.

    Columns: metric, srcc, srcc_low, srcc_high, and likewise krcc, plcc, rmse; n (images), left_out (images without a
    score), references, at_bound (the bounds that the fitted curve ends at), problem ("" if there is none).
    Signs are turned so that a metric that works has a positive coefficient; where a metric's direction is not known,
    the absolute value is given.
    """
    rows = []
    for label in scored.with_scores(labels):
        part, left_out = scores_of(scored, label)
        found = _correlation(part, increases_with_opinion(scored, label))
        intervals = found.intervals or {}
        row: dict[str, object] = {"metric": label}
        for name in COEFFICIENTS:
            interval = intervals.get(name)
            row |= {name: getattr(found, name)}
            row |= {f"{name}_low": interval.low, f"{name}_high": interval.high} if interval else {}
        at_bound = ", ".join(found.fit.at_bound) if found.fit else ""
        row |= {"n": found.n, "left_out": left_out, "references": found.references, "at_bound": at_bound}
        rows.append(row | {"problem": found.problem})
    return pd.DataFrame(rows)


def correlations_by_distortion(scored: Scored, labels: Sequence[str] | None = None) -> pd.DataFrame:
    """`correlations` within each distortion type, with a first column distortion; types in their order in the table.

    The curve for PLCC and RMSE is fitted within each type. A type of fewer than three images has no coefficients, and
    the reason in `problem`.
    """
    parts = [
        correlations(replace(scored, table=part), labels).assign(distortion=str(distortion))
        for distortion, part in scored.table.groupby("distortion", sort=False)
    ]
    joined = pd.concat(parts, ignore_index=True)
    return joined[["distortion", *(column for column in joined if column != "distortion")]]


def show_correlations(table: pd.DataFrame) -> Html:
    """`correlations` for reading: best first, intervals beside the values."""
    ordered = table.sort_values("srcc", ascending=False, kind="stable")
    head = "".join(f"<th class='number'>{name.upper()} [95&nbsp;% interval]</th>" for name in COEFFICIENTS)
    rows, notes = [], []
    for row in ordered.to_dict("records"):
        cells = "".join(
            f"<td class='number'>{number(row[name])} <span class='interval'>[{number(row.get(f'{name}_low'))}, "
            f"{number(row.get(f'{name}_high'))}]</span></td>"
            for name in COEFFICIENTS
        )
        remarks = [row["problem"]] if row["problem"] else []
        remarks += [f"the fitted curve ends at a bound ({row['at_bound']})"] if row["at_bound"] else []
        remarks += [f"{row['left_out']} images without a score or an opinion"] if row["left_out"] else []
        notes += [f"{row['metric']}: {remark}" for remark in remarks]
        rows.append(f"<tr><th scope='row'>{escape(str(row['metric']))}</th>{cells}</tr>")
    count = f"{table['n'].max():,} images, {table['references'].max()} references"
    return html_table(f"<th>metric</th>{head}", rows, "; ".join([count, *notes]))


def rank(scored: Scored, labels: Sequence[str] | None = None, *, seed: int = 0) -> tuple[list[str], Ranking]:
    """Every pair of metrics compared by SRCC on the images that all have scored, best metric first."""
    chosen = scored.with_scores(labels)
    wide, opinions, references = scores_in_common(scored, chosen)
    directions = [increases_with_opinion(scored, label) for label in chosen]
    found = who_beats_whom(wide, opinions, references, higher_is_better=directions, seed=seed)
    order = np.argsort(-found.coefficient, kind="stable")
    values = (getattr(found, each.name) for each in fields(found))
    return [chosen[i] for i in order], Ranking(*(v[np.ix_(*[order] * v.ndim)] for v in values))


def pairs_table(labels: Sequence[str], ranking: Ranking) -> pd.DataFrame:
    """A ranking as rows: first, second, difference, low, high, p, p_holm, effect; the better of a pair first."""
    tables = ranking.difference, ranking.low, ranking.high, ranking.p_value, ranking.adjusted, ranking.effect
    rows = [
        (labels[i], labels[j], *(table[i, j] for table in tables))
        for i in range(len(labels))
        for j in range(i + 1, len(labels))
    ]
    return pd.DataFrame(rows, columns=["first", "second", "difference", "low", "high", "p", "p_holm", "effect"])


def _correlation(part: pd.DataFrame, increases: bool | None) -> Correlation:
    """The correlation of a metric's rows; without a sign where it is not known whether the metric should increase."""
    if len(part) < _LEAST:
        nan = float("nan")
        return Correlation(nan, nan, nan, nan, len(part), None, None, None, f"{len(part)} images only, {_LEAST} needed")
    found = correlate(
        part["score"],
        part["opinion"],
        references=reference_groups(part),
        higher_is_better=increases,
        intervals=True,
    )
    return found.absolute() if increases is None else found


def html_table(head: str, rows: Sequence[str], note: str = "") -> Html:
    """A table of cells that are HTML already, for a page or a notebook; note: plain text below it."""
    below = f"<p><small>{escape(note)}</small></p>" if note else ""
    return Html(
        f"<style>{VERDICT_CSS}</style><div class='scroll'><table class='sides'><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>{below}"
    )
