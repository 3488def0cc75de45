"""VDSR and its training under equation 9: the network, the conditions, equal beginnings, clipping, what is kept."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from replication import features as backbones
from replication.features.efficacy import perceptual_efficacy
from replication.models.vdsr import VDSR
from replication.training.fit import Compute
from replication.training.pairs import Pairs, luminance_pairs
from replication.training.patches import PatchBank
from replication.training.super_resolution import Recipe
from replication.training.trained import Trained
from replication.training.vdsr import Condition, Enlarging, Features, about_features, channel_weights, train

COMPUTE = Compute(accelerator="cpu", threads=1)
RECIPE = Recipe("mse", {}, 0.001, steps=4, round_steps=2, warmup=1, batch=2, patch=16, scale=4, seed=0)
FEATURES = Features(weights="random", efficacy={"frequencies": 4, "orientations": 2, "phases": 1, "size": 32})


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.normal(0, 4, size=(32, 36, 3)), axis=1) + 128
    return luminance_pairs({"a": smooth.clip(0, 255).astype(np.uint8)}, 4)


def trained(pairs: Pairs, folder: Path, name: str, start: Trained[VDSR] | None = None, **changes: Any) -> Trained[VDSR]:
    return train(
        replace(RECIPE, **changes),
        Condition.named(name),
        FEATURES,
        pairs,
        pairs,
        start=start,
        clip=0.01,
        checkpoints=folder / name,
        compute=COMPUTE,
        label=name,
    )


def same(first: VDSR, second: VDSR) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_vdsr_has_the_published_layers() -> None:
    # 20 layers of 3 x 3: 1 to 64, eighteen times 64 to 64, 64 to 1; the paper rounds the sum to 665 K
    weights = [p.numel() for name, p in VDSR().named_parameters() if name.endswith("weight")]
    assert weights == [576, *[36864] * 18, 576]
    assert sum(p.numel() for p in VDSR().parameters()) == 664_704 + 19 * 64 + 1


def test_vdsr_adds_a_residual_to_the_image_and_sees_41_pixels() -> None:
    network = VDSR()
    image = torch.rand(1, 1, 50, 50)
    with torch.no_grad():
        network.layers[-1].weight.zero_()
    torch.testing.assert_close(network.enlarge(image), image)
    network = VDSR().double()  # float32's rounding differs across the map
    one = image.double().requires_grad_()
    (gradient,) = torch.autograd.grad(network(one)[0, 0, 25, 25], one)
    seen = gradient[0, 0].abs().sum(dim=0).nonzero().flatten()
    assert (seen.min(), seen.max()) == (5, 45)


def test_he_initialisation_keeps_the_size_of_activations() -> None:
    torch.manual_seed(0)
    network, x = VDSR(), torch.rand(4, 1, 24, 24)
    with torch.no_grad():
        for layer in network.layers[:-1]:
            x = torch.relu(layer(x))
    assert 0.05 < x.pow(2).mean().sqrt() < 5


def test_a_network_of_no_depth_is_refused() -> None:
    with pytest.raises(ValueError, match="depth of at least 2"):
        VDSR(depth=1)


def test_conditions_are_read_from_their_names() -> None:
    assert Condition.named("l2") == Condition.named("start") == Condition("plain", 1.0)
    assert Condition.named("pe-0.99") == Condition("pe", 0.99)
    assert Condition.named("pe-root-0") == Condition("pe-root", 0.0)


@pytest.mark.parametrize("name", ["l3", "pe", "pe-1", "pe-1.5", "best-0.9", "0.9", "pe-nan"])
def test_other_conditions_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a condition is l2, or a weighting"):
        Condition.named(name)


def test_channels_are_weighted_in_proportion_to_their_efficacy() -> None:
    network = backbones.backbone("vgg16", weights="random")
    assert FEATURES.efficacy is not None
    pe = perceptual_efficacy(network, ["relu2_2"], **FEATURES.efficacy)["relu2_2"].pe
    assert channel_weights(Condition("plain", 0.5), FEATURES, network) is None
    weights = channel_weights(Condition("pe", 0.5), FEATURES, network)
    roots = channel_weights(Condition("pe-root", 0.5), FEATURES, network)
    assert weights is not None
    assert roots is not None
    np.testing.assert_allclose(weights.numpy(), pe / pe.max(), rtol=1e-6)
    np.testing.assert_allclose(roots.numpy() ** 2, pe / pe.max(), rtol=1e-5)


def test_conditions_start_from_the_same_weights_and_see_the_same_batches(pairs: Pairs, tmp_path: Path) -> None:
    start = trained(pairs, tmp_path, "start")
    still = [trained(pairs, tmp_path, name, start, learning_rate=0.0) for name in ("l2", "plain-0.5", "pe-0.5")]
    assert all(same(each.network, start.network) for each in still)
    moved = [trained(pairs, tmp_path, name, start) for name in ("l2", "plain-0.5", "pe-0.5")]
    assert not any(same(each.network, start.network) for each in moved)
    assert not same(moved[1].network, moved[2].network)
    assert len({str(each.identity["start"]) for each in moved}) == 1
    assert moved[1].identity["features"]["channels"] is None
    assert about_features(moved[1]).endswith("all channels alike")
    assert about_features(moved[2]).startswith("Features: relu2_2 of vgg16 (random, seed 0), bandwidth 0.5")


def test_training_lowers_the_loss(pairs: Pairs, tmp_path: Path) -> None:
    start = trained(pairs, tmp_path, "start")
    history = trained(pairs, tmp_path, "pe-0.9", start, steps=16, round_steps=8).history
    assert history["training_loss"].iloc[1] < history["training_loss"].iloc[0]
    assert list(history["step"]) == [8, 16]


def test_the_first_step_is_that_of_the_clipped_gradient(pairs: Pairs, tmp_path: Path) -> None:
    """Plain gradient descent from the start, worked out by hand; a small theta so that some components are cut."""
    recipe = replace(RECIPE, optimiser="sgd", learning_rate=0.1, steps=1, round_steps=1, warmup=0)
    torch.manual_seed(0)
    network = VDSR()
    enlarged, original = PatchBank(pairs, patch=16).batch(2, seed=0, step=0)
    torch.nn.functional.mse_loss(network(enlarged), original).backward()
    theta = 1e-5
    result = train(
        recipe,
        Condition.named("l2"),
        FEATURES,
        pairs,
        pairs,
        start=None,
        clip=theta,
        checkpoints=tmp_path,
        compute=COMPUTE,
        label="",
    )
    cut = total = 0
    for after, before in zip(result.network.parameters(), network.parameters(), strict=True):
        assert before.grad is not None
        step = (0.1 * before.grad).clamp(-theta, theta)
        cut, total = cut + int((step.abs() == theta).sum()), total + step.numel()
        torch.testing.assert_close(after, before - step, rtol=1e-5, atol=2e-7)
    assert 0 < cut < total


def test_a_trained_network_is_read_back_as_it_was(pairs: Pairs, tmp_path: Path) -> None:
    made = trained(pairs, tmp_path, "plain-0.5")
    made.save(tmp_path / "out")
    loaded = Trained.load(tmp_path / "out", VDSR)
    assert same(loaded.network, made.network)
    assert loaded.identity == made.identity
    assert list(loaded.history) == list(made.history)


def test_any_loss_trains_alone_and_only_the_mse_beside_the_contextual_loss(pairs: Pairs, tmp_path: Path) -> None:
    alone = [trained(pairs, tmp_path / loss, "l2", loss=loss) for loss in ("mse", "mae")]
    assert not same(alone[0].network, alone[1].network)
    assert [about_features(each) for each in alone] == ["Loss: L2 alone", "Loss: MAE alone"]
    with pytest.raises(ValueError, match="the contextual loss is combined with mse without options, got 'mae'"):
        trained(pairs, tmp_path, "pe-0.5", loss="mae")


def test_an_interrupted_training_goes_on_to_the_same_bytes(
    pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off between two checkpoints, in the middle of the clipped, weighted fine-tuning."""
    start = trained(pairs, tmp_path / "start", "start")
    trained(pairs, tmp_path / "whole", "pe-0.9", start, steps=8).save(tmp_path / "whole" / "out")
    batch, seen = Enlarging.batch, []

    def power_cut(self: Enlarging, step: int) -> Any:
        if step == 5:
            raise RuntimeError("power cut")
        return batch(self, step)

    def noted(self: Enlarging, step: int) -> Any:
        seen.append(step)
        return batch(self, step)

    monkeypatch.setattr(Enlarging, "batch", power_cut)
    with pytest.raises(RuntimeError, match="power cut"):
        trained(pairs, tmp_path / "broken", "pe-0.9", start, steps=8)
    monkeypatch.setattr(Enlarging, "batch", noted)
    trained(pairs, tmp_path / "broken", "pe-0.9", start, steps=8).save(tmp_path / "broken" / "out")
    assert min(seen) == 4  # it did not begin anew
    for name in ("network.safetensors", "history.csv", "identity.json"):
        assert (tmp_path / "whole" / "out" / name).read_bytes() == (tmp_path / "broken" / "out" / name).read_bytes()
