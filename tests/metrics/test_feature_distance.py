"""Feature distance against the definition in float64, piq's content loss, and the structure of LPIPS."""

import numpy as np
import piq
import pytest
import torch
from torch import Tensor, nn

from replication import features, metrics
from replication.metrics.feature_distance import FeatureDistanceLoss, channel_distances, feature_distance, map_distances
from tests.metrics.photos import photo_pair


@pytest.fixture(scope="module")
def squeezenet() -> features.Backbone:
    return features.backbone("squeezenet1_1", weights="random")


def double_maps(image: Tensor, tap: str) -> np.ndarray:
    """Maps of the same weights, computed in float64 throughout."""
    backbone = features.backbone("squeezenet1_1", weights="random").double()
    return backbone(features.imagenet_normalised(image.double()), [tap])[tap].numpy()


@pytest.mark.parametrize(("tap", "channels"), [("relu1", None), ("fire5", [7]), ("fire5", [200, 3, 17])])
def test_agrees_with_the_definition_in_float64(
    squeezenet: features.Backbone, tap: str, channels: list[int] | None
) -> None:
    reference, distorted = photo_pair(images=2)
    expected = []
    for x, y in zip(double_maps(reference, tap), double_maps(distorted, tap), strict=True):
        norms = [np.linalg.norm(x[m] - y[m]) ** 2 for m in (range(len(x)) if channels is None else channels)]
        expected.append(sum(norms) / (len(norms) * x.shape[1] * x.shape[2]))
    found = feature_distance(reference, distorted, backbone=squeezenet, tap=tap, channels=channels)
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-5)


def test_is_piqs_content_loss_on_the_same_network() -> None:
    """It sums over channels where eq. 1 takes the mean."""
    reference, distorted = photo_pair(images=2)
    backbone = features.backbone("vgg16", weights="random")
    layers = nn.Sequential(*list(backbone.layers)[:9])
    peer = piq.ContentLoss(feature_extractor=layers, layers=["8"], reduction="none")
    found = feature_distance(reference, distorted, backbone=backbone, tap="relu2_2")
    torch.testing.assert_close(128 * found, peer(distorted, reference).flatten(), rtol=1e-5, atol=0)


def test_subsets_of_all_taps_are_means_over_columns_of_one_pass(squeezenet: features.Backbone) -> None:
    reference, distorted = photo_pair(images=2)
    columns = channel_distances(reference, distorted, backbone=squeezenet)
    assert {tap: values.shape for tap, values in columns.items()} == {
        tap: (2, count) for tap, count in squeezenet.channels.items()
    }
    for tap, channels in (("relu1", range(64)), ("fire4", [0, 255]), ("fire9", [1, 30, 500])):
        alone = feature_distance(reference, distorted, backbone=squeezenet, tap=tap, channels=channels)
        torch.testing.assert_close(columns[tap][:, list(channels)].mean(dim=1), alone)


def test_is_what_lpips_without_heads_takes_of_maps_of_unit_length(squeezenet: features.Backbone) -> None:
    """LPIPS' term of a tap with heads of one is M times eq. 1 of maps divided by their length at each pixel."""
    reference, distorted = photo_pair()
    maps = [squeezenet(features.imagenet_normalised(x), ["fire3"])["fire3"] for x in (reference, distorted)]
    unit = [x / torch.linalg.vector_norm(x, dim=1, keepdim=True) for x in maps]
    lpips_term = (unit[0] - unit[1]).square().sum(dim=1).mean(dim=(1, 2))
    ours = 128 * map_distances(*unit).mean(dim=1)
    torch.testing.assert_close(ours, lpips_term)
    assert not torch.allclose(128 * feature_distance(reference, distorted, backbone=squeezenet, tap="fire3"), ours)


def test_identical_images_are_at_distance_zero_and_order_does_not_matter(squeezenet: features.Backbone) -> None:
    reference, distorted = photo_pair()
    assert feature_distance(reference, reference, backbone=squeezenet, tap="fire2").item() == 0
    there, back = (
        feature_distance(*pair, backbone=squeezenet, tap="fire2")
        for pair in ((reference, distorted), (distorted, reference))
    )
    assert there.item() == back.item() > 0


def test_gradient_is_the_numerical_one() -> None:
    backbone = features.backbone("squeezenet1_1", weights="random").double()
    reference, distorted = (x.double() for x in photo_pair(16, 18))
    distorted = (distorted * 0.9 + 0.05).requires_grad_()

    def distance(image: Tensor) -> Tensor:
        return feature_distance(reference, image, backbone=backbone, tap="fire2", channels=range(0, 128, 5))

    assert torch.autograd.gradcheck(distance, (distorted,), eps=1e-6, atol=1e-7, rtol=1e-3, fast_mode=True)


def test_the_loss_descends_and_leaves_the_network(squeezenet: features.Backbone) -> None:
    target, output = photo_pair(32, 32, images=2)
    output = (1.2 * output - 0.1).requires_grad_()  # leaves [0, 1], as a network's output may
    loss = FeatureDistanceLoss(squeezenet, "fire3", channels=[0, 5, 9])
    before = loss(output, target)
    (gradient,) = torch.autograd.grad(before, output)
    assert before.ndim == 0
    assert loss(output - 1e-2 * gradient / gradient.abs().max(), target) < before
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_the_registered_metric_gives_the_same_and_states_its_protocol(squeezenet: features.Backbone) -> None:
    reference, distorted = photo_pair(images=2)
    options = {"backbone": "squeezenet1_1", "tap": "fire4", "weights": "random"}
    whole = metrics.create("feature-distance", **options)
    some = metrics.create("feature-distance", **options, channels=[9, 2])
    torch.testing.assert_close(
        whole(reference, distorted), feature_distance(reference, distorted, backbone=squeezenet, tap="fire4")
    )
    torch.testing.assert_close(
        some.compare(some.prepare(reference[:1]), some.prepare(distorted)),
        feature_distance(
            reference[:1].expand(2, -1, -1, -1), distorted, backbone=squeezenet, tap="fire4", channels=[2, 9]
        ),
    )
    assert some.source is not None
    assert whole.source is not None
    assert some.source.key == whole.source.key  # one pass serves both
    assert not whole.higher_is_better
    assert some.protocol == {
        "backbone": "squeezenet1_1",
        "weights": "random, seed 0",
        "pooling": "max",
        "normalisation": "ImageNet",
        "resize": "none",
        "tap": "fire4",
        "channels": [2, 9],
        "unit_length": False,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tap": "relu9"}, "squeezenet1_1 has no tap relu9; it has relu1"),
        ({"tap": "relu1", "channels": []}, "one or more of the 64 channels of relu1"),
        ({"tap": "relu1", "channels": [64]}, "0 to 63"),
        ({"tap": "relu1", "channels": [-1]}, "0 to 63"),
        ({"tap": "relu1", "channels": [3, 3]}, r"each once, got \[3, 3\]"),
    ],
)
def test_a_tap_or_channels_that_there_are_not_are_refused(
    squeezenet: features.Backbone, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        feature_distance(*photo_pair(), backbone=squeezenet, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        metrics.create("feature-distance", backbone="squeezenet1_1", weights="random", **options)


@pytest.mark.parametrize(
    ("distorted", "message"),
    [
        (torch.rand(1, 3, 40, 40), "same shape"),
        (torch.rand(1, 1, 64, 80), "distorted must have 3 channels"),
        (torch.full((1, 3, 64, 80), torch.nan), "distorted contains NaN"),
        (torch.full((1, 3, 64, 80), 255.0), "distorted must lie in"),
    ],
)
def test_bad_images_are_named(squeezenet: features.Backbone, distorted: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        feature_distance(photo_pair()[0], distorted, backbone=squeezenet, tap="relu1")


def test_images_too_small_for_the_tap_are_named(squeezenet: features.Backbone) -> None:
    with pytest.raises(ValueError, match="too small for fire9"):
        feature_distance(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8), backbone=squeezenet, tap="fire9")
