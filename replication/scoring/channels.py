"""Squared differences of a network's channels for pairs of images, in this process or on a cluster, resumable."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from replication.datasets.errors import ImageError
from replication.features import Backbone, backbone, imagenet_normalised
from replication.metrics.feature_distance import map_distances
from replication.scoring import runner
from replication.scoring.channel_tables import Activity, Matrix
from replication.scoring.reading import Loaded, as_float, digests, load, size_mismatch
from replication.scoring.store import Store, code_version

if TYPE_CHECKING:
    from replication.datasets.rated import Readable

Pair = tuple[tuple[str, "Readable"], tuple[str, "Readable"]]

_TASK_PAIRS = 32  # at most lost when killed
_BATCH_PIXELS = {"cpu": 2**18, "accelerator": 2**21}  # on a CPU, larger batches are no faster


@dataclass(frozen=True)
class Network:
    """The description from which every worker makes a backbone: name, weights and seed as of `features.backbone`.

    taps: the layers whose channels are measured; () is all of them. device: None is the CPU.
    """

    name: str
    taps: tuple[str, ...] = ()
    weights: str = "imagenet"
    seed: int = 0
    device: str | None = None

    def make(self) -> Backbone:
        """The backbone.

        Raises AbsentError where its weights are missing, ScoringError for a device that this process cannot use, and
        ValueError for an unknown name or tap.
        """
        runner.check_device(self.device)
        made = backbone(self.name, weights=self.weights, seed=self.seed, device=self.device)
        if unknown := [tap for tap in self.taps if tap not in made.taps]:
            raise ValueError(f"{self.name} has no tap {', '.join(unknown)}; it has {', '.join(made.taps)}")
        return made


class Measured(NamedTuple):
    """Distances of pairs, in their order.

    distances: by tap, (pairs, M) float32; rows of NaN where `problems`, one text for each pair, gives the reason.
    digests: of the bytes that were decoded, by name of the image; None for one that could not be read.
    """

    distances: dict[str, Matrix]
    problems: list[str]
    digests: dict[str, str | None]


def measure(
    pairs: Sequence[tuple[str, str]],
    images: "Mapping[str, Readable]",
    network: Network,
    *,
    store: Path | None = None,
    scheduler: str | None = None,
    show_progress: bool = True,
    label: str = "pairs",
) -> Measured:
    """Mean squared difference of every channel's map for each pair (reference, distorted), names of `images`.

    Eq. 1 with any set of a tap's channels is the mean over those columns. Images are read as 8-bit RGB. A reference is
    read and passed through the network once for up to 32 pairs that follow each other and share it; many small images
    of one size go through together. An image that cannot be read, a pair of two sizes and an image too small for a tap
    leave a row of NaN and the reason.

    store: a folder for finished tasks, from which an interrupted call goes on to the same matrices. It uses results of
        the same images (by the bytes that were decoded), weights, taps, device and code. The caller removes it.
    scheduler: address of a Dask scheduler, whose workers then do the tasks; None or "" computes in this process.
    """
    if unknown := next((name for pair in pairs for name in pair if name not in images), None):
        raise ValueError(f"a pair names {unknown!r}, which is not among the images")
    net = (replace(network, device=None) if scheduler else network).make()  # workers make their own
    taps = network.taps or net.taps
    version = [net.name, net.pooling, net.weights, list(taps), network.device, code_version(__name__)]
    finished = None if store is None else Store(store)
    tasks = _tasks(pairs, images)
    parts: dict[int, Measured] = {}
    if finished:
        known = digests(images, [name for pair in pairs for name in pair])
        for number, task in enumerate(tasks):
            entry = finished.get(_key(version, task, known))
            if entry is not None:
                parts[number] = Measured(dict(entry.arrays), entry.value, known)

    def enter(numbered: tuple[int, list[Pair]], part: Measured) -> None:
        number, task = numbered
        parts[number] = part
        if finished is not None and None not in part.digests.values():
            finished.put(_key(version, task, part.digests), part.problems, part.distances)

    worker = partial(_on_worker, uuid.uuid4().hex, network) if scheduler else _Worker(net, network)
    runner.run(
        [(number, task) for number, task in enumerate(tasks) if number not in parts],
        lambda numbered: worker(numbered[1]),
        enter,
        label=label,
        unit="pairs",
        total=len(pairs),
        size=lambda numbered: len(numbered[1]),
        scheduler=scheduler,
        show_progress=show_progress,
    )
    in_order = [parts[number] for number in range(len(tasks))]
    return Measured(
        {tap: np.concatenate([part.distances[tap] for part in in_order]) for tap in taps},
        [problem for part in in_order for problem in part.problems],
        {name: digest for part in in_order for name, digest in part.digests.items()},
    )


def activity(names: Sequence[str], images: "Mapping[str, Readable]", network: Network) -> dict[str, Activity]:
    """Strength of the response of each tap's channels to images, which may differ in size; computed in this process.

    Raises ImageError for an image that cannot be read.
    """
    net = network.make()
    taps = network.taps or net.taps
    sums = {tap: np.zeros((2, net.channels[tap])) for tap in taps}
    with torch.no_grad():
        for name in names:
            image = load(name, images[name]).image
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

    Within a task, the maps of a batch's references are reused for the next batch. Nothing is reused between tasks: the
    last digits of a convolution depend on what is computed together, and a task must give the same result on any
    machine, after any other task.
    """

    def __init__(self, net: Backbone, network: Network) -> None:
        self._net, self._taps = net, network.taps or net.taps
        self._pixels = _BATCH_PIXELS["cpu" if network.device in (None, "cpu") else "accelerator"]
        self._maps: dict[str, dict[str, Tensor]] = {}

    @torch.no_grad()
    def __call__(self, task: Sequence[Pair]) -> Measured:
        rows = {tap: np.full((len(task), self._net.channels[tap]), np.nan, np.float32) for tap in self._taps}
        problems = [""] * len(task)
        batch: list[tuple[int, str, Tensor, Tensor]] = []
        self._maps = {}
        name, reference_image = "", Loaded("", None)
        read: dict[str, str | None] = {}
        for index, (reference, distorted) in enumerate(task):
            if index == 0 or name != reference[0]:
                name, reference_image = reference[0], load(*reference)
                _note(read, name, reference_image.digest)
            first, (second, digest) = reference_image.image, load(*distorted)
            _note(read, distorted[0], digest)
            if isinstance(first, str):
                problems[index] = f"reference {first}"
                continue
            if isinstance(second, str):
                problems[index] = second
                continue
            if mismatch := size_mismatch(name, first, second):
                problems[index] = mismatch
                continue
            size = first.shape[-2] * first.shape[-1]
            if batch and (batch[0][2].shape != first.shape or (len(batch) + 1) * size > self._pixels):
                self._flush(batch, rows, problems)
            batch.append((index, reference[0], first, second))
        if batch:
            self._flush(batch, rows, problems)
        return Measured(rows, problems, read)

    def _flush(
        self, batch: list[tuple[int, str, Tensor, Tensor]], rows: dict[str, Matrix], problems: list[str]
    ) -> None:
        """Enter the batch's distances and empty it."""
        indices = [index for index, *_ in batch]
        references = {name: image for _, name, image, _ in batch}
        self._maps = {name: maps for name, maps in self._maps.items() if name in references}
        try:
            if new := [name for name in references if name not in self._maps]:
                maps = _pass(self._net, self._taps, torch.cat([references[name] for name in new]))
                for place, name in enumerate(new):
                    self._maps[name] = {tap: of_tap[place : place + 1] for tap, of_tap in maps.items()}
            second = _pass(self._net, self._taps, torch.cat([image for *_, image in batch]))
            sources = [self._maps[name] for _, name, *_ in batch] if len(references) > 1 else [*self._maps.values()]
            for tap in self._taps:
                first = torch.cat([maps[tap] for maps in sources])
                rows[tap][indices] = map_distances(first, second[tap]).cpu().numpy()
        except ValueError as error:  # a sentence about the images: too small
            for index in indices:
                problems[index] = str(error)
        batch.clear()


def _tasks(pairs: Sequence[tuple[str, str]], images: "Mapping[str, Readable]") -> list[list[Pair]]:
    whole = [((first, images[first]), (second, images[second])) for first, second in pairs]
    return [whole[start : start + _TASK_PAIRS] for start in range(0, len(whole), _TASK_PAIRS)]


def _key(version: Sequence[object], task: Sequence[Pair], known: Mapping[str, str | None]) -> object:
    return [version, [(name, known[name]) for pair in task for name, _ in pair]]


def _note(read: dict[str, str | None], name: str, digest: str | None) -> None:
    """Record the digest of an image that was read; None, which is never stored, if it changed within the task."""
    read[name] = digest if read.get(name, digest) == digest else None


def _on_worker(run: str, network: Network, task: Sequence[Pair]) -> Measured:
    """Do a task in a worker process of a cluster, which makes the network once for each run."""
    worker: _Worker = runner.reused(run, lambda: _Worker(network.make(), network))
    return worker(task)


def _pass(net: Backbone, taps: Sequence[str], eight_bit: Tensor) -> dict[str, Tensor]:
    image = as_float(eight_bit, net.device)
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        return net(imagenet_normalised(image), taps)  # type: ignore[no-any-return]
