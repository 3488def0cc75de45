"""Printing for commands: errors as one sentence, tables, the progress of downloads."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from replication.datasets.status import Row

_LONGEST = 2000  # characters of an error message


def interruption(error: BaseException | None) -> str:
    """The sentence of the KeyboardInterrupt that Typer has turned into an exit; "interrupted" where it has none."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return str(error or "") or "interrupted"


def sentence(error: Exception) -> str:
    """The message of an exception: one line, without control characters, shortened in the middle if very long."""
    if isinstance(error, OSError) and error.strerror:  # full disk, no permission
        text = error.strerror + (f": {os.fsdecode(error.filename)}" if error.filename else "")
    elif isinstance(error, MemoryError):
        text = "there is not enough memory"
    elif type(error).__module__.startswith("replication.") or isinstance(error, OSError):
        text = str(error)  # written for the user
    else:
        text = f"{type(error).__name__}: {error}; run with --debug for the traceback"
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} ... {line[-_LONGEST // 2 :]}"


def table(titles: Sequence[str], rows: Sequence[Row]) -> None:
    """On a terminal a table, and below it where to get what is not complete; elsewhere tab-separated fields."""
    fields = [(row.name, row.state, row.pin, row.licence, row.source) for row in rows]
    if not sys.stdout.isatty():
        for line in (titles, *fields):
            print("\t".join(line))
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console()
    shown = Table(pad_edge=False, box=None)
    for title in titles[:3]:
        shown.add_column(title, overflow="fold")
    wanting = [line for line in fields if not line[1].startswith(("complete", "present"))]
    for line in fields:
        shown.add_row(*(Text(field, style="yellow" if line in wanting else "") for field in line[:3]))
    console.print(shown)
    for name, _, _, licence, source in wanting:
        console.print(Text(f"{name}:", style="yellow"))
        console.print(Padding(Text(f"{source}\n{titles[3]}: {licence}"), (0, 0, 0, 4)))
    console.print()


@contextmanager
def download_progress() -> Iterator[Callable[[str, int, int | None], None] | None]:
    """A bar with rate and estimate per file on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, progress.TaskID] = {}

        def show(file: str, done: int, total: int | None) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file)
            bars.update(tasks[file], completed=done, total=total)

        yield show
