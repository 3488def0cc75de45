"""Metrics by name, with their protocol."""

import pickle

import pytest
import torch
from torch import Tensor

from replication import metrics
from replication.metrics import registry
from replication.metrics.colour import rgb_to_gray, rgb_to_y, to_uint8
from replication.metrics.resize import imresize, reduce_2004


@pytest.fixture(autouse=True)
def _leave_the_registry_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    monkeypatch.setattr(registry, "_recreated", {})


def pair(size: int = 176) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    reference = torch.rand(2, 3, size, size, generator=generator)
    return reference, (reference + 0.1 * torch.randn(reference.shape, generator=generator)).clamp(0, 1)


def test_the_shared_metrics_are_known_by_name() -> None:
    assert {"psnr", "ssim", "ms-ssim"} <= set(metrics.names())
    reference, distorted = pair()
    for name, function in {"psnr": metrics.psnr, "ssim": metrics.ssim, "ms-ssim": metrics.ms_ssim}.items():
        created = metrics.create(name)
        assert (created.name, created.higher_is_better) == (name, True)
        assert torch.equal(created(reference, distorted), function(reference, distorted))


def test_options_reach_the_function_and_the_protocol() -> None:
    reference, distorted = pair(64)
    created = metrics.create("ms-ssim", levels=2, window_size=7)
    assert torch.equal(created(reference, distorted), metrics.ms_ssim(reference, distorted, levels=2, window_size=7))
    assert created.protocol["levels"] == 2
    assert created.protocol["window_size"] == 7
    assert created.protocol["sigma"] == 1.5
    assert created.protocol["colour"] == "rgb"
    assert created.protocol["reduction"] == "none"


@pytest.mark.parametrize(("colour", "convert"), [("gray", rgb_to_gray), ("y", rgb_to_y)])
def test_luminance_is_an_explicit_option(colour: str, convert: object) -> None:
    assert callable(convert)
    reference, distorted = pair(32)
    created = metrics.create("ssim", colour=colour)
    expected = metrics.ssim(convert(reference), convert(distorted))
    assert torch.equal(created(reference, distorted), expected)
    grey = reference[:, :1]
    assert torch.equal(created.prepare(grey), grey)


def test_eight_bit_luminance_is_that_of_the_saved_files() -> None:
    reference, distorted = pair(32)
    saved = [rgb_to_gray(to_uint8(image)).float() / 255 for image in (reference, distorted)]
    created = metrics.create("psnr", colour="gray", eight_bit=True)
    torch.testing.assert_close(created(reference, distorted), metrics.psnr(*saved))


def test_the_reduction_of_2004_is_an_explicit_option() -> None:
    reference = imresize(pair(20)[0], size=(400, 400)).clamp(0, 1)  # smooth, so that scale matters
    distorted = (reference + 0.1 * torch.rand(reference.shape)).clamp(0, 1)
    created = metrics.create("ssim", reduction="2004")
    expected = metrics.ssim(reduce_2004(reference), reduce_2004(distorted))
    assert torch.equal(created(reference, distorted), expected)
    assert (expected - metrics.ssim(reference, distorted)).abs().min() > 0.01


def test_one_prepared_reference_serves_all_its_distorted_copies() -> None:
    reference, _ = pair(32)
    copies = (reference[:1] + 0.1 * torch.rand(5, 3, 32, 32)).clamp(0, 1)
    created = metrics.create("ssim", colour="y")
    scores = created.compare(created.prepare(reference[:1]), created.prepare(copies))
    assert torch.equal(scores, created(reference[:1].expand(5, -1, -1, -1), copies))


def test_a_decorated_function_is_a_metric_with_its_own_options() -> None:
    @metrics.metric("mean-error", higher_is_better=False)
    def mean_error(reference: Tensor, distorted: Tensor, *, power: float = 1.0) -> Tensor:
        return (reference - distorted).abs().pow(power).mean(dim=(1, 2, 3))

    reference, distorted = pair(16)
    created = metrics.create("mean-error", power=2.0, colour="gray")
    assert "mean-error" in metrics.names()
    assert not created.higher_is_better
    assert created.protocol == {"colour": "gray", "eight_bit": False, "reduction": "none", "power": 2.0}
    difference = rgb_to_gray(reference) - rgb_to_gray(distorted)
    torch.testing.assert_close(created(reference, distorted), difference.square().mean(dim=(1, 2, 3)))
    assert torch.equal(mean_error(reference, distorted), metrics.create("mean-error")(reference, distorted))
    with pytest.raises(ValueError, match="'mean-error' is registered already"):
        metrics.metric("mean-error", higher_is_better=True)(mean_error)


def test_a_metric_of_two_halves_is_registered_as_it_is() -> None:
    def build(*, factor: float = 1.0) -> metrics.Metric:
        return metrics.Metric(
            "brightness", True, {"factor": factor}, lambda x: factor * x.mean(dim=(1, 2, 3)), lambda x, y: x - y
        )

    metrics.register("brightness", build)
    reference, distorted = pair(16)
    expected = 2 * (reference.mean(dim=(1, 2, 3)) - distorted.mean(dim=(1, 2, 3)))
    torch.testing.assert_close(metrics.create("brightness", factor=2.0)(reference, distorted), expected)


def test_preparation_of_a_metric_with_a_source_is_its_two_steps() -> None:
    source = metrics.Source("means", lambda image: image.mean(dim=(2, 3)))
    red = metrics.Metric(
        "red", True, {}, lambda x: source.compute(x)[:, 0], lambda x, y: x - y, source, lambda means: means[:, 0]
    )
    image, _ = pair(16)
    assert red.finish is not None
    assert torch.equal(red.finish(source.compute(image)), red.prepare(image))
    with pytest.raises(ValueError, match="'half' has a source or a finish alone"):
        metrics.Metric("half", True, {}, red.prepare, red.compare, source)


def test_a_metric_is_pickled_as_its_name_and_options_and_built_once() -> None:
    built: list[dict[str, object]] = []

    def build(**options: object) -> metrics.Metric:
        built.append(options)
        weights = torch.ones(10**6)
        return metrics.Metric("heavy", True, options, lambda x: x * weights[0], lambda x, y: (x - y).mean((1, 2, 3)))

    metrics.register("heavy", build)
    created = metrics.create("heavy", layers=[1, 2])
    sent = pickle.dumps(created)
    assert len(sent) < 500
    first, second = pickle.loads(sent), pickle.loads(sent)
    assert first is second
    assert built == [{"layers": [1, 2]}] * 2
    reference, distorted = pair(16)
    assert torch.equal(first(reference, distorted), created(reference, distorted))


def test_which_metrics_take_a_device() -> None:
    metrics.register("placed", lambda device=None: metrics.create("psnr", device=device))
    metrics.register("anywhere", lambda: metrics.create("psnr"))
    known = {name: registry.takes_device(name) for name in ("psnr", "placed", "anywhere", "unknown")}
    assert known == {"psnr": True, "placed": True, "anywhere": False, "unknown": False}


def test_an_option_that_is_a_word_of_digits_may_be_given_as_a_number() -> None:
    assert metrics.create("ssim", reduction=2004).protocol == metrics.create("ssim", reduction="2004").protocol


def test_unknown_names_and_options_list_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown metric 'sim'; known: .*ms-ssim, .*psnr, .*ssim"):
        metrics.create("sim")
    with pytest.raises(ValueError, match="'ssim' has no option 'windows'; known: colour, .*window_size"):
        metrics.create("ssim", windows=11)
    with pytest.raises(ValueError, match="colour must be one of rgb, gray, y, got 'lab'"):
        metrics.create("ssim", colour="lab")
    with pytest.raises(ValueError, match="reduction must be one of none, 2004, got '256'"):
        metrics.create("ssim", reduction="256")


def test_wrong_images_are_refused_before_anything_is_computed() -> None:
    created = metrics.create("psnr")
    with pytest.raises(ValueError, match=r"image must lie in \[0, 1\]"):
        created.prepare(torch.full((1, 3, 4, 4), 2.0))
    with pytest.raises(ValueError, match="image must be floating-point"):
        created.prepare(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))


def test_scores_stay_differentiable() -> None:
    reference, distorted = pair(32)
    distorted.requires_grad_()
    metrics.create("ssim", colour="y")(reference, distorted).sum().backward()
    assert distorted.grad is not None
    assert distorted.grad.any()
