"""Bands of spatial frequency, on filters whose transfer function is known and beside filtering by hand."""

import itertools

import numpy as np
import pytest
import torch
from scipy import ndimage, signal

from replication.metrics.bands import band_agreement, band_pass

EDGES = (0.05, 0.1, 0.2, 0.3, 0.5)


def noise(count: int = 2, side: int = 64, seed: int = 0) -> torch.Tensor:
    return 0.1 + 0.8 * torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(seed))


def blurred(image: torch.Tensor, deviation: float, mode: str = "wrap") -> torch.Tensor:
    return torch.from_numpy(
        np.stack(
            [ndimage.gaussian_filter(x[0].double().numpy(), deviation, mode=mode, truncate=8)[None] for x in image]
        )
    )


def test_a_blur_lowers_the_power_by_its_transfer_function_and_leaves_the_correlation() -> None:
    image = noise(1, 128).double()
    narrow = [(0.05, 0.07), (0.1, 0.12), (0.2, 0.21)]
    for low, high in narrow:
        found = band_agreement(image, blurred(image, 1.0), (low, high), taper=False)
        transfer = np.exp(-4 * np.pi**2 * np.array([low, high]) ** 2)  # |H|^2 of a Gaussian of deviation 1
        assert transfer[1] < found.power.item() < transfer[0]
        assert found.correlation.item() > 0.995  # H varies a little within the band


def test_a_taper_changes_little_where_nothing_jumps_at_the_border() -> None:
    image = noise(4, 128)
    plain, tapered = (band_agreement(image, blurred(image, 1.0).float(), EDGES, taper=t) for t in (False, True))
    torch.testing.assert_close(tapered.power[:, :3], plain.power[:, :3], rtol=0.1, atol=0)
    torch.testing.assert_close(tapered.correlation[:, :3], plain.correlation[:, :3], rtol=0.05, atol=0)


def test_the_jump_between_opposite_borders_is_no_detail_under_a_taper() -> None:
    """A ramp has no detail of its own; added to one image, it fills every band with the jump between its ends."""
    image = 0.5 * noise(1, 96)
    ramp = 0.5 * torch.linspace(0, 1, 96).expand_as(image)
    plain, tapered = (band_agreement(image, image + ramp, EDGES, taper=t).correlation for t in (False, True))
    assert (tapered > 0.998).all()
    assert (plain < tapered).all()


def test_the_correlation_is_that_of_the_filtered_images() -> None:
    first, second = noise(seed=1).double(), (0.5 * noise(seed=1) + 0.5 * noise(seed=2)).double()
    found = band_agreement(first, second, EDGES, taper=False).correlation
    for band, (low, high) in enumerate(itertools.pairwise(EDGES)):
        for image in range(2):
            a, b = (band_pass(x, low, high)[image].numpy().ravel() for x in (first, second))
            assert found[image, band].item() == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-9)


def test_power_under_a_taper_is_that_of_scipys_tapered_periodogram() -> None:
    first, second = noise(1, 48, seed=1).double(), noise(1, 48, seed=2).double() ** 2
    window = np.outer(signal.windows.hann(48, sym=False), signal.windows.hann(48, sym=False))
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(48), np.fft.fftfreq(48)))
    spectra = [
        np.abs(np.fft.fft2(window * (x - np.average(x, weights=window)))) ** 2
        for x in (first[0, 0].numpy(), second[0, 0].numpy())
    ]
    found = band_agreement(first, second, EDGES)
    for band, (low, high) in enumerate(itertools.pairwise(EDGES)):
        inside = (frequency >= low) & (frequency < high)
        assert found.power[0, band].item() == pytest.approx(spectra[1][inside].sum() / spectra[0][inside].sum())


def test_added_noise_raises_the_power_and_lowers_the_correlation() -> None:
    """Independent noise of the same spectrum and power r: power 1 + r, correlation 1 / sqrt(1 + r)."""
    image, other = 0.5 * noise(1, 256), noise(1, 256, seed=9)
    found = band_agreement(image, image + 0.3 * (other - 0.1), EDGES)
    ratio = (0.3 / 0.5) ** 2
    torch.testing.assert_close(
        found.power, torch.full((1, 4), 1 + ratio).double(), rtol=0.1, atol=0
    )  # some hundred frequencies in the first band
    torch.testing.assert_close(found.correlation, torch.full((1, 4), (1 + ratio) ** -0.5).double(), rtol=0.03, atol=0)


def test_an_image_does_not_depend_on_its_batch_and_the_range_is_only_a_unit() -> None:
    first, second = noise(3, seed=1), noise(3, seed=2)
    together = band_agreement(first, second, EDGES)
    alone = band_agreement(255 * first[1:2], 255 * second[1:2], EDGES, data_range=255)
    torch.testing.assert_close(together.power[1:2], alone.power, rtol=1e-5, atol=0)
    torch.testing.assert_close(together.correlation[1:2], alone.correlation, rtol=1e-5, atol=1e-7)


def test_empty_bands_are_undefined_not_perfect() -> None:
    flat, image = torch.full((1, 1, 64, 64), 0.3), noise(1)
    nothing = band_agreement(flat, image, EDGES)
    assert nothing.power.isnan().all()
    assert nothing.correlation.isnan().all()
    lost = band_agreement(image, flat, EDGES)
    assert (lost.power < 1e-9).all()
    assert lost.correlation.isnan().all()


def test_bands_that_cannot_be_are_refused() -> None:
    image = noise(1, 16)
    for edges in ((0.1,), (0.0, 0.2), (0.3, 0.2), (0.2, 0.6)):
        with pytest.raises(ValueError, match="must rise from above 0 to at most"):
            band_agreement(image, image, edges)
    with pytest.raises(ValueError, match=r"16 x 16 has no frequency from 0.01 to 0.05 cycles per pixel"):
        band_agreement(image, image, (0.01, 0.05, 0.5))
