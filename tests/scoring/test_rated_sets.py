"""Lists of metrics with alternatives, and metrics that cannot be computed."""

from pathlib import Path

import pytest

from replication.scoring.rated_sets import alternatives, labels_in, reason, score_set


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
    assert "vgg16" in scored.metrics["dists"].absent
    assert str(tmp_path) not in scored.metrics["dists"].absent
    scored.save(tmp_path / "kept")
    assert type(scored).load(tmp_path / "kept").metrics["dists"].absent == scored.metrics["dists"].absent


def test_a_reason_leaves_out_what_to_do() -> None:
    assert reason("live is missing: there is no live under /data. To get it: ...") == "live is missing"
    assert reason("the weights a.pth are not here; put the file into /data/weights") == "the weights a.pth are not here"
