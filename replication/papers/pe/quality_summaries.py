"""Summaries of the study of channel sets: counts and medians over layers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from replication.evaluation.subsets import rank_correlations
from replication.papers.pe.quality import CONTROL, EQUATION_1, Efficacy, layers_of, rated
from replication.reporting.numbers import ALPHA
from replication.scoring.channel_tables import ChannelDistances


def activation_strength(measured: Sequence[ChannelDistances], efficacy: Efficacy) -> pd.DataFrame:
    """Spearman's correlation of PE with energy and variance, by layer."""
    rows = []
    for each in rated(measured):
        for tap, pe in layers_of(each, efficacy):
            found = [float(rank_correlations(pe, part)[0]) for part in each.activity[tap]]
            silent = float(np.mean(np.asarray(pe) == 0))
            rows.append((each.title, each.backbone, tap, len(pe), *found, silent))
    return pd.DataFrame(rows, columns=["data_set", "network", "tap", "channels", "energy", "variance", "without_pe"])


def summary(differences: pd.DataFrame, by: Sequence[str] = ("weighting", "first", "second", "network")) -> pd.DataFrame:
    """`study`'s differences counted over layers, for each data set and `by`.

    Columns: layers, above, significantly_above, significantly_below (p_bh < 0.05), median, least, greatest.
    """
    rows = []
    keys = ["data_set", *by]
    for key, group in differences.groupby(keys, sort=False):
        significant = group["p_bh"] < ALPHA
        above = group["difference"] > 0
        values = group["difference"]
        counts = (len(group), int(above.sum()), int((above & significant).sum()), int((~above & significant).sum()))
        rows.append((*key, *counts, values.median(), values.min(), values.max()))
    counted = ["layers", "above", "significantly_above", "significantly_below", "median", "least", "greatest"]
    return pd.DataFrame(rows, columns=[*keys, *counted])


def summarise_sensitivity(table: pd.DataFrame) -> pd.DataFrame:
    """`sensitivity` over layers: counts h_above_f, f_above_l of layers; medians h_minus_f, f_minus_l, overlap, rank."""
    rows = []
    for key, group in table.groupby(["data_set", "choices"], sort=False):
        high, low = group["h"] - group["f"], group["f"] - group["l"]
        middle = (high.median(), low.median(), group["overlap"].median(), group["rank"].median())
        rows.append((*key, len(group), int((high > 0).sum()), int((low > 0).sum()), *middle))
    names = ["layers", "h_above_f", "f_above_l", "h_minus_f", "f_minus_l", "overlap", "rank"]
    return pd.DataFrame(rows, columns=["data_set", "choices", *names])


def summarise_chance(agreement: pd.DataFrame) -> pd.DataFrame:
    """`study`'s sets among random ones, over layers: layers, significant (p_bh < 0.05: better; for L worse), percentile
    (median), above_median (layers above the random sets' median)."""
    rows = []
    known = agreement[agreement["p"].notna()]
    for key, group in known.groupby(["data_set", "weighting", "set"], sort=False):
        above = int((group["srcc"] > group["chance_median"]).sum())
        rows.append((*key, len(group), int((group["p_bh"] < ALPHA).sum()), above, group["percentile"].median()))
    names = ["data_set", "weighting", "set", "layers", "significant", "above_median", "percentile"]
    return pd.DataFrame(rows, columns=names)


def summarise_as_loud(table: pd.DataFrame) -> pd.DataFrame:
    """`matched.against_as_loud` over layers: data_set, network, set, layers, significant (p_bh < 0.05), above_median,
    and the medians of percentile and energy."""
    rows = []
    for key, group in table.groupby(["data_set", "network", "set"], sort=False):
        above = int((group["srcc"] > group["matched_median"]).sum())
        middle = (group["percentile"].median(), group["energy"].median())
        rows.append((*key, len(group), int((group["p_bh"] < ALPHA).sum()), above, *middle))
    names = ["data_set", "network", "set", "layers", "significant", "above_median", "percentile", "energy"]
    return pd.DataFrame(rows, columns=names)


def medians(agreement: pd.DataFrame) -> pd.DataFrame:
    """Extensions for the scorecard, which the paper shows in figures only: SRCC of each set, median over layers."""
    own = agreement[(agreement["weighting"] == EQUATION_1) & ~agreement["set"].str.startswith(("A", "V"))]
    rows = []
    for (data_set, network, name), group in own.groupby(["data_set", "network", "set"], sort=False):
        note = f"median over {len(group)} layers, {group['srcc'].min():.3f} to {group['srcc'].max():.3f}"
        value, n = group["srcc"].median(), len(group)
        rows.append(("pe", f"channels by PE, {data_set}", network, name, "SRCC", value, np.nan, np.nan, n, note))
    names = ["paper", "table", "row", "column", "statistic", "value", "low", "high", "n", "note"]
    return pd.DataFrame(rows, columns=names)


def headline(differences: pd.DataFrame, agreement: pd.DataFrame, loud: pd.DataFrame) -> pd.DataFrame:
    """The result in a row for each data set and network: in how many layers the paper's two orders hold, and H-10 is
    above random sets and above sets as loud ("5 of 13, 2 significant"; p < 0.05, corrected).

    differences, agreement: of `study`; loud: of `matched.against_as_loud`. Equation 1 alone.
    """
    pairs, sets = (table[table["weighting"] == EQUATION_1] for table in (differences, agreement))
    high = f"H-{CONTROL}"
    compared = {
        f"{high} above F": pairs[(pairs["first"] == high) & (pairs["second"] == "F")],
        f"F above L-{CONTROL}": pairs[(pairs["first"] == "F") & (pairs["second"] == f"L-{CONTROL}")],
        f"{high} above random sets": sets[sets["set"] == high].assign(
            difference=lambda table: table["srcc"] - table["chance_median"]
        ),
        f"{high} above sets as loud": loud[loud["set"] == high].assign(
            difference=lambda table: table["srcc"] - table["matched_median"]
        ),
    }
    columns = {}
    for title, table in compared.items():
        known = table[table["difference"].notna()]
        groups = known.assign(
            above=known["difference"] > 0, clear=(known["difference"] > 0) & (known["p_bh"] < ALPHA)
        ).groupby(["data_set", "network"], sort=False)[["above", "clear"]]
        counts = groups.sum().join(groups.size().rename("layers"))
        columns[title] = counts.apply(lambda row: "{above} of {layers}, {clear} significant".format(**row), axis=1)
    return pd.DataFrame(columns).rename_axis(["data set", "network"])
