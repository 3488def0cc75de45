"""LWSSIM against a float64 evaluation of the paper's equations window by window; what adding luminance changes."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from replication import metrics
from replication.metrics import LWSSIMLoss, lwssim, similarity, ssim
from tests.metrics.test_ssim import HARD_PAIRS, noisy, photo


def window_terms(
    x: Tensor, y: Tensor, size: int, kind: str = "uniform", sigma: float = 1.5
) -> tuple[Tensor, Tensor, Tensor]:
    """l, c and s of every window, computed from its pixels: equations 1 to 3."""
    x, y = x.double(), y.double()
    offsets = torch.arange(size, dtype=torch.float64) - size // 2
    taps = torch.exp(-0.5 * (offsets / (sigma * size / 11)) ** 2) if kind == "gaussian" else torch.ones_like(offsets)
    weights = torch.outer(taps, taps) / taps.sum() ** 2

    def mean(values: Tensor) -> Tensor:
        return (values * weights).sum((-1, -2))

    x, y = (image.unfold(2, size, 1).unfold(3, size, 1) for image in (x, y))
    mx, my = mean(x), mean(y)
    dx, dy = x - mx[..., None, None], y - my[..., None, None]
    vx, vy, vxy = mean(dx * dx), mean(dy * dy), mean(dx * dy)
    deviations = vx.sqrt() * vy.sqrt()
    c1, c2, c3 = 1e-4, 9e-4, 4.5e-4
    luminance = (2 * mx * my + c1) / (mx**2 + my**2 + c1)
    return luminance, (2 * deviations + c2) / (vx + vy + c2), (vxy + c3) / (deviations + c3)


def by_definition(
    x: Tensor,
    y: Tensor,
    sizes: Sequence[int] = (3, 7, 11),
    weights: Sequence[float] = (1, 1, 1),
    exponents: tuple[float, float, float] = (1, 1, 1),
    kind: str = "uniform",
) -> Tensor:
    """Equations 5 and 6 in float64; powers keep the sign."""
    total = torch.zeros(len(x), dtype=torch.float64)
    for size, weight in zip(sizes, weights, strict=True):
        powers = [
            term.sign() * term.abs() ** exponent
            for term, exponent in zip(window_terms(x, y, size, kind), exponents, strict=True)
        ]
        total += weight * (powers[0] + powers[1] * powers[2]).mean(dim=(1, 2, 3))
    return total / len(sizes)


@pytest.fixture(scope="module")
def pair() -> tuple[Tensor, Tensor]:
    reference = torch.cat((photo(33, 29, 3), photo(33, 29, 3).flip(-1)))
    return reference, noisy(reference, 0.2)


@pytest.mark.parametrize("kind", ["uniform", "gaussian"])
@pytest.mark.parametrize(
    ("sizes", "weights"), [((3, 7, 11), (1, 1, 1)), ((9, 1, 5), (2, 0.5, 0)), ((29,), (0.7,)), ((15, 13), (1, 3))]
)
def test_agrees_with_the_definition(
    pair: tuple[Tensor, Tensor], sizes: tuple[int, ...], weights: tuple[float, ...], kind: str
) -> None:
    score = lwssim(*pair, window_sizes=sizes, weights=weights, window_kind=kind)  # type: ignore[arg-type]
    torch.testing.assert_close(score.double(), by_definition(*pair, sizes, weights, kind=kind), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "exponents", [(1, 1, 1), (0.5, 1, 1), (2, 1, 1), (1, 0.5, 0.5), (0, 2, 3), (0.3, 0.7, 0.2), (1, 0, 1)]
)
@pytest.mark.parametrize("kind", ["uniform", "gaussian"])
def test_agrees_with_the_definition_at_any_exponents(
    pair: tuple[Tensor, Tensor], exponents: tuple[float, float, float], kind: str
) -> None:
    """In float64, away from where powers below one are continued by a straight line (|s| < 0.001)."""
    x, y = (image.double() for image in pair)
    names = dict(zip(("alpha", "beta", "gamma"), exponents, strict=True))
    score = lwssim(x, y, window_kind=kind, **names)  # type: ignore[arg-type]
    torch.testing.assert_close(score, by_definition(x, y, exponents=exponents, kind=kind), rtol=0, atol=2e-4)


@pytest.mark.parametrize("level", [0.0, 0.5, 0.98])
@pytest.mark.parametrize("sigma", [0.001, 0.03])
def test_keeps_its_precision_on_flat_images_of_any_brightness(level: float, sigma: float) -> None:
    flat = torch.full((1, 1, 96, 96), level)
    reference, distorted = noisy(flat, sigma), noisy(flat, 2 * sigma).flip(-1)
    expected = by_definition(reference, distorted)
    torch.testing.assert_close(lwssim(reference, distorted).double(), expected, rtol=0, atol=1e-6)


def test_with_separate_factors_the_product_of_the_same_terms_is_ssim(pair: tuple[Tensor, Tensor]) -> None:
    luminance, contrast, structure = window_terms(*pair, 11)
    product = (luminance * contrast * structure).mean(dim=(1, 2, 3))
    torch.testing.assert_close(ssim(*pair, window_kind="uniform").double(), product, rtol=0, atol=1e-6)
    added = (luminance + contrast * structure).mean(dim=(1, 2, 3))
    torch.testing.assert_close(lwssim(*pair, window_sizes=[11]).double(), added, rtol=0, atol=1e-6)


@pytest.mark.parametrize("tile", [16, 300, 2000, 2**16])
@pytest.mark.parametrize("kind", ["uniform", "gaussian"])
def test_tiles_change_neither_the_score_nor_its_gradient(tile: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compared with autograd through the definition."""
    monkeypatch.setattr(similarity, "TILE_CPU", tile)
    torch.manual_seed(0)
    x, y = (torch.rand(2, 2, 17, 15, dtype=torch.float64, requires_grad=True) for _ in range(2))
    weights, lambdas = torch.rand(2, dtype=torch.float64), (1, 0.5, 2)
    expected = by_definition(x, y, weights=lambdas, kind=kind)
    gradients = torch.autograd.grad((weights * expected).sum(), (x, y))
    score = lwssim(x, y, weights=lambdas, window_kind=kind)  # type: ignore[arg-type]
    torch.testing.assert_close(score, expected)
    torch.testing.assert_close(torch.autograd.grad((weights * score).sum(), (x, y)), gradients)


@pytest.mark.parametrize("exponents", [(1, 1, 1), (0.5, 0.5, 0.5), (2, 0.5, 1.5)])
def test_gradcheck(exponents: tuple[float, float, float]) -> None:
    torch.manual_seed(0)
    x, y = (torch.rand(1, 2, 9, 8, dtype=torch.float64, requires_grad=True) for _ in range(2))
    y = (0.7 * x.detach() + 0.3 * y.detach()).requires_grad_()  # structure positive everywhere
    names = dict(zip(("alpha", "beta", "gamma"), exponents, strict=True))
    assert torch.autograd.gradcheck(lambda a, b: lwssim(a, b, window_sizes=(3, 5), validate=False, **names), (x, y))  # type: ignore[arg-type]


@pytest.mark.parametrize("exponents", [(1, 1, 1), (0.5, 0.5, 0.5), (0.3, 0.7, 0.2)])
@pytest.mark.parametrize("case", HARD_PAIRS)
def test_gradients_are_finite_and_scores_bounded_on_hard_pairs(
    case: str, exponents: tuple[float, float, float]
) -> None:
    """Identical, flat, anti-correlated and saturated images."""
    names = dict(zip(("alpha", "beta", "gamma"), exponents, strict=True))
    reference, distorted = (x.clone().requires_grad_() for x in HARD_PAIRS[case](photo(48, 48, 3)))
    score = lwssim(reference, distorted, **names)  # type: ignore[arg-type]
    score.sum().backward()
    assert -1 <= score.item() <= 2 + 1e-4
    for image in (reference, distorted):
        assert image.grad is not None
        assert image.grad.isfinite().all()


def test_identical_images_score_twice_the_mean_weight_and_lose_nothing() -> None:
    image = photo(40, 40, 3)
    torch.testing.assert_close(lwssim(image, image), torch.tensor([2.0]), rtol=0, atol=1e-6)
    weights = [1, 0.5, 3]
    torch.testing.assert_close(lwssim(image, image, weights=weights), torch.tensor([3.0]), rtol=0, atol=1e-6)
    assert LWSSIMLoss(weights=weights)(image, image).item() == pytest.approx(0, abs=1e-6)
    expected = 2 - lwssim(image, noisy(image), padding="reflect").item()
    assert LWSSIMLoss()(noisy(image), image).item() == pytest.approx(expected, abs=1e-6)


def test_an_output_beyond_the_range_has_a_finite_loss_and_gradient() -> None:
    target = photo(24, 24, 3)
    output = (3 * (target - 0.5)).requires_grad_()
    for alpha in (1.0, 0.5):
        loss = LWSSIMLoss(alpha=alpha)(output, target)
        (gradient,) = torch.autograd.grad(loss, output)
        assert loss.isfinite()
        assert gradient.isfinite().all()


@pytest.mark.parametrize("size", [(64, 64), (33, 35), (300, 260)])
def test_a_score_does_not_depend_on_the_batch_in_any_bit(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    reference = torch.rand(7, 3, *size)
    distorted = noisy(reference)
    together = lwssim(reference, distorted)
    assert torch.equal(together, torch.cat([lwssim(reference[i : i + 1], distorted[i : i + 1]) for i in range(7)]))


def test_data_range_scales_images_only(pair: tuple[Tensor, Tensor]) -> None:
    for options in ({}, {"beta": 0.5}):
        scaled = lwssim(255 * pair[0], 255 * pair[1], data_range=255.0, **options)  # type: ignore[arg-type]
        torch.testing.assert_close(scaled, lwssim(*pair, **options), rtol=0, atol=2e-6)  # type: ignore[arg-type]


def test_the_metric_of_that_name_takes_the_options_and_states_them() -> None:
    reference = photo(32, 32, 3)
    created = metrics.create("lwssim", window_sizes=(5,), colour="gray")
    assert created.higher_is_better
    assert created.protocol["window_sizes"] == (5,)
    gray = [metrics.colour.rgb_to_gray(image) for image in (reference, noisy(reference))]  # type: ignore[attr-defined]
    torch.testing.assert_close(created(reference, noisy(reference)), lwssim(*gray, window_sizes=(5,)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window_sizes": ()}, "window_sizes must name one size or more"),
        ({"window_sizes": (4,)}, "window_size must be odd and positive, got 4"),
        ({"weights": (1, 2)}, "weights must be one for each of 3 window_sizes, got 2"),
        ({"weights": (1, -1, 1)}, "weights must not be negative"),
        ({"weights": (0, 0, 0)}, "nor all zero"),
        ({"gamma": -1}, "gamma must be a number that is not negative, got -1"),
        ({"window_sizes": (3, 21)}, "16 x 16, too small for a window of 21"),
        ({"window_kind": "box"}, "window_kind must be one of uniform, gaussian"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lwssim(torch.rand(1, 1, 16, 16), torch.rand(1, 1, 16, 16), **options)  # type: ignore[arg-type]


class TestTheLuminanceArgument:
    """'The SSIM is not able to discriminate between a picture with high light-dark variance and a picture with more

    consistent light and dark if the two pictures have same mean luminance value.' Luminance alone is not; SSIM is,
    through its contrast term, and exactly as well as the sum is. What the sum changes lies elsewhere.
    """

    @staticmethod
    def checkerboards(contrast: float) -> tuple[Tensor, Tensor]:
        """Two boards whose local means differ by no more than half a pixel's weight, and whose contrasts differ."""
        board = (torch.arange(24)[:, None] + torch.arange(24)) % 2 - 0.5
        return (0.5 + 0.5 * board)[None, None], (0.5 + 0.5 * contrast * board)[None, None]

    def test_ssim_tells_images_of_equal_means_and_different_variance_apart(self) -> None:
        scores = [ssim(*self.checkerboards(contrast)).item() for contrast in (1.0, 0.7, 0.4, 0.1)]
        assert scores[0] == pytest.approx(1, abs=1e-6)
        assert all(a - b > 0.05 for a, b in pairwise(scores))

    def test_where_means_are_equal_sum_and_product_lose_exactly_the_same(self) -> None:
        luminance, contrast, structure = window_terms(*self.checkerboards(0.5), 11)
        torch.testing.assert_close(luminance, torch.ones_like(luminance), rtol=0, atol=1e-4)
        lost_by_product, lost_by_sum = 1 - luminance * contrast * structure, 2 - (luminance + contrast * structure)
        torch.testing.assert_close(lost_by_product, lost_by_sum, rtol=0, atol=1e-4)
        assert lost_by_sum.min() > 0.15

    @staticmethod
    def slope(score: Callable[[Tensor], Tensor], image: Tensor) -> float:
        """Derivative of a score when the whole image becomes brighter."""
        shift = torch.zeros((), requires_grad=True)
        return float(torch.autograd.grad(score(image + shift).sum(), shift)[0])

    def test_the_product_masks_luminance_where_structure_is_poor_not_where_it_is_good(self) -> None:
        reference = photo(64, 64, 1)
        target = 0.25 + 0.5 * reference
        for distorted, share in (
            (0.8 * target, (0.8, 1.05)),
            (noisy(torch.full_like(target, 0.3), 0.05), (-0.1, 0.35)),
        ):
            product = self.slope(lambda image: ssim(target, image, window_kind="uniform"), distorted)
            added = self.slope(lambda image: lwssim(target, image, window_sizes=(11,)), distorted)
            assert added > 0  # both are too dark: brighter is better
            assert share[0] < product / added < share[1]

    def test_where_structure_is_inverted_the_product_rewards_an_error_of_luminance(self) -> None:
        target = 0.4 + 0.2 * self.checkerboards(1.0)[0]
        inverted = 1 - target
        product = self.slope(lambda image: ssim(target, image, window_kind="uniform"), inverted - 0.2)
        added = self.slope(lambda image: lwssim(target, image, window_sizes=(11,)), inverted - 0.2)
        assert product < 0 < added
