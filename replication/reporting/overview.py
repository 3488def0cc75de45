"""The first table of the scorecard: how many values and claims have which verdict, by paper, on one screen."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd

from replication.reporting import tables, verdicts
from replication.reporting.verdicts import NOT_TESTED, SAYS, VERDICTS

_SAY = {verdicts.SUPPORTS: "support", verdicts.CONTRADICTS: "contradict"}
_COLUMNS = [
    (verdict, says) for verdict in VERDICTS for says in (SAYS if verdict == NOT_TESTED else ("",))
]  # what is not tested counts by what it says


def overview(papers: Sequence[Any], values: pd.DataFrame, claims: pd.DataFrame) -> str:
    """Table of the numbers of values and claims, of each paper and of all, by verdict. It is narrow enough for a phone.

    papers: records with paper and title; values, claims: of `verdicts.compare` and `compare_claims`.
    """
    bodies = []
    for paper in papers:
        link = f'<a href="#{escape(paper["paper"])}">{escape(paper["title"])}</a>'
        own = [judged[judged["paper"] == paper["paper"]] for judged in (values, claims)]
        bodies.append(_body(link, *own))
    bodies.append(_body("All papers", values, claims))
    head = "".join(f"<th scope='col' class='number'>{tables.pills(*column)}</th>" for column in _COLUMNS)
    return (
        f'<div class="scroll"><table class="sides overview"><thead><tr><td></td>{head}</tr></thead>'
        f"{''.join(bodies)}</table></div>"
    )


def in_words(judged: pd.DataFrame) -> str:
    """Counts of verdicts: "2 reproduced, 3 not tested (1 support, 2 contradict)"."""
    texts = []
    for verdict in VERDICTS:
        says = Counter(judged.loc[judged["verdict"] == verdict, "says"])
        words = ", ".join(f"{says[word]} {_SAY.get(word, word)}" for word in SAYS if says[word])
        if total := says.total():
            texts.append(f"{total} {verdict}{f' ({words})' if words else ''}")
    return ", ".join(texts)


def proportions(verdicts_: pd.Series) -> str:
    """A bar with a part for each verdict, as long as its share."""
    counts = Counter(verdicts_)
    parts = "".join(
        f'<i class="{verdict.replace(" ", "-")}" style="flex-grow:{counts[verdict]}"></i>'
        for verdict in VERDICTS
        if counts[verdict]
    )
    return f'<span class="proportions" aria-hidden="true">{parts}</span>'


def _body(title: str, values: pd.DataFrame, claims: pd.DataFrame) -> str:
    rows = [f'<tr class="group"><th colspan="{len(_COLUMNS) + 1}">{title}</th></tr>']
    for kind, judged in _parts(values, claims).items():
        if len(judged):
            cells = "".join(f"<td class='number'>{_count(judged, *column)}</td>" for column in _COLUMNS)
            rows.append(f"<tr><th scope='row'>{kind}</th>{cells}</tr>")
    return f"<tbody>{''.join(rows)}</tbody>"


def _parts(values: pd.DataFrame, claims: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of a paper. Values computed from images and those from scores of others are counted apart."""
    others = values["origin"] == verdicts.OF_OTHERS
    return {"values": values[~others], f"values from {verdicts.OF_OTHERS}": values[others], "claims": claims}


def _count(judged: pd.DataFrame, verdict: str, says: str) -> str:
    number = int(((judged["verdict"] == verdict) & (judged["says"] == says)).sum())
    return str(number) if number else ""
