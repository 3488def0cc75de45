"""A random search: as many trials for every loss, drawn from its own space, and repeated to the same values."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replication.datasets.stacks import Stack
from replication.training.autoencoders import Recipe, train
from replication.training.fit import Compute
from replication.training.search import COLUMNS, draw_trials, search

SPACE: dict[str, Any] = {
    "learning_rate": [0.001, 0.01],
    "window": [{"window_size": 11}, {"window_size": 7}, {"window_size": 5}],
    "constants": [{}, {"k1": 0.05}],
}


def test_trials_begin_with_the_usual_setting_and_cover_the_space_before_they_repeat() -> None:
    trials = draw_trials(SPACE, 6)
    assert trials[0].options == {"window_size": 11}
    assert len({json.dumps(trial.options, sort_keys=True) for trial in trials}) == 6
    rates = [trial.learning_rate for trial in draw_trials(SPACE, 4000)]
    assert 0.001 <= min(rates) < max(rates) <= 0.01
    assert np.median(rates) == pytest.approx(np.sqrt(0.001 * 0.01), rel=0.05)  # even in the logarithm
    assert draw_trials(SPACE, 6) == trials != draw_trials(SPACE, 6, seed=1)
    assert len(draw_trials({"learning_rate": [0.001, 0.01]}, 5)) == 5


@pytest.mark.parametrize(
    "space",
    [{}, {"learning_rate": [0.0, 0.1]}, {"learning_rate": [0.1, 0.01]}, {"learning_rate": [0.01, 0.1], "axis": []}],
)
def test_a_space_without_rates_or_choices_is_refused(space: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match=r"learning_rate: \[least, greatest\] above 0 and axes with choices"):
        draw_trials(space, 3)


def stack(title: str, count: int) -> Stack:
    pixels = np.random.default_rng(count).integers(0, 256, size=(count, 1, 16, 16), dtype=np.uint8)
    return Stack(title, tuple(f"{title}{i}" for i in range(count)), pixels, {})


def test_a_trial_is_a_training_with_its_options_and_rate(tmp_path: Path) -> None:
    training, held_out, compute = stack("training", 8), stack("held out", 4), Compute("cpu", 1)
    recipe = Recipe("ae", "ssim", 4, 2, 0.5, steps=4, round_steps=2, warmup=1, batch=4, seed=0)
    trials = draw_trials({**SPACE, "window": [{"window_size": 5}, {"window_size": 7}]}, 3)
    runs = search(recipe, trials, training, held_out, checkpoints=tmp_path, compute=compute, label="search")
    assert list(runs.columns) == COLUMNS
    assert runs["trial"].tolist() == [0, 1, 2]
    alone = Recipe("ae", "ssim", 4, 2, trials[2].learning_rate, 4, 2, 1, 4, 0, 0.0, trials[2].options)
    last = train(alone, training, held_out, checkpoints=tmp_path / "x", compute=compute, label="x").history.iloc[-1]
    assert runs["validation_mse"].iloc[2] == last["validation_mse"]
    assert runs["validation_ssim"].iloc[2] == last["validation_ssim"]
    assert json.loads(runs["options"].iloc[2]) == trials[2].options
    assert runs["learning_rate"].tolist() == [trial.learning_rate for trial in trials]
