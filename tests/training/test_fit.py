"""Training can be stopped at any moment, goes on, and ends at the same weights."""

import math
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from replication.training import fit as fit_module
from replication.training.fit import Compute, Task, TrainingError, fit
from replication.training.schedule import Schedule

COMPUTE = Compute(accelerator="cpu", threads=1)


class Line(Task):
    """Fits y = 3 x - 1 by a linear unit with Adam, whose state must survive an interruption."""

    round_steps = 4

    def __init__(
        self, steps: int = 20, stop_at: int | None = None, poison_at: int | None = None, **schedule: Any
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Linear(1, 1)
        self.schedule = Schedule(0.1, steps, **schedule)
        self.stop_at, self.poison_at = stop_at, poison_at
        self.seen: list[int] = []

    def batch(self, step: int) -> Any:
        self.seen.append(step)
        if step == self.stop_at:
            raise RuntimeError("power cut")
        x = torch.randn(8, 1, generator=torch.Generator().manual_seed(step))
        return x, 3 * x - 1 if step != self.poison_at else x * float("nan")

    def loss(self, batch: Any) -> Tensor:
        x, y = batch
        noise = 0.01 * torch.randn(8, 1)  # of torch's own random numbers, which must go on too
        return ((self.network(x) - y + noise) ** 2).mean()

    def validate(self) -> dict[str, float]:
        weight, bias = (parameter.item() for parameter in self.network.parameters())
        return {"validation_loss": (weight - 3) ** 2 + (bias + 1) ** 2}

    def values(self) -> list[float]:
        return [parameter.item() for parameter in self.network.parameters()]


def run(task: Task, folder: Path, identity: str = "x", compute: Compute = COMPUTE) -> pd.DataFrame:
    return fit(task, identity={"id": identity}, checkpoints=folder, compute=compute, label="line")


@pytest.mark.parametrize("stop_at", [2, 4, 5, 11, 19])
def test_interrupted_training_ends_at_the_same_weights_and_history(tmp_path: Path, stop_at: int) -> None:
    whole = Line()
    history = run(whole, tmp_path / "whole")
    with pytest.raises(RuntimeError, match="power cut"):
        run(Line(stop_at=stop_at), tmp_path / "cut")
    resumed = Line()
    assert run(resumed, tmp_path / "cut").equals(history)
    assert resumed.values() == whole.values()
    assert resumed.seen == list(range(stop_at // 4 * 4, 20))  # finished rounds are not repeated
    assert list(history["step"]) == [4, 8, 12, 16, 20]


def test_finished_training_is_read_back_without_a_step(tmp_path: Path) -> None:
    first = Line()
    history = run(first, tmp_path)
    again = Line(stop_at=0)
    assert run(again, tmp_path).equals(history)
    assert again.values() == first.values()


def test_a_checkpoint_of_other_code_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run(Line(), tmp_path)
    code = fit_module._code(Line())
    assert "torch " + torch.__version__ in code
    assert fit_module._code(nn.Module()) != code  # a class of another file
    monkeypatch.setattr(fit_module, "closure", lambda *starts, discover: {"replication/training/schedule.py"})
    assert fit_module._code(Line()) != code  # the files that it imports are others
    task = Line()
    run(task, tmp_path)
    assert task.seen == list(range(20))
    assert sum("of other parameters, data or code is replaced" in message for message in caplog.messages) == 2


def test_an_interrupt_is_a_sentence_and_leaves_the_last_checkpoint(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    class Interrupted(Line):
        def batch(self, step: int) -> Any:
            if step == 10:
                signal.raise_signal(signal.SIGINT)
            return super().batch(step)

    with pytest.raises(KeyboardInterrupt, match="line: interrupted at step 10 of 20; run it again to go on"):
        run(Interrupted(), tmp_path)
    resumed = Line()
    run(resumed, tmp_path)
    assert resumed.seen[0] == 8


def test_a_loss_that_is_not_finite_stops_the_training_and_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not finite between steps 8 and 12"):
        run(Line(poison_at=10), tmp_path)
    resumed = Line()
    run(resumed, tmp_path)
    assert resumed.seen[0] == 8
    assert all(math.isfinite(value) for value in resumed.values())


def test_steps_must_be_whole_rounds(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"steps \(10\) must be a multiple of the steps between checkpoints \(4\)"):
        run(Line(steps=10), tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accelerator": "tpu"}, "unknown accelerator 'tpu'; known: auto, cpu, gpu, cuda"),
        ({"precision": "16-mixed"}, "unknown precision '16-mixed'; known: 32-true, bf16-mixed"),
        ({"threads": -1}, "threads must be a whole number of at least 0, got -1"),
        ({"threads": "2"}, "threads must be a whole number of at least 0, got '2'"),
    ],
)
def test_what_cannot_be_computed_with_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Compute(**options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_available_is_refused_and_auto_takes_the_cpu(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="torch finds no CUDA device; choose auto or cpu"):
        run(Line(), tmp_path, compute=Compute("gpu", 1))
    run(Line(), tmp_path, compute=Compute("auto", 1))


@pytest.mark.parametrize(("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)])
def test_only_the_training_loss_is_computed_in_the_given_precision(
    tmp_path: Path, precision: str, dtype: torch.dtype
) -> None:
    class Watched(Line):
        def __init__(self) -> None:
            super().__init__(steps=4)
            self.outputs: list[torch.dtype] = []
            self.network.register_forward_hook(lambda *args: self.outputs.append(args[-1].dtype))

        def validate(self) -> dict[str, float]:
            self.network(torch.ones(1, 1))
            return super().validate()

    task = Watched()
    run(task, tmp_path, compute=Compute("cpu", 1, precision))
    assert task.outputs == [*[dtype] * 4, torch.float32]
    assert {parameter.dtype for parameter in task.network.parameters()} == {torch.float32}


def test_the_network_trains_in_training_mode_and_is_validated_without_gradients(tmp_path: Path) -> None:
    class Watched(Line):
        modes: list[tuple[str, bool, bool]]

        def loss(self, batch: Any) -> Tensor:
            self.modes.append(("loss", self.network.training, torch.is_grad_enabled()))
            return super().loss(batch)

        def validate(self) -> dict[str, float]:
            self.modes.append(("validate", self.network.training, torch.is_grad_enabled()))
            return super().validate()

    task = Watched(steps=8)
    task.modes = []
    run(task, tmp_path)
    assert set(task.modes) == {("loss", True, True), ("validate", False, False)}
    assert not torch.are_deterministic_algorithms_enabled()  # the caller's choice is restored


def test_training_uses_deterministic_algorithms_only(tmp_path: Path) -> None:
    class Watched(Line):
        def loss(self, batch: Any) -> Tensor:
            assert torch.are_deterministic_algorithms_enabled()
            return super().loss(batch)

    run(Watched(), tmp_path)


def test_training_imports_neither_the_compiler_of_torch_nor_a_framework() -> None:
    program = """
        import sys, tempfile
        from pathlib import Path
        from tests.training.test_fit import Line, run
        import replication.training.autoencoders, replication.training.vdsr

        run(Line(), Path(tempfile.mkdtemp()))
        heavy = {"lightning", "torchmetrics", "torchvision", "torch._dynamo", "matplotlib", "skimage", "sklearn"}
        print(sorted(heavy & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("stop_at", [13, 33, 59])
def test_a_decay_that_waits_for_a_flat_loss_begins_at_the_same_step_after_an_interruption(
    tmp_path: Path, stop_at: int
) -> None:
    def task(stop_at: int | None = None) -> Line:
        return Line(steps=100, stop_at=stop_at, decay="when-flat", warmup=8)

    history = run(task(), tmp_path / "whole")
    with pytest.raises(RuntimeError, match="power cut"):
        run(task(stop_at), tmp_path / "cut")
    resumed = run(task(), tmp_path / "cut")
    pd.testing.assert_frame_equal(resumed, history, check_exact=True)
    start = history["decay_start"].dropna().unique()
    assert len(start) == 1
    assert 28 <= start[0] < 80  # not before a fifth after the warm-up; flat before it would be too late
    assert history["step"].iloc[-1] == start[0] + 20
    assert history["decay_start"].isna().sum() == start[0] / 4 - 1
    assert set(history.loc[history["step"].between(8, start[0]), "learning_rate"]) == {0.1}
    assert history["learning_rate"].iloc[-1] == 0


def test_a_process_killed_at_random_moments_ends_at_the_same_bytes(tmp_path: Path) -> None:
    program = textwrap.dedent(f"""
        import os, random, signal, sys, time
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_fit import Line, run

        class Slow(Line):
            round_steps = 1

            def batch(self, step):
                time.sleep(0.004)
                return super().batch(step)

        def start():
            child = os.fork()
            if child == 0:
                run(Slow(steps=60), Path(sys.argv[1]))
                os._exit(0)
            return child

        random, killed = random.Random(0), 0
        for _ in range(8):
            child = start()
            time.sleep(random.uniform(0.01, 0.15))
            os.kill(child, signal.SIGKILL)
            killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        print(killed, os.WEXITSTATUS(os.waitpid(start(), 0)[1]))
    """)
    killed = tmp_path / "killed"
    done = subprocess.run(
        [sys.executable, "-c", program, str(killed)],
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    kills, status = map(int, done.stdout.split())
    assert status == 0
    assert kills >= 4
    whole = Line(steps=60)
    whole.round_steps = 1
    run(whole, tmp_path / "whole")
    ends = [sorted(folder.glob("*.ckpt"))[-1] for folder in (killed, tmp_path / "whole")]
    assert ends[0].name.split("-")[1:] == ends[1].name.split("-")[1:]  # steps and content; the code's files differ
    assert ends[0].read_bytes() == ends[1].read_bytes()
