"""DeepSSIM against the authors' code and against its definition in float64."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from replication import features, metrics
from replication.metrics.deepssim import DeepSSIMLiteLoss, deepssim, deepssim_lite
from tests.metrics.photos import authors_score, photo_pair, sample_pair


@pytest.fixture
def vgg16() -> features.Backbone:
    return features.backbone("vgg16", weights="random")


@pytest.mark.parametrize("image", ["I03", "I04", "I06"])
@pytest.mark.parametrize(
    ("level", "name"),
    [(0, "deepssim"), (1, "deepssim level 1 (2x2 mean)"), (2, "deepssim level 2 (2x2 mean)")],
)
def test_scores_are_those_of_the_authors_code(
    real_data: Callable[[str], Path], image: str, level: int, name: str
) -> None:
    expected = authors_score(real_data("../golden"), name, image)
    pair = [F.avg_pool2d(x, 2**level) for x in sample_pair(real_data("tid2013-samples"), image)]
    assert metrics.create("deepssim", weights="random")(*pair).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("image", ["I03", "I04", "I06"])
def test_the_loss_is_that_of_the_authors_code(
    real_data: Callable[[str], Path], vgg16: features.Backbone, image: str
) -> None:
    expected = 1 - authors_score(real_data("../golden"), "deepssim-lite similarity", image)
    reference, distorted = sample_pair(real_data("tid2013-samples"), image)
    # A similarity near one, in float32: its difference from one has three digits.
    assert DeepSSIMLiteLoss(vgg16)(distorted, reference).item() == pytest.approx(expected, abs=2e-7)


def grams(vgg16: features.Backbone, images: Tensor) -> list[np.ndarray]:
    maps = vgg16.double()(features.imagenet_normalised(images.double()), ["relu5_1"])["relu5_1"].numpy()
    return [rows @ rows.T for rows in maps.reshape(len(maps), 512, -1)]


def structure(x: np.ndarray, y: np.ndarray) -> float:
    covariance = (x * y).mean() - x.mean() * y.mean()
    return float((2 * covariance + 1e-6) / (x.var() + y.var() + 1e-6))


def test_agrees_with_the_definition_in_float64(vgg16: features.Backbone) -> None:
    reference, distorted = photo_pair(images=2)
    score = deepssim(reference, distorted, backbone=vgg16)
    lite = deepssim_lite(reference, distorted, backbone=vgg16)
    pairs = list(zip(grams(vgg16, reference), grams(vgg16, distorted), strict=True))
    blocks = [(slice(4 * i, 4 * i + 4), slice(4 * j, 4 * j + 4)) for i in range(128) for j in range(128)]
    expected = [np.mean([structure(x[block], y[block]) for block in blocks]) for x, y in pairs]
    np.testing.assert_allclose(score.numpy(), expected, rtol=2e-6)
    values = 512 * (64 // 16) * (80 // 16)
    np.testing.assert_allclose(lite.numpy(), [structure(x / values, y / values) for x, y in pairs], rtol=2e-6)


def test_images_may_differ_in_size(vgg16: features.Backbone) -> None:
    reference, distorted = photo_pair(64, 80)
    smaller = F.avg_pool2d(distorted, 2)
    score = deepssim(reference, smaller, backbone=vgg16)
    assert 0 < score.item() < 1
    created = metrics.create("deepssim", weights="random")
    torch.testing.assert_close(created(reference, smaller), score)
    assert 0 < deepssim_lite(reference, smaller, backbone=vgg16).item() < 1
    with pytest.raises(ValueError, match="as many and on one device, got 1 on cpu and 2 on cpu"):
        deepssim(reference, distorted.expand(2, -1, -1, -1), backbone=vgg16)


def test_training_on_the_loss_descends_towards_the_target_and_leaves_the_network(vgg16: features.Backbone) -> None:
    target, output = photo_pair(32, 32, images=2)
    output.requires_grad_()
    loss = DeepSSIMLiteLoss(vgg16)
    loss.train()
    before = loss(output, target)
    (gradient,) = torch.autograd.grad(before, output)
    assert loss(output - 1e-2 * gradient / gradient.abs().max(), target) < before
    assert not any(parameter.requires_grad for parameter in loss.parameters())
