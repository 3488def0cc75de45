"""What all classical metrics owe their caller: the values of the originals, independence of the batch, clear errors."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from replication import metrics
from replication.metrics import fsim, gmsd, mad, nlpd, vif, vif_pixel
from replication.metrics.colour import rgb_to_gray, to_uint8
from tests.metrics.originals import PAIRS, noisy, original_pair, original_score, photo

RealData = Callable[[str], Path]
Function = Callable[..., Tensor]

FUNCTIONS: dict[str, Function] = {
    "gmsd": gmsd,
    "nlpd": nlpd,
    "vif": vif,
    "vif-pixel": vif_pixel,
    "fsim": fsim,
    "mad": mad,
}
IDENTICAL = {"gmsd": 0.0, "nlpd": 0.0, "vif": 1.0, "vif-pixel": 1.0, "fsim": 1.0, "mad": 0.0}
LEAST_SIZE = {"gmsd": 5, "nlpd": 17, "vif": 65, "vif-pixel": 41, "fsim": 16, "mad": 16}

every = pytest.mark.parametrize(("name", "function"), FUNCTIONS.items(), ids=FUNCTIONS)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(
    ("name", "absolute", "relative"),
    [
        ("gmsd", 6e-8, 0),  # seven to eight printed digits
        ("nlpd", 1e-8, 1e-6),  # eight printed digits; float32
        ("vif", 6e-5, 0),  # four printed digits
        ("fsim", 1e-4, 0),  # four printed digits, and piq's median of an even number of values
        ("mad", 0, 1e-5),  # printed with four decimals; float32 against a port in float64
    ],
)
def test_scores_are_those_of_the_original_implementations(
    real_data: RealData, name: str, pair: str, absolute: float, relative: float
) -> None:
    score = metrics.create(name)(*original_pair(real_data, pair))
    expected = original_score(real_data, name, pair)
    assert score.item() == pytest.approx(expected, abs=absolute, rel=relative)


@every
def test_identical_images_have_the_theoretical_score(name: str, function: Function) -> None:
    image = photo(97, 113)
    assert function(image, image).item() == pytest.approx(IDENTICAL[name], abs=1e-6)


@every
def test_flat_images_have_finite_scores(name: str, function: Function) -> None:
    flat = torch.full((1, 1, 70, 82), 0.5)
    assert function(flat, flat).item() == pytest.approx(IDENTICAL[name], abs=1e-6)
    for reference, distorted in [(flat, 1.4 * flat), (0 * flat, 2 * flat), (flat, noisy(flat)), (noisy(flat), flat)]:
        assert function(reference, distorted).isfinite().all()


@every
@pytest.mark.parametrize("size", [(97, 112), (384, 260)])
def test_a_score_does_not_depend_on_the_batch_in_any_bit(name: str, function: Function, size: tuple[int, int]) -> None:
    reference = torch.rand(4, 3, *size, generator=torch.Generator().manual_seed(1))
    distorted = noisy(reference)
    together = function(reference, distorted)
    alone = torch.cat([function(reference[i : i + 1], distorted[i : i + 1]) for i in range(4)])
    assert torch.equal(together, alone)
    assert function(reference[:0], distorted[:0]).shape == (0,)


@every
def test_data_range_scales_images_only(name: str, function: Function) -> None:
    reference = photo(80, 96)
    distorted = noisy(reference)
    scaled = function(255 * reference, 255 * distorted, data_range=255.0)
    torch.testing.assert_close(scaled, function(reference, distorted), rtol=2e-5, atol=1e-6)


@every
def test_float32_agrees_with_float64_and_autocast_changes_nothing(name: str, function: Function) -> None:
    reference = photo(80, 96)
    distorted = noisy(reference)
    score = function(reference, distorted)
    assert score.dtype == torch.float32
    torch.testing.assert_close(score.double(), function(reference.double(), distorted.double()), rtol=1e-5, atol=1e-6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(function(reference, distorted), score)
    half = function(reference.half(), distorted.half())
    assert half.dtype == torch.float32


@every
def test_more_noise_is_a_worse_score(name: str, function: Function) -> None:
    reference = photo(128, 128)
    scores = [function(reference, noisy(reference, sigma)).item() for sigma in (0.02, 0.05, 0.1, 0.2)]
    assert scores == sorted(scores, reverse=metrics.create(name).higher_is_better)


@every
def test_too_small_an_image_is_refused_with_the_least_size(name: str, function: Function) -> None:
    least = LEAST_SIZE[name]
    fits = torch.rand(1, 1, least, least + 3)
    assert function(fits, fits).isfinite().all()
    with pytest.raises(ValueError, match=f"too small .*least size is {least} x {least}"):
        function(fits[:, :, 1:], fits[:, :, 1:])


@every
def test_wrong_images_are_refused(name: str, function: Function) -> None:
    image = torch.rand(1, 3, 80, 80)
    with pytest.raises(ValueError, match="must have the same shape"):
        function(image, image[..., 1:])
    with pytest.raises(ValueError, match=r"distorted must lie in \[0, 1\]"):
        function(image, 2 * image.round())
    with pytest.raises(ValueError, match="contains NaN"):
        function(image, torch.full_like(image, torch.nan))


@pytest.mark.parametrize("name", ["gmsd", "nlpd", "vif", "vif-pixel"])
def test_grey_metrics_take_luminance_rounded_to_8_bits_unless_told_otherwise(name: str) -> None:
    reference = photo(80, 96)
    distorted = noisy(reference)
    created = metrics.create(name)
    assert created.protocol["colour"] == "gray"
    assert created.protocol["eight_bit"] is True
    grey = [rgb_to_gray(to_uint8(image)).float() / 255 for image in (reference, distorted)]
    assert torch.equal(created(reference, distorted), FUNCTIONS[name](*grey))
    plain = metrics.create(name, colour="rgb", eight_bit=False)
    assert torch.equal(plain(reference, distorted), FUNCTIONS[name](reference, distorted))


@pytest.mark.parametrize("name", ["gmsd", "nlpd", "vif", "vif-pixel"])
def test_channels_are_averaged(name: str) -> None:
    reference = photo(80, 96)
    distorted = noisy(reference)
    channels = [FUNCTIONS[name](reference[:, c : c + 1], distorted[:, c : c + 1]) for c in range(3)]
    torch.testing.assert_close(FUNCTIONS[name](reference, distorted), torch.stack(channels).mean(dim=0))


@pytest.mark.parametrize("name", ["gmsd", "nlpd"])
@pytest.mark.parametrize("pair", ["noisy", "identical", "flat", "half flat", "black and white"])
def test_losses_have_finite_gradients(name: str, pair: str) -> None:
    image = photo(40, 48)
    flat = torch.full_like(image, 0.5)
    half = torch.cat((flat[..., :24], image[..., 24:]), dim=-1)
    pairs = {
        "noisy": (image, noisy(image)),
        "identical": (image, image),
        "flat": (flat, flat),
        "half flat": (half, torch.cat((flat[..., :24], noisy(image)[..., 24:]), dim=-1)),
        "black and white": (0 * image, 0 * image + 1),
    }
    reference, distorted = (x.clone().requires_grad_() for x in pairs[pair])
    FUNCTIONS[name](reference, distorted).sum().backward()
    for leaf in (reference, distorted):
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()


@pytest.mark.parametrize("name", ["gmsd", "nlpd"])
def test_gradients_agree_with_finite_differences(name: str) -> None:
    torch.manual_seed(0)
    images = [torch.rand(1, 2, 18, 19, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(lambda x, y: FUNCTIONS[name](x, y, validate=False), images)


def test_colours_are_converted_in_strips_to_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    image = photo(61, 50)
    expected = metrics.create("gmsd").prepare(image)
    monkeypatch.setattr("replication.metrics.chunks._STRIP", 7 * 50)
    assert torch.equal(metrics.create("gmsd").prepare(image), expected)
