"""The tables of MSDS's page as text: what was run, estimates with their intervals, tests of differences."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from replication.absent import Absent
from replication.papers.msds.across import OWN
from replication.papers.msds.significance import MARGIN
from replication.reporting.numbers import ALPHA, p_value, signed, signed_interval
from replication.reporting.sanitise import md_escape
from replication.scoring.msds_levels import LevelScores


def lacks_weights(scores: LevelScores) -> bool:
    """True if there are no scores because the network's weights are not available, whatever the set."""
    return scores.absent is not None and scores.absent.kind == "weights"


def lacks_set(scores: LevelScores) -> bool:
    """True if there are no scores because the data set is not available."""
    return scores.absent is not None and scores.absent == Absent("data set", scores.absent.name)


def what_was_run(everything: Sequence[LevelScores]) -> list[str]:
    """Lines in Markdown: each set with its networks, then each network and set that was not run, once, and why."""
    lines = []
    here = [scores for scores in everything if not scores.absent]
    for name, first in {scores.name: scores for scores in reversed(here)}.items():
        own = [scores for scores in here if scores.name == name]
        pictures = first.table["reference"].nunique()
        networks = listed(f"{s.network}{' (random weights)' if s.weights.startswith('random') else ''}" for s in own)
        notes = "".join(f" {md_escape(remark[:1].upper() + remark[1:])}." for remark in first.remarks)
        lines.append(
            f"**{md_escape(first.title)}** ({md_escape(name)}), {len(first.table):,} images of {pictures} references, "
            f"with {md_escape(networks)}.{notes}"
        )
    for network, reason in {s.network: s.absent for s in everything if lacks_weights(s)}.items():
        lines.append(f"**{md_escape(network)}** was not run: {md_escape(reason)}.")
    absent = list(dict.fromkeys(scores.name for scores in everything if lacks_set(scores)))
    if absent:
        lines.append(
            f"**{md_escape(listed(absent))}** not available: `python -m replication data status` names the sources."
        )
    others = {s.absent: s for s in everything if s.absent and not lacks_weights(s) and not lacks_set(s)}
    return lines + [
        f"**{md_escape(scores.name)}** was not run: {md_escape(reason)}" for reason, scores in others.items()
    ]


def readable_tests(table: pd.DataFrame) -> pd.DataFrame:
    """`adjusted` tests as text, a row for each pair: what is reported."""
    rows = [
        {
            **_pair(row),
            "SRCC": f"{row['srcc_first']:.3f}, {row['srcc_second']:.3f}",
            "difference [95 %]": signed_interval(row["difference"], row["low"], row["high"]),
            "q": signed(row["q"]),
            "p": p_value(row["p"]),
            "p, Holm": p_value(row["p_holm"]),
            "p, BH": p_value(row["p_bh"]),
            f"within {MARGIN:g}?": _shown(row["p_equivalent"]),
        }
        for row in table.to_dict("records")
    ]
    return pd.DataFrame(rows)


def readable_others(table: pd.DataFrame) -> pd.DataFrame:
    """The same pairs by the other tests."""
    rows = [
        {
            **_pair(row),
            "on splits": signed(row["split_difference"]),
            "p, t": p_value(row["p_splits"]),
            "p, Wilcoxon": p_value(row["p_wilcoxon"]),
            "p, Williams": p_value(row["p_williams"]),
            "p, Meng": p_value(row["p_meng"]),
            "Zou": f"{signed(row['zou_low'])} to {signed(row['zou_high'])}",
            "F": f"{row['ratio']:.3f}",
            "p, F": p_value(row["p_f"]),
            "p, Pitman": p_value(row["p_pitman_morgan"]),
            "kurtosis": f"{row['kurtosis']:.1f}",
        }
        for row in table.to_dict("records")
    ]
    return pd.DataFrame(rows)


def readable_across(across: pd.DataFrame) -> pd.DataFrame:
    """`across_sets` as text, a row for each network, set and origin of the weights."""
    rows = []
    for row in across.to_dict("records"):
        behind = signed_interval(row["minus_own"], row["minus_own_low"], row["minus_own_high"])
        rows.append(
            {
                "network": row["network"],
                "tested on": row["tested_on"],
                "weights of": row["weights_of"],
                "SRCC": f"{row['srcc']:.3f}",
                "gain [95 %]": signed_interval(row["gain"], row["low"], row["high"]),
                "p": p_value(row["p"]),
                "p, Holm": p_value(row["p_holm"]),
                f"within {MARGIN:g}?": _shown(row["p_equivalent"]),
                "minus own weights [95 %]": "" if row["weights_of"] == OWN else behind,
                "as own?": "" if row["weights_of"] == OWN else _shown(row["p_as_own"]),
            }
        )
    return pd.DataFrame(rows)


def readable_costs(cost: pd.DataFrame) -> pd.DataFrame:
    """`costs` with a row for each network: operations of one level, and times of it for more."""
    one = cost[cost["levels"] == 1].set_index("network")[["tap", "operations"]]
    times = cost[cost["levels"] > 1].pivot(index="network", columns="levels", values="times")
    closed = cost.drop_duplicates("levels").set_index("levels")["closed_form"]
    times.columns = [f"{levels} levels" for levels in times]
    table = one.rename(columns={"operations": "10^9 operations of one level"}).join(times)
    table.loc["closed form"] = ["", float("nan"), *closed[closed.index > 1]]
    return table.rename_axis(None)


def readable_weights(weights: pd.DataFrame) -> pd.DataFrame:
    """Weights of several studies, a row for each: by level the weight with its interval, and its contribution."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for row in weights.to_dict("records"):
        own = rows.setdefault((row["network"], row["data_set"]), {})
        limits = f"{row['weight']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
        own[f"level {row['level']}"] = f"{limits}, contribution {row['contribution']:.2f}"
    return pd.DataFrame([{"network": network, "data set": name, **own} for (network, name), own in rows.items()])


def readable(table: pd.DataFrame, estimate: str) -> pd.DataFrame:
    """A table for a page: `estimate` with its low and high in one column, numbers with three decimals; differences have
    their sign; a change of nothing is called the default."""
    shown = table.drop(columns=["low", "high"]).copy()
    limits = table[[estimate, "low", "high"]].itertuples(index=False, name=None)
    plain = estimate == "srcc"
    shown[estimate] = [_estimate(row, plain, estimate == "change") for row in limits]
    for name in shown.select_dtypes("float"):
        shown[name] = [signed(value) if name == "gain" else f"{value:.3f}" for value in shown[name]]
    return shown.rename(columns={estimate: f"{estimate} [95 %]"}).rename(columns=_in_words)


def _estimate(row: tuple[float, float, float], plain: bool, change: bool) -> str:
    if change and row == (0, 0, 0):
        return "default"
    return signed_interval(*row).replace("+", "") if plain else signed_interval(*row)


def _in_words(column: str) -> str:
    return column.replace("srcc", "SRCC").replace("plcc", "PLCC").replace("_splits", ", splits").replace("_", " ")


def listed(names: Iterable[str]) -> str:
    """One, two and three: "a", "a and b", "a, b and c"."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _shown(p: float) -> str:
    return "yes" if p < ALPHA else "not shown"


def _pair(row: Mapping[Hashable, Any]) -> dict[str, str]:
    shown = {"data set": str(row["data_set"])} if "data_set" in row else {}
    first, second = (
        str(row[name]).removeprefix("MSDS, ").removesuffix(" weights").replace(" ", "\N{NO-BREAK SPACE}")
        for name in ("first", "second")
    )
    return {**shown, "pair": f"{first} \N{MINUS SIGN} {second}"}
