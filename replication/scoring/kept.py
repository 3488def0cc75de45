"""Finished batches of an unfinished table, in a folder, under names that say all they depend on."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import replication
from replication.datasets.rated import Readable
from replication.files import atomic_write_text
from replication.metrics.registry import Metric
from replication.scoring.tasks import Outcome, Outcomes, Task, Work

_IRRELEVANT = ("reporting", "published", "cli.py", "training")  # code that no score depends on


class Kept:
    """Outcomes of tasks that are done: a file for each task, in it a list for each metric.

    A file is named by the images' names and digests, a list by the metric's name and protocol, the version, the device
    and the batch size: whatever else is asked for finds nothing and is computed.
    """

    def __init__(self, folder: Path, work: Work, version: str) -> None:
        self._folder = folder
        self._metrics = [_metric_key(metric, work, version) for metric in work.metrics]
        self._digests: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def digest(self, images: Mapping[str, Readable], names: Sequence[str]) -> None:
        """Take the named images' digests, several at a time; before `find` and `add`."""
        with ThreadPoolExecutor() as threads:
            self._digests = dict(zip(names, threads.map(lambda name: _digest(images[name]), names), strict=True))

    def find(self, task: Task) -> dict[int, list[Outcome]]:
        """The outcomes of the task's images, by number of the metric, for the metrics that are done."""
        stored = self._read(self._path(task))
        return {m: [Outcome(*o) for o in stored[key]] for m, key in enumerate(self._metrics) if key in stored}

    def add(self, task: Task, metrics: Sequence[int], outcomes: Outcomes) -> None:
        """Keep outcomes (by image, then by metric), apart from those that another attempt might change."""
        columns = {m: [row[i] for row in outcomes] for i, m in enumerate(metrics)}
        lasting = {self._metrics[m]: column for m, column in columns.items() if all(o.lasting for o in column)}
        path = self._path(task)
        atomic_write_text(path, json.dumps({**self._read(path), **lasting}))

    def _path(self, task: Task) -> Path:
        images = [(name, self._digests[name]) for name, _ in (task.reference, *task.distorted)]
        return self._folder / f"{_hash(images)}.json"

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return stored if isinstance(stored, dict) else {}


@cache
def code_version() -> str:
    """Digest of the package's source code below the reports: other code, other version."""
    root = Path(replication.__file__).parent
    files = sorted(path for path in root.rglob("*.py") if path.relative_to(root).parts[0] not in _IRRELEVANT)
    return _hash([(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for path in files])


def _metric_key(metric: Metric, work: Work, version: str) -> str:
    protocol = {key: repr(value) for key, value in metric.protocol.items()}
    return _hash([metric.name, sorted(protocol.items()), version, work.device, work.batch_pixels])


def _digest(image: Readable) -> str:
    try:
        return image.digest()
    except (OSError, ValueError) as error:  # reading it will say why; should it come back, its digest is another
        return f"none: {type(error).__name__}"


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:32]
