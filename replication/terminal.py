"""Printing for commands: errors as one sentence, tables, the progress of downloads."""

import csv
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields

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


def show(titles: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> None:
    """Print rows as a table as wide as the terminal, or 80 columns elsewhere; long texts take several lines.

    left: the number of first columns that are aligned to the left; the others, numbers, to the right.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(pad_edge=False, box=None, header_style="bold")
    for position, title in enumerate(titles):
        right = position >= left
        shown.add_column(title, overflow="fold", justify="right" if right else "left", no_wrap=right)
    for row in rows:
        shown.add_row(*(Text(field) for field in row))
    Console(soft_wrap=False).print(shown)


def table(titles: Sequence[str], rows: Sequence[Row]) -> None:
    """Name, state and pin as a table, and below it where to get what is not complete."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console()
    shown = Table(pad_edge=False, box=None)
    for title in titles[:3]:
        shown.add_column(title, overflow="fold")
    wanting = [row for row in rows if not row.state.startswith(("complete", "present"))]
    for row in rows:
        shown.add_row(
            *(Text(field, style="yellow" if row in wanting else "") for field in (row.name, row.state, row.pin))
        )
    console.print(shown)
    for row in wanting:
        console.print(Text(f"{row.name}:", style="yellow"))
        console.print(Padding(Text(f"{row.source}\n{titles[3]}: {row.licence}"), (0, 0, 0, 4)))
    console.print()


def write_csv(rows: Sequence[Row]) -> None:
    """Print the rows as CSV, with the names of their fields."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(field.name for field in fields(Row))
    writer.writerows(astuple(row) for row in rows)


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
