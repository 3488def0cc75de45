"""DISTS against the authors' code and against its definition in float64."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import dists as peer_module

from replication import features, metrics
from replication.metrics.dists import dists
from replication.metrics.pillow import resize_bilinear
from tests.metrics.photos import authors_score, photo_pair, sample_pair


@pytest.mark.parametrize("image", ["I03", "I04", "I06"])
@pytest.mark.parametrize(("resize", "name"), [(True, "dists"), (False, "dists (no resize)")])
def test_scores_are_those_of_the_authors_code(
    real_data: Callable[[str], Path], image: str, resize: bool, name: str
) -> None:
    expected = authors_score(real_data("../golden"), name, image)
    score = metrics.create("dists", weights="random", resize=resize)(*sample_pair(real_data("tid2013-samples"), image))
    # They subtract a sum near one from one, in float32.
    assert score.item() == pytest.approx(expected, rel=1e-5)


def test_agrees_with_the_definition_in_float64() -> None:
    reference, distorted = photo_pair(images=2)
    backbone = features.backbone("vgg16", weights="random", pooling="l2").double()
    taps = ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"]
    stages = [
        [image.double(), *backbone(features.imagenet_normalised(image.double()), taps).values()]
        for image in (reference, distorted)
    ]
    trained = torch.load(
        Path(peer_module.__file__).parent / "dists_models" / "weights.pt", weights_only=True, map_location="cpu"
    )
    alpha, beta = (trained[name].double().flatten().numpy() for name in ("alpha", "beta"))
    total = alpha.sum() + beta.sum()
    luminance, structure = [], []
    for x, y in zip(*(tuple(map(torch.Tensor.numpy, maps)) for maps in stages), strict=True):
        mx, my, axes = x.mean(axis=(2, 3)), y.mean(axis=(2, 3)), (2, 3)
        covariance = (x * y).mean(axis=axes) - mx * my
        luminance.append((2 * mx * my + 1e-6) / (mx**2 + my**2 + 1e-6))
        structure.append((2 * covariance + 1e-6) / (x.var(axis=axes) + y.var(axis=axes) + 1e-6))
    similar = np.concatenate(luminance, axis=1) @ alpha + np.concatenate(structure, axis=1) @ beta
    score = dists(reference, distorted, backbone=features.backbone("vgg16", weights="random", pooling="l2"))
    np.testing.assert_allclose(score.numpy(), 1 - similar / total, rtol=1e-4)


def test_only_images_with_a_shorter_side_over_256_are_resized() -> None:
    created = metrics.create("dists", weights="random")
    assert "256" in created.protocol["resize"]
    as_they_are = metrics.create("dists", weights="random", resize=False)
    assert as_they_are.protocol["resize"] == "none"
    small = photo_pair(40, 300)
    assert torch.equal(created(*small), as_they_are(*small))
    large = photo_pair(260, 270)
    resized = [resize_bilinear(image, (256, 265)) for image in large]
    assert torch.equal(created(*large), as_they_are(*resized))


def test_max_pooling_is_refused() -> None:
    image = photo_pair()[0]
    with pytest.raises(ValueError, match="DISTS is defined on vgg16 with l2-pooling, got vgg16 with max"):
        dists(image, image, backbone=features.backbone("vgg16", weights="random"))
