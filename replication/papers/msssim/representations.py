"""Paper 1, table "Learned representations": errors of predictions, differences between losses, what they rest on."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from replication.datasets.stacks import Stack
from replication.datasets.yaleb import LitFaces
from replication.evaluation.cluster_means import cluster_mean
from replication.evaluation.grouped import compare_over_groups
from replication.evaluation.seeds import over_seeds
from replication.models.autoencoders import Autoencoder
from replication.papers.msssim.losses import METHODS, MSE, OURS, PAIRS, PAPER
from replication.reporting.adequacy import Basis, Gate
from replication.reporting.losses import holm_by_family, pairs
from replication.reporting.numbers import ALPHA, signed_interval
from replication.reporting.sanitise import md_escape
from replication.reporting.verdicts import VALUE_COLUMNS
from replication.scoring.representations import TARGETS, Protocol
from replication.training.trained import Trained

TABLE = "representations"
GROUPED, RANDOM = "by groups of lights", "by a random split"
"""The two ways of splitting images. The second, 80 : 20, is what the published numbers were most probably made with and
stands beside them; the first is an extension, in which no near-duplicate is on both sides."""
GUESS = "always the same guess"
STATISTICS = {"identity": "error percent", "azimuth": "squared degrees", "elevation": "squared degrees"}


def describe(faces: LitFaces, stacks: Mapping[str, Stack]) -> str:
    """A description of the images, as Markdown."""
    lights = len(set(zip(faces.azimuth, faces.elevation, strict=True)))
    skipped = "; ".join(f"{count} {md_escape(reason)}" for reason, count in faces.stack.skipped.items())
    return (
        f"{md_escape(faces.stack.title)}: {len(faces):,} images of {len(set(faces.identity))} identities "
        f"under {lights} lights, SHA-256 `{faces.stack.digest[:12]}`. The autoencoders were trained on "
        f"{len(stacks['training']):,} of them and watched on {len(stacks['validation']):,}."
        + (f" Passed over: {skipped}." if skipped else "")
    )


def about(names: Mapping[str, str], networks: Mapping[tuple[str, int], Trained[Autoencoder]]) -> pd.DataFrame:
    """A column for each loss: what its networks were made from and how they reconstruct validation images."""
    columns = {}
    for loss, name in names.items():
        runs = [run for (other, _), run in networks.items() if other == loss]
        recipe, last = runs[0].identity["recipe"], pd.DataFrame([run.history.iloc[-1] for run in runs])
        columns[name] = {
            "options": ", ".join(f"{key} {value}" for key, value in recipe["loss_options"].items()),
            "bottleneck": recipe["bottleneck"],
            "filters of the first layer": recipe["width"],
            "updates x images": f"{recipe['steps']:,} x {recipe['batch']}",
            "learning rate": f"{recipe['learning_rate']:g}",
            "precision": runs[0].identity["precision"],
            "seeds": ", ".join(str(run.identity["recipe"]["seed"]) for run in runs),
            "validation MSE, mean": f"{last['validation_mse'].mean():.5f}",
            "validation SSIM, mean": f"{last['validation_ssim'].mean():.4f}",
        }
    return pd.DataFrame(columns)


def summary(errors: pd.DataFrame, lights: NDArray[np.intp], *, resamples: int = 10_000, seed: int = 0) -> pd.DataFrame:
    """Error of each method for each target: mean over images and seeds, its 95 % interval over lights and seeds.

    errors: `scoring.representations.prediction_errors`. lights: the group of each image. Columns: target, method,
    mean, low, high, seeds (the mean of each seed), n (images).
    """
    rows = []
    for (method, target), group in errors.groupby(["method", "target"], sort=False):
        wide = _by_image(group)
        mean = over_seeds(
            cluster_mean(wide.mean(axis=1), lights[wide.index], resamples=resamples, seed=seed), wide.mean()
        )
        rows.append((target, method, *mean, tuple(wide.mean()), len(wide)))
    table = pd.DataFrame(rows, columns=["target", "method", "mean", "low", "high", "seeds", "n"])
    order = list(dict.fromkeys(errors["target"]))
    return table.sort_values("target", key=lambda column: column.map(order.index), kind="stable", ignore_index=True)


def always_guessed(lit: LitFaces) -> dict[str, float]:
    """Error of guessing the most frequent identity and the mean angles, whatever the image."""
    frequent = np.unique(lit.identity, return_counts=True)[1].max() / len(lit)
    return {
        "identity": float(100 * (1 - frequent)),
        "azimuth": float(lit.azimuth.var()),
        "elevation": float(lit.elevation.var()),
    }


def differences(
    errors: pd.DataFrame,
    losses: Iterable[str],
    lights: NDArray[np.intp],
    people: ArrayLike,
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Losses (their titles) compared over the same images, means of the seeds, for each target, by `pairs`.

    Columns: target, first, second, mean, low, high (first minus second, 95 % interval over groups of lights and seeds),
    seeds (of how many seeds the first has the lower error), low_people, high_people (interval over people), effect, p
    (sign-flip test over groups of lights), p_holm (adjusted over the table's tests among the paper's losses, and
    separately over those of extensions), groups.
    """
    rows = []
    compared = pairs(PAIRS, losses)
    for target in dict.fromkeys(errors["target"]):
        wide = {method: _by_image(group) for method, group in errors[errors["target"] == target].groupby("method")}
        for first, second in compared:
            a, b = wide[first], wide[second]
            means = a.mean(axis=1).to_numpy(), b.mean(axis=1).to_numpy()
            result = compare_over_groups(*means, lights[a.index], resamples=resamples, seed=seed)
            over = cluster_mean(means[0] - means[1], np.asarray(people)[a.index], resamples=resamples, seed=seed)
            lower = f"{int((a.mean() < b.mean()).sum())} of {a.shape[1]}"
            people_limits = over.low, over.high
            test = result.effect, result.p_value, result.n
            interval = over_seeds(result.difference, a.mean() - b.mean())
            rows.append((target, first, second, *interval, lower, *people_limits, *test))
    columns = ["target", "first", "second", "mean", "low", "high", "seeds", "low_people", "high_people", "effect", "p"]
    table = pd.DataFrame(rows, columns=[*columns, "groups"])
    table.insert(11, "p_holm", holm_by_family(table, METHODS.values()))
    return table


def basis(source: str, title: str, met: Iterable[Gate]) -> Basis:
    """What the numbers rest on. source, title: of the images; met: the gates of training."""
    if source == "yaleb":
        return Basis("own", gates=tuple(met))
    return Basis("stand-in", title, gates=tuple(met))


def values(table: pd.DataFrame, note: str, untested: str = "") -> pd.DataFrame:
    """The paper's nine values as we have them, from a `summary` of a random split.

    note: on the images. untested: why they are no test of the published values.
    """
    own = _rows(table[table["method"].isin(METHODS.values())], TABLE, f"{note}; {RANDOM}")
    return own.assign(untested=untested)


def extensions(grouped: pd.DataFrame, drawn: pd.DataFrame, guessed: Mapping[str, float], note: str) -> pd.DataFrame:
    """Values that the paper does not have: all by groups of lights, other losses, representations without one."""
    others = drawn[~drawn["method"].isin(METHODS.values())]
    guesses = pd.DataFrame(
        [{"target": target, "method": GUESS, "mean": value} for target, value in guessed.items()],
    )
    parts = [
        _rows(grouped, f"{TABLE}, {GROUPED}", f"{note}; no near-duplicates on both sides of the split"),
        _rows(others, f"{TABLE}, {RANDOM}", note),
        _rows(guesses, f"{TABLE}, no prediction", note),
    ]
    return pd.concat(parts, ignore_index=True)


def identity_power(right: int, other: int, images: int, ours: int, *, alpha: float = ALPHA) -> pd.DataFrame:
    """How much a difference of identity errors can say, in an experiment of the paper's size and in ours.

    right, other: wrong images of `images` with MS-SSIM and with MSE training, as published. ours: images that are
    predicted here, each once. A row for each size. Columns: experiment, images, wrong, % (of both), p (Fisher's exact
    test of counts with these shares), power (chance that such a test finds the difference, if these are the true
    shares). Both take the two networks' errors for independent, which they are not: they fail on the same faces.
    """
    rows = []
    for name, n in (("as published", images), ("here", ours)):
        a, b = (round(count * n / images) for count in (right, other))
        shares = a / n, b / n
        p = float(stats.fisher_exact(np.array([[a, n - a], [b, n - b]])).pvalue)
        words = f"{100 * shares[0]:.2f} and {100 * shares[1]:.2f}"
        rows.append((name, n, words, p, _fisher_power(*shares, n, alpha)))
    return pd.DataFrame(rows, columns=["experiment", "images", "wrong, %", "p", "power"])


def _fisher_power(first: float, second: float, n: int, alpha: float) -> float:
    """Chance that Fisher's exact test of two binomials of n is significant, by summing over the likely counts."""
    a_counts, b_counts = (stats.binom(n, share) for share in (first, second))

    def significant(a: int, b: int) -> bool:
        return bool(stats.fisher_exact(np.array([[a, n - a], [b, n - b]])).pvalue < alpha)

    power = 0.0
    for a in range(int(a_counts.ppf(1e-5)), int(a_counts.ppf(1 - 1e-5)) + 1):
        # p falls with the distance of b from a: the first count that is not significant below, and that is above
        low = bisect_left(range(a + 1), True, key=lambda b: not significant(a, b))
        high = a + bisect_left(range(a, n + 1), True, key=lambda b: significant(a, b))
        power += a_counts.pmf(a) * float(b_counts.cdf(low - 1) + b_counts.sf(high - 1))
    return power


def of_networks(errors: pd.DataFrame, losses: Iterable[str]) -> pd.DataFrame:
    """The mean error of every single network: method, target, seed, error. losses: titles of the trained ones."""
    several = errors.groupby("method")["seed"].transform("nunique") > 1
    trained = errors["method"].isin(list(losses))
    means = errors[several | trained].groupby(["method", "target", "seed"], sort=False)["error"].mean()
    return means.reset_index()


def chosen(errors: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """In what share of all folds of a target each candidate for C and for the kernel's width was chosen."""
    folds = errors.groupby(["method", "seed", "target", "fold"], sort=False)[["C", "width"]].first().reset_index()
    rows = {}
    for column, candidates, label in (
        ("C", protocol.penalties, "C"),
        ("width", protocol.widths, "gamma x features"),
    ):
        for candidate in candidates:
            same = pd.Series(np.isclose(folds[column], candidate))
            rows[f"{label} = {candidate:g}"] = same.groupby(folds["target"], sort=False).mean()
    return _plain(pd.DataFrame(rows).T)


def sensitivity(usual: pd.DataFrame, others: Mapping[str, pd.DataFrame], losses: Sequence[str]) -> pd.DataFrame:
    """Errors under each other choice, a row for each: target and loss in columns.

    The last column names the targets for which MS-SSIM has the lowest error of the paper's losses.
    """
    rows: dict[str, dict[tuple[str, str], Any]] = {}
    for label, errors in {"as above": usual, **others}.items():
        chosen = errors[errors["method"].isin(losses)]
        means = chosen.groupby(["target", "method"], sort=False)["error"].mean()
        rows[label] = {(t, m): means[t, m] for t in TARGETS for m in losses}
        lowest = [t for t in TARGETS if all(means[t, OURS] < means[t, m] for m in METHODS.values() if m != OURS)]
        rows[label]["MS-SSIM lowest for", ""] = ", ".join(lowest) or "none"
    return pd.DataFrame(rows).T.infer_objects()


def flat(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """`sensitivity` with plain column names, for a file."""
    table = sensitivity.rename_axis("choice").reset_index()
    return table.set_axis([" ".join(part for part in name if part) for name in table.columns], axis=1)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Without names of the axes, which a page would give a line of their own."""
    return table.rename_axis(None, axis=0).rename_axis(None, axis=1)


def _by_image(errors: pd.DataFrame) -> pd.DataFrame:
    """A row for each image, a column for each seed."""
    return errors.pivot(index="image", columns="seed", values="error")


def _rows(table: pd.DataFrame, name: str, note: str) -> pd.DataFrame:
    statistics = [STATISTICS[target] for target in table["target"]]
    rows = pd.DataFrame({"paper": PAPER, "table": name, "row": table["method"], "column": table["target"]})
    networks = table["seeds"].map(len) if "seeds" in table else pd.Series(1, table.index)
    notes = [f"{note}; mean of {count} networks" if count > 1 else note for count in networks]
    rows = rows.assign(statistic=statistics, value=table["mean"], note=notes)
    for column in ("low", "high", "n"):
        rows[column] = table.get(column, np.nan)
    return rows.assign(origin="", untested="")[VALUE_COLUMNS]


def decimals(target: str) -> int:
    """Decimals of a difference of errors for this target: squared degrees have one, percentages two."""
    return 1 if target in ("azimuth", "elevation") else 2


def in_words(drawn: pd.DataFrame, grouped: pd.DataFrame) -> list[str]:
    """Two lines of the result: MS-SSIM minus MSE training for each target by both splits, from `differences`."""
    lines = []
    for split, table in ((RANDOM, drawn), (GROUPED, grouped)):
        rows = table[(table["first"] == OURS) & (table["second"] == MSE)].to_dict("records")
        each = [
            f"{row['target']} {signed_interval(row['mean'], row['low'], row['high'], decimals(row['target']))}"
            for row in rows
        ]
        lines.append(
            f"Error {split}, MS-SSIM minus MSE training (identity in percent, angles in degrees squared): "
            f"{'; '.join(each)}."
        )
    return lines
