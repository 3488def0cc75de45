"""Matrices of channel distances of data sets with opinions or judgements, by name."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from replication.absent import AbsentError
from replication.datasets.catalogue import JUDGED
from replication.datasets.errors import DataError
from replication.datasets.rated import load
from replication.scoring.channel_tables import COLUMNS, JUDGED_COLUMNS, ChannelDistances
from replication.scoring.channels import Network, activity, measure
from replication.scoring.errors import absence
from replication.scoring.judged_sets import judged_pairs


def channel_distances_of(
    name: str,
    network: Network,
    *,
    options: Mapping[str, Any] | None = None,
    subsets: Sequence[str] | None = None,
    store: Path | None = None,
    scheduler: str | None = None,
    show_progress: bool = True,
) -> ChannelDistances:
    """The data set `name` of `datasets.load` or `datasets.load_judgements`, measured with every channel of a network.

    `absent` names what is missing where the set or the weights are missing or damaged.
    options: of `datasets.load`. subsets: of a judged set, the ones to measure; None is all. The rest: see `measure`.
    """
    how: dict[str, Any] = {"store": store, "scheduler": scheduler, "show_progress": show_progress}
    try:
        net = (replace(network, device=None) if scheduler else network).make()
    except (AbsentError, DataError) as error:
        return ChannelDistances.nothing(name, network.name, absence(error, "weights", network.name))
    try:
        if name in JUDGED:
            return _judged(name, network, net.weights, subsets, how)
        return _rated(name, network, net.weights, options or {}, how)
    except (AbsentError, DataError) as error:
        return ChannelDistances.nothing(name, network.name, absence(error, "data set", name))


def _rated(
    name: str, network: Network, weights: str, options: Mapping[str, Any], how: Mapping[str, Any]
) -> ChannelDistances:
    rated = load(name, **options)
    pairs = list(zip(rated.table["reference"], rated.table["distorted"], strict=True))
    found = measure(pairs, rated.images, network, label=f"{name}, {network.name}", **how)
    table = rated.table.assign(problem=found.problems)[[*COLUMNS, "kind"]].reset_index(drop=True)
    complete = table[table["problem"] == ""]
    if complete.empty:
        raise DataError(f"{name}: no pair could be measured; the first: {table['problem'].iloc[0]}")
    local = replace(network, device=None) if how["scheduler"] else network
    strength = activity(list(dict.fromkeys(complete["reference"])), rated.images, local)
    about = (rated.title, rated.licence, rated.source, rated.opinion, rated.remarks, rated.digest)
    return ChannelDistances(rated.name, *about, network.name, weights, table, found.distances, strength)


def _judged(
    name: str, network: Network, weights: str, subsets: Sequence[str] | None, how: Mapping[str, Any]
) -> ChannelDistances:
    judged = judged_pairs(name, subsets)
    pairs = list(zip(judged.table["reference"], judged.table["distorted"], strict=True))
    of = judged.judgements
    found = measure(pairs, of.images, network, label=f"{name}, {network.name}", **how)
    table = judged.table.assign(problem=found.problems)[list(JUDGED_COLUMNS)]
    about = (of.title, of.licence, of.source, None, judged.remarks, judged.digest)
    return ChannelDistances(of.name, *about, network.name, weights, table, found.distances, {})
