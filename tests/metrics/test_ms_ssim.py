"""MS-SSIM against pytorch-msssim, and where the other library has no answer."""

import sys

import pytest
import pytorch_msssim
import torch
from skimage import data
from torch import Tensor

from replication.metrics import MSSSIMLoss, chunks, ms_ssim, ssim
from replication.metrics.ssim import MS_SSIM_WEIGHTS, OddSides, least_size, level_weights


def photo(height: int, width: int, channels: int = 3) -> Tensor:
    image = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float() / 255
    tiled = image.repeat(1, -(-height // 512), -(-width // 512))
    return tiled[:channels, :height, :width][None].contiguous()


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (image + sigma * torch.randn(image.shape, generator=generator)).clamp(0, 1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(256, 256), (161, 161), (181, 250), (333, 222), (1080, 1920)])
def test_agrees_with_pytorch_msssim_on_even_and_odd_sizes(size: tuple[int, int], channels: int) -> None:
    reference = photo(*size, channels)
    distorted = noisy(reference)
    expected = pytorch_msssim.ms_ssim(reference, distorted, data_range=1.0, size_average=False)
    torch.testing.assert_close(ms_ssim(reference, distorted), expected, rtol=0, atol=1e-5)


def test_smaller_window_and_given_weights_agree_with_pytorch_msssim() -> None:
    reference = photo(112, 100)
    distorted = noisy(reference)
    weights = [0.2, 0.3, 0.5]
    expected = pytorch_msssim.ms_ssim(
        reference, distorted, data_range=1.0, size_average=False, win_size=7, win_sigma=1.0, weights=weights
    )
    ours = ms_ssim(reference, distorted, window_size=7, sigma=1.0, weights=weights)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)


def test_repeating_the_last_row_of_an_odd_side_equals_an_image_that_has_it_twice() -> None:
    reference = photo(65, 47)
    distorted = noisy(reference)
    even = [torch.nn.functional.pad(x, (0, 1, 0, 1), mode="replicate") for x in (reference, distorted)]
    # The weight of the finest level is 0, so that only the halved images count.
    options = {"weights": (0.0, 1.0), "window_size": 5}
    repeated = ms_ssim(reference, distorted, odd_sides="repeat", **options)
    torch.testing.assert_close(repeated, ms_ssim(*even, **options))
    assert (repeated - ms_ssim(reference, distorted, **options)).abs().item() > 1e-6


def test_one_level_is_ssim() -> None:
    reference = photo(32, 32)
    distorted = noisy(reference)
    torch.testing.assert_close(
        ms_ssim(reference[:, :1], distorted[:, :1], levels=1), ssim(reference[:, :1], distorted[:, :1])
    )


def test_fewer_levels_take_the_first_weights_and_make_them_sum_to_one() -> None:
    assert level_weights() == MS_SSIM_WEIGHTS == (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    total = 0.0448 + 0.2856 + 0.3001
    assert level_weights(3) == pytest.approx((0.0448 / total, 0.2856 / total, 0.3001 / total))
    assert level_weights(weights=[1.0, 2.0]) == (1.0, 2.0)


@pytest.mark.parametrize(("window_size", "levels"), [(11, 5), (11, 2), (7, 3), (3, 4)])
def test_least_size_is_the_least(window_size: int, levels: int) -> None:
    least = least_size(window_size, levels)
    image = torch.rand(1, 1, least, least + 1)
    assert ms_ssim(image, image, levels=levels, window_size=window_size).item() == pytest.approx(1.0)
    with pytest.raises(ValueError, match=f"least size is {least} x {least}"):
        ms_ssim(image[..., 1:, :], image[..., 1:, :], levels=levels, window_size=window_size)


def test_five_levels_with_the_standard_window_need_161_pixels() -> None:
    assert least_size() == 161


def test_a_score_does_not_depend_on_the_batch_in_any_bit() -> None:
    torch.manual_seed(0)
    reference = torch.rand(5, 3, 176, 163)
    distorted = noisy(reference)
    alone = torch.cat([ms_ssim(reference[i : i + 1], distorted[i : i + 1]) for i in range(5)])
    assert torch.equal(ms_ssim(reference, distorted), alone)


@pytest.mark.parametrize("odd_sides", ["zeros", "repeat"])
def test_gradcheck(odd_sides: str) -> None:
    torch.manual_seed(0)
    reference = torch.rand(1, 2, 13, 14, dtype=torch.float64)
    distorted = (reference + 0.1 * torch.randn_like(reference)).requires_grad_()
    reference.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda a, b: ms_ssim(a, b, levels=2, window_size=5, odd_sides=odd_sides, validate=False),
        (reference, distorted),
    )


@pytest.mark.parametrize("offset", [0.5, 0.0, -3e-7, -2e-6])
def test_gradcheck_across_zero_contrast_structure(offset: float) -> None:
    """Where a power has an infinite slope or none: images whose contrast-structure is just above, at and below zero."""
    torch.manual_seed(0)
    reference = torch.rand(1, 1, 9, 9, dtype=torch.float64)
    # Between an image and its inverse lies a blend with any contrast-structure; find the one wanted by bisection.
    low, high = 0.0, 1.0
    for _ in range(80):
        blend = (low + high) / 2
        distorted = blend * reference + (1 - blend) * (1 - reference)
        low, high = (blend, high) if ssim(reference, distorted, window_size=9).item() < offset else (low, blend)
    distorted.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda b: ms_ssim(reference, b, levels=1, window_size=9, validate=False),
        (distorted,),
        eps=1e-9,
        atol=1e-2,
        rtol=1e-2,
    )


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize(
    "pair", ["identical", "constant", "anti-correlated", "saturated", "black and white", "unrelated"]
)
def test_gradients_are_finite_and_scores_bounded_on_hard_pairs(pair: str, autocast: bool) -> None:
    image = photo(64, 64)
    reference, distorted = {
        "identical": (image, image),
        "constant": (torch.full_like(image, 0.5), torch.full_like(image, 0.5)),
        "anti-correlated": (image, 1 - image),
        "saturated": (image.round(), noisy(image, 1.0).round()),
        "black and white": (torch.zeros_like(image), torch.ones_like(image)),
        "unrelated": (noisy(image, 9.0), noisy(image, 9.0).flip(-1)),
    }[pair]
    reference, distorted = reference.clone().requires_grad_(), distorted.clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        score = ms_ssim(reference, distorted, levels=3)
    assert score.dtype == torch.float32
    assert 0 <= score.item() <= 1 + 1e-6
    score.sum().backward()
    for side in (reference, distorted):
        assert side.grad is not None
        assert side.grad.isfinite().all()


def test_anti_correlated_images_score_zero() -> None:
    image = photo(176, 176)
    assert ms_ssim(image, 1 - image).item() == pytest.approx(0.0, abs=1e-5)


def test_loss_is_one_minus_the_batch_mean_and_descends_towards_the_target() -> None:
    target = photo(48, 48).expand(2, -1, -1, -1)
    output = noisy(target).requires_grad_()
    loss = MSSSIMLoss(levels=3)(output, target)
    assert loss.item() == pytest.approx(1 - ms_ssim(target, output, levels=3, padding="reflect").mean().item())
    (gradient,) = torch.autograd.grad(loss, output)
    assert MSSSIMLoss(levels=3)(output - 10 * gradient, target) < loss


@pytest.mark.gpu
def test_on_a_gpu_scores_agree_and_nothing_waits_for_the_device() -> None:
    reference = photo(176, 179)
    distorted = noisy(reference)
    on_gpu = reference.cuda(), distorted.cuda().requires_grad_()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        score = ms_ssim(*on_gpu)
        score.sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(score.detach().cpu(), ms_ssim(reference, distorted), rtol=0, atol=1e-5)


@pytest.mark.parametrize("odd_sides", ["zeros", "repeat"])
@pytest.mark.parametrize("size", [(64, 70), (65, 71), (48, 57), (53, 50)])
def test_large_images_are_scored_in_parts_with_the_same_result(
    size: tuple[int, int], odd_sides: OddSides, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = photo(*size)
    distorted = noisy(reference)
    whole = ms_ssim(reference, distorted, levels=3, odd_sides=odd_sides)
    monkeypatch.setattr(sys.modules[ms_ssim.__module__], "_LARGE", 100)
    for rows in (2, 3):
        monkeypatch.setattr(chunks, "_STRIP", rows * 2 * size[1])
        assert torch.equal(ms_ssim(reference, distorted, levels=3, odd_sides=odd_sides), whole)
    distorted.requires_grad_()
    assert torch.equal(ms_ssim(reference, distorted, levels=3, odd_sides=odd_sides), whole)
