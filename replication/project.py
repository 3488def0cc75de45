"""Folders of the project and its data, and the active profile's parameters."""

import math
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from replication.errors import CommandError
from replication.files import read_regular

PIPELINE = "REPLICATION_PIPELINE"
"""Environment variable of the kernels that the pipeline starts."""

LAB = "-lab"
_announced: set[str] = set()
_LONGEST = 1_000_000  # bytes of a file of parameters
_DEEPEST = 20  # lists and mappings inside one another


class SettingsError(ValueError):
    """Parameters that cannot be used: not YAML, unknown, missing or of another type; the message names them."""


class UnknownProfileError(SettingsError, CommandError):
    """A profile that does not exist; the message lists those that do."""


def root() -> Path:
    """The project's folder: the nearest one at or above the working directory that holds dvc.yaml and conf/.

    Notebooks run from notebooks/, stages from the top, users from anywhere inside; all mean the same project.
    """
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file() and (folder / "conf").is_dir():
            return folder
    raise FileNotFoundError(
        f"no project (a folder with dvc.yaml and conf/) at or above {here}; run this inside a clone"
    )


def data_root() -> Path:
    """The folder of the real data sets: $REPLICATION_DATA, or data/ in the project."""
    configured = os.environ.get("REPLICATION_DATA")
    return Path(configured).expanduser().resolve() if configured else root() / "data"


class _Only(dict[str, Any]):
    """A mapping that replaces the one it would otherwise add to: `!only` in conf/NAME.yaml."""


class _Open(dict[str, Any]):
    """A mapping whose keys are names that users may add and remove: `!open` in conf/base.yaml."""


class _Strict(yaml.SafeLoader):
    """A loader that refuses aliases, deep nesting and keys given twice: they make small files huge, or misread."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=self.get_mark())
        self._depth += 1
        if self._depth > _DEEPEST:
            problem = f"it is nested more than {_DEEPEST} deep"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} is given twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Loader(_Strict):
    """A loader that knows the two marks of conf/."""


def _only(loader: yaml.SafeLoader, node: yaml.MappingNode) -> _Only:
    return _Only({str(key): value for key, value in loader.construct_mapping(node, deep=True).items()})


def _open(loader: yaml.SafeLoader, node: yaml.MappingNode) -> _Open:
    return _Open({str(key): value for key, value in loader.construct_mapping(node, deep=True).items()})


_Loader.add_constructor("!only", _only)
_Loader.add_constructor("!open", _open)


def profiles() -> list[str]:
    """Names of the profiles: the files in conf/ beside base.yaml."""
    return sorted(path.stem for path in (root() / "conf").glob("*.yaml") if path.stem != "base")


def profile_values(name: str) -> dict[str, Any]:
    """All parameters of a profile: conf/base.yaml with the changes of conf/<name>.yaml."""
    if name not in profiles():
        raise UnknownProfileError(f"unknown profile {name!r}; known: {', '.join(profiles())}")
    conf = root() / "conf"
    return _merge(_read_mapping(conf / "base.yaml", _Loader), _read_mapping(conf / f"{name}.yaml", _Loader))


def settings(path: Path | None = None) -> dict[str, Any]:
    """The active parameters (params.yaml), checked against the profile they started from.

    A parameter that the profile does not have is a spelling mistake, which would change nothing and go unnoticed, so it
    is a SettingsError that lists the known names. So are a missing parameter, one given twice, one of another type than
    in the profiles, and a file that is not YAML, longer than 1 MB, nested more than 20 deep or with aliases. Groups
    marked `!open` in conf/base.yaml take any names.
    """
    path = path or root() / "params.yaml"
    values = _read_mapping(path)
    profile = values.get("profile")
    if profile not in profiles():
        raise SettingsError(f"{path.name}: unknown profile {str(profile)[:40]!r}; known: {', '.join(profiles())}")
    known = [profile_values(profile)]
    _check_names(values, known[0], path.name)
    try:
        _check_types(values, known, path.name)
    except SettingsError:  # a value of the type that it has in another profile is as good
        known += [profile_values(other) for other in profiles() if other != profile]
        _check_types(values, known, path.name)
    return values


def results_folder(profile: str, experiment: str) -> Path:
    """Folder that an experiment writes its tables and trained networks to: results/<profile>/<experiment>/.

    In a notebook that somebody runs by hand it is results/<profile>-lab/<experiment>/, so that an experiment tried out
    in JupyterLab never replaces what the pipeline computed; a line says so.
    """
    if not in_lab():
        return results_of(profile, experiment)
    folder = _below(root() / "results" / f"{profile}{LAB}", experiment)
    if experiment not in _announced:
        _announced.add(experiment)
        print(
            f"Run by hand: results go to results/{profile}{LAB}/{experiment}; those of the pipeline stay as they are."
        )
    return folder


def results_of(profile: str, experiment: str) -> Path:
    """Folder from which an experiment's results are read: those of the pipeline, results/<profile>/<experiment>/."""
    return _below(root() / "results" / profile, experiment)


def in_lab() -> bool:
    """Whether this is the kernel of a notebook that the pipeline does not run."""
    if PIPELINE in os.environ or "IPython" not in sys.modules:
        return False
    from IPython.core.getipython import get_ipython

    return get_ipython() is not None


def checkpoint_folder(profile: str, stage: str) -> Path:
    """Folder of a stage's unfinished work: checkpoints/<profile>/<stage>/, removed on success."""
    return _below(root() / "checkpoints" / profile, stage)


def _below(folder: Path, name: str) -> Path:
    """A folder inside `folder`; SettingsError for a name that leads elsewhere, since its old files are removed."""
    if not Path(name).parts or Path(name).is_absolute() or ".." in Path(name).parts:
        raise SettingsError(f"{name!r} names no folder below {folder.parent.name}/{folder.name}/; give another name")
    return folder / name


def _merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `change`: mappings are merged key by key, unless `!only`; anything else is replaced."""
    merged = dict(base) if not isinstance(base, _Open) else _Open(base)
    for key, value in change.items():
        old = merged.get(key)
        if isinstance(value, _Only):
            merged[key] = (_Open if isinstance(old, _Open) else dict)(value)
        elif isinstance(value, Mapping) and isinstance(old, Mapping):
            merged[key] = _merge(old, value)
        else:
            merged[key] = value
    return merged


def _read_mapping(path: Path, loader: type[yaml.SafeLoader] = _Strict) -> dict[str, Any]:
    data = read_regular(path)
    try:
        if len(data) > _LONGEST:
            raise SettingsError(f"{path.name} has {len(data):,} bytes; parameters have {_LONGEST:,} at most")
        values = yaml.load(data.decode("utf-8"), loader)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path.name} is not UTF-8 text (byte {error.start})") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path.name} is not valid YAML: {' '.join(str(error).split())}") from error
    except (ValueError, RecursionError) as error:  # 2024-99-99 is no date, and so on
        if isinstance(error, SettingsError):
            raise
        raise SettingsError(f"{path.name} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise SettingsError(
            f"{path.name} must hold a mapping of parameters; copy a profile with `python -m replication profile`"
        )
    return values


def _check_names(values: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
    if isinstance(known, _Open):
        return
    for name in values:
        if name not in known:
            raise SettingsError(f"{where}: unknown parameter {name!r}; known here: {', '.join(map(str, known))}")
    for name, expected in known.items():
        if name not in values:
            raise SettingsError(f"{where}: parameter {name!r} is missing")
        if isinstance(expected, dict):
            if not isinstance(values[name], dict):
                raise SettingsError(f"{where}: {name!r} must be a group with {', '.join(map(str, expected))}")
            _check_names(values[name], expected, f"{where}: {name}")


def _check_types(values: Mapping[str, Any], known: Iterable[Mapping[str, Any]], where: str) -> None:
    """Raise a SettingsError for a value whose type no known mapping has; a null in one of them allows any."""
    for name, value in values.items():
        expected = [mapping[name] for mapping in known if name in mapping]
        if isinstance(value, dict):
            _check_types(value, [inner for inner in expected if isinstance(inner, dict)], f"{where}: {name}")
        types = {_type(example) for example in expected}
        if isinstance(value, float) and not math.isfinite(value):
            raise SettingsError(f"{where}: {name!r} must be finite, got {value}")
        if types and "null" not in types and _type(value) not in types:
            raise SettingsError(
                f"{where}: {name!r} must be a {' or a '.join(sorted(types))}, got "
                f"{'null' if value is None else f'the {_type(value)} {str(value)[:40]!r}'}{_looks_like_number(value)}"
            )


def _type(value: object) -> str:
    """The type in YAML's words; whole and other numbers are one."""
    if isinstance(value, dict):
        return "group"
    names = {bool: "truth value", int: "number", float: "number", str: "text", list: "list", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _looks_like_number(value: object) -> str:
    """A hint where YAML reads as text what other languages read as a number, such as 1e-3."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+[eE][+-]?\d+", value):
        return "; YAML wants a decimal point in such a number, as in 1.0e-3"
    return ""
