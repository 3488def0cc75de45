"""A project in miniature, to run notebooks and build scorecards in."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SETTINGS = "profile: sample\ncompute: {threads: 2}\ndemo:\n  rate: 0.5\n  mse: {rate: 0.25}\n"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with one profile, which is the working directory."""
    for folder in ("conf", "notebooks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "conf" / "base.yaml").write_text(SETTINGS)
    (tmp_path / "conf" / "sample.yaml").write_text("profile: sample\n")
    (tmp_path / "params.yaml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))  # for kernels, if it is not installed
    return tmp_path


@pytest.fixture
def notebook(clone: Path) -> Callable[..., Path]:
    """`notebook("rate = 1", "# Title", "print(rate)")`: a parameters cell, then cells; '#' begins a text."""

    def write(parameters: str, *sources: str, name: str = "demo") -> Path:
        cells = [new_code_cell(parameters, metadata={"tags": ["parameters"]})]
        cells += [new_markdown_cell(text) if text.startswith("#") else new_code_cell(text) for text in sources]
        path = clone / "notebooks" / f"{name}.ipynb"
        nbformat.write(new_notebook(cells=cells), path)
        return path

    return write
