"""Saving in JupyterLab, as `make lab` starts it: a notebook stays as the pipeline and git know it."""

import json
from pathlib import Path
from typing import Any

from replication import project
from replication.files import atomic_write_text
from replication.strip import stripped


def keep_outputs_apart(model: dict[str, Any], path: str, contents_manager: Any, **_: Any) -> None:
    """A `pre_save_hook` of Jupyter for the notebooks of this project.

    A notebook is saved without outputs, byte for byte as it was if no cell was edited: DVC runs a stage again whose
    notebook has changed, and outputs are no reason. The notebook with its outputs goes to
    results/<profile>-lab/<name>.ipynb; if that fails, Jupyter logs why and saves them where they were. Notebooks
    outside notebooks/ are saved as they are.
    """
    file = Path(contents_manager.root_dir, path.lstrip("/")).resolve()
    if model.get("type") != "notebook" or file.parent != project.root() / "notebooks":
        return
    executed = json.dumps(model["content"], indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if any(cell.get("outputs") for cell in model["content"]["cells"]):
        profile = str(project.settings()["profile"])
        atomic_write_text(project.root() / "results" / f"{profile}{project.LAB}" / file.name, executed)
    model["content"] = json.loads(stripped(executed))
