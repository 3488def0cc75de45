"""The list of pages by which each page finds the others."""

import json
import re
from pathlib import Path

from replication.reporting import site

FACTS = "<dt>Notebook</dt><dd>{}.ipynb</dd>"


def put(clone: Path, name: str, notebook: str, title: str, body: str = "") -> None:
    folder = clone / "reports" / "sample"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.html").write_text(f"<title>{title}</title><main>{body}</main>{FACTS.format(notebook)}")


def entries(clone: Path) -> list[dict]:
    site.write("sample")
    text = (clone / "reports" / "sample" / "pages.js").read_text(encoding="utf-8")
    return json.loads(text.removeprefix("window.PAGES = ").removesuffix(";\n"))


def test_pages_are_listed_by_paper_with_analyses_before_trainings(clone: Path) -> None:
    put(clone, "pe_training_l2", "pe_training", "Training: l2")
    put(clone, "other", "other", "Other")
    put(clone, "pe_zoo", "pe_zoo", "A &amp; B")
    found = entries(clone)
    assert [each["name"] for each in found] == ["pe_zoo", "pe_training_l2", "other"]
    assert [each["title"] for each in found] == ["A & B", "Training", "Other"]
    assert [each["variant"] for each in found] == ["", "l2", ""]
    assert found[-1]["paper"] == "Across the papers"


def test_search_finds_prose_by_section_without_code_numbers_or_formulas(clone: Path) -> None:
    body = (
        '<p>Before.</p><h1 id="a">The <em>first</em> part</h1><p>Blur &amp; noise 0.95</p>'
        '<details class="code"><summary>code</summary><pre>hidden</pre><details>inner</details></details>'
        '<math><mi>x</mi></math><img alt="two curves" src="data:"><h2 id="b">Second</h2>'
        "<table><tr><td>one</td><td>two</td>"
    )
    assert site.sections(f"<main>{body}</main>") == [
        ["", "", "Before."],
        ["The first part", "a", "Blur noise two curves"],
        ["Second", "b", "one two"],
    ]


def test_a_page_names_its_stage_its_results_and_what_it_reads(clone: Path) -> None:
    def stage(page: str, results: str, *deps: str) -> dict:
        outs = [{results: {"cache": False}}, {f"reports/sample/{page}.ipynb": {"cache": False}}]
        return {"matrix": {"profile": ["sample"]}, "deps": ["notebooks/x.ipynb", *deps], "outs": outs}

    stages = {
        "train-a": stage("train_a", "results/sample/train/a/network.safetensors"),
        "table": stage("table", "results/sample/table", "results/sample/train"),
    }
    stages["train-a"]["outs"].insert(1, "results/sample/train/a/history.csv")
    (clone / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    for name in ("train_a", "table"):
        put(clone, name, name, name)
    table, train = entries(clone)
    assert (table["stage"], table["results"], table["reads"]) == ("table@sample", "results/sample/table", ["train_a"])
    assert (train["stage"], train["results"], train["reads"]) == ("train-a@sample", "results/sample/train/a", [])


def test_the_files_are_the_same_at_every_run_and_name_no_host(clone: Path) -> None:
    put(clone, "pe_zoo", "pe_zoo", "Zoo", "<h1>Zoo</h1>")
    entries(clone)
    folder = clone / "reports" / "sample"
    first = [(folder / name).read_bytes() for name in ("pages.js", "site.js")]
    entries(clone)
    assert [(folder / name).read_bytes() for name in ("pages.js", "site.js")] == first
    assert not re.search(rb"https?:|fetch\(|innerHTML|eval\(", first[1])
