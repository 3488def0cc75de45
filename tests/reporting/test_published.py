"""Published values against the papers, and tables that cannot be read."""

import shutil
from importlib import resources
from pathlib import Path

import pytest

from replication.reporting import published
from replication.reporting.published import KEY, PublishedError

# The poster's table as it is printed: Bicubic, MSE, MAE, MS-SSIM.
SUPER_RESOLUTION = """
Set5 PSNR 28.44 30.52 29.57 30.35
Set5 SSIM 0.8097 0.8621 0.8350 0.8681
Set14 PSNR 26.01 27.53 26.82 27.47
Set14 SSIM 0.7018 0.7512 0.7310 0.7610
BSD200 PSNR 25.92 26.87 26.47 26.84
BSD200 SSIM 0.6952 0.7378 0.7220 0.7484
"""
REPRESENTATIONS = {"MSE": "5.60 277.46 51.46", "MAE": "5.60 325.19 50.23", "MS-SSIM": "3.53 234.32 35.60"}
# Gains printed beside the values of SMIC's Table I, in points: SRCC and PLCC on each of the six sets in turn.
GAINS = {
    "PSNR": "2.2 2.1 6.8 3.7 12.6 12.2 15.9 13.7 6.5 6.3 12.5 11.7",
    "SSIM": "1.7 1.5 6.3 6.3 8.5 2.0 9.8 9.6 4.8 4.7 4.7 4.9",
    "LPIPS": "2.7 1.1 7.9 4.5 19.7 13.2 19.1 20.7 8.4 5.4 16.8 16.8",
    "DISTS": "0.6 0.0 1.7 0.6 2.1 1.5 0.3 0.3 5.0 6.5 2.6 3.1",
    "DeepWSD": "0.7 0.8 0.4 1.2 0.8 2.7 1.8 1.8 9.4 11.2 5.2 5.0",
}


def test_super_resolution_is_as_printed():
    table = published.values("msssim", "super_resolution").pivot(
        index=["column", "statistic"], columns="row", values="printed"
    )
    printed = [line.split() for line in SUPER_RESOLUTION.strip().splitlines()]
    for data_set, statistic, *numbers in printed:
        assert list(table.loc[(data_set, statistic), ["Bicubic", "MSE", "MAE", "MS-SSIM"]]) == numbers
    assert table.shape == (6, 4)


def test_representations_are_as_printed():
    table = published.values("msssim", "representations")
    for loss, numbers in REPRESENTATIONS.items():
        rows = table[table["row"] == loss]
        assert list(rows["printed"]) == numbers.split()
        assert list(rows["column"]) == ["identity", "azimuth", "elevation"]


def test_gains_printed_in_table_1_of_smic_are_differences_of_its_values():
    table = published.values("smic", "table1").set_index("row")
    for method, gains in GAINS.items():
        differences = table.loc[f"{method} w/ SMIC", "value"].to_numpy() - table.loc[method, "value"].to_numpy()
        assert differences * 100 == pytest.approx([float(gain) for gain in gains.split()], abs=1e-9)


def test_rows_that_two_tables_share_agree():
    first = published.values("smic", "table1").set_index(["row", "column", "statistic"])["printed"]
    second = published.values("smic", "table2").set_index(["row", "column", "statistic"])["printed"]
    shared = first.index.intersection(second.index)
    assert len(shared) == 40
    assert (first[shared] == second[shared]).all()


def test_every_table_is_listed_and_has_tolerances():
    values = published.values()
    limits = published.tolerances()
    kinds = set(values[["paper", "table", "statistic"]].itertuples(index=False, name=None))
    assert kinds == set(limits[["paper", "table", "statistic"]].itertuples(index=False, name=None))
    assert (limits["reproduced"] < limits["close"]).all()
    assert (limits["reason"] != "").all()
    files = {path.relative_to(_folder()).as_posix() for path in _folder().glob("*/*.csv")}
    assert files == {f"{paper}/{table}.csv" for paper, table in set(zip(values["paper"], values["table"], strict=True))}
    counts = {"msssim": 24 + 9, "lwssim": 18, "smic": 192 + 80, "msds": 8}  # as printed
    assert {paper: int((values["paper"] == paper).sum()) for paper in counts} == counts
    assert not values.duplicated(KEY).any()


def test_claims_belong_to_known_papers():
    assert set(published.claims()["paper"]) <= set(published.papers()["paper"])
    assert list(published.claims("msds")["claim"]) == ["consistent", "significant", "negligible-cost"]


def test_rounding_is_half_of_the_last_printed_digit():
    assert [published.rounding(text) for text in ("5.60", "0.8097", "277", "0.59")] == [0.005, 0.00005, 0.5, 0.005]


def test_unknown_paper_or_table_lists_the_known():
    with pytest.raises(PublishedError, match=r"no published paper 'msim'; known: msssim, lwssim, smic, msds"):
        published.values("msim")
    with pytest.raises(PublishedError, match=r"no published table 'table3'; known: table1, table2"):
        published.values("smic", "table3")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("30.52", "3O.52", "'3O.52' is not a number"),
        ("MAE,Set5,PSNR", "MSE,Set5,PSNR", "msssim / super_resolution / MSE / Set5 / PSNR stands there twice"),
        ("row,column", "method,column", "the columns must be row, column, statistic"),
        ("MSE,Set5,PSNR,30.52", "MSE,Set5,30.52", "line 3: 5 fields where 6"),
    ],
)
def test_a_broken_table_is_named(tmp_path, old, new, message):
    folder = shutil.copytree(_folder(), tmp_path / "papers")
    file = folder / "msssim" / "super_resolution.csv"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(PublishedError, match=message) as error:
        published.values(folder=folder)
    assert "msssim/super_resolution.csv" in str(error.value) or "msssim / super_resolution" in str(error.value)


def test_a_missing_table_is_named(tmp_path):
    folder = shutil.copytree(_folder(), tmp_path / "papers")
    (folder / "smic" / "table2.csv").unlink()
    with pytest.raises(PublishedError, match=r"smic/table2\.csv is missing"):
        published.values(folder=folder)


def _folder() -> Path:
    return Path(str(resources.files("replication") / "papers"))
