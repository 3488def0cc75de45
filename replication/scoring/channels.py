"""Pairs of images x channels of a network -> matrices of squared differences, here or on a cluster, resumable."""

import hashlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from replication.datasets.errors import ImageError
from replication.datasets.rated import Readable
from replication.features import Backbone, backbone, imagenet_normalised
from replication.files import atomic_write_bytes
from replication.metrics.feature_distance import map_distances
from replication.scoring import executors
from replication.scoring.channel_tables import Activity, Matrix, archive
from replication.scoring.kept import code_version
from replication.scoring.progress import Advance, progress
from replication.scoring.tasks import check_device

Pair = tuple[tuple[str, Readable], tuple[str, Readable]]

_TASK_PAIRS = 32  # at most lost when killed
_BATCH_PIXELS = {"cpu": 2**18, "accelerator": 2**21}  # on a CPU, larger batches are no faster


@dataclass(frozen=True)
class Network:
    """A backbone as every worker makes it: name, weights and seed as `features.backbone` takes them.

    taps: whose channels are measured; () is all of them. device: None is the CPU.
    """

    name: str
    taps: tuple[str, ...] = ()
    weights: str = "imagenet"
    seed: int = 0
    device: str | None = None

    def make(self) -> Backbone:
        """The backbone. DataError where its weights are absent, ScoringError where there is no such device, ValueError
        for a name or tap that there is not."""
        check_device(self.device)
        made = backbone(self.name, weights=self.weights, seed=self.seed, device=self.device)
        if unknown := [tap for tap in self.taps if tap not in made.taps]:
            raise ValueError(f"{self.name} has no tap {', '.join(unknown)}; it has {', '.join(made.taps)}")
        return made


class Measured(NamedTuple):
    """distances: by tap (pairs, M) float32, rows of NaN where `problems`, one text for each pair, says why."""

    distances: dict[str, Matrix]
    problems: list[str]


def measure(
    pairs: Sequence[tuple[str, str]],
    images: Mapping[str, Readable],
    network: Network,
    *,
    keep: Path | None = None,
    scheduler: str | None = None,
    show_progress: bool = True,
    label: str = "pairs",
) -> Measured:
    """Mean squared difference of every channel's map for each pair (reference, distorted), names of `images`.

    Eq. 1 with any set of a tap's channels is the mean over those columns. Images are read as 8-bit RGB. A reference is
    read and passed through the network once for up to 32 pairs that follow each other and share it; many small images
    of one size go through together. An image that cannot be read, a pair of two sizes and an image too small for a tap
    leave a row of NaN and the reason.

    keep: folder for finished tasks, from which an interrupted call goes on to the same matrices. What is found there is
        of the same images by content, the same weights, taps, device and code. The caller removes the folder.
    scheduler: address of a Dask scheduler, whose workers then do the tasks; None or "" computes in this process.
    """
    if unknown := next((name for pair in pairs for name in pair if name not in images), None):
        raise ValueError(f"a pair names {unknown!r}, which is not among the images")
    net = (replace(network, device=None) if scheduler else network).make()  # workers make their own
    taps = network.taps or net.taps
    jobs = _jobs(pairs, images)
    store = None if keep is None else _Store(keep, net, taps, network.device)
    if store is not None:
        store.digest(images, list(dict.fromkeys(name for pair in pairs for name in pair)))
    parts = {number: found for number, job in enumerate(jobs) if store and (found := store.find(job))}
    todo = [number for number in range(len(jobs)) if number not in parts]
    with ExitStack() as stack:
        advance: Advance | None = None
        if show_progress and todo:
            done = len(pairs) - sum(len(jobs[number]) for number in todo)
            advance = stack.enter_context(progress(label, len(pairs), done, "pairs"))
        submit, most = stack.enter_context(_submitting(net, network, scheduler))
        for number, part in _completed(todo, lambda number: submit(jobs[number]), most):
            if store is not None:
                store.add(jobs[number], part)
            parts[number] = part
            if advance is not None:
                advance(len(jobs[number]))
    in_order = [parts[number] for number in range(len(jobs))]
    distances = {tap: np.concatenate([part.distances[tap] for part in in_order]) for tap in taps}
    return Measured(distances, [problem for part in in_order for problem in part.problems])


def activity(names: Sequence[str], images: Mapping[str, Readable], network: Network) -> dict[str, Activity]:
    """How strongly the channels of each tap respond to images, which may differ in size; one pass each, here.

    Raises ImageError for an image that cannot be read.
    """
    net = network.make()
    taps = network.taps or net.taps
    sums = {tap: np.zeros((2, net.channels[tap])) for tap in taps}
    with torch.no_grad():
        for name in names:
            image = _load(name, images[name])
            if isinstance(image, str):
                raise ImageError(Path(name), image)
            for tap, maps in _pass(net, taps, image).items():
                values = maps[0].double()
                sums[tap] += np.stack(
                    [values.square().mean(dim=(1, 2)).cpu(), values.var(dim=(1, 2), correction=0).cpu()]
                )
    return {tap: Activity(*(total / len(names))) for tap, total in sums.items()}


class _Worker:
    """Measures tasks one after another with one network.

    Within a task the maps of a batch's references are kept for the next batch, between tasks nothing: the last digits
    of a convolution depend on what is computed together, and a task must give the same wherever and after whatever.
    """

    def __init__(self, net: Backbone, network: Network) -> None:
        self._net, self._taps = net, network.taps or net.taps
        self._pixels = _BATCH_PIXELS["cpu" if network.device in (None, "cpu") else "accelerator"]
        self._held: dict[str, dict[str, Tensor]] = {}

    @torch.no_grad()
    def __call__(self, task: Sequence[Pair]) -> Measured:
        rows = {tap: np.full((len(task), self._net.channels[tap]), np.nan, np.float32) for tap in self._taps}
        problems = [""] * len(task)
        batch: list[tuple[int, str, Tensor, Tensor]] = []
        self._held = {}
        name, first = "", cast("Tensor | str", "")
        for index, (reference, distorted) in enumerate(task):
            if index == 0 or name != reference[0]:
                name, first = reference[0], _load(*reference)
            second = _load(*distorted)
            if problem := _mismatch(reference[0], first, second):
                problems[index] = problem
                continue
            assert isinstance(first, Tensor)
            assert isinstance(second, Tensor)
            size = first.shape[-2] * first.shape[-1]
            if batch and (batch[0][2].shape != first.shape or (len(batch) + 1) * size > self._pixels):
                self._flush(batch, rows, problems)
            batch.append((index, reference[0], first, second))
        if batch:
            self._flush(batch, rows, problems)
        return Measured(rows, problems)

    def _flush(
        self, batch: list[tuple[int, str, Tensor, Tensor]], rows: dict[str, Matrix], problems: list[str]
    ) -> None:
        """Enter the batch's distances and empty it."""
        indices = [index for index, *_ in batch]
        references = {name: image for _, name, image, _ in batch}
        self._held = {name: maps for name, maps in self._held.items() if name in references}
        try:
            if new := [name for name in references if name not in self._held]:
                maps = _pass(self._net, self._taps, torch.cat([references[name] for name in new]))
                for place, name in enumerate(new):
                    self._held[name] = {tap: of_tap[place : place + 1] for tap, of_tap in maps.items()}
            second = _pass(self._net, self._taps, torch.cat([image for *_, image in batch]))
            sources = [self._held[name] for _, name, *_ in batch] if len(references) > 1 else [*self._held.values()]
            for tap in self._taps:
                first = torch.cat([maps[tap] for maps in sources])
                rows[tap][indices] = map_distances(first, second[tap]).cpu().numpy()
        except ValueError as error:  # a sentence about the images: too small
            for index in indices:
                problems[index] = str(error)
        batch.clear()


class _Store:
    """Finished tasks, each in a file named by all that its content depends on."""

    def __init__(self, folder: Path, net: Backbone, taps: Sequence[str], device: str | None) -> None:
        self._folder = folder
        self._key = [net.name, net.pooling, net.weights, list(taps), device, code_version()]
        self._digests: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def digest(self, images: Mapping[str, Readable], names: Sequence[str]) -> None:
        with ThreadPoolExecutor() as threads:
            self._digests = dict(zip(names, threads.map(lambda name: _digest(images[name]), names), strict=True))

    def find(self, task: Sequence[Pair]) -> Measured | None:
        try:
            with np.load(self._path(task), allow_pickle=False) as stored:
                parts = {name: stored[name] for name in stored.files}
        except (OSError, ValueError, EOFError):
            return None
        return Measured(parts, json.loads(str(parts.pop("problems"))))

    def add(self, task: Sequence[Pair], part: Measured) -> None:
        arrays: dict[str, Any] = {**part.distances, "problems": np.array(json.dumps(part.problems))}
        atomic_write_bytes(self._path(task), archive(arrays))

    def _path(self, task: Sequence[Pair]) -> Path:
        digests = [(name, self._digests[name]) for pair in task for name, _ in pair]
        text = json.dumps([self._key, digests])
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npz"


def _jobs(pairs: Sequence[tuple[str, str]], images: Mapping[str, Readable]) -> list[list[Pair]]:
    whole = [((first, images[first]), (second, images[second])) for first, second in pairs]
    return [whole[start : start + _TASK_PAIRS] for start in range(0, len(whole), _TASK_PAIRS)]


Submit = Callable[[Sequence[Pair]], Future[Measured]]


@contextmanager
def _submitting(net: Backbone, network: Network, scheduler: str | None) -> Iterator[tuple[Submit, int]]:
    """A function to submit a task with, and how many to submit at a time."""
    if not scheduler:
        here, worker = executors.Here(), _Worker(net, network)
        yield lambda task: here.submit(worker, task), 1
        return
    run = uuid.uuid4().hex  # what a worker holds on to is of one call: files of weights may change between two
    with executors.dask(scheduler) as (executor, most):
        yield lambda task: executor.submit(_elsewhere, run, network, task), most


_of_thread = threading.local()


def _elsewhere(run: str, network: Network, task: Sequence[Pair]) -> Measured:
    """Do a task in a worker process of a cluster, which makes the network once."""
    if getattr(_of_thread, "run", None) != run:
        _of_thread.run, _of_thread.worker = run, _Worker(network.make(), network)
    worker: _Worker = _of_thread.worker
    return worker(task)


def _completed(
    numbers: Sequence[int], submit: Callable[[int], Future[Measured]], most: int
) -> Iterator[tuple[int, Measured]]:
    """Tasks by number as they are done; `most` are waited for at a time."""
    waiting: dict[Future[Measured], int] = {}
    for number in numbers:
        waiting[submit(number)] = number
        while len(waiting) >= most or (waiting and number == numbers[-1]):
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(future), future.result()


def _pass(net: Backbone, taps: Sequence[str], eight_bit: Tensor) -> dict[str, Tensor]:
    image = eight_bit.to(net.device).to(torch.float32, memory_format=torch.contiguous_format).div_(255)
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        return net(imagenet_normalised(image), taps)  # type: ignore[no-any-return]


def _mismatch(reference: str, first: Tensor | str, second: Tensor | str) -> str:
    """Why two images cannot be compared; "" where they can."""
    if isinstance(first, str):
        return f"reference {first}"
    if isinstance(second, str):
        return second
    if first.shape == second.shape:
        return ""
    (a, b), (c, d) = first.shape[-2:], second.shape[-2:]
    return f"is {d} x {c} pixels, its reference {reference} {b} x {a}; the two must have one size"


def _load(name: str, image: Readable) -> Tensor | str:
    """8-bit image (1, 3, H, W), or why it cannot be read, without folders: tables are the same on every machine."""
    try:
        return torch.from_numpy(image.read()).permute(2, 0, 1).unsqueeze(0)
    except ImageError as error:
        return f"{error.path.name}: {error.reason}"
    except (OSError, ValueError) as error:
        return f"{name}: {(isinstance(error, OSError) and error.strerror) or error}"


def _digest(image: Readable) -> str:
    try:
        return image.digest()
    except (OSError, ValueError) as error:
        return f"none: {type(error).__name__}"
