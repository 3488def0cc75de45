"""The scorecard: every published value and claim, whatever has been run."""

import re

import numpy as np
import pandas as pd
import pytest

from replication.reporting import published, scorecard, verdicts
from replication.reporting.published import KEY
from replication.reporting.verdicts import ResultsError, write_results


@pytest.fixture
def results(clone):
    """The super-resolution table: bicubic exact, MSE close, MAE off, MS-SSIM without weights; one claim."""
    values = published.values("msssim", "super_resolution")
    shift = values["row"].map({"Bicubic": 0, "MSE": 4e-3, "MAE": 1, "MS-SSIM": np.nan})
    scale = np.where(values["statistic"] == "PSNR", 30, 1)
    ours = values[KEY].assign(
        value=values["value"] + shift * scale, low=values["value"] - 0.01, high=values["value"] + 2
    )
    ours["note"] = np.where(ours["row"] == "MS-SSIM", "no <weights>", "")
    claims = pd.DataFrame([("msssim", "sr-mae-worst", "close", "4 of 6 & more")], columns=verdicts.CLAIM_COLUMNS)
    write_results("sample", "sr", ours, claims)
    return ours


def build(clone) -> str:
    assert scorecard.build("sample") == clone / "reports" / "sample" / "index.html"
    return (clone / "reports" / "sample" / "index.html").read_text()


def section(page: str, paper: str) -> str:
    return re.search(rf'<section><h2 id="{paper}">.*?</section>', page, re.DOTALL)[0]


def test_without_results_every_value_and_claim_is_not_built(clone):
    page = build(clone)
    rows = len(published.values()) + len(published.claims())
    assert page.count("– not run</span></td>") + page.count("– not run</span> <small>not built</small></td>") == rows
    assert "None has been run yet" in page
    for paper in published.papers()["paper"]:
        assert "not built" in section(page, paper)


def test_values_stand_beside_ours_with_interval_and_verdict(clone, results):
    own = section(build(clone), "msssim")
    assert "24 values: 6 reproduced, 6 close, 6 not reproduced, 6 not run" in own
    row = re.search(r"<tr><th scope='row'>MSE</th>.*?</tr>", own)[0]
    assert "<td class='number'>30.52</td>" in row
    assert '30.64 <span class="interval">[30.51, 32.52]</span>' in row
    assert "+0.12" in row
    assert '<span class="verdict close">≈ close</span>' in row
    assert "–</td>" in re.search(r"<tr><th scope='row'>MS-SSIM</th>.*?</tr>", own)[0]
    assert "no &lt;weights&gt;" in own
    assert "<weights>" not in own
    assert "4 of 6 &amp; more" in own


def test_overview_counts_per_paper(clone, results):
    page = build(clone)
    rows = re.findall(r"<tr><th scope='row'>(values|claims)</th>(.*?)</tr>", page)
    counts = [(kind, re.findall(r"<td class='number'>(\d*)</td>", cells)) for kind, cells in rows]
    assert counts[:3] == [
        ("values", ["6", "6", "6", "15"]),
        ("claims", ["", "1", "", "5"]),
        ("values", ["", "", "", "18"]),
    ]
    assert len(counts) == 9  # one paper prints no tables


def test_long_tables_are_folded_and_short_ones_with_results_open(clone, results):
    table = published.values("smic", "table1")
    write_results("sample", "smic", table[[*KEY, "value"]])
    page = build(clone)
    assert "<details open><summary>24 values" in page
    assert "<details><summary>192 values" in page
    assert "<details><summary>9 values" in page


def test_verdicts_link_to_the_notebooks_page_where_there_is_one(clone, results):
    assert 'href="sr.html"' not in build(clone)
    (clone / "reports" / "sample" / "sr.html").write_text("<title>A &amp; B</title>")
    page = build(clone)
    assert '<a href="sr.html">A &amp; B</a>' in section(page, "msssim")
    assert 'href="sr.html"' not in section(page, "smic")
    assert '<li><a href="sr.html">A &amp; B</a> <small>sr</small></li>' in page


def test_extensions_are_shown_apart(clone, results):
    extension = results.head(1).assign(table="another <network>", value=0.12345, low=np.nan, high=np.nan)
    write_results("sample", "other", results.head(0), extensions=extension)
    page = build(clone)
    assert "Numbers that no paper has published" in page
    assert "another &lt;network&gt;" in page
    assert "0.1235" in page or "0.1234" in page


def test_two_experiments_may_not_report_the_same_value(clone, results):
    write_results("sample", "twin", results.head(1))
    with pytest.raises(ResultsError, match="Bicubic / Set5 / PSNR is reported by two experiments: sr and twin"):
        scorecard.build("sample")


def test_scorecard_says_what_the_profile_is_and_needs_no_scripts(clone, results):
    page = build(clone)
    assert "These numbers replicate nothing" in page
    assert "<script" not in page
    assert verdicts.RULE.replace("'", "&#x27;") in page
    assert str(clone) not in page
    assert page == build(clone)
    links = set(re.findall(r'(?:src|href)="(.*?)"', page))
    assert all(link.startswith(("#", "https://arxiv.org/abs/", "https://doi.org/")) for link in links)
    assert {link[1:] for link in links if link.startswith("#")} <= set(re.findall(r'id="(.*?)"', page))
