"""What keeps the house in order: clean notebooks, honest stage dependencies, a lock file that works anywhere."""

import ast
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from replication.reporting import gallery
from replication.reporting.notebook import parameter_defaults, select_parameters

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PIPELINE: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]

# Modules a stage may import without depending on them: a change there cannot change a stage's numbers.
NO_DEPENDENCY = {
    "replication/files.py": "writes what it is given",
    "replication/project.py": "finds folders; the parameters themselves are dependencies",
    "replication/torchvision_compat.py": "makes an import work",
    "replication/datasets/catalogue.py": "names and folders; the content is pinned by data.md5",
    "replication/datasets/errors.py": "messages",
    "replication/datasets/manifests.py": "lists files; the content is pinned by data.md5",
    "replication/datasets/pin.py": "compares the content with what is pinned",
    "replication/datasets/photos.py": "named as data_pin of the sample profile",
}
NO_DEPENDENCY_FOLDERS = {
    "replication/reporting": "draws pages; those modules whose numbers go into results are named all the same",
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebooks:
    def test_is_stored_without_outputs(self, path: Path) -> None:
        notebook = json.loads(path.read_text())
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                assert cell["outputs"] == []
                assert cell["execution_count"] is None
        assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}

    def test_defines_nothing_and_keeps_its_cells_short(self, path: Path) -> None:
        for cell in json.loads(path.read_text())["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "code":
                defined = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
                assert not defined
                assert len(source.splitlines()) <= 25

    def test_defaults_are_those_of_the_sample_profile(self, path: Path) -> None:
        defaults = parameter_defaults(path)
        stage = PIPELINE.get(path.stem) or next(s for s in PIPELINE.values() if f"notebooks/{path.name}" in s["deps"])
        settings = yaml.safe_load((ROOT / "conf" / "sample.yaml").read_text())
        text = stage["cmd"]
        for item, values in stage["matrix"].items():
            if isinstance(values, str):  # ${group.name}: a list in params.yaml
                (values,) = select_parameters(settings, [values.strip("${}")]).values()
            text = text.replace(f"${{item.{item}}}", str(values[0]))
        command = text.split()
        options = {flag: [b for a, b in itertools.pairwise(command) if a == flag] for flag in ("--params", "--set")}
        expected = {"profile": "sample", **select_parameters(settings, options["--params"], options["--set"])}
        assert {name: defaults.get(name) for name in expected} == expected


def test_the_stripping_filter_is_configured_for_notebooks() -> None:
    assert re.search(r"^notebooks/\*\.ipynb filter=nbstripout", (ROOT / ".gitattributes").read_text(), re.MULTILINE)
    assert "git config filter.nbstripout.clean" in (ROOT / "Makefile").read_text()


def test_the_committed_parameters_are_the_sample_profile() -> None:
    import subprocess

    committed = subprocess.run(
        ["git", "show", "HEAD:params.yaml"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if committed.returncode:
        pytest.skip("not a git clone with a commit")
    assert committed.stdout == (ROOT / "conf" / "sample.yaml").read_text()


@pytest.mark.parametrize("stage", [name for name in PIPELINE if "replication run " in PIPELINE[name]["cmd"]])
def test_a_stage_depends_on_every_module_its_numbers_come_from(stage: str) -> None:
    notebook = next(dep for dep in PIPELINE[stage]["deps"] if dep.endswith(".ipynb"))
    cells = json.loads((ROOT / notebook).read_text())["cells"]
    source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    needed = {
        path
        for path in _closure(source)
        if path not in NO_DEPENDENCY and not any(path.startswith(folder) for folder in NO_DEPENDENCY_FOLDERS)
    }
    named = PIPELINE[stage]["deps"]
    assert not {path for path in needed if not any(path == dep or path.startswith(f"{dep}/") for dep in named)}


def test_the_gallery_depends_on_every_notebook_that_it_takes_a_picture_from() -> None:
    pages = {choice.page for choice in gallery.CHOICES if choice.page in PIPELINE}
    named = PIPELINE["gallery"]["deps"]
    assert {dep for dep in named if dep.startswith("reports/")} == {
        f"reports/${{item.profile}}/{page}.ipynb" for page in pages
    }


def test_every_dependency_on_code_exists() -> None:
    for stage in PIPELINE.values():
        for dependency in stage["deps"]:
            if dependency.startswith(("replication/", "notebooks/")):
                assert (ROOT / dependency).exists(), dependency


def test_the_lock_file_pins_exact_versions_and_names_no_host() -> None:
    lines = [
        line for line in (ROOT / "requirements.lock").read_text().splitlines() if line and not line.startswith("#")
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+( ; .+)?", line) for line in lines), lines
    names = {re.split("==", line)[0].lower() for line in lines}
    assert {"torch", "lightning", "papermill", "dvc", "pytest"} <= names


def _closure(source: str) -> set[str]:
    """Paths of the package's modules that the source imports, directly or through others.

    `from package import name` counts the module that defines the name, not everything the package happens to import.
    """
    found: set[str] = set()
    waiting = list(_imports(source))
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imports((ROOT / path).read_text())
    return found


def _imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _resolve(alias.name, None)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield from _resolve(node.module, alias.name)


def _resolve(module: str, name: str | None) -> Iterator[str]:
    if module.split(".")[0] != "replication":
        return
    base = Path(module.replace(".", "/"))
    if (ROOT / base.with_suffix(".py")).is_file():
        yield str(base.with_suffix(".py"))
    elif name and (ROOT / base / f"{name}.py").is_file():
        yield str(base / f"{name}.py")
    elif name:
        package = ast.parse((ROOT / base / "__init__.py").read_text())
        for node in ast.walk(package):
            if isinstance(node, ast.ImportFrom) and node.module and any(alias.name == name for alias in node.names):
                yield from _resolve(node.module, name)
