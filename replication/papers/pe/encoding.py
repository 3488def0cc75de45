"""Paper 4, figure 6: what channels of high and low efficacy prefer and encode, beside untrained networks."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from replication.features.csf import peak
from replication.papers.pe import rules
from replication.papers.pe.channels import Measured, layer_table
from replication.reporting.adequacy import Basis
from replication.reporting.verdicts import judged

NETWORKS = {"vgg16": "VGG16", "alexnet": "AlexNet"}
"""The networks of the paper's figure; all others are extensions."""
QUANTITIES = {"mid-frequency": ("octaves", "octaves"), "achromatic": ("colour", "chroma")}
"""Claim -> column of `layer_table`, column of the pictures: of which H-10 has less, the paper says."""
LAYER, PICTURE = ["backbone", "tap"], ["backbone", "tap", "picture"]


def untrained_layers(controls: Sequence[Mapping[str, Measured]], csf: str) -> pd.DataFrame:
    """`layer_table` of untrained networks, one mapping for each seed, with a column `seed` that counts them."""
    tables = [layer_table(each, csf).assign(seed=number) for number, each in enumerate(controls) if each]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*LAYER, "seed"])


def tuning_cases(layers: pd.DataFrame, control: pd.DataFrame, claim: str) -> pd.DataFrame:
    """By layer, how far H-10 is before L-10 in what a claim is about: backbone, tap, advantage, control (the largest
    of the untrained networks), nearer (advantage > 0), holds (nearer, and by more than the control).

    The largest, as an untrained network is beyond the mean of others in half of its layers.

    advantage: of "mid-frequency" the octaves between the CSF's peak and the median preferred frequency, L-10 minus
    H-10; of "achromatic" the mean share of colour in the answers. Layers where it is not defined, for the trained or
    the untrained networks, are left out.
    """
    column, _ = QUANTITIES[claim]
    if layers.empty or control.empty:
        return pd.DataFrame(columns=[*LAYER, "advantage", "control", "nearer", "holds"])
    own, of_control = (
        table.assign(advantage=table[f"{column}_low"] - table[f"{column}_high"]).groupby(LAYER, sort=False)["advantage"]
        for table in (layers, control)
    )
    cases = own.mean().to_frame().join(of_control.max().rename("control")).dropna()
    nearer = cases["advantage"] > 0
    holds = nearer & (cases["advantage"] > cases["control"])
    return cases.assign(nearer=nearer, holds=holds).reset_index()


def picture_cases(pictures: pd.DataFrame, control: pd.DataFrame, claim: str, csf: str) -> pd.DataFrame:
    """By inverted picture, the same: backbone, tap, picture, advantage, control, nearer, beyond, holds.

    pictures, control: of `channels.invert_sets`, of trained and untrained networks, with the sets H-10, L-10 and
    original. advantage: of "mid-frequency" the octaves between the CSF's peak and the spectral centroid of the picture,
    L-10 minus H-10; of "achromatic" the share of colour in the contrast. beyond: H-10's picture has less of it than the
    original. holds: all of nearer, beyond, and by more than the control.
    """
    _, column = QUANTITIES[claim]
    own, of_control = (
        table.assign(octaves=np.abs(np.log2(table["centroid"].astype(float) / peak(csf)))).pivot(
            index=PICTURE, columns="set", values=column
        )
        for table in (pictures, control)
    )
    if not {rules.HIGH, rules.LOW} <= {*own} or not {rules.HIGH, rules.LOW} <= {*of_control}:
        return pd.DataFrame(columns=[*PICTURE, "advantage", "control", "nearer", "beyond", "holds"])
    advantage = (own[rules.LOW] - own[rules.HIGH]).rename("advantage")
    cases = pd.DataFrame({"advantage": advantage, "control": of_control[rules.LOW] - of_control[rules.HIGH]})
    beyond = (own[rules.HIGH] < own["original"]).reindex(cases.index)
    cases = cases.assign(nearer=cases["advantage"] > 0, beyond=beyond).dropna()
    holds = cases["nearer"] & cases["beyond"].astype(bool) & (cases["advantage"] > cases["control"])
    return cases.assign(holds=holds).reset_index()


def judge(
    layers: pd.DataFrame,
    control: pd.DataFrame,
    pictures: pd.DataFrame,
    control_pictures: pd.DataFrame,
    csf: str,
    *,
    weights: str = "",
) -> pd.DataFrame:
    """Verdicts on `mid-frequency` and `achromatic`: the columns of claims.csv. weights: what differs from the paper's.

    The claim is about channels, whatever the picture, and the paper does not name its own; so that other pictures test
    it as well.
    """
    tables = [table[table["backbone"].isin(NETWORKS)] for table in (layers, control, pictures, control_pictures)]
    own, untrained, made, made_untrained = tables
    outcomes = {
        claim: rules.encodes(tuning_cases(own, untrained, claim), picture_cases(made, made_untrained, claim, csf))
        for claim in QUANTITIES
    }
    lacking = [title for name, title in NETWORKS.items() if name not in set(made["backbone"])]
    about = f"gratings, and {made['picture'].nunique()} photos"
    missing = f"without {', '.join(lacking)}" if lacking else ""
    return judged(rules.PAPER, outcomes, Basis("own", about, weights=weights, missing=missing))


def counted(layers: Mapping[str, pd.DataFrame], control: pd.DataFrame) -> pd.DataFrame:
    """A row for each network and kind of weights: medians over its layers of what H-10 and L-10 prefer, in how many
    layers H-10 is before L-10, and in how many by more than the untrained network ("3 of 4").
    """
    rows = []
    for weights, table in layers.items():
        for name, part in table.groupby("backbone", sort=False):
            middle = part[["frequency_high", "frequency_low", "colour_high", "colour_low"]].median()
            row = {"weights": weights, "backbone": name} | middle.to_dict()
            for claim, (column, _) in QUANTITIES.items():
                known = (part[f"{column}_low"] - part[f"{column}_high"]).dropna()
                row[claim] = f"{(known > 0).sum()} of {len(known)}"
                cases = tuning_cases(part, control, claim)
                beside = len(cases) and table is not control
                row[f"{claim}, beyond untrained"] = f"{cases['holds'].sum()} of {len(cases)}" if beside else ""
            rows.append(row)
    return pd.DataFrame(rows)


def about(summary: pd.DataFrame, claim: str) -> pd.DataFrame:
    """The columns of `counted` that one claim is about, named for reading."""
    quantity = {"mid-frequency": "frequency", "achromatic": "colour"}[claim]
    named = {"weights": "weights", "backbone": "network", f"{quantity}_high": "H-10", f"{quantity}_low": "L-10"}
    named |= {claim: "H-10 before L-10", f"{claim}, beyond untrained": "beyond untrained"}
    return summary[[*named]].rename(columns=named)
