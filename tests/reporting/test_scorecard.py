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
    claims = pd.DataFrame(
        [("msssim", "sr-mae-worst", "close", "4 of 6 & more")], columns=["paper", "claim", "verdict", "evidence"]
    )
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
    for paper in published.pictures():
        assert "not built" in section(page, paper)


def test_values_stand_beside_ours_with_interval_and_verdict(clone, results):
    own = section(build(clone), "msssim")
    assert "24 values: 6 reproduced, 6 close, 6 not reproduced, 6 not run" in own
    assert "<summary>6 not run: no &lt;weights&gt;</summary>" in own
    row = re.search(r"<tr><th scope='row'>MSE</th>.*?</tr>", own)[0]
    assert "<td class='number'>30.52</td>" in row
    assert '30.64 <span class="interval">[30.51, 32.52]</span>' in row
    assert "+0.12" in row
    assert '<span class="verdict close">≈ close</span>' in row
    assert "–</td>" in re.search(r"<tr><th scope='row'>MS-SSIM</th>.*?</tr>", own)[0]
    assert "no &lt;weights&gt;" in own
    assert "<weights>" not in own
    assert "4 of 6 &amp; more" in own


def test_a_paper_opens_with_what_came_out(clone, results):
    claim = published.claims("msssim").iloc[0]
    rows = [
        ("msssim", claim["claim"], "not reproduced", "in 2 < 6 sets"),
        ("msssim", "sr-mae-worst", "close", "4 of 6"),
    ]
    write_results("sample", "sr", results, pd.DataFrame(rows, columns=["paper", "claim", "verdict", "evidence"]))
    own = section(build(clone), "msssim")
    outcome = re.search(r'<div class="outcome">.*?</div>', own)[0]
    assert own.index(outcome) < own.index("<h3>Claims</h3>")
    assert claim["statement"] in outcome
    assert "✕ not reproduced</span> in 2 &lt; 6 sets</p>" in outcome
    assert "Of 7 claims: 1 close, 1 not reproduced, 5 not run; of 33 values: 6 reproduced" in outcome


def test_overview_counts_per_paper(clone, results):
    page = build(clone)
    rows = re.findall(r"<tr><th scope='row'>(values|claims)</th>(.*?)</tr>", page)
    counts = [(kind, re.findall(r"<td class='number'>(\d*)</td>", cells)) for kind, cells in rows]
    assert counts[:3] == [
        ("values", ["6", "6", "6", "", "", "", "15"]),
        ("claims", ["", "1", "", "", "", "", "6"]),
        ("values", ["", "", "", "", "", "", "18"]),
    ]
    total = len(published.values()) - 18, len(published.claims()) - 1
    assert counts[-2:] == [
        ("values", ["6", "6", "6", "", "", "", str(total[0])]),
        ("claims", ["", "1", "", "", "", "", str(total[1])]),
    ]


def test_the_overview_counts_what_is_not_tested_by_what_it_says(clone, results):
    rows = [("msssim", "sr-mae-worst", "not tested", "contradicts", "other images", "4 of 6")]
    columns = ["paper", "claim", "verdict", "says", "untested", "evidence"]
    write_results("sample", "sr", results, pd.DataFrame(rows, columns=columns))
    head = re.search(r'<table class="sides overview">.*?<th scope=\'row\'>claims</th>(.*?)</tr>', build(clone))
    columns = [re.sub("<.*?>", " ", cell).split() for cell in re.findall(r"<th scope='col'.*?</th>", head[0])]
    cells = re.findall(r"<td class='number'>(\d*)</td>", head[1])
    assert dict(zip([cell[-1] for cell in columns], cells, strict=True))["contradicts"] == "1"
    assert cells == ["", "", "", "", "", "1", "6"]


def test_details_of_a_paper_are_folded_below_what_came_out(clone, results):
    own = section(build(clone), "msssim")
    fold = own.index('<details class="verdicts"><summary>Claims and values one by one</summary>')
    assert own.index("What came out") < fold < own.index("<h3>Claims</h3>")
    assert own.endswith("</details></section>")


def test_long_tables_are_folded_and_short_ones_are_not(clone, results):
    table = published.values("smic", "table1")
    write_results("sample", "smic", table[[*KEY, "value"]])
    page = build(clone)
    assert "<p>192 values: 192 reproduced" in page
    assert "<details><summary>192 of them</summary>" in page
    assert " of them</summary>" not in section(page, "msssim")


def test_what_was_not_run_for_one_reason_is_folded_under_it(clone):
    table = published.values("lwssim", "celeba").head(6)
    notes = ["", "no <faces>", "no <faces>", "no <faces>", "no weights", "no weights"]
    ours = table[KEY].assign(value=[0.8, *[np.nan] * 5], note=notes)
    write_results("sample", "faces", ours)
    own = section(build(clone), "lwssim")
    own = own[own.index("<p>18 values") :]  # after the claims, whose rules are folded too
    assert "<p>18 values: 1 reproduced, 17 not run" in own
    folds = dict(re.findall(r"<details><summary>(.*?)</summary>(.*?)</details>", own, re.DOTALL))
    assert list(folds) == ["3 not run: no &lt;faces&gt;", "12 not run: not built"]
    assert [fold.count("– not run</span></td>") for fold in folds.values()] == [3, 12]
    shown = own[own.index("18 values") : own.index("<details>")]
    assert shown.count("<tr><th scope='row'>") == 3  # what was computed, and two that share a reason
    assert shown.count("<small>no weights</small>") == 2


def test_claims_with_a_verdict_come_first(clone, results):
    statements = re.findall(
        r"<tr><th scope='row'>(.*?)</th><td><span class=\"verdict (.*?)\">", section(build(clone), "msssim")
    )
    claims = published.claims("msssim")
    assert statements[0] == (claims["statement"][2], "close")
    assert [statement for statement, _ in statements[1:]] == list(claims["statement"].drop(2))


def test_verdicts_link_to_the_notebooks_page_where_there_is_one(clone, results):
    assert 'href="sr.html"' not in build(clone)
    (clone / "reports" / "sample" / "sr.html").write_text("<title>A &amp; B</title>")
    page = build(clone)
    assert '<a href="sr.html">A &amp; B</a>' in section(page, "msssim")
    assert 'href="sr.html"' not in section(page, "smic")
    assert '<li><a href="sr.html">A &amp; B</a></li>' in page


def test_pages_of_one_notebook_are_told_apart(clone):
    reports = clone / "reports" / "sample"
    reports.mkdir(parents=True)
    footer = "<dt>Notebook</dt><dd>smic_training.ipynb</dd>"
    (reports / "smic_training_mae.html").write_text(f"<title>Training</title>{footer}")  # rendered before titles told
    (reports / "smic_training_mse.html").write_text(f"<title>Training: mse</title>{footer}")
    (reports / "smic_scores_live.html").write_text(
        "<title>Scoring: smic_scores_live</title><dt>Notebook</dt><dd>scores.ipynb</dd>"
    )
    (reports / "other.html").write_text("<title>Other</title>")
    page = build(clone)
    links = '<a href="smic_training_mae.html">mae</a>, <a href="smic_training_mse.html">mse</a>'
    title = published.papers().set_index("paper")["title"]["smic"]
    scores = '<a href="smic_scores_live.html">scores_live</a>'
    assert f"<h3>{title}</h3><ul><li>Scoring: {scores}</li><li>Training: {links}</li></ul>" in page
    assert '<h3>Across the papers</h3><ul><li><a href="other.html">Other</a></li></ul>' in page


def test_many_pages_of_one_notebook_are_folded(clone):
    reports = clone / "reports" / "sample"
    reports.mkdir(parents=True)
    for number in range(13):
        page = "<title>Many</title><dt>Notebook</dt><dd>pe_many.ipynb</dd>"
        (reports / f"pe_many_{number:02}.html").write_text(page)
    assert '<details><summary>Many: 13 pages</summary><a href="pe_many_00.html">00</a>, ' in build(clone)


def test_pictures_lead_to_their_pages_and_absent_ones_say_why(clone):
    assert "No pictures: the gallery has not been made yet." in build(clone)
    folder = clone / "reports" / "sample" / "gallery"
    folder.mkdir(parents=True)
    rows = ["paper,page,shows,absent", "smic,six,A & B.,", "pe,channels,Curves.,the notebook channels has not been run"]
    (folder / "pictures.csv").write_text("\n".join(rows))
    (folder.parent / "six.html").write_text("<title>Six</title>")
    page = build(clone)
    assert '<a href="six.html"><img src="gallery/smic.png" alt="A &amp; B."></a>' in page
    assert "No picture: the notebook channels has not been run." in page
    assert "gallery/pe.png" not in page


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


def test_scorecard_says_what_the_profile_is_and_links_within_itself(clone, results):
    page = build(clone)
    assert "These numbers replicate nothing" in page
    assert verdicts.RULE.replace("'", "&#x27;") in page
    assert str(clone) not in page
    assert page == build(clone)
    links = set(re.findall(r'(?:src|href)="(.*?)"', page)) - {"pages.js", "site.js"}
    assert all(link.startswith(("#", "https://arxiv.org/abs/", "https://doi.org/")) for link in links)
    assert {link[1:] for link in links if link.startswith("#")} <= set(re.findall(r'id="(.*?)"', page))
