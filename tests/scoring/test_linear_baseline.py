"""Principal components as the least an autoencoder must reach, beside scikit-learn's; errors by region."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA

from replication.datasets.stacks import Stack
from replication.scoring.linear_baseline import linear_errors, linear_reconstructions, mean_errors
from replication.scoring.regions import border_error, interior_error


def stack(count: int, seed: int) -> Stack:
    """Smooth noise: a few directions carry most of the variance."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(count, 3, 24, 24)).cumsum(2).cumsum(3)
    pixels = (128 + 4 * noise).clip(40, 215).astype(np.uint8)
    return Stack("noise", tuple(f"{seed} {i}" for i in range(count)), pixels, {})


@pytest.mark.parametrize("components", [4, 20])
def test_reconstructions_are_those_of_scikit_learn(components: int) -> None:
    training, images = stack(120, 0), stack(30, 1)
    flat = [part.pixels.reshape(len(part), -1) / 255 for part in (training, images)]
    full = PCA(components, svd_solver="full").fit(flat[0])
    expected = full.inverse_transform(full.transform(flat[1])).clip(0, 1).reshape(images.pixels.shape)
    found = linear_reconstructions(training, images, components).numpy()
    exact, ours = (np.mean((out - images.pixels / 255) ** 2) for out in (expected, found))
    assert ours == pytest.approx(exact, rel=1e-3)
    assert np.array_equal(found, linear_reconstructions(training, images, components).numpy())


def test_as_many_components_as_images_reproduce_them() -> None:
    training = stack(10, 0)
    assert linear_errors(training, training, 64)["mse"][0] < 1e-8
    with pytest.raises(ValueError, match="at least 1 component, got 0"):
        linear_reconstructions(training, training, 0)


def test_a_row_of_errors_is_the_same_each_time() -> None:
    training, images = stack(40, 0), stack(10, 1)
    first = linear_errors(training, images, 5)
    assert first.columns.tolist() == ["components", "ssim", "mse", "mse_interior", "mse_border"]
    pd.testing.assert_frame_equal(linear_errors(training, images, 5), first, check_exact=True)
    assert linear_errors(training, images, 6)["mse"][0] < first["mse"][0]


def test_interior_and_border_make_up_the_whole() -> None:
    x, y = torch.rand(2, 3, 2, 20, 26, dtype=torch.float64)
    inside, pixels = 10 * 16, 20 * 26
    whole = (x - y).square().mean((1, 2, 3))
    parts = (inside * interior_error(x, y) + (pixels - inside) * border_error(x, y)) / pixels
    torch.testing.assert_close(parts, whole)
    framed = x.clone()
    framed[..., 5:-5, 5:-5] = y[..., 5:-5, 5:-5]
    assert interior_error(framed, y).max() == 0
    torch.testing.assert_close(border_error(framed, y), border_error(x, y))


def test_mean_errors_of_a_perfect_reconstruction() -> None:
    images = stack(3, 0)
    found = mean_errors(images, torch.from_numpy(images.pixels).float() / 255)
    assert found == pytest.approx({"ssim": 1.0, "mse": 0.0, "mse_interior": 0.0, "mse_border": 0.0})
