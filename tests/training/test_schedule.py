"""The learning rate, step by step."""

import math

import pytest
import torch

from replication.training.schedule import Schedule, is_flat


def rows(losses: list[float], round_steps: int = 10) -> list[dict[str, float]]:
    return [{"step": (n + 1) * round_steps, "validation_loss": loss} for n, loss in enumerate(losses)]


def test_the_cosine_is_that_of_torch() -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    expected = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=50)
    schedule = Schedule(0.3, 50)
    for step in range(51):
        assert schedule.rate(step, 0) == pytest.approx(expected.get_last_lr()[0], abs=1e-12)
        optimiser.step()
        expected.step()


def test_the_rate_grows_linearly_over_the_warm_up() -> None:
    schedule = Schedule(1.0, 1000, warmup=4)
    flat = [Schedule(1.0, 1000).rate(step, 0) for step in range(5)]
    assert [schedule.rate(step, 0) / flat[step] for step in range(5)] == pytest.approx([0.25, 0.5, 0.75, 1, 1])


def test_the_decay_begins_when_the_held_out_loss_gains_less_than_half_a_percent_in_a_fifth_of_the_run() -> None:
    schedule = Schedule(0.1, 500, decay="when-flat")  # a fifth: 10 rounds
    falling = [100 * 0.999**n for n in range(30)]  # 1 % in ten rounds
    assert schedule.decay_start(rows(falling)) is None
    then_flat = [*falling, *[falling[-1] * (1 - 0.0049 * n / 9) for n in range(10)]]
    assert schedule.decay_start(rows(then_flat[:-1])) is None  # the window still holds a round of the fall
    assert schedule.decay_start(rows(then_flat)) == 400
    then_flat[35] *= 0.999  # together more than .5 %
    assert schedule.decay_start(rows(then_flat[:39])) is None


def test_the_rate_is_constant_before_the_decay_and_reaches_zero_after_a_fifth() -> None:
    schedule = Schedule(0.1, 500, decay="when-flat")
    assert {schedule.rate(step, None) for step in range(500)} == {0.1}
    assert schedule.rate(199, 200) == schedule.rate(200, 200) == 0.1
    assert schedule.rate(250, 200) == pytest.approx(0.05)
    assert schedule.rate(300, 200) == pytest.approx(0, abs=1e-17)
    assert (schedule.end(None), schedule.end(200)) == (500, 300)


def test_a_loss_that_never_becomes_flat_decays_in_the_last_fifth() -> None:
    schedule = Schedule(0.1, 500, decay="when-flat")
    falling = rows([0.9**n for n in range(50)])
    assert schedule.decay_start(falling[:39]) is None
    assert schedule.decay_start(falling) == 400
    assert schedule.end(400) == 500


def test_a_flat_loss_does_not_start_the_decay_within_a_fifth_after_the_warm_up() -> None:
    schedule = Schedule(0.1, 500, warmup=100, decay="when-flat")
    assert schedule.decay_start(rows([1.0] * 19)) is None
    assert schedule.decay_start(rows([1.0] * 30)) == 200


def test_a_loss_that_gets_worse_or_is_negative_is_judged_alike() -> None:
    assert is_flat([10, 20, 30], [1.0, 1.1, 1.2], 10)
    assert not is_flat([10, 20], [-10.0, -10.1], 10)
    assert is_flat([10, 20], [-10.0, -10.04], 10)
    assert is_flat([10, 20], [0.0, 0.0], 10)
    assert not is_flat([10], [1.0], 10)
    assert not is_flat([10, 20], [1.0, math.nan], 10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decay": "step"}, "unknown decay 'step'; known: cosine, when-flat"),
        ({"steps": 0}, "at least 1 step"),
        ({"warmup": -1}, "a warmup"),
        ({"learning_rate": math.nan}, "finite learning rate"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schedule(**{"learning_rate": 0.1, "steps": 10} | options)  # type: ignore[arg-type]


def test_a_fifth_of_a_run_that_waits_must_be_whole_rounds() -> None:
    Schedule(0.1, 100).check_rounds(50)
    Schedule(0.1, 100, decay="when-flat").check_rounds(20)
    with pytest.raises(ValueError, match=r"a fifth of the steps \(100 / 5\) must be a multiple of .* \(50\)"):
        Schedule(0.1, 100, decay="when-flat").check_rounds(50)
