"""Autoencoders: the networks, their priors by definition, and training that is equal but for the loss."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors
import torch
from torch import Tensor, nn

from replication.datasets.errors import DataError
from replication.datasets.stacks import Stack, split
from replication.models.autoencoders import KINDS, Autoencoder, Coded, kl_divergence, mmd
from replication.training.autoencoders import (
    Batch,
    Recipe,
    Reconstruction,
    choose_prior_weight,
    codes,
    compare_prior_weights,
    reconstruct,
    train,
    unit_of,
)
from replication.training.fit import Compute, TrainingError
from replication.training.losses import LOSSES, Loss
from replication.training.trained import Trained

COMPUTE = Compute(accelerator="cpu", threads=1)
RECIPE = Recipe("ae", "mse", 4, 4, 0.003, steps=6, round_steps=3, warmup=2, batch=4, seed=0)


@pytest.fixture(scope="module")
def stacks() -> dict[str, Stack]:
    """Blobs of random place and colour, 32 x 32."""
    rng = np.random.default_rng(0)
    at = np.arange(32)
    blobs = np.exp(-((at - rng.uniform(8, 24, (40, 1, 1, 1))) ** 2 + (at[:, None] - 16) ** 2) / 60)
    pixels = (64 + 160 * blobs * rng.uniform(0.3, 1, (40, 3, 1, 1))).astype(np.uint8)
    return split(Stack("blobs", tuple(f"blob{i}" for i in range(40)), pixels, {}), {"train": 30, "held out": 10})


def trained(recipe: Recipe, stacks: dict[str, Stack], folder: Path) -> Trained[Autoencoder]:
    return train(recipe, stacks["train"], stacks["held out"], checkpoints=folder, compute=COMPUTE, label="")


@pytest.mark.parametrize(("size", "channels"), [(64, 3), (96, 1), (48, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_an_autoencoder_gives_images_of_the_size_it_takes_through_its_bottleneck(
    kind: str, size: int, channels: int
) -> None:
    network = Autoencoder(kind, size=size, channels=channels, bottleneck=5, width=4)  # type: ignore[arg-type]
    images = torch.rand(2, channels, size, size)
    output, coded = network(images)
    assert output.shape == images.shape
    assert coded.mean.shape == (2, 5)
    assert 0 < output.min() <= output.max() < 1
    torch.testing.assert_close(network.decode(coded.mean), output)


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({}, 1_908_483),
        ({"kind": "vae"}, 2_170_691),
        ({"size": 96, "channels": 1}, 2_566_913),
        ({"size": 48, "channels": 1}, 1_675_265),
    ],
)
def test_the_docstring_counts_the_parameters(options: dict[str, object], parameters: int) -> None:
    assert sum(p.numel() for p in Autoencoder(**options).parameters()) == parameters  # type: ignore[arg-type]
    assert f"{parameters:,}" in (Autoencoder.__doc__ or "")


def test_a_code_does_not_depend_on_the_batch() -> None:
    network, images = Autoencoder(width=4, bottleneck=3), torch.rand(3, 3, 64, 64)
    alone = torch.cat([network.encode(image[None]).mean for image in images])
    torch.testing.assert_close(network.encode(images).mean, alone)


def test_a_vae_adds_noise_of_the_deviation_it_states() -> None:
    network = Autoencoder("vae", size=32, width=4, bottleneck=3)
    images, noise = torch.rand(2, 3, 32, 32), torch.randn(2, 3)
    output, coded = network(images, noise)
    assert coded.log_variance is not None
    expected = network.decode(coded.mean + noise * torch.sqrt(coded.log_variance.exp()))
    torch.testing.assert_close(output, expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Autoencoder("gan"), "unknown kind of autoencoder 'gan'; known: ae, vae, mmd_ae"),  # type: ignore[arg-type]
        (lambda: Autoencoder(size=50), "size must be a multiple of 16, got 50"),
        (lambda: Autoencoder(bottleneck=0), "must be positive"),
        (lambda: Autoencoder()(torch.rand(1, 1, 64, 64)), r"images must have shape \(N, 3, 64, 64\)"),
        (lambda: mmd(torch.rand(3, 2), torch.rand(4, 2)), "samples must be of one shape"),
        (lambda: kl_divergence(Coded(torch.rand(3, 2), None)), "these codes have no variance"),
    ],
)
def test_what_makes_no_sense_is_refused(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


def test_the_divergence_is_that_of_torch_distributions() -> None:
    mean, log_variance = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0))
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(
        normal(mean, (0.5 * log_variance).exp()), normal(torch.zeros(6, 4), torch.ones(6, 4))
    )
    torch.testing.assert_close(kl_divergence(Coded(mean, log_variance)), expected.sum(1).mean())


def mmd_by_definition(a: Tensor, b: Tensor) -> float:
    n, d = a.shape

    def kernel(x: Tensor, y: Tensor) -> float:
        return 2 * d / (2 * d + float(((x - y) ** 2).sum()))

    within = sum(kernel(s[i], s[j]) for s in (a, b) for i in range(n) for j in range(n) if i != j)
    return within / (n * (n - 1)) - 2 / n**2 * sum(kernel(x, y) for x in a for y in b)


def test_mmd_is_its_definition_and_vanishes_on_average_for_equal_distributions() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 7, 3, generator=generator, dtype=torch.float64)
    assert float(mmd(a, b + 1)) == pytest.approx(mmd_by_definition(a, b + 1), abs=1e-12)
    draws = [float(mmd(*torch.randn(2, 50, 4, generator=generator))) for _ in range(200)]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / math.sqrt(200)
    assert float(mmd(torch.zeros(50, 4), torch.randn(50, 4, generator=generator))) > 0.1


def test_losses_start_from_equal_weights_and_see_equal_batches(stacks: dict[str, Stack], tmp_path: Path) -> None:
    still = replace(RECIPE, model="vae", learning_rate=0.0, prior_weight=0.1)
    networks = [
        trained(replace(still, loss=loss, loss_options=options), stacks, tmp_path / loss).network
        for loss, options in (("mse", {}), ("lwssim", {"window_sizes": [3, 5]}))
    ]
    for first, second in zip(*(network.parameters() for network in networks), strict=True):
        assert torch.equal(first, second)
    batches = [
        Reconstruction(replace(RECIPE, loss=loss), stacks["train"], stacks["held out"], networks[0], tmp_path).batch(5)
        for loss in ("mse", "mae")
    ]
    assert torch.equal(batches[0].images, batches[1].images)
    assert torch.equal(batches[0].noise, batches[1].noise)


@pytest.mark.parametrize(
    ("model", "loss"), [*(("ae", loss) for loss in sorted(LOSSES)), ("vae", "lwssim"), ("mmd_ae", "lwssim")]
)
def test_every_loss_and_every_model_trains(model: str, loss: str, stacks: dict[str, Stack], tmp_path: Path) -> None:
    options = {"levels": 2} if loss.startswith("ms_ssim") else {}
    recipe = replace(RECIPE, model=model, loss=loss, loss_options=options, prior_weight=0.1, steps=3)  # type: ignore[arg-type]
    result = trained(recipe, stacks, tmp_path)
    assert all(torch.isfinite(parameter).all() for parameter in result.network.parameters())


def test_training_lowers_the_loss_and_reports_it_on_held_out_images(stacks: dict[str, Stack], tmp_path: Path) -> None:
    recipe = replace(RECIPE, width=8, bottleneck=8, batch=16, steps=80, round_steps=40, learning_rate=0.0015)
    result = trained(recipe, stacks, tmp_path)
    assert result.history["training_loss"].iloc[-1] < result.history["training_loss"].iloc[0]
    output = reconstruct(result.network, stacks["held out"])
    target = torch.from_numpy(stacks["held out"].pixels).float() / 255
    assert result.history["validation_mse"].iloc[-1] == pytest.approx(
        float((output - target).square().mean()), rel=1e-5
    )


@pytest.mark.parametrize(("model", "stop_at"), [("vae", 4), ("mmd_ae", 1)])
def test_interrupted_training_ends_at_the_same_weights_and_history(
    model: str, stop_at: int, stacks: dict[str, Stack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, model=model, loss="lwssim", prior_weight=0.1)  # type: ignore[arg-type]
    whole = trained(recipe, stacks, tmp_path / "whole")
    original = Reconstruction.batch

    def cut(self: Reconstruction, step: int) -> Batch:
        if step == stop_at:
            raise RuntimeError("power cut")
        return original(self, step)

    monkeypatch.setattr(Reconstruction, "batch", cut)
    with pytest.raises(RuntimeError, match="power cut"):
        trained(recipe, stacks, tmp_path / "cut")
    monkeypatch.undo()
    resumed = trained(recipe, stacks, tmp_path / "cut")
    assert resumed.history.equals(whole.history)
    for first, second in zip(resumed.network.parameters(), whole.network.parameters(), strict=True):
        assert torch.equal(first, second)


def test_a_loss_that_is_not_finite_stops_with_the_batch_kept_and_named(
    stacks: dict[str, Stack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Poisoned(nn.Module):
        calls = 0

        def forward(self, output: Tensor, target: Tensor) -> Tensor:
            type(self).calls += 1
            return (output - target).square().mean() * (float("nan") if self.calls == 4 else 1)

    monkeypatch.setitem(LOSSES, "mse", Loss("MSE", Poisoned))
    with pytest.raises(
        TrainingError, match=r"the loss is nan at step 2; the batch \(blob\d+ to blob\d+, 4 images\)"
    ) as e:
        trained(RECIPE, stacks, tmp_path)
    (kept,) = tmp_path.glob("not_finite_step_2.safetensors")
    assert str(kept) in str(e.value)
    with safetensors.safe_open(kept, "pt") as file:  # type: ignore[no-untyped-call]
        names = json.loads(file.metadata()["names"])
        images = file.get_tensor("images")
    whole = stacks["train"]
    expected = torch.from_numpy(whole.pixels[[whole.names.index(name) for name in names]]).float() / 255
    assert torch.equal(images, expected)


def test_a_set_with_too_few_images_for_the_split_or_a_batch_says_so(stacks: dict[str, Stack], tmp_path: Path) -> None:
    message = r"blobs: 10 images are too few for the split \(8 for train \+ 4 for test = 12\)"
    with pytest.raises(DataError, match=message):
        split(stacks["held out"], {"train": 8, "test": 4})
    with pytest.raises(TrainingError, match="30 training images are fewer than a batch of 31"):
        trained(replace(RECIPE, batch=31), stacks, tmp_path)


def test_parts_of_a_split_are_disjoint_and_repeat_with_their_seed(stacks: dict[str, Stack]) -> None:
    parts = split(stacks["train"], {"a": 10, "b": 15}, seed=3)
    names = [name for part in parts.values() for name in part.names]
    assert len(set(names)) == 25
    assert parts["b"].names == split(stacks["train"], {"a": 10, "b": 15}, seed=3)["b"].names
    position = stacks["train"].names.index(parts["b"].names[0])
    assert (parts["b"].pixels[0] == stacks["train"].pixels[position]).all()


def test_a_loss_counts_in_what_the_mean_image_loses(stacks: dict[str, Stack]) -> None:
    pixels = stacks["train"].pixels.astype(float) / 255
    targets = stacks["held out"].pixels.astype(float) / 255
    expected = ((pixels.mean(axis=0) - targets) ** 2).mean()
    assert unit_of(nn.MSELoss(), stacks["train"], stacks["held out"]) == pytest.approx(expected, rel=1e-5)


def test_the_prior_weight_nearest_to_the_common_target_is_chosen() -> None:
    runs = pd.DataFrame({"prior_weight": [0.1, 1.0, 10.0], "validation_prior": [40.0, 11.0, -0.1]})
    assert choose_prior_weight(runs, 12) == 1.0
    assert choose_prior_weight(runs, 1e-7) == 10.0
    with pytest.raises(ValueError, match="positive target"):
        choose_prior_weight(runs, 0)


def test_candidates_share_everything_but_the_prior_weight(stacks: dict[str, Stack], tmp_path: Path) -> None:
    recipe = replace(RECIPE, model="vae", steps=3)
    runs = compare_prior_weights(
        recipe, (0.0, 1.0), stacks["train"], stacks["held out"], checkpoints=tmp_path, compute=COMPUTE, label=""
    )
    alone = trained(replace(recipe, prior_weight=1.0), stacks, tmp_path / "alone")
    assert runs["validation_prior"].iloc[1] == alone.history["validation_prior"].iloc[-1]


def test_a_trained_autoencoder_is_read_back_as_it_was(stacks: dict[str, Stack], tmp_path: Path) -> None:
    result = trained(replace(RECIPE, model="vae", prior_weight=0.1), stacks, tmp_path / "c")
    result.save(tmp_path / "out")
    loaded = Trained.load(tmp_path / "out", Autoencoder)
    assert torch.equal(codes(loaded.network, stacks["train"]), codes(result.network, stacks["train"]))
    assert loaded.identity == result.identity


def test_the_decay_can_wait_and_is_part_of_the_identity_where_it_does(stacks: dict[str, Stack], tmp_path: Path) -> None:
    waiting = trained(replace(RECIPE, steps=15, warmup=0, decay="when-flat"), stacks, tmp_path / "waiting")
    rates = waiting.history.set_index("step")["learning_rate"]
    assert list(rates) == [0.003] * 4 + [0]  # this loss falls until the last fifth
    assert list(waiting.history["decay_start"].fillna(-1)) == [-1, -1, -1, 12, 12]
    assert waiting.identity["recipe"]["decay"] == "when-flat"
    assert "decay" not in trained(RECIPE, stacks, tmp_path / "cosine").identity["recipe"]


def test_an_unknown_loss_is_refused_with_the_known_ones(stacks: dict[str, Stack], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown loss 'l3'; known: mse, mae"):
        trained(replace(RECIPE, loss="l3"), stacks, tmp_path)
