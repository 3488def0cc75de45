"""Attention maps against MIC of patches cut out one by one."""

import importlib
import math

import pytest
import torch
from torch import Tensor

from replication.metrics.attention import mic_patches
from replication.metrics.mic import mic

MODULE = importlib.import_module("replication.metrics.attention")


def maps(*shape: int, noise: float = 0.5) -> tuple[Tensor, Tensor]:
    """Feature maps of a distorted image and its reference: sparse, as after ReLU."""
    generator = torch.Generator().manual_seed(0)
    reference, disturbance = torch.randn(2, *shape, generator=generator)
    return (reference + noise * disturbance).relu(), reference.relu()


@pytest.mark.parametrize(("patch", "stride"), [(7, 7), (7, 6), (4, 4), (7, 1), (2, 3)])
def test_each_place_is_one_minus_the_mean_of_its_patch(patch: int, stride: int) -> None:
    x, y = maps(2, 3, 15, 18)
    attention = mic_patches(x, y, patch, stride)
    assert attention.shape == (2, (15 - patch) // stride + 1, (18 - patch) // stride + 1)
    for image, i, j in [(0, 0, 0), (1, attention.shape[1] - 1, attention.shape[2] - 1), (1, 0, 1)]:
        rows, columns = slice(i * stride, i * stride + patch), slice(j * stride, j * stride + patch)
        scores = [mic(x[image, k, rows, columns].flatten(), y[image, k, rows, columns].flatten()) for k in range(3)]
        assert attention[image, i, j].item() == pytest.approx(1 - sum(score.item() for score in scores) / 3, abs=1e-6)


def test_identical_maps_draw_no_attention_and_constant_ones_all() -> None:
    x, _ = maps(1, 4, 16, 16)
    assert torch.equal(mic_patches(x + torch.rand_like(x), torch.zeros_like(x), 4, 4), torch.ones(1, 4, 4))
    distinct = torch.rand(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(mic_patches(distinct, distinct, 4, 4), torch.zeros(1, 4, 4))
    assert torch.allclose(mic_patches(distinct, distinct), torch.tensor(1 - 0.9997), atol=1e-5)


def test_attention_rises_with_distortion_and_arguments_may_change_places() -> None:
    means = [mic_patches(*maps(2, 8, 21, 21, noise=noise)).mean().item() for noise in (0.0, 0.3, 1.0, 3.0)]
    assert means == sorted(means)
    x, y = maps(2, 8, 21, 21)
    assert torch.equal(mic_patches(x, y), mic_patches(y, x))


@pytest.mark.parametrize("channels", [1, 5, 32])
@pytest.mark.parametrize("size", [(7, 7), (15, 22)])
def test_an_image_does_not_depend_on_the_batch_in_any_bit(
    size: tuple[int, int], channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = maps(5, channels, *size)
    together = mic_patches(x, y, 7, 3)
    assert torch.equal(together, torch.cat([mic_patches(x[i : i + 1], y[i : i + 1], 7, 3) for i in range(5)]))
    monkeypatch.setattr(MODULE, "_CHUNK", 1)
    assert torch.equal(together, mic_patches(x, y, 7, 3))


def test_settings_reach_the_coefficient_and_no_gradient_comes_back() -> None:
    x, y = maps(1, 2, 14, 14)
    attention = mic_patches(x.requires_grad_(), y, 7, 7, alpha=0.7, c=2)
    assert not attention.requires_grad
    assert not torch.equal(attention, mic_patches(x, y, 7, 7))
    assert mic_patches(x[:0], y[:0]).shape == (0, 2, 2)


GOOD = torch.zeros(2, 3, 14, 14)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (GOOD[0], GOOD, {}, r"features_x must be .* \(N, K, H, W\), got torch.float32 of shape \(3, 14, 14\)"),
        (GOOD, GOOD.int(), {}, "features_y must be a floating-point tensor .*, got torch.int32"),
        (GOOD, None, {}, "features_y must be a floating-point tensor .*, got NoneType"),
        (GOOD, GOOD[:1], {}, "the same shape"),
        (GOOD, GOOD.to("meta"), {}, "on one device"),
        (GOOD[:, :0], GOOD[:, :0], {}, "at least one channel"),
        (GOOD, GOOD, {"patch": 1}, "patch must be at least 2"),
        (GOOD, GOOD, {"stride": 0}, "stride at least 1"),
        (GOOD, GOOD, {"patch": 15}, "at least one patch of 15 x 15 large"),
        (GOOD, GOOD + math.nan, {}, "features_y contains NaN"),
    ],
)
def test_bad_input_is_named(x: Tensor, y: Tensor, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mic_patches(x, y, **options)


@pytest.mark.gpu
def test_on_a_gpu_attention_agrees_and_nothing_waits_for_the_device() -> None:
    x, y = maps(2, 8, 30, 37)
    on_gpu = x.cuda(), y.cuda()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        attention = mic_patches(*on_gpu)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(attention.cpu(), mic_patches(x, y), rtol=0, atol=1e-6)
