"""All lines of evidence on the gain, a row for each network and set, and whether its two estimates agree."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from replication.papers.msds.across import NO_SET, OWN
from replication.papers.msds.rules import judged_by
from replication.papers.msds.significance import MARGIN
from replication.papers.msds.study import LEARNED, LEVEL_0, Study
from replication.reporting.numbers import ALPHA, p_value, signed, signed_interval

Row = Mapping[Hashable, Any]


def lines_of_evidence(
    studies: Sequence[Study], compared: pd.DataFrame, across: pd.DataFrame, least: Mapping[str, float]
) -> pd.DataFrame:
    """The gain of MSDS over level 0 by every way that the page has, as text, a row for each network and set.

    compared: `adjusted` tests of the studies. across: of `across_sets`. least: the difference that a set shows in four
    of five cases, by its title. The column counts has "verdict" where the row counts in the verdicts, else "extension".
    """
    own = judged_by(studies)
    rows = []
    for of in studies:
        main, best = _main(compared, of), _best(compared, of)
        moved = _of(across, of, "tested_on")
        others = moved[~moved["weights_of"].isin((OWN, NO_SET))].to_dict("records")
        equal = moved[moved["weights_of"] == NO_SET].to_dict("records")[0]
        known = least.get(of.title, np.nan) if of in own else np.nan
        rows.append(
            {
                "network": f"{of.network}{'' if of.pretrained else ' (random weights)'}",
                "data set": of.title,
                "counts": "verdict" if of in own else "extension",
                "gain [95 %]": signed_interval(main["difference"], main["low"], main["high"]),
                "p, Holm": p_value(main["p_holm"]),
                "finding": finding(main),
                "seen in 4 of 5": f"{known:.3f}" if np.isfinite(known) else "",
                "on splits": signed(main["split_difference"]),
                "equal weights": _starred(equal),
                "weights of other sets": "; ".join(f"{row['weights_of']} {_starred(row)}" for row in others)
                or "one set",
                "minus best level": f"{signed(best['difference'])} ({best['second']})",
            }
        )
    return pd.DataFrame(rows)


def finding(main: Row) -> str:
    """Result of the tests of one difference: a gain, a loss, too small to matter, or not decided."""
    if main["p_holm"] < ALPHA:
        return "gain" if main["difference"] > 0 else "loss"
    return f"within {MARGIN:g}" if main["p_equivalent"] < ALPHA else "not decided"


def contradictions(studies: Sequence[Study], compared: pd.DataFrame) -> list[str]:
    """Studies of which the two estimates of one gain, that over all images and the mean over random splits, cannot
    both hold, in words: the second lies outside the 95 % interval of the first."""
    found = []
    for of in studies:
        main = _main(compared, of)
        if not main["low"] <= main["split_difference"] <= main["high"]:
            found.append(
                f"{of.network} on {of.title}: random splits have {signed(main['split_difference'])}, all images "
                f"{signed_interval(main['difference'], main['low'], main['high'])}."
            )
    return found


def where_scale_helps(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Types of distortion on which scale helps or hurts significantly (Holm over the types), a sentence for each table.

    tables: of `by_distortion`, by what they show.
    """
    lines = []
    for name, table in tables.items():
        if table.empty:
            lines.append(f"{name}: no type of distortion has enough images.")
            continue
        clear = table[table["p_holm"] < ALPHA]
        helped, hurt = (
            ", ".join(f"{row['distortion']} ({signed(row['gain'])})" for row in clear[chosen].to_dict("records"))
            for chosen in (clear["gain"] > 0, clear["gain"] < 0)
        )
        rest = len(table) - len(clear)
        lines.append(
            f"{name}: scale helps on {helped or 'no type'} and hurts on {hurt or 'no type'}; on {rest} of {len(table)} "
            "types no difference is significant."
        )
    return lines


def _of(table: pd.DataFrame, of: Study, column: str) -> pd.DataFrame:
    return table[(table["network"] == of.network) & (table[column] == of.title)]


def _main(compared: pd.DataFrame, of: Study) -> Row:
    part = _of(compared, of, "data_set")
    return part[(part["first"] == LEARNED) & (part["second"] == LEVEL_0)].to_dict("records")[0]


def _best(compared: pd.DataFrame, of: Study) -> Row:
    part = _of(compared, of, "data_set")
    return part[part["first"] == LEARNED].sort_values("srcc_second").to_dict("records")[-1]


def _starred(row: Row) -> str:
    return f"{signed(row['gain'])}{'*' if row['p_holm'] < ALPHA else ''}"
