"""Reconstructions by loss and seed: scores beside other libraries', bands, and rankings by observers."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from replication.metrics.bands import band_agreement
from replication.scoring.reconstructions import Border, detail, observer_rankings, quality

NAMES = ["set/a@0,0", "set/a@96,0", "set/b@0,0"]


@pytest.fixture(scope="module")
def originals() -> torch.Tensor:
    return torch.rand(3, 1, 96, 96, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def made(originals: torch.Tensor) -> dict[tuple[str, int], torch.Tensor]:
    noise = torch.randn(3, 1, 96, 96, generator=torch.Generator().manual_seed(1))
    return {
        (loss, seed): (originals + strength * (1 + seed) * noise).clamp(0, 1)
        for loss, strength in {"near": 0.02, "far": 0.1}.items()
        for seed in (0, 1)
    }


def test_scores_are_those_of_scikit_image(originals: torch.Tensor, made: dict[tuple[str, int], torch.Tensor]) -> None:
    table = quality(originals, made, NAMES, {"levels": 4}).set_index(["loss", "seed", "image", "metric"])["score"]
    assert len(table) == 4 * 3 * 6
    for key, images in made.items():
        for name, x, y in zip(NAMES, originals[:, 0].double().numpy(), images[:, 0].double().numpy(), strict=True):
            options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
            # its mean leaves out a border of (11 - 1) / 2 pixels: the same windows
            assert table[(*key, name, "SSIM")] == pytest.approx(structural_similarity(x, y, **options), abs=1e-5)
            assert table[(*key, name, "PSNR")] == pytest.approx(peak_signal_noise_ratio(x, y, data_range=1), abs=1e-4)
            assert table[(*key, name, "MSE")] == pytest.approx(np.mean((x - y) ** 2), rel=1e-4)
    assert table.loc["near", 0, NAMES[0], "MS-SSIM"] > table.loc["far", 0, NAMES[0], "MS-SSIM"]


@pytest.mark.parametrize("border", ["mirror", "window", "jump"])
def test_every_band_of_every_image_has_its_row(
    originals: torch.Tensor, made: dict[tuple[str, int], torch.Tensor], border: Border
) -> None:
    edges = [0.05, 0.1, 0.3]
    table = detail(originals, made, NAMES, edges, border=border)
    assert len(table) == 4 * 3 * 2
    side = originals.shape[-1] if border == "mirror" else 0  # as far as padding by mirroring goes beyond the border
    x, y = (
        torch.from_numpy(np.pad(image.numpy(), [(0, 0), (0, 0), (0, side), (0, side)], mode="symmetric"))
        for image in (originals, made["far", 1])
    )
    expected = band_agreement(x, y, edges, taper=border == "window")
    rows = table.query("loss == 'far' and seed == 1").set_index(["image", "band_low"])
    for image, name in enumerate(NAMES):
        for band, low in enumerate(edges[:-1]):
            row = rows.loc[name, low]
            assert row["band_high"] == edges[band + 1]
            assert row["correlation"] == pytest.approx(expected.correlation[image, band].item())
            assert 10 ** (row["decibels"] / 10) == pytest.approx(expected.power[image, band].item())


def test_observers_rank_each_seed_and_absent_ones_say_why(
    originals: torch.Tensor, made: dict[tuple[str, int], torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {key: images[..., :48, :48] for key, images in made.items()}
    observers = {"gmsd": {}, "vif": {}, "lpips-squeeze": {"weights": "random"}}
    found = observer_rankings(originals[..., :48, :48], small, observers)
    assert list(found.rankings) == list(found.protocols) == ["gmsd", "lpips-squeeze (weights=random)"]
    assert "weights: random, seed 0" in found.protocols["lpips-squeeze (weights=random)"]
    assert list(found.absent) == ["vif"]
    assert "too small for VIF" in found.absent["vif"]
    for rankings in found.rankings["gmsd"].values():
        assert rankings.tolist() == [[0, 1]] * 3
    monkeypatch.setenv("REPLICATION_DATA", "/nonexistent")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: "/nonexistent")
    assert "VGG16" in observer_rankings(originals, made, {"dists": {}}).absent["dists"]


def test_images_that_do_not_belong_together_are_refused(originals: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="near: reconstructions are .* must belong together"):
        quality(originals, {("near", 0): originals[:2]}, NAMES)
    with pytest.raises(ValueError, match="there are 1 names"):
        detail(originals, {("near", 0): originals}, NAMES[:1], [0.1, 0.2])
