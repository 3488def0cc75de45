"""Options are checked when a metric is created, before there is an image."""

from collections.abc import Mapping
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from replication import metrics
from replication.metrics import registry

BUILT_IN = {name: entry.options for name, entry in registry._factories.items()}


@pytest.fixture(autouse=True)
def _leave_the_registry_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_metric_refuses_a_value_of_another_type(name: str) -> None:
    known = BUILT_IN[name]
    assert known is not None
    needed: dict[str, Any] = {"backbone": "alexnet", "tap": "relu1"} if name == "feature-distance" else {}
    for option in known:
        with pytest.raises(ValueError, match=f"metric '{name.replace('+', '.')}': {option} must be "):
            metrics.create(name, **needed | {option: object()})


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("ssim", {"window_size": 8}, "window_size must be odd and positive, got 8"),
        ("ssim", {"window_size": 11.0}, "window_size must be a whole number, got 11.0"),
        ("ssim", {"k1": "small"}, "k1 must be a number, got 'small'"),
        ("ssim", {"k1": True}, "k1 must be a number, got True"),
        ("ssim", {"k2": 0}, "k1 and k2 must be positive"),
        ("ssim", {"sigma": float("nan")}, "sigma must be a number, got nan"),
        ("ssim", {"padding": "same"}, "padding must be one of valid, reflect"),
        ("psnr", {"epsilon": -1.0}, "epsilon must not be negative, got -1.0"),
        ("psnr", {"device": "moon"}, "device must be written as torch does, such as cpu, cuda or cuda:1, got 'moon'"),
        ("psnr", {"eight_bit": 1}, "eight_bit must be true or false, got 1"),
        ("ms-ssim", {"levels": 9}, "levels must be 1 to 5 unless weights are given, got 9"),
        ("ms-ssim", {"weights": [0.5, "a"]}, "weights must be a list of numbers or None"),
        ("lwssim", {"window_sizes": [3, 4]}, "window_size must be odd and positive, got 4"),
        ("mad", {"variant": "authors"}, "variant must be one of port, paper, got 'authors'"),
        ("vif-pixel", {"noise": 0}, "noise must be positive, got 0"),
        ("pieapp", {"stride": 0}, "stride must be positive, got 0"),
        ("psnr+smic", {"alpha": 2.0}, "alpha must be in"),
        ("psnr+smic", {"weights": "random", "projections": 0}, "projections and channels must be positive"),
        ("dists", {"resize": "no"}, "resize must be true or false, got 'no'"),
        ("lpips-alex", {"seed": 0.5}, "seed must be a whole number, got 0.5"),
        ("msds", {"weights": "random", "network": "squeezenet1_1", "block": 600}, "blocks must have a side from 1"),
        ("feature-distance", {"tap": "relu1"}, "metric 'feature-distance' needs the option backbone"),
    ],
)
def test_a_wrong_value_is_one_sentence(name: str, options: Mapping[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        metrics.create(name, **options)


def test_a_window_that_only_large_images_hold_is_allowed() -> None:
    assert metrics.create("ssim", window_size=2001).protocol["window_size"] == 2001
    with pytest.raises(ValueError, match="window_size must be odd and positive, got 2002"):
        metrics.create("ssim", window_size=2002)


def test_names_and_options_most_like_a_wrong_one_are_suggested() -> None:
    with pytest.raises(ValueError, match=r"unknown metric 'pnsr'; known: .*; did you mean psnr"):
        metrics.create("pnsr")
    with pytest.raises(ValueError, match=r"has no option 'color'; known: .*; did you mean colour\?"):
        metrics.create("ssim", color="gray")
    with pytest.raises(ValueError, match=r"unknown metric 'qqqq'; known: [^;]*$"):
        metrics.create("qqqq")


def test_options_of_a_users_metric_are_checked_by_its_annotations() -> None:
    @metrics.metric("power", higher_is_better=False)
    def power(
        x: Tensor, y: Tensor, *, of: float = 1.0, mean: Literal["all", "none"] = "all", free: Any = None
    ) -> Tensor:
        if of <= 0:
            raise ValueError(f"of must be positive, got {of}")
        return (x - y).abs().pow(of).mean(dim=(1, 2, 3))

    for options, sentence in (
        ({"of": "two"}, "of must be a number, got 'two'"),
        ({"mean": "some"}, "mean must be one of all, none, got 'some'"),
        ({"of": -1}, "of must be positive, got -1"),
    ):
        with pytest.raises(ValueError, match=sentence):
            metrics.create("power", **options)
    image = torch.rand(1, 3, 4, 4)
    assert metrics.create("power", free=object(), of=2)(image, image).tolist() == [0]


def test_a_users_metric_need_not_take_empty_batches() -> None:
    @metrics.metric("first", higher_is_better=False)
    def first(x: Tensor, y: Tensor) -> Tensor:
        return torch.stack([(a - b).abs().mean() for a, b in zip(x, y, strict=True)])  # fails without images

    image = torch.rand(2, 3, 4, 4)
    assert metrics.create("first")(image, image).tolist() == [0, 0]


def test_a_required_option_of_a_users_metric_is_named() -> None:
    @metrics.metric("needy", higher_is_better=False)
    def needy(x: Tensor, y: Tensor, *, scale: float) -> Tensor:
        return scale * (x - y).abs().mean(dim=(1, 2, 3))

    with pytest.raises(ValueError, match="metric 'needy' needs the option scale, a number"):
        metrics.create("needy")
