"""Frequency and colour of pictures against pictures that are made of one of each."""

import math

import numpy as np
import pytest
from skimage.color import lab2rgb

from replication.evaluation.appearance import chroma_share, lab_contrast, spectral_centroid


def lab_picture(axis: int, cycles: float, amplitude: float, side: int = 96) -> np.ndarray:
    lab = np.full((side, side, 3), (60.0, 0.0, 0.0))
    lab[..., axis] += amplitude * np.cos(2 * np.pi * cycles * np.arange(side))
    return np.clip(lab2rgb(lab), 0, 1)


@pytest.mark.parametrize("cycles", [1 / 16, 1 / 8, 1 / 4])
def test_the_centroid_of_a_grating_is_its_frequency(cycles: float) -> None:
    picture = lab_picture(0, cycles, 20)
    assert spectral_centroid(picture) == pytest.approx(cycles * 32, rel=0.05)
    assert spectral_centroid(picture, pixels_per_degree=64) == pytest.approx(cycles * 64, rel=0.05)


def test_the_centroid_of_white_noise_is_two_thirds_of_nyquist() -> None:
    noise = 0.5 + 0.02 * np.random.default_rng(0).standard_normal((128, 128, 1))
    assert spectral_centroid(np.repeat(noise, 3, axis=2)) == pytest.approx(2 / 3 * 16, rel=0.02)


def test_contrast_is_split_into_lightness_and_colour() -> None:
    root_half = math.sqrt(0.5)
    assert lab_contrast(lab_picture(0, 1 / 8, 20)) == pytest.approx((20 * root_half, 0), abs=0.05)
    assert lab_contrast(lab_picture(1, 1 / 8, 20)) == pytest.approx((0, 20 * root_half), abs=0.05)
    assert lab_contrast(lab_picture(2, 1 / 8, 20)) == pytest.approx((0, 20 * root_half), abs=0.05)
    assert chroma_share(lab_picture(0, 1 / 8, 20)) == pytest.approx(0, abs=0.005)
    assert chroma_share(lab_picture(2, 1 / 8, 20)) == pytest.approx(1, abs=0.005)


def test_a_picture_without_contrast_has_neither() -> None:
    flat = np.full((32, 32, 3), 0.4)
    assert math.isnan(spectral_centroid(flat))
    assert math.isnan(chroma_share(flat))


def test_wrong_pictures_are_explained() -> None:
    with pytest.raises(ValueError, match=r"a picture must be \(H, W, 3\) .* got \(32, 32\)"):
        spectral_centroid(np.zeros((32, 32)))
    with pytest.raises(ValueError, match="finite and in"):
        chroma_share(np.full((32, 32, 3), 1.5))
