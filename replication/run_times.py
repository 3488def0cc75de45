"""Progress of a pipeline run: which stage of how many, and how long the rest takes by the times of earlier runs."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from replication.files import atomic_write_text
from replication.project import root


def announce(stage: str, stages: Sequence[str], profile: str) -> None:
    """Write to standard error which of `stages` starts, in the order in which they run, and how long the rest may take.

    The estimate counts this stage and all after it; those that are up to date will take nothing. A stage that has not
    run on this machine counts as the mean of those that have.
    """
    if stage not in stages:
        return
    place, seconds = stages.index(stage), _read(profile)
    left = ""
    if known := [seconds[name] for name in stages if name in seconds]:
        mean = sum(known) / len(known)
        minutes = sum(seconds.get(name, mean) for name in stages[place:]) / 60
        left = f"; at most {minutes:.0f} min left" if minutes >= 1 else "; less than a minute left"
    print(f"stage {place + 1} of {len(stages)}: {stage}{left}", file=sys.stderr, flush=True)


def record(stage: str, profile: str, seconds: float) -> None:
    """Remember how long a stage took, for later estimates."""
    atomic_write_text(_path(profile), json.dumps({**_read(profile), stage: round(seconds, 1)}, indent=1))


def _path(profile: str) -> Path:
    return root() / "checkpoints" / f"{profile}.seconds.json"


def _read(profile: str) -> dict[str, float]:
    try:
        found = json.loads(_path(profile).read_text(encoding="utf-8"))
        return {str(name): float(value) for name, value in found.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}
