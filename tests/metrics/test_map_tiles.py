"""Large images in tiles: the maps and scores of one pass, but for rounding; smaller images are not cut."""

import pytest
import torch

from replication import metrics
from replication.features import backbone
from replication.metrics import map_tiles
from replication.metrics.attended_bands import moments_of_parts
from replication.metrics.map_tiles import CutMaps, is_cut

SIZES = [(397, 781), (785, 341)]  # no multiples of anything, with two tiles in one direction


@pytest.fixture
def cut(monkeypatch):
    """Everything of a quarter of a megapixel is cut into tiles."""
    monkeypatch.setattr(map_tiles, "SMALL", 2**18)
    monkeypatch.setattr(map_tiles, "LARGE", 0.0)


def images(size, number=1):
    generator = torch.Generator().manual_seed(0)
    smooth = torch.rand(number, 3, size[0] // 8 + 1, size[1] // 8 + 1, generator=generator)
    return torch.nn.functional.interpolate(smooth, scale_factor=8, mode="bilinear")[..., : size[0], : size[1]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("network", "tap"),
    [("alexnet", "relu5"), ("vgg16", "relu5_3"), ("squeezenet1_1", "fire9"), ("squeezenet1_0", "fire9")],
)
def test_joined_maps_are_those_of_one_pass(network, tap, size):
    net = backbone(network, weights="random")
    image = images(size) - 0.5
    taps = [net.taps[0], tap]
    whole = net(image, taps)
    maps = CutMaps(net, image, taps, lambda tile: tile)
    assert sorted(maps) == sorted(taps)
    for each in taps:
        assert maps[each].shape == whole[each].shape
        difference = (maps[each] - whole[each]).abs().max() / whole[each].abs().max()
        assert difference < 1e-5, each  # 32-bit convolutions by other algorithms; a wrong margin gives 1e-2


SQUEEZENET = {"backbone": "squeezenet1_1", "taps": ["fire3", "fire5"]}
WITH_ATTENTION = [
    ("psnr+smic", SQUEEZENET),
    ("psnr+smic", {**SQUEEZENET, "weighting": "level", "stride": 3}),
    ("psnr+mic", {**SQUEEZENET, "channels": 8}),
    ("ssim+smic", {**SQUEEZENET, "weighting": "none"}),
    ("lpips-alex+smic", {}),
    ("lpips-alex+mic", {"channels": 8}),
    ("dists+smic", {}),
]


@pytest.mark.parametrize(("name", "options"), WITH_ATTENTION)
def test_scores_with_attention_of_cut_images_are_those_of_whole_ones(name, options, request):
    metric = metrics.create(name, weights="random", resize=False, **options)
    reference = images(SIZES[1])
    distorted = (reference + 0.1 * torch.rand(reference.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    whole = metric(reference, distorted)
    request.getfixturevalue("cut")
    assert isinstance(metric.prepare(reference), CutMaps)
    # Attention is of ranks, which two values that rounding makes equal exchange.
    assert metric(reference, distorted).item() == pytest.approx(whole.item(), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("stride", [3, 7])
def test_bands_hold_every_whole_patch_once(stride):
    net = backbone("alexnet", weights="random")
    image = images(SIZES[1])
    whole = net(image, ["relu3"])["relu3"].unfold(2, 7, stride)
    bands = [
        band["relu3"].unfold(2, 7, stride)
        for band in CutMaps(net, image, ["relu3"], lambda x: x).bands(["relu3"], 7, stride)
    ]
    torch.testing.assert_close(torch.cat(bands, dim=2), whole, rtol=1e-4, atol=1e-5)


def test_moments_of_parts_are_those_of_whole_maps():
    net = backbone("alexnet", weights="random")
    x, y = images(SIZES[0]), images(SIZES[0]).flip(-1)
    taps = ["relu1", "relu3"]
    found = moments_of_parts(*(CutMaps(net, image, taps, lambda tile: tile) for image in (x, y)), taps)
    first, second = net(x, taps), net(y, taps)
    for of, whole in zip(found, (first, second, {tap: first[tap] - second[tap] for tap in taps}), strict=True):
        for moments, tap in zip(of, taps, strict=True):
            variance, mean = torch.var_mean(whole[tap].double(), dim=(2, 3), correction=0)
            torch.testing.assert_close(moments.mean, mean, rtol=1e-5, atol=1e-7)
            torch.testing.assert_close(moments.variance, variance, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", ["lpips-alex", "lpips-squeeze", "deepssim", "msds"])
def test_scores_of_cut_images_are_those_of_whole_ones(name, request):
    metric = metrics.create(name, weights="random")
    reference = images(SIZES[0])
    distorted = (reference + 0.1 * torch.rand(reference.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    whole = metric(reference, distorted)
    request.getfixturevalue("cut")
    assert metric(reference, distorted).item() == pytest.approx(whole.item(), rel=1e-4, abs=1e-6)


def test_lpips_of_cut_images_takes_one_reference_for_several_and_refuses_other_sizes(cut):
    metric = metrics.create("lpips-alex", weights="random")
    reference, distorted = images(SIZES[0]), images(SIZES[0], 2).flip(-1)
    prepared = metric.prepare(reference)
    assert isinstance(prepared, CutMaps)
    both = metric.compare(prepared, metric.prepare(distorted))
    one = metric(reference, distorted[1:])
    assert both.shape == (2,)
    assert both[1].item() == pytest.approx(one.item(), rel=1e-5)
    with pytest.raises(ValueError, match="must have the same size, got 397 x 781 and 781 x 397"):
        metric.compare(prepared, metric.prepare(reference.mT))


def test_images_that_fit_three_gigabytes_are_not_cut():
    net = backbone("alexnet", weights="random")
    assert not is_cut(net, torch.empty(1, 3, 4000, 4000, device="meta"), ["relu1", "relu2", "relu3", "relu4", "relu5"])
    assert is_cut(net, torch.empty(1, 3, 4000, 6000, device="meta"), ["relu1", "relu2", "relu3", "relu4", "relu5"])
    vgg = backbone("vgg16", weights="random")
    assert not is_cut(vgg, torch.empty(64, 3, 1024, 1024, device="meta"), ["relu5_3"])
