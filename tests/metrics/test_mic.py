"""MIC against values of minepy, a search through all partitions into columns, and closed forms."""

import importlib
import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from replication.metrics.mic import mic

MODULE = importlib.import_module("replication.metrics.mic")

RealData = Callable[[str], Path]


def samples(*shape: int, correlation: float = 0.5, seed: int = 0, levels: int = 0) -> tuple[Tensor, Tensor]:
    """Correlated Gaussian samples in float64, with many equal values where `levels` is given."""
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    y = correlation * x + math.sqrt(1 - correlation**2) * noise
    return ((levels * x).round(), (levels * y).round()) if levels else (x, y)


@pytest.mark.parametrize("name", ["mic_n49", "mic_n16"])
def test_equals_minepy_on_every_pair(name: str, real_data: RealData) -> None:
    """Independent, noisy, functional, tied, identical and constant pairs."""
    stored = np.load(real_data("../golden") / f"{name}.npz")
    x, y = torch.from_numpy(stored["x"]), torch.from_numpy(stored["y"])
    np.testing.assert_allclose(mic(x, y).numpy(), stored["mic"], rtol=0, atol=1e-7)
    np.testing.assert_allclose(mic(x.double(), y.double()).numpy(), stored["mic"], rtol=0, atol=1e-13)


@pytest.mark.parametrize(("setting", "alpha", "c"), [("a05c10", 0.5, 10), ("a06c15", 0.6, 15)])
@pytest.mark.parametrize("n", [4, 5, 7, 8, 9, 10, 12, 16, 20, 25, 32, 36, 49, 64, 100])
def test_equals_minepy_at_every_sample_size(n: int, setting: str, alpha: float, c: float, real_data: RealData) -> None:
    stored = np.load(real_data("../golden") / "mic_sizes.npz")
    x, y, expected = (stored[f"{setting}_n{n}_{key}"] for key in ("x", "y", "mic"))
    scores = mic(torch.from_numpy(x).double(), torch.from_numpy(y).double(), alpha, c)
    np.testing.assert_allclose(scores.numpy(), expected, rtol=0, atol=1e-13)


def joined(sizes: list[int], parts: int) -> list[list[int]]:
    """Groups of so many points, numbered, put into parts of equal size: one after the other, as published."""
    result: list[list[int]] = [[]]
    held, left = 0, sum(sizes)
    wanted = left / parts
    for group, size in enumerate(sizes):
        if held and abs(held + size - wanted) >= abs(held - wanted):
            left -= held
            wanted = left / (parts - len(result))
            result.append([])
            held = 0
        result[-1].append(group)
        held += size
    return result


def mutual_information(rows: list[int], columns: list[int]) -> float:
    n = len(rows)
    table: dict[tuple[int, int], int] = {}
    for cell in zip(rows, columns, strict=True):
        table[cell] = table.get(cell, 0) + 1
    return sum(m / n * math.log(m * n / rows.count(row) / columns.count(column)) for (row, column), m in table.items())


def by_search(x: list[float], y: list[float], alpha: float, c: float) -> float:
    """One way round: rows of equal size, and columns by trying every choice of places to cut."""
    n, best = len(x), 0.0
    limit = max(n**alpha, 4)
    for rows in range(2, int(limit / 2) + 1):
        values = sorted(set(y))
        parts = joined([y.count(value) for value in values], rows)
        row_of = {values[group]: row for row, part in enumerate(parts) for group in part}
        # Clumps: points of equal x stay together; neighbours all in one row join.
        clumps: list[list[int]] = []
        for value in sorted(set(x)):
            points = [i for i in range(n) if x[i] == value]
            own_rows = {row_of[y[i]] for i in points}
            if clumps and len(own_rows) == 1 and {row_of[y[i]] for i in clumps[-1]} == own_rows:
                clumps[-1] += points
            else:
                clumps.append(points)
        most = int(limit / rows)
        if len(clumps) > max(int(c * most), 1):
            parts = joined([len(points) for points in clumps], max(int(c * most), 1))
            clumps = [[i for clump in part for i in clumps[clump]] for part in parts]
        for columns in range(2, min(most, len(clumps)) + 1):
            for cuts in itertools.combinations(range(1, len(clumps)), columns - 1):
                column_of = {i: sum(k >= cut for cut in cuts) for k, points in enumerate(clumps) for i in points}
                information = mutual_information([row_of[y[i]] for i in range(n)], [column_of[i] for i in range(n)])
                best = max(best, information / math.log(min(rows, columns)))
    return best


@pytest.mark.parametrize("levels", [0, 1, 2, 5])
@pytest.mark.parametrize(
    ("n", "alpha", "c"), [(2, 0.5, 10), (3, 0.5, 10), (6, 0.9, 10), (13, 0.8, 10), (13, 0.8, 1.5), (17, 0.7, 2)]
)
def test_equals_a_search_through_all_partitions(n: int, alpha: float, c: float, levels: int) -> None:
    """With a small c, which joins clumps, and a large one, which does not; with ties and without."""
    x, y = samples(12, n, levels=levels, seed=n)
    expected = [
        max(by_search(a, b, alpha, c), by_search(b, a, alpha, c)) for a, b in zip(x.tolist(), y.tolist(), strict=True)
    ]
    np.testing.assert_allclose(mic(x, y, alpha, c).numpy(), expected, rtol=0, atol=1e-12)


def test_no_other_columns_tell_more_where_clumps_are_not_joined() -> None:
    """Of a row cut at the median, against all 2 x 2 and 2 x 3 grids with that cut."""
    x, y = samples(20, 49)
    scores = mic(x, y, c=100)
    upper = (y.argsort().argsort() >= 24).take_along_dim(x.argsort(), 1)
    for row, score in zip(upper.tolist(), scores.tolist(), strict=True):
        rows = [int(value) for value in row]
        for cuts in itertools.combinations(range(1, 49, 4), 2):
            columns = [sum(place >= cut for cut in cuts) for place in range(49)]
            assert score >= mutual_information(rows, columns) / math.log(2) - 1e-12


@pytest.mark.parametrize("n", [4, 5, 16, 49])
def test_identical_samples_score_the_entropy_of_the_best_halves(n: int) -> None:
    """Up to n = 49 the best grid has two rows: 24 and 25 points of 49, .99970 bits."""
    x, _ = samples(3, n)
    share = (n // 2) / n
    entropy = -(share * math.log2(share) + (1 - share) * math.log2(1 - share))
    torch.testing.assert_close(mic(x, x), torch.full((3,), entropy, dtype=torch.float64), rtol=0, atol=1e-14)
    if n == 49:
        assert round(entropy, 5) == 0.99970


def test_a_constant_scores_zero() -> None:
    x, _ = samples(4, 49)
    constant = torch.full_like(x, 0.3)
    for pair in ((x, constant), (constant, x), (constant, constant)):
        assert torch.equal(mic(*pair), torch.zeros(4, dtype=torch.float64))


def test_two_values_that_say_each_other_score_their_entropy() -> None:
    """15 of 20 points are high: one bit would be halves. Anti-correlation counts as correlation does."""
    x = torch.tensor([0.0] * 5 + [1.0] * 15, dtype=torch.float64)
    expected = -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75))
    assert mic(x, x).item() == pytest.approx(expected, abs=1e-14)
    assert mic(x, 7 - x).item() == pytest.approx(expected, abs=1e-14)


def test_independent_samples_of_49_score_as_minepy_finds() -> None:
    """0.176 +- 0.045 over Gaussian pairs."""
    scores = mic(*samples(4000, 49, correlation=0.0))
    assert scores.mean().item() == pytest.approx(0.176, abs=0.003)
    assert scores.std().item() == pytest.approx(0.045, abs=0.003)


@pytest.mark.parametrize("levels", [0, 3])
def test_only_the_order_of_values_matters_and_not_that_of_points_or_arguments(levels: int) -> None:
    x, y = samples(50, 49, levels=levels)
    scores = mic(x, y)
    assert torch.equal(mic(x.exp(), y**3 - 5), scores)
    assert torch.equal(mic(y, x), scores)
    shuffled = torch.randperm(49, generator=torch.Generator().manual_seed(1))
    assert torch.equal(mic(x[:, shuffled], y[:, shuffled]), scores)
    assert torch.equal(mic(x.abs() * 0.0 * x.sign(), y), torch.zeros_like(scores))  # -0 equals 0


@pytest.mark.parametrize("setting", [(0.5, 10.0), (0.6, 15.0), (0.8, 2.0)])
@pytest.mark.parametrize("levels", [0, 2])
def test_a_score_does_not_depend_on_the_batch_in_any_bit(
    setting: tuple[float, float], levels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = samples(40, 49, levels=levels)
    x[::3], y[1::4] = y[::3], 0.0
    together = mic(x, y, *setting)
    assert torch.equal(together, torch.stack([mic(a, b, *setting) for a, b in zip(x, y, strict=True)]))
    monkeypatch.setattr(MODULE, "_CHUNK_CPU", 10_000)  # a few pairs at a time
    assert torch.equal(together, mic(x, y, *setting))


@pytest.mark.parametrize("tile", [1, 4, 64])
@pytest.mark.parametrize("setting", [(0.5, 10.0), (0.6, 15.0), (0.8, 2.0), (0.9, 0.2)])
def test_what_runs_on_an_accelerator_agrees(
    setting: tuple[float, float], tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There nothing depends on values, and many column ends are worked on at once."""
    x, y = samples(40, 49, levels=3)
    x[1::2], y[1::2] = samples(20, 49)
    expected = mic(x, y, *setting)
    monkeypatch.setattr(MODULE, "_values_at_hand", lambda _: False)
    monkeypatch.setattr(MODULE, "_TILE_ACCELERATOR", tile)
    torch.testing.assert_close(mic(x, y, *setting), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("n", [16, 49, 100])
def test_a_table_of_all_columns_agrees_with_single_terms(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = samples(30, n)
    expected = mic(x, y, 0.6, 15)
    monkeypatch.setattr(MODULE, "_TABLE", 0)
    torch.testing.assert_close(mic(x, y, 0.6, 15), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("shape", [(49,), (1, 49), (0, 49), (2, 3, 49), (2, 0, 49)])
def test_any_leading_shape(shape: tuple[int, ...]) -> None:
    x, y = samples(*shape)
    scores = mic(x, y)
    assert scores.shape == shape[:-1]
    assert torch.equal(scores.flatten(), mic(x.reshape(-1, 49), y.reshape(-1, 49)))


def test_samples_need_not_be_contiguous() -> None:
    x, y = samples(49, 6)
    assert torch.equal(mic(x.T, y.T), mic(x.T.contiguous(), y.T.contiguous()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_score_has_at_least_single_precision_and_no_gradient(dtype: torch.dtype) -> None:
    x, y = (sample.to(dtype) for sample in samples(5, 49))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = mic(x.requires_grad_(), y)
    assert scores.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert not scores.requires_grad
    torch.testing.assert_close(scores.double(), mic(x.double(), y.double()), rtol=0, atol=1e-7)


def test_many_points_of_a_relation_without_noise_score_near_one() -> None:
    x = torch.linspace(0, 1, 1000, dtype=torch.float64)
    assert mic(x, torch.sin(9 * x), 0.6, 15).item() > 0.99
    assert mic(x, samples(1000)[1], 0.6, 15).item() < 0.2


GOOD = torch.zeros(3, 49)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (GOOD, GOOD[:2], {}, r"same shape \(..., n\), got \(3, 49\) and \(2, 49\)"),
        (GOOD[:, :1], GOOD[:, :1], {}, r"at least 2 values along their last dimension, got shape \(3, 1\)"),
        (GOOD[0, 0], GOOD[0, 0], {}, r"at least 2 values"),
        (GOOD.long(), GOOD, {}, "x must be a floating-point tensor .*, got torch.int64"),
        (GOOD, GOOD.numpy(), {}, "y must be a floating-point tensor .*, got ndarray"),
        (GOOD, GOOD / 0, {}, "y contains NaN or infinity"),
        (GOOD + math.inf, GOOD, {}, "x contains NaN or infinity"),
        (GOOD, GOOD.to("meta"), {}, "on one device, got cpu and meta"),
        (GOOD, GOOD, {"alpha": 0.0}, r"alpha must be in \(0, 1\], got 0.0"),
        (GOOD, GOOD, {"alpha": 4.0}, r"alpha must be in \(0, 1\], got 4.0"),
        (GOOD, GOOD, {"c": 0.0}, "c must be positive and finite, got 0.0"),
    ],
)
def test_bad_input_is_named(x: Tensor, y: Tensor, options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mic(x, y, **options)


@pytest.mark.gpu
def test_on_a_gpu_scores_agree_and_nothing_waits_for_the_device() -> None:
    x, y = samples(300, 49, levels=3)
    x[1::2], y[1::2] = samples(150, 49)
    on_gpu = x.cuda(), y.cuda()
    for setting in ((0.5, 10.0), (0.6, 15.0)):
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            scores = mic(*on_gpu, *setting)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        torch.testing.assert_close(scores.cpu(), mic(x, y, *setting), rtol=0, atol=1e-12)
