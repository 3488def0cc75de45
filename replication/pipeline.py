"""dvc.yaml from pipeline.yaml: the active profile's stages with exactly the files and parameters that each depends on.

Dependencies are computed, because a list written by hand has holes and a hole is a wrong number: the modules that a
notebook imports, directly or not; the modules of the metrics, losses, networks and data sets that the stage's
parameters name; the pins of those data sets and weights; the results of the stages that it reads.
"""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from replication import dependencies, project
from replication.files import atomic_write_text
from replication.reporting import parameters, published
from replication.reporting.verdicts import METRICS

_HEADER = """\
# Generated from pipeline.yaml by `python -m replication pipeline`; do not edit. Profile: {profile}.
"""
_FIELDS = {"desc", "notebook", "command", "each", "params", "set", "reads", "results", "trained", "cached", "costly"}
_WHERE = ("device", "scheduler")  # where to compute: passed to a notebook, but no reason to run it again
_TRAINED = {"network.safetensors": True, "history.csv": False, "identity.json": False}  # file: in DVC's cache?


class PipelineError(ValueError):
    """A pipeline.yaml that cannot be used, or a dvc.yaml that no longer follows from it; the message says which."""


@dataclass(frozen=True)
class Stage:
    """One run of a notebook or command, all placeholders filled in.

    family: its name in pipeline.yaml. each: the combination of `each` that it is for, by placeholder. run: the same in
    words, "" if there is one run only.
    params: paths in params.yaml that are tracked. given: paths, or name=path, that the notebook gets. values: of those,
    as the notebook gets them. outs: path -> whether it is stored in DVC's cache (otherwise in git).
    """

    family: str
    each: Mapping[str, Any]
    run: str
    desc: str
    notebook: str
    command: str
    params: tuple[str, ...]
    given: tuple[str, ...]
    literals: Mapping[str, Any]
    values: tuple[Any, ...]
    reads: tuple[str, ...]
    results: str
    outs: Mapping[str, bool]
    costly: bool

    @property
    def name(self) -> str:
        """Name as DVC allows it: "lwssim_training-ae-mse-0"; the profile is added as a matrix: "...@paper"."""
        return "-".join(part for part in (self.family, re.sub(r"[^\w-]", "_", self.run)) if part)


def stages(settings: Mapping[str, Any] | None = None) -> list[Stage]:
    """The stages of the active profile, or of the given parameters, in the order of pipeline.yaml."""
    settings = project.settings() if settings is None else settings
    families = _families()
    found = [
        _stage(name, family, dict(zip(family.get("each", {}), combination, strict=True)), settings)
        for name, family in families.items()
        for combination in itertools.product(*_choices(name, family.get("each", {}), settings))
    ]
    return [_page_over_all(stage, settings["profile"]) if stage.command else stage for stage in found]


def text(settings: Mapping[str, Any] | None = None) -> str:
    """Content of dvc.yaml for the active profile, or the given parameters."""
    settings = project.settings() if settings is None else settings
    profile = settings["profile"]
    found = stages(settings)
    document = {
        "stages": {stage.name: _entry(stage, profile, found) for stage in found},
        "metrics": [f"results/{profile}/{stage.results}/{METRICS}" for stage in found if _judges(stage)],
        "plots": _plots(found, profile),
    }
    return _HEADER.format(profile=profile) + yaml.safe_dump(document, sort_keys=False, width=200, allow_unicode=True)


def write() -> bool:
    """Write dvc.yaml; returns whether it changed."""
    path, content = project.root() / "dvc.yaml", text()
    if path.read_text(encoding="utf-8") == content:
        return False
    atomic_write_text(path, content)
    return True


def write_cells() -> list[str]:
    """Write the sample profile's values into the notebooks' parameter cells; returns the names of the changed ones."""
    stale = {path: content for path, content in cells().items() if path.read_text(encoding="utf-8") != content}
    for path, content in stale.items():
        atomic_write_text(path, content)
    return [path.name for path in stale]


def cells() -> dict[Path, str]:
    """Content of every notebook that a stage runs, with the sample profile's values in its parameters cell.

    A notebook that several stages share has the values of the first of them.
    """
    contents = {}
    for name, values in _values_of_cells().items():
        content = parameters.read_notebook(project.root() / name)
        for cell in content["cells"]:
            if "parameters" in cell["metadata"].get("tags", []):
                cell["source"] = parameters.rewritten("".join(cell["source"]), values).splitlines(keepends=True)
        contents[project.root() / name] = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    return contents


def edited(notebook: str) -> dict[str, Any]:
    """Parameters whose values in the cell of `notebook` ("notebooks/msds_levels.ipynb") somebody has changed.

    A stage takes its values from params.yaml, so that such a change has no effect on it.
    """
    wanted = _values_of_cells().get(notebook, {})
    found = parameters.parameter_defaults(project.root() / notebook)
    return {name: value for name, value in found.items() if name in wanted and wanted[name] != value}


def _values_of_cells() -> dict[str, dict[str, Any]]:
    """The sample profile's values for every notebook that a stage runs."""
    settings = project.profile_values("sample")
    found: dict[str, dict[str, Any]] = {}
    for stage in stages(settings):
        if stage.notebook and stage.notebook not in found:
            overrides = [f"{key}={_literal(value)}" for key, value in stage.literals.items()]
            values = parameters.select_parameters(settings, stage.given, overrides)
            found[stage.notebook] = {"profile": "sample", **values}
    return found


def check(name: str) -> list[str]:
    """Raise PipelineError unless dvc.yaml has the stage `name` ("msds_levels-vgg16") as it follows from pipeline.yaml.

    A stage that runs with other parameters, imports or weights than dvc.yaml lists would be up to date when it is not.
    Returns the names of all stages, in the order in which they run.
    """
    settings = project.settings()
    found = stages(settings)
    wanted = {stage.name: stage for stage in found}.get(name)
    written = yaml.load((project.root() / "dvc.yaml").read_text(encoding="utf-8"), _FastLoader)["stages"].get(name)
    if wanted is None or written != _entry(wanted, settings["profile"], found):
        raise PipelineError(
            f"dvc.yaml is older than pipeline.yaml, the parameters, the data or the code that {name} depends on; run "
            "`python -m replication pipeline`, then `dvc repro` again"
        )
    return [stage.name for stage in found]


_FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _families() -> dict[str, dict[str, Any]]:
    path = project.root() / "pipeline.yaml"
    try:
        families = yaml.load(path.read_text(encoding="utf-8"), _FastLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PipelineError(f"pipeline.yaml is not valid YAML: {' '.join(str(error).split())}") from None
    for name, family in families.items():
        if unknown := set(family) - _FIELDS:
            raise PipelineError(
                f"pipeline.yaml: {name} has an unknown entry {min(unknown)!r}; known: {', '.join(sorted(_FIELDS))}"
            )
        for read in family.get("reads", ()):
            if read not in families:
                raise PipelineError(f"pipeline.yaml: {name} reads {read!r}, which is no stage")
    result: dict[str, dict[str, Any]] = families
    return result


def _choices(name: str, each: Mapping[str, Any], settings: Mapping[str, Any]) -> list[list[Any]]:
    """The values of every placeholder: a list as written, a list of params.yaml, or the keys of a mapping there."""
    choices = [given if isinstance(given, list) else _at(name, given, settings) for given in each.values()]
    for given, found in zip(each.values(), choices, strict=True):
        if not isinstance(found, list | Mapping):
            raise PipelineError(f"pipeline.yaml: {name}: {given!r} is {found!r}, which is no list or mapping")
    return [list(found) for found in choices]


def _at(name: str, path: str, settings: Mapping[str, Any]) -> Any:
    value: Any = settings
    for part in _parts(path):
        if not isinstance(value, Mapping) or part not in value:
            raise PipelineError(f"pipeline.yaml: {name} names {path!r}, which the parameters do not have")
        value = value[part]
    return value


def _parts(path: str) -> list[str]:
    return path.split(".")


def _stage(name: str, family: Mapping[str, Any], item: Mapping[str, Any], settings: Mapping[str, Any]) -> Stage:
    def fill(value: Any) -> Any:
        if isinstance(value, str) and (whole := re.fullmatch(r"<(\w+)>", value)) and whole[1] in item:
            return item[whole[1]]  # not its text: a seed stays a number
        if isinstance(value, str):
            return re.sub(r"<(\w+)>", lambda match: str(item[match[1]]), value)
        return value

    profile = settings["profile"]
    run = "-".join(str(value) for value in item.values())
    results = fill(family.get("results", "/".join(part for part in (name, run) if part)))
    given = tuple(fill(path) for path in family.get("params", ()))
    paths = [path.rpartition("=")[2] for path in given]
    values = [_at(name, path, settings) for path in paths]
    literals = {parameter: fill(value) for parameter, value in family.get("set", {}).items()}
    folder = f"results/{profile}/{results}"
    if family.get("trained"):
        outs = {f"{folder}/{file}": cached for file, cached in _TRAINED.items()}
    else:
        outs = {folder: bool(family.get("cached"))}
    return Stage(
        family=name,
        each=item,
        run=run,
        desc=family["desc"],
        notebook=f"notebooks/{family.get('notebook', name)}.ipynb" if "command" not in family else "",
        command=family.get("command", ""),
        params=tuple(itertools.chain.from_iterable(map(_tracked, paths, values))),
        given=given,
        literals=literals,
        values=(*values, *literals.values()),
        reads=tuple(family.get("reads", ())),
        results=results,
        outs=outs,
        costly=bool(family.get("costly")),
    )


def _tracked(path: str, value: Any) -> list[str]:
    """The path alone; or, for a group in which settings name where to compute, the paths of its other values."""
    if isinstance(value, Mapping) and any(where in value for where in _WHERE):
        return [f"{path}.{key}" for key in value if key not in _WHERE]
    return [path]


def _page_over_all(stage: Stage, profile: str) -> Stage:
    """A command's stage with its outputs: the gallery's folder, the scorecard's page."""
    outs = {
        "gallery": {f"reports/{profile}/gallery": False},
        "scorecard": {
            f"reports/{profile}/{file}": False for file in ("index.html", "environment.json", "site.js", "pages.js")
        },
    }[stage.command]
    return replace(stage, outs=outs)


def _entry(stage: Stage, profile: str, found: Sequence[Stage]) -> dict[str, Any]:
    """The stage as dvc.yaml has it."""
    page = stage.results.removesuffix(".csv").replace("/", "_")
    deps, outs = [], dict(stage.outs)
    if stage.command:
        command = f"python -m replication {stage.command}"
        deps += _deps_of_page(stage, profile, found)
    else:
        words = [f"python -m replication run {stage.notebook}", f"--name {page}", f"--results {stage.results}"]
        words += [f"--params {path}" for path in stage.given]
        words += [f"--set {name}={_literal(value)}" for name, value in stage.literals.items()]
        command = " ".join(words)
        notebook = project.root() / stage.notebook
        named = [*stage.values, dependencies.names_in_code(notebook)]
        deps += [stage.notebook, *dependencies.code(notebook, named, costly=stage.costly)]
        deps += dependencies.pins(named)
        deps += sorted(_read_folders(stage, profile, found))
        outs |= {f"reports/{profile}/{page}.html": False, f"reports/{profile}/{page}.ipynb": False}
    # persist: DVC removes outputs before it runs a stage; a killed run would leave nothing of the last result.
    keep = {"persist": True}
    listed = [{path: keep if cached else {"cache": False, **keep}} for path, cached in outs.items()]
    entry: dict[str, Any] = {"desc": stage.desc, "matrix": {"profile": [profile]}, "cmd": command, "deps": deps}
    if stage.params:
        entry["params"] = list(stage.params)
    return {**entry, "outs": listed}


def reads(stage: Stage, other: Stage, found: Sequence[Stage]) -> bool:
    """Whether `stage` depends on the results of `other`, both of `found`."""
    path = f"results/any/{other.results}"
    return any(path == folder or path.startswith(f"{folder}/") for folder in _read_folders(stage, "any", found))


def _read_folders(stage: Stage, profile: str, found: Sequence[Stage]) -> set[str]:
    run = {each.family for each in found}  # one for each name of an empty list has no runs, and so no results
    return {_results_of(read, profile, found, stage.each) for read in stage.reads if read in run}


def _literal(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True).strip().removesuffix("\n...").strip().replace(" ", "")


def _judges(stage: Stage) -> bool:
    """Whether the stage's notebook leaves verdicts, and with them metrics.json."""
    return bool(stage.notebook) and "write_results(" in (project.root() / stage.notebook).read_text(encoding="utf-8")


def _plots(found: Sequence[Stage], profile: str) -> list[dict[str, Any]]:
    """A plot of learning curves for each family of trainings: validation loss against steps, a line for each run."""
    families: dict[str, dict[str, str]] = {}
    for stage in found:
        if history := next((path for path in stage.outs if path.endswith("/history.csv")), None):
            families.setdefault(stage.results.split("/")[0], {})[history] = "validation_loss"
    return [
        {f"{name}, {profile}": {"x": "step", "y": curves, "y_label": "validation loss"}}
        for name, curves in families.items()
    ]


def _results_of(family: str, profile: str, found: Sequence[Stage], each: Mapping[str, Any] | None = None) -> str:
    """The folder that holds the results of a family of stages; of those runs alone that agree with `each`, as a network
    goes on from the start of its own seed.
    """
    chosen = each or {}
    own = (stage for stage in found if stage.family == family)
    folders = {
        f"results/{profile}/{stage.results}"
        for stage in own
        if all(chosen.get(name, value) == value for name, value in stage.each.items())
    }
    return folders.pop() if len(folders) == 1 else f"results/{profile}/{family}"


def _deps_of_page(stage: Stage, profile: str, found: Sequence[Stage]) -> list[str]:
    data = dependencies.papers_data()
    if stage.command == "gallery":
        pages = {its["page"] for its in published.pictures().values()}
        own = {f"reports/{profile}/{each.results}.ipynb" for each in found if each.results in pages}
        return [*sorted(own), *(path for path in data if path.endswith(".toml"))]
    read = {family for each in found for family in each.reads}
    ends = {each.family: None for each in found if each.family not in read and not each.command}
    return [*(_results_of(family, profile, found) for family in ends), f"reports/{profile}/gallery", *data]
