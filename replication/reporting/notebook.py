"""Run a notebook with given parameters and render it: the one way in which the pipeline's stages are executed.

The notebook in notebooks/ is never written to: a copy is executed by papermill, its outputs are normalised, and the
page (with the executed copy beside it) replaces the previous one only when every cell has succeeded.
"""

import ast
import json
import logging
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill
import yaml
from nbclient.exceptions import DeadKernelError
from nbconvert.filters.ansi import strip_ansi
from nbformat import NotebookNode

from replication import project
from replication.files import atomic_write_text
from replication.reporting import environment
from replication.reporting.normalise import normalise
from replication.reporting.page import variant_of
from replication.reporting.render import render

log = logging.getLogger(__name__)


class NotebookError(RuntimeError):
    """A notebook that cannot be run as asked, or a cell that failed; the message names both."""


def run_stage(notebook: Path, parameters: Mapping[str, Any], name: str) -> Path:
    """Run `notebook` for the active profile and write reports/<profile>/<name>.html and .ipynb; returns the path.

    The parameter `profile` is added where the notebook has one.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise NotebookError(f"stage name {name!r} must be letters, digits, '-', '_' and '.'")
    profile = project.settings()["profile"]
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
    variant: what tells the page from others of this notebook; stands behind its title.

    The kernel is the running interpreter, its working directory the notebook's folder. Progress and everything else on
    stderr goes to this process's stderr, never into the page. A failing cell raises NotebookError and leaves the last
    good page as it is. Two runs of a deterministic notebook write the same bytes.
    """
    notebook = notebook.resolve()
    defaults = parameter_defaults(notebook)
    _check(parameters, defaults, notebook.name)
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
    atomic_write_text(output_html.with_suffix(".ipynb"), _text(executed))
    atomic_write_text(output_html, html)
    return output_html


def parameter_defaults(notebook: Path) -> dict[str, Any]:
    """Names and default values in the notebook's cell tagged `parameters`, which holds literals only."""
    cells = [cell for cell in _read(notebook).cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise NotebookError(f"{notebook.name} must have one cell tagged 'parameters', found {len(cells)}")
    defaults: dict[str, Any] = {}
    try:
        for statement in ast.parse(cells[0].source).body:
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ):
                    defaults[name] = ast.literal_eval(value)
                case ast.Expr(value=ast.Constant()):  # a docstring
                    continue
                case _:
                    raise ValueError(f"line {statement.lineno} assigns no literal to a name")
    except (SyntaxError, ValueError) as error:
        raise NotebookError(f"{notebook.name}: the cell tagged 'parameters' must hold literals only: {error}") from None
    return defaults


def select_parameters(
    settings: Mapping[str, Any], groups: Sequence[str], overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Notebook parameters from params.yaml: entries of the groups at dotted paths, then `name=value` overrides.

    'msssim_sr.train' gives every entry of that group; the path of a single value gives it under its last name, and
    'step=msssim_sr.train.rate' what stands at a path under another. Later ones win. Values of overrides are YAML
    literals.
    """
    selected: dict[str, Any] = {}
    for group in groups:
        alias, equals, path = group.rpartition("=")
        value: Any = settings
        for part in path.split("."):
            if not isinstance(value, Mapping) or part not in value:
                known = ", ".join(map(str, value)) if isinstance(value, Mapping) else "nothing below it"
                raise NotebookError(f"params.yaml has no {path!r}: {part!r} is not among {known}")
            value = value[part]
        if isinstance(value, Mapping) and not equals:
            selected.update(value)
        else:
            selected[alias or path.rpartition(".")[2]] = value
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals or not name.isidentifier():
            raise NotebookError(f"an override is written name=value, got {override!r}")
        try:
            selected[name] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise NotebookError(f"{override!r}: the value is not a YAML literal") from None
    return selected


def _read(notebook: Path) -> NotebookNode:
    try:
        return nbformat.read(notebook, as_version=4)  # type: ignore[no-any-return, no-untyped-call]
    except FileNotFoundError:
        raise NotebookError(f"no notebook {notebook}") from None
    except (ValueError, nbformat.ValidationError) as error:
        raise NotebookError(f"{notebook.name} is not a readable notebook: {str(error).splitlines()[0]}") from None


def _text(notebook: NotebookNode) -> str:
    return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call]


def _check(parameters: Mapping[str, Any], defaults: Mapping[str, Any], notebook: str) -> None:
    for name, value in parameters.items():
        if name not in defaults:
            raise NotebookError(f"{notebook} has no parameter {name!r}; it has {', '.join(defaults) or 'none'}")
        if None in (value, defaults[name]) or _kind(value) == _kind(defaults[name]):
            continue
        hint = ""
        if isinstance(value, str) and re.fullmatch(r"[-+]?\d+e[-+]?\d+", value, re.IGNORECASE):
            hint = f" (YAML reads {value} as text; write {value.replace('e', '.0e')})"
        raise NotebookError(f"parameter {name!r} of {notebook} must be {_kind(defaults[name])}, got {value!r}{hint}")


def _kind(value: Any) -> str:
    kinds = ((bool, "true or false"), ((int, float), "a number"), (str, "text"), ((list, tuple), "a list"))
    return next((words for kind, words in kinds if isinstance(value, kind)), "a mapping")


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
        started = [cell for cell in _read(copy).cells if cell.metadata.get("papermill", {}).get("start_time")]
        where = f"in the cell {_where(started[-1].source)}" if started else "while it started"
        raise NotebookError(f"{notebook.name}: its kernel died {where}; most often memory ran out") from None


def _where(source: str) -> str:
    """A cell, named by the first line that says something."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    return f"that begins {lines[0]!r}" if lines else "that is empty"


def _places(notebook: Path) -> dict[Path, str]:
    """Folders that differ from machine to machine, and what the page says in their place."""
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
                "IPYTHONDIR": folder,  # no start-up files or history of the user's own
            },
        }
        (kernel / "kernel.json").write_text(json.dumps(settings))
        before = os.environ.get("JUPYTER_PATH")
        os.environ["JUPYTER_PATH"] = folder + (os.pathsep + before if before else "")
        try:
            yield
        finally:
            if before is None:
                del os.environ["JUPYTER_PATH"]
            else:
                os.environ["JUPYTER_PATH"] = before
