"""Training can be killed at any moment, goes on, and ends at the same weights."""

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from replication.training.fit import Compute, Task, TrainingError, fit

COMPUTE = Compute(accelerator="cpu", threads=1)


class Line(Task):
    """Fits y = 3 x - 1 by a linear unit with Adam, whose state must survive an interruption."""

    round_steps = 4

    def __init__(self, stop_at: int | None = None, poison_at: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.unit = nn.Linear(1, 1)
        self.stop_at, self.poison_at = stop_at, poison_at

    def batch(self, step: int) -> Any:
        if step == self.stop_at:
            raise RuntimeError("power cut")
        x = torch.randn(8, 1, generator=torch.Generator().manual_seed(step))
        return x, 3 * x - 1 if step != self.poison_at else x * float("nan")

    def loss(self, batch: Any) -> Tensor:
        x, y = batch
        return ((self.unit(x) - y) ** 2).mean()

    def configure_optimizers(self) -> Any:
        optimiser = torch.optim.Adam(self.parameters(), lr=0.1)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 / (1 + step))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def validate(self) -> dict[str, float]:
        return {"weight": self.unit.weight.item()}


def run(task: Line, folder: Path, steps: int = 20, identity: str = "x") -> Any:
    return fit(task, steps=steps, identity={"id": identity}, checkpoints=folder, compute=COMPUTE, label="line")


@pytest.mark.parametrize("stop_at", [2, 4, 5, 11, 19])
def test_interrupted_training_ends_at_the_same_weights_and_history(tmp_path: Path, stop_at: int) -> None:
    whole = Line()
    history = run(whole, tmp_path / "whole")
    with pytest.raises(RuntimeError, match="power cut"):
        run(Line(stop_at=stop_at), tmp_path / "cut")
    resumed = Line()
    assert run(resumed, tmp_path / "cut").equals(history)
    assert torch.equal(resumed.unit.weight, whole.unit.weight)
    assert torch.equal(resumed.unit.bias, whole.unit.bias)
    assert list(history["step"]) == [4, 8, 12, 16, 20]


def test_resumed_training_does_not_repeat_finished_rounds(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        run(Line(stop_at=9), tmp_path)
    seen: list[int] = []

    class Watched(Line):
        def batch(self, step: int) -> Any:
            seen.append(step)
            return super().batch(step)

    run(Watched(), tmp_path)
    assert sorted(set(seen)) == list(range(8, 20))


def test_finished_training_is_read_back_without_a_step(tmp_path: Path) -> None:
    first = Line()
    history = run(first, tmp_path)
    again = Line(stop_at=0)
    assert run(again, tmp_path).equals(history)
    assert torch.equal(again.unit.weight, first.unit.weight)


def test_a_checkpoint_of_other_parameters_is_not_continued(tmp_path: Path) -> None:
    run(Line(), tmp_path, identity="old")
    fresh = Line()
    history = run(fresh, tmp_path, identity="new")
    assert list(history["step"]) == [4, 8, 12, 16, 20]
    assert len(list(tmp_path.glob("*.ckpt"))) == 1


def test_a_loss_that_is_not_finite_stops_the_training_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not finite between steps 8 and 12"):
        run(Line(poison_at=10), tmp_path)
    (checkpoint,) = tmp_path.glob("*.ckpt")
    assert torch.load(checkpoint, weights_only=False)["global_step"] == 8


def test_steps_must_be_whole_rounds(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"steps \(10\) must be a multiple of the steps between checkpoints \(4\)"):
        run(Line(), tmp_path, steps=10)


def test_a_killed_process_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    program = tmp_path / "train.py"
    program.write_text(
        textwrap.dedent(f"""
            import sys, time
            from pathlib import Path
            sys.path.insert(0, {str(Path(__file__).parent)!r})
            from test_fit import Line, run
            import torch

            class Slow(Line):
                def batch(self, step):
                    time.sleep(0.05)
                    return super().batch(step)

            task = Slow()
            run(task, Path(sys.argv[1]), steps=200)
            print(task.unit.weight.item().hex(), task.unit.bias.item().hex())
        """)
    )
    folder = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, str(program), str(folder)], stdout=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while len(list(folder.glob("*.ckpt"))) == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(folder.glob("*.ckpt")), "killed before the first checkpoint"
    resumed, whole = Line(), Line()
    run(resumed, folder, steps=200)
    run(whole, tmp_path / "whole", steps=200)
    assert torch.equal(resumed.unit.weight, whole.unit.weight)
