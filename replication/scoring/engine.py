"""Score tables: data sets x metrics, on one machine or on a cluster; an interrupted call goes on where it stopped."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
import torch

from replication.datasets.decoding import Decoder
from replication.datasets.rated import Readable
from replication.metrics import registry
from replication.metrics.names import parse, shortened
from replication.metrics.registry import Metric
from replication.scoring import runner, tasks
from replication.scoring.errors import ScoringError
from replication.scoring.reading import Read, digests
from replication.scoring.store import Store, code_version
from replication.scoring.tasks import Done, Outcome, Outcomes, Task, Work
from replication.scoring.wide import COLUMNS, KIND

_TASK_IMAGES = 16  # at most lost when killed
_BATCH_PIXELS = {"cpu": 2**18, "accelerator": 2**21}  # on a CPU, larger batches are no faster
_FEW = 16  # images for which no processes are started


class Rated(Protocol):
    """A data set to score: `datasets.load(...)`, or anything with a name, a table of pairs and the images by name."""

    @property
    def name(self) -> str: ...

    @property
    def table(self) -> pd.DataFrame: ...

    @property
    def images(self) -> Mapping[str, Any]: ...


def score(
    data_set: Rated,
    metrics: Sequence[str | Metric] | Mapping[str, str | Metric],
    *,
    device: str | None = None,
    on_error: Literal["row", "stop"] = "row",
    store: str | os.PathLike[str] | None = None,
    version: str | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    batch_pixels: int | None = None,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Score every distorted image of a data set with every metric.

    Returns the long-form table with the columns data_set, reference, distorted, distortion, level, opinion, kind (only
    if the data set has kinds), metric, score, problem; rows in the order of the data set, then of the metrics. Images
    are read as 8-bit RGB, grey ones with three equal channels.

    metrics: names of `metrics.names()`, with options as in "ssim(colour=gray, reduction=2004)", or `Metric`s. The
        column `metric` has the text as given, or a Metric's name; a mapping {label: metric} gives other labels.
    device: where to compute, such as "cuda"; None is the CPU.
    on_error: "row" leaves a NaN and its reason in `problem`: an image that cannot be read (for a reference, in all its
        rows), sizes that differ, an image that a metric refuses. "stop" raises the first as a ScoringError.
    store: a folder for finished work. A call that finds the work of an interrupted one in it goes on from there, to the
        same table. It uses results of the same images (by the bytes that were decoded), metrics (name, protocol and the
        code they depend on), device and batch size. Once the table is safe, the caller removes it: `Store.clear`.
    version: of the code that scores; None is a digest of the modules of this package that each metric depends on, of
        the module that defines it, and of the versions of the libraries. Give one of your own where a metric depends on
        more than that.
    scheduler: address of a Dask scheduler ("tcp://host:8786"), whose workers then do the tasks: they need this package,
        and the image files under the same paths. None or "" computes in this process.
    workers: processes that decode images ahead; None is one for every second core, and none for a handful of images.
        On a CPU the metrics take the cores that are left, one at least.
    batch_pixels: pixels in a batch, which is one image at least; None is 2^18 on a CPU and 2^21 elsewhere.
    show_progress: on standard error.

    Scores are the same from run to run on one machine; on another device or number of threads last digits may differ.

    Raises ScoringError for unknown metrics and options, labels given twice, a table that names images the set lacks, a
    scheduler that does not answer, and with on_error="stop" for the first problem.
    """
    if on_error not in ("row", "stop"):
        raise ValueError(f"on_error must be 'row' or 'stop', got {on_error!r}")
    if not scheduler:
        runner.check_device(device)
    named = create_metrics(metrics, device, on_cluster=bool(scheduler))
    on_cpu = device in (None, "cpu")
    work = Work(
        uuid.uuid4().hex,
        tuple(named.values()),
        device,
        batch_pixels or _BATCH_PIXELS["cpu" if on_cpu else "accelerator"],
    )
    sheet = _Sheet(data_set, list(named), on_error)
    finished = None if store is None else _Finished(Store(Path(store)), work, version)
    jobs = _jobs(data_set, sheet, work, finished)

    def enter(job: _Job, done: Done) -> None:
        if finished is not None:
            finished.add(job, done)
        sheet.fill(job.rows, job.metrics, done.outcomes)

    with ExitStack() as stack:
        compute = partial(_compute, read=None)
        if jobs and not scheduler:
            order = _reading_order(jobs)
            processes = _processes(workers, len(order))
            if on_cpu and processes:
                stack.enter_context(_threads_beside(processes))
            decoder = stack.enter_context(Decoder(order, processes))
            compute = partial(_compute, read=decoder.read_hashed)
        runner.run(
            jobs,
            compute,
            enter,
            label=data_set.name,
            unit="images",
            total=len(sheet),
            size=lambda job: len(job.rows),
            scheduler=scheduler,
            show_progress=show_progress,
        )
    return sheet.table()


def create_metrics(
    metrics: Sequence[str | Metric] | Mapping[str, str | Metric], device: str | None = None, *, on_cluster: bool = False
) -> dict[str, Metric]:
    """Metrics by their labels, in the order given; arguments as of `score`. Raises ScoringError for unknown ones.

    on_cluster: make them without `device`, which this machine need not have.
    """
    if isinstance(metrics, str):
        raise ScoringError(f"metrics must be a list or a mapping of metrics, got the text {metrics!r}")
    if isinstance(metrics, Mapping):
        labelled = list(metrics.items())
    else:
        labelled = [(given.name if isinstance(given, Metric) else given, given) for given in metrics]
    labels = [label for label, _ in labelled]
    if not labels:
        raise ScoringError(f"no metric was given; known: {', '.join(registry.names())}")
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise ScoringError(f"two metrics have the label {twice[0]!r}; give them labels of their own: {{label: metric}}")
    return {
        label: given if isinstance(given, Metric) else _create(given, device, on_cluster) for label, given in labelled
    }


class _Sheet:
    """The table while it is filled: a row for each pair, a column for each metric."""

    def __init__(self, data_set: Rated, labels: Sequence[str], on_error: str) -> None:
        self.pairs = data_set.table.reset_index(drop=True)
        if missing := [column for column in COLUMNS[1:6] if column not in self.pairs]:
            raise ScoringError(f"the table of {data_set.name} lacks the column {missing[0]!r}")
        if self.pairs.empty:
            raise ScoringError(f"{data_set.name} has no images to score")
        names = {*self.pairs["reference"], *self.pairs["distorted"]}
        if absent := sorted(str(name) for name in names if name not in data_set.images):
            raise ScoringError(f"the table of {data_set.name} names {absent[0]!r}, which is not among its images")
        self._name, self._labels, self._on_error = data_set.name, labels, on_error
        self._scores = np.full((len(self.pairs), len(labels)), np.nan)
        self._problems = np.full((len(self.pairs), len(labels)), "", dtype=object)

    def __len__(self) -> int:
        return len(self.pairs)

    def fill(self, rows: Sequence[int], metrics: Sequence[int], outcomes: Outcomes) -> None:
        """Enter outcomes (by row, then by metric)."""
        for row, of_image in zip(rows, outcomes, strict=True):
            for metric, outcome in zip(metrics, of_image, strict=True):
                self._scores[row, metric], self._problems[row, metric] = outcome.score, outcome.problem
                if outcome.problem and self._on_error == "stop":
                    image = self.pairs["distorted"][row]
                    raise ScoringError(f"{self._name}, {image}, {self._labels[metric]}: {outcome.problem}")

    def table(self) -> pd.DataFrame:
        about = [*COLUMNS[1:6], *([KIND] if KIND in self.pairs and self.pairs[KIND].any() else [])]
        long = self.pairs.loc[np.repeat(self.pairs.index, len(self._labels)), about].reset_index(drop=True)
        long.insert(0, "data_set", self._name)
        return long.assign(
            metric=np.tile(np.array(self._labels, dtype=object), len(self)),
            score=self._scores.ravel(),
            problem=self._problems.ravel(),
        )


@dataclass(frozen=True)
class _Job:
    """A task with the rows that it fills, and the metrics (by number) that it computes: those of `work`."""

    work: Work
    task: Task
    rows: tuple[int, ...]
    metrics: tuple[int, ...]


class _Finished:
    """Outcomes of finished tasks in a store: an entry for each task, in it a list for each metric.

    An entry is named by the images' names and the digests of their bytes, a list by the metric's name and protocol, the
    version of the code, the device and the batch size.
    """

    def __init__(self, store: Store, work: Work, version: str | None) -> None:
        self._store = store
        self._metrics = [_metric_key(metric, work, version) for metric in work.metrics]
        self._digests: dict[str, str | None] | None = None

    def find(self, task: Task) -> dict[int, list[Outcome]]:
        """The outcomes of the task's images, by number of the metric, for the metrics that are done."""
        assert self._digests is not None
        names = [name for name, _ in (task.reference, *task.distorted)]
        stored = self._read(_task_key(task, [self._digests[name] for name in names]))
        return {m: [Outcome(*o) for o in stored[key]] for m, key in enumerate(self._metrics) if key in stored}

    def look_up(self, images: Mapping[str, Readable], names: Sequence[str]) -> bool:
        """Compute the digests that `find` needs; False, without doing so, where nothing is stored."""
        if self._store:
            self._digests = digests(images, names)
        return self._digests is not None

    def add(self, job: "_Job", done: Done) -> None:
        """Store outcomes (by image, then by metric), apart from those that another attempt might change."""
        if any(digest is None for digest in done.digests):
            return
        columns = {m: [row[i] for row in done.outcomes] for i, m in enumerate(job.metrics)}
        lasting = {self._metrics[m]: column for m, column in columns.items() if all(o.lasting for o in column)}
        key = _task_key(job.task, done.digests)
        if lasting:
            self._store.put(key, self._read(key) | lasting)

    def _read(self, key: object) -> dict[str, Any]:
        entry = self._store.get(key)
        return {} if entry is None else dict(entry.value)


def _task_key(task: Task, found: Sequence[str | None]) -> object:
    names = [name for name, _ in (task.reference, *task.distorted)]
    return list(zip(names, found, strict=True))


def _metric_key(metric: Metric, work: Work, version: str | None) -> str:
    if version is None:
        parts = (metric.prepare, metric.compare, metric.finish, metric.source and metric.source.compute)
        modules = {part.__module__ for part in parts if part is not None}
        if metric.recipe is not None:
            modules.add(registry.module_of(metric.recipe[0]))
        version = code_version(tasks.__name__, *sorted(modules))
    protocol = sorted((key, repr(value)) for key, value in metric.protocol.items())
    key = [metric.name, protocol, version, work.device, work.batch_pixels]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()


def _jobs(data_set: Rated, sheet: _Sheet, work: Work, finished: _Finished | None) -> list[_Job]:
    """The tasks to do, reference by reference, a few images at a time; finished ones are entered in the sheet."""
    images: Mapping[str, Readable] = data_set.images
    everything = tuple(range(len(work.metrics)))
    works = {everything: work}
    names = sheet.pairs[["reference", "distorted"]].to_numpy().ravel().tolist()
    resuming = finished is not None and finished.look_up(images, names)
    jobs = []
    for reference, group in sheet.pairs.groupby("reference", sort=False):
        for start in range(0, len(group), _TASK_IMAGES):
            part = group.iloc[start : start + _TASK_IMAGES]
            names, rows = [str(reference), *part["distorted"]], tuple(part.index)
            first, *others = ((name, images[name]) for name in names)
            task, metrics = Task(first, tuple(others)), everything
            if finished is not None and resuming:
                found = finished.find(task)
                for metric, outcomes in found.items():
                    sheet.fill(rows, [metric], [[outcome] for outcome in outcomes])
                metrics = tuple(metric for metric in everything if metric not in found)
            if metrics and metrics not in works:
                some = tuple(work.metrics[metric] for metric in metrics)
                works[metrics] = replace(work, run=uuid.uuid4().hex, metrics=some)
            if metrics:
                jobs.append(_Job(works[metrics], task, rows, metrics))
    return jobs


def _compute(job: _Job, read: Read | None) -> Done:
    return tasks.run(job.work, job.task, read)


def _reading_order(jobs: Sequence[_Job]) -> list[Readable]:
    """Images in the order in which `tasks.run` reads them."""
    order: list[Readable] = []
    before = None
    for job in jobs:
        if before != (job.work.run, job.task.reference[0]):
            order.append(job.task.reference[1])
        before = job.work.run, job.task.reference[0]
        order += [image for _, image in job.task.distorted]
    return order


def _processes(workers: int | None, images: int) -> int:
    """Processes that decode: half of the cores, the metrics have the others."""
    if workers is not None:
        return workers
    return 0 if images < _FEW else min(max(1, (os.cpu_count() or 1) // 2), 8)


@contextmanager
def _threads_beside(processes: int) -> Iterator[None]:
    """Torch's threads on the cores that the processes leave. Threads that wait for a core hold up all the others."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, min(before, (os.cpu_count() or 1) - processes)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _create(text: str, device: str | None, on_cluster: bool) -> Metric:
    try:
        name, options = parse(text)
    except ValueError as error:
        raise ScoringError(str(error)) from None
    with_device = {"device": device, **options} if device is not None and registry.takes_device(name) else options
    try:
        metric = registry.create(name, **(options if on_cluster else with_device))
    except (TypeError, ValueError, RuntimeError) as error:
        if type(error).__module__.startswith("replication."):
            raise  # a sentence of its own: weights that are missing
        which, named = f"metric {shortened(text)!r}", f"metric {shortened(name)!r}"
        message = str(error)
        raise ScoringError(message.replace(named, which, 1) if named in message else f"{which}: {message}") from error
    return replace(metric, recipe=(name, with_device))
