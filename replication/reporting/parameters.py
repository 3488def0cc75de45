"""Parameters of notebooks: the cell tagged `parameters`, values for it from params.yaml, and rewriting it."""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml


class NotebookError(RuntimeError):
    """A notebook that cannot be run as asked, or a cell that failed; the message names both."""


def read_notebook(notebook: Path) -> dict[str, Any]:
    """The notebook's JSON. Raises NotebookError for a file that is missing or no notebook."""
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
        if not isinstance(content["cells"], list):
            raise TypeError
    except FileNotFoundError:
        raise NotebookError(f"no notebook {notebook}") from None
    except (ValueError, KeyError, TypeError):
        raise NotebookError(
            f"{notebook.name} is not a readable notebook: it must be JSON with a list of cells"
        ) from None
    return dict(content)


def parameter_defaults(notebook: Path) -> dict[str, Any]:
    """Names and default values in the notebook's cell tagged `parameters`, which holds literals only."""
    cells = [cell for cell in read_notebook(notebook)["cells"] if "parameters" in cell["metadata"].get("tags", [])]
    if len(cells) != 1:
        raise NotebookError(f"{notebook.name} must have one cell tagged 'parameters', found {len(cells)}")
    defaults: dict[str, Any] = {}
    try:
        for statement in ast.parse("".join(cells[0]["source"])).body:
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
    'step=msssim_sr.train.rate' gives the value at a path under another name. Later ones win. Values of overrides are
    YAML literals.
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


def rewritten(source: str, values: Mapping[str, Any]) -> str:
    """The source of a parameters cell with these values in place of others; what is equal stays as it is written."""
    lines = source.splitlines(keepends=True)
    for statement in reversed(ast.parse(source).body):
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name in values and ast.literal_eval(value) != values[name]:
                first, last = value.lineno - 1, (value.end_lineno or value.lineno) - 1
                before = lines[first].encode()[: value.col_offset].decode()
                after = lines[last].encode()[value.end_col_offset :].decode()
                lines[first : last + 1] = [before + _literal(values[name]) + after]
    return "".join(lines)


def _literal(value: Any) -> str:
    """A Python literal in the formatter's style: double quotation marks."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def check_parameters(parameters: Mapping[str, Any], defaults: Mapping[str, Any], notebook: str) -> None:
    """Raise NotebookError for a parameter that the notebook lacks, or a value of another kind than its default."""
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
