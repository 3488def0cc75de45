"""Which pixels the losses train: the border as well as the interior; MS-SSIM + L1."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor, nn

from replication.metrics import LWSSIMLoss, MSSSIMLoss, SSIMLoss, lwssim, ms_ssim, ssim, ssim_map
from replication.metrics.checks import Padding
from replication.metrics.filters import separable_filter, window
from replication.metrics.losses import MSSSIML1Loss, window_shares
from tests.metrics.test_ssim import noisy, photo

Build = Callable[..., nn.Module]

LOSSES: dict[str, tuple[Build, int]] = {  # and the side of the images, in pixels
    "SSIM": (SSIMLoss, 48),
    "LWSSIM": (LWSSIMLoss, 48),
    "LWSSIM, exponents": (lambda **options: LWSSIMLoss(alpha=0.5, **options), 32),
    "MS-SSIM, 3 levels": (lambda **options: MSSSIMLoss(levels=3, **options), 64),
    "MS-SSIM, 4 levels": (lambda **options: MSSSIMLoss(levels=4, **options), 96),
    "MS-SSIM + L1": (lambda **options: MSSSIML1Loss(levels=3, **options), 64),
}


def mean_gradient(loss: nn.Module, side: int, images: int = 384) -> Tensor:
    """Mean magnitude of the gradient at each pixel of noisy and blurred cuts of photos, (side, side).

    The mean is also over the eight ways to turn and mirror a picture.
    """
    generator = torch.Generator().manual_seed(0)
    photos = [torch.from_numpy(image()).permute(2, 0, 1) / 255 for image in (data.astronaut, data.coffee, data.chelsea)]
    cuts = []
    for number in range(images):
        image = photos[number % 3]
        top, left = (int(torch.randint(length - side, (), generator=generator)) for length in image.shape[1:])
        cuts.append(image[:, top : top + side, left : left + side])
    total = torch.zeros(side, side)
    for target in torch.stack(cuts).split(images // 4):
        noise = 0.1 * torch.randn(target.shape, generator=generator)
        blurred = F.avg_pool2d(F.pad(target, [2] * 4, mode="reflect"), 5, 1)
        for output in ((target + noise).clamp(0, 1), blurred):
            (gradient,) = torch.autograd.grad(loss(output.requires_grad_(), target), output)
            total += gradient.abs().sum(dim=(0, 1))
    mirrored = [turned for square in (total, total.mT) for turned in (square, square.flip(0), square.flip(1))]
    return torch.stack([*mirrored, total.flip(0, 1), total.mT.flip(0, 1)]).mean(dim=0)


def ring_and_interior(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """The outermost pixels, one by one, and the mean of those at least eight pixels inside."""
    return torch.cat((gradient[0], gradient[-1], gradient[1:-1, 0], gradient[1:-1, -1])), gradient[8:-8, 8:-8].mean()


@pytest.mark.parametrize("name", LOSSES)
def test_every_pixel_of_the_border_is_trained_at_least_half_as_much_as_the_interior(name: str) -> None:
    build, side = LOSSES[name]
    ring, interior = ring_and_interior(mean_gradient(build(), side))
    assert (ring >= interior / 2).all()


@pytest.mark.parametrize("name", LOSSES)
def test_without_padding_it_is_hardly_trained(name: str) -> None:
    build, side = LOSSES[name]
    ring, interior = ring_and_interior(mean_gradient(build(padding="valid"), side, images=24))
    assert ring.mean() < 0.3 * interior


def test_losses_are_padded_and_functions_are_not() -> None:
    target = photo(64, 64, 3)
    output = noisy(target)
    for loss, function, options in (
        (SSIMLoss, ssim, {}),
        (MSSSIMLoss, ms_ssim, {"levels": 3}),
        (LWSSIMLoss, lwssim, {}),
    ):
        most = loss(**options)(target, target).item() + function(target, target, **options).item()  # type: ignore[operator]
        for chosen, padding in ((options, "reflect"), ({**options, "padding": "valid"}, "valid")):
            expected = most - function(target, output, padding=padding, **options).item()  # type: ignore[operator]
            assert loss(**chosen)(output, target).item() == pytest.approx(expected, abs=2e-6)
        assert function(target, output, **options) == function(target, output, padding="valid", **options)  # type: ignore[operator]


@pytest.mark.parametrize("odd", [0, 3])
def test_each_level_of_ms_ssim_is_padded_by_itself(odd: int) -> None:
    """Against pytorch-msssim's statistics of one level, computed on each level padded with torch."""
    from pytorch_msssim.ssim import _fspecial_gauss_1d, _ssim

    x = photo(48 + odd, 56, 3)
    y = noisy(x)
    taps = _fspecial_gauss_1d(11, 1.5).repeat(3, 1, 1, 1)
    expected = torch.ones(1, 3)
    for level, weight in enumerate((0.2, 0.3, 0.5)):
        padded = [F.pad(image, [5] * 4, mode="reflect") for image in (x, y)]
        similarity, structure = _ssim(*padded, data_range=1.0, win=taps)
        expected = expected * (similarity if level == 2 else structure) ** weight
        sides = [side % 2 for side in x.shape[2:]]
        x, y = (F.avg_pool2d(image, 2, padding=sides) for image in (x, y))
    score = ms_ssim(photo(48 + odd, 56, 3), noisy(photo(48 + odd, 56, 3)), weights=(0.2, 0.3, 0.5), padding="reflect")
    torch.testing.assert_close(score, expected.mean(dim=1), rtol=0, atol=2e-6)


@pytest.mark.parametrize("kind", ["uniform", "gaussian"])
@pytest.mark.parametrize("alpha", [1.0, 2.0])
@pytest.mark.parametrize("size", [(30, 25), (11, 13)])
def test_each_window_of_lwssim_is_padded_by_half_its_size(size: tuple[int, int], alpha: float, kind: str) -> None:
    x = photo(*size, 3)
    y = noisy(x)
    options = {"alpha": alpha, "window_kind": kind}
    score = lwssim(x, y, padding="reflect", **options)  # type: ignore[arg-type]
    by_size = [
        lwssim(*(F.pad(image, [n // 2] * 4, mode="reflect") for image in (x, y)), window_sizes=[n], **options)  # type: ignore[arg-type]
        for n in (3, 7, 11)
    ]
    torch.testing.assert_close(score, torch.stack(by_size).mean(dim=0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("padding", ["valid", "reflect"])
@pytest.mark.parametrize(
    ("score", "least"),
    [
        (lambda x, padding: ssim(x, x, padding=padding), 11),
        (lambda x, padding: ssim_map(x, x, padding=padding), 11),
        (lambda x, padding: ms_ssim(x, x, levels=3, padding=padding), 41),
        (lambda x, padding: lwssim(x, x, padding=padding), 11),
        (lambda x, padding: lwssim(x, x, alpha=2.0, padding=padding), 11),
    ],
)
def test_an_image_smaller_than_the_window_is_refused_in_a_sentence(
    score: Callable[[Tensor, Padding], Tensor], least: int, padding: Padding
) -> None:
    assert score(torch.rand(1, 1, least, least + 1), padding).isfinite().all()
    message = f"{least - 1} x {least + 1}, too small .*: the least size is {least} x {least}; use"
    with pytest.raises(ValueError, match=message):
        score(torch.rand(1, 1, least - 1, least + 1), padding)
    with pytest.raises(ValueError, match="padding must be one of valid, reflect, got 'same'"):
        score(torch.rand(1, 1, 64, 64), "same")  # type: ignore[arg-type]


@pytest.mark.parametrize("padding", ["valid", "reflect"])
def test_gradchecks_with_padding(padding: Padding) -> None:
    torch.manual_seed(0)
    x, y = (torch.rand(1, 2, 12, 13, dtype=torch.float64, requires_grad=True) for _ in range(2))
    for loss in (
        SSIMLoss(window_size=5, padding=padding),
        MSSSIMLoss(window_size=5, levels=2, padding=padding),
        LWSSIMLoss(window_sizes=(3, 7), padding=padding),
        LWSSIMLoss(window_sizes=(3, 7), padding=padding, window_kind="gaussian"),
        LWSSIMLoss(window_sizes=(3, 7), padding=padding, alpha=2),
        MSSSIML1Loss(window_size=5, levels=2, padding=padding),
    ):
        assert torch.autograd.gradcheck(loss, (x, y))


@pytest.mark.parametrize("padding", ["valid", "reflect"])
def test_ms_ssim_and_l1_are_mixed_as_in_the_paper(padding: Padding) -> None:
    target = photo(48, 52, 3)
    output = noisy(target)
    error = 255 * (output - target).abs()
    if padding == "reflect":
        error = F.pad(error, [20] * 4, mode="reflect")
    absolute = separable_filter(error, window(41, 6.0)).mean() / 255
    mixed = MSSSIML1Loss(levels=3, padding=padding, data_range=255.0)(255 * output, 255 * target)
    similarity = MSSSIMLoss(levels=3, padding=padding)(output, target)
    torch.testing.assert_close(mixed, 0.84 * similarity + 0.16 * absolute, rtol=0, atol=2e-6)
    assert window_shares(48, 41, 6.0, padding).sum().item() == pytest.approx(1)
    with pytest.raises(ValueError, match=r"alpha must lie in \[0, 1\], got 2"):
        MSSSIML1Loss(alpha=2)
