"""Gates of training on histories and networks whose answer is known."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from replication.datasets.stacks import Stack
from replication.models.autoencoders import Autoencoder
from replication.reporting import gates
from replication.training.fit import TrainingError
from replication.training.trained import Trained

LINEAR = pd.DataFrame({"components": [8], "mse": [0.005], "ssim": [0.71]})


def run(losses: list[float], *, start: float = math.nan, steps: int = 100, **recipe: Any) -> Trained[Autoencoder]:
    """A run of 10 steps a round with these held-out losses, whose decay began at the step `start`."""
    network = Autoencoder(size=16, channels=1, bottleneck=8, width=2).eval()
    history = pd.DataFrame({"step": 10 * np.arange(1, len(losses) + 1), "validation_loss": losses})
    history["decay_start"] = np.where(history["step"] >= start, start, math.nan)
    values = {"model": "ae", "loss": "mse", "seed": 0, "learning_rate": 0.01, "steps": steps, "decay": "when-flat"}
    history["validation_ssim"], history["validation_mse"] = 0.8, history["validation_loss"] / 100
    return Trained(network, history, {"recipe": values | recipe})


@pytest.mark.parametrize(
    ("mse", "ssim", "passed"), [(0.004, 0.75, True), (0.006, 0.75, False), (0.004, 0.7, False), (0.005, 0.71, False)]
)
def test_an_autoencoder_must_beat_a_linear_code_in_both_measures(mse: float, ssim: float, passed: bool) -> None:
    gate = gates.beats_linear(mse, ssim, LINEAR)
    assert gate.passed == passed
    assert gate.found == f"MSE {mse:.5f} against 0.00500, SSIM {ssim:.3f} against 0.710 of 8 components"


def test_the_loss_must_be_flat_before_the_decay_and_what_follows_does_not_count() -> None:
    falling = run([1.0, 0.8, 0.7, 0.6, 0.55, 0.3, 0.2], start=50)
    flat = run([1.0, 0.8, 0.7, 0.6985, 0.698, 0.3, 0.2], start=50)
    assert gates.gain_before_decay(falling.history, 100) == pytest.approx((0.7 - 0.55) / 0.7)
    assert gates.gain_before_decay(flat.history, 100) == pytest.approx(0.002 / 0.7)
    assert gates.flat_before_decay({"a": flat}).passed
    both = gates.flat_before_decay({"a": flat, "b": falling})
    assert (both.passed, both.found) == (False, "largest gain in the last fifth: 21.43% (b)")
    never = run([1.0, 0.9])
    assert gates.flat_before_decay({"a": flat, "c": never}).found == "largest gain in the last fifth: unknown (c)"
    assert not gates.flat_before_decay({"a": flat, "c": never}).passed


def test_a_rate_that_falls_from_the_first_step_does_not_pass() -> None:
    gate = gates.flat_before_decay({"a": run([0.5, 0.5, 0.5], decay="cosine"), "b": run([0.5] * 5, start=50)})
    assert (gate.passed, gate.found) == (False, "the rate falls from the first step on in 1 of 2 runs")


def test_dead_units_may_differ_by_two() -> None:
    assert gates.equal_capacity({"MSE": [0, 3], "MAE": [0, 1]}).passed
    gate = gates.equal_capacity({"MSE": [0, 8], "MAE": [0, 5]})
    assert (gate.passed, gate.found) == (False, "layer 2: 5 (MAE) to 8 (MSE)")
    assert gates.equal_capacity({"MSE": [0], "MAE": [0]}).found == "none is dead"


def search(**ends: float) -> pd.DataFrame:
    """Runs at the rates .1, .2, .3 with these losses at their ends, and better ones on the way."""
    rows = [
        (rate, step, loss - (step < 20))
        for rate, loss in zip((0.1, 0.2, 0.3), ends.values(), strict=True)
        for step in (10, 20)
    ]
    return pd.DataFrame(rows, columns=["learning_rate", "step", "validation_loss"])


@pytest.mark.parametrize(
    ("rate", "runs", "failed"),
    [
        (0.2, {"mse": search(a=3, b=1, c=2)}, ""),
        (0.3, {"mse": search(a=3, b=2, c=1)}, "mse: 0.3 is the end of its grid"),
        (0.2, {"mse": search(a=3, b=2, c=1)}, "mse: best 0.3, used 0.2"),
        (0.2, {}, "no search for mse"),
    ],
)
def test_rates_come_from_the_inside_of_their_grid(rate: float, runs: dict[str, pd.DataFrame], failed: str) -> None:
    gate = gates.rates_inside_grid({"mse": rate}, runs)
    assert gate.passed == (not failed)
    assert gate.found == (failed or "mse 0.2")


def test_autoencoders_are_trained_at_half_or_a_quarter_of_the_best_rate() -> None:
    runs = {"mse": search(a=3, b=1, c=2)}
    shares = (0.5, 0.25)
    for rate in (0.1, 0.05):
        gate = gates.rates_inside_grid({"mse": rate}, runs, shares)
        assert (gate.passed, gate.found) == (True, f"mse {rate:g}, 0.5 or 0.25 times the best")
    assert gates.rates_inside_grid({"mse": 0.2}, runs, shares).found == "mse: best 0.2, used 0.2"


def test_a_run_that_fell_apart_is_not_flat() -> None:
    whole, fallen = run([0.5] * 5, start=50), run([0.5] * 4 + [0.8], start=50)
    assert gates.flat_before_decay({"a": whole}).passed
    gate = gates.flat_before_decay({"a": whole, "b": fallen})
    assert (gate.passed, gate.found) == (False, "fell apart: b")


def test_twice_the_updates_stand_in_for_a_flat_loss_where_they_change_little() -> None:
    falling = {"a": run([1.0, 0.8, 0.7, 0.6, 0.55, 0.51, 0.5], start=50)}
    for end, passed, found in (
        (0.49, True, "mse +0.0000 SSIM, −2.0% MSE"),
        (0.4, False, "mse +0.0000 SSIM, −20.0% MSE"),
    ):
        longer = {"mse": run([0.9, 0.7, 0.6, end], start=30, steps=200)}
        gate = gates.converged(falling, longer)
        assert (gate.name, gate.passed, gate.found) == (gates.CONVERGED, passed, f"by twice the updates: {found}")
    similar = run([0.9, 0.7, 0.6, 0.5], start=30, steps=200)
    similar.history["validation_ssim"] = 0.82
    assert not gates.converged(falling, {"mse": similar}).passed
    assert gates.converged({"a": run([0.5] * 5, start=50)}, {}).passed  # flat: nothing else is asked


def test_one_loss_that_twice_the_updates_change_is_enough_to_fail() -> None:
    falling = [1.0, 0.8, 0.7, 0.6, 0.55, 0.51, 0.5]
    runs = {loss: run(falling, start=50, loss=loss) for loss in ("mse", "mae")}
    longer = {loss: run([0.9, end], steps=200, loss=loss) for loss, end in (("mse", 0.4), ("mae", 0.5))}
    assert not gates.converged(runs, longer).passed


def test_longer_runs_are_read_by_their_loss_and_used_where_they_are_given(tmp_path: Path) -> None:
    short = run([1.0, 0.8, 0.7, 0.6, 0.55, 0.51, 0.5], start=50, loss="mae")
    kept = run([0.9, 0.5], start=20, steps=200, loss="mae")
    kept.identity["network"] = short.identity["network"] = {"size": 16, "channels": 1, "bottleneck": 8, "width": 2}
    kept.save(tmp_path / "mae")
    assert gates.read_longer(tmp_path / "absent") == {}
    longer = gates.read_longer(tmp_path)
    assert list(longer) == ["mae"]
    images = Stack("noise", tuple("abcd"), np.zeros((4, 1, 16, 16), np.uint8), {})
    named = {gate.name: gate.passed for gate in gates.of_autoencoders({"a": short}, images, images, {}, longer=longer)}
    assert named[gates.CONVERGED]
    assert gates.FLAT not in named


@pytest.mark.parametrize("other", [{"seed": 1}, {"learning_rate": 0.02}, {"steps": 190}, {"loss": "mae"}])
def test_a_longer_run_differs_in_its_length_alone(other: dict[str, Any]) -> None:
    falling = {"a": run([1.0, 0.8, 0.7, 0.6, 0.55, 0.51, 0.5], start=50)}
    longer = {"mse": run([0.9, 0.7, 0.6, 0.5], start=30, **({"steps": 200} | other))}
    gate = gates.converged(falling, longer)
    assert not gate.passed
    assert gate.found.endswith("; no run of mse has twice the updates")


def test_a_longer_run_that_fell_apart_shows_nothing() -> None:
    gate = gates.converged({"a": run([0.5] * 5, start=50)}, {"mse": run([0.5, 0.9], steps=200)})
    assert (gate.passed, gate.found) == (False, "fell apart: mse")


def test_a_network_of_another_recipe_does_not_stand_beside_the_usual_ones() -> None:
    usual = [run([0.5], loss="mse"), run([0.5], model="vae", steps=40), run([0.5], loss="ssim")]
    others = {
        "2-mse-1": run([0.5], seed=1, bottleneck=2),
        "one": run([0.5], loss="lwssim", steps=7),
        "vae": run([0.5], model="vae", steps=40),
    }
    gates.check_alike(usual, others, "bottleneck")
    with pytest.raises(TrainingError, match="^2-ssim-0 was trained with steps 10, the networks beside it with 100; tr"):
        gates.check_alike(usual, {"2-ssim-0": run([0.5], loss="ssim", bottleneck=2, steps=10)}, "bottleneck")
    with pytest.raises(TrainingError, match="one was trained with steps 10"):
        gates.check_alike(usual, {"one": run([0.5], steps=10, loss_options={"window_size": 7})}, "loss_options")


def test_seeds_of_one_loss_that_were_trained_by_two_recipes_are_refused() -> None:
    images = Stack("noise", tuple("abcd"), np.zeros((4, 1, 16, 16), np.uint8), {})
    runs = {
        "mse 0": run([0.5], seed=0, steps=60),
        "mse 1": run([0.5], seed=1),
        "vae": run([0.5], model="vae", steps=60),
    }
    with pytest.raises(TrainingError, match="mse 0 was trained with steps 60, the networks beside it with 100"):
        gates.of_autoencoders(runs, images, images, {})


def test_three_seeds_are_needed() -> None:
    for seeds, passed in (([0, 1, 2], True), ([0, 1], False), ([0, 0, 0], False)):
        assert gates.enough_seeds(("mse", seed) for seed in seeds).passed is passed
    uneven = gates.enough_seeds([("mse", 0), ("mse", 1), ("mse", 2), ("ssim", 0)])
    assert (uneven.passed, uneven.found) == (False, "1 of ssim")


def test_all_gates_of_autoencoders_are_shown_with_their_numbers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    training, held_out = (
        Stack("noise", tuple(map(str, range(n))), rng.integers(0, 256, (n, 1, 16, 16), np.uint8), {}) for n in (20, 12)
    )
    runs = {
        f"{loss} {seed}": run([0.5] * 5, start=50, loss=loss, seed=seed)
        for loss in ("mse", "ssim")
        for seed in (0, 1, 2)
    }
    searches = {"mse": search(a=3, b=1, c=2).assign(learning_rate=lambda t: t["learning_rate"] / 10)}
    (tmp_path / "rates").mkdir()
    searches["mse"].to_csv(tmp_path / "rates" / "mse.csv", index=False)
    read = gates.read_searches(tmp_path / "rates")
    assert list(read) == ["mse"]
    both = pd.concat([read["mse"].assign(loss=loss) for loss in ("a", "b")])
    (tmp_path / "one").mkdir()
    both.to_csv(tmp_path / "one" / "rates.csv", index=False)
    assert list(gates.read_searches(tmp_path / "one")) == ["a", "b"]
    found = gates.of_autoencoders(runs, training, held_out, read)
    assert [gate.passed for gate in found] == [False, True, True, False, True]  # an untrained network beats nothing
    assert found[3].found == "no search for ssim"
    html = gates.show_gates(found).html
    assert html.count("not met") == 2
    only = gates.of_autoencoders({"ssim": runs["ssim 0"]}, training, held_out, {})
    assert only[0].found == "not known: no plain autoencoder was trained with MSE"
