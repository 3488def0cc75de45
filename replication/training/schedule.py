"""The learning rate of a training run, step by step: a linear warm-up, and half a cosine down to zero."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Decay = Literal["cosine", "when-flat"]
FLAT_GAIN = 0.005  # a held-out loss that falls by a smaller share than this in a fifth of the run is flat


@dataclass(frozen=True)
class Schedule:
    """Learning rate as a function of the step, and of the held-out losses so far where the decay waits for them.

    The rate grows linearly to `learning_rate` over `warmup` steps. Then, by `decay`:

    "cosine": it falls along half a cosine from the first step to zero at `steps`.
    "when-flat": it stays constant until the lowest held-out loss of the last fifth of `steps` is at most 0.5 % below
        the lowest before (`is_flat`), then falls along half a cosine to zero in a fifth of `steps`, which ends the
        run. `steps` is the maximum: if the loss is still not flat after four fifths of them, the decay begins then.
    """

    learning_rate: float
    steps: int
    warmup: int = 0
    decay: Decay = "cosine"

    def __post_init__(self) -> None:
        if self.decay not in get_args(Decay):
            raise ValueError(f"unknown decay {self.decay!r}; known: {', '.join(get_args(Decay))}")
        if self.steps < 1 or self.warmup < 0 or not 0 <= self.learning_rate < math.inf:
            raise ValueError(
                "a schedule needs at least 1 step, a warmup and a finite learning rate of at least 0, "
                f"got {self.steps}, {self.warmup} and {self.learning_rate}"
            )

    @property
    def fifth(self) -> int:
        """Steps in a fifth of the longest run: the window of `is_flat` and the length of the late decay."""
        return self.steps // 5

    def check_rounds(self, round_steps: int) -> None:
        """ValueError if the run, or a fifth of it where the decay waits, is not a whole number of rounds."""
        if round_steps < 1 or self.steps % round_steps:
            raise ValueError(
                f"steps ({self.steps}) must be a multiple of the steps between checkpoints ({round_steps})"
            )
        if self.decay == "when-flat" and self.steps % (5 * round_steps):
            raise ValueError(
                f"with the decay when-flat, a fifth of the steps ({self.steps} / 5) must be a multiple of the steps "
                f"between checkpoints ({round_steps})"
            )

    def decay_start(self, history: Sequence[Mapping[str, float]]) -> int | None:
        """The step at which the decay began; None while the rate is still constant.

        history: a row for each round so far, with its last `step` and the `validation_loss` after it. The answer
        depends on nothing else, so a resumed run decides as an uninterrupted one does.
        """
        if self.decay == "cosine":
            return 0
        steps, losses = [int(row["step"]) for row in history], [row["validation_loss"] for row in history]
        for count, step in enumerate(steps, start=1):
            late = step >= self.steps - self.fifth
            flat = step >= self.warmup + self.fifth and is_flat(steps[:count], losses[:count], self.fifth)
            if late or flat:
                return step
        return None

    def end(self, start: int | None) -> int:
        """The number of steps of a run whose decay begins at `start`; the maximum while that is not known."""
        return self.steps if self.decay == "cosine" or start is None else start + self.fifth

    def rate(self, step: int, start: int | None) -> float:
        """The learning rate of update number `step`, from 0, of a run whose decay begins at `start`."""
        growth = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        if start is None or step < start:
            return self.learning_rate * growth
        length = self.steps if self.decay == "cosine" else self.fifth
        share = min((step - start) / length, 1.0)
        return self.learning_rate * (growth * 0.5 * (1 + math.cos(math.pi * share)))


def is_flat(steps: Sequence[int], losses: Sequence[float], window: int) -> bool:
    """True if the lowest loss of the last `window` steps is at most 0.5 % below the lowest before them.

    steps: at which the losses were measured, in ascending order. False where there is no loss before the window.
    """
    first = steps[-1] - window
    before = [loss for step, loss in zip(steps, losses, strict=True) if step <= first]
    recent = [loss for step, loss in zip(steps, losses, strict=True) if step > first]
    return bool(before) and min(before) - min(recent) <= FLAT_GAIN * abs(min(before))
