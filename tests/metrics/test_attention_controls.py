"""Controls of where attention lies: same level, other places; values worked out by hand or with NumPy."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from replication import metrics
from replication.metrics.attended_scores import PatchAttention, with_attention_of
from replication.metrics.attention_controls import Attended, guides, placed
from replication.metrics.saliency import spectral_residual
from tests.metrics.photos import photo_pair

OWN = [torch.tensor([[[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]]), torch.tensor([[[0.2, 0.8]]])]
CONTROLS = ("level", "shuffled", "turned", "inverted", "variance", "saliency", "other")
GUIDE = [torch.tensor([[[0.0, 0.0, 0.0], [0.0, 6.0, 3.0]]]), torch.tensor([[[1.0, 3.0]]])]
SMALL = {"backbone": "squeezenet1_1", "taps": ["relu1", "fire3"], "weights": "random"}


def flat(maps: list[Tensor]) -> list[list[float]]:
    return [each.flatten().tolist() for each in maps]


@pytest.mark.parametrize("weighting", CONTROLS)
def test_a_control_keeps_the_mean_of_attention_at_each_tap(weighting: str) -> None:
    for a, b in zip(OWN, placed(weighting, OWN, GUIDE), strict=True):
        assert b.shape == a.shape
        assert b.mean().item() == pytest.approx(a.mean().item(), rel=1e-6)  # float32


@pytest.mark.parametrize("weighting", CONTROLS)
def test_constant_attention_and_a_constant_guide_leave_every_control_constant(weighting: str) -> None:
    own = [torch.full((2, 3, 4), 0.25)]
    assert placed(weighting, own, [torch.full((1, 3, 4), 7.0)])[0].flatten().tolist() == pytest.approx([0.25] * 24)


def test_controls_have_the_values_that_their_definitions_give() -> None:
    assert flat(placed("turned", OWN, None)) == [
        pytest.approx([0.6, 0.5, 0.4, 0.3, 0.2, 0.1]),
        pytest.approx([0.8, 0.2]),
    ]
    # 1 - A has the mean .65 and .5, A has .35 and .5
    inverted = [[(1 - a) * 0.35 / 0.65 for a in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)], [0.8, 0.2]]
    assert flat(placed("inverted", OWN, None)) == [pytest.approx(each) for each in inverted]
    # means of the guides: 1.5 and 2
    guided = [[0, 0, 0, 0, 6 * 0.35 / 1.5, 3 * 0.35 / 1.5], [0.25, 0.75]]
    assert flat(placed("variance", OWN, GUIDE)) == [pytest.approx(each) for each in guided]


def test_shuffling_permutes_alike_in_every_image_and_by_the_seed() -> None:
    own = [torch.rand(2, 5, 6, generator=torch.Generator().manual_seed(1))]
    first, again, other = (placed("shuffled", own, None, seed)[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first.flatten(1).sort().values, own[0].flatten(1).sort().values)
    assert torch.equal(placed("shuffled", [own[0][1:]], None)[0], first[1:])


def test_an_empty_guide_is_the_level_and_a_guide_of_another_size_is_averaged() -> None:
    assert flat(placed("other", OWN[1:], [torch.zeros(1, 1, 2)])) == [pytest.approx([0.5, 0.5])]
    guide = torch.tensor([[[1.0, 3.0, 2.0, 10.0], [1.0, 3.0, 2.0, 10.0]]])  # halves of mean 2 and 6
    assert flat(placed("other", OWN[1:], [guide])) == [pytest.approx([0.25, 0.75])]


def test_the_variance_guide_is_the_variance_of_the_pixels_under_a_patch() -> None:
    image = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    grey = (image[0] * torch.tensor([0.298936, 0.587043, 0.114021])[:, None, None]).sum(0).double().numpy()
    found = guides("variance", image, [torch.zeros(1, 5, 8, 12)], 4, 4)[0][0]  # a patch is 8 x 8 pixels of the image
    for row in range(2):
        for column in range(3):
            block = grey[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            assert found[row, column].item() == pytest.approx(block.var(), rel=1e-4)


def test_the_spectral_residual_is_that_of_the_definition() -> None:
    grey = np.random.default_rng(0).random((64, 80)).astype(np.float32)
    spectrum = np.fft.fft2(grey.astype(np.float64))
    logarithm = np.log(np.abs(spectrum))
    residual = logarithm - ndimage.uniform_filter(logarithm, 3, mode="wrap")
    response = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    expected = ndimage.gaussian_filter(response, 2.5, mode="mirror", radius=5)
    image = torch.from_numpy(grey).expand(1, 3, -1, -1)
    # The grey values differ in the last digits of float32, and the logarithm magnifies it where the spectrum is small.
    np.testing.assert_allclose(spectral_residual(image)[0].numpy(), expected, rtol=5e-3)


def test_what_stands_out_of_a_texture_is_salient() -> None:
    image = 0.1 * torch.rand(1, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    image[:, :, 32:48, 80:96] += 0.8
    peak = spectral_residual(image.expand(-1, 3, -1, -1))[0].flatten().argmax().item()
    assert 14 <= peak // 64 <= 25
    assert 38 <= peak % 64 <= 49


def weights_of(weighting: str, attention: Tensor) -> Tensor:
    """The weights that a metric takes where the attention of its only tap is known."""

    class Known(PatchAttention):
        def _attention(self, reference: object, distorted: object) -> list[Tensor]:
            return [attention]

    where = Known(("tap",), (None,), 2, 2, 0.6, 10.0, weighting, 0)
    maps = Attended((torch.zeros(1, 3, 4, 4),))
    return where.between(maps, maps)[0]


def test_an_error_in_a_patch_counts_as_much_as_the_weight_of_that_patch() -> None:
    attention = torch.tensor([[[0.1, 0.3], [0.5, 0.7]]])
    error = torch.tensor([[[9.0, 0.0], [0.0, 0.0]]])
    expected = {"local": 0.1, "turned": 0.7, "level": 0.4, "none": 1.0, "zero": 0.0, "inverted": 0.9 * 0.4 / 0.6}
    for weighting, weight in expected.items():
        assert (weights_of(weighting, attention) * error).sum().item() == pytest.approx(9 * weight)


def test_controls_are_seen_by_the_scores_and_do_not_depend_on_the_batch() -> None:
    reference, distorted = photo_pair(72, 96, images=2)
    found = {}
    for weighting in ("local", "level", "shuffled", "turned", "inverted", "variance", "saliency"):
        metric = metrics.create("psnr+smic", **SMALL, weighting=weighting)
        found[weighting] = metric(reference, distorted)
        alone = torch.cat([metric(reference[i : i + 1], distorted[i : i + 1]) for i in range(2)])
        torch.testing.assert_close(found[weighting], alone, rtol=1e-3, atol=1e-6)
    assert len({tuple(score.tolist()) for score in found.values()}) == len(found)


def test_the_attention_of_another_image_is_given_with_the_reference() -> None:
    reference, distorted = photo_pair(72, 96, images=2)
    own, other = (metrics.create("ssim+smic", **SMALL, weighting=kind) for kind in ("local", "other"))
    prepared = [other.prepare(image[i : i + 1]) for i in range(2) for image in (reference, distorted)]
    with pytest.raises(ValueError, match="attention of another image"):
        other.compare(prepared[0], prepared[1])
    itself = with_attention_of(prepared[0], prepared[0].attended, prepared[1].attended)
    expected = own(reference[:1], distorted[:1])
    torch.testing.assert_close(other.compare(itself, prepared[1]), expected, rtol=1e-5, atol=0)
    foreign = with_attention_of(prepared[0], prepared[2].attended, prepared[3].attended)
    assert not torch.isclose(other.compare(foreign, prepared[1]), expected, rtol=1e-4)
