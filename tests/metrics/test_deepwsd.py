"""DeepWSD against the authors' code and against its definition in float64, window by window."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from replication import features, metrics
from replication.metrics.deepwsd import Variant, deepwsd, wasserstein
from replication.metrics.pillow import resize_bilinear
from tests.metrics.photos import authors_score, photo_pair, sample_pair

STAGES = ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"]


@pytest.fixture
def vgg16() -> features.Backbone:
    return features.backbone("vgg16", weights="random", pooling="l2")


@pytest.mark.parametrize("image", ["I03", "I04", "I06"])
def test_scores_are_those_of_the_authors_code(real_data: Callable[[str], Path], image: str) -> None:
    expected = authors_score(real_data("../golden"), "deepwsd", image)
    score = metrics.create("deepwsd", weights="random")(*sample_pair(real_data("tid2013-samples"), image))
    assert score.item() == pytest.approx(expected, rel=1e-5)


# The authors' code with POT 0.9.7 on the upper left corner of a pair, with VGG16 as above: sides that are no multiples
# of the window (97 x 150 has zeros added, 50 x 50 pixels cut off), and the images side by side three times, windows of
# 16 x 16.
CORNERS = {(97, 150): 1.66790986, (171, 222): 1.78814924, (50, 50): 1.65982759, (33, 33): 1.56522250}


@pytest.mark.parametrize("size", CORNERS)
def test_odd_sizes_have_the_scores_of_the_authors_code(
    real_data: Callable[[str], Path], vgg16: features.Backbone, size: tuple[int, int]
) -> None:
    reference, distorted = (x[..., : size[0], : size[1]] for x in sample_pair(real_data("tid2013-samples"), "I04"))
    assert deepwsd(reference, distorted, backbone=vgg16).item() == pytest.approx(CORNERS[size], rel=1e-5)


def test_large_images_have_the_scores_of_the_authors_code(
    real_data: Callable[[str], Path], vgg16: features.Backbone
) -> None:
    pair = [x.repeat(1, 1, 3, 3)[..., :1160, :900] for x in sample_pair(real_data("tid2013-samples"), "I04")]
    assert deepwsd(*pair, backbone=vgg16).item() == pytest.approx(3.84332657, rel=1e-5)


def quantile_distance(u: np.ndarray, v: np.ndarray) -> float:
    """Of cumulated weights: the squared difference of the quantile functions, integrated piece by piece."""
    ends = np.sort(np.concatenate([u, v]))
    lengths = np.diff(ends, prepend=0)
    a, b = (np.minimum(np.searchsorted(sums, ends), len(sums) - 1) for sums in (u, v))
    return float((lengths * (a - b) ** 2).sum())


@pytest.mark.parametrize("n", [1, 2, 16, 40])
def test_the_wasserstein_distance_is_that_between_quantile_functions(n: int) -> None:
    generator = np.random.default_rng(n)
    weights = generator.random((2, 300, n)) ** 3
    weights[:, :100] *= generator.random((2, 100, n)) > 0.6  # many zeros
    weights[1, :50] = weights[0, :50]  # the same
    weights[1, 50:60] = 0
    u, v = (torch.from_numpy(part.cumsum(axis=1)).T[None] for part in weights)
    expected = [quantile_distance(a, b) for a, b in zip(*weights.cumsum(axis=2), strict=True)]
    np.testing.assert_allclose(wasserstein(u, v)[0].numpy(), expected, rtol=1e-12, atol=1e-12)


def test_the_wasserstein_distance_of_two_points_is_their_distance_squared() -> None:
    start, end = torch.zeros(1, 16, 1), torch.zeros(1, 16, 1)
    start[0, 3], end[0, 10] = 1, 1
    assert wasserstein(start.cumsum(dim=1), end.cumsum(dim=1)).item() == 49


def test_the_wasserstein_distance_has_a_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    u, v = (torch.rand(2, 6, 5, dtype=torch.float64, generator=generator).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: wasserstein(a.cumsum(1), b.cumsum(1)), (u, v))


def windows(values: np.ndarray, size: int, variant: Variant) -> np.ndarray:
    """(C, H, W) to (windows, size^2)."""
    if variant == "released":
        return values.reshape(size * size, -1).T
    channels, height, width = values.shape
    corners = [(c, i, j) for c in range(channels) for i in range(0, height, size) for j in range(0, width, size)]
    return np.stack([values[c, i : i + size, j : j + size].flatten() for c, i, j in corners])


def expected_score(x: list[np.ndarray], y: list[np.ndarray], variant: Variant) -> float:
    """log(1 + D) of the stages, which must be whole numbers of 4 x 4 windows."""
    stages = []
    for a, b in zip(x, y, strict=True):
        pieces = [windows(z, 4, variant) for z in (a, b)]
        sums = [(p * p / (z.sum() + 1e-6)).cumsum(axis=1) for p, z in zip(pieces, (a, b), strict=True)]
        total = 0.0
        for p, q, u, v in zip(*pieces, *sums, strict=True):
            moved = quantile_distance(u, v)
            total += moved + ((p - q) ** 2).sum() / (np.sqrt(np.exp(-1 / (moved + 10))) * (moved + 10) ** 2)
        stages.append(total)
    return float(np.log(1 + np.mean(stages)))


@pytest.mark.parametrize("variant", ["released", "paper"])
def test_agrees_with_the_definition_in_float64(vgg16: features.Backbone, variant: Variant) -> None:
    reference, distorted = photo_pair(64, 64)
    score = deepwsd(reference, distorted, backbone=vgg16, variant=variant).item()
    vgg16.double()
    maps = [
        [z[0].numpy() for z in (image, *vgg16(image, STAGES).values())]
        for image in (reference.double(), distorted.double())
    ]
    assert score == pytest.approx(expected_score(*maps, variant), rel=1e-5)


def test_the_variants_differ_and_are_named_in_the_protocol() -> None:
    pair = photo_pair()
    released, paper = (metrics.create("deepwsd", weights="random", variant=v) for v in ("released", "paper"))
    assert (released.protocol["variant"], paper.protocol["variant"]) == ("released", "paper")
    assert released(*pair).item() != pytest.approx(paper(*pair).item(), rel=1e-3)
    with pytest.raises(ValueError, match="variant must be one of released, paper, got 'best'"):
        metrics.create("deepwsd", weights="random", variant="best")


def test_images_of_middling_size_are_resized_and_large_ones_reduced(vgg16: features.Backbone) -> None:
    created = metrics.create("deepwsd", weights="random")
    middling = photo_pair(100, 100)
    middling = middling[0].repeat(1, 1, 1, 6), middling[1].repeat(1, 1, 1, 6)
    resized = [resize_bilinear(image, (256, 256)) for image in middling]
    torch.testing.assert_close(created(*middling), deepwsd(*resized, backbone=vgg16))
    kept = metrics.create("deepwsd", weights="random", resize=False)
    torch.testing.assert_close(kept(*middling), deepwsd(*middling, backbone=vgg16))
    assert kept.protocol["resize"] == "box means by round(longest side / 256)"

    large = photo_pair(80, 512)
    reduced = [F.avg_pool2d(image, 2) for image in large]
    torch.testing.assert_close(deepwsd(*large, backbone=vgg16), deepwsd(*reduced, backbone=vgg16).square())
    assert metrics.create("deepwsd", weights="random", resize=False, reduce=False).protocol["resize"] == "none"


@pytest.mark.parametrize(("longest", "factor"), [(383, 1), (384, 2), (640, 2), (641, 3), (896, 4)])
def test_halves_round_to_even_as_numpy_rounds(vgg16: features.Backbone, longest: int, factor: int) -> None:
    reference, distorted = (x.repeat(1, 1, 1, 12)[..., :longest] for x in photo_pair(160, 80))
    reduced = [F.avg_pool2d(image, factor) if factor > 1 else image for image in (reference, distorted)]
    score = deepwsd(*reduced, backbone=vgg16, reduce=False)
    expected = score.square() if factor > 1 else score
    torch.testing.assert_close(deepwsd(reference, distorted, backbone=vgg16), expected)
