"""The gain by attention as a sum of steps, among them the resizing alone."""

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from replication.datasets.rated import RatedSet
from replication.metrics import registry
from replication.metrics.attention import RESIZING
from replication.metrics.names import parse
from replication.metrics.registry import Metric
from replication.papers.smic.gains import Family
from replication.papers.smic.pictures import image_of
from replication.papers.smic.place import spaced, stored
from replication.reporting.figures import COLOURS, MARKERS
from replication.scoring.engine import score
from replication.scoring.rated_sets import metric_facts
from replication.scoring.scored import Scored
from replication.scoring.store import Store, code_version

STEPS = {
    "all": ("plain", "local"),
    "resizing": ("plain", "resized"),
    "the way of taking distances": ("resized", "none"),
    "one weight for the whole image": ("none", "level"),
    "where in the image": ("level", "local"),
}
"""From the metric as it is to the metric with attention, and the four steps of which this is the sum."""


def of_some_images(scored: Scored, most: int) -> Scored:
    """The scores of at most that many images, evenly spaced over the table."""
    chosen = set(spaced(list(dict.fromkeys(scored.table["distorted"])), most))
    return replace(scored, table=scored.table[scored.table["distorted"].isin(chosen)].reset_index(drop=True))


def with_metrics(scored: Scored, labels: Sequence[str], data_set: RatedSet, store: Store) -> Scored:
    """The scores, and those of further metrics on the same images.

    labels: metrics; those that have scores already are not computed again. One whose weights are missing has no rows;
    its facts give the reason. store: of the scores of finished references.
    """
    facts = {label: metric_facts(label) for label in labels if label not in scored.metrics}
    tables = [scored.table]
    if available := [label for label, each in facts.items() if not each.absent]:
        same = data_set.table["distorted"].isin(set(scored.table["distorted"]))
        images = replace(data_set, table=data_set.table[same].reset_index(drop=True))
        tables.append(score(images, available, store=store.folder))
    return replace(scored, metrics={**scored.metrics, **facts}, table=pd.concat(tables, ignore_index=True))


def with_resized(scored: Scored, of: Sequence[Family], data_set: RatedSet, store: Store) -> tuple[Scored, list[Family]]:
    """The scores and those of the plain metrics of resized images, and the families with their labels.

    Families without one of the weightings "none", "level" and "local" are left out. The images are resized as for
    attention (`attention.RESIZING`), in place of DISTS's own resizing. DeepWSD with attention has DeepWSD's own rule,
    so that resizing changes nothing: its scores are taken again. store: of the scores of finished references.
    """
    complete = [each for each in of if each.plain and each.none and each.level and each.local]
    labels = list(dict.fromkeys(each.plain for each in complete))
    made = {label: _metric(label) for label in labels if not _has_own_rule(label)}
    images = scored.table.drop_duplicates("distorted")
    scores: dict[str, list[float]] = {}
    for reference, part in images.groupby("reference", sort=False):
        names = [str(reference), *map(str, part["distorted"])]
        key = (
            "resized",
            code_version(__name__),
            [data_set.images[name].digest() for name in names],
            [repr(each) for each in made.values()],
        )
        found = stored(store, functools.partial(_resized_scores, data_set, names, list(made.values())), *key)
        scores |= dict(zip(names[1:], found, strict=True))
    tables, metrics = [scored.table], dict(scored.metrics)
    for label in labels:
        title = _of_resized(label)
        own = scored.table[scored.table["metric"] == label]
        if label in made:
            column = list(made).index(label)
            own = own.assign(score=[scores[str(name)][column] for name in own["distorted"]])
        tables.append(own.assign(metric=title))
        metrics[title] = scored.metrics[label]
    families = [replace(each, resized=_of_resized(each.plain)) for each in complete]
    return replace(scored, metrics=metrics, table=pd.concat(tables, ignore_index=True)), families


def _of_resized(label: str) -> str:
    return f"{label} of resized images"


def _has_own_rule(label: str) -> bool:
    return parse(label)[0] == "deepwsd"


def _metric(label: str) -> Metric:
    name, options = parse(label)
    return registry.create(name, **options, **({"resize": False} if name == "dists" else {}))


@torch.no_grad()
def _resized_scores(data_set: RatedSet, names: Sequence[str], metrics: Sequence[Metric]) -> list[list[float]]:
    """Of each distorted image, the scores of the metrics; names: the reference, then its distorted images."""
    reference, *distorted = (RESIZING.apply(image_of(data_set, name)) for name in names)
    prepared = [metric.prepare(reference) for metric in metrics]
    return [
        [float(metric.compare(one, metric.prepare(image))) for metric, one in zip(metrics, prepared, strict=True)]
        for image in distorted
    ]


def draw_decomposition(table: pd.DataFrame) -> Figure:
    """The change by each step with its interval, a line for each measure and network.

    table: `gains.steps` with STEPS.
    """
    panels = [name for name in ("SRCC", "PLCC") if name in set(table["statistic"])]
    whole = table[table["step"] == "all"].drop_duplicates(["measure", "network"])
    families = list(zip(whole["measure"], whole["network"], strict=True))
    size = (2.0 + 3.3 * len(panels), 1.2 + 0.75 * len(families))
    figure, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    for axis, statistic in zip(axes.flat, panels, strict=True):
        part = table[table["statistic"] == statistic]
        for line, (measure, network) in enumerate(families):
            own = part[(part["measure"] == measure) & part["network"].isin((network, "no network"))]
            for number, step in enumerate(STEPS):
                for row in own[own["step"] == step].to_dict("records"):
                    reach = [[row["difference"] - row["low"]], [row["high"] - row["difference"]]]
                    axis.errorbar(
                        row["difference"],
                        line + 0.15 * (number - 2),
                        xerr=np.nan_to_num(reach),
                        fmt=MARKERS[number],
                        color="black" if step == "all" else COLOURS[number - 1],
                        markersize=4,
                        capsize=2,
                        label=step if line == 0 else None,
                    )
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set_title(f"change of {statistic}", fontsize=9)
        axis.tick_params(labelsize=8)
    axes[0, 0].set_yticks(range(len(families)), [f"{a}, {b}" for a, b in families], fontsize=8)
    axes[0, 0].invert_yaxis()
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8)
    return figure
