"""SSIM against scikit-image in float64, its gradient against autograd and finite differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from skimage import data
from skimage.metrics import structural_similarity
from torch import Tensor

from replication.metrics import SSIMLoss, similarity, ssim, ssim_map
from replication.metrics.checks import Padding


def scikit_image_ssim(reference: Tensor, distorted: Tensor, **options: Any) -> Tensor:
    """Mean of scikit-image's float64 SSIM map over whole 11 x 11 Gaussian windows, averaged over channels."""
    options = {"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, **options}
    scores = []
    for x, y in zip(reference.double().numpy(), distorted.double().numpy(), strict=True):
        maps = [structural_similarity(a, b, full=True, **options)[1] for a, b in zip(x, y, strict=True)]
        scores.append(np.mean([values[5:-5, 5:-5].mean() for values in maps]))
    return torch.tensor(np.array(scores))


def photo(height: int, width: int, channels: int) -> Tensor:
    """A photograph tiled or cropped to the size, (1, C, H, W) in [0, 1]."""
    image = torch.from_numpy(data.astronaut()).permute(2, 0, 1).float() / 255
    tiled = image.repeat(1, -(-height // 512), -(-width // 512))
    return tiled[:channels, :height, :width][None].contiguous()


def noisy(image: Tensor, sigma: float = 0.1) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (image + sigma * torch.randn(image.shape, generator=generator)).clamp(0, 1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(256, 256), (11, 11), (33, 47), (1080, 1920)])
def test_agrees_with_scikit_image_in_float64(size: tuple[int, int], channels: int) -> None:
    reference = photo(*size, channels)
    distorted = noisy(reference)
    expected = scikit_image_ssim(reference, distorted)
    torch.testing.assert_close(ssim(reference, distorted).double(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.02, 0.5, 0.9, 0.98])
@pytest.mark.parametrize("sigma", [0.001, 0.01, 0.03])
def test_keeps_its_precision_on_flat_images_of_any_brightness(level: float, sigma: float) -> None:
    """Where variances are small differences of large squares."""
    flat = torch.full((1, 1, 256, 256), level)
    reference, distorted = noisy(flat, sigma), noisy(flat.flip(0), 2 * sigma).flip(-1)
    expected = scikit_image_ssim(reference, distorted)
    torch.testing.assert_close(ssim(reference, distorted).double(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("gain", [0.3, 0.7, 0.8])
def test_keeps_its_precision_where_a_slide_is_dimmed(gain: float) -> None:
    """Where even the difference of the images is flat, every rounding error has the same sign."""
    page = (photo(256, 256, 3).mean(dim=1, keepdim=True) > 0.1).float()
    expected = scikit_image_ssim(page, gain * page)
    torch.testing.assert_close(ssim(page, gain * page).double(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("first", "second"), [(0.9, 0.7), (0.25, 0.6), (1.0, 0.1), (0.37, 0.93)])
def test_two_constant_images_differ_in_luminance_alone(first: float, second: float) -> None:
    reference, distorted = torch.full((1, 1, 24, 24), first), torch.full((1, 1, 24, 24), second)
    expected = (2 * first * second + 1e-4) / (first**2 + second**2 + 1e-4)
    assert ssim(reference, distorted).item() == pytest.approx(expected, abs=1e-6)


def test_data_range_scales_images_only() -> None:
    reference = photo(64, 64, 3)
    distorted = noisy(reference)
    scaled = ssim(255 * reference, 255 * distorted, data_range=255.0)
    torch.testing.assert_close(scaled, ssim(reference, distorted), rtol=0, atol=1e-6)


def test_uniform_window_and_other_constants_agree_with_scikit_image() -> None:
    reference = photo(64, 80, 1)
    distorted = noisy(reference)
    options = {"gaussian_weights": False, "win_size": 7, "K1": 0.02, "K2": 0.05}
    maps = structural_similarity(
        reference[0, 0].double().numpy(),
        distorted[0, 0].double().numpy(),
        data_range=1.0,
        use_sample_covariance=False,
        full=True,
        **options,
    )[1]
    ours = ssim_map(reference, distorted, window_size=7, window_kind="uniform", k1=0.02, k2=0.05)
    np.testing.assert_allclose(ours[0, 0].numpy(), maps[3:-3, 3:-3], atol=2e-5)


def test_reflect_padding_has_one_window_per_pixel() -> None:
    reference = photo(40, 30, 2)
    distorted = noisy(reference)
    padded = [torch.nn.functional.pad(x, [5] * 4, mode="reflect") for x in (reference, distorted)]
    similarity_map = ssim_map(reference, distorted, padding="reflect")
    assert similarity_map.shape == reference.shape
    torch.testing.assert_close(similarity_map, ssim_map(padded[0], padded[1]))
    torch.testing.assert_close(ssim(reference, distorted, padding="reflect"), similarity_map.mean(dim=(1, 2, 3)))


def test_identical_images_score_one_and_inverted_ones_are_negative() -> None:
    image = photo(64, 64, 3)
    torch.testing.assert_close(ssim(image, image), torch.ones(1), rtol=0, atol=1e-6)
    assert ssim(image, image).item() <= 1
    assert ssim(image, 1 - image).item() < -0.2


@pytest.mark.parametrize("size", [(256, 256), (33, 35), (300, 500)])
def test_a_score_does_not_depend_on_the_batch_in_any_bit(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    reference = torch.rand(7, 3, *size)
    distorted = noisy(reference)
    together = ssim(reference, distorted)
    alone = torch.cat([ssim(reference[i : i + 1], distorted[i : i + 1]) for i in range(7)])
    assert torch.equal(together, alone)


@pytest.mark.parametrize("shape", [(0, 3, 16, 16), (1, 1, 11, 40), (2, 5, 13, 12), (130, 1, 17, 17)])
def test_any_number_of_images_and_channels(shape: tuple[int, ...]) -> None:
    reference = torch.rand(shape)
    distorted = noisy(reference)
    expected = ssim_map(reference, distorted).mean(dim=(1, 2, 3))
    torch.testing.assert_close(ssim(reference, distorted), expected)


def test_images_need_not_be_contiguous() -> None:
    reference, distorted = torch.rand(2, 2, 20, 24, 3).movedim(-1, 2)
    expected = ssim(reference.contiguous(), distorted.contiguous())
    assert torch.equal(ssim(reference, distorted), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    reference, distorted = (noisy(photo(64, 64, 3), sigma).to(dtype) for sigma in (0.0, 0.1))
    score = ssim(reference, distorted)
    assert score.dtype == torch.float32
    torch.testing.assert_close(score, ssim(reference.float(), distorted.float()))


def test_autocast_changes_nothing() -> None:
    reference = photo(64, 64, 3)
    distorted = noisy(reference).requires_grad_()
    expected = ssim(reference, distorted)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        score = ssim(reference, distorted)
    assert torch.equal(score, expected)


def test_gradcheck_with_respect_to_both_images() -> None:
    torch.manual_seed(0)
    reference, distorted = (torch.rand(2, 2, 13, 15, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: ssim(a, b, validate=False), (reference, distorted))


@pytest.mark.parametrize("tile", [2, 16, 300, 2000])
@pytest.mark.parametrize("padding", ["valid", "reflect"])
@pytest.mark.parametrize("luminance", [True, False])
def test_tiles_change_neither_the_mean_nor_its_gradient(
    tile: int, luminance: bool, padding: Padding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compared with autograd through the whole maps: parts of planes, groups of planes, and remainders of both."""
    monkeypatch.setattr(similarity, "TILE_CPU", tile)
    torch.manual_seed(0)
    x, y = (torch.rand(3, 2, 29, 23, dtype=torch.float64, requires_grad=True) for _ in range(2))
    weights = torch.rand(3, 2, dtype=torch.float64)
    taps, constants = (0.2, 0.3, 0.1, 0.3, 0.1), similarity.Constants.of(1.0, 0.01, 0.03)

    l_map, cs_map = similarity.similarity_maps(x, y, taps, constants, padding)
    expected = (l_map * cs_map if luminance else cs_map).mean(dim=(2, 3))
    expected_gradients = torch.autograd.grad((weights * expected).sum(), (x, y))

    mean = similarity.mean_similarity(x, y, taps, constants, padding, luminance=luminance)
    torch.testing.assert_close(mean, expected)
    torch.testing.assert_close(torch.autograd.grad((weights * mean).sum(), (x, y)), expected_gradients)
    for image, other, expected_gradient in (
        (x, y.detach(), expected_gradients[0]),
        (y, x.detach(), expected_gradients[1]),
    ):
        pair = (image, other) if image is x else (other, image)
        mean = similarity.mean_similarity(*pair, taps, constants, padding, luminance=luminance)
        torch.testing.assert_close(torch.autograd.grad((weights * mean).sum(), image)[0], expected_gradient)


HARD_PAIRS: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "identical": lambda image: (image, image),
    "constant": lambda image: (torch.full_like(image, 0.5), torch.full_like(image, 0.5)),
    "anti-correlated": lambda image: (image, 1 - image),
    "saturated": lambda image: (image.round(), noisy(image, 1.0).round()),
    "black and white": lambda image: (torch.zeros_like(image), torch.ones_like(image)),
    "black": lambda image: (torch.zeros_like(image), torch.zeros_like(image)),
}


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("pair", HARD_PAIRS)
def test_gradients_are_finite_and_scores_bounded_on_hard_pairs(pair: str, autocast: bool) -> None:
    reference, distorted = (x.clone().requires_grad_() for x in HARD_PAIRS[pair](photo(48, 48, 3)))
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        score = ssim(reference, distorted)
    score.sum().backward()
    assert -1 <= score.item() <= 1 + 1e-6
    for image in (reference, distorted):
        assert image.grad is not None
        assert image.grad.isfinite().all()


def test_no_gradient_is_computed_that_nobody_asked_for() -> None:
    reference, distorted = torch.rand(1, 1, 16, 16), torch.rand(1, 1, 16, 16, requires_grad=True)
    assert torch.autograd.grad(ssim(reference, distorted).sum(), distorted)[0].shape == distorted.shape
    with torch.no_grad():
        assert not ssim(reference, distorted).requires_grad


def test_a_second_derivative_is_refused_and_the_map_has_one() -> None:
    image = torch.rand(1, 1, 16, 16, requires_grad=True)
    with pytest.raises(RuntimeError, match="differentiable once"):
        torch.autograd.grad(ssim(image, 1 - image.detach()).sum(), image, create_graph=True)
    (gradient,) = torch.autograd.grad(ssim_map(image, 1 - image.detach()).mean(), image, create_graph=True)
    assert torch.autograd.grad(gradient.square().sum(), image)[0].any()


def test_loss_is_one_minus_the_batch_mean_and_descends_towards_the_target() -> None:
    target = photo(32, 32, 3).expand(2, -1, -1, -1)
    output = noisy(target).requires_grad_()
    loss = SSIMLoss(window_size=7)(output, target)
    assert loss.item() == pytest.approx(1 - ssim(target, output, window_size=7, padding="reflect").mean().item())
    (gradient,) = torch.autograd.grad(loss, output)
    assert SSIMLoss(window_size=7)(output - 10 * gradient, target) < loss


@pytest.mark.gpu
def test_on_a_gpu_scores_agree_and_nothing_waits_for_the_device() -> None:
    reference = photo(128, 130, 3)
    distorted = noisy(reference)
    on_gpu = reference.cuda(), distorted.cuda().requires_grad_()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        score = ssim(*on_gpu)
        score.sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(score.detach().cpu(), ssim(reference, distorted), rtol=0, atol=1e-6)
