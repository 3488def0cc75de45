"""`correlate` as typed: values against scipy, directions, forms of tables, and one sentence for each mistake."""

import builtins
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import optimize, stats

from replication.cli import main
from tests.commands import tables


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(folder: Path, name: str = "correlations") -> pd.DataFrame:
    table = pd.read_csv(folder / "out" / f"{name}.csv")
    return table.set_index("metric") if "metric" in table else table


def logistic(x: Any, b1: float, b2: float, b3: float, b4: float, b5: float) -> Any:
    return b1 * (0.5 - 1 / (1 + np.exp(b2 * (x - b3)))) + b4 * x + b5


def test_coefficients_are_scipys(folder: Path) -> None:
    table = tables.wide()
    tables.save(table, folder / "s.csv")
    assert main(["correlate", "s.csv", "--out", "out"]) == 0
    found, opinion = written(folder), table["opinion"]
    for label in tables.LABELS:
        scores = table[label]
        # Files have seven digits.
        assert found["srcc"][label] == pytest.approx(abs(stats.spearmanr(scores, opinion)[0]), abs=1e-6)
        assert found["krcc"][label] == pytest.approx(abs(stats.kendalltau(scores, opinion)[0]), abs=1e-6)
        assert found["srcc_low"][label] < found["srcc"][label] < found["srcc_high"][label]
    # The curve that scipy's general search fits from the usual start: the same where no bound is active.
    scores = table["SSIM"].to_numpy()
    start = (np.ptp(opinion), 1 / scores.std(), scores.mean(), 0.0, opinion.mean())
    fitted = logistic(scores, *optimize.curve_fit(logistic, scores, opinion, p0=start, maxfev=100_000)[0])
    assert found["plcc"]["SSIM"] == pytest.approx(stats.pearsonr(fitted, opinion)[0], abs=2e-3)
    assert found["rmse"]["SSIM"] == pytest.approx(np.sqrt(np.mean((fitted - opinion) ** 2)), rel=0.02)
    assert found.loc["SSIM", ["n", "references", "direction"]].tolist() == [96, 8, "registry"]


def test_differences_have_the_p_values_of_holm(folder: Path) -> None:
    tables.save(tables.wide(), folder / "s.csv")
    main(["correlate", "s.csv", "--out", "out"])
    found, coefficients = written(folder, "differences"), written(folder)["srcc"]
    assert len(found) == len(list(combinations(tables.LABELS, 2)))
    for row in found.to_dict("records"):
        assert row["difference"] == pytest.approx(coefficients[row["first"]] - coefficients[row["second"]], abs=2e-6)
    ordered = sorted(found["p"])
    steps = [min(1.0, p * (len(ordered) - i)) for i, p in enumerate(ordered)]
    expected = np.maximum.accumulate(steps)
    np.testing.assert_allclose(sorted(found["p_holm"]), expected, rtol=1e-5)


def test_long_and_wide_tables_give_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tables.wide()
    tables.save(table, folder / "wide.csv")
    tables.save(tables.long(table), folder / "long.csv")
    assert main(["correlate", "wide.csv"]) == 0
    first = capsys.readouterr()
    assert main(["correlate", "long.csv"]) == 0
    assert capsys.readouterr() == first
    assert "96 images of 8 references; MOS, higher is better" in first.out
    assert "SSIM agrees best with the opinions" in first.out
    assert max(map(len, first.out.splitlines())) <= 80


def test_a_known_metric_has_its_sign_and_an_unknown_one_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tables.wide().rename(columns={"distance": "LPIPS-Alex", "SSIM": "MS_SSIM"})
    tables.save(table.assign(psnr=-table["MS_SSIM"], foo=-table["MS_SSIM"]), folder / "s.csv")
    assert main(["correlate", "s.csv", "--out", "out"]) == 0
    found = written(folder)
    assert found["direction"].tolist() == ["registry", "registry", "sign", "registry", "sign"]
    assert found["srcc"]["LPIPS-Alex"] > 0.7
    assert found["srcc"]["psnr"] == -found["srcc"]["foo"] < -0.9
    notes = capsys.readouterr().err
    assert "note: foo: its direction is not known, so its correlation is given without sign" in notes
    assert "LPIPS" not in notes


def test_dmos_is_an_option_or_the_name_of_the_column(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tables.wide()[["reference", "distorted", "opinion", "SSIM"]]
    tables.save(table.assign(opinion=-table["opinion"]), folder / "a.csv")
    tables.save(table.assign(opinion=-table["opinion"]).rename(columns={"opinion": "DMOS"}), folder / "b.csv")
    for command in (["a.csv", "--dmos"], ["b.csv"]):
        assert main(["correlate", *command, "--out", "out"]) == 0
        assert written(folder)["srcc"]["SSIM"] > 0.9
        assert "contradicts" not in capsys.readouterr().err
    assert main(["correlate", "a.csv"]) == 0
    said = capsys.readouterr()
    assert "every metric contradicts the opinions; if lower opinions are better (DMOS), add --dmos" in said.err
    assert "No metric agrees with the opinions" in said.out


def test_a_direction_can_be_given(folder: Path) -> None:
    tables.save(tables.wide(), folder / "s.csv")
    command = ["correlate", "s.csv", "--out", "out"]
    assert main([*command, "--lower-is-better", "distance", "--higher-is-better", "weak"]) == 0
    assert written(folder)["direction"].tolist() == ["registry", "option", "option"]
    assert written(folder)["srcc"]["distance"] > 0
    assert main([*command, "--higher-is-better", "distance"]) == 0
    assert written(folder)["srcc"]["distance"] < 0


def test_each_distortion_type_by_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tables.wide()
    tables.save(table, folder / "s.csv")
    assert main(["correlate", "s.csv", "--by-distortion", "--out", "out"]) == 0
    found = written(folder, "by_distortion").reset_index().set_index(["distortion", "metric"])
    blurred = table[table["distortion"] == "blur"]
    expected = stats.spearmanr(blurred["SSIM"], blurred["opinion"])[0]
    assert found.loc[("blur", "SSIM"), "srcc"] == pytest.approx(expected, abs=1e-6)
    assert "blur: 48 images" in capsys.readouterr().out


def test_rows_without_an_opinion_or_a_score_are_left_out_and_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tables.wide()
    table.loc[:3, "opinion"] = np.nan
    table.loc[10:11, "SSIM"] = np.nan
    table.loc[table["SSIM"].idxmax(), "SSIM"] = np.inf
    tables.save(table.assign(comment="none"), folder / "s.csv")
    assert main(["correlate", "s.csv", "--out", "out"]) == 0
    assert written(folder).loc["SSIM", ["n", "left_out"]].tolist() == [90, 2]
    said = capsys.readouterr().err
    assert "note: columns without scores, passed over: comment\n" in said
    assert "note: 4 images without an opinion are left out\n" in said


def test_few_references_are_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tables.wide()
    tables.save(table, folder / "s.csv")
    assert main(["correlate", "s.csv"]) == 0
    assert "too few" not in capsys.readouterr().err
    names = sorted(table["reference"].unique())
    tables.save(table[table["reference"].isin(names[:4])], folder / "few.csv")
    assert main(["correlate", "few.csv"]) == 0
    assert "note: 4 references: too few for intervals over references to say much\n" in capsys.readouterr().err


def test_a_metric_that_cannot_be_correlated_is_said_and_the_others_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tables.wide().assign(flat=1.0)
    table["few"] = [1.0, 2.0] + [np.nan] * (len(table) - 2)
    tables.save(table, folder / "s.csv")
    assert main(["correlate", "s.csv"]) == 1
    said = capsys.readouterr()
    assert "note: few: 2 images only, 3 needed\n" in said.err
    assert "note: flat: all scores are equal: no correlation is defined\n" in said.err
    assert "SSIM agrees best" in said.out


def test_one_reference_has_coefficients_without_intervals(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables.save(tables.wide(references=1), folder / "s.csv")
    assert main(["correlate", "s.csv", "--out", "out"]) == 1
    assert "all images have one reference: there are no intervals" in capsys.readouterr().err
    assert written(folder)["srcc"]["SSIM"] > 0.8


def test_an_image_may_be_a_distortion_of_two_references(folder: Path) -> None:
    table = tables.wide()
    table["distorted"] = [f"d{i % 12}" for i in range(len(table))]
    tables.save(table, folder / "s.csv")
    assert main(["correlate", "s.csv", "--out", "out"]) == 0
    assert written(folder)["n"].tolist() == [96] * 3


def test_a_figure_is_written_where_matplotlib_is_installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tables.save(tables.wide().rename(columns={"weak": "$\\weak$"}), folder / "s.csv")
    assert main(["correlate", "s.csv", "--out", "out"]) == 0
    assert Image.open(folder / "out" / "scatter.png").size > (400, 200)
    first = (folder / "out" / "scatter.png").read_bytes()
    main(["correlate", "s.csv", "--out", "again"])
    assert (folder / "again" / "scatter.png").read_bytes() == first

    importing = builtins.__import__

    def without(name: str, *others: Any, **more: Any) -> Any:
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return importing(name, *others, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert main(["correlate", "s.csv", "--out", "none"]) == 0
    assert "note: no figure, because matplotlib is not installed" in capsys.readouterr().err
    assert sorted(path.name for path in (folder / "none").iterdir()) == ["correlations.csv", "differences.csv"]


def without_column(name: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.drop(columns=name)


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (without_column("opinion"), [], "s.csv: no column opinion (or mos, or dmos); wanted are opinion, and scores"),
        (without_column(list(tables.LABELS)), [], "s.csv has no column of scores beside the opinions"),
        (lambda t: t.assign(opinion=""), [], "s.csv has no opinions: its column is empty"),
        (lambda t: t.assign(mos=1), [], "s.csv has the columns opinion and mos; keep the one"),
        (lambda t: t.assign(data_set=["a", "b"] * 48), [], "s.csv holds 2 data sets (a, b), whose opinions"),
        (
            lambda t: t.astype({"SSIM": str}).replace({"SSIM": {str(t["SSIM"][4]): "0,9"}}),
            [],
            "s.csv line 6, column SS",
        ),
        (lambda t: t.assign(opinion=["high", *t["opinion"][1:]]), [], "s.csv line 2, column opinion: 'high' is no opi"),
        (
            lambda t: pd.concat([t, t[:1]]),
            [],
            "s.csv line 98 has the image d/i0.png of s.csv line 2 again, metric SSIM",
        ),
        (lambda t: tables.long(t).drop(columns="score"), [], "s.csv: a column metric, but no column score beside it"),
        (lambda t: tables.long(t).drop(columns="distorted"), [], "s.csv: no column distorted, which tells the scores"),
        (lambda t: t[:0], [], "s.csv has no rows below the names of its columns"),
        (lambda t: t, ["--metric", "sim"], "s.csv has no scores of 'sim'; it has: SSIM, distance, weak"),
        (lambda t: t, ["--lower-is-better", "x"], "no scores of 'x'; the table has: SSIM, distance, weak"),
        (
            lambda t: t,
            ["--lower-is-better", "weak", "--higher-is-better", "weak"],
            "'weak' is given both directions; give one",
        ),
        (without_column("distortion"), ["--by-distortion"], "s.csv has no column distortion, or an empty one"),
        (lambda t: t, ["--out", "s.csv"], "s.csv is a file; --out names a folder"),
    ],
)
def test_mistakes_are_one_sentence(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[pd.DataFrame], pd.DataFrame],
    options: list[str],
    said: str,
) -> None:
    tables.save(change(tables.wide()), folder / "s.csv")
    assert main(["correlate", "s.csv", *options]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith(f"error: {said}")
    assert captured.out == ""


def test_files_that_are_no_tables_are_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "x").mkdir()
    (folder / "semicolons.csv").write_text("reference;opinion;ssim\nr;1;2\n")
    (folder / "bytes.csv").write_bytes(b"opinion,ssim\n\xff,2\n")
    for name, said in (
        ("no.csv", "no.csv: no such file"),
        ("x", "x is a folder; give a CSV file"),
        ("semicolons.csv", "fields must be separated by commas"),
        ("bytes.csv", "bytes.csv line 2: the byte 0xff is no UTF-8 text"),
    ):
        assert main(["correlate", name]) == 2
        assert said in capsys.readouterr().err
