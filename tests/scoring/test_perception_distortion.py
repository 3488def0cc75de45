"""Scores of both axes against their own definitions, resumption, and what is said of metrics that cannot be had."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from skimage.metrics import structural_similarity

from replication.metrics import Metric, create, register, registry
from replication.models.vdsr import VDSR
from replication.scoring.perception_distortion import examples, perception_metrics, score
from replication.training.pairs import read_pairs


@pytest.fixture
def network() -> VDSR:
    torch.manual_seed(0)
    return VDSR().eval()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for name in ("one", "two"):
        noise = rng.normal(0, 6, size=(52, 61, 3)).cumsum(axis=0).cumsum(axis=1) / 4 + 128
        Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(tmp_path / "images" / f"{name}.png")
    return tmp_path / "images"


def test_scores_are_those_of_shaved_8_bit_luminance(network: VDSR, folder: Path) -> None:
    lpips = create("lpips-squeeze", weights="random")
    scores, problems = score({"mine": network}, {"Set": str(folder)}, {"lpips": lpips}, scale=4)
    assert problems == []
    assert list(scores.columns) == ["data_set", "image", "method", "metric", "score"]
    assert set(scores["method"]) == {"Bicubic", "mine"}
    pairs, _ = read_pairs([str(folder)], 4)
    enlarged, original = next(pair for name, pair in pairs.items() if "one" in name)
    with torch.inference_mode():
        output = network(torch.from_numpy(enlarged)[None, None].float() / 255)
    ours = (255 * output).round().clamp(0, 255)[0, 0, 4:-4, 4:-4].numpy()
    target = original[4:-4, 4:-4].astype(np.float64)
    found = scores[(scores["method"] == "mine") & scores["image"].str.startswith("one")].set_index("metric")["score"]
    error = np.sqrt(np.mean((ours - target) ** 2))
    assert found["RMSE"] == pytest.approx(error, rel=1e-3)
    assert found["PSNR"] == pytest.approx(20 * np.log10(255 / error), abs=1e-2)
    expected = structural_similarity(
        target, ours.astype(np.float64), data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert found["SSIM"] == pytest.approx(expected, abs=2e-2)  # scikit-image fills the border of its map
    grey = [torch.from_numpy(v / 255).float().expand(1, 3, -1, -1) for v in (target, ours)]
    assert found["lpips"] == pytest.approx(lpips(*grey).item(), rel=1e-3)


def test_half_precision_convolutions_move_scores_by_less_than_a_grey_level(network: VDSR, folder: Path) -> None:
    whole, half = (
        score({"mine": network}, {"Set": str(folder)}, {}, scale=4, precision=p)[0].set_index(
            ["image", "method", "metric"]
        )
        for p in ("32-true", "bf16-mixed")
    )
    difference = (whole["score"] - half["score"]).abs().xs("RMSE", level="metric")
    assert difference.xs("Bicubic", level="method").max() == 0
    assert difference.max() < 0.5
    with pytest.raises(ValueError, match="precision must be 32-true or bf16-mixed, got 'half'"):
        score({"mine": network}, {"Set": str(folder)}, {}, scale=4, precision="half")


class Watched:
    """Lightness difference as a metric that counts its two halves, and breaks off at a chosen comparison."""

    def __init__(self, broken_at: int = 0) -> None:
        self.prepared, self.compared, self.broken_at = 0, 0, broken_at

    def metric(self) -> Metric:
        return Metric("watched", False, {}, self._prepare, self._compare)

    def _prepare(self, image: torch.Tensor) -> torch.Tensor:
        self.prepared += 1
        return image.mean(dim=(1, 2, 3))

    def _compare(self, reference: torch.Tensor, distorted: torch.Tensor) -> torch.Tensor:
        self.compared += 1
        if self.compared == self.broken_at:
            raise KeyboardInterrupt
        return (reference - distorted).abs()


def test_an_original_is_prepared_once_for_all_networks(network: VDSR, folder: Path) -> None:
    watched = Watched()
    score({"a": network, "b": VDSR().eval()}, {"Set": str(folder)}, {"watched": watched.metric()}, scale=4)
    assert watched.compared == 2 * 3  # two images; bicubic and two networks
    assert watched.prepared == 2 * (1 + 3)


def test_a_limit_takes_images_that_are_evenly_spread(tmp_path: Path) -> None:
    for number in range(6):
        Image.fromarray(np.full((24, 24, 3), 40 * number, np.uint8)).save(tmp_path / f"{number}.png")
    few, _ = score({}, {"Set": str(tmp_path)}, {}, scale=4, limit=3)
    assert sorted(few["image"].str[0].unique()) == ["0", "2", "4"]
    every, _ = score({}, {"Set": str(tmp_path)}, {}, scale=4, limit=40)
    assert every["image"].nunique() == 6


def test_a_broken_off_run_goes_on_after_what_it_has_and_gives_the_same_table(
    network: VDSR, folder: Path, tmp_path: Path
) -> None:
    networks = {"first": network, "second": VDSR().eval()}
    whole, _ = score(networks, {"Set": str(folder)}, {"watched": Watched().metric()}, scale=4)
    watched = Watched(broken_at=5)  # of six: the first network on the second image

    def again() -> pd.DataFrame:
        how: dict[str, Any] = {"scale": 4, "store": tmp_path / "store"}
        return score(networks, {"Set": str(folder)}, {"watched": watched.metric()}, **how)[0]

    with pytest.raises(KeyboardInterrupt):
        again()
    pd.testing.assert_frame_equal(again(), whole, check_exact=True)
    assert watched.compared == 5 + 2
    networks["first"] = VDSR().eval()  # other weights of the same name
    other = again()
    assert watched.compared == 5 + 2 + 2
    assert not other.equals(whole)


def test_metrics_that_cannot_be_had_say_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found, reasons = perception_metrics({"nrqm": {}, "lpips-squeeze": {}, "gmsd": {}})
    assert list(found) == ["gmsd"]
    assert "licence" in reasons["nrqm"]
    assert "register a metric named nrqm" in reasons["nrqm"]
    assert reasons["lpips-squeeze"] == "SqueezeNet 1.1: not available"
    with pytest.raises(ValueError, match="unknown metric 'lpipz'"):
        perception_metrics({"lpipz": {}})
    with pytest.raises(ValueError, match="lower is better, and psnr is not one"):
        perception_metrics({"psnr": {}})


def test_an_absent_metric_is_used_once_it_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    register("nrqm", Watched().metric)
    found, reasons = perception_metrics({"nrqm": {}})
    assert (list(found), reasons) == (["nrqm"], {})


def test_examples_carry_the_perception_score(network: VDSR, folder: Path) -> None:
    networks, sets = {"a": network, "b": VDSR().eval()}, {"Set": str(folder)}
    lpips = create("lpips-squeeze", weights="random")
    scores, _ = score(networks, sets, {"lpips": lpips}, scale=4)
    chosen = examples(networks, scores, sets, scale=4, size=16, gain=("a", "b"), perception="lpips")
    assert [example.why.split(":")[0] for example in chosen] == [
        "median gain of Set",
        "largest gain of all",
        "smallest gain of all",
    ]
    expected = scores.query("method == 'a' and metric == 'lpips' and image == @chosen[0].image")["score"].item()
    assert chosen[0].captions["a"].endswith(f" / {expected:.3f}")
    assert chosen[0].captions["Original"].endswith(" / lpips")


def test_lpips_prefers_the_original_to_its_bicubic_enlargement(real_data: Callable[[str], Path]) -> None:
    real_data("weights/squeezenet1_1.safetensors")
    real_data("set5")
    lpips = create("lpips-squeeze")
    scores, _ = score({}, {"Set5": "set5"}, {"lpips-squeeze": lpips}, scale=4)
    means = scores.groupby("metric")["score"].mean()
    assert means["PSNR"] == pytest.approx(28.42, abs=0.05)  # bicubic x4 on Set5 in the literature
    assert means["SSIM"] == pytest.approx(0.8104, abs=0.002)
    assert 0.1 < means["lpips-squeeze"] < 0.5
