"""The unit of work of scoring: one reference, a few of its distorted images, some metrics. Independent, repeatable."""

import math
import pickle
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from replication.datasets.errors import ImageError
from replication.datasets.images import Pixels
from replication.datasets.rated import Readable
from replication.metrics.registry import Metric
from replication.scoring.errors import ScoringError


class Outcome(NamedTuple):
    """A score, or NaN and what was the problem.

    lasting: whether computing it again from the same files would give the same; running out of memory would not.
    """

    score: float
    problem: str = ""
    lasting: bool = True


@dataclass(frozen=True)
class Work:
    """What every task of a call of `score` has in common; pickled with each, metrics as name and options.

    run: any text that no other call uses: what a worker holds on to between tasks is that of one call.
    batch_pixels: an image batch is as many images of one size as have this many pixels together, or one.
    """

    run: str
    metrics: tuple[Metric, ...]
    device: str | None
    batch_pixels: int


@dataclass(frozen=True)
class Task:
    """Images by name; pairs of one reference that follow each other are given to a worker in that order."""

    reference: tuple[str, Readable]
    distorted: tuple[tuple[str, Readable], ...]


Read = Callable[[Readable], Pixels]
Outcomes = list[list[Outcome]]  # by image, then by metric


class Scorer:
    """Scores tasks one after another; a reference is prepared once for consecutive tasks that have it.

    Metrics of one source key share its computation. Images are 8-bit RGB in [0, 1], on the device of the work.
    """

    def __init__(self, work: Work) -> None:
        check_device(work.device)
        self._work = work
        self._groups = _by_source(work.metrics)
        self._name: str | None = None
        self._image: Tensor | str = ""  # of the reference, or why there is none
        self._prepared: dict[int, Any] = {}

    @torch.no_grad()
    def __call__(self, task: Task, read: Read) -> Outcomes:
        """Outcomes of every distorted image; `read` is called for the reference where it is new, then for each."""
        self._set_reference(task.reference, read)
        outcomes: dict[int, list[Outcome]] = {}
        batch: dict[int, Tensor] = {}
        for index, item in enumerate(task.distorted):
            image = self._image if isinstance(self._image, str) else _load(*item, read)
            if isinstance(image, Tensor) and isinstance(self._image, Tensor) and image.shape != self._image.shape:
                image = (
                    f"{item[0]}: is {_size(image)} pixels, its reference {task.reference[0]} {_size(self._image)}; "
                    "the two must have one size"
                )
            if isinstance(image, str):
                outcomes[index] = [Outcome(math.nan, image)] * len(self._work.metrics)
                continue
            batch[index] = image
            if (len(batch) + 1) * image.shape[-2] * image.shape[-1] > self._work.batch_pixels:
                outcomes |= self._flush(batch)
        if batch:
            outcomes |= self._flush(batch)
        return [outcomes[index] for index in range(len(task.distorted))]

    def _set_reference(self, reference: tuple[str, Readable], read: Read) -> None:
        name = reference[0]
        if name != self._name:
            self._name, self._prepared = name, {}
            loaded = _load(*reference, read)
            self._image = f"reference {loaded}" if isinstance(loaded, str) else loaded

    def _flush(self, batch: dict[int, Tensor]) -> dict[int, list[Outcome]]:
        outcomes = dict(zip(batch, self._score(torch.cat(list(batch.values()))), strict=True))
        batch.clear()
        return outcomes

    def _score(self, eight_bit: Tensor) -> Outcomes:
        """Outcomes of a batch (N, 3, H, W) of the reference's size."""
        images = _to_float(eight_bit, self._work.device)
        columns: dict[int, list[Outcome]] = {}
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            for group in self._groups:
                columns |= self._score_group(group, images)
        return [[columns[m][i] for m in range(len(columns))] for i in range(len(images))]

    def _score_group(self, group: Sequence[int], images: Tensor) -> dict[int, list[Outcome]]:
        """Outcomes by metric, for metrics of one source; where something fails, the rest still gets its score."""
        try:
            return self._compute(group, images)
        except Exception as error:
            if len(group) > 1:
                return {m: self._score_group([m], images)[m] for m in group}
            if len(images) > 1:
                return {group[0]: [self._score_group(group, image)[group[0]][0] for image in images.unsqueeze(1)]}
            return {group[0]: [_failure(error)]}

    def _compute(self, group: Sequence[int], images: Tensor) -> dict[int, list[Outcome]]:
        metrics = self._work.metrics
        source = metrics[group[0]].source
        if missing := [m for m in group if m not in self._prepared]:
            assert isinstance(self._image, Tensor)
            reference = _to_float(self._image, self._work.device)
            shared = source.compute(reference) if source else reference
            self._prepared |= {m: _finish(metrics[m], shared) for m in missing}
            del reference, shared
        shared = source.compute(images) if source else images
        return {
            m: _outcomes(metrics[m].compare(self._prepared[m], _finish(metrics[m], shared)), len(images)) for m in group
        }


def check_device(device: str | None) -> None:
    """Raise a ScoringError unless this process can compute on `device`."""
    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ScoringError(f"cannot compute on device {device!r}: {reason}") from None


_of_thread = threading.local()


def run(work: Work, task: Task, read: Read | None = None) -> Outcomes:
    """Do a task here, or in a worker process; the prepared reference stays for the next one of the same work."""
    if getattr(_of_thread, "run", None) != work.run:
        _of_thread.run, _of_thread.scorer = work.run, Scorer(work)
    scorer: Scorer = _of_thread.scorer
    return scorer(task, read or (lambda image: image.read()))


def run_sent(sent: bytes) -> Outcomes:
    """Do a pickled (work, task) in a worker process of a cluster."""
    try:
        work, task = pickle.loads(sent)
    except Exception as error:
        raise ScoringError(
            f"a worker cannot make its task ({type(error).__name__}: {error}); workers need the code that this "
            "process has: metrics must be defined in a module that the workers import too"
        ) from None
    return run(work, task)


def forget() -> None:
    """Let go of what `run` holds on to in this thread."""
    _of_thread.__dict__.clear()


def _by_source(metrics: Sequence[Metric]) -> list[list[int]]:
    """Metrics by number, those that share a source together."""
    groups: dict[Any, list[int]] = {}
    for number, metric in enumerate(metrics):
        key = ("alone", number) if metric.source is None else ("source", metric.source.key)
        groups.setdefault(key, []).append(number)
    return list(groups.values())


def _finish(metric: Metric, shared: Any) -> Any:
    return metric.prepare(shared) if metric.finish is None else metric.finish(shared)


def _outcomes(scores: Tensor, images: int) -> list[Outcome]:
    if scores.shape != (images,):
        raise ValueError(f"the metric must give a score for each of {images} images, got shape {tuple(scores.shape)}")
    values = scores.double().tolist()
    return [Outcome(v, "the metric gave no number (NaN)") if math.isnan(v) else Outcome(v) for v in values]


def _failure(error: Exception) -> Outcome:
    """ValueErrors are sentences about the image; anything else may be a defect or pass by, and says what it is."""
    first_line = (str(error).splitlines() or [""])[0]
    if isinstance(error, ValueError):
        return Outcome(math.nan, first_line)
    return Outcome(math.nan, f"{type(error).__name__}: {first_line}", lasting=False)


def _load(name: str, image: Readable, read: Read) -> Tensor | str:
    """8-bit image (1, 3, H, W), or why it cannot be read, without folders: tables are the same on every machine."""
    try:
        return torch.from_numpy(read(image)).permute(2, 0, 1).unsqueeze(0)
    except ImageError as error:
        return f"{error.path.name}: {error.reason}"
    except (OSError, ValueError) as error:
        return f"{name}: {(isinstance(error, OSError) and error.strerror) or error}"


def _to_float(image: Tensor, device: str | None) -> Tensor:
    return image.to(device).to(torch.float32, memory_format=torch.contiguous_format).div_(255)


def _size(image: Tensor) -> str:
    return f"{image.shape[-1]} x {image.shape[-2]}"
