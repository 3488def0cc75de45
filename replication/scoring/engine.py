"""Data sets x metrics -> long-form score tables, on one machine or on a cluster, going on where it stopped."""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
import torch

from replication.datasets.decoding import Decoder
from replication.datasets.rated import Readable
from replication.metrics import registry
from replication.metrics.names import parse as parse
from replication.metrics.registry import Metric
from replication.scoring import executors, tasks
from replication.scoring.errors import ScoringError
from replication.scoring.kept import Kept, code_version
from replication.scoring.progress import Advance, progress
from replication.scoring.scored import COLUMNS
from replication.scoring.tasks import Outcomes, Read, Task, Work

_TASK_IMAGES = 16  # at most lost when killed
_BATCH_PIXELS = {"cpu": 2**18, "accelerator": 2**21}  # on a CPU, larger batches are no faster
_FEW = 16  # images for which no processes are started


class Rated(Protocol):
    """What is scored: `datasets.load(...)`, or anything with a name, a table of pairs and the images by name."""

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
    keep: str | os.PathLike[str] | None = None,
    version: str | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    batch_pixels: int | None = None,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Score every distorted image of a data set with every metric.

    Returns the long-form table with the columns data_set, reference, distorted, distortion, level, opinion, metric,
    score, problem; rows in the order of the data set, then of the metrics. Images are read as 8-bit RGB, grey ones with
    three equal channels.

    metrics: names of `metrics.names()`, with options as in "ssim(colour=gray, reduction=2004)", or `Metric`s. The
        column `metric` has the text as given, or a Metric's name; a mapping {label: metric} gives other labels.
    device: where to compute, such as "cuda"; None is the CPU.
    on_error: "row" leaves a NaN and says in `problem` why: an image that cannot be read (for a reference, in all its
        rows), sizes that differ, an image that a metric refuses. "stop" raises the first as a ScoringError.
    keep: a folder for finished batches. A call that finds the work of an interrupted one there goes on from it, to the
        same table. What is found is of the same images (by content), metrics (name and protocol), version, device and
        batch size. The caller removes the folder, once the table is safe.
    version: of the code that scores; None is a digest of the package's own. Name yours for metrics defined elsewhere.
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
        tasks.check_device(device)
    named = _metrics(metrics, device, elsewhere=bool(scheduler))
    kind = "cpu" if device in (None, "cpu") else "accelerator"
    work = Work(uuid.uuid4().hex, tuple(named.values()), device, batch_pixels or _BATCH_PIXELS[kind])
    sheet = _Sheet(data_set, list(named), on_error)
    kept = None if keep is None else Kept(Path(keep), work, code_version() if version is None else version)
    jobs = _jobs(data_set, sheet, work, kept)
    if jobs:
        with ExitStack() as stack:
            todo = sum(len(job.rows) for job in jobs)
            advance: Advance | None = None
            if show_progress:
                advance = stack.enter_context(progress(data_set.name, len(sheet), len(sheet) - todo, "images"))
            if scheduler:
                executor, most = stack.enter_context(executors.dask(scheduler))
                submit = _sender(executor)
            else:
                order = _reading_order(jobs)
                processes = _processes(workers, len(order))
                if kind == "cpu" and processes:
                    stack.enter_context(_threads_beside(processes))
                decoder = stack.enter_context(Decoder(order, processes))
                stack.callback(tasks.forget)
                submit, most = _runner(executors.Here(), decoder.read), 1
            for job, outcomes in _completed(jobs, submit, most):
                if kept is not None:
                    kept.add(job.task, job.metrics, outcomes)
                sheet.fill(job.rows, job.metrics, outcomes)
                if advance is not None:
                    advance(len(job.rows))
    return sheet.table()


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
        long = self.pairs.loc[np.repeat(self.pairs.index, len(self._labels)), list(COLUMNS[1:6])].reset_index(drop=True)
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


def _jobs(data_set: Rated, sheet: _Sheet, work: Work, kept: Kept | None) -> list[_Job]:
    """What is to be done: reference by reference, a few images at a time, without what is kept, which is filled in."""
    images: Mapping[str, Readable] = data_set.images
    everything = tuple(range(len(work.metrics)))
    works = {everything: work}
    if kept is not None:
        kept.digest(images, pd.unique(sheet.pairs[["reference", "distorted"]].to_numpy().ravel()).tolist())
    jobs = []
    for reference, group in sheet.pairs.groupby("reference", sort=False):
        for start in range(0, len(group), _TASK_IMAGES):
            part = group.iloc[start : start + _TASK_IMAGES]
            names, rows = [str(reference), *part["distorted"]], tuple(part.index)
            first, *others = ((name, images[name]) for name in names)
            task, metrics = Task(first, tuple(others)), everything
            if kept is not None:
                found = kept.find(task)
                for metric, outcomes in found.items():
                    sheet.fill(rows, [metric], [[outcome] for outcome in outcomes])
                metrics = tuple(metric for metric in everything if metric not in found)
            if metrics and metrics not in works:
                some = tuple(work.metrics[metric] for metric in metrics)
                works[metrics] = replace(work, run=uuid.uuid4().hex, metrics=some)
            if metrics:
                jobs.append(_Job(works[metrics], task, rows, metrics))
    return jobs


Submit = Callable[[_Job], Future[Outcomes]]


def _runner(executor: Executor, read: Read) -> Submit:
    return lambda job: executor.submit(tasks.run, job.work, job.task, read)


def _sender(executor: Executor) -> Submit:
    """Tasks as bytes, which only the worker that runs one makes a task again: a scheduler builds no networks."""
    import cloudpickle  # type: ignore[import-untyped]

    return lambda job: executor.submit(tasks.run_sent, cloudpickle.dumps((job.work, job.task)))


def _completed(jobs: Sequence[_Job], submit: Submit, most: int) -> Iterator[tuple[_Job, Outcomes]]:
    """Jobs as they are done; `most` are waited for at a time."""
    waiting: dict[Future[Outcomes], _Job] = {}
    for number, job in enumerate(jobs, 1):
        waiting[submit(job)] = job
        while len(waiting) >= most or (waiting and number == len(jobs)):
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(future), future.result()


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


def _metrics(
    metrics: Sequence[str | Metric] | Mapping[str, str | Metric], device: str | None, elsewhere: bool
) -> dict[str, Metric]:
    """Metrics by their labels, in the order given."""
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
        label: given if isinstance(given, Metric) else _create(given, device, elsewhere) for label, given in labelled
    }


def _create(text: str, device: str | None, elsewhere: bool) -> Metric:
    """The metric, made for `device`; where it is used `elsewhere`, this machine need not have that."""
    try:
        name, options = parse(text)
    except ValueError as error:
        raise ScoringError(str(error)) from None
    there = {"device": device, **options} if device is not None and registry.takes_device(name) else options
    try:
        metric = registry.create(name, **(options if elsewhere else there))
    except (TypeError, ValueError, RuntimeError) as error:
        if type(error).__module__.startswith("replication."):
            raise  # a sentence of its own: weights that are missing
        raise ScoringError(f"metric {text!r}: {error}") from error
    return replace(metric, recipe=(name, there))
