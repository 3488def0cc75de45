"""The first lines of a page: what came out, how its claims were judged, and whether the training counts."""

from collections.abc import Iterable
from html import escape

import pandas as pd

from replication.reporting.adequacy import Gate
from replication.reporting.tables import Html
from replication.reporting.verdicts import NOT_TESTED


def show_result(lines: Iterable[str], claims: pd.DataFrame, gates: Iterable[Gate] = ()) -> Html:
    """A list of `lines` (plain text), the verdicts counted in words, and the conditions of training that are not met.

    claims: of `verdicts.judged`. gates: of training, as `adequacy.Basis` has them.
    """
    items = [*lines, _verdicts(claims)]
    if met := list(gates):
        failed = [gate.name for gate in met if not gate.passed]
        items.append(
            f"Conditions of training: {len(met) - len(failed)} of {len(met)} met"
            + (f"; not met: {'; '.join(failed)}." if failed else ".")
        )
    return Html("<ul>\n" + "\n".join(f"<li>{escape(item)}</li>" for item in items) + "\n</ul>")


def _verdicts(claims: pd.DataFrame) -> str:
    words = [
        f"{row['verdict']} ({row['says']})" if row["verdict"] == NOT_TESTED else row["verdict"]
        for row in claims.to_dict("records")
    ]
    counted = [f"{words.count(word)} {word}" for word in dict.fromkeys(words)]
    return f"Claims: {len(words)}, of which {', '.join(counted)}."
