"""A notebook's page: what a reader sees of each kind of cell and output."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from replication.reporting.page import variant_of
from replication.reporting.render import mathml, render

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="


def page(*cells, **options) -> str:
    return render(new_notebook(cells=list(cells)), profile=options.pop("profile", "sample"), footer={}, **options)


def shown(output) -> str:
    return page(new_code_cell("x", outputs=[output])).partition("</details>")[2].partition("</main>")[0].strip()


def display(**data) -> dict:
    return new_output("display_data", {kind.replace("_", "/", 1): content for kind, content in data.items()})


class Balance(HTMLParser):
    """Fails where a tag is closed that is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img", "br", "hr", "link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_formulas_are_mathml():
    text = page(
        new_markdown_cell(
            "Let $a_i \\le b$ and\n\n$$\\frac{2\\mu_x}{\\sigma} = 1$$\n\nor\n\\begin{align}a &= b\\end{align}"
        )
    )
    assert (
        '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"><mrow><msub><mi>a</mi><mi>i</mi></msub>'
        in text
    )
    assert "<mfrac><mrow><mn>2</mn><msub>" in text
    assert text.count('display="block"><') == 2
    assert "$" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


def test_a_formula_that_cannot_be_converted_is_shown_as_its_source():
    assert mathml(" a_b_c < d") == "<code>a_b_c &lt; d</code>"


def test_pages_of_one_notebook_have_titles_of_their_own():
    cells = new_markdown_cell("# Training with `x`"), new_markdown_cell("# Another")
    text = page(*cells, variant="a<b")
    assert "<title>Training with x: a&lt;b</title>" in text
    assert "Training with <code>x</code>: a&lt;b</h1>" in text
    assert ">Another</h1>" in text
    assert "<title>Training with x</title>" in page(*cells)


@pytest.mark.parametrize(
    ("name", "told"), [("training", ""), ("training_ms_ssim", "ms_ssim"), ("trainings", "trainings"), ("a_b", "a_b")]
)
def test_a_page_is_told_by_what_its_name_has_beyond_the_notebooks(name, told):
    assert variant_of(name, "training.ipynb") == told


def test_the_result_stands_below_the_title_and_above_the_introduction_wherever_it_is_computed():
    cells = [
        new_code_cell("a = 0"),
        new_markdown_cell("# Title\n\nIntroduction"),
        new_code_cell("b = 1"),
        new_markdown_cell("## Later"),
        new_markdown_cell("## What came out\n\nIn short"),
        new_code_cell("c = 2"),
        new_markdown_cell("More of it"),
        new_markdown_cell("## Last"),
    ]
    text = re.sub("<.*?>", "", page(*cells).partition("<main>")[2]).partition("Last")[2]  # below the contents
    words = ("What came out", "In short", "c = 2", "More of it", "Introduction", "b = 1", "Later", "Last")
    places = [text.index(word) for word in words]
    assert places == sorted(places)


def test_a_page_without_a_result_has_its_cells_in_their_order():
    cells = [new_markdown_cell("# Title\n\nIntroduction"), new_code_cell("b = 1"), new_markdown_cell("## Later")]
    text = re.sub("<.*?>", "", page(*cells).partition("<main>")[2])
    places = [text.index(word) for word in ("Title", "Introduction", "b = 1", "Later")]
    assert places == sorted(places)


def test_code_is_folded_and_named():
    text = page(
        new_code_cell("a = 1", metadata={"tags": ["parameters"]}),
        new_code_cell("a = 2", metadata={"tags": ["injected-parameters"]}),
        new_code_cell("print('<b>')"),
        new_code_cell("  "),
    )
    assert re.findall(r"<summary>(.*?)</summary>", text) == ["parameters", "parameters of this run", "code"]
    assert "<details open" not in text
    assert "&lt;b&gt;" in text


def test_title_contents_and_anchors_come_from_headings():
    text = page(
        *(new_markdown_cell(source) for source in ("# MS-SSIM *loss*", "## Data", "## Table", "## Data", "### Data"))
    )
    assert "<title>MS-SSIM loss</title>" in text
    assert re.findall(r'<h\d id="(.*?)"', text) == ["ms-ssim-loss", "data", "table", "data-1", "data-2"]
    assert re.findall(r'<li><a href="#(.*?)">', text) == ["data", "table", "data-1"]
    assert text.index("</h1>") < text.index("<summary>Contents") < text.index("<h2")


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        (new_output("stream", name="stdout", text="a < b\n"), "<pre>a &lt; b\n</pre>"),
        (new_output("stream", name="stderr", text="10 %"), ""),
        (display(text_plain="<Thing>"), "<pre>&lt;Thing&gt;</pre>"),
        (
            display(text_html="<table><tr></tr></table>", text_plain="t"),
            '<div class="scroll"><table><tbody><tr></tr></tbody></table></div>',
        ),
        (
            display(text_html="<p>1</p><script>alert(1)</script>"),
            '<div class="scroll"><p>1</p>&lt;script&gt;alert(1)&lt;/script&gt;</div>',
        ),
        (display(application_unknown="?"), ""),
    ],
)
def test_outputs(output, wanted):
    assert shown(output) == wanted


def test_figures_stand_in_the_page_with_size_and_text():
    output = display(image_png=PIXEL[:40] + "\n" + PIXEL[40:], text_plain="<Figure>")
    output.metadata["image/png"] = {"width": 7, "height": 5}
    text = page(new_markdown_cell("## Learning *curves*"), new_code_cell("x", outputs=[output]))
    image = re.search(r"<img .*?>", text)[0]
    assert image.startswith('<img alt="Figure: Learning curves" width="7" height="5" src="data:image/webp;base64,')


def figure(svg: str) -> dict:
    output = display(image_png=PIXEL)
    output.metadata["image/png"] = {"width": 7, "height": 5, "svg": svg}
    return new_code_cell("x", outputs=[output])


def test_a_figure_that_came_as_svg_is_there_as_svg_too():
    svg = '<svg xmlns="http://www.w3.org/2000/svg">\n<text font="a">50 % &amp; é #1</text></svg>'
    text = page(new_markdown_cell("## Learning curves"), figure(svg))
    link = re.search(
        r'<a class="svg" download="learning-curves.svg" href="data:image/svg\+xml;utf8,([^"]*)">SVG</a>', text
    )
    assert unquote(link[1]) == svg
    assert not set(link[1]) & set('"#&\n')  # nothing that ends the attribute, the address or is left out of it
    assert 'src="data:image/webp' in text


def test_a_page_above_two_megabytes_has_its_figures_once():
    light, heavy = (
        page(figure("<svg>" + "x" * size + "</svg>"), figure("<svg></svg>")) for size in (1_900_000, 2_000_000)
    )
    assert light.count('class="svg"') == 2
    assert heavy.count('class="svg"') == 0
    assert heavy.count("data:image/webp") == 2


def test_page_needs_no_network_and_only_the_scripts_beside_it():
    text = page(
        new_markdown_cell("# T\n\n| a |\n|---|\n| $x$ |\n\n## 1\n\n## 2\n\n## 3"),
        new_code_cell("import os  # comment", outputs=[display(image_png=PIXEL), display(text_markdown="**b**")]),
        back=("index.html", "Scorecard"),
    )
    assert re.findall("<script[^>]*>", text) == ['<script src="pages.js" defer>', '<script src="site.js" defer>']
    assert "http" not in text.replace("http://www.w3.org/1998/Math/MathML", "")
    assert "@import" not in text
    assert "url(" not in text
    assert '<a href="index.html">&larr; Scorecard</a>' in text
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    balance = Balance()
    balance.feed(text)
    assert not balance.open


def test_sample_profile_says_that_it_replicates_nothing():
    assert "These numbers replicate nothing" in page()
    assert "replicate nothing" not in page(profile="paper")
    assert "parameters as in conf/x&lt;y.yaml" in page(profile="x<y")
