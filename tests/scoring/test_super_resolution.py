"""The super-resolution table's scores, and crops chosen by rule."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from replication.models import SRCNN
from replication.scoring.super_resolution import FITTED, enlargements, most_different_window, score
from replication.training.pairs import read_pairs


@pytest.fixture
def identity() -> SRCNN:
    """A network that passes its input through."""
    network = SRCNN()
    with torch.no_grad():
        for layer in network.layers:
            layer.weight.zero_()
            layer.weight[0, 0, layer.kernel_size[0] // 2, layer.kernel_size[1] // 2] = 1
        network.layers[0].bias.fill_(0.5)  # the network works on x - 1/2, and its first ReLU would cut dark pixels off
        network.layers[-1].bias.fill_(-0.5)
    return network


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        noise = rng.normal(0, 6, size=(50, 61, 3)).cumsum(axis=0).cumsum(axis=1) / 4 + 128
        Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(tmp_path / f"{name}.png")
    return tmp_path


def test_scores_are_those_of_scikit_image_on_shaved_8_bit_luminance(identity: SRCNN, folder: Path) -> None:
    table, problems = score({"Same": identity}, {"Set": str(folder)}, scale=4)
    assert problems == []
    assert list(table.columns) == ["data_set", "image", "method", "metric", "score"]
    pairs, _ = read_pairs([str(folder)], 4)
    enlarged, original = (image[4:-4, 4:-4] for image in pairs[f"{folder}/one"])
    expected = {
        "PSNR": peak_signal_noise_ratio(original, enlarged),
        "SSIM": structural_similarity(
            original.astype(float), enlarged.astype(float), data_range=255, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        ),
    }  # fmt: skip
    rows = table[(table["image"] == "one")].set_index(["method", "metric"])["score"]
    for metric in expected:
        assert rows["Bicubic", metric] == pytest.approx(expected[metric], abs=2e-6 if metric == "SSIM" else 1e-4)
        assert rows["Same", metric] == pytest.approx(rows["Bicubic", metric], abs=1e-6)


def test_fitted_psnr_forgives_brightness_and_contrast_and_nothing_else(identity: SRCNN, folder: Path) -> None:
    dimmed = copy.deepcopy(identity)
    with torch.no_grad():
        dimmed.layers[-1].weight.mul_(0.9)
        dimmed.layers[-1].bias.fill_(-0.55)
    table, _ = score({"Same": identity, "Dimmed": dimmed}, {"Set": str(folder)}, scale=4)
    rows = table[table["image"] == "one"].set_index(["method", "metric"])["score"]
    assert rows["Dimmed", "PSNR"] < rows["Same", "PSNR"] - 3
    assert rows["Dimmed", FITTED] == pytest.approx(rows["Same", FITTED], abs=0.05)  # 8-bit rounding differs
    pairs, _ = read_pairs([str(folder)], 4)
    enlarged, original = (image[4:-4, 4:-4].ravel().astype(float) for image in pairs[f"{folder}/one"])
    residual = np.polyval(np.polyfit(enlarged, original, 1), enlarged) - original
    assert rows["Same", FITTED] == pytest.approx(10 * np.log10(255**2 / np.mean(residual**2)), abs=1e-3)


def test_bicubic_enlargement_has_the_scores_of_the_literature(real_data: Callable[[str], Path]) -> None:
    for name in ("set5", "set14"):
        real_data(name)
    table, _ = score({}, {"Set5": "set5", "Set14": "set14"}, scale=4)
    means = table.groupby(["data_set", "metric"])["score"].mean()
    # MATLAB's values; tolerances are half the spread among published ones
    assert means["Set5", "PSNR"] == pytest.approx(28.42, abs=0.03)
    assert means["Set5", "SSIM"] == pytest.approx(0.8103, abs=0.001)
    assert means["Set14", "PSNR"] == pytest.approx(26.00, abs=0.03)
    assert means["Set14", "SSIM"] == pytest.approx(0.7018, abs=0.001)


def test_network_output_is_clipped_to_8_bits(identity: SRCNN, folder: Path) -> None:
    with torch.no_grad():
        identity.layers[-1].bias.fill_(2.0)
    pairs, _ = read_pairs([str(folder)], 4)
    name = next(iter(pairs))
    output = enlargements({"Bright": identity}, pairs, name)["Bright"]
    assert output.dtype == np.uint8
    assert (output == 255).all()


@pytest.mark.parametrize("size", [6, 7])
def test_the_most_different_window_covers_the_only_difference(size: int) -> None:
    first = np.zeros((40, 50), np.uint8)
    second = first.copy()
    second[20 : 20 + size, 31 : 31 + size] = 9
    assert most_different_window(first, second, size, 4) == (slice(20, 20 + size), slice(31, 31 + size))


def test_windows_do_not_reach_into_the_border() -> None:
    first = np.zeros((40, 40), np.uint8)
    second = first.copy()
    second[:3, :] = 255
    rows, _ = most_different_window(first, second, 8, 4)
    assert rows.start >= 4


def test_an_image_smaller_than_the_window_is_an_error() -> None:
    image = np.zeros((10, 30), np.uint8)
    with pytest.raises(ValueError, match="30x10 are smaller than a window of 8 within a border of 4"):
        most_different_window(image, image, 8, 4)
