"""Gratings against their Fourier transforms and CIELAB; sensitivity functions against their published peaks."""

import math

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from replication.features import csf
from replication.features.colour_tuning import colour_grating
from replication.features.gratings import oriented_grating, radial_grating


@pytest.mark.parametrize(("orientation", "row", "column"), [(0.0, 0, 8), (math.pi / 2, 8, 0), (math.atan2(6, 8), 6, 8)])
def test_a_grating_is_one_point_of_the_spectrum(orientation: float, row: int, column: int) -> None:
    # 64 pixels at 32 pixels per degree are two degrees: k cycles in the picture are k / 2 cycles per degree
    frequency = math.hypot(row, column) / 2
    grating = oriented_grating(frequency, orientation, size=64, contrast=0.8, mean=0.4, phase=0.3)
    spectrum = np.abs(np.fft.fft2(grating[0].double().numpy())) / 64**2
    assert spectrum[0, 0] == pytest.approx(0.4, abs=1e-6)
    assert spectrum[row, column] == pytest.approx(0.4 * 0.8 / 2, abs=1e-6)
    assert np.sort(spectrum.ravel())[-4] < 1e-6  # nothing but the mean and the point with its mirror image
    assert torch.equal(grating[0], grating[2])


def test_rings_have_their_frequency_in_every_direction() -> None:
    rings = radial_grating(4, size=129, pixels_per_degree=32, contrast=1, phase=0.0)[0].double().numpy()
    assert rings[64, 64] == 1
    for line in (rings[64, 64:], rings[64, 64::-1], rings[64:, 64]):
        np.testing.assert_allclose(line, 0.5 + 0.5 * np.cos(2 * np.pi * 4 * np.arange(65) / 32), atol=1e-6)
    np.testing.assert_allclose(
        np.diag(rings)[64:], 0.5 + 0.5 * np.cos(2 * np.pi * 4 * np.sqrt(2) * np.arange(65) / 32), atol=1e-6
    )


def test_opposite_phases_average_to_uniform_grey() -> None:
    for grating in (radial_grating, lambda f, **options: oriented_grating(f, 0.7, **options)):
        both = grating(5, phase=0.4) + grating(5, phase=0.4 + math.pi)
        torch.testing.assert_close(both / 2, torch.full((3, 224, 224), 0.5))


@pytest.mark.parametrize("axis", ["achromatic", "red-green", "yellow-blue"])
def test_colour_gratings_vary_along_one_axis_of_cielab_by_the_same_difference(axis: str) -> None:
    grating = colour_grating(axis, 0.125, 0.0, size=32, pixels_per_degree=1, amplitude=30)
    lab = rgb2lab(grating.permute(1, 2, 0).double().numpy()) - (60, 0, 0)
    along = ["achromatic", "red-green", "yellow-blue"].index(axis)
    steps = np.arange(32) - 15.5
    np.testing.assert_allclose(lab[0, :, along], 30 * np.cos(2 * np.pi * 0.125 * steps), atol=0.05)
    assert np.abs(np.delete(lab, along, axis=2)).max() < 0.05


def test_what_cannot_be_drawn_is_explained() -> None:
    with pytest.raises(ValueError, match="17 cycles per degree cannot be drawn at 32 pixels per degree: .* up to 16"):
        radial_grating(17)
    with pytest.raises(ValueError, match="contrast 0.9 around the grey value 0.6 leaves"):
        oriented_grating(4, 0, contrast=0.9, mean=0.6)
    with pytest.raises(ValueError, match="size and pixels per degree must be positive, got 0 and 32"):
        radial_grating(4, size=0)
    with pytest.raises(ValueError, match="axis must be one of achromatic, red-green, yellow-blue, got 'red'"):
        colour_grating("red", 4, 0)
    with pytest.raises(
        ValueError, match="yellow-blue grating of amplitude 90 around L. 60 leaves sRGB; lower the amplitude"
    ):
        colour_grating("yellow-blue", 4, 0, amplitude=90)


# Mannos and Sakrison: a peak of value 1 near 8; a f^c exp(-b f) peaks at c / b; Mitsa and Varkur: 1 up to 6.6.
@pytest.mark.parametrize(
    ("name", "frequency", "within", "value"),
    [
        ("mannos-sakrison", 8.0, 0.2, 1.0),
        ("movshon-kiorpes", 4.0, 0.01, 75 * 4**0.8 * math.exp(-0.8)),
        ("daly", 6.6, 0.03, 1),
    ],
)
def test_sensitivity_peaks_where_published(name: str, frequency: float, within: float, value: float) -> None:
    assert csf.peak(name) == pytest.approx(frequency, abs=within)
    assert csf.sensitivity(name, csf.peak(name)) == pytest.approx(value, rel=0.02)


def test_bartens_formula_is_as_printed() -> None:
    f, light, field = 3.0, 50.0, 12.0
    above = 5200 * math.exp(-0.0016 * f**2 * (1 + 100 / light) ** 0.08)
    below = (1 + 144 / field**2 + 0.64 * f**2) * (63 / light**0.83 + 1 / (1 - math.exp(-0.02 * f**2)))
    assert csf.barten(f, luminance=light, side=field) == pytest.approx(above / math.sqrt(below), rel=1e-12)
    assert csf.barten(0) == 0
    assert 2 < csf.peak("barten") < 5


def test_dalys_function_passes_everything_below_its_peak_and_joins_on() -> None:
    assert (csf.daly([0, 3, 6.6]) == 1).all()
    assert csf.daly(6.6 + 1e-9) == pytest.approx(1, abs=0.002)


def test_unknown_functions_and_frequencies_are_explained() -> None:
    with pytest.raises(ValueError, match="unknown contrast sensitivity function 'manos'; known: mannos-sakrison, mov"):
        csf.sensitivity("manos", 1)
    with pytest.raises(ValueError, match="frequencies must be finite and not negative"):
        csf.mannos_sakrison(-1)
