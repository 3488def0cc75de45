"""PSNR against scikit-image and closed forms."""

import math

import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from replication.metrics import PSNRLoss, chunks, psnr


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 2, 7, 5), (2, 3, 64, 33)])
@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_agrees_with_scikit_image(shape: tuple[int, ...], data_range: float) -> None:
    torch.manual_seed(0)
    reference, distorted = torch.rand(2, *shape) * data_range
    expected = [
        peak_signal_noise_ratio(a.double().numpy(), b.double().numpy(), data_range=data_range)
        for a, b in zip(reference, distorted, strict=True)
    ]
    torch.testing.assert_close(
        psnr(reference, distorted, data_range=data_range), torch.tensor(expected, dtype=torch.float32)
    )


def test_a_uniform_error_of_a_tenth_is_20_decibels() -> None:
    reference = torch.full((2, 3, 4, 5), 0.5, dtype=torch.float64)
    assert psnr(reference, reference + 0.1).tolist() == pytest.approx([20.0, 20.0])


def test_identical_images_score_infinity_and_have_zero_gradient() -> None:
    reference = torch.rand(1, 3, 8, 8)
    distorted = reference.clone().requires_grad_()
    score = psnr(reference, distorted)
    assert score.item() == math.inf
    score.sum().backward()
    assert distorted.grad is not None
    assert not distorted.grad.any()


@pytest.mark.parametrize("difference", [1e-30, 1e-22, 1e-19, 1e-15, 1e-8, 1.0])
def test_gradient_is_finite_for_differences_of_any_size(difference: float) -> None:
    reference = torch.zeros(1, 1, 4, 4)
    distorted = torch.full((1, 1, 4, 4), difference, requires_grad=True)
    psnr(reference, distorted).sum().backward()
    assert distorted.grad is not None
    assert distorted.grad.isfinite().all()


def test_gradcheck() -> None:
    torch.manual_seed(0)
    reference, distorted = torch.rand(2, 2, 2, 5, 6, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: psnr(a, b, validate=False), (reference, distorted))


def test_epsilon_caps_the_score() -> None:
    image = torch.rand(1, 1, 8, 8)
    assert psnr(image, image, epsilon=1e-10).item() == pytest.approx(100.0)


def test_loss_is_minus_the_batch_mean_and_finite_for_identical_images() -> None:
    torch.manual_seed(0)
    target, output = torch.rand(2, 3, 1, 9, 9)
    assert PSNRLoss()(output, target).item() == pytest.approx(-psnr(target, output).mean().item(), rel=1e-6)
    assert PSNRLoss()(target, target).item() == pytest.approx(-100.0)


def test_strips_change_nothing_but_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    reference, distorted = torch.rand(2, 3, 2, 37, 11).requires_grad_()
    whole = psnr(reference, distorted)
    monkeypatch.setattr(chunks, "_STRIP", 5 * 2 * 11)
    strips = psnr(reference, distorted)
    torch.testing.assert_close(strips, whole, rtol=1e-6, atol=0)
    gradients = (torch.autograd.grad(score.sum(), distorted)[0] for score in (strips, whole))
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=0)
