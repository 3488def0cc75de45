"""Lists of metrics with alternatives, and metrics that cannot be computed."""

from pathlib import Path

import pytest

from replication.absent import Absent, AbsentError
from replication.alternatives import alternatives
from replication.datasets.errors import DataError
from replication.scoring.errors import absence, absent_from_json, absent_to_json
from replication.scoring.rated_sets import labels_in, score_set


def test_braces_stand_for_alternatives() -> None:
    assert alternatives("psnr") == ["psnr"]
    assert alternatives("{a|b}+smic(k={1|2})") == ["a+smic(k=1)", "a+smic(k=2)", "b+smic(k=1)", "b+smic(k=2)"]
    assert alternatives("taps={[a, b]|[c]}") == ["taps=[a, b]", "taps=[c]"]


def test_lists_and_mappings_are_gathered_once_each() -> None:
    assert labels_in(["psnr"], {"x": "{psnr|ssim}", "y": {"z": ["mad"]}}) == ["psnr", "ssim", "mad"]


def test_a_metric_without_weights_is_a_column_that_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    scored = score_set("photos-distorted", ["psnr", "dists"], workers=0, show_progress=False)
    assert scored.with_scores() == ["psnr"]
    assert set(scored.table["metric"]) == {"psnr"}
    absent = scored.metrics["dists"].absent
    assert absent is not None
    assert absent.kind == "weights"
    assert "VGG16" in str(absent)
    assert str(tmp_path) not in str(absent)
    scored.save(tmp_path / "saved")
    assert type(scored).load(tmp_path / "saved").metrics["dists"].absent == absent


def test_an_absence_is_named_without_what_only_this_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATION_DATA", "/somewhere/data")
    missing = AbsentError(Absent("weights", "VGG16", how_to_get="Put them into /somewhere/data/weights"))
    assert absence(missing, "data set", "x") == Absent("weights", "VGG16")
    damaged = DataError("the list in /somewhere/data/live is cut off")
    assert absence(damaged, "data set", "LIVE") == Absent("data set", "LIVE", "the list in data/live is cut off")
    assert absent_from_json(absent_to_json(Absent("weights", "VGG16"))) == Absent("weights", "VGG16")
    assert absent_to_json(None) is None
    assert absent_from_json(None) is None
