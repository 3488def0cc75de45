"""Dependencies read from imports: on small packages whose answer is plain, and beside Python's own module finder."""

import json
import modulefinder
import subprocess
import sys
from pathlib import Path

import pytest

from replication.imports import closure, digest

ROOT = Path(__file__).resolve().parents[1]

PACKAGE = {
    "__init__.py": "",
    "files.py": "import os\n",
    "metrics/__init__.py": "from replication.metrics.ssim import ms_ssim, ssim\n"
    "from replication.metrics.psnr import psnr\n",
    "metrics/ssim.py": "from replication.metrics import filters\nssim = ms_ssim = filters.blur\n",
    "metrics/filters.py": "def blur():\n    from replication.files import write\n",
    "metrics/psnr.py": "",
    "metrics/registry.py": "import pkgutil\ndef create(name):\n    pkgutil.iter_modules(['.'])\n",
    "lazy/__init__.py": "import importlib\ndef __getattr__(name):\n    return importlib.import_module(table[name])\n",
    "lazy/one.py": "def first(): ...\n",
    "lazy/two.py": "second: int = 2\n",
    "lazy/deep/__init__.py": "VALUE = 1\n",
    "lazy/deep/three.py": "",
}
METRICS = {"__init__.py", "metrics/__init__.py"}
SSIM = METRICS | {"metrics/ssim.py", "metrics/filters.py", "files.py"}
ALL_METRICS = SSIM | {"metrics/psnr.py", "metrics/registry.py"}
LAZY = {"__init__.py", "lazy/__init__.py"}
ALL_LAZY = LAZY | {"lazy/one.py", "lazy/two.py", "lazy/deep/__init__.py", "lazy/deep/three.py"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a small package named replication."""
    for name, text in PACKAGE.items():
        file = tmp_path / "replication" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import os, torch\nfrom torch import nn", set()),
        ("import replication.files", {"__init__.py", "files.py"}),
        ("def later():\n    from replication.files import write", {"__init__.py", "files.py"}),
        ("from replication import files", {"__init__.py", "files.py"}),
        ("from replication.metrics.ssim import ssim", SSIM),
        ("from replication.metrics import ms_ssim", SSIM),
        ("from replication.metrics import ssim as renamed", SSIM),
        ("from replication import metrics", METRICS),
        ("from replication import metrics\nmetrics.psnr(1)", METRICS | {"metrics/psnr.py"}),
        ("from replication import metrics as m\nm.ssim.__name__", SSIM),
        ("import replication.metrics\nreplication.metrics.ssim(1)", SSIM),
        ("import replication.metrics as m\nm.filters.blur()", METRICS | {"metrics/filters.py", "files.py"}),
        ("import replication\nprint(replication.__file__)", {"__init__.py"}),
        ("from replication import metrics\nprint(vars(metrics))", ALL_METRICS),
        ("from replication.metrics import *", ALL_METRICS),
        ("from replication.metrics import registry", ALL_METRICS),
        ("from replication.lazy import first", LAZY | {"lazy/one.py"}),
        ("from replication import lazy\nlazy.second", LAZY | {"lazy/two.py"}),
        ("from replication.lazy import nobody_defines_it", ALL_LAZY),
        ("from replication.lazy import deep", LAZY | {"lazy/deep/__init__.py"}),
        ("from replication.lazy.deep import VALUE", LAZY | {"lazy/deep/__init__.py"}),
        ("from replication import lazy\nlazy.deep.three", LAZY | {"lazy/deep/__init__.py", "lazy/deep/three.py"}),
        ("import importlib\nimportlib.import_module('replication.metrics.psnr')", METRICS | {"metrics/psnr.py"}),
        ("import importlib\nimportlib.import_module('torch')", set()),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import replication.files", set()),
        ("from replication.metrics import no_such_name", METRICS),
        ("import replication.no_such_module", {"__init__.py"}),
    ],
)
def test_a_source_depends_on_what_its_imports_use(tree: Path, source: str, expected: set[str]) -> None:
    assert closure(source, root=tree) == {f"replication/{name}" for name in expected}


def test_modules_that_look_for_others_can_be_left_to_the_caller(tree: Path) -> None:
    source = "from replication.metrics import registry"
    found = closure(source, tree / "replication" / "metrics" / "psnr.py", discover=False, root=tree)
    assert found == {f"replication/{name}" for name in METRICS | {"metrics/registry.py", "metrics/psnr.py"}}


def test_a_start_may_be_a_module_or_a_notebook(tree: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["import replication.lazy.one"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "from replication.metrics import ssim"]},
    ]
    notebook = tree / "page.ipynb"
    notebook.write_text(json.dumps({"cells": cells}))
    expected = {f"replication/{name}" for name in SSIM}
    assert closure(notebook, root=tree) == expected
    assert closure(tree / "replication" / "metrics" / "ssim.py", root=tree) == expected
    outside = tree / "script.py"
    outside.write_text("from replication.metrics.ssim import ssim")
    assert closure(outside, root=tree) == expected


def test_relative_imports_and_circles(tree: Path) -> None:
    package = tree / "replication" / "circle"
    package.mkdir()
    (package / "__init__.py").write_text("from .a import f\n")
    (package / "a.py").write_text("from . import b\nfrom ..files import write\ndef f(): ...\n")
    (package / "b.py").write_text("from .a import f\n")
    names = ("__init__.py", "files.py", "circle/__init__.py", "circle/a.py", "circle/b.py")
    expected = {f"replication/{name}" for name in names}
    assert closure("from replication.circle import f", root=tree) == expected
    assert closure("import replication.circle.b", root=tree) == expected


def test_the_digest_changes_with_any_of_the_files_and_no_other(tree: Path) -> None:
    files = closure("from replication.metrics import ssim", root=tree)
    before = digest(files, tree)
    (tree / "replication" / "metrics" / "psnr.py").write_text("changed = True\n")
    assert digest(files, tree) == before
    (tree / "replication" / "metrics" / "filters.py").write_text("changed = True\n")
    assert digest(files, tree) != before


@pytest.mark.parametrize("name", ["replication.metrics.smic", "replication.papers.msds.study", "replication.cli"])
def test_nothing_is_found_that_python_would_not_load(name: str, tmp_path: Path) -> None:
    """The module finder follows each package as a whole, so it gives the larger set."""
    script = tmp_path / "script.py"
    script.write_text(f"import {name}\n")
    finder = modulefinder.ModuleFinder(path=[str(ROOT)])
    finder.run_script(str(script))
    files = (Path(module.__file__) for module in finder.modules.values() if module.__file__)
    loaded = {file.relative_to(ROOT).as_posix() for file in files if file.is_relative_to(ROOT)}
    found = closure(f"import {name}", discover=False)  # the finder sees no modules that are looked for at run time
    assert f"{name.replace('.', '/')}.py" in found
    assert found <= loaded
    assert "replication/training/fit.py" not in found


@pytest.mark.parametrize(
    ("source", "run"),
    [
        ("from replication.metrics import ms_ssim", "ms_ssim(x, x / 2)"),
        ("from replication import metrics", "metrics.ssim(x, x / 2)"),
        ("from replication.evaluation import correlate", "correlate(range(9), range(9))"),
    ],
)
def test_what_is_not_found_is_not_used(source: str, run: str) -> None:
    """With every other module of the package replaced by one whose functions fail when they are called."""
    found = closure(f"{source}\n{run.split('(')[0]}", discover=False)
    assert len(found) < 25
    script = f"""
import sys, types, importlib.machinery, torch

class Broken(types.ModuleType):
    __path__ = []
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        def fail(*args, **kwargs):
            raise SystemExit(f"{{self.__name__}}.{{name}} is used")
        return fail

class Finder:
    def find_spec(self, name, path, target=None):
        at = name.replace(".", "/")
        if name.startswith("replication") and not {found!r} & {{at + ".py", at + "/__init__.py"}}:
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        return Broken(spec.name)
    def exec_module(self, module): ...

sys.meta_path.insert(0, Finder())
{source}
x = torch.rand(1, 1, 200, 200)
print({run})
"""
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    finished = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout


def test_a_module_may_be_found_without_its_imports(tree: Path) -> None:
    found = closure("import replication.metrics.ssim", stop={"replication/metrics/ssim.py"}, root=tree)
    assert found == {f"replication/{name}" for name in METRICS | {"metrics/ssim.py"}}
