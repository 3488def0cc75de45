"""Maps for pictures against the metrics whose means they are."""

import pytest
import torch

from replication import features, metrics
from replication.metrics.attended_maps import slices
from tests.metrics.photos import photo_pair

TAPS = ("relu3_3", "relu4_3")


@pytest.fixture(scope="module")
def vgg() -> features.Backbone:
    return features.backbone("vgg16", weights="random", pooling="l2")


@pytest.mark.parametrize("name", ["psnr", "ssim"])
def test_the_mean_of_the_rectified_map_is_the_metric(vgg: features.Backbone, name: str) -> None:
    reference, distorted = photo_pair(130, 170, images=2)
    maps = metrics.pixel_maps(name, reference, distorted, backbone=vgg, taps=TAPS, stride=7)  # type: ignore[arg-type]
    mean = maps.rectified.mean(dim=(1, 2))
    expected = metrics.create(f"{name}+smic", weights="random")(reference, distorted)
    score = -10 * torch.log10(mean + 1e-10) if name == "psnr" else mean
    assert score.tolist() == pytest.approx(expected.tolist(), rel=1e-5)


def test_maps_of_features_are_what_lpips_averages_at_the_taps_of_attention() -> None:
    net = features.backbone("squeezenet1_1", weights="random")
    reference, distorted = photo_pair(130, 170, images=2)
    taps = ("fire3", "fire5")
    maps = metrics.feature_maps(reference, distorted, backbone=net, taps=taps, stride=7)
    attended = sum(each.rectified.mean(dim=(1, 2)) for each in maps.values())
    options = {"weights": "random", "backbone": "squeezenet1_1", "taps": taps}
    whole = metrics.create("lpips-squeeze+smic", **options)(reference, distorted)
    # What the other taps add does not depend on attention.
    unweighted = sum(each.distortion.mean(dim=(1, 2)) for each in maps.values())
    without = metrics.create("lpips-squeeze+smic", **options, weighting="none")(reference, distorted)
    assert (whole - attended).tolist() == pytest.approx((without - unweighted).tolist(), rel=1e-3)


def test_identical_images_have_no_distortion_and_no_attention(vgg: features.Backbone) -> None:
    reference, _ = photo_pair(60, 90)
    maps = metrics.pixel_maps("ssim", reference, reference, backbone=vgg, taps=TAPS)
    assert maps.distortion.abs().max() < 1e-6
    assert maps.attention.max() < 1e-3  # MIC of identical samples of 49 is .9997


def test_bad_input_is_named(vgg: features.Backbone) -> None:
    reference, distorted = photo_pair(60, 90)
    with pytest.raises(ValueError, match="metric must be"):
        metrics.pixel_maps("gmsd", reference, distorted, backbone=vgg, taps=TAPS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="same shape|same size|shape"):
        metrics.pixel_maps("psnr", reference, distorted[..., :-1], backbone=vgg, taps=TAPS)


def test_maps_of_dists_are_what_it_averages_at_the_taps_of_attention(vgg: features.Backbone) -> None:
    pair = photo_pair(130, 170, images=2)
    maps = metrics.feature_maps(*pair, metric="dists", backbone=vgg, taps=TAPS, stride=6)
    local, none = (metrics.create("dists+smic", weights="random", weighting=each)(*pair) for each in ("local", "none"))
    changed = sum((each.rectified - each.distortion).mean(dim=(1, 2)) for each in maps.values())
    assert (local - none).tolist() == pytest.approx(changed.tolist(), rel=1e-3)


def test_maps_of_deepwsd_are_what_it_sums_at_the_taps_of_attention(vgg: features.Backbone) -> None:
    pair = photo_pair(130, 170)
    maps = metrics.feature_maps(*pair, metric="deepwsd", backbone=vgg, taps=TAPS, patch=4, stride=4)
    local, none = (
        metrics.create("deepwsd+smic", weights="random", weighting=each)(*pair) for each in ("local", "none")
    )
    changed = sum((each.rectified - each.distortion).sum(dim=(1, 2)) for each in maps.values())
    assert (6 * (local.expm1() - none.expm1())).tolist() == pytest.approx(changed.tolist(), rel=1e-3)


def test_attention_is_one_minus_the_mean_of_mic_over_slices(vgg: features.Backbone) -> None:
    pair = photo_pair(60, 90)
    maps = metrics.feature_maps(*pair, backbone=vgg, taps=TAPS)
    of_slices = slices(*pair, backbone=vgg, taps=TAPS)
    for tap in TAPS:
        assert of_slices[tap].mic.shape[1] == 32
        torch.testing.assert_close(1 - of_slices[tap].mic.mean(dim=1), maps[tap].attention)
    with pytest.raises(ValueError, match="metric must be"):
        metrics.feature_maps(*pair, metric="psnr", backbone=vgg, taps=TAPS)  # type: ignore[arg-type]
