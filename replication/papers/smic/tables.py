"""Paper 3: both tables, the effect of attention and of each of its parts, and the verdicts on the claims."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape

import numpy as np
import pandas as pd

from replication import datasets
from replication.datasets.errors import DataError
from replication.papers.smic.gains import correlation
from replication.reporting import published as papers
from replication.reporting.numbers import ALPHA, signed
from replication.reporting.tables import VERDICT_CSS, Html, pill
from replication.reporting.verdicts import NOT_REPRODUCED, NOT_RUN, REPRODUCED, VALUE_COLUMNS
from replication.scoring.errors import absence
from replication.scoring.scored import Scored

PAPER = "smic"
MEASURES = ("PSNR", "SSIM", "LPIPS", "DISTS", "DeepWSD")
OTHERS = ("MS-SSIM", "FSIM", "VIF", "NLPD", "MAD", "PieAPP")
"""Rows of Table I: the five that get attention, and those they are compared with."""

SETS = ("LIVE", "CSIQ", "TID2013", "KADID-10k", "PIPAL", "QADS")
OF_OTHERS = {
    "DeepWSD": {"live": "DeepWSD_VGG", "csiq": "DeepWSD_VGG", "tid2013": "DeepWSD_VGG"}
    | {"kadid-10k": "DeepWSD_VGG", "pipal": "DeepWSD_VGG"},
    "PSNR": {"tid2013-classical": "PSNR"},
    "MS-SSIM": {"tid2013-classical": "MSSIM"},
    "VIF": {"tid2013-classical": "VIF"},
}
"""Rows of Table I whose per-image scores others have published: set of those scores -> name of the metric in it."""

_KEPT = ["paper", "table", "row", "column", "statistic", "value", "low", "high", "n", "note"]


def joined(*parts: Scored) -> Scored:
    """Score tables of one data set as one; scores of a label in several of them are the first part's."""
    first = parts[0]
    tables, metrics = [], dict(first.metrics)
    tables.append(first.table)
    for part in parts[1:]:
        if part.digest != first.digest:
            raise ValueError(f"the scores of {first.name} are of different images: score them again")
        new = [label for label in part.metrics if label not in metrics]
        metrics |= {label: part.metrics[label] for label in new}
        tables.append(part.table[part.table["metric"].isin(new)])
    return replace(first, metrics=metrics, table=pd.concat(tables, ignore_index=True))


def why_missing(names: Iterable[str], scored: Mapping[str, Scored]) -> dict[str, str]:
    """Data sets that have not been scored, and why: they are not available, or params.yaml does not ask for them."""
    found = {}
    for name in names:
        if name not in scored:
            try:
                datasets.load(name)
                found[name] = (
                    f"{name} is available, but params.yaml does not name it in smic.data_sets and iqa.data_sets"
                )
            except DataError as error:
                found[name] = str(absence(error, "data set", name))
    return found


def not_computed(scored: Scored) -> dict[str, list[str]]:
    """Metrics without scores: reason -> metrics."""
    found: dict[str, list[str]] = {}
    for label, facts in scored.metrics.items():
        if facts.absent:
            found.setdefault(str(facts.absent), []).append(label)
    return found


def table_values(
    table: str,
    rows: Mapping[str, str | None],
    columns: Mapping[str, str],
    scored: Mapping[str, Scored],
    others: Sequence[Scored] = (),
    missing: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Our values of a table of the paper, keyed as it is, with 95 % intervals over references.

    rows: of the table, and the metric. columns: of the table, and the name of the data set. scored: by that name.
    others: per-image scores that others have published; used where we have none (`OF_OTHERS`), with a note.
    missing: data set -> why it has not been scored.
    A cell that cannot be computed is NaN, its reason the note.
    """
    cells = []
    for row, label in rows.items():
        for title, name in columns.items():
            source, metric, note = _source(row, label, name, scored, others, missing or {})
            found = None if source is None else correlation(source, metric)
            for statistic in ("SRCC", "PLCC"):
                value = low = high = np.nan
                images = 0
                if found is not None:
                    value, images = getattr(found, statistic.lower()), found.n
                    interval = (found.intervals or {}).get(statistic.lower())
                    low, high = (interval.low, interval.high) if interval else (np.nan, np.nan)
                cells.append((PAPER, table, row, title, statistic, value, low, high, images, note))
    return pd.DataFrame(cells, columns=VALUE_COLUMNS)


def _source(
    row: str,
    label: str | None,
    name: str,
    scored: Mapping[str, Scored],
    others: Sequence[Scored],
    missing: Mapping[str, str],
) -> tuple[Scored | None, str, str]:
    """The source of a cell (scores and the metric in them, or None) and its note."""
    if label is None:
        return None, "", "left out in this profile"
    own = scored.get(name)
    if own is not None and not own.absent and label in own.with_scores() and label in own.metrics:
        return own, label, "; ".join(own.remarks)
    for other in others:
        known = OF_OTHERS.get(row, {}).get(other.name)
        if known is not None and other.name.removesuffix("-classical") == name and not other.absent:
            return other, known, f"from scores published for every image by others: {'; '.join(other.remarks)}"
    if own is None:
        return None, "", missing.get(name, f"{name} has not been scored")
    if own.absent:
        return None, "", str(own.absent)
    facts = own.metrics.get(label)
    return None, "", str(facts.absent) if facts else f"{label} has not been scored"


def show_table(comparison: pd.DataFrame, columns: Iterable[str]) -> Html:
    """`verdicts.compare` of a table: a row for each method, for each set SRCC and PLCC, published above ours.

    A cell that was not run shows the published value alone; the reasons follow below the table, each once.
    """
    head = "".join(f"<th colspan='2'>{escape(title)}</th>" for title in columns)
    second = "<th class='number'>SRCC</th><th class='number'>PLCC</th>" * len(list(columns))
    body = []
    for row, group in comparison.groupby("row", sort=False):
        cells = []
        for title in columns:
            for statistic in ("SRCC", "PLCC"):
                cell = group[(group["column"] == title) & (group["statistic"] == statistic)].iloc[0]
                cells.append(f"<td class='number' title='{escape(cell['reason'])}'>{_cell(cell)}</td>")
        body.append(f"<tr><th scope='row'>{escape(str(row))}</th>{''.join(cells)}</tr>")
    notes = []
    for verdict, kind in ((NOT_RUN, "reason"), (None, "note")):
        chosen = comparison[(comparison["verdict"] == NOT_RUN) == (verdict == NOT_RUN)]
        for text, group in chosen[chosen[kind] != ""].groupby(kind, sort=False):
            notes.append(f"<li>{_where(group)}: {'not run, ' if verdict else ''}{escape(str(text))}</li>")
    return Html(
        f"<style>{VERDICT_CSS}</style><div class='scroll'><table class='sides'><thead><tr><th rowspan='2'>method</th>"
        f"{head}</tr><tr>{second}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
        f"<p><small>Published; below it ours with its 95&nbsp;% interval over references, where we have one, and the "
        f"verdict.</small></p><ul><small>{''.join(notes)}</small></ul>"
    )


def _cell(cell: pd.Series) -> str:
    if cell["verdict"] == NOT_RUN:
        return f"<span class='interval'>{escape(cell['printed'])}</span>"
    ends = "" if pd.isna(cell["low"]) else f"[{cell['low']:.3f}, {cell['high']:.3f}]"
    lines = [
        f"<span class='interval'>{escape(cell['printed'])}</span>",
        f"{cell['ours']:.3f}",
        f"<span class='interval'>{ends}</span>",
        pill(cell["verdict"]),
    ]
    return "<br>".join(lines)


def _where(group: pd.DataFrame) -> str:
    """The cells of a group, in few words."""
    rows, columns = group["row"].unique(), group["column"].unique()
    if len(group) == len(rows) * len(columns) * 2:
        count = f"{len(rows)} methods" if len(rows) > 3 else ", ".join(map(str, rows))
        return f"{escape(count)} on {escape(', '.join(map(str, columns)))}"
    return f"{len(group) // 2} cells"


def printed_gains(first: str = "{}", second: str = "{} w/ SMIC", table: str = "table1") -> pd.DataFrame:
    """Differences of the second row from the first in the paper's own table: row, column, statistic, difference."""
    printed = papers.values(PAPER, table).set_index(["row", "column", "statistic"])["value"]
    rows = [
        (measure, title, statistic, round(printed[second.format(measure), title, statistic] - printed[key], 6))
        for measure in MEASURES
        for title in SETS
        for statistic in ("SRCC", "PLCC")
        if (key := (first.format(measure), title, statistic)) in printed.index
    ]
    return pd.DataFrame(rows, columns=["row", "column", "statistic", "difference"])


def judge_table1(values: pd.DataFrame, extension: pd.DataFrame, visible: str) -> pd.DataFrame:
    """Verdicts on the paper's statements on Table I, from our values of it: paper, claim, verdict, evidence.

    extension: `gains.steps` on a set or with networks that the paper does not have, which judges nothing and
    is reported where a claim itself could not be tested. visible: likewise, a sentence.
    """
    gains = _gains(values, "{}", "{} w/ SMIC")
    rows = [
        ("consistent-gain", *_all_higher(gains, ("LIVE",), _extension_words(extension, "attention"))),
        ("psnr-beats-sota", *_beats(values)),
        ("generalises", *_all_higher(gains, ("PIPAL", "QADS"), "nothing comparable is available")),
        ("attention-where-visible", NOT_RUN, visible),
    ]
    return pd.DataFrame([(PAPER, *row) for row in rows], columns=["paper", "claim", "verdict", "evidence"])


def judge_table2(values: pd.DataFrame, extension: pd.DataFrame) -> pd.DataFrame:
    """The verdict on SMIC against MIC, likewise."""
    better = _gains(values, "{} w/ MIC", "{} w/ SMIC")
    row = (PAPER, "smic-over-mic", *_all_higher(better, ("LIVE",), _extension_words(extension, "slices")))
    return pd.DataFrame([row], columns=["paper", "claim", "verdict", "evidence"])


def _gains(values: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Differences of two rows of a table wherever both have a value: measure, column, statistic, difference."""
    known = values.dropna(subset="value").drop_duplicates(["row", "column", "statistic"])
    found = known.set_index(["row", "column", "statistic"])["value"]
    rows = [
        (measure, title, statistic, found[second.format(measure), title, statistic] - found[key])
        for measure in MEASURES
        for title in SETS
        for statistic in ("SRCC", "PLCC")
        if (key := (first.format(measure), title, statistic)) in found.index
        and (second.format(measure), title, statistic) in found.index
    ]
    return pd.DataFrame(rows, columns=["row", "column", "statistic", "difference"])


def _all_higher(gains: pd.DataFrame, needed: Sequence[str], beyond: str) -> tuple[str, str]:
    """Reproduced if every difference is positive, with all five measures on each needed set among them; not reproduced
    if one is not; not run without them."""
    complete = all(set(MEASURES) <= set(gains.loc[gains["column"] == title, "row"]) for title in needed)
    if (gains["difference"] <= 0).any():
        low = gains.sort_values("difference").iloc[0]
        return NOT_REPRODUCED, (
            f"{(gains['difference'] <= 0).sum()} of {len(gains)} differences are not positive, the least "
            f"{signed(low['difference'])} ({low['row']}, {low['column']}, {low['statistic']})."
        )
    if not complete:
        count = len(gains) or "none"
        return NOT_RUN, f"{count} of the differences that it needs could be computed; {beyond}"
    return REPRODUCED, f"All {len(gains)} differences that could be computed are positive."


def _beats(values: pd.DataFrame) -> tuple[str, str]:
    """Reproduced if on some set PSNR with SMIC has a higher SRCC than most of the six others; else not reproduced."""
    wide = values[values["statistic"] == "SRCC"].pivot(index="row", columns="column", values="value")
    counts, most = [], False
    for title in wide.columns:
        rivals = wide.loc[list(OTHERS), title].dropna()
        own = float(wide.loc["PSNR w/ SMIC", title])  # type: ignore[arg-type]
        if not np.isnan(own) and len(rivals) == len(OTHERS):
            behind = int((rivals < own).sum())
            most |= behind > len(rivals) / 2
            counts.append(f"{title}: ahead of {behind} of {len(rivals)}")
    if not counts:
        return NOT_RUN, "PSNR with SMIC and the six others could not be computed on any of the six sets"
    return (REPRODUCED if most else NOT_REPRODUCED), "; ".join(counts)


def _extension_words(table: pd.DataFrame, step: str) -> str:
    part = table[(table["step"] == step) & (table["statistic"] == "SRCC")]
    if part.empty:
        return "nothing else to go by"
    each = ", ".join(
        f"{row['measure']} with {row['network']} {signed(row['difference'])}"
        + ("" if row["p_holm"] < ALPHA else " (n.s.)")
        for row in part.to_dict("records")
    )
    return f"on other images or with other networks, SRCC changes by: {each}"
