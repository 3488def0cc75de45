"""Every metric says in one sentence which tensor is wrong and what was wanted."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from replication.metrics import ms_ssim, psnr, ssim, ssim_map

METRICS: list[Callable[..., Tensor]] = [psnr, ssim, ms_ssim, ssim_map]
IMAGE = torch.full((1, 3, 176, 176), 0.5)


def changed(value: float) -> Tensor:
    """The image with one pixel changed, the last that a check would see."""
    image = IMAGE.clone()
    image[-1, -1, -1, -1] = value
    return image


WRONG: dict[str, tuple[Any, str]] = {
    "dimensions": (IMAGE[0], r"must have shape \(N, C, H, W\), got 3 dimensions: \(3, 176, 176\)"),
    "integers": (IMAGE.to(torch.uint8), r"must be floating-point .* got torch.uint8.*/ 255"),
    "NaN": (changed(float("nan")), r"contains NaN"),
    "infinity": (changed(float("inf")), r"must lie in \[0, 1\] .* got values from 0.5 to inf"),
    "too bright": (changed(1.5), r"must lie in \[0, 1\] .* got values from 0.5 to 1.5"),
    "negative": (changed(-0.25), r"must lie in \[0, 1\] .* got values from -0.25 to 0.5"),
    "no channels": (IMAGE[:, :0], r"must have at least one channel and one pixel"),
    "an array": (IMAGE.numpy(), r"must be a torch tensor .* got ndarray"),
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("name", ["reference", "distorted"])
def test_a_wrong_tensor_is_named(metric: Callable[..., Tensor], fault: str, name: str) -> None:
    wrong, sentence = WRONG[fault]
    images = {"reference": IMAGE, "distorted": IMAGE, name: wrong}
    with pytest.raises(ValueError, match=f"^{name} {sentence}"):
        metric(images["reference"], images["distorted"])


@pytest.mark.parametrize("metric", METRICS)
def test_shapes_and_devices_must_agree(metric: Callable[..., Tensor]) -> None:
    with pytest.raises(ValueError, match=r"same shape, got \(1, 3, 176, 176\) and \(1, 3, 175, 176\)"):
        metric(IMAGE, IMAGE[:, :, 1:])
    with pytest.raises(ValueError, match="one device, got cpu and meta"):
        metric(IMAGE, IMAGE.to("meta"))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("data_range", [0.0, -1.0, float("nan")])
def test_data_range_must_be_positive(metric: Callable[..., Tensor], data_range: float) -> None:
    with pytest.raises(ValueError, match="data_range must be positive"):
        metric(IMAGE, IMAGE, data_range=data_range)


@pytest.mark.parametrize("metric", METRICS)
def test_values_are_not_looked_at_when_told_so(metric: Callable[..., Tensor]) -> None:
    assert metric(IMAGE, changed(1.5), validate=False).isfinite().all()


@pytest.mark.parametrize("metric", [ssim, ssim_map])
@pytest.mark.parametrize("padding", ["valid", "reflect"])
def test_an_image_smaller_than_the_window_names_the_least_size(metric: Callable[..., Tensor], padding: str) -> None:
    small = IMAGE[..., :10, :]
    with pytest.raises(ValueError, match="10 x 176, too small .* least size is 11 x 11"):
        metric(small, small, padding=padding)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"window_size": 8}, "window_size must be odd and positive, got 8"),
        ({"window_size": -1}, "window_size must be odd and positive, got -1"),
        ({"sigma": 0.0}, "sigma must be positive, got 0"),
        ({"window_kind": "round"}, "window_kind must be one of gaussian, uniform, got 'round'"),
        ({"k1": 0.0}, "k1 and k2 must be positive"),
        ({"k2": -1.0}, "k1 and k2 must be positive"),
    ],
)
@pytest.mark.parametrize("metric", [ssim, ms_ssim, ssim_map])
def test_wrong_options_are_named(metric: Callable[..., Tensor], options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        metric(IMAGE, IMAGE, **options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"levels": 0}, "levels must be 1 to 5 unless weights are given, got 0"),
        ({"levels": 6}, "levels must be 1 to 5 unless weights are given, got 6"),
        ({"levels": 2, "weights": [1.0]}, "levels is 2 but 1 weights were given"),
        ({"weights": []}, "weights must be one or more numbers"),
        ({"weights": [0.5, -0.5]}, "weights must be one or more numbers, none negative"),
        ({"odd_sides": "mirror"}, "odd_sides must be one of zeros, repeat, got 'mirror'"),
    ],
)
def test_wrong_options_of_ms_ssim_are_named(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ms_ssim(IMAGE, IMAGE, **options)


def test_padding_and_epsilon_are_checked() -> None:
    with pytest.raises(ValueError, match="padding must be one of valid, reflect, got 'same'"):
        ssim(IMAGE, IMAGE, padding="same")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="epsilon must not be negative"):
        psnr(IMAGE, IMAGE, epsilon=-1.0)
