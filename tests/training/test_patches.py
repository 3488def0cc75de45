"""Patches are aligned, drawn from everywhere, and depend on nothing but seed and step."""

import numpy as np
import pytest
import torch

from replication.training.patches import PatchBank


def coded(height: int, width: int, offset: int = 0) -> np.ndarray:
    """An image in which every pixel tells its place."""
    return ((np.arange(height)[:, None] * 13 + np.arange(width) * 7 + offset) % 256).astype(np.uint8)


def test_input_and_target_patches_show_the_same_place_in_the_same_orientation() -> None:
    image = coded(40, 30)
    bank = PatchBank({"a": (image, image), "b": (coded(25, 50, 3), coded(25, 50, 3))}, patch=12, margin=5)
    inputs, targets = bank.batch(64, seed=1, step=0)
    assert inputs.shape == (64, 1, 22, 22)
    assert targets.shape == (64, 1, 12, 12)
    torch.testing.assert_close(inputs[..., 5:-5, 5:-5], targets, rtol=0, atol=0)


def test_every_patch_is_one_of_the_eight_views_of_a_place_in_the_image() -> None:
    image = np.random.default_rng(0).integers(256, size=(9, 8), dtype=np.uint8)
    bank = PatchBank({"a": (image, image)}, patch=7)
    places = [image[y : y + 7, x : x + 7] for y in range(3) for x in range(2)]
    views = [np.rot90(view, k) for place in places for view in (place, place.T) for k in range(4)]
    expected = {view.tobytes() for view in views}
    _, targets = bank.batch(2000, seed=0, step=0)
    seen = {(target[0].numpy() * 255).round().astype(np.uint8).tobytes() for target in targets}
    assert bank.positions == 6
    assert seen == expected  # each of the 48 and nothing else


def test_large_images_are_drawn_in_proportion_to_their_positions() -> None:
    dark, bright = np.zeros((20, 20), np.uint8), np.full((20, 101), 255, np.uint8)
    bank = PatchBank({"dark": (dark, dark), "bright": (bright, bright)}, patch=20)
    _, targets = bank.batch(4000, seed=0, step=0)
    # 1 position against 82; the count of the rare one is binomial with mean 48 and standard deviation 6.9
    assert 20 < int((targets[:, 0, 0, 0] == 0).sum()) < 76


def test_outside_the_image_the_border_is_repeated() -> None:
    image = coded(8, 8)
    bank = PatchBank({"a": (image, image)}, patch=8, margin=2)
    inputs, targets = bank.batch(4, seed=0, step=0)
    expected = torch.nn.functional.pad(targets, (2, 2, 2, 2), mode="replicate")
    torch.testing.assert_close(inputs, expected, rtol=0, atol=0)


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    image = np.random.default_rng(0).integers(256, size=(60, 60), dtype=np.uint8)
    bank = PatchBank({"a": (image, image)}, patch=8)
    first = bank.batch(16, seed=3, step=5)[1]
    bank.batch(16, seed=3, step=6)
    assert torch.equal(first, bank.batch(16, seed=3, step=5)[1])
    assert not torch.equal(first, bank.batch(16, seed=3, step=6)[1])
    assert not torch.equal(first, bank.batch(16, seed=4, step=5)[1])


def test_an_image_smaller_than_the_patch_is_named() -> None:
    small, large = coded(20, 31), coded(40, 40)
    with pytest.raises(ValueError, match=r"tiny: 31x20 pixels is smaller than the 32x32 patch"):
        PatchBank({"large": (large, large), "tiny": (small, small)}, patch=32)


def test_images_of_a_pair_must_have_one_size() -> None:
    with pytest.raises(ValueError, match=r"odd: input and target must be grey images of one size"):
        PatchBank({"odd": (coded(20, 20), coded(20, 21))}, patch=8)


def test_no_images_is_an_error() -> None:
    with pytest.raises(ValueError, match="no images"):
        PatchBank({}, patch=8)
