"""Names from outside are text wherever they are shown."""

import base64
import io
from html import escape
from html.parser import HTMLParser

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from replication.reporting import gallery, published, scorecard, tables, verdicts
from replication.reporting.figures import show_crops
from replication.reporting.page import page
from replication.reporting.published import KEY
from replication.reporting.render import render
from replication.reporting.sanitise import clean_html, md_escape

HOSTILE = [
    "<img src=x onerror=alert(1)>.png",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<svg onload=alert(1)>",
    "'\"><iframe src=javascript:alert(1)></iframe>",
    "*a* _b_ `c` [d](javascript:alert(1)) $e$ | f",
    "&lt;b&gt; &amp;",
]
_FILE = io.BytesIO()
Image.new("L", (1, 1)).save(_FILE, "PNG")
PIXEL = base64.b64encode(_FILE.getvalue()).decode()


OWN_SCRIPTS = {("script", "pages.js"), ("script", "site.js")}  # every page's head loads both


class Seen(HTMLParser):
    """Elements, attributes and text of a document, but for the two scripts of the suite's own."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if (tag, dict(attributes).get("src")) in OWN_SCRIPTS:
            return
        self.elements.append(tag)
        self.attributes += [name for name, _ in attributes]
        assert not any((value or "").strip().lower().startswith("javascript:") for _, value in attributes)

    def handle_data(self, data):
        self.text += data


def check(html: str, name: str) -> None:
    seen = Seen(html)
    assert not {"script", "svg", "iframe", "object", "embed"} & set(seen.elements)
    assert not [attribute for attribute in seen.attributes if attribute.startswith("on")]
    assert "".join(name.split()) in "".join(seen.text.split())  # shown as it is


def rendered(*outputs, source: str = "x") -> str:
    return render(new_notebook(cells=[new_code_cell(source, outputs=list(outputs))]), profile="sample", footer={})


def html_output(html: str):
    return new_output("display_data", {"text/html": html})


@pytest.mark.parametrize("name", HOSTILE)
class TestHostileNames:
    def test_in_markdown(self, name):
        text = f"### {md_escape(name)}\n\n- **{md_escape(name)}**: 3 images"
        html = rendered(new_output("display_data", {"text/markdown": text}))
        check(html, name)
        assert "<em>" not in html
        assert "<math" not in html
        assert "<a " not in html.partition("<main>")[2].partition("</main>")[0].replace('<a href="#', "")

    def test_in_markdown_that_forgot_to_escape_them(self, name):
        html = rendered(new_output("display_data", {"text/markdown": f"### {name}\n\n- **{name}**: 3 images"}))
        seen = Seen(html)
        assert not {"script", "svg", "iframe", "img"} & set(seen.elements)
        assert not [attribute for attribute in seen.attributes if attribute.startswith("on")]

    def test_in_text_and_tables(self, name):
        frame = pd.DataFrame({name: [name]}, index=pd.Index([name], name=name))
        check(rendered(new_output("stream", name="stdout", text=name)), name)
        check(rendered(html_output(frame.to_html())), name)
        check(rendered(html_output(tables.show_frame(frame).html)), name)
        check(rendered(html_output(tables.show_frame(frame, index=False, caption=name).html)), name)

    def test_in_code_and_titles(self, name):
        html = render(
            new_notebook(cells=[new_markdown_cell("# Title"), new_code_cell(f"x = {name!r}")]),
            profile=name,
            footer={name: name},
            back=("index.html", name),
            variant=name,
        )
        check(html, name)
        check(page(name, "", profile="paper", footer={}), name)

    def test_below_pictures(self, name):
        shown = show_crops({name: [[0.0, 1.0], [1.0, 0.0]]})
        check(shown.html, name)
        check(rendered(html_output(shown.html)), name)

    def test_in_verdicts(self, name):
        values = published.values("lwssim").head(1)
        ours = verdicts.compare(values, values[KEY].assign(value=0.8, note=name)).assign(row=name, column=name)
        check(tables.side_by_side(ours).html, name)
        claims = published.claims("msds").head(1)
        judged = verdicts.compare_claims(claims, claims[["paper", "claim"]].assign(verdict="close", evidence=name))
        check(tables.show_claims(judged).html, name)
        extra = values[KEY].assign(table=name, row=name, value=0.8, low=0.7, high=0.9, note=name)
        check(tables.extensions_table(extra), name)

    def test_in_the_scorecard(self, name, clone):
        values, claims = published.values("lwssim").head(1), published.claims("msds").head(1)
        extra = values[KEY].assign(table=name, row=name, column=name, value=0.8, note=name)
        ours = values[KEY].assign(value=0.8, note=name)
        claimed = claims[["paper", "claim"]].assign(verdict="close", evidence=name)
        experiment = "javascript:" + name.replace("/", "|")
        verdicts.write_results("sample", experiment, ours, claimed, extra)
        reports = clone / "reports" / "sample"
        reports.mkdir(parents=True)
        for stem in (experiment, f"msds_{experiment}"):  # the second beside a notebook of another name
            title, notebook = escape(f"{name} in a title"), escape(f"{name} as a notebook.ipynb")
            footer = f"<dt>Notebook</dt><dd>{notebook}</dd>"
            (reports / f"{stem}.html").write_text(f"<title>{title}</title>{footer}", encoding="utf-8")
        html = scorecard.build("sample").read_text(encoding="utf-8")
        check(html, name)
        check(html, f"{name} in a title")
        check(html, experiment)

    def test_in_the_gallery(self, name, clone, monkeypatch):
        page = name.replace("/", "|")
        chosen = {"smic": {"page": page, "heading": name, "shows": name}}
        monkeypatch.setattr(published, "pictures", lambda: chosen)
        scorecard_page = gallery.build("sample").parent / "index.html"
        assert gallery.read("sample")[0].absent == f"the notebook {page} has not been run"
        scorecard.build("sample")
        check(scorecard_page.read_text(encoding="utf-8"), f"the notebook {page} has not been run")
        picture = new_output("display_data", {"image/png": PIXEL})
        cells = [new_markdown_cell(f"# {name}"), new_code_cell(outputs=[picture])]
        nbformat.write(new_notebook(cells=cells), scorecard_page.parent / f"{page}.ipynb")
        gallery.build("sample")
        assert (gallery.read("sample")[0].shows, gallery.read("sample")[0].absent) == (name, "")
        scorecard.build("sample")
        html = scorecard_page.read_text(encoding="utf-8")
        check(html, name)
        assert Seen(html).elements.count("img") == 1


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ("<p>1</p><script>alert(1)</script>", "<p>1</p>&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<img src=x onerror=alert(1) alt=a>", '<img alt="a">'),
        ("<a href='javascript:alert(1)'>b</a>", "<a>b</a>"),
        ("<a href='java\tscript:alert(1)'>b</a>", "<a>b</a>"),
        ("<a href='data:text/html,x'>b</a>", "<a>b</a>"),
        ('<a href="page.html#part">b</a>', '<a href="page.html#part">b</a>'),
        ("<p style='color:red;position:fixed'>c</p>", '<p style="color:red;">c</p>'),
        ("<style>p { color: red }</style><p>d</p><!-- e -->", "<p>d</p>"),
    ],
)
def test_only_known_elements_attributes_and_addresses_remain(html, wanted):
    assert clean_html(html).replace(" ;", ";").replace(": ", ":") == wanted


def test_escaped_markdown_is_one_line():
    assert md_escape("tab\tand\nnewline.png") == "tab and newline.png"
    for text in ("1. # a", "12) a", "# a", "- a", "+ a", "--- a", "=== a"):
        html = rendered(new_output("display_data", {"text/markdown": md_escape(text)}))
        assert f"<p>{text}</p>" in html
