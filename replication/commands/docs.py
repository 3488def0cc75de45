"""The command `docs`: pages on metrics, losses, statistics and data sets, from the docstrings, and all of the API."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from replication.absent import Absent, AbsentError
from replication.files import atomic_write_text
from replication.reporting.page import page

API = ("replication.metrics", "replication.evaluation", "replication.training.losses", "replication.datasets")
"""Packages whose documentation pdoc writes; what they import from others is linked where it is among them."""


def run(folder: Path, *, api: bool = True) -> int:
    """Write the documentation to `folder`; returns 0. api: with the pages of pdoc, which must be installed."""
    folder.mkdir(parents=True, exist_ok=True)
    if api:
        _api(folder / "api")
    sections = {
        "metrics": ("Metrics", _metrics(api)),
        "losses": ("Training losses", _losses(api)),
        "statistics": ("Statistics", _statistics(api)),
        "data": ("Data sets", _data()),
    }
    for name, (title, body) in sections.items():
        shown = page(title, f"<h1>{title}</h1>{body}", footer={"Made by": "make docs"}, back=("index.html", "Contents"))
        atomic_write_text(folder / f"{name}.html", shown)
    links = [f'<a href="{name}.html">{title}</a>' for name, (title, _) in sections.items()]
    links += ['<a href="api/index.html">Every function, by module</a>'] if api else []
    contents = f"<h1>Documentation</h1>{_ADDING}<ul>{''.join(f'<li>{link}</li>' for link in links)}</ul>"
    atomic_write_text(folder / "index.html", page("Documentation", contents, footer={"Made by": "make docs"}))
    print(folder / "index.html")
    return 0


_ADDING = (
    "<p>The tools of the replication, from their docstrings. How to add a metric, a loss, a data set, an experiment or "
    "a paper is in <code>CONTRIBUTING.md</code>, values and speed beside other libraries in "
    "<code>reports/benchmarks/</code>.</p>"
)


def _metrics(api: bool) -> str:
    from replication import metrics
    from replication.metrics import registry
    from replication.scoring.about import about

    facts = [about(name) for name in metrics.names()]
    directions = {None: "", True: "higher", False: "lower"}
    rows = [
        [f'<a href="#{escape(each.name)}">{escape(each.name)}</a>', escape(each.title),
         directions[each.higher_is_better], escape(each.range), escape(", ".join(each.needed))]
        for each in facts
    ]  # fmt: skip
    parts = [_table(["metric", "full name", "better", "range", "weights"], rows)]
    for each in facts:
        options = [[f"<code>{escape(name)}</code>", escape(default), escape(", ".join(each.choices.get(name, ())))]
                   for name, default in each.options.items()]  # fmt: skip
        protocol = [[escape(str(key)), escape(str(value))] for key, value in each.protocol.items()]
        parts.append(f'<h2 id="{escape(each.name)}">{escape(each.name)}</h2>')
        parts += [f"<p>Source: {escape(each.source)}.</p>"] if each.source else []
        parts.append(f"<pre>{escape(each.text)}</pre>")
        parts += [_table(["option", "default", "choices"], options)] if options else []
        parts += [_table(["protocol", "with the defaults"], protocol)] if protocol else []
        parts += [f"<p>{_link(registry.module_of(each.name), 'Its module')}.</p>"] if api else []
    return "".join(parts)


def _losses(api: bool) -> str:
    from replication.training.losses import LOSSES

    rows = []
    for name, loss in LOSSES.items():
        built, module = loss.build, inspect.getmodule(loss.build)
        ours = module is not None and module.__name__.startswith("replication.")
        text = inspect.getdoc(built) if ours else "Of torch.nn."
        title = _link(module.__name__, loss.title) if ours and api and module is not None else escape(loss.title)
        options = str(inspect.signature(built)) if ours else ""
        rows.append([f"<code>{escape(name)}</code>", title, escape(text or ""), f"<code>{escape(options)}</code>"])
    return _table(["name in params.yaml", "loss", "formula and range", "options"], rows)


def _statistics(api: bool) -> str:
    import replication.evaluation as package

    parts = []
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        title = _link(module.__name__, found.name) if api else escape(found.name)
        parts.append(f'<h2 id="{found.name}">{title}</h2>{_paragraphs(inspect.getdoc(module) or "")}')
        functions = [
            [f"<code>{escape(name)}</code>", escape((inspect.getdoc(value) or "").partition("\n\n")[0])]
            for name, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
        ]
        parts += [_table(["function", "returns"], functions)] if functions else []
    return "".join(parts)


def _data() -> str:
    from replication.datasets import distort, photos
    from replication.datasets.catalogue import known

    rows = [
        [f"<code>{escape(each.name)}</code>", escape(each.title), escape(each.source), escape(each.licence),
         f"<code>data fetch {escape(each.name)}</code>" if each.download else "<code>data add</code>"]
        for each in known().values()
    ]  # fmt: skip
    own = [(name, photos.SOURCE, photos.LICENCE) for name in photos.PHOTOS]
    own.append((distort.NAME, distort.SOURCE, distort.LICENCE))
    rows += [[f"<code>{escape(name)}</code>", "sample profile", *map(escape, rest), ""] for name, *rest in own]
    return _table(["name", "set", "where to get it", "licence", "command"], rows)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells in HTML."""
    head = "".join(f"<th scope='col'>{title}</th>" for title in titles)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n"))


def _link(module: str, text: str) -> str:
    return f'<a href="api/{module.replace(".", "/")}.html">{escape(text)}</a>'


def _api(folder: Path) -> None:
    try:
        importlib.import_module("pdoc")
    except ImportError:
        raise AbsentError(Absent("package", "pdoc", "it is not installed", "pip install '.[docs]'")) from None
    command = [sys.executable, "-m", "pdoc", "--docformat", "markdown", "--no-show-source", "-o", str(folder)]
    subprocess.run([*command, *_modules()], check=True)


def _modules() -> list[str]:
    """`API`, and the public modules of the packages in it that have an `__all__` without them: pdoc leaves them out."""
    names = list(API)
    for name in API:
        module = importlib.import_module(name)
        if hasattr(module, "__all__") and hasattr(module, "__path__"):
            found = (each.name for each in pkgutil.iter_modules(module.__path__))
            names += [f"{name}.{each}" for each in found if not each.startswith("_") and each not in module.__all__]
    return names
