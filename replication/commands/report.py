"""The command `report`: what `correlate` finds, as one HTML page that needs no other file."""

import base64
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from replication.commands.correlate import Findings, Request, conclusion, find, scatter
from replication.files import atomic_write_text

if TYPE_CHECKING:
    import pandas as pd

_DIRECTIONS = {"option": "as given", "registry": "known", "sign": "not known: coefficients without sign"}


def run(request: Request, out: Path) -> int:
    """Write the page; return 0, or 1 where a metric has no coefficients. CommandError where the command is wrong."""
    from replication.errors import CommandError
    from replication.scoring import files
    from replication.scoring.errors import ScoringError

    try:
        files.check_writable(out)
    except ScoringError as error:
        raise CommandError(str(error)) from None
    found = find(request)
    atomic_write_text(out, page(found))
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    return int(not found.complete)


def page(found: Findings) -> str:
    """The HTML document. Whatever comes from the table is text in it."""
    from replication import __version__
    from replication.reporting import agreement
    from replication.reporting.page import page as document
    from replication.reporting.tables import VERDICT_CSS

    scored = found.table.scored
    opinion = scored.opinion
    better = "higher" if opinion.higher_is_better else "lower"
    sections = [
        f"<h1>{escape(scored.title)}: metrics and opinions</h1>",
        f"<p><strong>{escape(conclusion(found))}</strong></p>",
        "".join(f"<p><small>{escape(_sentence(note))}</small></p>" for note in found.notes),
        "<h2>Agreement with the opinions</h2>",
        f"<p>Opinions are {escape(opinion.kind)}, {better} is better. SRCC and KRCC are rank correlations, positive "
        "for a metric that works. PLCC and RMSE compare the opinions with a five-parameter logistic curve fitted to "
        "the scores. Intervals are a jackknife over references.</p>",
        agreement.show_correlations(found.correlations).html,
        _figure(found),
    ]
    if len(found.differences):
        sections += [
            "<h2>Differences between metrics</h2>",
            "<p>SRCC of the first metric minus that of the second, on the images that all have scored, with interval "
            "and p-value from a bootstrap over references; the last column is Holm's adjustment for all pairs.</p>",
            _differences(found.differences),
        ]
    if len(found.by_distortion):
        sections.append("<h2>Within each distortion type</h2>")
        for distortion, part in found.by_distortion.groupby("distortion", sort=False):
            sections += [
                f"<h3>{escape(str(distortion) or 'without a name')}</h3>",
                agreement.show_correlations(part).html,
            ]
    sections += ["<h2>Metrics</h2>", _metrics(found)]
    facts = {"table": scored.source, "made by": f"replication {__version__}, `report`"}
    return document(f"{scored.title}: metrics and opinions", "\n".join(sections), footer=facts, extra_css=VERDICT_CSS)


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}."


def _figure(found: Findings) -> str:
    picture = scatter(found)
    if picture is None:
        return "<p><small>The figure needs matplotlib, which is not installed.</small></p>"
    source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    words = f"Opinion against score, a panel for each metric, with the fitted curve. {conclusion(found)}"
    return f'<div class="figure"><img alt="{escape(words)}" src="{source}"></div>'


def _differences(differences: "pd.DataFrame") -> str:
    from replication.reporting.agreement import html_table
    from replication.reporting.numbers import p_value, signed

    head = "<th scope='col'>first</th><th scope='col'>second</th>" + "".join(
        f"<th scope='col' class='number'>{title}</th>" for title in ("difference [95&nbsp;% interval]", "p", "p (Holm)")
    )
    rows = [
        f"<tr><th scope='row'>{escape(row['first'])}</th><td>{escape(row['second'])}</td>"
        f"<td class='number'>{signed(row['difference'])} <span class='interval'>[{signed(row['low'])}, "
        f"{signed(row['high'])}]</span></td>{_numbers([p_value(row['p']), p_value(row['p_holm'])])}</tr>"
        for row in differences.to_dict("records")
    ]
    return html_table(head, rows).html


def _metrics(found: Findings) -> str:
    """Which direction each metric has, and where that comes from."""
    from replication.reporting.agreement import html_table

    head = "".join(f"<th scope='col'>{title}</th>" for title in ("metric", "better", "direction"))
    rows = []
    for label, origin in found.table.origins.items():
        direction = found.table.scored.metrics[label].higher_is_better
        better = "" if direction is None else "higher" if direction else "lower"
        rows.append(f"<tr><th scope='row'>{escape(label)}</th><td>{better}</td><td>{_DIRECTIONS[origin]}</td></tr>")
    return html_table(head, rows).html


def _numbers(cells: Sequence[str]) -> str:
    return "".join(f"<td class='number'>{escape(cell)}</td>" for cell in cells)
