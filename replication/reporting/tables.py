"""Published and replicated numbers side by side, as HTML for JupyterLab, the rendered page and print."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from replication.reporting.numbers import MISSING, minus
from replication.reporting.verdicts import (
    CLOSE,
    CONTRADICTS,
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOT_RUN,
    NOT_TESTED,
    REPRODUCED,
    RULE,
    SUPPORTS,
)

_SIGNS = {
    REPRODUCED: "\N{CHECK MARK}",
    CLOSE: "\N{ALMOST EQUAL TO}",
    NOT_REPRODUCED: "\N{MULTIPLICATION X}",
    NOT_TESTED: "\N{WHITE CIRCLE}",
    NOT_RUN: "\N{EN DASH}",
    SUPPORTS: "\N{NORTH EAST ARROW}",
    INCONCLUSIVE: "\N{LEFT RIGHT ARROW}",
    CONTRADICTS: "\N{SOUTH EAST ARROW}",
}
_A_FEW_WORDS = 40  # characters
VERDICT_CSS = """
.verdict { display: inline-block; padding: 0 .5em; border-radius: .6em; font-size: .92em; font-weight: 600;
  white-space: nowrap; color: var(--none, #56606a); background: var(--none-tint, #e9edf0); }
.verdict.reproduced { color: var(--good, #00654f); background: var(--good-tint, #dff3ec); }
.verdict.close { color: var(--near, #7a5200); background: var(--near-tint, #fdf0d2); }
.verdict.not-reproduced { color: var(--bad, #a02c06); background: var(--bad-tint, #fde6dc); }
.verdict.supports { color: var(--good, #00654f); background: none; }
.verdict.inconclusive { color: var(--near, #7a5200); background: none; }
.verdict.contradicts { color: var(--bad, #a02c06); background: none; }
table.sides td.number { text-align: right; white-space: nowrap; }
table.sides th.number { text-align: right; }
table.sides th, table.sides td { text-align: left; }
table.sides tr.group th { padding-top: .9em; font-weight: 700; border-bottom: 2px solid var(--line, #dfe3e8); }
table.sides .interval { opacity: .72; font-size: .92em; }
table.sides.claims tbody th { min-width: 15rem; max-width: 26rem; }
table.sides.claims td:nth-child(3) { min-width: 12rem; }
table.sides.claims td:nth-child(4) { opacity: .72; font-size: .92em; }
@media (max-width: 40rem) {
  table.sides .interval { display: block; font-size: .86em; }
  table.sides .difference { display: none; }
  table.sides { font-size: .84rem; }
  table.sides :is(th, td) { padding-inline: .25rem; vertical-align: top; }
  table.sides thead th, table.sides .verdict { white-space: normal; }
  table.sides .verdict { font-size: .86em; line-height: 1.25; padding: .1em .35em; }
  table.sides.claims thead { display: none; }
  table.sides.claims :is(tr, td, th) { display: block; max-width: none; padding-block: .15rem; }
  table.sides.claims tr { padding: .5rem 0; }
}
"""


@dataclass(frozen=True)
class Html:
    """HTML that a notebook shows when it is the last value of a cell."""

    html: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return "<table>"


def show_frame(
    frame: pd.DataFrame,
    formats: str | Mapping[Any, str] | None = None,
    *,
    precision: int | None = None,
    na_rep: str | None = None,
    index: bool = True,
    caption: str = "",
) -> Html:
    """A table as pandas draws it, all names in it as text.

    formats: of all numbers, or by column, as for `str.format`; precision: decimals of the columns without one; na_rep:
    text of a missing value; index: whether the index is shown; caption: plain text above.
    """
    if isinstance(formats, str):
        formats = dict.fromkeys(frame.select_dtypes("number").columns, formats)
    named = frame.rename_axis(index=_escape_name, columns=_escape_name)
    styler = named.style.format(
        None if formats is None else dict(formats), precision=precision, na_rep=na_rep, escape="html"
    )
    for axis in (0, 1):
        styler = styler.format_index(escape="html", axis=axis)
    if not index:
        styler = styler.hide(axis="index")
    if caption:
        styler = styler.set_caption(escape(caption))
    return Html(styler.to_html())


def _escape_name(name: Hashable) -> Hashable:
    return escape(name) if isinstance(name, str) else name


def side_by_side(comparison: pd.DataFrame, extensions: pd.DataFrame | None = None, *, rule: bool = True) -> Html:
    """A table of `verdicts.compare(...)`: published, ours with interval, difference, verdict in words and colour.

    Rows are grouped by column and statistic ('Set5, PSNR'); `rule` adds how verdicts are reached. `extensions`, if
    there are any, follow in a table of their own.
    """
    note = f"<p><small>{escape(RULE)}</small></p>" if rule else ""
    added = "" if extensions is None or extensions.empty else f"<p>Not in the paper:</p>{extensions_table(extensions)}"
    return Html(f"<style>{VERDICT_CSS}</style>\n{values_table(comparison)}{note}{added}")


def values_table(comparison: pd.DataFrame) -> str:
    """The table of `side_by_side` without its style. What keeps several values from a test is said once, above."""
    remarks = [_remark(row) for row in comparison.to_dict("records")]
    shared = _Shared.of(remarks)
    ours = "ours [95\N{NO-BREAK SPACE}% interval]"
    head = _head(
        [
            ("", "method"),
            ("number", "published"),
            ("number", ours),
            ("number difference", "difference"),
            ("", "verdict"),
        ]
    )
    bodies = []
    for (column, statistic), group in comparison.groupby(["column", "statistic"], sort=False):
        title = f'<tr class="group"><th colspan="5" scope="rowgroup">{escape(f"{column}, {statistic}")}</th></tr>'
        bodies.append(f"<tbody>{title}{''.join(_value(row, shared) for row in group.to_dict('records'))}</tbody>")
    table = f'<table class="sides"><thead>{head}</thead>{"".join(bodies)}</table>'
    return f'{shared.said}<div class="scroll">{table}</div>'


def claims_table(claims: pd.DataFrame) -> str:
    """A table of `verdicts.compare_claims(...)`: statement, verdict, evidence, where the paper says it.

    The rule that led to the verdict is folded below the evidence. What keeps several claims from a test is said once,
    above.
    """
    shared = _Shared.of(_untested(row) for row in claims.to_dict("records"))
    head = _head([("", "claim"), ("", "verdict"), ("", "evidence"), ("", "source")])
    rows = "".join(
        f"<tr><th scope='row'>{escape(row['statement'])}</th><td>{pills(row['verdict'], row['says'])}</td>"
        f"<td>{_evidence(row, shared)}</td><td>{escape(_source(row))}</td></tr>"
        for row in claims.to_dict("records")
    )
    table = f'<table class="sides claims"><thead>{head}</thead><tbody>{rows}</tbody></table>'
    return f'{shared.said}<div class="scroll">{table}</div>'


def extensions_table(extensions: pd.DataFrame) -> str:
    """Numbers that no paper has printed, grouped by the table they belong to."""
    head = _head([("", "method"), ("", "on"), ("", "statistic"), ("number", "ours"), ("", "note")])
    bodies = []
    for table, group in extensions.groupby("table", sort=False):
        rows = "".join(
            f"<tr><th scope='row'>{escape(row['row'])}</th><td>{escape(row['column'])}</td>"
            f"<td>{escape(row['statistic'])}</td>"
            f"<td class='number'>{_ours(row['value'], row['low'], row['high'], 4)}</td>"
            f"<td>{escape(row['note'])}</td></tr>"
            for row in group.to_dict("records")
        )
        title = f'<tr class="group"><th colspan="5" scope="rowgroup">{escape(str(table))}</th></tr>'
        bodies.append(f"<tbody>{title}{rows}</tbody>")
    return f'<div class="scroll"><table class="sides"><thead>{head}</thead>{"".join(bodies)}</table></div>'


def pill(verdict: str) -> str:
    """A verdict in words, sign and colour."""
    return f'<span class="verdict {verdict.replace(" ", "-")}">{_SIGNS[verdict]} {verdict}</span>'


def pills(verdict: str, says: str = "") -> str:
    """A verdict, and what numbers say that are no test."""
    return f"{pill(verdict)}<br>{pill(says)}" if says else pill(verdict)


def show_claims(claims: pd.DataFrame) -> Html:
    """`claims_table` for a notebook."""
    return Html(f"<style>{VERDICT_CSS}</style>\n{claims_table(claims)}")


@dataclass(frozen=True)
class _Shared:
    """Remarks of more than a few words that several rows of a table have, by their numbers."""

    numbers: Mapping[str, int]

    @classmethod
    def of(cls, remarks: Iterable[str]) -> "_Shared":
        often = [text for text, count in Counter(remarks).items() if count > 1 and len(text) > _A_FEW_WORDS]
        return cls({text: number for number, text in enumerate(often, start=1)})

    @property
    def said(self) -> str:
        """All of them, to be put above the table."""
        lines = "<br>".join(f"({number}) {escape(text)}" for text, number in self.numbers.items())
        return f"<p><small>{lines}</small></p>" if lines else ""

    def short(self, remark: str) -> str:
        """The number of a remark that is said above, or the remark."""
        return f"({self.numbers[remark]})" if remark in self.numbers else escape(remark)


def _untested(claim: Mapping[Hashable, Any]) -> str:
    return f"Not tested: {claim['untested']}." if claim["untested"] else ""


def _evidence(claim: Mapping[Hashable, Any], shared: _Shared) -> str:
    untested = shared.short(_untested(claim))
    parts = [f"<em>{untested}</em>"] if untested else []
    parts.append(escape(claim["reason"]))
    if claim["rule"]:
        parts.append(f"<details><summary>Rule of {escape(claim['fixed'])}</summary>{escape(claim['rule'])}</details>")
    return " ".join(parts)


def _source(claim: Mapping[Hashable, Any]) -> str:
    return f"{claim['source']}; our reading of its numbers" if claim["kind"] == "derived" else claim["source"]


def _value(values: Mapping[Hashable, Any], shared: _Shared) -> str:
    decimals = len(values["printed"].partition(".")[2])
    difference = "" if pd.isna(values["difference"]) else _number(values["difference"], decimals, sign="+")
    words = shared.short(_remark(values))
    return (
        f"<tr><th scope='row'>{escape(values['row'])}</th><td class='number'>{escape(values['printed'])}</td>"
        f"<td class='number'>{_ours(values['ours'], values['low'], values['high'], decimals)}</td>"
        f"<td class='number difference' title='{escape(values['reason'])}'>{difference}</td>"
        f"<td>{pills(values['verdict'], values['says'])}{f' <small>{words}</small>' if words else ''}</td></tr>"
    )


def _remark(values: Mapping[Hashable, Any]) -> str:
    """Why a value is no test, or a note on it, after where it comes from."""
    words = values["reason"] if values["verdict"] in (NOT_RUN, NOT_TESTED) else values["note"]
    if values["origin"]:
        words = f"{values['origin']}{f': {words}' if words else ''}"
    return str(words)


def _ours(value: float, low: float, high: float, decimals: int) -> str:
    if pd.isna(value):
        return MISSING
    interval = ""
    if not (pd.isna(low) or pd.isna(high)):
        interval = f' <span class="interval">[{_number(low, decimals)}, {_number(high, decimals)}]</span>'
    return _number(value, decimals) + interval


def _number(value: float, decimals: int, sign: str = "") -> str:
    return minus(f"{value + 0.0:{sign}z.{decimals}f}")


def _head(entries: Iterable[tuple[str, str]]) -> str:
    cells = (f'<th scope="col"{f" class={kind!r}" if kind else ""}>{escape(text)}</th>' for kind, text in entries)
    return f"<tr>{''.join(cells)}</tr>"
