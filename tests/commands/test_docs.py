"""The documentation pages: complete, and without a reference that leads nowhere."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from replication import metrics
from replication.commands import docs
from replication.datasets.catalogue import known
from replication.training.losses import LOSSES

PACKAGE = Path(__file__).resolve().parents[2] / "replication"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(docs, "_api", lambda folder: None)  # pdoc takes five seconds; its pages are its own
        docs.run(made)
    return made


def test_every_metric_loss_and_data_set_is_documented(folder: Path) -> None:
    pages = {name: (folder / f"{name}.html").read_text(encoding="utf-8") for name in ("metrics", "losses", "data")}
    assert set(metrics.names()) <= set(re.findall(r'<h2 id="(.*?)">', pages["metrics"]))
    for page, names in (("losses", LOSSES), ("data", known())):
        assert all(f"<code>{name}</code>" in pages[page] for name in names)


def test_no_link_is_broken(folder: Path) -> None:
    pages = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.html")}
    written = docs._modules()
    whole = tuple(f"{name}." for name in written if not hasattr(importlib.import_module(name), "__all__"))
    for text in pages.values():
        for link in re.findall(r'(?:href|src)="(.*?)"', text):
            page, _, anchor = link.partition("#")
            if page == "api/index.html":
                continue
            if page.startswith("api/"):
                module = page.removeprefix("api/").removesuffix(".html").replace("/", ".")
                assert importlib.import_module(module)
                package, _, last = module.rpartition(".")
                named = last in getattr(importlib.import_module(package), "__all__", ())
                assert module in written or named or module.startswith(whole), f"pdoc makes no page for {module}"
            elif anchor:
                assert f'id="{anchor}"' in (pages[page] if page else text)
            else:
                assert page in pages


def test_what_docstrings_refer_to_exists() -> None:
    referred = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                referred.update(re.findall(r"`(replication(?:\.\w+)+)[`(]", ast.get_docstring(node) or ""))
    assert referred
    for name in referred:
        module, _, last = name.rpartition(".")
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            assert hasattr(importlib.import_module(module), last), name
