"""The first lines of a page."""

import pandas as pd

from replication.reporting.adequacy import Gate
from replication.reporting.result import show_result

CLAIMS = pd.DataFrame(
    [("reproduced", ""), ("not tested", "supports"), ("not tested", "contradicts"), ("not tested", "supports")],
    columns=["verdict", "says"],
)


def test_verdicts_are_counted_and_failed_conditions_named() -> None:
    gates = [Gate("flat before decay", True), Gate("beats <a line>", False)]
    html = show_result(["PSNR +0.1 & more"], CLAIMS, gates).html
    assert "<li>PSNR +0.1 &amp; more</li>" in html
    assert "Claims: 4, of which 1 reproduced, 2 not tested (supports), 1 not tested (contradicts)." in html
    assert "Conditions of training: 1 of 2 met; not met: beats &lt;a line&gt;." in html
    assert "1 of 1 met." in show_result([], CLAIMS, gates[:1]).html
    assert "Conditions" not in show_result([], CLAIMS).html
