"""Pictures from channels: what a network of known filters can and cannot give back."""

import math

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor, nn

from replication import features
from replication.evaluation.appearance import chroma_share, spectral_centroid
from replication.features import Backbone
from replication.features.inversion import InversionError, invert, variation


def plain(image: Tensor) -> Tensor:
    return image


def pointwise(*rows: tuple[float, float, float]) -> Backbone:
    convolution = nn.Conv2d(3, len(rows), 1, bias=False)
    convolution.weight.data = torch.tensor(rows)[:, :, None, None]
    return Backbone("pointwise", [convolution], {"out": (0, len(rows), 1)}, "max", "made here")


@pytest.fixture(scope="module")
def photo() -> Tensor:
    pixels = data.astronaut()[20:148:2, 180:308:2]
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255


def test_an_invertible_layer_gives_the_picture_back(photo: Tensor) -> None:
    backbone = pointwise((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.2, 0.0, 1.0))
    found = invert(backbone, "out", photo, total_variation=0, steps=200, normalise=plain)
    assert (found.image - photo).abs().mean() < 0.01
    assert found.error < 1e-3


def test_a_channel_of_luminance_gives_a_grey_picture_and_one_of_colour_no_lightness(photo: Tensor) -> None:
    backbone = pointwise((1 / 3, 1 / 3, 1 / 3), (1.0, -1.0, 0.0))
    grey, colour = (
        invert(backbone, "out", photo, [channel], total_variation=0, steps=100, normalise=plain).image
        for channel in (0, 1)
    )
    torch.testing.assert_close(grey.mean(dim=0), photo.mean(dim=0), atol=0.02, rtol=0)
    torch.testing.assert_close(colour[0] - colour[1], photo[0] - photo[1], atol=0.02, rtol=0)
    assert chroma_share(grey.permute(1, 2, 0).double().numpy()) < 0.01
    assert chroma_share(colour.permute(1, 2, 0).double().numpy()) > 0.6


def test_variation_is_the_mean_of_squared_differences() -> None:
    image = torch.tensor([[0.0, 1.0], [0.0, 3.0]]).expand(1, 3, 2, 2)
    assert variation(image).item() == pytest.approx((1 + 9 + 0 + 4) / 4)
    assert variation(torch.full((1, 3, 5, 5), 0.3)) == 0


def test_more_weight_on_variation_gives_a_smoother_picture(photo: Tensor) -> None:
    backbone = features.backbone("squeezenet1_1", weights="random")
    rough, smooth = (
        invert(backbone, "relu1", photo, total_variation=weight, steps=40).image for weight in (0.1, 1000.0)
    )
    assert variation(smooth[None]) < variation(rough[None]) / 2


def test_the_same_arguments_give_the_same_picture_and_progress_counts_steps(photo: Tensor) -> None:
    backbone = features.backbone("squeezenet1_1", weights="random")
    said: list[tuple[int, int]] = []
    first = invert(backbone, "fire2", photo, [3, 5, 8], steps=5, seed=4, progress=lambda *x: said.append(x))
    torch.manual_seed(9)
    again = invert(backbone, "fire2", photo, [3, 5, 8], steps=5, seed=4)
    other = invert(backbone, "fire2", photo, [3, 5, 8], steps=5, seed=5)
    assert torch.equal(first.image, again.image)
    assert first.losses == again.losses
    assert not torch.equal(first.image, other.image)
    assert said == [(k, 5) for k in range(1, 6)]
    assert first.image.min() >= 0
    assert first.image.max() <= 1


def test_a_search_that_gains_nothing_more_stops_early(photo: Tensor) -> None:
    found = invert(pointwise((1.0, 1.0, 1.0)), "out", photo, steps=400, patience=10, tolerance=0.01, normalise=plain)
    assert found.converged
    assert len(found.losses) < 300
    assert not invert(pointwise((1.0, 1.0, 1.0)), "out", photo, steps=3, normalise=plain).converged


def test_what_cannot_be_inverted_is_explained(photo: Tensor) -> None:
    backbone = pointwise((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    with pytest.raises(InversionError, match="the 1 channels of out are silent on this picture"):
        invert(backbone, "out", photo, [1], normalise=plain)
    with pytest.raises(InversionError, match="the loss became nan at step 1; lower the rate"):
        invert(pointwise((math.inf, 1.0, 1.0)), "out", photo, normalise=plain)
    with pytest.raises(ValueError, match="pointwise has no tap relu1; it has out"):
        invert(backbone, "relu1", photo)
    with pytest.raises(ValueError, match="channels of out must be some of 0 to 1, got \\[2\\]"):
        invert(backbone, "out", photo, [0, 2])
    with pytest.raises(ValueError, match="channels of out must be some of 0 to 1, got none"):
        invert(backbone, "out", photo, [])
    with pytest.raises(ValueError, match="picture must be finite and in"):
        invert(backbone, "out", photo * 2)
    with pytest.raises(ValueError, match="picture must be floating-point"):
        invert(backbone, "out", photo[None])
    with pytest.raises(ValueError, match="steps and patience must be at least 1"):
        invert(backbone, "out", photo, steps=0)
    assert np.isfinite(spectral_centroid(photo.permute(1, 2, 0).double().numpy()))
