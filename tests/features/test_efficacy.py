"""Perceptual efficacy on networks whose answers are known in closed form."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from replication import features
from replication.features import Backbone
from replication.features.colour_tuning import colour_answers
from replication.features.csf import mannos_sakrison
from replication.features.efficacy import Choices, GratingProbe, mean_activations, scores
from replication.features.gratings import oriented_grating

QUICK: dict[str, Any] = {"size": 96, "frequencies": 16, "orientations": 12, "phases": 2}


def plain(image: Tensor) -> Tensor:
    return image


def network(kernels: Tensor, *, rectified: bool = True, bias: Tensor | None = None) -> Backbone:
    """One convolution of grey kernels (M, k, k), read as the mean of the three channels, without padding."""
    convolution = nn.Conv2d(3, len(kernels), kernels.shape[1], bias=bias is not None)
    convolution.weight.data = (kernels[:, None] / 3).expand(-1, 3, -1, -1).float().contiguous()
    if bias is not None and convolution.bias is not None:
        convolution.bias.data = bias.float()
    layers = [convolution, nn.ReLU()] if rectified else [convolution]
    return Backbone("filters", layers, {"out": (len(layers) - 1, len(kernels), kernels.shape[1])}, "max", "made here")


def gabor(cycles: float, orientation: float, sigma: float, side: int = 31) -> Tensor:
    """Cosine of `cycles` per pixel under a round Gaussian, of mean zero and answering 1 to its own grating."""
    y, x = torch.meshgrid(*[torch.arange(side, dtype=torch.float64) - side // 2] * 2, indexing="ij")
    window = torch.exp(-(x**2 + y**2) / (2 * sigma**2))
    wave = torch.cos(2 * math.pi * cycles * (x * math.cos(orientation) + y * math.sin(orientation)))
    kernel = window * (wave - (window * wave).sum() / window.sum())
    return kernel / (kernel * wave).sum()


def test_gabors_prefer_their_own_frequency() -> None:
    cycles = [2, 4, 6, 10]  # thirty-seconds of a cycle per pixel: places of the grid of 16
    found = features.perceptual_efficacy(
        network(torch.stack([gabor(k / 32, 0.3, 5) for k in cycles])), normalise=plain, **QUICK
    )["out"]
    np.testing.assert_allclose(found.preferred_frequency, cycles)  # at 32 pixels per degree, cycles per degree
    assert found.frequency_response.shape == (4, 16)
    assert found.frequency_response.dtype == np.float64


def test_gabors_prefer_their_own_orientation() -> None:
    angles = np.arange(12) * math.pi / 12
    kernels = torch.stack([gabor(0.25, angle, 4) for angle in angles])
    found = features.perceptual_efficacy(network(kernels), normalise=plain, orientation_frequency=8.0, **QUICK)["out"]
    np.testing.assert_allclose(found.preferred_orientation, angles)


def test_a_filter_that_is_narrower_in_orientation_has_the_larger_mu2() -> None:
    kernels = torch.stack([gabor(0.25, 0.0, sigma) for sigma in (1.0, 2.0, 5.0)])
    found = features.perceptual_efficacy(network(kernels), normalise=plain, orientation_frequency=8.0, **QUICK)["out"]
    np.testing.assert_allclose(found.orientation_response.max(axis=1), found.orientation_response[:, 0])
    assert found.mu2[0] < found.mu2[1] < found.mu2[2]


def test_a_linear_filter_answers_as_its_fourier_transform_says() -> None:
    kernel = torch.randn(7, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    size, f, angle, phase, contrast, mean = 70, 5.0, 0.6, 0.9, 0.7, 0.5
    backbone = network(kernel[None], rectified=False)
    grating = oriented_grating(f, angle, size=size, contrast=contrast, mean=mean, phase=phase)
    u, v = f / 32 * math.cos(angle), f / 32 * math.sin(angle)
    places = np.arange(7)
    transform = (kernel.numpy() * np.exp(2j * np.pi * (places[None] * u + places[:, None] * v))).sum()
    corner = np.arange(size - 6) - (size - 1) / 2
    wave = np.exp(1j * (2 * np.pi * (corner[None] * u + corner[:, None] * v) + phase))
    expected = mean * kernel.sum().item() + mean * contrast * (transform * wave).real.mean()
    found = mean_activations(backbone, iter([grating]), ["out"], normalise=plain)["out"]
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_rectified_filter_answers_with_its_gain_over_pi() -> None:
    """The mean of max(0, A cos) over a cycle is A / pi."""
    backbone = network(gabor(0.25, 0.0, 4)[None])
    found = features.perceptual_efficacy(
        backbone, normalise=plain, orientation_frequency=7.9, phases=8, contrast=0.5, size=128, frequencies=3
    )["out"]
    assert found.orientation_response[0, 0] == pytest.approx(0.25 / math.pi, rel=0.01)


def test_scores_are_the_papers_equations() -> None:
    f, t = np.array([2.0, 4.0, 6.0]), np.array([0.0, 1.0])
    by_f, by_t = np.array([[1.0, 3.0, 4.0], [0.0, 0.0, 2.0]]), np.array([[1.0, 4.0], [2.0, 2.5]])
    found = scores("tap", f, by_f, t, by_t)
    weights = mannos_sakrison(f)
    mu1 = [weights @ [1.0, 0.75, 0.5], weights @ [0.0, 0.5, 1.0]]
    np.testing.assert_allclose(found.mu1, mu1)
    np.testing.assert_allclose(found.mu2, [9.0, 0.25])
    np.testing.assert_allclose(found.pe, np.array(mu1) / sum(mu1) * np.array([9.0, 0.25]) / 9.25)


def test_scaling_a_whole_layer_changes_nothing_and_scaling_one_channel_counts_three_times() -> None:
    kernels = torch.stack([gabor(k / 32, 0.3, 3) for k in (3, 8, 12)])
    whole, thrice = (
        features.perceptual_efficacy(network(kernels * factor), normalise=plain, **QUICK)["out"] for factor in (1, 3)
    )
    np.testing.assert_allclose(thrice.pe, whole.pe, rtol=1e-4)
    np.testing.assert_allclose(thrice.mu1, 3 * whole.mu1, rtol=1e-4)
    np.testing.assert_allclose(thrice.mu2, 9 * whole.mu2, rtol=1e-4)
    assert whole.pe.sum() <= 1


def test_silent_and_constant_channels_score_zero_and_prefer_nothing() -> None:
    kernels = torch.stack([gabor(0.25, 0.0, 3), torch.zeros(31, 31), torch.zeros(31, 31)])
    bias = torch.tensor([0.0, 0.0, 2.0])
    found = features.perceptual_efficacy(network(kernels, bias=bias), normalise=plain, **QUICK)["out"]
    for score in (found.mu1, found.mu2, found.pe):
        assert score[0] > 0
        assert (score[1:] == 0).all()
    assert np.isnan(found.preferred_frequency[1:]).all()
    dead = features.perceptual_efficacy(network(kernels[1:]), normalise=plain, **QUICK)["out"]
    assert (dead.pe == 0).all()


def test_rounding_is_no_answer() -> None:
    f, t = np.arange(1.0, 9.0), np.arange(4.0)
    noise = 1 + 2e-7 * np.random.default_rng(0).random((2, 12))
    real = np.array([[1.0, 1.001, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]])
    found = scores("tap", f, np.vstack([noise[:, :8], real]), t, np.vstack([noise[:, 8:], real[:, :4]]))
    assert list(found.pe[:2]) == [0, 0]
    assert found.pe[2] == pytest.approx(1)
    np.testing.assert_array_equal(found.preferred_frequency, [np.nan, np.nan, 2])


def test_the_pixels_per_degree_only_name_the_frequencies() -> None:
    backbone = network(gabor(0.25, 0.0, 4)[None])
    near, far = (
        features.perceptual_efficacy(
            backbone, normalise=plain, pixels_per_degree=p, orientation_frequency=p / 4, **QUICK
        )
        for p in (32.0, 64.0)
    )
    np.testing.assert_allclose(far["out"].frequencies, 2 * near["out"].frequencies)
    np.testing.assert_allclose(far["out"].frequency_response, near["out"].frequency_response, atol=1e-6)
    np.testing.assert_allclose(far["out"].mu2, near["out"].mu2, rtol=1e-4)


def test_the_batch_changes_nothing_and_progress_counts_gratings() -> None:
    backbone = features.backbone("squeezenet1_1", weights="random")
    said: list[tuple[int, int]] = []
    options: dict[str, Any] = {"size": 48, "frequencies": 3, "orientations": 2, "phases": 2}
    one = features.perceptual_efficacy(backbone, ["fire3"], batch=1, **options)
    many = features.perceptual_efficacy(backbone, ["fire3"], batch=4, progress=lambda *x: said.append(x), **options)
    np.testing.assert_allclose(many["fire3"].pe, one["fire3"].pe, rtol=1e-3)
    assert said == [(4, 10), (8, 10), (10, 10)]


@pytest.mark.parametrize(
    ("other", "new"),
    [
        ({}, 0),
        ({"phases": 1}, 0),
        ({"phases": 4}, 2 * (4 + 2)),
        ({"frequencies": 8}, 2 * 4),
        ({"orientations": 4}, 2 * 2),
        ({"csf": "barten"}, 2 * 2),  # bars at the frequency of its peak
        ({"pixels_per_degree": 64.0}, 2 * 2),
        ({"pixels_per_degree": 24.0}, 2 * 2),
        ({"contrast": 0.25}, 2 * (4 + 2)),
        ({"mean": 0.4}, 2 * (4 + 2)),
        ({"size": 40}, 2 * (4 + 2)),
    ],
)
def test_a_probe_shows_only_gratings_that_it_has_not_shown_and_changes_no_score(
    other: dict[str, Any], new: int
) -> None:
    backbone = network(torch.stack([gabor(k / 32, 0.3, 3) for k in (3, 8)]))
    usual: dict[str, Any] = {"size": 48, "frequencies": 4, "orientations": 2, "phases": 2}
    probe = GratingProbe(backbone, normalise=plain)
    probe.efficacy(**usual)
    said: list[tuple[int, int]] = []
    found = probe.efficacy(progress=lambda *x: said.append(x), **usual | other)["out"]
    anew = features.perceptual_efficacy(backbone, normalise=plain, **usual | other)["out"]
    assert (said[-1] if said else (0, 0)) == (new, new)
    np.testing.assert_allclose(found.frequency_response, anew.frequency_response, rtol=1e-5)
    np.testing.assert_allclose(found.orientation_response, anew.orientation_response, rtol=1e-5)
    np.testing.assert_allclose(found.pe, anew.pe, rtol=1e-3)


def test_another_sensitivity_function_reweights_the_same_answers() -> None:
    backbone = network(torch.stack([gabor(k / 32, 0.3, 3) for k in (3, 8)]))
    found = features.perceptual_efficacy(backbone, normalise=plain, orientation_frequency=8.0, **QUICK)["out"]
    other = features.perceptual_efficacy(
        backbone, normalise=plain, orientation_frequency=8.0, csf="movshon-kiorpes", **QUICK
    )["out"]
    np.testing.assert_array_equal(found.with_csf("movshon-kiorpes").pe, other.pe)


def test_sets_are_the_percentiles_of_the_equations() -> None:
    pe = np.array([0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.8, 0.4, 0.6, 0.0])
    sets = features.channel_sets(pe, (10, 50))
    assert list(sets) == ["F", "H-10", "H-50", "L-10", "L-50"]
    assert {name: list(chosen) for name, chosen in sets.items()} == {
        "F": list(range(10)),
        "H-10": [2],  # the 90th percentile of 0, 0.1, ..., 0.9 is 0.81
        "H-50": [0, 2, 4, 6, 8],
        "L-10": [9],
        "L-50": [1, 3, 5, 7, 9],
    }


def test_channels_that_tie_with_the_percentile_are_all_in() -> None:
    pe = np.array([0.0] * 6 + [0.2, 0.3, 0.3, 0.3])
    sets = features.channel_sets(pe, (5, 25))
    assert list(sets["L-5"]) == list(sets["L-25"]) == [0, 1, 2, 3, 4, 5]
    assert list(sets["H-5"]) == [7, 8, 9]


def test_the_rounding_can_be_matlabs() -> None:
    pe = np.arange(64.0)  # prctile(0:63, 90) is 57.1
    assert features.channel_sets(pe, (10,))["H-10"].tolist() == list(range(57, 64))  # at 56.7
    assert features.channel_sets(pe, (10,), method="hazen")["H-10"].tolist() == list(range(58, 64))


def test_colour_and_luminance_filters_are_told_apart() -> None:
    convolution = nn.Conv2d(3, 3, 1, bias=False)
    # linear sums of pixel values: luminance, red against green, and one that answers nothing
    convolution.weight.data = torch.tensor([[0.30, 0.59, 0.11], [1.0, -1.0, 0.0], [0.0, 0.0, 0.0]])[:, :, None, None]
    backbone = Backbone("colours", [convolution, nn.ReLU()], {"out": (1, 3, 1)}, "max", "made here")
    share = colour_answers(backbone, normalise=plain, size=32, cycles_per_pixel=(1 / 16, 1 / 8))["out"]["share"]
    assert share[0] < 0.3
    assert share[1] > 0.9
    assert np.isnan(share[2])


def test_a_network_of_the_catalogue_is_scored_at_every_tap() -> None:
    backbone = features.backbone("alexnet", weights="random")
    found = features.perceptual_efficacy(backbone, size=96, frequencies=6, orientations=4, phases=2)
    assert {tap: len(each.pe) for tap, each in found.items()} == backbone.channels
    for each in found.values():
        assert np.isfinite(each.pe).all()
        assert 0 < each.pe.sum() <= 1


def test_unusable_choices_are_explained() -> None:
    backbone = features.backbone("squeezenet1_1", weights="random")
    with pytest.raises(ValueError, match="unknown choice contrst; known: pixels_per_degree, csf, frequencies"):
        features.perceptual_efficacy(backbone, contrst=0.2)
    with pytest.raises(ValueError, match="frequencies must be a whole number, at least 3, got 2"):
        Choices(frequencies=2)
    with pytest.raises(ValueError, match="7.89 cycles per degree cannot be drawn at 12 pixels per degree; raise"):
        Choices(pixels_per_degree=12)
    with pytest.raises(ValueError, match="contrast 1.5 around the grey value 0.5 leaves"):
        Choices(contrast=1.5)
    with pytest.raises(ValueError, match="unknown contrast sensitivity function 'none'"):
        Choices(csf="none")
    with pytest.raises(ValueError, match="squeezenet1_1 has no tap relu9"):
        features.perceptual_efficacy(backbone, ["relu9"])
    with pytest.raises(ValueError, match="an image of 8 x 8 is too small for fire4 of squeezenet1_1"):
        features.perceptual_efficacy(backbone, size=8)
    with pytest.raises(ValueError, match="the responses of out to gratings are not finite"):
        features.perceptual_efficacy(network(torch.full((1, 3, 3), math.inf)), **QUICK)
    with pytest.raises(ValueError, match=r"responses of tap must be \(channels, 3\) and \(channels, 2\)"):
        scores("tap", [1, 2, 3], np.zeros((2, 2)), [0, 1], np.zeros((2, 2)))
    with pytest.raises(ValueError, match="pe must be a row of finite scores"):
        features.channel_sets([0.1, math.nan])
    with pytest.raises(ValueError, match="percentages must lie between 0 and 100, got 0, 120"):
        features.channel_sets([0.1, 0.2], (0, 10, 120))
