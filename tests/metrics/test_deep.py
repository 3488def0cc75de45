"""What all metrics on feature maps have in common: one score per image, float32, clear errors, a shared pass."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from replication import features, metrics
from replication.metrics.deepssim import deepssim, deepssim_lite
from replication.metrics.deepwsd import deepwsd
from replication.metrics.dists import dists
from replication.metrics.lpips import lpips
from tests.metrics.photos import photo_pair

Function = Callable[..., Tensor]

# Function, backbone, pooling, score of identical images.
FUNCTIONS: dict[str, tuple[Function, str, features.Pooling, float]] = {
    "lpips-alex": (lpips, "alexnet", "max", 0.0),
    "lpips-vgg": (lpips, "vgg16", "max", 0.0),
    "lpips-squeeze": (lpips, "squeezenet1_1", "max", 0.0),
    "dists": (dists, "vgg16", "l2", 0.0),
    "deepwsd": (deepwsd, "vgg16", "l2", 0.0),
    "deepssim": (deepssim, "vgg16", "max", 1.0),
    "deepssim-lite": (deepssim_lite, "vgg16", "max", 1.0),
}
REGISTERED = [name for name in FUNCTIONS if name != "deepssim-lite"]

each = pytest.mark.parametrize("name", FUNCTIONS)
each_registered = pytest.mark.parametrize("name", REGISTERED)


def bound(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """The metric with its network, seeded."""
    function, network, pooling, _ = FUNCTIONS[name]
    backbone = features.backbone(network, weights="random", pooling=pooling)
    return lambda reference, distorted: function(reference, distorted, backbone=backbone)


@each
def test_identical_images_have_the_theoretical_score(name: str) -> None:
    reference, _ = photo_pair(images=2)
    assert bound(name)(reference, reference).tolist() == [FUNCTIONS[name][3]] * 2


@each
def test_a_distorted_image_scores_worse_the_stronger_it_is_distorted(name: str) -> None:
    reference, distorted = photo_pair()
    weak = 0.8 * reference + 0.2 * distorted
    scores = torch.cat([bound(name)(reference, image) for image in (reference, weak, distorted)])
    steps = scores.diff()
    assert (steps < 0).all() if FUNCTIONS[name][3] == 1 else (steps > 0).all()


@each
def test_a_score_does_not_depend_on_the_batch(name: str) -> None:
    metric = bound(name)
    reference, distorted = photo_pair(images=3)
    alone = torch.cat([metric(reference[i : i + 1], distorted[i : i + 1]) for i in range(3)])
    # Convolutions of several images may sum in another order: rounding in float32.
    torch.testing.assert_close(metric(reference, distorted), alone, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(metric(reference.flip(0), distorted.flip(0)).flip(0), alone, rtol=1e-5, atol=1e-7)
    assert metric(reference[:0], distorted[:0]).shape == (0,)


@each
def test_autocast_and_half_precision_change_nothing_but_the_images(name: str) -> None:
    metric = bound(name)
    reference, distorted = (image.bfloat16() for image in photo_pair())
    expected = metric(reference.float(), distorted.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        score = metric(reference, distorted)
    assert score.dtype == torch.float32
    assert torch.equal(score, expected)


@each
def test_the_gradient_is_that_of_finite_differences(name: str) -> None:
    function, network, pooling, _ = FUNCTIONS[name]
    backbone = features.backbone(network, weights="random", pooling=pooling).double()
    reference, distorted = (image.double() for image in photo_pair(48, 52))
    distorted = (0.5 * distorted + 0.2).requires_grad_()
    generator = torch.Generator().manual_seed(1)
    direction = torch.randn(distorted.shape, dtype=torch.float64, generator=generator)
    (gradient,) = torch.autograd.grad(function(reference, distorted, backbone=backbone).sum(), distorted)
    with torch.no_grad():
        # So small a step that hardly any ReLU changes its side.
        up, down = (
            function(reference, distorted + step * direction, backbone=backbone).item() for step in (1e-9, -1e-9)
        )
    assert (gradient * direction).sum().item() == pytest.approx((up - down) / 2e-9, rel=1e-4)


HARD: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "identical": lambda image: (image, image.clone()),
    "black": lambda image: (torch.zeros_like(image), torch.zeros_like(image)),
    "constant": lambda image: (torch.full_like(image, 0.5), torch.full_like(image, 0.7)),
    "black and white": lambda image: (torch.zeros_like(image), torch.ones_like(image)),
    "negative": lambda image: (image, 1 - image),
}


@each
@pytest.mark.parametrize("pair", HARD)
def test_scores_and_gradients_are_finite_on_hard_pairs(name: str, pair: str) -> None:
    reference, distorted = (image.requires_grad_() for image in HARD[pair](photo_pair(48, 48)[0]))
    score = bound(name)(reference, distorted)
    score.sum().backward()
    assert score.isfinite().all()
    for image in (reference, distorted):
        assert image.grad is not None
        assert image.grad.isfinite().all()


@each
def test_no_graph_is_kept_unless_an_image_asks_for_it(name: str) -> None:
    assert not bound(name)(*photo_pair()).requires_grad


@each
def test_wrong_images_are_named(name: str) -> None:
    metric = bound(name)
    good = photo_pair()[0]
    nan = good.clone()
    nan[0, 0, 0, 0] = float("nan")
    for wrong, sentence in {
        "integers": (good.mul(255).byte(), "distorted must be floating-point"),
        "grey": (good[:, :1], "distorted must have 3 channels"),
        "dimensions": (good[0], r"distorted must have shape \(N, C, H, W\)"),
        "NaN": (nan, "distorted contains NaN"),
        "too bright": (2 * good, r"distorted must lie in \[0, 1\]"),
        "device": (good.to("meta"), "one device, got cpu and meta|on cpu and 1 on meta"),
    }.values():
        with pytest.raises(ValueError, match=sentence):
            metric(good, wrong)
    if not name.startswith("deepssim"):
        with pytest.raises(ValueError, match="same shape"):
            metric(good, good[..., 1:])


@each
def test_a_network_elsewhere_or_of_another_kind_is_refused(name: str) -> None:
    function, network, pooling, _ = FUNCTIONS[name]
    good = photo_pair()[0]
    elsewhere = features.backbone(network, weights="random", pooling=pooling).to("meta")
    with pytest.raises(ValueError, match=f"the image is on cpu and {network} on meta"):
        function(good, good, backbone=elsewhere)
    other = features.backbone("squeezenet1_0", weights="random")
    with pytest.raises(ValueError, match="squeezenet1_0"):
        function(good, good, backbone=other)


@pytest.mark.parametrize(
    ("name", "side"), [("lpips-alex", 31), ("lpips-squeeze", 17), ("deepssim", 16), ("deepwsd", 33)]
)
def test_images_too_small_for_the_network_are_refused_with_the_size(name: str, side: int) -> None:
    metric = bound(name)
    reference, distorted = photo_pair(side, 60)
    assert metric(reference, distorted).isfinite().all()
    with pytest.raises(ValueError, match=f"{side - 1} x 60 (is|are) too small for"):
        metric(reference[:, :, 1:], distorted[:, :, 1:])


@each_registered
def test_created_by_name_it_prepares_a_reference_once_for_all_its_copies(name: str) -> None:
    reference, distorted = photo_pair(images=3)
    created = metrics.create(name, weights="random")
    assert (created.name, created.higher_is_better) == (name, name == "deepssim")
    expected = bound(name)(reference[:1].expand(3, -1, -1, -1), distorted)
    compared = created.compare(created.prepare(reference[:1]), created.prepare(distorted))
    torch.testing.assert_close(compared, expected, rtol=1e-5, atol=1e-7)
    assert created.source is not None
    assert created.finish is not None
    shared = [created.finish(created.source.compute(image)) for image in (reference, distorted)]
    torch.testing.assert_close(created.compare(*shared), created(reference, distorted))


@each_registered
def test_the_protocol_says_what_the_score_was_made_with(name: str) -> None:
    protocol = metrics.create(name, weights="random", seed=3).protocol
    assert protocol["weights"] == "random, seed 3"
    assert protocol["backbone"] == FUNCTIONS[name][1]
    assert protocol["pooling"] == FUNCTIONS[name][2]
    assert {"normalisation", "resize"} <= set(protocol)


@each_registered
def test_an_unknown_option_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match=f"metric '{name}' has no option 'sigma'; known: weights, seed"):
        metrics.create(name, sigma=2)


@each_registered
def test_prepared_images_that_do_not_fit_are_refused(name: str) -> None:
    created = metrics.create(name, weights="random")
    reference, distorted = photo_pair(images=3)
    with pytest.raises(ValueError, match="as many references as distorted images, or 1: 2 and 3"):
        created.compare(created.prepare(reference[:2]), created.prepare(distorted))
    if name != "deepssim":
        with pytest.raises(ValueError, match="same size, got 64 x 80 and 64 x 76"):
            created(reference, distorted[..., 4:])


def test_metrics_on_the_same_maps_share_one_pass_and_no_others() -> None:
    def key(name: str, **options: object) -> object:
        source = metrics.create(name, weights="random", **options).source
        assert source is not None
        return source.key

    assert key("deepssim") == key("lpips-vgg") == key("deepssim", device=None)
    apart = [
        key("deepssim"),
        key("deepssim", seed=1),
        key("dists"),
        key("dists", resize=False),
        key("deepwsd"),
        key("deepwsd", reduce=False),
        key("lpips-alex"),
    ]
    assert len(set(apart)) == len(apart)
    assert key("deepwsd") == key("deepwsd", variant="paper")


@pytest.mark.gpu
@each_registered
def test_on_a_gpu_scores_agree(name: str) -> None:
    reference, distorted = photo_pair(600, 400)
    created = metrics.create(name, weights="random")
    on_cpu = created(reference, distorted)
    torch.testing.assert_close(created(reference.cuda(), distorted.cuda()).cpu(), on_cpu, rtol=1e-4, atol=1e-6)
