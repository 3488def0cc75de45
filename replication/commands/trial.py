"""The command `try`: what a changed parameter does to the numbers, found in a copy of the project.

The copy has the files that git has or would take, the results of the active profile, and the changed params.yaml. The
stages that the change concerns run in it one after another, with those that read their results.
"""

import difflib
import json
import math
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from replication import pipeline, project, run_times, terminal
from replication.errors import CommandError

_LEFT = ("reports", "data")  # not copied: pages are made anew, data are read where they are
_SHOWN = 30  # lines of numbers that are printed


class TrialError(RuntimeError):
    """A change that could not be tried out: results that it needs are missing, or a stage failed."""


class ChangeError(CommandError):
    """A change that params.yaml does not allow; the message names the parameters that come near."""


def run(changes: Sequence[str], only_plan: bool = False) -> int:
    """Try the changes, or only list the stages that would run; returns the exit code."""
    before = project.settings()
    after = changed(before, changes)
    profile = before["profile"]
    found = concerned(pipeline.stages(before), pipeline.stages(after), before, after)
    if not found:
        print("No stage runs with another value of this: it changes no number.")
        return 0
    names = [stage.name for stage in found]
    minutes = run_times.estimate(names, profile)
    time = "" if minutes is None else f", about {max(1, round(minutes))} min by earlier runs"
    print(f"{len(names)} {'stage' if len(names) == 1 else 'stages'}{time}: {', '.join(names)}")
    if only_plan:
        return 0
    _check_results(found, pipeline.stages(after), profile)
    copy = _copy(profile, after)
    print(f"in {copy}", flush=True)
    _run(copy, found, profile)
    _compare(copy, found, profile)
    print(f"Tables and pages: {copy / 'results' / profile}, {copy / 'reports' / profile}")
    print("To adopt the change, make it in params.yaml and run `dvc repro`; else delete the folder.")
    return 0


def changed(settings: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """The parameters with other values: "group.name=value", the value in YAML. ChangeError where it is not allowed."""
    after: dict[str, Any] = json.loads(json.dumps(settings))
    known = list(_paths(settings))
    for change in changes:
        key, sign, text = change.partition("=")
        if not (key and sign and text.strip()):
            raise ChangeError(f"{change!r} is no change; write KEY=VALUE, such as {known[-1]}=VALUE")
        if key == "profile":
            raise ChangeError("`try` runs in the active profile; `python -m replication profile NAME` changes it")
        if key not in known:
            near = [path for path in known if path.split(".")[-1] == key] or difflib.get_close_matches(key, known, 3)
            listed = f"near it: {', '.join(near[:4])}" if near else "params.yaml lists them"
            raise ChangeError(f"params.yaml has no parameter {key!r} that can be changed; {listed}")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ChangeError(f"{key}: {text!r} is no YAML value") from None
        group = after
        *groups, name = key.split(".")
        for each in groups:
            group = group[each]
        group[name] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        path.write_text(yaml.safe_dump(after, sort_keys=False), encoding="utf-8")
        try:
            return project.settings(path)
        except project.SettingsError as error:
            raise ChangeError(str(error)) from None


def concerned(
    before: Sequence[pipeline.Stage], after: Sequence[pipeline.Stage], old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[pipeline.Stage]:
    """The stages of `after` whose parameters are others than in `before`, and those that read their results, in order.

    old, new: the parameters. The pages over all experiments, gallery and scorecard, are left out.
    """
    known = {stage.name: _tracked(stage, old) for stage in before}
    found: list[pipeline.Stage] = []
    for stage in after:
        own = known.get(stage.name) != _tracked(stage, new)
        if not stage.command and (own or any(pipeline.reads(stage, other, after) for other in found)):
            found.append(stage)
    return found


def _tracked(stage: pipeline.Stage, settings: Mapping[str, Any]) -> tuple[Any, ...]:
    return stage.given, dict(stage.literals), [_value(settings, path) for path in stage.params]


def _value(settings: Mapping[str, Any], path: str) -> Any:
    value: Any = settings
    for part in path.split("."):
        value = value[part]
    return value


def _paths(settings: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Paths of all parameters and groups: "smic", "smic.network"."""
    for name, value in settings.items():
        yield f"{above}{name}"
        if isinstance(value, Mapping):
            yield from _paths(value, f"{above}{name}.")


def _check_results(found: Sequence[pipeline.Stage], stages: Sequence[pipeline.Stage], profile: str) -> None:
    """Raise a TrialError where results that the stages read have not been computed."""
    run = {stage.name for stage in found}
    read = {family for stage in found for family in stage.reads}
    for stage in stages:
        if stage.family in read and stage.name not in run:
            for out in stage.outs:
                if not (project.root() / out).exists():
                    raise TrialError(f"{out} is missing; run `dvc repro {stage.name}@{profile}` first")


def _copy(profile: str, settings: Mapping[str, Any]) -> Path:
    """A copy of the project, with the parameters `settings`, in a new folder for temporary files."""
    root = project.root()
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(listed, cwd=root, capture_output=True, check=False)
    if done.returncode:
        raise TrialError(f"git cannot list the files of {root}: {done.stderr.decode(errors='replace').strip()}")
    copy = Path(tempfile.mkdtemp(prefix="replication-try-"))
    for name in os.fsdecode(done.stdout).split("\0"):
        source = root / name
        if name and source.is_file() and Path(name).parts[0] not in _LEFT:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy / name)
    results = Path("results") / profile
    if (root / results).is_dir():
        shutil.copytree(root / results, copy / results, dirs_exist_ok=True)
    (copy / "params.yaml").write_text(yaml.safe_dump(dict(settings), sort_keys=False), encoding="utf-8")
    return copy


def _run(copy: Path, found: Sequence[pipeline.Stage], profile: str) -> None:
    paths = os.pathsep.join(filter(None, [str(copy), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": paths, "REPLICATION_DATA": str(project.data_root())}
    own = [sys.executable, "-m", "replication"]
    subprocess.run([*own, "pipeline"], cwd=copy, env=environment, check=True, stdout=subprocess.DEVNULL)
    stages = yaml.safe_load((copy / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for number, stage in enumerate(found, 1):
        print(f"{number} of {len(found)}: {stage.name}", file=sys.stderr, flush=True)
        words = stages[stage.name]["cmd"].removeprefix("python -m replication ")
        command = " ".join([*map(_quoted, own), words])
        if subprocess.run(
            command, shell=True, cwd=copy, env=environment, stdout=subprocess.DEVNULL, check=False
        ).returncode:
            raise TrialError(f"{stage.name} failed, for the reason above; the copy is {copy}")


def _quoted(word: str) -> str:
    return subprocess.list2cmdline([word]) if os.name == "nt" else shlex.quote(word)


def _compare(copy: Path, found: Sequence[pipeline.Stage], profile: str) -> None:
    rows, compared = [], 0
    for stage in found:
        folder = Path("results") / profile / stage.results
        old, new = (_numbers(at / folder) for at in (project.root(), copy))
        compared += len(new)
        for name in dict.fromkeys([*old, *new]):
            if not _equal(old.get(name), new.get(name)):
                rows.append([stage.name, name, *map(_shown, (old.get(name), new.get(name)))])
    if not rows:
        print("No number has changed." if compared else "These stages write tables, but no numbers to compare here.")
        return
    terminal.show(["stage", "number", "now", "with the change"], rows[:_SHOWN], left=2)
    if len(rows) > _SHOWN:
        print(f"and {len(rows) - _SHOWN} more")


def _numbers(results: Path) -> dict[str, float]:
    """Numbers that stand for results: metrics.json of an experiment, else the last row of a training's history.csv."""
    if (path := results / "metrics.json").is_file():
        groups = json.loads(path.read_text(encoding="utf-8"))
        return {
            name if group == "numbers" else f"{group}: {name}": value
            for group, entries in groups.items()
            for name, value in entries.items()
        }
    if (path := results / "history.csv").is_file():
        first, *_, last = path.read_text(encoding="utf-8").splitlines()
        return {
            f"last {name}": float(value) for name, value in zip(first.split(","), last.split(","), strict=True) if value
        }
    return {}


def _equal(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and math.isnan(one) and math.isnan(other))


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"
