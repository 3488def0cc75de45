"""Paper 1, table "Image super-resolution": our rows, the differences between losses, and what they rest on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
import torch

from replication import datasets
from replication.evaluation import bootstrap_mean, compare_paired
from replication.evaluation.seeds import over_seeds
from replication.models.srcnn import SRCNN
from replication.papers.msssim.losses import METHODS, MSE, OURS, PAIRS, PAPER
from replication.reporting import gates
from replication.reporting.adequacy import Basis, Gate
from replication.reporting.losses import holm_by_family, pairs
from replication.reporting.numbers import signed_interval
from replication.scoring.super_resolution import BICUBIC, FITTED, score
from replication.training.dead_units import dead_units
from replication.training.pairs import Pairs
from replication.training.trained import Trained

TABLE = "super_resolution"
STATISTICS = ("PSNR", "SSIM")  # those that the paper prints
OTHER_TRAINING = (
    "trained on {training}; the paper trained on 5 million patches of an ImageNet subset that it does not name"
)


def score_seeds(
    trained: Mapping[tuple[str, int], Trained[SRCNN]],
    test_sets: Mapping[str, str],
    *,
    scale: int,
    on_error: Literal["stop", "skip"] = "stop",
) -> tuple[pd.DataFrame, list[str]]:
    """`scoring.super_resolution.score` of the networks of every seed, with a column seed; and what could not be read.

    trained: by the loss's title and the seed. Bicubic enlargement is the same for every seed.
    """
    parts, problems = [], list[str]()
    for seed in dict.fromkeys(seed for _, seed in trained):
        networks = {title: run.network for (title, other), run in trained.items() if other == seed}
        table, problems = score(networks, test_sets, scale=scale, on_error=on_error)
        parts.append(table.assign(seed=seed))
    return pd.concat(parts, ignore_index=True), problems


def count_dead(trained: Mapping[tuple[str, int], Trained[SRCNN]], held_out: Pairs) -> dict[str, list[int]]:
    """Dead units of each layer (`training.dead_units`) on the `held_out` training images, by network."""
    images = [torch.from_numpy(enlarged)[None, None].float() / 255 for enlarged, _ in held_out.values()]
    return {f"{title}, seed {seed}": dead_units(run.network, images) for (title, seed), run in trained.items()}


def training_gates(
    trained: Mapping[tuple[str, int], Trained[SRCNN]],
    searches: Mapping[str, pd.DataFrame],
    dead: Mapping[str, Sequence[int]],
) -> tuple[Gate, ...]:
    """The gates of the networks. searches: by loss. dead: of `count_dead`."""
    named = {f"{title}, seed {seed}": run for (title, seed), run in trained.items()}
    recipes = [run.identity["recipe"] for run in trained.values()]
    return (
        gates.flat_before_decay(named),
        gates.equal_capacity(dead),
        gates.rates_inside_grid({recipe["loss"]: recipe["learning_rate"] for recipe in recipes}, searches),
        gates.enough_seeds((recipe["loss"], recipe["seed"]) for recipe in recipes),
    )


def bases(test_sets: Mapping[str, str], training_sets: Sequence[str], met: Iterable[Gate]) -> tuple[Basis, Basis]:
    """What the rows of bicubic enlargement rest on, and what those of trained networks rest on.

    test_sets: the paper's column -> image set; a set of another title stands in. met: the gates of training.
    """
    others = [datasets.images(name).title for title, name in test_sets.items() if datasets.images(name).title != title]
    images: Literal["own", "stand-in"] = "stand-in" if others else "own"
    about = "; ".join(others)
    training = OTHER_TRAINING.format(training=" and ".join(datasets.images(name).title for name in training_sets))
    return Basis(images, about), Basis(images, about, protocol=training, gates=tuple(met))


def table_values(
    scores: pd.DataFrame, *, seed: int = 0, note: str = "", untested: Mapping[bool, str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean of each method on each data set over images and seeds, with its 95 % interval over both.

    The first table has the paper's methods, keyed as its table; the second has the extensions: the other losses, and
    the PSNR after each image's best brightness and contrast.
    scores: of `score_seeds`. note: what a reader of the number must know of its data. untested: why a row is no test of
    the published one, for methods that were trained (True) and for bicubic enlargement (False).
    """
    rows = []
    scores = scores[scores["metric"].isin([*STATISTICS, FITTED])]
    for (data_set, metric, method), group in scores.groupby(["data_set", "metric", "method"], sort=False):
        wide = group.pivot(index="image", columns="seed", values="score")
        mean = over_seeds(bootstrap_mean(wide.mean(axis=1), seed=seed), wide.mean())
        reason = (untested or {}).get(method != BICUBIC, "")
        rows.append((PAPER, TABLE, method, data_set, metric, *mean, len(wide), reason, note))
    columns = ["paper", "table", "row", "column", "statistic", "value", "low", "high", "n", "untested", "note"]
    table = pd.DataFrame(rows, columns=columns)
    published = table["row"].isin([BICUBIC, *METHODS.values()]) & table["statistic"].isin(STATISTICS)
    return table[published], table[~published]


def loss_differences(scores: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Losses compared over the same images, on each data set and in each metric, by `pairs` of those in `scores`.

    Columns: data_set, metric, first, second, mean, low, high (first minus second, mean over seeds; 95 % interval over
    images and seeds), effect (matched-pairs rank-biserial), p (Wilcoxon signed-rank), p_holm (adjusted over the tests
    of a metric among the paper's losses, and separately over those of extensions), agree (seeds whose own difference
    has the sign of the mean), seeds, n.
    """
    rows = []
    methods = [method for method in dict.fromkeys(scores["method"]) if method != BICUBIC]
    compared = [pair for pair in pairs(PAIRS, methods) if set(pair) <= set(methods)]
    for (data_set, metric), group in scores.groupby(["data_set", "metric"], sort=False):
        wide = group.pivot(index="image", columns=["method", "seed"], values="score")
        for first, second in compared:
            a, b = pd.DataFrame(wide[first]), pd.DataFrame(wide[second])
            each = (a - b).mean()
            result = compare_paired(a.mean(axis=1), b.mean(axis=1), seed=seed)
            agree = int((np.sign(each) == np.sign(result.difference.estimate)).sum())
            interval = over_seeds(result.difference, each)
            about = (data_set, metric, first, second, *interval, result.effect, result.p_value)
            rows.append((*about, agree, len(each), result.n))
    columns = ["data_set", "metric", "first", "second", "mean", "low", "high", "effect", "p", "agree", "seeds", "n"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(8, "p_holm", holm_by_family(table, METHODS.values(), ["metric"]))
    return table


def dead_table(dead: Mapping[str, Sequence[int]]) -> pd.DataFrame:
    """`count_dead` to be read: a row for each network, a column for each layer."""
    layers = [f"layer {number}" for number in range(1, max(map(len, dead.values()), default=0) + 1)]
    return pd.DataFrame(list(dead.values()), index=list(dead), columns=layers)


def in_words(differences: pd.DataFrame) -> list[str]:
    """Two lines of the result: MS-SSIM minus MSE training in PSNR and in SSIM on every set, from `loss_differences`."""
    own = differences[(differences["first"] == OURS) & (differences["second"] == MSE)]
    lines = []
    for metric, decimals, unit in (("PSNR", 2, " dB"), ("SSIM", 4, "")):
        rows = own[own["metric"] == metric].to_dict("records")
        each = [
            f"{row['data_set']} {signed_interval(row['mean'], row['low'], row['high'], decimals)}{unit}" for row in rows
        ]
        lines.append(f"{metric}, MS-SSIM minus MSE training: {'; '.join(each)}.")
    return lines
