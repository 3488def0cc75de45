"""MSDS against the authors' DeepSSIM on reduced images, and against its definition in numpy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from replication import features, metrics
from replication.metrics.deepssim import gram_blocks, similarity
from replication.metrics.msds import TAPS, _halved, fuse, level_scores, most_levels, msds
from tests.metrics.photos import authors_score, photo_pair, sample_pair


@pytest.fixture(scope="module")
def squeezenet() -> features.Backbone:
    return features.backbone("squeezenet1_1", weights="random")


def test_levels_are_those_of_the_authors_code_on_reduced_images(real_data: Callable[[str], Path]) -> None:
    image = "I04"  # for the others see test_deepssim
    names = ["deepssim", "deepssim level 1 (2x2 mean)", "deepssim level 2 (2x2 mean)"]
    expected = [authors_score(real_data("../golden"), name, image) for name in names]
    pair = sample_pair(real_data("tid2013-samples"), image)
    vgg16 = features.backbone("vgg16", weights="random")
    scores = level_scores(*pair, backbone=vgg16)
    np.testing.assert_allclose(scores[0], expected, rtol=1e-5)
    weights = [0.2, 0.5, 0.3]
    assert fuse(scores, weights).item() == pytest.approx(np.dot(weights, expected), rel=1e-5)


@pytest.mark.parametrize("size", [(70, 81), (64, 64), (33, 32)])
def test_a_level_is_torchs_mean_of_2_x_2_pixels_to_the_last_bit(size: tuple[int, int]) -> None:
    image = photo_pair(*size)[0]
    assert torch.equal(_halved(image), F.avg_pool2d(image, 2))


def test_a_gaussian_level_is_that_of_scipy(squeezenet: features.Backbone) -> None:
    reference, distorted = photo_pair(70, 81)
    kernel = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    reduced = [
        torch.from_numpy(np.stack([ndimage.convolve(plane, kernel, mode="mirror")[::2, ::2] for plane in image[0]]))
        for image in (reference.numpy(), distorted.numpy())
    ]
    alone = level_scores(*(image[None].float() for image in reduced), backbone=squeezenet, levels=1)
    both = level_scores(reference, distorted, backbone=squeezenet, levels=2, pyramid="gaussian")
    torch.testing.assert_close(both[:, 1:], alone, rtol=1e-5, atol=0)


@pytest.mark.parametrize("network", sorted(TAPS))
def test_every_network_gives_the_definition_at_every_level(network: str) -> None:
    backbone = features.backbone(network, weights="random")
    pair = photo_pair(64, 88)
    scores = level_scores(*pair, backbone=backbone, levels=2)
    assert scores.shape == (1, 2)
    for level in range(2):
        maps = [
            backbone(features.imagenet_normalised(F.avg_pool2d(x, 2**level)), [TAPS[network]])[TAPS[network]]
            for x in pair
        ]
        assert scores[0, level].item() == pytest.approx(blockwise(*maps, 4), rel=2e-5)


def blockwise(x: Tensor, y: Tensor, block: int) -> float:
    """DeepSSIM of two maps in float64, block by block, channels beyond the last whole block left out."""
    grams = []
    for maps in (x, y):
        rows = maps[0].flatten(1).double().numpy()
        grams.append(rows @ rows.T)
    values = []
    for i in range(0, len(grams[0]) - block + 1, block):
        for j in range(0, len(grams[0]) - block + 1, block):
            one, two = (gram[i : i + block, j : j + block].ravel() for gram in grams)
            covariance = np.cov(one, two, bias=True)
            values.append((2 * covariance[0, 1] + 1e-6) / (covariance[0, 0] + covariance[1, 1] + 1e-6))
    return float(np.mean(values))


def test_channels_beyond_the_last_whole_block_are_left_out() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.rand(1, 11, 3, 4, generator=generator) for _ in range(2))
    score = similarity(gram_blocks(x, 4), gram_blocks(y, 4))
    assert score.item() == pytest.approx(blockwise(x, y, 4), rel=1e-5)
    torch.testing.assert_close(score, similarity(gram_blocks(x[:, :8], 4), gram_blocks(y[:, :8], 4)))
    with pytest.raises(ValueError, match="from 1 to the number of channels, 11, got 12"):
        gram_blocks(x, 12)


def test_fusion_is_a_weighted_mean() -> None:
    scores = torch.tensor([[0.9, 0.5, 0.8], [0.2, -0.1, 0.4]], dtype=torch.float64)
    weights = [1.0, 3.0, 0.0]
    np.testing.assert_allclose(fuse(scores), [2.2 / 3, 0.5 / 3])
    np.testing.assert_allclose(fuse(scores, weights), [0.6, -0.025])
    np.testing.assert_allclose(fuse(scores, weights, "geometric"), [0.9**0.25 * 0.5**0.75, 0.2**0.25 * 1e-6**0.75])


def test_levels_created_by_name_share_one_pass_and_the_reference(squeezenet: features.Backbone) -> None:
    reference, distorted = photo_pair(72, 80, images=3)
    options = {"network": "squeezenet1_1", "weights": "random", "shared_taps": ["fire8", "fire5"]}
    created = [metrics.create("msds", level=k, **options) for k in range(3)]
    other = metrics.create("msds", level=1, tap="fire5", **options)
    assert len({metric.source.key for metric in (*created, other) if metric.source}) == 1
    source = created[0].source
    assert source is not None
    passes = []
    whole = squeezenet.forward
    shared = [source.compute(image) for image in (reference[:1], distorted)]
    for of in shared:
        of._backbone = type("Counting", (), {"__call__": lambda _, *x: passes.append(x) or whole(*x)})()
        of._backbone.least_side = squeezenet.least_side
    scores = torch.stack([m.compare(*(m.finish(of) for of in shared)) for m in created if m.finish], dim=1)
    expected = level_scores(reference[:1].expand(3, -1, -1, -1), distorted, backbone=squeezenet)
    torch.testing.assert_close(scores, expected, rtol=1e-5, atol=0)
    assert other.finish is not None
    at_fire5 = other.compare(*(other.finish(of) for of in shared))
    expected = level_scores(reference[:1].expand(3, -1, -1, -1), distorted, backbone=squeezenet, tap="fire5", levels=2)
    torch.testing.assert_close(at_fire5, expected[:, 1], rtol=1e-5, atol=0)
    assert len(passes) == 6  # three levels of two batches
    chosen = {"fusion": "geometric", "level_weights": [2, 1, 1]}
    fused = metrics.create("msds", network="squeezenet1_1", weights="random", **chosen)
    expected = fuse(scores, [0.5, 0.25, 0.25], "geometric")
    torch.testing.assert_close(fused(reference[:1], distorted), expected, rtol=1e-5, atol=0)
    assert fused.protocol["level weights"] == (0.5, 0.25, 0.25)


def test_a_score_is_of_its_image_alone_whatever_the_precision_around_it(squeezenet: features.Backbone) -> None:
    reference, distorted = photo_pair(72, 80, images=3)
    scores = level_scores(reference, distorted, backbone=squeezenet)
    for i in range(3):
        alone = level_scores(reference[i : i + 1], distorted[i : i + 1], backbone=squeezenet)
        torch.testing.assert_close(scores[i : i + 1], alone, rtol=1e-5, atol=0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for fusion in ("arithmetic", "geometric"):
            fused = msds(reference, distorted, backbone=squeezenet, fusion=fusion, pyramid="gaussian")
            assert fused.dtype == torch.float32
            expected = level_scores(reference, distorted, backbone=squeezenet, pyramid="gaussian")
            assert torch.equal(fused, fuse(expected, None, fusion))
    assert msds(reference, reference, backbone=squeezenet).tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    assert level_scores(reference[:0], distorted[:0], backbone=squeezenet).shape == (0, 3)
    assert level_scores(reference, distorted[..., 4:], backbone=squeezenet).isfinite().all()
    with pytest.raises(ValueError, match="distorted must lie in"):
        msds(reference, 2 * distorted, backbone=squeezenet)


def test_the_gradient_reaches_every_level(squeezenet: features.Backbone) -> None:
    reference, distorted = photo_pair(72, 72)
    distorted.requires_grad_()
    for fusion in ("arithmetic", "geometric"):
        score = msds(reference, distorted, backbone=squeezenet, level_weights=[0, 0, 1], fusion=fusion)
        (gradient,) = torch.autograd.grad(score.sum(), distorted)
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0


@pytest.mark.parametrize("pyramid", ["mean", "gaussian"])
def test_levels_go_as_far_as_the_image_allows(squeezenet: features.Backbone, pyramid: str) -> None:
    assert [most_levels(squeezenet, "fire8", side, 900) for side in (16, 17, 34, 67, 68, 1000)] == [0, 1, 2, 2, 3, 5]
    for side in (33, 34, 35, 66, 67, 68):
        pair = photo_pair(side, 90)
        count = most_levels(squeezenet, "fire8", side, 90, pyramid)
        options = {"backbone": squeezenet, "pyramid": pyramid}
        assert level_scores(*pair, levels=count, **options).isfinite().all()
        with pytest.raises(ValueError, match=f"{side} x 90 is too small for level {count} .*it has {count} levels"):
            level_scores(*pair, levels=count + 1, **options)


def test_bad_options_are_named(squeezenet: features.Backbone) -> None:
    pair = photo_pair(72, 72)
    for options, sentence in (
        ({"levels": 6}, "levels must be from 1 to 5, got 6"),
        ({"levels": 2, "level_weights": [1, 1, 1]}, "must be 2 numbers"),
        ({"level_weights": [1, -1, 1]}, "none negative"),
        ({"level_weights": [0, 0, 0]}, "not all zero"),
        ({"pyramid": "laplace"}, "pyramid must be one of mean, gaussian"),
        ({"fusion": "max"}, "fusion must be one of arithmetic, geometric"),
        ({"tap": "relu9"}, "squeezenet1_1 has no tap relu9; it has relu1"),
    ):
        with pytest.raises(ValueError, match=sentence):
            msds(*pair, backbone=squeezenet, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no usual tap for alexnet; name one of relu1"):
        msds(*pair, backbone=features.backbone("alexnet", weights="random"))
    create = {"network": "squeezenet1_1", "weights": "random"}
    with pytest.raises(ValueError, match="shared_taps must have the metric's own tap, fire8"):
        metrics.create("msds", shared_taps=["fire5"], **create)
    with pytest.raises(ValueError, match="level must be from 0 to 4, got 5"):
        metrics.create("msds", level=5, **create)
    with pytest.raises(ValueError, match="no option 'levls'"):
        metrics.create("msds", levls=2)
