"""Level scores of a data set: the metric's own, kept on disk as they are, absent sets and weights named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from skimage import data

from replication.features import backbone
from replication.metrics.msds import level_scores
from replication.scoring.msds_levels import LevelScores, score_levels

OPTIONS = {"taps": ["fire8", "fire5"], "pyramids": ["mean", "gaussian"], "weights": "random", "show_progress": False}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two references of 70 x 90 with two noisy versions each."""
    folder = tmp_path_factory.mktemp("own")
    generator, rows = np.random.default_rng(0), []
    for name, image in {"cat": data.chelsea(), "cup": data.coffee()}.items():
        cut = image[100:170, 100:190]
        Image.fromarray(cut).save(folder / f"{name}.png")
        for level in (1, 2):
            noisy = cut + 15 * level * generator.normal(size=cut.shape)
            Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8)).save(folder / f"{name}{level}.png")
            rows.append((f"{name}.png", f"{name}{level}.png", -level))
    pd.DataFrame(rows, columns=["reference", "distorted", "opinion"]).to_csv(folder / "own.csv", index=False)
    return folder / "own.csv"


@pytest.fixture(scope="module")
def scored(own: Path) -> LevelScores:
    return score_levels(str(own), "squeezenet1_1", options={"kind": "MOS", "higher_is_better": True}, **OPTIONS)


def tensor(path: Path) -> torch.Tensor:
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def test_scores_are_the_metrics_own_at_every_level_tap_and_pyramid(own: Path, scored: LevelScores) -> None:
    assert scored.columns() == ["fire8 image 0", "fire8 mean 1", "fire8 mean 2"]  # 70 pixels have three levels
    network = backbone("squeezenet1_1", weights="random")
    pair = tensor(own.parent / "cup.png"), tensor(own.parent / "cup2.png")
    row = scored.table.set_index("distorted").loc["cup2.png"]
    for tap, pyramid in (("fire8", "mean"), ("fire8", "gaussian"), ("fire5", "mean")):
        expected = level_scores(*pair, backbone=network, tap=tap, pyramid=pyramid)[0].tolist()
        assert row[scored.columns(tap, pyramid)].tolist() == pytest.approx(expected, rel=1e-5)
    assert scored.problems == ()
    assert "random, seed 0" in scored.weights


def test_what_is_saved_is_what_is_loaded(scored: LevelScores, tmp_path: Path) -> None:
    scored.save(tmp_path)
    loaded = LevelScores.load(tmp_path, scored.name)
    assert {n: v for n, v in vars(loaded).items() if n != "table"} == {
        n: v for n, v in vars(scored).items() if n != "table"
    }
    pd.testing.assert_frame_equal(loaded.table, scored.table, rtol=1e-6, check_dtype=False)
    with pytest.raises(FileNotFoundError, match="no level scores of other .* notebook msds_levels"):
        LevelScores.load(tmp_path, "other")


def test_an_interrupted_call_goes_on_and_images_without_scores_are_named(own: Path, tmp_path: Path) -> None:
    how = {"options": {"kind": "MOS", "higher_is_better": True}, "store": tmp_path, **OPTIONS}
    first = score_levels(str(own), "squeezenet1_1", **how)
    assert len(list(tmp_path.iterdir())) == 2  # one task for each reference
    pd.testing.assert_frame_equal(score_levels(str(own), "squeezenet1_1", **how).table, first.table)


def test_an_absent_set_or_network_is_said_without_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    absent = score_levels("live", "squeezenet1_1", **OPTIONS)
    assert absent.absent is not None
    assert absent.absent.kind == "data set"
    no_weights = score_levels("photos-distorted", "vgg16", **{**OPTIONS, "weights": "imagenet", "taps": ["relu5_1"]})
    assert no_weights.absent is not None
    assert no_weights.absent.kind == "weights"
    for each in (absent, no_weights):
        assert str(tmp_path) not in str(each.absent)
        each.save(tmp_path / "results")
        assert LevelScores.load(tmp_path / "results", each.name).absent == each.absent
        assert each.columns() == []
