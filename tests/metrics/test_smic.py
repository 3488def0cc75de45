"""SMIC weighting against the authors' code, and against its definition in float64, patch by patch."""

import dataclasses
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor
from torchmetrics.functional.image import dists as peer_dists
from torchmetrics.functional.image import lpips as peer_lpips

from replication import features, metrics
from replication.metrics.attention import attention_map, zoomed_mean
from replication.metrics.deepwsd import wasserstein
from replication.metrics.distortion import squared_error_map
from replication.metrics.mic import mic
from replication.metrics.pillow import resize_bilinear
from replication.metrics.projections import random_projections
from replication.metrics.ssim import ssim_map
from tests.metrics.photos import authors_score, photo_pair, sample_pair

STAGES = ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"]
ATTENDED = ["relu3_3", "relu4_3"]

# The authors' name, and the score of identical images: DISTS's trained weights of the two stages of attention sum to
# .432, PSNR is capped, all others are distances.
SCORES = {
    "psnr+smic": ("psnr+smic", 100.0),
    "ssim+smic": ("ssim+smic", 0.0),
    "lpips-vgg+smic": ("lpips+smic", 0.0),
    "dists+smic": ("dists+smic", 0.432),
    "deepwsd+smic": ("deepwsd+smic", 0.0),
}
FEW = {"channels": 8}  # keeps "+mic" short
CASES = [(name, {}) for name in SCORES] + [(name.replace("smic", "mic"), FEW) for name in SCORES]

each = pytest.mark.parametrize(("name", "options"), CASES, ids=[name for name, _ in CASES])


def seeded(name: str, **options: object) -> metrics.Metric:
    return metrics.create(name, weights="random", **options)


@pytest.mark.parametrize("image", ["I03", "I04", "I06"])
@pytest.mark.parametrize("name", SCORES)
def test_scores_are_those_of_the_authors_code(real_data: Callable[[str], Path], name: str, image: str) -> None:
    expected = authors_score(real_data("../golden"), SCORES[name][0], image)
    score = seeded(name)(*sample_pair(real_data("tid2013-samples"), image))
    # MIC jumps where rounding in float32 changes the order of two values.
    assert score.item() == pytest.approx(expected, rel=2e-4)


@each
def test_identical_images_have_the_theoretical_score(name: str, options: dict[str, int]) -> None:
    reference, _ = photo_pair(60, 90, images=2)
    scores = seeded(name, **options)(reference, reference)
    expected = SCORES[name.replace("+mic", "+smic")][1]
    assert scores.tolist() == pytest.approx([expected] * 2, abs=5e-4 if expected == 0.432 else 0)


@each
def test_a_distorted_image_scores_worse_the_stronger_it_is_distorted(name: str, options: dict[str, int]) -> None:
    reference, distorted = photo_pair(60, 90)
    metric = seeded(name, **options)
    images = [reference, 0.9 * reference + 0.1 * distorted, 0.5 * reference + 0.5 * distorted, distorted]
    steps = torch.cat([metric(reference, image) for image in images]).diff()
    assert (steps < 0).all() if metric.higher_is_better else (steps > 0).all()


@each
def test_a_score_does_not_depend_on_the_batch_and_one_reference_serves_all(name: str, options: dict[str, int]) -> None:
    metric = seeded(name, **options)
    reference, distorted = photo_pair(60, 90, images=3)
    alone = torch.cat([metric(reference[i : i + 1], distorted[i : i + 1]) for i in range(3)])
    # As convolutions of several images may sum in another order, and MIC may then jump.
    torch.testing.assert_close(metric(reference, distorted), alone, rtol=1e-3, atol=1e-6)
    one = metric.compare(metric.prepare(reference[:1]), metric.prepare(distorted))
    each_with_one = metric(reference[:1].expand(3, -1, -1, -1), distorted)
    torch.testing.assert_close(one, each_with_one, rtol=1e-3, atol=1e-6)
    assert metric(reference[:0], distorted[:0]).shape == (0,)


def patches(maps: Tensor, patch: int, stride: int) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """Place, and (C, patch, patch) in float64, of each patch of a map (C, H, W)."""
    values = maps.double().numpy()
    for i in range((values.shape[1] - patch) // stride + 1):
        for j in range((values.shape[2] - patch) // stride + 1):
            yield (i, j), values[:, i * stride : i * stride + patch, j * stride : j * stride + patch]


def slow_attention(x: Tensor, y: Tensor, projection: Tensor, patch: int, stride: int) -> np.ndarray:
    """1 - mean MIC of two maps (C, H, W), patch by patch."""
    x, y = (torch.nn.functional.conv2d(maps[None], projection[:, :, None, None])[0] for maps in (x, y))
    found = {}
    for (place, a), (_, b) in zip(patches(x, patch, stride), patches(y, patch, stride), strict=True):
        found[place] = 1 - mic(*(torch.tensor(samples).flatten(1) for samples in (a, b))).mean().item()
    rows, columns = (1 + max(place[axis] for place in found) for axis in (0, 1))
    return np.array([[found[i, j] for j in range(columns)] for i in range(rows)])


PAIR = photo_pair(121, 105)


@pytest.fixture(scope="module")
def vgg16() -> Callable[[features.Pooling], tuple[dict[str, Tensor], dict[str, Tensor]]]:
    """The maps (C, H, W) of the pair at the image and all stages."""

    def maps(pooling: features.Pooling) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        backbone = features.backbone("vgg16", weights="random", pooling=pooling)
        x, y = ({"image": x, **backbone(x, STAGES)} for x in PAIR)
        return {tap: m[0] for tap, m in x.items()}, {tap: m[0] for tap, m in y.items()}

    return maps


Vgg16 = Callable[[features.Pooling], tuple[dict[str, Tensor], dict[str, Tensor]]]


@pytest.mark.parametrize(("patch", "stride"), [(7, 7), (5, 3)])
@pytest.mark.parametrize("name", ["psnr+smic", "ssim+smic"])
def test_pixel_metrics_agree_with_their_definition(vgg16: Vgg16, name: str, patch: int, stride: int) -> None:
    x, y = vgg16("l2")
    if name == "psnr+smic":
        squared = (x["image"] - y["image"]).double().square().mean(0).numpy()
        errors = np.lib.stride_tricks.sliding_window_view(squared, (7, 7)).mean(axis=(2, 3))
    else:
        errors = 1 - ssim_map(PAIR[0].double(), PAIR[1].double(), window_size=7)[0].mean(0).numpy()
    third, fourth = (
        slow_attention(x[tap], y[tap], projection, patch, stride)
        for tap, projection in zip(ATTENDED, random_projections((256, 512)), strict=True)
    )
    fourth = ndimage.zoom(fourth, np.divide(third.shape, fourth.shape), order=1)
    attention = ndimage.zoom((third + fourth) / 2, np.divide(errors.shape, third.shape), order=1)
    expected = (errors * attention).mean()
    if name == "psnr+smic":
        expected = 10 * np.log10(1 / (expected + 1e-10))
    assert seeded(name, patch=patch, stride=stride)(*PAIR).item() == pytest.approx(expected, rel=1e-4)


def test_lpips_agrees_with_its_definition(vgg16: Vgg16) -> None:
    x, y = vgg16("max")
    state = torch.load(Path(peer_lpips.__file__).parent / "lpips_models" / "vgg.pth", map_location="cpu")
    expected = 0.0
    for place, tap in enumerate(STAGES):
        if tap not in ATTENDED:
            head = state[f"lin{place}.model.1.weight"].flatten().double().numpy()
            apart = (x[tap] - y[tap]).double().square().mean(dim=(1, 2)).numpy()
            expected += (head * apart).sum()
    for tap, projection in zip(ATTENDED, random_projections((256, 512)), strict=True):
        attention = slow_attention(x[tap], y[tap], projection, 7, 7)
        pairs = zip(patches(x[tap], 7, 7), patches(y[tap], 7, 7), strict=True)
        expected += np.mean([attention[place] * ((a - b) ** 2).sum() for (place, a), (_, b) in pairs])
    assert seeded("lpips-vgg+smic")(*PAIR).item() == pytest.approx(expected, rel=1e-4)


def similarity(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """S1 and S2 of each channel of (C, H, W)."""
    ma, mb, axes = a.mean(axis=(1, 2)), b.mean(axis=(1, 2)), (1, 2)
    covariance = (a * b).mean(axis=axes) - ma * mb
    return (2 * ma * mb + 1e-6) / (ma**2 + mb**2 + 1e-6), (2 * covariance + 1e-6) / (
        a.var(axis=axes) + b.var(axis=axes) + 1e-6
    )


def test_dists_agrees_with_its_definition(vgg16: Vgg16) -> None:
    x, y = vgg16("l2")
    trained = torch.load(Path(peer_dists.__file__).parent / "dists_models" / "weights.pt", map_location="cpu")
    total = sum(weight.double().sum().item() for weight in trained.values())
    alpha, beta = (
        np.split(trained[name].double().flatten().numpy() / total, np.cumsum([3, 64, 128, 256, 512]))
        for name in ("alpha", "beta")
    )
    expected = 1.0
    for place, tap in enumerate(["image", *STAGES]):
        if tap not in ATTENDED:
            luminance, structure = similarity(x[tap].double().numpy(), y[tap].double().numpy())
            expected -= alpha[place] @ luminance + beta[place] @ structure
    for tap, projection in zip(ATTENDED, random_projections((256, 512)), strict=True):
        attention = slow_attention(x[tap], y[tap], projection, 7, 6)
        terms = []
        for (place, a), (_, b) in zip(patches(x[tap], 7, 6), patches(y[tap], 7, 6), strict=True):
            luminance, structure = similarity(a, b)
            terms.append(attention[place] * (2 - luminance.mean() - structure.mean()))
        expected += np.mean(terms)
    assert seeded("dists+smic")(*PAIR).item() == pytest.approx(expected, rel=1e-5)


def window_distances(a: np.ndarray, b: np.ndarray, totals: tuple[float, float]) -> float:
    """Of the columns of (pixels, windows): Wasserstein and difference, summed."""
    u, v = ((part * part / (total + 1e-6)).cumsum(axis=0) for part, total in zip((a, b), totals, strict=True))
    moved = wasserstein(torch.tensor(u)[None], torch.tensor(v)[None])[0].numpy()
    return float((moved + ((a - b) ** 2).sum(axis=0) / (np.sqrt(np.exp(-1 / (moved + 10))) * (moved + 10) ** 2)).sum())


def whole(x: Tensor) -> np.ndarray:
    """Zeros added or pixels cut off, on the left and at the bottom, to a multiple of 4."""
    extra = [round(side / 4) * 4 - side for side in x.shape[1:]]
    return torch.nn.functional.pad(x, (extra[1], 0, 0, extra[0])).double().numpy()


@pytest.mark.parametrize("variant", ["released", "paper"])
def test_deepwsd_agrees_with_its_definition(vgg16: Vgg16, variant: str) -> None:
    x, y = vgg16("l2")

    def columns(a: np.ndarray) -> np.ndarray:
        if variant == "released":
            return a.reshape(16, -1)
        channels, height, width = a.shape
        squares = a.reshape(channels, height // 4, 4, width // 4, 4)
        return squares.transpose(2, 4, 0, 1, 3).reshape(16, -1)

    expected = 0.0
    for tap in ["image", *STAGES]:
        a, b = whole(x[tap]), whole(y[tap])
        totals = a.sum(), b.sum()
        if tap not in ATTENDED:
            expected += np.log1p(window_distances(columns(a), columns(b), totals))
            continue
        projection = random_projections((256, 512))[ATTENDED.index(tap)]
        a, b = (torch.tensor(m).float() for m in (a, b))
        attention = slow_attention(a, b, projection, 4, 4)
        for (place, p), (_, q) in zip(patches(a, 4, 4), patches(b, 4, 4), strict=True):
            expected += attention[place] * window_distances(columns(p), columns(q), totals)
    score = seeded("deepwsd+smic", variant=variant)(*PAIR).item()
    assert score == pytest.approx(np.log1p(expected / 6), rel=1e-4)


def test_images_are_resized_as_the_authors_resize_them_and_only_if_asked() -> None:
    large = photo_pair(150, 290)
    named = {name: seeded(name, resize=False) for name in ("psnr+smic", "deepwsd+smic")}
    smaller = [resize_bilinear(image, (128, 247)) for image in large]
    assert torch.equal(seeded("psnr+smic")(*large), named["psnr+smic"](*smaller))
    assert not torch.equal(seeded("psnr+smic")(*large), named["psnr+smic"](*large))
    assert named["psnr+smic"].protocol["resize"] == "none"
    assert "floor(m / 48)" in seeded("ssim+smic").protocol["resize"]
    assert seeded("deepwsd+smic").protocol["resize"] == seeded("deepwsd").protocol["resize"]


def test_mic_is_that_of_the_channels_themselves() -> None:
    x, y = photo_pair(64, 64)
    backbone = features.backbone("vgg16", weights="random", pooling="l2")
    a, b = (backbone(image, ["relu3_3"])["relu3_3"][0, :, :7, :7].flatten(1) for image in (x, y))
    whole_map = attention_map(x, y, backbone=backbone, tap="relu3_3", sliced=False, stride=9)
    assert whole_map[0, 0, 0].item() == pytest.approx(1 - mic(a, b).mean().item(), abs=1e-6)
    everything = seeded("psnr+mic", channels=256, taps=("relu3_1", "relu3_3"))(x, y)
    assert torch.equal(everything, seeded("psnr+mic", taps=("relu3_1", "relu3_3"))(x, y))
    assert not torch.equal(everything, seeded("psnr+mic", channels=20, taps=("relu3_1", "relu3_3"))(x, y))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("psnr+smic", {"law": "paper"}),
        ("ssim+smic", {"projections": 8}),
        ("dists+smic", {"projection_seed": 1}),
        ("ssim+smic", {"independent": True}),
        ("psnr+smic", {"alpha": 0.6}),
        ("psnr+smic", {"c": 0.5}),
        ("lpips-vgg+smic", {"patch": 5, "stride": 2}),
        ("psnr+smic", {"taps": ("relu2_2", "relu3_3", "relu4_3")}),
        ("ssim+smic", {"normalise": True}),
        ("ssim+smic", {"pooling": "max"}),
        ("deepwsd+smic", {"variant": "paper"}),
        ("psnr+smic", {"seed": 1}),
    ],
)
def test_options_change_the_score_and_stand_in_the_protocol(name: str, options: dict[str, object]) -> None:
    pair = photo_pair(60, 90)
    usual, other = seeded(name), seeded(name, **options)
    assert usual(*pair).item() != other(*pair).item()
    assert usual.protocol != other.protocol


def test_independent_projections_are_of_the_next_seed_for_the_reference_alone() -> None:
    reference, distorted = photo_pair(60, 90)
    net = features.backbone("vgg16", weights="random", pooling="l2")
    x, y = (net(image, ATTENDED) for image in (distorted, reference))
    drawn = [random_projections((256, 512), seed=seed) for seed in (-3566, -3565)]
    weights = []
    for tap, of_distorted, of_reference in zip(ATTENDED, *drawn, strict=True):
        rows, columns = (side // 7 for side in x[tap].shape[-2:])
        grid = torch.empty(1, rows, columns)
        for i in range(rows):
            for j in range(columns):
                place = (0, slice(None), slice(7 * i, 7 * i + 7), slice(7 * j, 7 * j + 7))
                slices = (of @ maps[tap][place].flatten(1) for of, maps in ((of_distorted, x), (of_reference, y)))
                grid[0, i, j] = 1 - mic(*slices).mean()
        weights.append(grid)
    error = squared_error_map(reference, distorted)
    mean = (error * zoomed_mean(weights, (error.shape[-2], error.shape[-1]))).mean().item()
    score = seeded("psnr+smic", independent=True)(reference, distorted).item()
    assert score == pytest.approx(-10 * np.log10(mean + 1e-10), abs=0.01)  # MIC jumps where two values change places
    assert abs(score - seeded("psnr+smic")(reference, distorted).item()) > 0.1


@pytest.mark.parametrize(
    ("network", "taps"),
    [
        ("squeezenet1_1", ("fire4", "fire8")),
        ("squeezenet1_0", ("fire4", "fire8")),
        ("googlenet_bvlc", ("inception_3b", "inception_4e")),
        ("shufflenet_v2_x1_0", ("stage2", "stage3")),
    ],
)
@pytest.mark.parametrize("name", ["psnr+smic", "ssim+smic", "psnr+mic"])
def test_other_networks_with_their_trained_weights(
    real_data: Callable[[str], Path], name: str, network: str, taps: tuple[str, str]
) -> None:
    real_data("weights")
    reference, distorted = photo_pair(128, 150)
    options: dict[str, object] = {"channels": 16} if name.endswith("+mic") else {}
    metric = metrics.create(name, backbone=network, taps=taps, normalise=True, **options)
    weak = 0.8 * reference + 0.2 * distorted
    identical, slight, strong = (metric(reference, image).item() for image in (reference, weak, distorted))
    assert identical > slight > strong if metric.higher_is_better else identical < slight < strong
    assert metric.protocol["backbone"] == network
    assert metric.protocol["taps"] == ", ".join(taps)


@pytest.mark.parametrize("network", ["alex", "squeeze"])
def test_lpips_of_other_networks(network: str) -> None:
    reference, distorted = photo_pair(128, 150)
    metric = seeded(f"lpips-{network}+smic")
    assert metric(reference, reference).item() == 0
    assert metric(reference, distorted).item() > metric(reference, 0.8 * reference + 0.2 * distorted).item() > 0


def test_metrics_share_one_pass_and_attention_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("replication.metrics.attention")
    calls = []
    original = module.mic_patches
    monkeypatch.setattr(module, "mic_patches", lambda *a, **k: calls.append(a) or original(*a, **k))
    names = ("psnr+smic", "ssim+smic", "dists+smic")
    group = [seeded(name) for name in names]
    assert len({metric.source.key for metric in group if metric.source}) == 1
    assert seeded("deepwsd+smic").source.key == seeded("deepwsd").source.key  # type: ignore[union-attr]
    reference, distorted = photo_pair(60, 90)
    alone = [metric(reference, distorted) for metric in group]
    assert len(calls) == 6
    shared = [group[0].source.compute(image) for image in (reference, distorted)]  # type: ignore[union-attr]
    together = [metric.compare(*(metric.finish(image) for image in shared)) for metric in group]  # type: ignore[misc]
    assert len(calls) == 6 + 2 + 2  # SSIM has PSNR's, DISTS has other patches
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=0)
    again = group[0].source.compute(0.5 * distorted)  # type: ignore[union-attr]
    fresh = group[0].compare(group[0].finish(shared[0]), group[0].finish(again))  # type: ignore[misc]
    torch.testing.assert_close(fresh, group[0](reference, 0.5 * distorted), rtol=1e-6, atol=0)


HARD: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "black": lambda image: (torch.zeros_like(image), torch.zeros_like(image)),
    "constant": lambda image: (torch.full_like(image, 0.5), torch.full_like(image, 0.7)),
    "black and white": lambda image: (torch.zeros_like(image), torch.ones_like(image)),
    "one constant": lambda image: (image, torch.full_like(image, 0.5)),
}


@pytest.mark.parametrize("pair", HARD)
@pytest.mark.parametrize("name", SCORES)
def test_scores_are_finite_on_hard_pairs(name: str, pair: str) -> None:
    reference, distorted = HARD[pair](photo_pair(60, 90)[0])
    metric = seeded(name)
    score = metric(reference, distorted).item()
    assert np.isfinite(score)
    if pair == "black":
        assert score == pytest.approx(SCORES[name][1], abs=5e-4)
    else:
        perfect = metric(reference, reference).item()
        assert score < perfect if metric.higher_is_better else score > perfect


@each
def test_wrong_images_are_named(name: str, options: dict[str, int]) -> None:
    metric = seeded(name, **options)
    good = photo_pair(60, 90)[0]
    nan = good.clone()
    nan[0, 0, 0, 0] = float("nan")
    for wrong, sentence in {
        "integers": (good.mul(255).byte(), "image must be floating-point .*, got torch.uint8"),
        "grey": (good[:, :1], "image must have 3 channels"),
        "NaN": (nan, "image contains NaN"),
        "size": (good[..., 1:], "the same size, got 60 x 90 and 60 x 89"),
        "number": (good.expand(2, -1, -1, -1), None),
        "small": (good[..., :20, :], r"images of 20 x 90 are too small for .*: relu\d_3 has \d+ x \d+ pixels"),
    }.values():
        if sentence is None:
            with pytest.raises(ValueError, match="as many references as distorted images, or 1: 2 and 1"):
                metric(wrong, good)
            continue
        with pytest.raises(ValueError, match=sentence):
            metric(good, wrong) if wrong.shape[-2:] != (20, 90) else metric(wrong, wrong)


def test_images_on_two_devices_are_refused() -> None:
    metric = seeded("psnr+smic")
    prepared = metric.prepare(photo_pair(60, 90)[0])
    attended = prepared.attended._replace(maps=tuple(maps.to("meta") for maps in prepared.attended.maps))
    elsewhere = prepared._replace(attended=attended)
    with pytest.raises(ValueError, match="on one device, got cpu and meta"):
        metric.compare(prepared, elsewhere)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("psnr+smic", {"channels": 3}, "metric 'psnr.smic' has no option 'channels'; known: .*projections"),
        ("psnr+mic", {"law": "paper"}, "metric 'psnr.mic' has no option 'law'; known: .*channels"),
        ("dists+smic", {"variant": "paper"}, "has no option 'variant'"),
        ("psnr+smic", {"backbone": "squeezenet1_1"}, "needs two or more taps of squeezenet1_1.*; it has relu1, fire2"),
        ("psnr+smic", {"taps": ("relu3_3",)}, r"needs two or more taps of vgg16, finest first, got \('relu3_3',\)"),
        ("psnr+smic", {"taps": ("relu3_3", "relu3_3")}, "needs two or more taps"),
        ("psnr+smic", {"taps": "relu3_3"}, "taps must be a list of texts or None, got 'relu3_3'"),
        ("psnr+smic", {"taps": ("relu3_3", "fire4")}, "vgg16 has no tap fire4; it has relu1_1"),
        ("ssim+smic", {"patch": 1}, "patch must be at least 2 and stride at least 1, got 1 and 7"),
        ("ssim+smic", {"law": "uniform"}, "law must be one of released, paper"),
        ("ssim+mic", {"channels": 300}, "channels must be between 1 and 256"),
        ("lpips-vgg+smic", {"pooling": "l2"}, "is defined on vgg16 with max-pooling, got vgg16 with l2"),
        (
            "lpips-vgg+smic",
            {"taps": ("relu3_2", "relu4_3")},
            "attention of lpips-vgg.smic must be at two .*got relu3_2",
        ),
        ("dists+smic", {"pooling": "max"}, "dists.smic is defined on vgg16 with l2-pooling"),
        ("deepwsd+mic", {"variant": "other"}, "variant must be one of released, paper"),
    ],
)
def test_wrong_options_are_named(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        seeded(name, **options)


def test_a_score_has_the_gradient_of_its_distances() -> None:
    reference, distorted = (image.double() for image in photo_pair(60, 90))
    distorted.requires_grad_()
    score = seeded("psnr+smic")(reference, distorted).sum()
    (gradient,) = torch.autograd.grad(score, distorted)
    assert gradient.isfinite().all()
    assert (gradient * (reference - distorted)).sum() > 0  # towards the reference


def test_autocast_changes_nothing() -> None:
    pair = photo_pair(60, 90)
    for name in SCORES:
        metric = seeded(name)
        expected = metric(*pair)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            score = metric(*pair)
        assert score.dtype == torch.float32
        torch.testing.assert_close(score, expected, rtol=1e-6, atol=0)


class TestAttentionMap:
    @pytest.mark.parametrize(("tap", "patch", "stride"), [("relu3_3", 7, 4), ("relu4_3", 7, 1), ("relu3_3", 4, 9)])
    def test_it_is_the_definition_with_the_authors_projections(
        self, vgg16: Vgg16, tap: str, patch: int, stride: int
    ) -> None:
        x, y = vgg16("l2")
        backbone = features.backbone("vgg16", weights="random", pooling="l2")
        found = attention_map(*PAIR, backbone=backbone, tap=tap, patch=patch, stride=stride)
        projection = random_projections((256, 512))[ATTENDED.index(tap)]
        expected = slow_attention(x[tap], y[tap], projection, patch, stride)
        np.testing.assert_allclose(found[0].numpy(), expected, atol=5e-3)
        assert np.abs(found[0].numpy() - expected).mean() < 1e-4
        chosen = attention_map(
            *PAIR, backbone=backbone, tap=tap, patch=patch, stride=stride, projections=projection[:5]
        )
        assert chosen.shape == found.shape
        assert not torch.equal(chosen, found)

    def test_it_is_high_where_the_image_is_distorted(self) -> None:
        reference, noisy = photo_pair(120, 120)
        distorted = reference.clone()
        distorted[..., 60:] = noisy[..., 60:]
        backbone = features.backbone("squeezenet1_1", weights="random")
        found = attention_map(reference, distorted, backbone=backbone, tap="fire4")
        assert found.shape == (1, *(side - 6 for side in backbone(reference, ["fire4"])["fire4"].shape[2:]))
        assert found[..., -1].mean() > found[..., 0].mean() + 0.2

    def test_images_are_resized_if_asked(self) -> None:
        backbone = features.backbone("squeezenet1_1", weights="random")
        large = photo_pair(150, 290)
        smaller = [resize_bilinear(image, (128, 247)) for image in large]
        assert torch.equal(
            attention_map(*large, backbone=backbone, tap="fire4", resize=True),
            attention_map(*smaller, backbone=backbone, tap="fire4"),
        )

    def test_bad_input_is_named(self) -> None:
        backbone = features.backbone("squeezenet1_1", weights="random")
        good = photo_pair()[0]
        for first, second, options, message in (
            (good, good[..., 1:], {}, "the same shape"),
            (good, good.mul(255).byte(), {}, "distorted must be floating-point"),
            (good, good * float("nan"), {}, "distorted contains NaN"),
            (good, good.to("meta"), {}, "one device"),
            (good, good, {"tap": "relu3_3"}, "squeezenet1_1 has no tap relu3_3"),
            (good, good, {"patch": 30}, "at least one patch of 30 x 30"),
            (good, good, {"stride": 0}, "stride at least 1"),
            (good, good, {"projections": torch.ones(3, 4)}, r"projections must be a matrix of shape \(K, 256\)"),
        ):
            with pytest.raises(ValueError, match=message):
                attention_map(first, second, **{"backbone": backbone, "tap": "fire4", **options})


def test_every_option_is_described() -> None:
    described = metrics.SMICOptions.__doc__ or ""
    assert [field.name for field in dataclasses.fields(metrics.SMICOptions) if field.name not in described] == []


@pytest.mark.gpu
@pytest.mark.parametrize("name", SCORES)
def test_on_a_gpu_scores_agree_and_nothing_waits_for_the_device(name: str) -> None:
    pair = photo_pair(150, 160, images=2)
    expected = seeded(name)(*pair)
    metric = seeded(name, device="cuda")
    on_gpu = [image.cuda() for image in pair]
    metric(*on_gpu)
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        score = metric(*on_gpu)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(score.cpu(), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", SCORES)
def test_controls_keep_the_level_of_attention_or_nothing_of_it(name: str) -> None:
    reference, distorted = photo_pair(60, 90, images=2)
    local, level, none = (seeded(name, weighting=kind)(reference, distorted) for kind in ("local", "level", "none"))
    assert torch.equal(local, seeded(name)(reference, distorted))
    if name == "psnr+smic":  # decibels: what attention takes away of the mean error
        local, level, none = (10 ** (-score / 10) for score in (local, level, none))
    assert (level < none).all()  # attention is below 1
    assert not torch.equal(level, local)


def test_without_attention_psnr_is_that_of_the_smoothed_error() -> None:
    reference, distorted = photo_pair(60, 90)
    error = torch.nn.functional.avg_pool2d((reference - distorted).square().mean(1, keepdim=True), 7, 1).mean()
    score = seeded("psnr+smic", weighting="none")(reference, distorted)
    assert score.item() == pytest.approx(-10 * torch.log10(error + 1e-10).item(), rel=1e-6)


def test_an_unknown_weighting_is_refused() -> None:
    with pytest.raises(ValueError, match="weighting must be"):
        seeded("psnr+smic", weighting="global")
