"""Paper 3: both tables, from our scores, from scores of others, and side by side."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from html import escape

import numpy as np
import pandas as pd

from replication import datasets
from replication.datasets.errors import DataError
from replication.evaluation.correlation import correlate
from replication.papers.smic.gains import correlation
from replication.reporting.metric_scores import scores_of
from replication.reporting.paper_sets import basis, only_exact, standing_for
from replication.reporting.sanitise import md_escape
from replication.reporting.tables import VERDICT_CSS, Html, pills
from replication.reporting.verdicts import NOT_RUN, OF_OTHERS, VALUE_COLUMNS
from replication.scoring.errors import absence
from replication.scoring.scored import Scored

PAPER = "smic"
MEASURES = ("PSNR", "SSIM", "LPIPS", "DISTS", "DeepWSD")
OTHERS = ("MS-SSIM", "FSIM", "VIF", "NLPD", "MAD", "PieAPP")
"""Rows of Table I: the five that get attention, and those they are compared with."""

SETS = ("LIVE", "CSIQ", "TID2013", "KADID-10k", "PIPAL", "QADS")
THEIR_NAMES = {
    "PSNR": {"live": "PSNR", "tid2013": "PSNR", "pipal": "PSNR"},
    "MS-SSIM": {"live": "MS_SSIM", "tid2013": "MS_SSIM", "pipal": "MS_SSIM"},
    "FSIM": {"live": "FSIM", "tid2013": "FSIM", "pipal": "FSIM"},
    "LPIPS": {"live": "LPIPS_vgg", "tid2013": "LPIPS_vgg", "pipal": "LPIPS_vgg"},
    "DISTS": {"live": "DISTS", "tid2013": "DISTS", "pipal": "DISTS"},
    "DeepWSD": dict.fromkeys(("live", "csiq", "tid2013", "kadid-10k", "pipal"), "DeepWSD_VGG"),
    "SSIM": {"live": "SSIM", "tid2013": "SSIM"},
    "VIF": {"tid2013": "VIF"},
}
"""Rows of Table I whose per-image scores others have published: data set -> name of the metric in their tables."""


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
                found[name] = f"{name} is available, but params.yaml does not name it in iqa.data_sets"
            except DataError as error:
                found[name] = str(absence(error, "data set", name))
    return found


def what_was_scored(scored: Scored) -> list[str]:
    """Lines of Markdown: a data set, its number of images and remarks, then its metrics without scores by reason.

    One line with the reason for a set that has no scores at all.
    """
    if scored.absent:
        return [f"**{md_escape(scored.title)}: not run**, {md_escape(scored.absent)}"]
    count = f"{scored.table['distorted'].nunique():,} images"
    lines = [f"**{md_escape(scored.title)}**, {count}: {md_escape('; '.join(scored.remarks))}"]
    reasons: dict[str, list[str]] = {}
    for label, facts in scored.metrics.items():
        if facts.absent:
            reasons.setdefault(str(facts.absent), []).append(label)
    lines += [f"**Not run** there, {md_escape(why)}: {md_escape(', '.join(of))}" for why, of in reasons.items()]
    return lines


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
    others: per-image scores that others have published. missing: data set -> why it has not been scored.

    A cell is computed from our scores of the whole set; where there are none, from scores that others published of it
    (origin OF_OTHERS); where there are none either, from the official images of a part of it, which is no test of the
    value. A cell that cannot be computed is NaN, its reason the note.
    """
    of = {name: title for title, name in columns.items()}
    cells = []
    for row, label in rows.items():
        for title, name in columns.items():
            source, metric, origin, note = _source(row, label, name, scored, others, missing or {})
            found = None if source is None else correlation(source, metric)
            untested = "" if source is None or origin else _untested(source, metric, of)
            for statistic in ("SRCC", "PLCC"):
                value = low = high = np.nan
                images = 0
                if found is not None:
                    value, images = getattr(found, statistic.lower()), found.n
                    interval = (found.intervals or {}).get(statistic.lower())
                    low, high = (interval.low, interval.high) if interval else (np.nan, np.nan)
                cells.append((PAPER, table, row, title, statistic, value, low, high, images, origin, untested, note))
    return pd.DataFrame(cells, columns=VALUE_COLUMNS)


def _source(
    row: str,
    label: str | None,
    name: str,
    scored: Mapping[str, Scored],
    others: Sequence[Scored],
    missing: Mapping[str, str],
) -> tuple[Scored | None, str, str, str]:
    """The source of a cell (scores and the metric in them, or None), its origin and its note."""
    if label is None:
        return None, "", "", "left out in this profile"
    own = scored.get(name)
    if own is not None and _has(own, label):
        return own, label, "", "; ".join(own.remarks)
    if found := published_by_others(row, name, others):
        return *found, OF_OTHERS, "; ".join(found[0].remarks)
    part = own or standing_for(name, scored.values())
    if part is None:
        return None, "", "", missing.get(name, f"{name} has not been scored")
    if own is None and _has(part, label):
        return only_exact(part), label, "", ""
    if part.absent:
        return None, "", "", str(part.absent)
    facts = part.metrics.get(label)
    return None, "", "", str(facts.absent) if facts and facts.absent else f"{label} has not been scored"


def published_by_others(row: str, name: str, others: Sequence[Scored]) -> tuple[Scored, str] | None:
    """The first table of others with scores of a row of Table I on the data set `name`, and the metric's name in it."""
    metric = THEIR_NAMES.get(row, {}).get(name, "")
    for other in others:
        if len(other.table) and other.table["data_set"].iloc[0] == name and metric in other.metrics:
            return other, metric
    return None


def _has(scored: Scored, label: str) -> bool:
    return not scored.absent and label in scored.metrics and label in scored.with_scores()


def _untested(source: Scored, label: str, of: Mapping[str, str]) -> str:
    """The reason why a value of ours is no test of the published one; empty if it is one."""
    weights = str(source.metrics[label].protocol.get("weights", ""))
    rests = replace(basis(source, of=of), weights="random weights" if weights.startswith("random") else "")
    return rests.untested("value")


def beside_others(
    rows: Mapping[str, str | None], columns: Mapping[str, str], scored: Mapping[str, Scored], others: Sequence[Scored]
) -> pd.DataFrame:
    """Our correlations on the official images of parts, beside those of published scores of the same images.

    Arguments as of `table_values`. Columns: column, row, images, ours_srcc, theirs_srcc, whole_srcc (theirs, of the
    whole set), agreement (SRCC between our scores and theirs, without sign), and the same for plcc. A row without
    scores of others has only ours.
    """
    found = []
    for title, name in columns.items():
        part = standing_for(name, scored.values())
        if part is None or part.name == name:
            continue
        official = only_exact(part)
        for row, label in rows.items():
            if label is None or not _has(official, label):
                continue
            ours, images = correlation(official, label), scores_of(official, label)[0]
            cells = {"column": title, "row": row, "images": ours.n, "ours_srcc": ours.srcc, "ours_plcc": ours.plcc}
            if by_others := published_by_others(row, name, others):
                other, metric = by_others
                theirs = scores_of(other, metric)[0]
                whole = correlation(other, metric)
                same = replace(other, table=theirs[theirs["distorted"].isin(images["distorted"])])
                alike = correlation(same, metric)
                both = images.merge(theirs[["distorted", "score"]], on="distorted", suffixes=("", "_theirs"))
                cells |= {"theirs_srcc": alike.srcc, "theirs_plcc": alike.plcc, "whole_srcc": whole.srcc}
                cells |= {"whole_plcc": whole.plcc}
                cells["agreement"] = abs(correlate(both["score"], both["score_theirs"], mapping="none").srcc)
            found.append(cells)
    names = ["column", "row", "images", "ours_srcc", "theirs_srcc", "whole_srcc", "ours_plcc", "theirs_plcc"]
    return pd.DataFrame(found, columns=[*names, "whole_plcc", "agreement"])


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
    others = f" <small>{cell['origin']}</small>" if cell["origin"] else ""
    lines = [
        f"<span class='interval'>{escape(cell['printed'])}</span>",
        f"{cell['ours']:.3f}{others}",
        f"<span class='interval'>{ends}</span>",
        pills(cell["verdict"], cell["says"]),
    ]
    return "<br>".join(lines)


def _where(group: pd.DataFrame) -> str:
    """The cells of a group, in few words."""
    rows, columns = group["row"].unique(), group["column"].unique()
    if len(group) == len(rows) * len(columns) * 2:
        count = f"{len(rows)} methods" if len(rows) > 3 else ", ".join(map(str, rows))
        return f"{escape(count)} on {escape(', '.join(map(str, columns)))}"
    return f"{len(group) // 2} cells"
