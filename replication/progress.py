"""Progress of a long step, its rate and the time left: a bar on a terminal or in JupyterLab, else lines."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from replication.project import in_lab

Advance = Callable[[int], None]


@contextmanager
def progress(label: str, total: int, done: int, unit: str, *, every: float = 10.0) -> Iterator[Advance]:
    """Show progress on standard error, or below the cell of a notebook that is run by hand.

    The function it yields is called with the number of units just finished.

    done: units that an earlier run had finished; they do not count for the rate.
    """
    if sys.stderr.isatty() or in_lab():
        with _bar(label, total, done, unit) as advance:
            yield advance
    else:
        yield _lines(label, total, done, unit, every)


def _lines(label: str, total: int, done: int, unit: str, every: float) -> Advance:
    started = reported = time.monotonic()
    first, now_done = done, done
    if first:
        print(f"{label}: goes on after {first} of {total} {unit}", file=sys.stderr, flush=True)

    def advance(count: int) -> None:
        nonlocal reported, now_done
        now, now_done = time.monotonic(), now_done + count
        if now - reported < every and now_done < total:
            return
        reported = now
        rate = (now_done - first) / max(now - started, 1e-9)
        left = (total - now_done) / max(rate, 1e-9)
        print(
            f"{label}: {now_done} of {total} {unit}, {rate:.3g} {unit}/s, {left / 60:.1f} min left",
            file=sys.stderr,
            flush=True,
        )

    return advance


@contextmanager
def _bar(label: str, total: int, done: int, unit: str) -> Iterator[Advance]:
    from rich import progress as rich
    from rich.console import Console

    class Rate(rich.ProgressColumn):
        def render(self, task: rich.Task) -> str:
            return f"{task.speed:.3g} {unit}/s" if task.speed else ""

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        Rate(),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=Console(stderr=not in_lab())) as bars:
        bar = bars.add_task(label, total=total, completed=done)
        yield lambda count: bars.advance(bar, count)
