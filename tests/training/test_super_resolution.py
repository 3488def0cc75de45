"""SRCNN on luminance: the network, the pairs, the recipe, and what a trained network leaves behind."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from replication.datasets.errors import DataError
from replication.models import SRCNN
from replication.training.dead_units import dead_units
from replication.training.fit import Compute
from replication.training.losses import LOSSES
from replication.training.pairs import Pairs, at_least, luminance, luminance_pairs, read_pairs
from replication.training.patches import PatchBank
from replication.training.rates import compare_rates
from replication.training.super_resolution import Recipe, train
from replication.training.trained import Trained

COMPUTE = Compute(accelerator="cpu", threads=1)
RECIPE = Recipe("mse", {}, 0.003, steps=6, round_steps=3, warmup=2, batch=2, patch=24, scale=4, seed=0)


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.normal(0, 4, size=(48, 56, 3)), axis=1) + 128
    return luminance_pairs({"a": smooth.clip(0, 255).astype(np.uint8)}, 4)


def test_srcnn_has_the_published_layers() -> None:
    # 9 x 9 x 64, 5 x 5 x 64 x 32, 5 x 5 x 32 weights and a bias for each filter
    assert sum(p.numel() for p in SRCNN().parameters()) == 5184 + 64 + 51200 + 32 + 800 + 1


def test_no_unit_of_a_new_network_is_dead_on_images() -> None:
    photos, _ = read_pairs(["photos-a"], 4)
    images = [torch.from_numpy(enlarged)[None, None].float() / 255 for enlarged, _ in photos.values()]
    assert dead_units(SRCNN(), images) == [0, 0]


def test_the_leaky_network_differs_from_the_other_below_zero_only() -> None:
    networks = []
    for activation in ("relu", "leaky_relu"):
        torch.manual_seed(0)
        networks.append(SRCNN(activation=activation))  # type: ignore[arg-type]
    for first, second in zip(*(network.parameters() for network in networks), strict=True):
        assert torch.equal(first, second)
    x = torch.tensor([-2.0, 3.0])
    assert [network.activation(x).tolist() for network in networks] == [[0, 3], [pytest.approx(-0.2), 3]]
    with pytest.raises(ValueError, match="unknown activation 'gelu'; known: relu, leaky_relu"):
        SRCNN(activation="gelu")  # type: ignore[arg-type]


def test_half_precision_convolutions_do_not_make_the_output_coarse() -> None:
    network, image = SRCNN(), torch.rand(1, 1, 40, 40)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        output = network(image)
    assert output.dtype == torch.float32
    assert not torch.equal(output, output.bfloat16().float())


def test_an_enlarged_image_is_the_network_on_the_image_with_repeated_border() -> None:
    network, image = SRCNN(), torch.rand(1, 1, 20, 24)
    whole = network.enlarge(image)
    assert whole.shape == image.shape
    torch.testing.assert_close(whole[..., 8:-8, 8:-8], network(image), atol=1e-6, rtol=1e-5)


def test_luminance_of_primaries_is_that_of_bt601() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [1, 0, 0]]], np.uint8)
    # 16 + 65.481, 16 + 128.553, 16 + 24.966, 16 + 65.481 / 255, rounded
    assert luminance(colours).tolist() == [[81, 145, 41, 16]]


def test_a_grey_file_is_taken_as_it_is_but_grey_colours_are_converted() -> None:
    grey = np.array([[0, 128, 255]], np.uint8)
    assert luminance(grey).tolist() == [[0, 128, 255]]
    assert luminance(np.stack([grey] * 3, axis=2)).tolist() == [[16, 126, 235]]  # 16 + 219 grey / 255


def test_pairs_are_cropped_to_whole_multiples_of_the_scale() -> None:
    pairs = luminance_pairs({"odd": np.zeros((23, 30, 3), np.uint8)}, 4)
    assert [image.shape for image in pairs["odd"]] == [(20, 28), (20, 28)]


def test_losses_start_from_equal_weights_and_see_equal_batches(pairs: Pairs, tmp_path: Path) -> None:
    still = replace(RECIPE, learning_rate=0.0)
    networks = [
        train(replace(still, loss=loss), pairs, pairs, checkpoints=tmp_path / loss, compute=COMPUTE, label=loss).network
        for loss in ("mse", "mae")
    ]
    for first, second in zip(*(network.parameters() for network in networks), strict=True):
        assert torch.equal(first, second)


def test_training_lowers_the_loss_and_reports_it_on_held_out_images(pairs: Pairs, tmp_path: Path) -> None:
    trained = train(
        replace(RECIPE, steps=60, round_steps=20), pairs, pairs, checkpoints=tmp_path, compute=COMPUTE, label=""
    )
    history = trained.history
    assert list(history["step"]) == [20, 40, 60]
    assert history["validation_loss"].iloc[-1] < history["validation_loss"].iloc[0]
    enlarged, original = (torch.from_numpy(image)[None, None].float() / 255 for image in pairs["a"])
    with torch.no_grad():
        error = (trained.network.enlarge(enlarged) - original)[..., 4:-4, 4:-4]
    assert history["validation_loss"].iloc[-1] == pytest.approx(float((error**2).mean()), rel=1e-4)
    assert history["learning_rate"].iloc[-1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_loss_trains(loss: str, pairs: Pairs, tmp_path: Path) -> None:
    options = {"levels": 2} if loss.startswith("ms_ssim") else {}
    trained = train(
        replace(RECIPE, loss=loss, loss_options=options),
        pairs,
        pairs,
        checkpoints=tmp_path,
        compute=COMPUTE,
        label=loss,
    )
    assert all(torch.isfinite(parameter).all() for parameter in trained.network.parameters())


def test_an_unknown_loss_is_refused_with_the_known_ones(pairs: Pairs, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown loss 'l3'; known: mse, mae"):
        train(replace(RECIPE, loss="l3"), pairs, pairs, checkpoints=tmp_path, compute=COMPUTE, label="")


def test_an_unknown_optimiser_is_refused_with_the_known_ones(pairs: Pairs, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown optimiser 'adagrad'; known: adam, sgd"):
        train(replace(RECIPE, optimiser="adagrad"), pairs, pairs, checkpoints=tmp_path, compute=COMPUTE, label="")


def test_stochastic_gradient_descent_takes_the_step_its_definition_says(pairs: Pairs, tmp_path: Path) -> None:
    recipe = replace(RECIPE, optimiser="sgd", learning_rate=0.1, steps=1, round_steps=1, warmup=0)
    trained = train(recipe, pairs, pairs, checkpoints=tmp_path, compute=COMPUTE, label="")
    torch.manual_seed(recipe.seed)
    network = SRCNN()
    enlarged, original = PatchBank(pairs, patch=recipe.patch, margin=network.margin).batch(
        recipe.batch, seed=recipe.seed, step=0
    )
    torch.nn.functional.mse_loss(network(enlarged), original).backward()
    for after, before in zip(trained.network.parameters(), network.parameters(), strict=True):
        assert before.grad is not None
        torch.testing.assert_close(after, before - 0.1 * before.grad, rtol=1e-5, atol=1e-6)  # float32, another layout


def test_a_trained_network_is_read_back_as_it_was(pairs: Pairs, tmp_path: Path) -> None:
    trained = train(RECIPE, pairs, pairs, checkpoints=tmp_path / "c", compute=COMPUTE, label="")
    trained.save(tmp_path / "out")
    loaded = Trained.load(tmp_path / "out", SRCNN)
    image = torch.rand(1, 1, 30, 30)
    torch.testing.assert_close(loaded.network.enlarge(image), trained.network.enlarge(image), rtol=0, atol=1e-6)
    assert loaded.identity == trained.identity
    assert list(loaded.history.columns) == list(trained.history.columns)


def test_a_network_with_another_activation_is_read_back_with_it(pairs: Pairs, tmp_path: Path) -> None:
    trained = train(
        replace(RECIPE, activation="leaky_relu"), pairs, pairs, checkpoints=tmp_path / "c", compute=COMPUTE, label=""
    )
    trained.save(tmp_path / "out")
    loaded = Trained.load(tmp_path / "out", SRCNN)
    image = torch.rand(1, 1, 30, 30)
    assert isinstance(loaded.network.activation, torch.nn.LeakyReLU)
    torch.testing.assert_close(loaded.network.enlarge(image), trained.network.enlarge(image), rtol=0, atol=1e-6)


def test_candidate_rates_share_everything_but_the_rate(pairs: Pairs, tmp_path: Path) -> None:
    runs = compare_rates(train, RECIPE, [0.001, 0.01], pairs, pairs, checkpoints=tmp_path, compute=COMPUTE, label="")
    assert runs.groupby("learning_rate")["step"].apply(list).to_dict() == {0.001: [3, 6], 0.01: [3, 6]}
    alone = train(
        replace(RECIPE, learning_rate=0.01), pairs, pairs, checkpoints=tmp_path / "x", compute=COMPUTE, label=""
    )
    assert runs["validation_loss"].iloc[-1] == alone.history["validation_loss"].iloc[-1]


def test_an_unreadable_image_stops_or_is_named_as_configured(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes((tmp_path / "good.png").read_bytes()[:60])
    with pytest.raises(ValueError, match="bad.png"):
        read_pairs([str(tmp_path)], 4)
    pairs, problems = read_pairs([str(tmp_path)], 4, on_error="skip")
    assert [name.rsplit("/", 1)[1] for name in pairs] == ["good"]
    assert len(problems) == 1
    assert "bad.png" in problems[0]


def test_a_limit_takes_images_evenly_spread(tmp_path: Path) -> None:
    for name in "abcdef":
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / f"{name}.png")
    pairs, _ = read_pairs([str(tmp_path)], 4, limit=3)
    assert [name.rsplit("/", 1)[1] for name in pairs] == ["a", "c", "e"]


def test_images_smaller_than_a_patch_are_left_out(pairs: Pairs) -> None:
    assert list(at_least(pairs, 48)) == ["a"]
    with pytest.raises(DataError, match="none of 1 images is as large as 52 x 52"):
        at_least(pairs, 52)
