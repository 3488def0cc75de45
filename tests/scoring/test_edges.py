"""Edges read out of representations: maps against scikit-image's filters, errors against known shares of variance."""

import numpy as np
import pytest
import torch
from skimage.filters import gabor_kernel, sobel_h, sobel_v

from replication.datasets.stacks import Stack
from replication.evaluation.readout import read_out
from replication.scoring.edges import GABOR, GRADIENTS, edge_errors, edge_maps
from replication.scoring.representations import Protocol, Representation


def images(count: int = 6) -> torch.Tensor:
    return torch.rand(count, 1, 48, 48, generator=torch.Generator().manual_seed(0))


def test_gradients_are_sobels() -> None:
    image = images(1)
    found = edge_maps(image)[GRADIENTS].reshape(12, 12)
    pixels = image[0, 0].double().numpy()
    # scikit-image's taps are 1/4 of (1, 2, 1) and (1, 0, -1); ours halve the latter
    length = np.hypot(sobel_h(pixels), sobel_v(pixels)) / 2
    expected = length.reshape(12, 4, 12, 4).mean((1, 3))
    np.testing.assert_allclose(found[1:-1, 1:-1], expected[1:-1, 1:-1], rtol=1e-4)


def test_gabor_energy_is_that_of_scikit_images_kernel_at_a_grating_and_zero_on_a_constant() -> None:
    at = torch.arange(48.0)
    grating = (0.5 + 0.4 * torch.cos(2 * np.pi * 0.25 * at)).expand(48, 48)[None, None]
    found = edge_maps(torch.cat([grating, grating.mT, torch.full_like(grating, 0.7)]))[GABOR].reshape(3, 2, 4, 12, 12)
    kernel = gabor_kernel(0.25, sigma_x=2, sigma_y=2, n_stds=3)
    kernel = kernel / np.abs(kernel).sum()
    expected = abs(
        np.sum(kernel * 0.4 * np.cos(2 * np.pi * 0.25 * (np.arange(kernel.shape[1]) - kernel.shape[1] // 2)))
    )
    assert found[0, 0, 0, 5, 5] == pytest.approx(expected, rel=0.02)
    assert found[1, 0, 2, 5, 5] == pytest.approx(expected, rel=0.02)
    assert found[0, 0, 2].max() < 0.02 * expected
    assert np.abs(found[2]).max() < 1e-6


def test_what_a_code_holds_is_read_out_and_the_rest_is_not() -> None:
    rng = np.random.default_rng(0)
    code, noise = rng.normal(size=(2, 400, 3))
    targets = np.concatenate([code @ rng.normal(size=(3, 3)), noise], axis=1)
    groups = np.arange(400) % 40
    share = noise.var(0).sum() / targets.var(0).sum()
    assert read_out(code, targets, groups).mean() == pytest.approx(share, rel=0.03)
    assert read_out(rng.normal(size=(400, 3)), targets, groups).mean() == pytest.approx(1, rel=0.05)
    with pytest.raises(ValueError, match="the same for all items"):
        read_out(code, np.ones((400, 2)), groups)


def test_groups_are_not_split() -> None:
    """A code that names the group tells nothing of a group that was never fitted."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(10), 20)
    targets = rng.normal(size=(10, 4))[groups]
    code = np.eye(10)[groups]
    assert read_out(code, targets, groups).mean() > 0.95
    assert read_out(code, targets, np.arange(200)).mean() < 0.05


def test_a_representation_of_the_edges_themselves_has_no_error() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60, 1, 48, 48), dtype=np.uint8)
    stack = Stack("noise", tuple(map(str, range(60))), pixels, {})
    maps = edge_maps(torch.from_numpy(pixels).float() / 255)
    held = [Representation("edges", 0, maps[GRADIENTS][:, :20]), Representation("folds", 0, maps[GABOR], pca=4)]
    table = edge_errors(stack, held, np.arange(60), Protocol(near=None, folds=5))
    assert set(table["method"]) == {"edges"}
    assert len(table) == 120
    means = table.groupby("target")["error"].mean()
    assert means[GRADIENTS] < means[GABOR]
    assert means[GABOR] == pytest.approx(100, abs=15)
