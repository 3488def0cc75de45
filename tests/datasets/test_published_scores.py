"""Published scores as score tables."""

from collections.abc import Callable
from dataclasses import replace
from math import log10
from pathlib import Path

import pytest

from replication import datasets
from replication.datasets import DataError
from replication.datasets.catalogue.published_scores import PUBLISHED
from replication.datasets.iqa import labels
from replication.datasets.published_scores import SCORE_COLUMNS


@pytest.fixture
def published(real_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(real_data("published-scores").parent))


@pytest.mark.parametrize(
    ("name", "images", "references", "srcc"),
    [
        ("live", 982, 29, 0.9625),  # given with the tables, by their authors
        ("csiq", 750, 30, 0.9646),
        ("tid2013", 3000, 25, 0.8806),
        ("kadid-10k", 10125, 81, 0.9016),
        ("pipal", 23200, 200, 0.6327),
    ],
)
def test_published_correlations_come_out(published: None, name: str, images: int, references: int, srcc: float) -> None:
    table = datasets.published_scores(name)
    assert tuple(table.columns) == SCORE_COLUMNS
    assert table["metric"].unique().tolist() == ["DeepWSD_VGG", "DeepWSD_Squeeze", "DeepJSD_VGG", "DeepJSD_Squeeze"]
    assert (len(table), table["reference"].nunique()) == (4 * images, references)
    one = table[table["metric"] == "DeepWSD_VGG"]
    assert one["distorted"].is_unique
    assert abs(one["score"].corr(one["opinion"], method="spearman")) == pytest.approx(srcc, abs=5.1e-5)
    assert set(table["data_set"]) == {name}
    assert set(table["problem"]) == {""}
    assert "DeepWSD" in table.attrs["source"]
    assert table.attrs["opinion"]["higher_is_better"] == (name not in ("live", "csiq"))


def test_conventions_are_said(published: None) -> None:
    live, csiq = datasets.published_scores("live"), datasets.published_scores("csiq")
    assert "203 of them are undistorted copies" in live.attrs["convention"]
    copies = live[live["reference"].isna()]
    assert len(copies) == 4 * 203
    assert set(copies["opinion"]) == {0.0}
    assert "contrast decrements left out" in csiq.attrs["convention"]
    assert "global contrast decrements" not in set(csiq["distortion"])


def test_rows_are_those_of_the_file_with_what_their_names_say(published: None) -> None:
    row = datasets.published_scores("tid2013").iloc[0]
    assert row["distorted"] == "i01_01_1.bmp"
    assert row["reference"] == "i01.bmp"
    assert (row["distortion"], row["level"], row["opinion"]) == ("additive Gaussian noise", 1, 5.51429)
    assert row["score"] == 0.30864158272743225
    live = datasets.published_scores("live").set_index("distorted")
    assert live.loc["jp2k/img2.bmp", "reference"].iloc[0] == "studentsculpture.bmp"


def test_classical_metrics_keep_their_names_but_for_an_ssim_that_is_not_standard(published: None) -> None:
    table = datasets.published_scores("tid2013-classical")
    names = table["metric"].unique().tolist()
    assert "SSIM" not in names
    assert names[:7] == ["MSE", "RMSE", "PSNR", "SNR", "WSNR", "NQM", "UQI"]
    assert names[7:] == ["SSIM (not standard)", "MSSIM", "VIF", "CQ(1,1)", "GMSM", "GMSD"]
    psnr = table[table["metric"] == "PSNR"]
    mse = table[table["metric"] == "MSE"]
    assert psnr["score"].iloc[0] == pytest.approx(10 * log10(255**2 / mse["score"].iloc[0]), abs=1e-4)
    assert set(table["data_set"]) == {"tid2013"}


def test_images_are_named_as_in_the_sets(published: None) -> None:
    for name in ("live", "csiq", "kadid-10k", "pipal", "tid2013"):
        known = {(row.reference, row.distorted) for row in labels.read(name)}
        table = datasets.published_scores(name).dropna(subset="reference")
        assert set(zip(table["reference"], table["distorted"], strict=True)) <= known


@pytest.mark.parametrize(
    ("name", "metric", "srcc"),
    [
        ("live-zeroshot", "FSIM", 0.9646),
        ("tid2013-zeroshot", "LPIPS_vgg", 0.6787),
        ("pipal-zeroshot", "FSIM", 0.5895),
        ("live-boosting", "FSIMc", 0.9645),
        ("live-md-boosting", "FSIMc", 0.8666),
        ("tid2013-boosting", "PerSIM", 0.8536),
    ],
)
def test_further_tables_are_on_the_scales_of_metric_and_set(
    published: None, name: str, metric: str, srcc: float
) -> None:
    table = datasets.published_scores(name)
    part = table[table["metric"] == metric]
    known = {row.distorted: row for row in labels.read(name.rpartition("-")[0])}
    assert set(part["distorted"]) == set(known)
    for row in part.head(50).to_dict("records"):
        assert row["reference"] == known[row["distorted"]].reference
        assert row["opinion"] == pytest.approx(known[row["distorted"]].opinion, abs=1e-4)
    higher_is_better, protocol = table.attrs["columns"][metric]
    good = table.attrs["opinion"]["higher_is_better"] == higher_is_better
    assert part["score"].corr(part["opinion"], method="spearman") == pytest.approx(srcc if good else -srcc, abs=5e-5)
    assert protocol


def test_similarities_that_a_file_has_as_distances_are_turned_back(published: None) -> None:
    table = datasets.published_scores("tid2013-zeroshot").set_index(["distorted", "metric"])["score"]
    assert table["i01_01_1.bmp", "MS_SSIM"] == pytest.approx(1 - 2 * 0.00280913034)
    assert table["i01_01_1.bmp", "DISTS"] == 0.0638685226


def test_a_score_a_line_beside_a_list_of_images(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project / "data" / "deepwsd-scores"
    folder.mkdir(parents=True)
    with pytest.raises(DataError, match=r"no file .*DeepWSD_TID2013\.txt"):
        datasets.published_scores("tid2013-deepwsd")
    few = replace(PUBLISHED["tid2013-deepwsd"], rows=2)
    monkeypatch.setitem(PUBLISHED, "tid2013-deepwsd", few)
    (folder / "DeepWSD_TID2013.txt").write_text("15.5\n21.25\n")
    (folder / "TID2013_mos.txt").write_text("5.51429 I01_01_1.bmp\nx/i01_01_2.bmp\t5.5\n")
    table = datasets.published_scores("tid2013-deepwsd")
    assert table[["distorted", "opinion", "metric", "score"]].to_numpy().tolist() == [
        ["i01_01_1.bmp", 5.51429, "DeepWSD", 15.5],
        ["i01_01_2.bmp", 5.5, "DeepWSD", 21.25],
    ]
    (folder / "DeepWSD_TID2013.txt").write_text("15.5\n")
    with pytest.raises(DataError, match=r"has 1 scores, TID2013_mos.txt 2 images"):
        datasets.published_scores("tid2013-deepwsd")
    (folder / "TID2013_mos.txt").write_text("5.51429\n")
    with pytest.raises(DataError, match="TID2013_mos.txt line 1: expected an opinion and a file name"):
        datasets.published_scores("tid2013-deepwsd")


def test_missing_damaged_and_unknown_tables(project: Path) -> None:
    with pytest.raises(DataError, match="no published scores on 'qads'; known: live, csiq"):
        datasets.published_scores("qads")
    with pytest.raises(DataError, match=r"no .*csiq\.csv\. To get it: .*Licence"):
        datasets.published_scores("csiq")
    (project / "data" / "published-scores").mkdir(parents=True)
    path = project / "data" / "published-scores" / "csiq.csv"
    path.write_text("distorted,opinion_score,DeepWSD_VGG\n1600.AWGN.1.png,0.062,0.2\n")
    with pytest.raises(DataError, match="has 1 of 750 rows"):
        datasets.published_scores("csiq")
    path.write_text("distorted,opinion_score,DeepWSD_VGG\n1600.AWGN.1.png,0.062,\n")
    with pytest.raises(DataError, match="csiq.csv line 2: '' is no score"):
        datasets.published_scores("csiq")
    path.write_text("distorted,DeepWSD_VGG\n1600.AWGN.1.png,0.2\n")
    with pytest.raises(DataError, match="has no column opinion_score"):
        datasets.published_scores("csiq")
