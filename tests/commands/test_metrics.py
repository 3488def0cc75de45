"""`metrics` as typed: every metric with its facts, readable at 80 columns, and for programs."""

import csv
import io
import json

import pytest

from replication.cli import main
from replication.metrics import registry
from replication.scoring.about import about, direction_of


def test_every_metric_is_listed_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.partition(":")[0] for line in lines if line[:1].strip() and "is better" in line] == registry.names()
    entry = " ".join(" ".join(lines[lines.index("ssim: higher is better; in [-1, 1]") :]).split())
    assert "(MS-SSIM) (Wang, Bovik, Sheikh, Simoncelli 2004) options: colour=rgb, eight_bit=false, " in entry[:250]


def test_lists_for_programs_have_the_same_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics", "--csv"]) == 0
    rows = {row["metric"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert list(rows) == registry.names()
    assert rows["gmsd"]["higher_is_better"] == "false"
    assert rows["gmsd"]["options"] == "colour=gray; eight_bit=true; reduction=none"
    assert rows["lpips-vgg"]["weights"] == "vgg16 lpips-vgg-heads"
    assert main(["metrics", "lpips-vgg", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["name"], one["protocol"]["backbone"]) == ("lpips-vgg", "vgg16")


def test_one_metric_has_its_formula_choices_and_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics", "ms-ssim"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 100  # a formula is not broken
    assert "    window_kind: gaussian, uniform\n" in shown
    assert "protocol: colour: rgb" in shown
    assert "MS-SSIM of each image" in shown


def test_missing_weights_are_named_with_the_way_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert main(["metrics", "lpips-alex"]) == 0
    shown = capsys.readouterr().out
    assert "weights: alexnet (missing), lpips-alex-heads (available)" in shown
    assert "data fetch alexnet" in " ".join(shown.split())
    assert main(["metrics", "pieapp"]) == 0
    assert "pieapp: lower is better\n" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "meant"), [("SSIM", "; did you mean ssim?"), ("qqqq", "")])
def test_an_unknown_metric_is_one_sentence(name: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics", name]) == 2
    said = capsys.readouterr().err
    assert said == f"error: unknown metric {name!r}{meant} (`python -m replication metrics` lists them)\n"


@pytest.mark.parametrize("name", registry.names())
def test_the_facts_agree_with_the_metric(name: str) -> None:
    found = about(name)
    assert found.higher_is_better is not None
    assert found.title
    assert set(found.options) <= set(registry._entry(name).options or {})
    for option, default in found.options.items():
        if option in ("colour", "eight_bit", "reduction"):
            assert default == str(found.protocol[option]).lower()


@pytest.mark.parametrize(
    ("label", "higher"),
    [
        ("SSIM", True),
        ("MS_SSIM", True),
        ("ssim(colour=gray, k1=0.02)", True),
        ("ssim+smic", False),
        ("psnr+SMIC", True),
        ("pieapp", False),
        ("feature-distance(backbone=vgg16, tap=relu2_2)", False),
        ("LPIPS", None),
        ("my metric (v2)", None),
    ],
)
def test_directions_are_known_by_the_labels_of_a_table(label: str, higher: bool | None) -> None:
    assert direction_of(label) is higher
