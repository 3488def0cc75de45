"""Pages in a browser, opened as files: width, print, search, sorting, copying, figures, keyboard."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from replication.reporting import published, scorecard, tables, verdicts
from replication.reporting.page import stylesheet
from replication.reporting.published import KEY
from replication.reporting.render import render
from replication.reporting.verdicts import write_results

from .conftest import SETTINGS

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
ADDRESS = f"https://example.org/{'a' * 80}"
WIDE = pd.DataFrame({f"a long heading {n}": ["reproduced"] * 3 for n in range(16)})
NUMBERS = pd.DataFrame({"method": ["b, c", "a", "d"], "srcc": ["0.95 [0.9, 1]", "−0.5", "–"]})

SCRIPT = """
const found = {};
const open = (name, width) => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  Object.assign(frame, { width, height: 800, src: name, onload: () => resolve(frame.contentDocument) });
  document.body.append(frame);
});
const over = (page) => [...page.querySelectorAll("main table, main img")].filter(
  (each) => each.getBoundingClientRect().right > page.documentElement.clientWidth + 1).length;
const key = (page, name) => page.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
(async () => {
  const phone = await open("pe_zoo.html", 390);
  const overflow = () => phone.documentElement.scrollWidth - phone.documentElement.clientWidth;
  found.phone = overflow();
  key(phone, "/");
  found.focused = phone.activeElement.type;
  const box = phone.activeElement;
  box.value = "curious SQUIRREL";
  box.dispatchEvent(new Event("input"));
  found.hits = [...phone.querySelectorAll(".results a")].map((a) => [a.getAttribute("href"), a.textContent]);
  found.withSidebar = overflow();
  key(phone, "Escape");
  found.closed = !phone.body.classList.contains("with-pages") && phone.activeElement.tagName;

  const paper = await open("pe_zoo.html", 690); // A4 between its margins
  found.before = over(paper);
  for (const sheet of paper.styleSheets) for (const rule of sheet.cssRules)
    if (rule.media?.mediaText === "print") rule.media.mediaText = "all";
  found.print = over(paper);

  const tall = (page) => [...page.querySelectorAll("details.verdicts h3")].filter(
    (each) => each.getClientRects().length && each.checkVisibility({ contentVisibilityAuto: true })).length;
  const card = await open("index.html", 1280);
  found.overview = card.querySelector("table.overview").getBoundingClientRect().bottom;
  found.lines = [...card.querySelectorAll(".overview tbody th[scope]")].map((each) => each.offsetHeight);
  found.folded = tall(card);
  const small = await open("index.html", 390);
  found.smallCard = small.documentElement.scrollWidth - small.documentElement.clientWidth;
  const overview = small.querySelector(".overview");
  found.smallOverview = overview.scrollWidth - overview.parentNode.clientWidth;
  const printed = await open("index.html", 690);
  for (const sheet of printed.styleSheets) for (const rule of sheet.cssRules)
    if (rule.media?.mediaText === "print") rule.media.mediaText = "all";
  found.unfolded = [tall(printed), printed.querySelectorAll("details.verdicts h3").length];
  found.printedCard = over(printed);

  const page = await open("pe_zoo.html", 1400);
  found.listed = [...page.querySelectorAll("#pages nav a")].map((a) => a.textContent);
  found.current = page.querySelector("#pages [aria-current]").textContent;
  found.turn = [...page.querySelectorAll(".turn a")].map((a) => [a.rel, a.getAttribute("href")]);
  const table = [...page.querySelectorAll("table")].find((each) => each.tHead.rows[0].cells.length === 2);
  const column = () => [...table.tBodies[0].rows].map((row) => row.cells[1].textContent.trim());
  const button = table.tHead.rows[0].cells[1].querySelector("button");
  found.sorted = [];
  for (let turn = 0; turn < 3; turn += 1) {
    button.click();
    found.sorted.push([table.tHead.rows[0].cells[1].getAttribute("aria-sort"), column()]);
  }
  page.defaultView.navigator.clipboard.writeText = async (text) => { found.copied = text; };
  table.closest(".scroll").previousElementSibling.click();
  page.defaultView.navigator.clipboard.writeText = async (text) => { found.spanned = text; };
  table.tHead.rows[0].cells[0].rowSpan = 2;
  table.tHead.insertRow().insertCell().textContent = "below";
  table.closest(".scroll").previousElementSibling.click();
  page.querySelector("button.enlarge").click();
  found.dialog = [page.querySelector("dialog").open, page.querySelector("dialog img").alt];
  found.names = [...page.querySelectorAll("button")].every((each) => each.textContent.trim() || each.ariaLabel);
  document.getElementById("found").textContent = JSON.stringify(found);
})().catch((error) => { document.getElementById("found").textContent = JSON.stringify(String(error)); });
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict:
    if BROWSER is None:
        pytest.skip("there is no Chromium on this machine")
    root = tmp_path_factory.mktemp("site")
    folder = root / "reports" / "sample"
    folder.mkdir(parents=True)
    (root / "conf").mkdir()
    (root / "conf" / "sample.yaml").write_text("profile: sample\n")
    for name in ("params.yaml", "conf/base.yaml"):
        (root / name).write_text(SETTINGS)
    (root / "dvc.yaml").write_text("stages: {}\n")
    figure = new_output("display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": "One grey pixel"}})
    shown = [
        new_output("execute_result", {"text/html": tables.show_frame(frame, index=False)._repr_html_()})
        for frame in (WIDE, NUMBERS)
    ]
    cells = [new_markdown_cell(f"# Zoo\n\n## A curious squirrel\n\nIts *nuts* are at {ADDRESS}")]
    cells += [new_code_cell("x", outputs=[output]) for output in (*shown, figure)]
    for name, title in (
        ("pe_zoo", cells),
        ("pe_ant", [new_markdown_cell("# Ant")]),
        ("pe_zz", [new_markdown_cell("# Z")]),
    ):
        footer = {"Notebook": f"{name}.ipynb", "Weights": ADDRESS}
        text = render(new_notebook(cells=title), profile="sample", footer=footer, back=("index.html", "Scorecard"))
        (folder / f"{name}.html").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        ours = published.values("smic", "table1")[[*KEY, "value"]]
        of_others = ours.index % 2 == 0
        write_results("sample", "smic", ours.assign(origin=np.where(of_others, verdicts.OF_OTHERS, "")))
        scorecard.build("sample")
    (folder / "harness.html").write_text(f"<!doctype html><body><pre id=found></pre><script>{SCRIPT}</script>")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom"]
    command = [BROWSER, *options, "--virtual-time-budget=20000", f"--user-data-dir={root / 'browser'}"]
    done = subprocess.run([*command, f"file://{folder}/harness.html"], capture_output=True, text=True, timeout=120)
    result = re.search('<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert result is not None, done.stderr
    values = json.loads(html.unescape(result[1]))
    assert isinstance(values, dict), values
    return values


def test_nothing_is_wider_than_a_phone(found: dict) -> None:
    assert found["phone"] == 0
    assert found["withSidebar"] == 0


def test_printed_no_column_is_lost(found: dict) -> None:
    assert found["before"] > 0  # on the screen the wide table scrolls
    assert found["print"] == 0


def test_the_overview_of_the_scorecard_fits_one_screen(found: dict) -> None:
    assert found["overview"] <= 800
    assert max(found["lines"]) < 2 * min(found["lines"])  # no name of a row is broken into lines
    assert found["smallCard"] == 0
    assert found["smallOverview"] == 0


def test_details_of_the_scorecard_are_folded_on_the_screen_and_printed(found: dict) -> None:
    shown, all_of_them = found["unfolded"]
    assert found["folded"] == 0
    assert shown == all_of_them > 5
    assert found["printedCard"] == 0


def test_search_finds_a_section_of_another_case_and_leads_to_it(found: dict) -> None:
    assert found["focused"] == "search"
    assert found["hits"] == [["pe_zoo.html#a-curious-squirrel", "Zoo: A curious squirrel"]]
    assert found["closed"] == "BUTTON"


def test_pages_are_listed_and_turned(found: dict) -> None:
    assert found["listed"] == ["Scorecard", "Ant", "Zoo", "Z"]
    assert found["current"] == "Zoo"
    assert found["turn"] == [["prev", "pe_ant.html"], ["next", "pe_zz.html"]]


def test_a_table_is_sorted_by_numbers_with_missing_ones_last_and_back(found: dict) -> None:
    first, second, missing = "0.95 [0.9, 1]", "−0.5", "–"
    assert found["sorted"] == [
        ["ascending", [second, first, missing]],
        ["descending", [first, second, missing]],
        [None, [first, second, missing]],
    ]


def test_a_table_is_copied_as_csv(found: dict) -> None:
    assert found["copied"] == 'method,srcc\n"b, c","0.95 [0.9, 1]"\na,-0.5\nd,–\n'
    assert found["spanned"] == 'method,srcc\n,below\n"b, c","0.95 [0.9, 1]"\na,-0.5\nd,–\n'


def test_a_figure_opens_at_full_size_and_every_button_has_a_name(found: dict) -> None:
    assert found["dialog"] == [True, "One grey pixel"]
    assert found["names"]


def luminance(colour: str) -> float:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
def test_contrast_is_at_least_that_of_wcag_aa(scheme: int) -> None:
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", re.findall(r":root \{(.*?)\}", stylesheet(), re.DOTALL)[scheme]))
    pairs = [(ink, ground) for ink in ("ink", "soft", "link") for ground in ("paper", "tint")]
    pairs += [(kind, f"{kind}-tint") for kind in ("good", "near", "bad", "none")]
    for ink, ground in pairs:
        light, dark = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)
