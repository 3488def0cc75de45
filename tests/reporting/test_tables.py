"""Tables of a notebook: published beside ours, in words as well as in colour."""

import re

import numpy as np
import pandas as pd

from replication.reporting import published, verdicts
from replication.reporting.published import KEY
from replication.reporting.tables import show_claims, side_by_side


def test_side_by_side_has_a_row_per_value_and_the_rule():
    values = published.values("lwssim")
    ours = values[KEY].assign(value=values["value"] + 1, low=np.nan, high=np.nan)
    table = side_by_side(verdicts.compare(values, ours))
    html = table._repr_html_()
    assert html.count("<tr><th scope='row'>") == 18
    assert html.count("✕ not reproduced</span>") == 18
    groups = re.findall(r'<tr class="group"><th[^>]*>(.*?)</th>', html)
    assert groups == ["CelebA 64, SSIM", "CelebA 64, MSE"]
    assert "<td class='number'>0.0042</td><td class='number'>1.0042</td>" in html
    assert "[" not in re.search(r"<tbody>.*</tbody>", html, re.DOTALL)[0]
    assert verdicts.RULE.partition(";")[0] in html
    assert verdicts.RULE.partition(";")[0] not in side_by_side(verdicts.compare(values, ours), rule=False).html
    assert "<tr" not in repr(table)


def test_numbers_have_the_published_decimals_and_a_proper_minus():
    values = published.values("msssim", "super_resolution").head(2)
    ours = values[KEY].assign(value=[28.4399, 30.4], low=[28.0, 29.123], high=[29.0, 31.987])
    html = side_by_side(verdicts.compare(values, ours)).html
    assert '28.44 <span class="interval">[28.00, 29.00]</span>' in html
    assert '30.40 <span class="interval">[29.12, 31.99]</span>' in html
    assert re.findall(r"difference' title='[^']*'>(.*?)</td>", html) == ["+0.00", "\N{MINUS SIGN}0.12"]


def test_notes_of_ours_are_printed():
    values = published.values("lwssim").head(1)
    html = side_by_side(verdicts.compare(values, values[KEY].assign(value=0.8, note="random weights <seed 0>"))).html
    assert "<small>random weights &lt;seed 0&gt;</small>" in html


def test_what_keeps_several_values_or_claims_from_a_test_is_said_once():
    long, other = (
        "stand-in images <of half the size>, in place of the paper's",
        "a part of the set, which is no test of it",
    )
    values = published.values("lwssim").head(4)
    ours = values[KEY].assign(value=values["value"], untested=[long, long, other, ""])
    html = side_by_side(verdicts.compare(values, ours)).html
    table = html[html.index("<tbody>") :]
    assert html.index("<small>(1) stand-in images &lt;of half the size&gt;") < html.index("<table")
    assert table.count("<small>(1)</small>") == 2
    assert table.count(f"<small>{other}</small>") == 1
    assert "stand-in images" not in re.sub(r"title='[^']*'", "", table)
    claims = published.claims("msds")
    rows = [("msds", claim, "not tested", "supports", long, "a gain") for claim in claims["claim"]]
    columns = ["paper", "claim", "verdict", "says", "untested", "evidence"]
    html = show_claims(verdicts.compare_claims(claims, pd.DataFrame(rows, columns=columns))).html
    assert html.count("(1) Not tested: stand-in images") == html.count("stand-in images") == 1
    assert html.count("<em>(1)</em> a gain") == 3


def test_a_few_words_are_repeated():
    values = published.values("lwssim").head(2)
    html = side_by_side(verdicts.compare(values, values[KEY].assign(value=0.8, note="weights of others"))).html
    assert html.count("<small>weights of others</small>") == 2


def test_claims_show_statement_verdict_and_evidence():
    ours = pd.DataFrame(
        [("msds", "consistent", "not reproduced", "p > 0.05")], columns=["paper", "claim", "verdict", "evidence"]
    )
    html = show_claims(verdicts.compare_claims(published.claims("msds"), ours)).html
    assert "MSDS improves on single-scale DeepSSIM on every benchmark set" in html
    assert "✕ not reproduced" in html
    assert "p &gt; 0.05" in html
    assert html.count("– not run") == 2
