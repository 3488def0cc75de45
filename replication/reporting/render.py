"""An executed notebook as one HTML page: narrative first, code behind a click, mathematics as MathML, no scripts.

HTML in Markdown is shown as text; HTML outputs go through `sanitise.clean_html`.
"""

import re
from collections.abc import Mapping, Sequence
from html import escape, unescape
from typing import Any
from urllib.parse import quote

import latex2mathml.converter
from nbconvert.filters.ansi import ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

from replication.reporting import pictures
from replication.reporting.page import page
from replication.reporting.sanitise import clean_html
from replication.reporting.tables import VERDICT_CSS

RESULT = "## What came out"
_PREFERENCE = (  # the first of these that an output offers is shown
    "text/html",
    "text/markdown",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "text/latex",
    "text/plain",
)
# Bytes up to which a page has its figures as SVG too. A page with so many of them would be slow to load and a burden
# on git's history, for little: its pictures are as sharp as a screen without.
_LIGHT = 2_000_000
_SAFE = " <>/:;=(),.?!'*@+-_~"  # in an address within double quotes: few escapes keep it short, and git packs it well
_TOKENS = "k kc kd kn kr ow nb nc nd nf s s1 s2 sa sb sd se si c c1 mf mi"  # in colour: keywords, strings, numbers
_PLAIN = re.compile(rf'<span class="(?!(?:{_TOKENS.replace(" ", "|")})")\w+">([^<]*)</span>')


def render(
    notebook: NotebookNode,
    *,
    profile: str,
    footer: Mapping[str, str],
    back: tuple[str, str] | None = None,
    variant: str = "",
) -> str:
    """The notebook's page. Its title is the first heading; error and stderr outputs are not shown.

    variant: distinguishes this page from others of the same notebook, such as 'mse'; appended to the title.
    """
    cells = _result_first(notebook.cells)
    body, headings = _body(cells, vector=True)
    if len(body.encode()) > _LIGHT:
        body, headings = _body(cells, vector=False)
    title = next((_text(html) for level, html, _ in headings if level == 1), "Notebook")
    contents = _contents([(html, anchor) for level, html, anchor in headings if level == 2])
    if variant:
        title = f"{title}: {variant}"
        body = body.replace("</h1>", f": {escape(variant)}</h1>", 1)
    body = body.replace("</h1>", "</h1>" + contents, 1) if "</h1>" in body else contents + body
    return page(title, body, profile=profile, footer=footer, back=back, extra_css=VERDICT_CSS + _code_style())


def _body(cells: Sequence[NotebookNode], *, vector: bool) -> tuple[str, list[tuple[int, str, str]]]:
    """The cells as HTML, and their headings: level, HTML, anchor. vector: with figures as SVG beside the pictures."""
    headings: list[tuple[int, str, str]] = []
    parts = [_cell(cell, headings, vector) for cell in cells]
    return "\n".join(part for part in parts if part), headings


def _result_first(cells: Sequence[NotebookNode]) -> list[NotebookNode]:
    """The cells in the order of the page: the title, the section `RESULT`, then the introduction and all the rest.

    A notebook computes its result late; its reader wants it first.
    """
    sections: list[list[NotebookNode]] = [[]]
    for cell in cells:
        if cell.cell_type == "markdown" and re.match("##? ", cell.source):
            sections.append([])
        sections[-1].append(cell)
    result = next((cells for cells in sections if cells and cells[0].source.partition("\n")[0] == RESULT), [])
    others = [cell for cells in sections if cells is not result for cell in cells]
    first = next((number for number, cell in enumerate(others) if cell.source.startswith("# ")), None)
    if not result or first is None:
        return list(cells)
    title, _, introduction = others[first].source.partition("\n")
    opening = [_with_source(others[first], title), *result, _with_source(others[first], introduction)]
    return [*others[:first], *opening, *others[first + 1 :]]


def _with_source(cell: NotebookNode, source: str) -> NotebookNode:
    return NotebookNode({**cell, "source": source})  # type: ignore[no-untyped-call]


def mathml(latex: str, *, block: bool = False) -> str:
    """LaTeX mathematics as MathML, which browsers draw themselves; what cannot be converted is shown as its source."""
    try:
        return latex2mathml.converter.convert(latex.strip(), display="block" if block else "inline")
    except Exception:  # the converter raises many kinds; a formula must not cost the run its report
        return f"<code>{escape(latex.strip())}</code>"


class _Markdown(IPythonRenderer):
    """Markdown with MathML for mathematics, and headings that the table of contents can point to."""

    def __init__(self, headings: list[tuple[int, str, str]], attachments: dict[str, dict[str, str]]) -> None:
        super().__init__(escape=True, allow_harmful_protocols=False, attachments=attachments)
        self.headings = headings

    def heading(self, text: str, level: int, **attributes: Any) -> str:
        anchor = re.sub(r"[^a-z0-9]+", "-", _text(text).lower()).strip("-") or "section"
        taken = [anchor_ for _, _, anchor_ in self.headings]
        unique, count = anchor, 1
        while unique in taken:
            unique, count = f"{anchor}-{count}", count + 1
        self.headings.append((level, text, unique))
        return f'<h{level} id="{unique}">{text}</h{level}>\n'

    def inline_math(self, body: str) -> str:
        return mathml(body)

    def block_math(self, body: str) -> str:
        return mathml(body, block=True)

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True)

    def table(self, text: str) -> str:
        return f'<div class="scroll"><table>\n{text}</table></div>\n'


def _markdown(source: str, headings: list[tuple[int, str, str]], attachments: dict[str, dict[str, str]]) -> str:
    return str(MarkdownWithMath(renderer=_Markdown(headings, attachments)).render(source))


def _cell(cell: NotebookNode, headings: list[tuple[int, str, str]], vector: bool) -> str:
    if cell.cell_type == "markdown":
        return f'<div class="text">{_markdown(cell.source, headings, cell.get("attachments", {}))}</div>'
    if cell.cell_type != "code" or not (cell.source.strip() or cell.outputs):
        return ""
    tags = cell.metadata.get("tags", [])
    label = (
        "parameters of this run" if "injected-parameters" in tags else "parameters" if "parameters" in tags else "code"
    )
    code = _PLAIN.sub(r"\1", highlight(cell.source, PythonLexer(), HtmlFormatter(cssclass="highlight")))
    outputs = "\n".join(_output(output, headings, vector) for output in cell.outputs)
    return f'<details class="code"><summary>{label}</summary>{code}</details>\n{outputs}'


def _output(output: NotebookNode, headings: list[tuple[int, str, str]], vector: bool) -> str:
    if output.output_type == "stream":
        return _printed(output.text) if output.name == "stdout" else ""
    data = output.get("data", {})
    kind = next((kind for kind in _PREFERENCE if kind in data), None)
    if kind is None:
        return ""
    content = data[kind]
    if kind == "text/html":
        return f'<div class="scroll">{clean_html(content)}</div>'
    if kind == "text/markdown":
        return f'<div class="text">{_markdown(content, headings, {})}</div>'
    if kind == "text/latex":
        return mathml(content.strip().strip("$"), block=True)
    if kind == "text/plain":
        return _printed(content)
    metadata = output.get("metadata", {}).get(kind, {})
    return _image(kind, content, metadata if vector else {**metadata, "svg": ""}, headings)


def _printed(text: str) -> str:
    return f"<pre>{ansi2html(text)}</pre>"  # type: ignore[no-untyped-call]


def _image(kind: str, content: str, metadata: Mapping[str, Any], headings: list[tuple[int, str, str]]) -> str:
    size = "".join(f' {side}="{int(metadata[side])}"' for side in ("width", "height") if side in metadata)
    if kind == "image/png":
        kind, content = pictures.for_page(content)
    if kind == "image/svg+xml":
        source = f"data:{kind};utf8,{quote(content, safe=_SAFE)}"
    else:
        source = f"data:{kind};base64,{''.join(content.split())}"
    alternative = metadata.get("alt") or (f"Figure: {_text(headings[-1][1])}" if headings else "Figure")
    link = ""
    if vector := metadata.get("svg"):
        name = headings[-1][2] if headings else "figure"
        address = f"data:image/svg+xml;utf8,{quote(vector, safe=_SAFE)}"
        link = f'<a class="svg" download="{name}.svg" href="{address}">SVG</a>'
    return f'<div class="figure"><img alt="{escape(str(alternative))}"{size} src="{source}">{link}</div>'


def _contents(sections: list[tuple[str, str]]) -> str:
    if len(sections) < 3:
        return ""
    items = "".join(f'<li><a href="#{anchor}">{html}</a></li>' for html, anchor in sections)
    return f'<details class="contents"><summary>Contents</summary><ol>{items}</ol></details>'


def _text(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html)).strip()


def _code_style() -> str:
    light, dark = (
        "\n".join(
            f"{rule.partition(' /*')[0]}"
            for rule in HtmlFormatter(style=style).get_style_defs(".highlight").splitlines()
            if (found := re.match(r"\.highlight \.(\w+) \{", rule)) and found[1] in _TOKENS.split()
        )
        for style in ("friendly", "github-dark")
    )
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
