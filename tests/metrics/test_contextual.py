"""The contextual loss against its definition, element by element in float64, and its gradient and memory."""

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from replication import features
from replication.metrics import contextual
from replication.metrics.contextual import PerceptualContextualLoss, contextual_similarity


def maps(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).gamma(0.7, size=shape))


def by_definition(target: Tensor, output: Tensor, weights: list[float], h: float, epsilon: float, half: float) -> float:
    """Of one image, one pair of vectors after the other."""
    y = [[v * w for v, w in zip(vector, weights, strict=True)] for vector in target.flatten(1).T.tolist()]
    x = [[v * w for v, w in zip(vector, weights, strict=True)] for vector in output.flatten(1).T.tolist()]
    mean = [sum(channel) / len(y) for channel in zip(*y, strict=True)]

    def cosine(a: list[float], b: list[float]) -> float:
        a, b = ([v - m for v, m in zip(vector, mean, strict=True)] for vector in (a, b))
        inner = sum(p * q for p, q in zip(a, b, strict=True))
        return inner / math.sqrt(sum(p * p for p in a) * sum(q * q for q in b))

    affinity = []
    for vector in x:
        distances = [half * (1 - cosine(vector, other)) for other in y]
        relative = [d / (min(distances) + epsilon) for d in distances]
        exponentials = [math.exp((1 - r) / h) for r in relative]
        affinity.append([e / sum(exponentials) for e in exponentials])
    return sum(max(row[j] for row in affinity) for j in range(len(y))) / len(y)


@pytest.mark.parametrize(
    "options", [{}, {"bandwidth": 0.1}, {"bandwidth": 2.0, "epsilon": 0.1}, {"variant": "released"}]
)
@pytest.mark.parametrize("weighted", [False, True])
def test_is_the_definition(options: dict[str, Any], weighted: bool) -> None:
    target, output = maps(2, 5, 4, 6), maps(2, 5, 3, 7, seed=1)  # sizes may differ
    weights = torch.tensor([0.5, 0.0, 1.0, 0.1, 2.0], dtype=torch.float64)
    scores = contextual_similarity(target, output, weights=weights if weighted else None, **options)
    half = 0.5 if options.get("variant") == "released" else 1.0
    for image in range(2):
        expected = by_definition(
            target[image],
            output[image],
            weights.tolist() if weighted else [1.0] * 5,
            options.get("bandwidth", 0.5),
            options.get("epsilon", 1e-5),
            half,
        )
        assert scores[image].item() == pytest.approx(expected, rel=1e-12)


# -log(CX + 1e-5) by contextual_loss_pytorch (S-aiueo32), another implementation, of the same maps in float64.
ANOTHER = {0.1: 0.55098753930825, 0.5: 1.4631645797795172, 1.0: 2.3108259248000365}


def test_agrees_with_another_implementation() -> None:
    rng = np.random.default_rng(0)
    for bandwidth, expected in ANOTHER.items():
        target, output = (torch.from_numpy(rng.gamma(0.7, size=(1, 16, 9, 11))) for _ in range(2))
        similarity = contextual_similarity(target, output, bandwidth=bandwidth)
        assert -math.log(similarity.item() + 1e-5) == pytest.approx(expected, rel=1e-12)


def test_single_precision_is_close_to_double() -> None:
    target, output = maps(1, 64, 16, 16), maps(1, 64, 16, 16, seed=1)
    exact = contextual_similarity(target, output)
    torch.testing.assert_close(contextual_similarity(target.float(), output.float()).double(), exact, rtol=1e-5, atol=0)


@pytest.mark.parametrize("pairs", [1, 24 * 5, 24 * 30])
def test_parts_change_neither_score_nor_gradient(pairs: int) -> None:
    target, output = (maps(2, 5, 4, 6, seed=s).requires_grad_() for s in (0, 1))
    whole = contextual_similarity(target, output)
    expected = torch.autograd.grad(whole.log().sum(), (target, output))
    parts = contextual_similarity(target, output, pairs=pairs)
    torch.testing.assert_close(parts, whole, rtol=1e-14, atol=0)
    for got, wanted in zip(torch.autograd.grad(parts.log().sum(), (target, output)), expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("pairs", [2**24, 30])
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_is_that_of_finite_differences(pairs: int, weighted: bool) -> None:
    target, output = (maps(1, 3, 3, 4, seed=s).requires_grad_() for s in (0, 1))
    weights = torch.tensor([1.0, 0.2, 0.6], dtype=torch.float64) if weighted else None
    assert torch.autograd.gradcheck(
        lambda y, x: contextual_similarity(y, x, weights=weights, pairs=pairs), (target, output)
    )


class Largest(TorchDispatchMode):
    """The most elements that any tensor had which was computed meanwhile, the backward pass included."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self.elements = max(self.elements, tensor.numel())
        return result


def test_no_more_distances_than_asked_for_are_held_at_a_time() -> None:
    target, output = maps(1, 3, 16, 16), maps(1, 3, 16, 16, seed=1).requires_grad_()
    with Largest() as whole:
        contextual_similarity(target, output).sum().backward()
    assert whole.elements == 256 * 256
    with Largest() as parts:
        contextual_similarity(target, output, pairs=4096).sum().backward()
    assert parts.elements == 4096


def test_a_map_is_most_similar_to_itself_wherever_its_vectors_stand() -> None:
    target = maps(1, 8, 6, 6)
    shuffled = target.flatten(2)[..., torch.randperm(36, generator=torch.Generator().manual_seed(0))].reshape(
        1, 8, 6, 6
    )
    assert contextual_similarity(target, shuffled).item() == pytest.approx(1, abs=1e-9)
    other = maps(1, 8, 6, 6, seed=1)
    moved = other.flip(2, 3)
    torch.testing.assert_close(contextual_similarity(target, other), contextual_similarity(target, moved))
    assert contextual_similarity(target, other).item() < 0.9


def test_a_channel_without_weight_does_not_count_and_scale_of_weights_does_not() -> None:
    target, output = maps(1, 4, 5, 5), maps(1, 4, 5, 5, seed=1)
    weights = torch.tensor([1.0, 0.0, 1.0, 1.0], dtype=torch.float64)
    without = contextual_similarity(target[:, [0, 2, 3]], output[:, [0, 2, 3]])
    torch.testing.assert_close(contextual_similarity(target, output, weights=weights), without)
    torch.testing.assert_close(contextual_similarity(target, output, weights=1e-9 * weights), without)


def test_the_score_of_an_image_does_not_depend_on_its_batch() -> None:
    target, output = maps(3, 4, 5, 5), maps(3, 4, 5, 5, seed=1)
    alone = torch.cat([contextual_similarity(y[None], x[None]) for y, x in zip(target, output, strict=True)])
    torch.testing.assert_close(contextual_similarity(target, output), alone, rtol=1e-12, atol=0)


def test_flat_maps_have_finite_scores_and_gradients() -> None:
    flat = torch.ones(1, 4, 5, 5, requires_grad=True)
    for target, output in [(flat, flat), (flat, maps(1, 4, 5, 5)), (maps(1, 4, 5, 5), flat)]:
        score = contextual_similarity(target, output)
        (gradient,) = torch.autograd.grad(score.log().sum(), flat)
        assert score.isfinite().all()
        assert gradient.isfinite().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": torch.rand(4, 5, 5)}, "target must have shape (N, C, H, W)"),
        ({"output": torch.rand(1, 3, 5, 5)}, "as many maps of as many channels, got (1, 4, 5, 5) and (1, 3, 5, 5)"),
        ({"weights": torch.rand(3)}, "weights must be 4 floating-point numbers, one for each channel"),
        ({"weights": torch.zeros(4)}, "at least 0 and not all 0"),
        ({"weights": torch.tensor([1.0, -1.0, 1.0, 1.0])}, "at least 0 and not all 0"),
        ({"bandwidth": 0.0}, "bandwidth and epsilon must be positive, got 0.0"),
        ({"variant": "other"}, "variant must be one of paper, released"),
        ({"pairs": 0}, "pairs must be at least 1"),
    ],
)
def test_bad_input_is_named(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"target": torch.rand(1, 4, 5, 5), "output": torch.rand(1, 4, 5, 5)}
    with pytest.raises(ValueError, match=re.escape(message)):
        contextual_similarity(**(arguments | change))


@pytest.fixture(scope="module")
def network() -> features.Backbone:
    return features.backbone("vgg16_conv2_2", weights="random")


def test_the_loss_is_the_weighted_sum_of_its_two_parts(network: features.Backbone) -> None:
    output, target = maps(2, 1, 16, 20).float() / 4, maps(2, 1, 16, 20, seed=1).float() / 4
    weights = torch.linspace(0, 1, 128)
    loss = PerceptualContextualLoss(network, alpha=0.9, weights=weights)
    grey = [features.imagenet_normalised(image.expand(-1, 3, -1, -1)) for image in (target, output)]
    similarity = contextual_similarity(*(network(image)["relu2_2"] for image in grey), weights=weights)
    expected = 0.9 * ((output - target) ** 2).mean() - 0.1 * similarity.log().mean()
    assert loss(output, target).item() == pytest.approx(expected.item(), rel=1e-6)
    assert loss(target, target).item() < 0.02  # its features are their own nearest ones, near ties apart
    with torch.autocast("cpu", torch.bfloat16):
        assert loss(output, target).item() == pytest.approx(expected.item(), rel=1e-6)


def test_with_alpha_one_the_loss_is_the_mean_squared_error(
    network: features.Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contextual, "contextual_similarity", None)  # not even called
    output, target = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 8, 8)
    loss = PerceptualContextualLoss(network, alpha=1)
    torch.testing.assert_close(loss(output, target), torch.nn.functional.mse_loss(output, target))


def test_gradient_descent_on_the_loss_makes_features_alike(network: features.Backbone) -> None:
    target = maps(1, 1, 16, 16).float() / 4
    output = maps(1, 1, 16, 16, seed=1).float().div(4).requires_grad_()
    loss = PerceptualContextualLoss(network, alpha=0)
    optimiser = torch.optim.Adam([output], lr=0.02)
    before = loss(output, target).item()
    for _ in range(10):
        optimiser.zero_grad()
        loss(output, target).backward()
        optimiser.step()
    assert loss(output, target).item() < 0.8 * before


def test_a_loss_that_cannot_be_is_refused(network: features.Backbone) -> None:
    with pytest.raises(ValueError, match=re.escape("alpha must lie in [0, 1], got 1.5")):
        PerceptualContextualLoss(network, alpha=1.5)
    with pytest.raises(ValueError, match="vgg16_conv2_2 has no tap relu3_3; it has relu1_1"):
        PerceptualContextualLoss(network, alpha=0.5, tap="relu3_3")
    with pytest.raises(ValueError, match="weights must be 128 floating-point numbers"):
        PerceptualContextualLoss(network, alpha=0.5, weights=torch.ones(64))
