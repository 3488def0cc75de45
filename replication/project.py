"""Where the project and its data are, and the active profile's parameters."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


class SettingsError(ValueError):
    """A profile or a parameter that does not exist; the message lists the known ones."""


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


class _Loader(yaml.SafeLoader):
    """YAML with the two marks of conf/."""


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
        raise SettingsError(f"unknown profile {name!r}; known: {', '.join(profiles())}")
    conf = root() / "conf"
    return _merge(_read_mapping(conf / "base.yaml", _Loader), _read_mapping(conf / f"{name}.yaml", _Loader))


def settings(path: Path | None = None) -> dict[str, Any]:
    """The active parameters (params.yaml), checked against the profile they started from.

    A parameter the profile does not have is a spelling mistake that would otherwise change nothing in silence, so it is
    an error that lists the known names; a missing one likewise. Groups marked `!open` in conf/base.yaml take any names.
    """
    path = path or root() / "params.yaml"
    values = _read_mapping(path)
    profile = values.get("profile")
    if profile not in profiles():
        raise SettingsError(f"{path.name}: unknown profile {profile!r}; known: {', '.join(profiles())}")
    _check_names(values, profile_values(profile), path.name)
    return values


def results_folder(profile: str, experiment: str) -> Path:
    """Where an experiment's tables and trained networks go: results/<profile>/<experiment>/."""
    return root() / "results" / profile / experiment


def checkpoint_folder(profile: str, stage: str) -> Path:
    """Where an unfinished stage keeps what it needs to go on: checkpoints/<profile>/<stage>/, removed on success."""
    return root() / "checkpoints" / profile / stage


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


def _read_mapping(path: Path, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), loader)
    except yaml.YAMLError as error:
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
