"""Where the project and its data are, and the active profile's parameters."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from replication.files import atomic_write_text


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


def profiles() -> list[str]:
    """Names of the profiles: the files in conf/."""
    return sorted(path.stem for path in (root() / "conf").glob("*.yaml"))


def use_profile(name: str) -> None:
    """Make `name` the active profile: copy conf/<name>.yaml to params.yaml, comments and all."""
    if name not in profiles():
        raise SettingsError(f"unknown profile {name!r}; known: {', '.join(profiles())}")
    atomic_write_text(root() / "params.yaml", (root() / "conf" / f"{name}.yaml").read_text(encoding="utf-8"))


def settings(path: Path | None = None) -> dict[str, Any]:
    """The active parameters (params.yaml), checked against the profile they started from.

    A parameter the profile does not have is a spelling mistake that would otherwise change nothing in silence, so it is
    an error that lists the known names; a missing one likewise.
    """
    path = path or root() / "params.yaml"
    values = _read_mapping(path)
    profile = values.get("profile")
    if profile not in profiles():
        raise SettingsError(f"{path.name}: unknown profile {profile!r}; known: {', '.join(profiles())}")
    _check_names(values, _read_mapping(root() / "conf" / f"{profile}.yaml"), path.name)
    return values


def results_folder(profile: str, experiment: str) -> Path:
    """Where an experiment's tables and trained networks go: results/<profile>/<experiment>/."""
    return root() / "results" / profile / experiment


def checkpoint_folder(profile: str, stage: str) -> Path:
    """Where an unfinished stage keeps what it needs to go on: checkpoints/<profile>/<stage>/, removed on success."""
    return root() / "checkpoints" / profile / stage


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise SettingsError(f"{path.name} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise SettingsError(
            f"{path.name} must hold a mapping of parameters; copy a profile with `python -m replication profile`"
        )
    return values


def _check_names(values: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
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
