"""What git keeps of a notebook."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, reads, writes

from replication import project
from replication.strip import stripped

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))


def test_outputs_counts_and_settings_go_and_the_rest_stays() -> None:
    output = new_output("stream", text="1\n")
    code = new_code_cell("print(1)", outputs=[output], execution_count=3, metadata={"tags": ["parameters"], "x": 1})
    notebook = new_notebook(cells=[new_markdown_cell("# Ä"), code], metadata={"language_info": {"name": "python"}})
    found = reads(stripped(writes(notebook)))
    assert [cell.source for cell in found.cells] == ["# Ä", "print(1)"]
    assert [cell.id for cell in found.cells] == [cell.id for cell in notebook.cells]
    assert (found.cells[1].outputs, found.cells[1].execution_count) == ([], None)
    assert found.cells[1].metadata == {"tags": ["parameters"]}
    assert set(found.metadata) == {"kernelspec"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_that_was_opened_and_saved_is_unchanged(path: Path) -> None:
    """As JupyterLab saves it: executed, with what its kernel says of itself."""
    opened = json.loads(path.read_text())
    for number, cell in enumerate(opened["cells"]):
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
            cell["metadata"]["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00Z"}
    opened["metadata"]["language_info"] = {"name": "python", "version": "3.12.1"}
    assert stripped(json.dumps(opened, indent=1, ensure_ascii=False)) == path.read_text()


def test_a_notebook_that_is_run_and_saved_in_jupyter_keeps_its_bytes_and_its_outputs_go_to_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notebooks").mkdir()
    shutil.copy(NOTEBOOKS[0], tmp_path / "own.ipynb")
    monkeypatch.setattr(project, "root", lambda: tmp_path)
    monkeypatch.setattr(project, "settings", lambda: {"profile": "sample"})
    manager = LargeFileManager(root_dir=str(tmp_path), pre_save_hook="replication.lab.keep_outputs_apart")
    for path, run in ((NOTEBOOKS[0], True), (NOTEBOOKS[1], False)):
        shutil.copy(path, tmp_path / "notebooks")
        model = manager.get(f"notebooks/{path.name}")
        model["content"]["metadata"]["language_info"] = {"name": "python"}
        code = next(cell for cell in model["content"]["cells"] if cell["cell_type"] == "code")
        if run:
            code["outputs"], code["execution_count"] = [new_output("stream", text="Ä\n")], 3
        manager.save(model, f"notebooks/{path.name}")
        assert (tmp_path / "notebooks" / path.name).read_bytes() == path.read_bytes()
    copies = list((tmp_path / "results" / "sample-lab").iterdir())
    assert [copy.name for copy in copies] == [NOTEBOOKS[0].name]
    assert "Ä" in copies[0].read_text()
    monkeypatch.setattr(project, "settings", dict)  # no profile: the copy cannot be written
    model = manager.get(f"notebooks/{NOTEBOOKS[1].name}")
    code = next(cell for cell in model["content"]["cells"] if cell["cell_type"] == "code")
    code["outputs"] = [new_output("stream", text="kept\n")]
    manager.save(model, f"notebooks/{NOTEBOOKS[1].name}")
    assert "kept" in (tmp_path / "notebooks" / NOTEBOOKS[1].name).read_text()
    model = manager.get("own.ipynb")
    model["content"]["cells"][0]["metadata"]["own"] = True
    manager.save(model, "own.ipynb")
    assert '"own": true' in (tmp_path / "own.ipynb").read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 3}', '{"cells": [{}]}'])
def test_what_is_no_notebook_passes_unchanged(text: str) -> None:
    assert stripped(text) == text


def test_the_filter_starts_on_the_standard_library_alone() -> None:
    code = "import sys, replication.strip; print(sorted({'numpy', 'nbformat', 'torch', 'yaml'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
