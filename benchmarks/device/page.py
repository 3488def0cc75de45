"""The page device.md and a CSV file for each part, replaced in one step whenever rows arrive."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.device.part import Cells, Event, Part
from replication.files import atomic_write_text

TITLE = "The suite on one device"


class Section:
    """The rows of one part, and the items that have none with the reason why."""

    def __init__(self, name: str, part: type[Part]) -> None:
        self.name, self.part = name, part
        self.headings = (*part.headings, "note")
        self.rows: list[Cells] = []
        self.missing: dict[str, list[Cells]] = {}  # reason -> items
        self.reason = "not reached"  # why there is nothing at all

    def add(self, event: Event) -> None:
        """Add an item's rows, or the reason why it has none."""
        if event.item is None:
            self.reason = event.reason
        elif event.reason:
            self.missing.setdefault(event.reason, []).append(event.item)
        else:
            self.rows += [filled((*event.item, *row), len(self.headings)) for row in event.rows]

    @property
    def line(self) -> str:
        """The part's result in one line."""
        if not self.rows and not self.missing:
            return self.reason
        found = [self.part.summary(self.rows)] if self.rows else []
        kinds = Counter({reason.partition(":")[0]: 0 for reason in self.missing})
        for reason, items in self.missing.items():
            kinds[reason.partition(":")[0]] += len(items)
        return "; ".join([*found, *(f"{count} {kind}" for kind, count in kinds.items())])

    def text(self) -> list[str]:
        """The lines of the section on the page."""
        lines = [f"## {self.part.title}", "", self.part.about, ""]
        if self.rows:
            rows = [self.headings, ("---",) * len(self.headings), *self.rows]
            lines += [*("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows), ""]
        for reason, items in self.missing.items():
            lines += [f"- {reason}: {'; '.join(', '.join(item) for item in items)}."]
        if not self.rows and not self.missing:
            lines += [f"- {self.reason}."]
        return [*lines, ""] if lines[-1] else lines

    def csv(self) -> str:
        """The rows under their headings; an item without figures is a row with the reason as its note."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerows([self.headings, *self.rows])
        for reason, items in self.missing.items():
            writer.writerows((*filled(item, len(self.headings) - 1), reason) for item in items)
        return buffer.getvalue()


def filled(cells: Cells, count: int) -> Cells:
    """The cells with empty ones after them, `count` together."""
    return cells + ("",) * (count - len(cells))


class Page:
    """All sections with the facts that figures depend on, in a folder."""

    def __init__(self, folder: Path, facts: Sequence[str], sections: Sequence[Section]) -> None:
        self.folder, self.facts, self.sections = folder, facts, sections

    def write(self, changed: Sequence[Section]) -> None:
        """Replace the page, and the CSV files of the sections that have changed."""
        for section in changed:
            atomic_write_text(self.folder / f"{section.name}.csv", section.csv())
        atomic_write_text(self.folder / "device.md", self.text())

    def text(self) -> str:
        """The page: a line for each part, what the figures depend on, the tables."""
        lines = [f"# {TITLE}", "", *(f"- {section.part.title}: {section.line}." for section in self.sections), ""]
        lines += ["Written by `python -m benchmarks device`.", "", *(f"- {fact}" for fact in self.facts), ""]
        return "\n".join([*lines, *(line for section in self.sections for line in section.text())])
