"""The contract of a part of the benchmark, and how a part is run: in a process of its own, within its time."""

import multiprocessing
import signal
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import ClassVar, NamedTuple

from replication.absent import AbsentError

Cells = tuple[str, ...]

_LONGEST = 240  # characters of a reason


@dataclass(frozen=True)
class Settings:
    """Choices of the command line: the device as torch names it, and a folder of faces or none."""

    device: str
    faces: Path | None

    @property
    def small(self) -> bool:
        """Whether sizes are those of a trial, which is what the CPU gets."""
        return self.device == "cpu"


class Part:
    """A part of the benchmark: a table whose rows are measured item by item.

    title, about, headings: of its table on the page. share: of the time, relative to the other parts.
    items: what is measured, in order, each as the first cells of its rows; set by the constructor.
    An exception of the constructor or of `measure` becomes the reason why rows are missing.
    """

    title: ClassVar[str]
    about: ClassVar[str]
    headings: ClassVar[Cells]
    share: ClassVar[float]
    items: Sequence[Cells]

    def __init__(self, settings: Settings, seconds: float) -> None:
        raise NotImplementedError

    def measure(self, item: Cells) -> list[Cells]:
        """The rows of an item: the cells after those of the item, and at the end a note where there is one."""
        raise NotImplementedError

    @staticmethod
    def summary(rows: Sequence[Cells]) -> str:
        """The result in one line, from the complete rows."""
        return f"{len(rows)} rows"


class Event(NamedTuple):
    """A message of a running part: the rows of an item, or the reason why it has none (item None: the part)."""

    item: Cells | None
    rows: list[Cells]
    reason: str = ""


def run(module: str, settings: Settings, seconds: float) -> Iterator[Event]:
    """Run the part that a module defines as `Measured`; yields an event for each of its items, and for failures.

    After `seconds` its process is killed, and the items that are not finished are reported as not reached. A process of
    its own also confines GPU errors after which a process cannot go on.
    """
    end = time.monotonic() + seconds
    context = multiprocessing.get_context("forkserver")  # forks from a process that has not used the GPU
    context.set_forkserver_preload(["torch", "replication.metrics"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, module, settings, seconds))
    process.start()
    theirs.close()
    left: list[Cells] | None = None
    try:
        while left is None or left:
            if not ours.poll(max(0.0, end - time.monotonic())):
                yield from _unreached(left, f"not reached: the part ended after its {seconds:.0f} s")
                return
            message = ours.recv()
            if isinstance(message, Event):
                yield message
                if message.item is None:
                    return
                left = [item for item in left or [] if item != message.item]
            else:
                left = message
    except EOFError:
        process.join()
        yield from _unreached(left, f"not reached: the part's process ended with code {process.exitcode}")
    finally:
        process.kill()
        process.join()
        ours.close()


def _unreached(left: Sequence[Cells] | None, reason: str) -> Iterator[Event]:
    yield from (Event(item, [], reason) for item in ([None] if left is None else left))


def _work(results: Connection, module: str, settings: Settings, seconds: float) -> None:
    """In the process of a part: send the list of its items, then an event for each."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the parent, which then ends this process
    try:
        part: Part = import_module(module).Measured(settings, seconds)
    except Exception as error:
        results.send(Event(None, [], in_words(error)))
        return
    results.send(list(part.items))
    for item in part.items:
        try:
            event = Event(item, part.measure(item))
        except Exception as error:
            event = Event(item, [], in_words(error))
        results.send(event)


def in_words(error: Exception) -> str:
    """The reason that an exception gives, on one line and without folders of this machine where it is an absence."""
    if isinstance(error, AbsentError):
        return f"not available: {error.absent.name}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"not installed: {error.name.partition('.')[0]}"
    return shortened(f"failed: {type(error).__name__}: {error}")


def shortened(text: str) -> str:
    """The text on one line, cut where it is longer than a cell of a table should be."""
    line = " ".join(text.split()).strip(": ")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."
