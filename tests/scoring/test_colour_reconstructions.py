"""Figures of reconstructions against numpy and scikit-image; what makes test images unfit is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from skimage.color import rgb2lab
from skimage.metrics import structural_similarity

from replication.datasets.stacks import Stack, split
from replication.models.autoencoders import Autoencoder
from replication.scoring.colour_reconstructions import (
    FIGURES,
    check_parts,
    mean_image,
    measure,
    squared_error_parts,
    terms_of,
)
from replication.scoring.errors import ScoringError
from replication.training.autoencoders import reconstruct
from replication.training.trained import Trained


@pytest.fixture(scope="module")
def images() -> Stack:
    """More than are measured at a time: coloured waves, one of them grey."""
    rng = np.random.default_rng(0)
    at = np.linspace(0, 6, 32)
    waves = np.sin(at + rng.uniform(0, 6, (60, 3, 1, 1))) * np.cos(at[:, None] * rng.uniform(0.5, 2, (60, 3, 1, 1)))
    pixels = (128 + 100 * waves * rng.uniform(0.2, 1, (60, 3, 1, 1))).astype(np.uint8)
    pixels[0] = pixels[0, :1]
    return Stack("waves", tuple(f"wave{i}" for i in range(60)), pixels, {})


@pytest.fixture(scope="module")
def network() -> Autoencoder:
    torch.manual_seed(0)
    network = Autoencoder(size=32, width=4, bottleneck=6).eval()
    with torch.no_grad():
        network.up[-1].weight.mul_(20)  # type: ignore[operator]
    return network


@pytest.fixture(scope="module")
def measured(network: Autoencoder, images: Stack) -> pd.DataFrame:
    return measure(network, images).set_index("image")


@pytest.mark.parametrize("position", [0, 7, 59])
def test_figures_are_those_of_scikit_image(
    position: int, network: Autoencoder, images: Stack, measured: pd.DataFrame
) -> None:
    original = images.pixels[position].transpose(1, 2, 0) / 255
    output = reconstruct(network, images)[position].permute(1, 2, 0).double().numpy()
    found = measured.loc[images.names[position]]

    def by_skimage(x: np.ndarray, y: np.ndarray) -> float:
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
        _, whole = structural_similarity(x, y, channel_axis=-1, full=True, **options)
        return float(whole[5:-5, 5:-5].mean())

    rounded = np.round(255 * output) / 255
    lab, lab_output = rgb2lab(original), rgb2lab(output)
    difference = lab - lab_output
    expected = {
        "ssim": by_skimage(original, output),
        "mse": ((original - output) ** 2).mean(),
        "ssim_8bit": by_skimage(original, rounded),
        "mse_8bit": ((original - rounded) ** 2).mean(),
        "lightness_error": np.abs(difference[..., 0]).mean(),
        "chroma_error": np.hypot(difference[..., 1], difference[..., 2]).mean(),
        "chroma": np.hypot(lab_output[..., 1], lab_output[..., 2]).mean(),
        "chroma_original": np.hypot(lab[..., 1], lab[..., 2]).mean(),
    }
    for name, value in expected.items():
        in_lab = name.startswith(("lightness", "chroma"))  # hundreds of units, in float32
        assert found[name] == pytest.approx(value, abs=1e-3 if in_lab else 2e-5), name
    grey = [image @ [0.298936, 0.587043, 0.114021] for image in (original, output)]
    assert found["ssim_gray"] == pytest.approx(by_skimage(grey[0][..., None], grey[1][..., None]), abs=2e-5)


def test_what_the_best_line_leaves_is_the_rest_of_the_squared_error() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((4, 3, 8, 8))
    y = 0.4 * x + 0.3 + 0.1 * rng.random((4, 3, 8, 8))
    total, brightness, contrast = squared_error_parts(torch.from_numpy(x), torch.from_numpy(y))
    for image in range(4):
        left, shifted = [], []
        for a, b in zip(x[image].reshape(3, -1), y[image].reshape(3, -1), strict=True):
            slope, offset = np.polyfit(b, a, 1)
            left.append(np.mean((slope * b + offset - a) ** 2))
            shifted.append(np.mean((b + (a - b).mean() - a) ** 2))
        assert total[image].item() == pytest.approx(np.mean((x[image] - y[image]) ** 2), rel=1e-10)
        assert (total - brightness)[image].item() == pytest.approx(np.mean(shifted), rel=1e-9)
        assert (total - brightness - contrast)[image].item() == pytest.approx(np.mean(left), rel=1e-9)


def test_of_a_flat_output_brightness_is_all_that_a_line_removes() -> None:
    x = torch.rand(2, 3, 8, 8, dtype=torch.float64)
    total, brightness, contrast = squared_error_parts(x, torch.full_like(x, 0.3))
    torch.testing.assert_close(contrast, torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(total - brightness, x.var(dim=(2, 3), correction=0).mean(1), rtol=1e-9, atol=1e-12)


def test_every_image_has_all_figures_and_batches_do_not_matter(network: Autoencoder, images: Stack) -> None:
    few = measure(network, images.select([3, 55]))
    assert list(few.columns) == ["image", *FIGURES]
    together = measure(network, images).iloc[[3, 55]].reset_index(drop=True)
    pd.testing.assert_frame_equal(few, together, rtol=1e-5)


def test_a_flat_image_in_place_of_reconstructions_has_terms_too(images: Stack) -> None:
    mean = mean_image(images)
    np.testing.assert_allclose(mean.numpy(), images.pixels.mean(axis=0) / 255, atol=1e-6)
    terms = terms_of(mean, images)
    assert terms.luminance.shape == (60, 3, 22, 22)
    assert torch.stack(terms[:3]).abs().max() <= 1 + 1e-5


def test_networks_of_other_images_and_test_images_that_were_seen_are_refused(
    network: Autoencoder, images: Stack
) -> None:
    parts = split(images, {"training": 40, "validation": 10, "test": 10})
    digests = {"images": parts["training"].digest, "held_out": parts["validation"].digest}
    run = Trained(network, pd.DataFrame(), digests)
    check_parts(parts, {"ae-mse-0": run})
    with pytest.raises(ScoringError, match="ae-mse-0 was trained with other validation images than these"):
        check_parts(parts, {"ae-mse-0": replace(run, identity={**digests, "held_out": "x"})})
    with pytest.raises(ScoringError, match="10 test images are among the validation images, such as wave40"):
        check_parts({**parts, "test": parts["validation"]}, {})
