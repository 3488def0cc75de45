"""Clean notebooks, fresh generated files, packages without code of their own, a lock file that works anywhere."""

import ast
import json
import re
from pathlib import Path

import pytest

from replication import pipeline, profiles, project
from replication.reporting.parameters import parameter_defaults

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PACKAGES = sorted((ROOT / "replication").rglob("__init__.py"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestNotebooks:
    def test_is_stored_without_outputs(self, path: Path) -> None:
        notebook = json.loads(path.read_text())
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                assert cell["outputs"] == []
                assert cell["execution_count"] is None
        assert set(notebook["metadata"]) == {"kernelspec"}

    def test_defines_nothing_and_keeps_its_cells_short(self, path: Path) -> None:
        for cell in json.loads(path.read_text())["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "code":
                defined = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
                assert not defined
                assert len(source.splitlines()) <= 25

    def test_its_parameters_are_literals(self, path: Path) -> None:
        assert "profile" in parameter_defaults(path)


def test_the_stripping_filter_is_configured_for_notebooks() -> None:
    assert re.search(r"^notebooks/\*\.ipynb filter=notebooks", (ROOT / ".gitattributes").read_text(), re.MULTILINE)
    assert "git config filter.notebooks.clean" in (ROOT / "Makefile").read_text()


def test_the_committed_parameters_are_the_sample_profile() -> None:
    import subprocess

    committed = subprocess.run(
        ["git", "show", "HEAD:params.yaml"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if committed.returncode:
        pytest.skip("not a git clone with a commit")
    assert committed.stdout == profiles.text("sample")


def test_the_pipeline_is_as_it_follows_from_its_source() -> None:
    settings = project.profile_values("sample")
    assert (ROOT / "dvc.yaml").read_text() == pipeline.text(settings), "run `python -m replication pipeline`"


def test_parameter_cells_are_those_of_the_sample_profile() -> None:
    for path, content in pipeline.cells().items():
        assert path.read_text() == content, f"{path.name}: run `python -m replication pipeline`"


def test_a_parameter_edited_in_a_notebook_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "notebooks/msds_levels.ipynb"
    assert pipeline.edited(name) == {}
    written = parameter_defaults(ROOT / name)
    monkeypatch.setattr("replication.reporting.parameters.parameter_defaults", lambda path: {**written, "levels": 9})
    assert pipeline.edited(name) == {"levels": 9}


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: path.parent.name)
def test_a_package_only_passes_names_on(path: Path) -> None:
    """No stage depends on `__init__.py`, so that a new name in one makes nothing stale; so it holds nothing else."""
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                continue
            case ast.If(test=ast.Name("TYPE_CHECKING")) | ast.FunctionDef(name="__getattr__"):  # imported when used
                continue
            case ast.Assign(targets=[ast.Name("__all__" | "__version__" | "_EXPORTS")]):
                continue
            case ast.Expr(value=ast.Call(func=ast.Name("discover"))):
                continue
            case _:
                pytest.fail(ast.unparse(node))


def test_the_lock_file_pins_exact_versions_and_names_no_host() -> None:
    lines = [
        line for line in (ROOT / "requirements.lock").read_text().splitlines() if line and not line.startswith("#")
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+( ; .+)?", line) for line in lines), lines
    names = {re.split("==", line)[0].lower() for line in lines}
    assert {"torch", "papermill", "dvc", "pytest"} <= names


FLOORS = (
    ("datasets", "evaluation", "features", "models"),
    ("metrics",),
    ("scoring", "training"),
    ("reporting",),
    ("papers",),
    ("commands",),
)


def test_no_module_imports_from_a_floor_above_its_own() -> None:
    level = {package: number for number, floor in enumerate(FLOORS) for package in floor}
    for path in sorted((ROOT / "replication").rglob("*.py")):
        own = level.get(path.relative_to(ROOT / "replication").parts[0])
        for node in ast.walk(ast.parse(path.read_text())):
            imported = node.module if isinstance(node, ast.ImportFrom) else ""
            parts = (imported or "").split(".")
            if own is not None and len(parts) > 1 and parts[0] == "replication" and parts[1] in level:
                assert level[parts[1]] <= own, f"{path.relative_to(ROOT)} imports {imported}"
