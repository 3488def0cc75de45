"""Paper 3: the paper's claims judged from gains in correlation, ours or as printed. The rules: paper.toml."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from replication.evaluation import holm
from replication.papers.smic.gains import Family, correlation, steps
from replication.papers.smic.tables import MEASURES, OTHERS, PAPER, SETS
from replication.reporting import published as papers
from replication.reporting.adequacy import Basis, combined
from replication.reporting.numbers import ALPHA, signed
from replication.reporting.paper_sets import basis, only_exact, standing_for
from replication.reporting.verdicts import CLOSE, NOT_REPRODUCED, NOT_RUN, REPRODUCED
from replication.scoring.scored import Scored

MOST = 0.9  # of the gains are positive: 59 of the 60 printed ones are, 54 of 60 would still be "consistently"
NETWORK = "vgg16"
OTHER_SETS = ("PIPAL", "QADS")  # distortions by generative networks and by super-resolution
HALF_OF_SIX = len(OTHERS) / 2
NO_RECORD_OF_PEOPLE = Basis("own", protocol="a model of visibility in place of a record of what people see")

Outcome = tuple[str, str]


def printed_gains(first: str = "{}", second: str = "{} w/ SMIC", table: str = "table1") -> pd.DataFrame:
    """Differences of the second row from the first in the paper's own table.

    Columns: measure, column, statistic, difference, low, high (both the difference: printed without interval), p (0).
    """
    printed = papers.values(PAPER, table).set_index(["row", "column", "statistic"])["value"]
    rows = [
        (measure, title, statistic, round(printed[second.format(measure), title, statistic] - printed[key], 6))
        for measure in MEASURES
        for title in SETS
        for statistic in ("SRCC", "PLCC")
        if (key := (first.format(measure), title, statistic)) in printed.index
    ]
    table_ = pd.DataFrame(rows, columns=["measure", "column", "statistic", "difference"])
    return table_.assign(low=table_["difference"], high=table_["difference"], p_holm=0.0)


def sets_of(scored: Mapping[str, Scored], columns: Mapping[str, str]) -> dict[str, Scored]:
    """The scores from which claims are judged, by column of the table; all that was scored where no set is the paper's.

    columns: column of the table -> name of the data set.
    """
    found = {title: each for title, name in columns.items() if (each := standing_for(name, scored.values()))}
    return found or {each.title: each for each in scored.values() if len(each.table)}


def networks_of(families: Sequence[Family]) -> list[Family]:
    """The families of the paper's network; all where there are none."""
    return [family for family in families if family.network == NETWORK] or list(families)


def own_gains(
    sets: Mapping[str, Scored], families: Mapping[str, Sequence[Family]], between: tuple[str, str], *, seed: int = 0
) -> pd.DataFrame:
    """The same gains from our scores, each tested on the same images, with the columns before, after, n and references.

    sets: of `sets_of`; only the official images of each are used. families: by the scores' name. between: two
    attributes of a Family, such as ("plain", "local"). p_holm: Holm's correction over all rows.
    """
    found = []
    for title, scored in sets.items():
        own = networks_of(families[scored.name])
        table = steps(only_exact(scored), own, {"gain": between}, seed=seed)
        found.append(table.assign(column=title))
    columns = ["measure", "column", "statistic", "before", "after", "difference", "low", "high", "p", "n", "references"]
    if not found:
        return pd.DataFrame(columns=[*columns, "p_holm"])
    gains = pd.concat(found, ignore_index=True)[columns]
    return gains.assign(p_holm=holm(gains["p"].to_numpy(float)))


def consistent(gains: pd.DataFrame) -> Outcome:
    """The rule of "consistent-gain", "generalises" and "smic-over-mic", from `own_gains` or `printed_gains`."""
    if gains.empty:
        return NOT_RUN, "none of the gains could be computed"
    falls = (gains["high"] < 0) & (gains["p_holm"] < ALPHA)
    rises = (gains["low"] > 0) & (gains["p_holm"] < ALPHA)
    positive = gains["difference"] > 0
    least = gains.sort_values("difference", kind="stable").iloc[0]
    evidence = (
        f"{positive.sum()} of {len(gains)} gains are positive, {rises.sum()} significantly; {falls.sum()} are "
        f"significantly negative. The least is {signed(least['difference'])} ({least['measure']}, {least['column']}, "
        f"{least['statistic']})."
    )
    if falls.any() or positive.mean() <= 0.5:
        return NOT_REPRODUCED, evidence
    return (REPRODUCED if positive.mean() >= MOST else CLOSE), evidence


def beats(values: pd.DataFrame) -> Outcome:
    """The rule of "psnr-beats-sota". values: row, column, statistic, value."""
    wide = values[values["statistic"] == "SRCC"].pivot(index="row", columns="column", values="value")
    wide = wide.reindex(["PSNR w/ SMIC", *OTHERS])
    said, outcomes = [], []
    for title in wide.columns:
        own, rivals = float(wide[title].iloc[0]), wide[title].iloc[1:].dropna()
        if np.isnan(own) or rivals.empty:
            continue
        behind = int((rivals < own).sum())
        unknown = len(OTHERS) - len(rivals)
        said.append(f"{title}: ahead of {behind} of {len(rivals)}")
        outcomes.append(True if behind > HALF_OF_SIX else False if behind + unknown <= HALF_OF_SIX else None)
    evidence = f"{'; '.join(said)}." if said else "PSNR with SMIC and the six others could not be computed on any set."
    if any(outcomes):
        return REPRODUCED, evidence
    if not outcomes or None in outcomes:
        return NOT_RUN, f"{evidence} Too few of the six others could be computed to decide."
    return NOT_REPRODUCED, evidence


def standing_values(sets: Mapping[str, Scored], methods: Mapping[str, str | None]) -> pd.DataFrame:
    """SRCC of the methods that `beats` compares, each column from one source: the official images of `sets`.

    A column without a set of ours has no values: scores of others on a whole set do not stand beside ours on a part.
    """
    rows = []
    for title, scored in sets.items():
        official = only_exact(scored)
        for row in ("PSNR w/ SMIC", *OTHERS):
            label = methods.get(row)
            if label is not None and label in official.metrics and not official.metrics[label].absent:
                rows.append((row, title, "SRCC", correlation(official, label).srcc))
    return pd.DataFrame(rows, columns=["row", "column", "statistic", "value"])


def where_visible(means: Mapping[str, pd.DataFrame]) -> Outcome:
    """The rule of "attention-where-visible". means: title of a set -> its `pictures.visibility_means`."""
    said, high, nearer = [], [], []
    rows = [(title, *each) for title, table in means.items() for each in table.groupby("metric", sort=False)]
    for title, metric, part in rows:
        by_map = part.set_index("map")
        attention, distortion, product = (by_map.loc[kind] for kind in ("attention", "distortion", "product"))
        ends = f"[{attention['low']:.2f}, {attention['high']:.2f}]"
        where = f" on {title}" if len(means) > 1 else ""
        said.append(
            f"{metric}{where}: attention {attention['mean']:.2f} {ends}, "
            f"its own map of distortion {distortion['mean']:.2f}, their product {product['mean']:.2f}"
        )
        high.append(attention["low"] > 0)
        nearer.append(product["low"] > distortion["high"])
    if not said:
        return NOT_RUN, "no map was compared"
    evidence = f"Mean rank correlations with MAD's map of visible error: {'; '.join(said)}."
    if all(high) and sum(nearer) > len(nearer) / 2:
        return REPRODUCED, evidence
    return (CLOSE if all(high) else NOT_REPRODUCED), evidence


def rests_on_some(outcome: Outcome, basis_: Basis, columns: Mapping[str, str], sets: Mapping[str, Scored]) -> Basis:
    """The basis of a claim that holds if it holds on one set: unless it does, the sets that were not scored count."""
    absent = [title for title in columns if title not in sets]
    if outcome[0] == REPRODUCED or not absent:
        return basis_
    return replace(basis_, protocol=f"the claim is about some set, and {', '.join(absent)} could not be tried")


def rests_on(
    sets: Mapping[str, Scored],
    families: Mapping[str, Sequence[Family]],
    columns: Mapping[str, str],
    needed: Sequence[str],
    measures: Sequence[str] = MEASURES,
) -> Basis:
    """The basis of a claim about all columns `needed` of a table and all `measures`.

    sets: of `sets_of`. families: by the scores' name. columns: column -> name of the data set.
    """
    of = {name: title for title, name in columns.items()}
    used, networks, weights = [], set(), set()
    for scored in sets.values():
        used.append(basis(scored, of=of))
        for family in networks_of(families[scored.name]):
            networks |= {family.network} - {NETWORK}
            made_with = str(scored.metrics[family.local or family.mic or family.plain].protocol.get("weights", ""))
            weights |= {"random weights"} if made_with.startswith("random") else set()
    computed = {family.measure for scored in sets.values() for family in networks_of(families[scored.name])}
    absent = [title for title in needed if title not in sets]
    lacking = [measure for measure in measures if measure not in computed]
    missing = [f"the claim also needs {', '.join(absent)}"] if absent else []
    missing += [f"not computed: {', '.join(lacking)}"] if lacking else []
    whole = combined(used, "; ".join(missing))
    network = f"attention from {', '.join(sorted(networks))} in place of {NETWORK}" if networks else ""
    return replace(whole, network=network, weights=", ".join(weights))
