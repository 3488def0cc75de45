"""Run a notebook with given parameters and render it: the one way in which the pipeline's stages are executed.

The notebook in notebooks/ is never written to: a copy is executed by papermill, its outputs are normalised, and the
page (with the executed copy beside it) replaces the previous one only when every cell has succeeded.
"""

import json
import logging
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from nbconvert.filters.ansi import strip_ansi
from nbformat import NotebookNode

from replication import project
from replication.files import atomic_write_text
from replication.reporting import environment, pictures
from replication.reporting.normalise import normalise
from replication.reporting.page import variant_of
from replication.reporting.parameters import NotebookError, check_parameters, parameter_defaults, read_notebook
from replication.reporting.render import render

log = logging.getLogger(__name__)


# A Ctrl-C that comes while Python cleans up, as in a callback of a weak reference, cannot end the cell, and Python
# prints its traceback; the command that runs the notebook has got it too and says so.
_INTERRUPTS = """
def _quiet(show=__import__("sys").unraisablehook):
    return lambda found: None if issubclass(found.exc_type, KeyboardInterrupt) else show(found)
__import__("sys").unraisablehook = _quiet()
del _quiet
"""


def run_stage(notebook: Path, parameters: Mapping[str, Any], name: str) -> Path:
    """Run `notebook` for the active profile and write reports/<profile>/<name>.html and .ipynb; returns the path.

    The parameter `profile` is added where the notebook has one.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise NotebookError(f"stage name {name!r} must be letters, digits, '-', '_' and '.'")
    profile = project.settings()["profile"]
    if parameters.get("profile", profile) != profile:
        raise NotebookError(
            f"profile cannot be set to {parameters['profile']!r}, because params.yaml is that of {profile}; make it "
            f"the active one first: python -m replication profile {parameters['profile']}"
        )
    if "profile" in parameter_defaults(notebook):
        parameters = {"profile": profile, **parameters}
    output = project.root() / "reports" / profile / f"{name}.html"
    record = environment.summary(profile)
    variant = variant_of(name, notebook.name)
    return run_notebook(notebook, parameters, output, profile=profile, record=record, variant=variant)


def run_notebook(
    notebook: Path,
    parameters: Mapping[str, Any],
    output_html: Path,
    *,
    profile: str,
    record: Mapping[str, str],
    variant: str = "",
) -> Path:
    """Execute a copy of `notebook` and write its page to `output_html` and the executed copy beside it (.ipynb).

    parameters: values for names assigned in the cell tagged `parameters`; any other name, or a value of another kind
        than the default, is a NotebookError.
    record: what the page's footer states (data, weights); plain text.
    variant: distinguishes the page from others of this notebook; appended to its title.

    The kernel is the running interpreter, its working directory the notebook's folder. Progress and everything else on
    stderr goes to this process's stderr, never into the page. A failing cell raises NotebookError and leaves the last
    good page as it is. Two runs of a deterministic notebook write the same bytes.
    """
    notebook = notebook.resolve()
    defaults = parameter_defaults(notebook)
    check_parameters(parameters, defaults, notebook.name)
    started = time.monotonic()
    with _this_interpreter(), tempfile.TemporaryDirectory() as folder:
        executed = _execute(notebook, parameters, Path(folder) / notebook.name)
    log.info("%s ran in %.1f s", notebook.name, time.monotonic() - started)
    normalise(executed, _places(notebook))
    html = render(
        executed,
        profile=profile,
        footer={"Notebook": notebook.name, **record},
        back=("index.html", "Scorecard"),
        variant=variant,
    )
    pictures.shrink(executed)  # the page holds them at full size
    atomic_write_text(output_html.with_suffix(".ipynb"), _text(executed))
    atomic_write_text(output_html, html)
    return output_html


def _text(notebook: NotebookNode) -> str:
    return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call]


def _execute(notebook: Path, parameters: Mapping[str, Any], copy: Path) -> NotebookNode:
    # It reads parameters line by line and warns of those over several lines; ours have been checked.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        return papermill.execute_notebook(  # type: ignore[no-any-return]
            str(notebook),
            str(copy),
            parameters=dict(parameters),
            kernel_name="python3",
            language="python",
            cwd=str(notebook.parent),
            progress_bar=sys.stderr.isatty(),
            stderr_file=sys.stderr,
            start_timeout=180,
            store_widget_state=False,
            request_save_on_cell_execute=True,  # the copy tells which cell a dead kernel was in
            autosave_cell_every=0,
        )
    except papermill.PapermillExecutionError as error:
        traceback = "\n".join(error.traceback) + "\n"
        sys.stderr.write(traceback if sys.stderr.isatty() else strip_ansi(traceback))  # type: ignore[no-untyped-call]
        what = f"{error.ename}: {' '.join(error.evalue.split())}"
        raise NotebookError(f"{notebook.name}: the cell {_where(error.source)} failed: {what}") from None
    except DeadKernelError:
        cells = read_notebook(copy)["cells"]
        started = [cell for cell in cells if cell["metadata"].get("papermill", {}).get("start_time")]
        where = "while it started"
        if started:
            where = f"in the cell {_where(''.join(started[-1]['source']))}"
        raise NotebookError(f"{notebook.name}: its kernel died {where}; most often memory ran out") from None


def _where(source: str) -> str:
    """Description of a cell by its first line that is not blank."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    return f"that begins {lines[0]!r}" if lines else "that is empty"


def _places(notebook: Path) -> dict[Path, str]:
    """Folders that differ from machine to machine, and the text that replaces them in the page."""
    try:
        places = {project.data_root(): "data", project.root(): "."}
    except FileNotFoundError:  # a notebook outside a clone
        places = {}
    return {notebook.parent: ".", **places}


@contextmanager
def _this_interpreter() -> Iterator[None]:
    """Make 'python3' mean the running interpreter, whatever kernels the user has, with settings that repeat."""
    with tempfile.TemporaryDirectory() as folder:
        kernel = Path(folder) / "kernels" / "python3"
        kernel.mkdir(parents=True)
        settings = {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=CRITICAL"],
            "display_name": "Python 3",
            "language": "python",
            "env": {
                "PYTHONHASHSEED": "0",  # the order of sets
                "SOURCE_DATE_EPOCH": "0",  # the date that matplotlib writes into SVG and PDF
                "CUBLAS_WORKSPACE_CONFIG": os.environ.get("CUBLAS_WORKSPACE_CONFIG", ":4096:8"),  # repeatable on CUDA
                project.PIPELINE: "1",
                "IPYTHONDIR": folder,  # no start-up files or history of the user's own
            },
        }
        (kernel / "kernel.json").write_text(json.dumps(settings))
        startup = Path(folder) / "profile_default" / "startup"
        startup.mkdir(parents=True)
        (startup / "interrupts.py").write_text(_INTERRUPTS)
        before = os.environ.get("JUPYTER_PATH")
        os.environ["JUPYTER_PATH"] = folder + (os.pathsep + before if before else "")
        try:
            yield
        finally:
            if before is None:
                del os.environ["JUPYTER_PATH"]
            else:
                os.environ["JUPYTER_PATH"] = before
