"""The pages of a profile as one site: their order by paper, and the files by which each page finds the others.

reports/<profile>/site.js    list of pages, search, sorted tables, figures at full size: `site.js` of this package
reports/<profile>/pages.js   what it knows of the pages: a script that sets window.PAGES, since a page that is opened as
                             a file may load scripts beside it but no other data
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from replication import project
from replication.files import atomic_write_text
from replication.reporting import published
from replication.reporting.page import variant_of

ACROSS = "Across the papers"
_UNSEARCHED = ("style", "script", "math")
_NO_WORD = re.compile(r"[^A-Za-z]*")


@dataclass(frozen=True)
class Page:
    """A rendered notebook: title, the notebook's file, and the variant that distinguishes it from its other pages."""

    title: str
    notebook: str
    variant: str

    @property
    def full_title(self) -> str:
        return f"{self.title}: {self.variant}" if self.variant else self.title


def pages(profile: str) -> dict[str, Page]:
    """Rendered notebooks of a profile by the name of their page, in alphabetical order."""
    found = {}
    for path in _files(profile):
        text = path.read_text(encoding="utf-8")
        title = re.search(r"<title>(.*?)</title>", text, re.DOTALL)
        notebook = re.search(r"<dt>Notebook</dt><dd>(.*?)</dd>", text)
        source = unescape(notebook[1]) if notebook else f"{path.stem}.ipynb"
        own = variant_of(path.stem, source)
        shown = unescape(title[1]).strip() if title else source.removesuffix(".ipynb")
        found[path.stem] = Page(shown.removesuffix(f": {own}"), source, own)
    return found


def by_paper(found: Mapping[str, Page]) -> dict[str, dict[str, list[str]]]:
    """Names of pages: title of the paper -> notebook -> pages. A page's name begins with that of its paper.

    Notebooks with one page, the analyses, come before those with many.
    """
    papers = dict(published.papers()[["paper", "title"]].itertuples(index=False, name=None))
    lists: dict[str, dict[str, list[str]]] = {paper: {} for paper in [*papers, ""]}
    for name, its in found.items():
        paper = name.partition("_")[0]
        lists[paper if paper in papers else ""].setdefault(its.notebook, []).append(name)
    return {
        papers.get(paper, ACROSS): dict(sorted(notebooks.items(), key=lambda item: bool(found[item[1][0]].variant)))
        for paper, notebooks in lists.items()
        if notebooks
    }


def write(profile: str) -> None:
    """Write site.js and pages.js of a profile, from the pages that there are and the stages of dvc.yaml."""
    folder = project.root() / "reports" / profile
    found, stages = pages(profile), _stages(profile)
    entries = []
    for paper, notebooks in by_paper(found).items():
        for name in (name for names in notebooks.values() for name in names):
            its = found[name]
            entry = {"name": name, "title": its.title, "variant": its.variant, "notebook": its.notebook, "paper": paper}
            stage = stages.get(name, {"stage": "", "results": "", "reads": []})
            text = (folder / f"{name}.html").read_text(encoding="utf-8")
            entries.append({**entry, **stage, "sections": sections(text)})
    # A page a line, so that git stores and shows what changed.
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in entries)
    atomic_write_text(folder / "pages.js", f"window.PAGES = [\n{lines}\n];\n")
    atomic_write_text(folder / "site.js", (resources.files(__package__) / "site.js").read_text(encoding="utf-8"))


def sections(html: str) -> list[list[str]]:
    """What search finds on a page: [heading, its anchor, text below it], without code, formulas and plain numbers."""
    reader = _Sections()
    reader.feed(html.partition("<main>")[2].partition("</main>")[0])
    return [[heading.strip(), anchor, _searched(text)] for heading, anchor, text in reader.found]


class _Sections(HTMLParser):
    """Collects the text of a page by its headings."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[list[str]] = [["", "", ""]]
        self._hidden: list[str] = []  # open elements whose text is left out
        self._heading = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        folded = tag == "details" and given.get("class") in ("code", "contents")
        if folded or tag in _UNSEARCHED or (self._hidden and tag == self._hidden[0]):
            self._hidden.append(tag)
        elif re.fullmatch("h[1-6]", tag) and not self._hidden:
            self._heading = True
            self.found.append(["", given.get("id") or "", ""])
        elif tag == "img" and not self._hidden:
            self.handle_data(f" {given.get('alt') or ''} ")
        if tag in ("p", "td", "th", "li", "br", "tr", "div", "summary"):
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and tag == self._hidden[-1]:
            self._hidden.pop()
        elif re.fullmatch("h[1-6]", tag):
            self._heading = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found[-1][0 if self._heading else 2] += data


def _searched(text: str) -> str:
    return " ".join(word for word in text.split() if not _NO_WORD.fullmatch(word))


def _files(profile: str) -> list[Path]:
    folder = project.root() / "reports" / profile
    return [path for path in sorted(folder.glob("*.html")) if path.name != "index.html"]


def _stages(profile: str) -> dict[str, dict[str, Any]]:
    """For each page: the stage that makes it, where its results are, and the pages whose results it reads."""
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load((project.root() / "dvc.yaml").read_text(encoding="utf-8"), loader)
    made: dict[str, tuple[str, str, list[str]]] = {}
    for stage, its in document["stages"].items():
        outs = [next(iter(out)) if isinstance(out, dict) else out for out in its["outs"]]
        page = next((Path(out).stem for out in outs if out.startswith("reports/") and out.endswith(".ipynb")), "")
        results = [out for out in outs if out.startswith("results/")]
        if page and results and profile in its.get("matrix", {}).get("profile", ()):
            where = results[0] if len(results) == 1 else str(Path(results[0]).parent)
            made[page] = (f"{stage}@{profile}", where, [dep for dep in its["deps"] if dep.startswith("results/")])
    return {
        page: {
            "stage": stage,
            "results": where,
            "reads": [
                other
                for other, (_, of, _) in made.items()
                if any(of == dep or of.startswith(f"{dep}/") for dep in deps)
            ],
        }
        for page, (stage, where, deps) in made.items()
    }
