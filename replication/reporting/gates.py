"""Gates of training, computed from what training left: conditions that must hold before a network tests a paper."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from replication.datasets.stacks import Stack
from replication.models.autoencoders import Autoencoder
from replication.reporting.adequacy import Gate
from replication.reporting.numbers import minus
from replication.reporting.tables import Html, show_frame
from replication.scoring.linear_baseline import linear_errors, mean_errors
from replication.training.autoencoders import reconstruct
from replication.training.dead_units import dead_units
from replication.training.fit import TrainingError
from replication.training.rates import LONG_RUN_SHARES
from replication.training.schedule import FLAT_GAIN
from replication.training.trained import Trained

LEAST_SEEDS = 3
DEAD_WITHIN = 2
BEATS_LINEAR = "MSE training beats principal components of the code's size"
FLAT = "the held-out loss is flat before the learning rate falls"
CONVERGED = "the held-out loss is flat before the learning rate falls, or twice the updates change little"
LITTLE_SSIM, LITTLE_MSE = 0.01, 0.05  # of what the papers print between losses: .06 to .09 of SSIM; a share of the MSE
EQUAL_UNITS = f"dead units of a layer differ by at most {DEAD_WITHIN} between networks"
INSIDE_GRID = "learning rates follow from the best of a searched grid, which is not at its ends"
FELL_APART = 1.5  # a run ends with more than this times its lowest held-out loss: overfitting costs far less
_WATCHED = 250  # held-out images on which dead units are counted
SEEDS = f"at least {LEAST_SEEDS} seeds"


def of_autoencoders(
    runs: Mapping[str, Trained[Autoencoder]],
    training: Stack,
    held_out: Stack,
    searches: Mapping[str, pd.DataFrame],
    longer: Mapping[str, Trained[Autoencoder]] | None = None,
) -> tuple[Gate, ...]:
    """All gates of autoencoders that a page compares.

    runs: by a name for the page. training: the images that they were trained on. held_out: others. searches: see
    `rates_inside_grid`. longer: see `converged`; none, and only flatness counts. Raises
    TrainingError if networks of one model and loss differ in more than their seed.
    """
    check_alike(runs.values(), runs, "seed")
    recipes = [run.identity["recipe"] for run in runs.values()]
    plain = [run for run, r in zip(runs.values(), recipes, strict=True) if (r["model"], r["loss"]) == ("ae", "mse")]
    if plain:
        linear = linear_errors(training, held_out, plain[0].network.bottleneck)
        means = pd.DataFrame([mean_errors(held_out, reconstruct(run.network, held_out)) for run in plain]).mean()
        first = beats_linear(float(means["mse"]), float(means["ssim"]), linear)
    else:
        first = not_known(BEATS_LINEAR, "no plain autoencoder was trained with MSE")
    images = torch.from_numpy(held_out.pixels[:_WATCHED]).float() / 255
    dead = {name: dead_units(run.network, [images]) for name, run in runs.items()}
    return (
        first,
        flat_before_decay(runs) if longer is None else converged(runs, longer),
        equal_capacity(dead),
        rates_inside_grid({recipe["loss"]: recipe["learning_rate"] for recipe in recipes}, searches, LONG_RUN_SHARES),
        enough_seeds((f"{recipe['model']}, {recipe['loss']}", recipe["seed"]) for recipe in recipes),
    )


def read_searches(folder: Path) -> dict[str, pd.DataFrame]:
    """Runs at several learning rates by loss, from the CSV files of a folder: one with a column loss, or <loss>.csv."""
    tables = {path.stem: pd.read_csv(path) for path in sorted(folder.glob("*.csv"))}
    named = [table if "loss" in table else table.assign(loss=stem) for stem, table in tables.items()]
    return {str(loss): runs for table in named for loss, runs in table.groupby("loss", sort=False)}


def beats_linear(mse: float, ssim: float, linear: pd.DataFrame) -> Gate:
    """Whether an autoencoder trained with MSE has a lower MSE and a higher SSIM than a linear code of its size.

    mse, ssim: means over held-out images (and seeds). linear: a row of `scoring.linear_baseline.linear_errors` of the
    same images.
    """
    row = linear.iloc[0]
    found = (
        f"MSE {mse:.5f} against {row['mse']:.5f}, SSIM {ssim:.3f} against {row['ssim']:.3f} of "
        f"{row['components']:.0f} components"
    )
    return Gate(BEATS_LINEAR, bool(mse < row["mse"] and ssim > row["ssim"]), found)


def flat_before_decay(runs: Mapping[str, Trained[Any]]) -> Gate:
    """Whether the held-out loss of every run gained less than 0.5 % in the last fifth before its rate decayed.

    A fifth of the recipe's `steps`, as in `training.schedule.Schedule`. A run whose rate falls from the first step on
    (decay "cosine") does not pass: its loss flattens because the rate does. Nor does one that fell apart, whose loss
    is as flat as can be: it ends with more than 1.5 times the lowest loss that it had.
    """
    if cosine := [name for name, run in runs.items() if run.identity["recipe"].get("decay", "cosine") == "cosine"]:
        return Gate(FLAT, False, f"the rate falls from the first step on in {len(cosine)} of {len(runs)} runs")
    if broken := _fallen(runs):
        return Gate(FLAT, False, f"fell apart: {', '.join(broken)}")
    gains = {name: gain_before_decay(run.history, int(run.identity["recipe"]["steps"])) for name, run in runs.items()}
    worst = max(gains, key=lambda name: math.inf if math.isnan(gains[name]) else gains[name])
    passed = all(gain <= FLAT_GAIN for gain in gains.values())
    gain = "unknown" if math.isnan(gains[worst]) else minus(f"{gains[worst]:.2%}")
    return Gate(FLAT, passed, f"largest gain in the last fifth: {gain} ({worst})")


def check_alike(usual: Iterable[Trained[Any]], others: Mapping[str, Trained[Any]], but: str) -> None:
    """Raise TrainingError unless each of `others` was trained like the `usual` networks of its model and loss.

    but: the value of the recipe that is meant to differ, such as "bottleneck". Seeds may differ too. What was trained
    before a parameter changed would otherwise stand beside what was trained after it.
    """
    recipes = {
        (run.identity["recipe"]["model"], run.identity["recipe"]["loss"]): run.identity["recipe"] for run in usual
    }
    for name, run in others.items():
        recipe = run.identity["recipe"]
        for key, value in recipes.get((recipe["model"], recipe["loss"]), {}).items():
            if key not in (but, "seed") and recipe.get(key) != value:
                raise TrainingError(
                    f"{name} was trained with {key} {recipe.get(key)}, the networks beside it with {value}; "
                    "train it anew"
                )


def converged(runs: Mapping[str, Trained[Any]], longer: Mapping[str, Trained[Any]]) -> Gate:
    """Whether longer training would change little: every run is flat before its decay, or twice the updates show it.

    A large training set lowers the held-out loss for as long as anybody waits, by less and less; what counts is how far
    the figures that are compared still move. longer: by loss, a plain autoencoder that differs from one of `runs` in
    its number of updates alone, at least twice as many. Its SSIM on held-out images may differ by at most .01 from that
    run's, its MSE by at most 5 %; it stands for all runs of the loss.
    """
    flat = flat_before_decay(runs)
    if broken := _fallen({**runs, **longer}):
        return Gate(CONVERGED, False, f"fell apart: {', '.join(broken)}")
    if flat.passed:
        return Gate(CONVERGED, True, flat.found)
    found, little = [], True
    for loss in dict.fromkeys(run.identity["recipe"]["loss"] for run in runs.values()):
        twin = next((run for run in runs.values() if loss in longer and _twins(run, longer[loss])), None)
        if twin is None:
            return Gate(CONVERGED, False, f"{flat.found}; no run of {loss} has twice the updates")
        short, long = twin.history.iloc[-1], longer[loss].history.iloc[-1]
        similarity = long["validation_ssim"] - short["validation_ssim"]
        error = long["validation_mse"] / short["validation_mse"] - 1
        little &= bool(abs(similarity) <= LITTLE_SSIM and abs(error) <= LITTLE_MSE)
        found.append(f"{loss} {minus(f'{similarity:+.4f}')} SSIM, {minus(f'{error:+.1%}')} MSE")
    return Gate(CONVERGED, little, f"by twice the updates: {'; '.join(found)}")


def read_longer(folder: Path) -> dict[str, Trained[Autoencoder]]:
    """The networks of `converged` by loss: those in the folders below `folder` that are named by a loss."""
    return {path.parent.name: Trained.load(path.parent, Autoencoder) for path in sorted(folder.glob("*/identity.json"))}


def _twins(run: Trained[Any], longer: Trained[Any]) -> bool:
    """Whether two runs differ in how long they are alone, and `longer` has at least twice the updates at most."""
    one, other = ({**each.identity, "recipe": dict(each.identity["recipe"])} for each in (run, longer))
    steps = [each["recipe"].pop("steps") for each in (one, other)]
    for each in (one, other):
        each["recipe"].pop("round_steps", None)
    return bool(one == other and steps[1] >= 2 * steps[0])


def _fallen(runs: Mapping[str, Trained[Any]]) -> list[str]:
    losses = {name: run.history["validation_loss"] for name, run in runs.items()}
    return [name for name, loss in losses.items() if loss.iloc[-1] > FELL_APART * loss.min()]


def gain_before_decay(history: pd.DataFrame, steps: int) -> float:
    """The share by which the lowest held-out loss fell in the last fifth of `steps` before the rate's decay began.

    history: of `training.fit.fit` with the column decay_start. NaN where there is no loss before that fifth, or where
    the decay has not begun.
    """
    starts = history["decay_start"].dropna()
    if starts.empty:
        return math.nan
    constant = history[history["step"] <= starts.iloc[-1]]
    before = constant.loc[constant["step"] <= starts.iloc[-1] - steps // 5, "validation_loss"]
    recent = constant.loc[constant["step"] > starts.iloc[-1] - steps // 5, "validation_loss"]
    if before.empty or recent.empty:
        return math.nan
    return float((before.min() - recent.min()) / abs(before.min()))


def equal_capacity(dead: Mapping[str, Sequence[int]]) -> Gate:
    """Whether dead units of `training.dead_units`, layer by layer, differ by at most 2 between networks.

    dead: the numbers of dead units by the name of the network.
    """
    found, widest = [], 0
    for number, layer in enumerate(zip(*dead.values(), strict=True), start=1):
        low, high = min(layer), max(layer)
        widest = max(widest, high - low)
        if high:
            first, last = (list(dead)[layer.index(count)] for count in (low, high))
            found.append(f"layer {number}: {low} ({first}) to {high} ({last})")
    return Gate(EQUAL_UNITS, widest <= DEAD_WITHIN, "; ".join(found) or "none is dead")


def rates_inside_grid(
    chosen: Mapping[str, float], searches: Mapping[str, pd.DataFrame], shares: Sequence[float] = (1.0,)
) -> Gate:
    """Whether every loss was trained at one of `shares` of the best rate of its search, which has others on both sides.

    chosen: learning rate by loss. searches: by loss, runs with the columns learning_rate (the candidate), step and
    validation_loss; a loss without one does not pass.
    """
    absent = [loss for loss in chosen if searches.get(loss, pd.DataFrame()).empty]
    failed = [f"no search for {', '.join(absent)}"] if absent else []
    for loss, rate in chosen.items():
        if loss in absent:
            continue
        runs = searches[loss]
        last = runs.sort_values("step").groupby("learning_rate")["validation_loss"].last()
        best = float(last.index.to_numpy(float)[last.to_numpy(float).argmin()])
        if not any(math.isclose(best * share, rate, rel_tol=1e-9) for share in shares):
            failed.append(f"{loss}: best {best:g}, used {rate:g}")
        elif best in (last.index.min(), last.index.max()):
            failed.append(f"{loss}: {best:g} is the end of its grid")
    used = ", ".join(f"{loss} {rate:g}" for loss, rate in chosen.items())
    used += "" if tuple(shares) == (1.0,) else f", {' or '.join(f'{share:g}' for share in shares)} times the best"
    return Gate(INSIDE_GRID, not failed, "; ".join(failed) or used)


def enough_seeds(runs: Iterable[tuple[str, int]]) -> Gate:
    """Whether everything that is compared was trained with at least 3 seeds. runs: (what was trained, seed) of each."""
    seeds: dict[str, set[int]] = {}
    for what, seed in runs:
        seeds.setdefault(what, set()).add(seed)
    fewest = min(seeds, key=lambda what: len(seeds[what]), default="")
    count = len(seeds.get(fewest, ()))
    most = max(map(len, seeds.values()), default=0)
    return Gate(SEEDS, count >= LEAST_SEEDS, f"{count} of each" if count == most else f"{count} of {fewest}")


def not_known(name: str, reason: str) -> Gate:
    """A gate that cannot be computed and so is not met."""
    return Gate(name, False, f"not known: {reason}")


def show_gates(gates: Iterable[Gate]) -> Html:
    """The gates as a table: condition, whether it is met, the numbers that show it."""
    rows = [(gate.name, "met" if gate.passed else "not met", gate.found) for gate in gates]
    return show_frame(pd.DataFrame(rows, columns=["condition", "", "found"]), index=False)
