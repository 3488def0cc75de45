"""One loop to train everything: rounds that end in a validation and a checkpoint, resumable to the identical result."""

import hashlib
import math
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from replication.imports import closure, digest
from replication.progress import progress
from replication.training import optimisers
from replication.training.checkpoints import Checkpoints
from replication.training.schedule import Schedule

ACCELERATORS = ("auto", "cpu", "gpu", "cuda")
PRECISIONS = ("32-true", "bf16-mixed")


class TrainingError(RuntimeError):
    """Training cannot go on; the message gives the reason and the remedy."""


@dataclass(frozen=True)
class Compute:
    """Device, threads and precision of a training run.

    accelerator: "cpu"; "gpu" or "cuda", an error where there is none; "auto", the GPU if there is one.
    threads: CPU threads. Sums are split over threads, so the last bits of a result depend on it; 0 takes all cores.
    precision: "32-true", or "bf16-mixed" (convolutions of the training loss in bfloat16, the rest in float32).
    """

    accelerator: str = "auto"
    threads: int = 0
    precision: str = "32-true"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("accelerator", self.accelerator, ACCELERATORS),
            ("precision", self.precision, PRECISIONS),
        ):
            if value not in known:
                raise ValueError(f"unknown {name} {value!r}; known: {', '.join(known)}")
        if not isinstance(self.threads, int) or self.threads < 0:
            raise ValueError(f"threads must be a whole number of at least 0, got {self.threads!r}")

    def device(self) -> torch.device:
        """The device that `accelerator` names; TrainingError if it is a GPU and there is none."""
        if self.accelerator == "cpu" or (self.accelerator == "auto" and not torch.cuda.is_available()):
            return torch.device("cpu")
        if not torch.cuda.is_available():
            raise TrainingError(
                f"accelerator {self.accelerator!r}, but torch finds no CUDA device; choose auto or cpu in params.yaml"
            )
        return torch.device("cuda")

    def autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        """The context in which the training loss is computed."""
        if self.precision == "32-true":
            return nullcontext()
        return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


class Task(nn.Module):
    """The parts of a training run: a network, batches by number, a loss, a schedule, a validation.

    A subclass sets the attributes and defines `batch`, `loss` and `validate`; `fit` does the rest. A batch depends on
    its number alone, which is what makes an interrupted run end at the same weights.
    """

    network: nn.Module
    schedule: Schedule
    round_steps: int  # optimiser steps between two validations and checkpoints
    optimiser = "adam"  # a name in `optimisers.OPTIMISERS`

    @property
    def device(self) -> torch.device:
        """The device of the network."""
        return next(self.network.parameters()).device

    def batch(self, step: int) -> Any:
        """Training batch number `step`, from 0, on the network's device."""
        raise NotImplementedError

    def loss(self, batch: Any) -> Tensor:
        """Training loss of a batch, a scalar."""
        raise NotImplementedError

    def limit_gradients(self, rate: float) -> None:
        """Change the gradients before an update at the learning rate `rate`; by default they stay as they are."""

    def validate(self) -> dict[str, float]:
        """Figures on held-out images by name, `validation_loss` among them."""
        raise NotImplementedError


def fit(task: Task, *, identity: dict[str, Any], checkpoints: Path, compute: Compute, label: str) -> pd.DataFrame:
    """Train the task's network to the end of its schedule and return the history, a row for each round.

    The columns are step, learning_rate, training_loss (mean of the round), what `validate` returns and, where the decay
    waits for a flat loss, decay_start: the step at which it began, NaN before.

    A checkpoint is left in `checkpoints` after every round; a run that finds one goes on from it, and ends at the same
    weights as if it had never stopped. `identity` is all that the result depends on but the code (JSON values:
    parameters, data digests). A checkpoint of another identity, of other code of the task's module or of what that
    imports, or of another torch is not continued but replaced, which is logged. The caller removes the folder once its
    results are safe.

    Raises TrainingError if the schedule is not made of whole rounds, the loss is not finite or there is no such device,
    and KeyboardInterrupt with a sentence when it is interrupted.
    """
    schedule, device = task.schedule, compute.device()
    try:
        schedule.check_rounds(task.round_steps)
    except ValueError as error:
        raise TrainingError(str(error)) from error
    torch.set_num_threads(compute.threads or os.cpu_count() or 1)
    task.to(device)
    optimiser = optimisers.create(task.optimiser, task.network.parameters())
    store = Checkpoints(checkpoints, {**identity, "code": _code(task)}, label)
    state = _tensors(task.network, optimiser)
    history = store.restore(state, _set_random_state)
    step = int(history[-1]["step"]) if history else 0
    start = schedule.decay_start(history)
    try:
        with _deterministic(), progress(label, schedule.end(start), step, "steps") as advance:
            while step < schedule.end(start):
                losses = []
                for _ in range(task.round_steps):
                    rate, batch = schedule.rate(step, start), task.batch(step)
                    with compute.autocast(device):
                        loss = task.loss(batch)
                    loss.backward()  # type: ignore[no-untyped-call]
                    task.limit_gradients(rate)
                    optimiser.step(rate)
                    losses.append(loss.detach())  # stays on the device: reading it would wait for the GPU at every step
                    step += 1
                    advance(1)
                row = {"step": step, "learning_rate": schedule.rate(step, start), "training_loss": _mean(losses, step)}
                history.append(row | _validate(task))
                start = schedule.decay_start(history)
                if schedule.decay == "when-flat":
                    history[-1]["decay_start"] = math.nan if start is None else start
                store.save(state, _random_state(), history)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"{label}: interrupted at step {step} of {schedule.end(start)}; run it again to go on from the checkpoint"
        ) from None
    return pd.DataFrame(history)


def _code(task: Task) -> str:
    """SHA-256 over the code that a run depends on, and torch's version. Of a task that is defined in a notebook this
    is the package's code alone."""
    file = Path(str(getattr(sys.modules[type(task).__module__], "__file__", None) or __file__))
    own = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{own} {digest(closure(file, Path(__file__), discover=False))} torch {torch.__version__}"


def _mean(losses: list[Tensor], step: int) -> float:
    """The mean training loss of the round that ends at `step`; TrainingError if one is not finite."""
    values = torch.stack(losses).double()
    if not bool(torch.isfinite(values).all()):
        raise TrainingError(
            f"the training loss is not finite between steps {step - len(losses)} and {step}; "
            "lower the learning rate (the last good checkpoint is kept)"
        )
    return values.mean().item()


def _validate(task: Task) -> dict[str, float]:
    """The task's figures on held-out images, in full precision and without gradients."""
    task.network.eval()
    with torch.inference_mode():
        figures = task.validate()
    task.network.train()
    return figures


def _tensors(network: nn.Module, optimiser: optimisers.Optimiser) -> dict[str, Tensor]:
    """The tensors that change in training, by name; not copies."""
    weights = {f"network.{name}": value.detach() for name, value in network.state_dict().items()}
    moments = {
        f"optimiser.{name}.{number}": value
        for name, values in optimiser.state.items()
        for number, value in enumerate(values)
    }
    return weights | moments


def _random_state() -> Tensor:
    """The states of torch's random numbers, of the CPU and of the GPU if there is one, end to end."""
    states = [torch.get_rng_state()]
    if torch.cuda.is_available():
        states.append(torch.cuda.get_rng_state())
    return torch.cat(states)


def _set_random_state(state: Tensor) -> None:
    """Set what `_random_state` returned; RuntimeError or TypeError if it is not such a state."""
    size = len(torch.get_rng_state())
    torch.set_rng_state(state[:size])
    if len(state) > size and torch.cuda.is_available():
        torch.cuda.set_rng_state(state[size:])


@contextmanager
def _deterministic() -> Iterator[None]:
    """Let torch use deterministic algorithms only, or raise an error where it has none."""
    before = torch.get_deterministic_debug_mode()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it, products on a GPU are not repeatable
    torch.set_deterministic_debug_mode("error")  # torch.use_deterministic_algorithms would import torch's compiler
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)
