"""A paper is a folder: put beside the others, it stands on the scorecard, and nothing else is edited."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAPER = """
position = 9
title = "A toy of a metric"
authors = "A. Author"
venue = "Journal of Toys 2001"
identifier = "arXiv:0101.00001"

[[tables]]
name = "scores"
title = "Table 1, toys"
note = "One value."

[[tables.tolerances]]
statistic = "SRCC"
scale = "absolute"
reproduced = 0.01
close = 0.05
reason = "a toy"

[[claims]]
name = "best"
kind = "printed"
rule = "Toys above all others."
fixed = 2026-11-28
statement = "toys are best"
source = "abstract"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name in ("conf", "replication"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_a_paper_that_was_added_is_on_the_scorecard_with_its_verdicts(clone: Path) -> None:
    folder = clone / "replication" / "papers" / "toy"
    folder.mkdir()
    (folder / "paper.toml").write_text(PAPER)
    (folder / "scores.csv").write_text("row,column,statistic,value,source,note\ntoy,LIVE,SRCC,0.90,Table 1,\n")
    results = clone / "results" / "sample" / "toy_scores"
    results.mkdir(parents=True)
    (results / "values.csv").write_text(
        "paper,table,row,column,statistic,value,low,high,n,note\ntoy,scores,toy,LIVE,SRCC,0.93,0.9,0.95,779,\n"
    )
    (results / "claims.csv").write_text("paper,claim,verdict,evidence\ntoy,best,not reproduced,others are better\n")
    environment = {**os.environ, "PYTHONPATH": str(clone), "REPLICATION_DATA": str(clone / "data")}
    command = [sys.executable, "-m", "replication", "scorecard"]
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (clone / "reports" / "sample" / "index.html").read_text()
    own = page.split('<section><h2 id="toy">')[1].split("</section>")[0]
    assert "A toy of a metric" in own
    assert "1 values: 1 close" in own
    assert "toys are best" in own
    assert "others are better" in own
