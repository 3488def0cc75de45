"""The unit of work of scoring: one reference, a few of its distorted images, some metrics. Independent, repeatable."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from replication.metrics.registry import Metric
from replication.scoring import runner
from replication.scoring.reading import Loaded, Read, as_float, load, size_mismatch

if TYPE_CHECKING:
    from replication.datasets.rated import Readable


class Outcome(NamedTuple):
    """A score, or NaN and the problem.

    lasting: whether computing it again from the same files would give the same; running out of memory need not.
    """

    score: float
    problem: str = ""
    lasting: bool = True


@dataclass(frozen=True)
class Work:
    """The part that all tasks of a call of `score` have in common; pickled with each, metrics as name and options.

    run: a text that no other call uses; a worker reuses what it has prepared within one run alone.
    batch_pixels: a batch is as many images of one size as have this many pixels together, or one image.
    """

    run: str
    metrics: tuple[Metric, ...]
    device: str | None
    batch_pixels: int


@dataclass(frozen=True)
class Task:
    """Images by name; pairs of one reference that follow each other are given to a worker in that order."""

    reference: "tuple[str, Readable]"
    distorted: tuple[tuple[str, "Readable"], ...]


Outcomes = list[list[Outcome]]  # by image, then by metric


class Done(NamedTuple):
    """Outcomes of a task's distorted images, and the digests of the bytes that were decoded.

    digests: of the reference, then of each distorted image; None for one that could not be read.
    """

    outcomes: Outcomes
    digests: list[str | None]


class Scorer:
    """Scores tasks one after another; a reference is prepared once for consecutive tasks that have it.

    Metrics of one source key share its computation. Images are 8-bit RGB in [0, 1], on the device of the work.
    """

    def __init__(self, work: Work) -> None:
        runner.check_device(work.device)
        self._work = work
        self._groups = _by_source(work.metrics)
        self._name: str | None = None
        self._reference = Loaded("", None)
        self._prepared: dict[int, Any] = {}

    @torch.no_grad()
    def __call__(self, task: Task, read: Read | None) -> Done:
        """Read the reference if it is new, then each distorted image, and score them."""
        self._set_reference(task.reference, read)
        first = self._reference.image
        outcomes: dict[int, list[Outcome]] = {}
        digests = [self._reference.digest]
        batch: dict[int, Tensor] = {}
        for index, (name, item) in enumerate(task.distorted):
            image, digest = load(name, item, read)
            digests.append(digest)
            if isinstance(first, str):
                image = first
            elif isinstance(image, Tensor) and (mismatch := size_mismatch(task.reference[0], first, image)):
                image = f"{name}: {mismatch}"
            if isinstance(image, str):
                outcomes[index] = [Outcome(math.nan, image)] * len(self._work.metrics)
                continue
            batch[index] = image
            if (len(batch) + 1) * image.shape[-2] * image.shape[-1] > self._work.batch_pixels:
                outcomes |= self._flush(batch)
        if batch:
            outcomes |= self._flush(batch)
        return Done([outcomes[index] for index in range(len(task.distorted))], digests)

    def _set_reference(self, reference: "tuple[str, Readable]", read: Read | None) -> None:
        name = reference[0]
        if name != self._name:
            self._name, self._prepared = name, {}
            image, digest = load(*reference, read)
            self._reference = Loaded(f"reference {image}" if isinstance(image, str) else image, digest)

    def _flush(self, batch: dict[int, Tensor]) -> dict[int, list[Outcome]]:
        outcomes = dict(zip(batch, self._score(torch.cat(list(batch.values()))), strict=True))
        batch.clear()
        return outcomes

    def _score(self, eight_bit: Tensor) -> Outcomes:
        """Outcomes of a batch (N, 3, H, W) of the reference's size."""
        images = as_float(eight_bit, self._work.device)
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
            assert isinstance(self._reference.image, Tensor)
            reference = as_float(self._reference.image, self._work.device)
            shared = source.compute(reference) if source else reference
            self._prepared |= {m: _finish(metrics[m], shared) for m in missing}
            del reference, shared
        shared = source.compute(images) if source else images
        return {
            m: _outcomes(metrics[m].compare(self._prepared[m], _finish(metrics[m], shared)), len(images)) for m in group
        }


def run(work: Work, task: Task, read: Read | None = None) -> Done:
    """Do a task in this thread; the prepared reference is reused for the next one of the same work.

    read: reads an image, as `Readable.read_hashed`, which is used without it.
    """
    scorer: Scorer = runner.reused(work.run, lambda: Scorer(work))
    return scorer(task, read)


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
    """ValueErrors are sentences about the image; any other error is shown with its class, and may not occur again."""
    first_line = (str(error).splitlines() or [""])[0]
    if isinstance(error, ValueError):
        return Outcome(math.nan, first_line)
    return Outcome(math.nan, f"{type(error).__name__}: {first_line}", lasting=False)
