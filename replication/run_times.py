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
    place, left = stages.index(stage), estimate(stages, profile, stages.index(stage))
    shown = "" if left is None else f"; at most {left:.0f} min left" if left >= 1 else "; less than a minute left"
    print(f"stage {place + 1} of {len(stages)}: {stage}{shown}", file=sys.stderr, flush=True)


def estimate(stages: Sequence[str], profile: str, first: int = 0) -> float | None:
    """Minutes that `stages` take from number `first` on, by earlier runs on this machine; None where none has run."""
    seconds = _read(profile)
    known = [seconds[name] for name in stages if name in seconds]
    if not known:
        return None
    mean = sum(known) / len(known)
    return sum(seconds.get(name, mean) for name in stages[first:]) / 60


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
