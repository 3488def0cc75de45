"""The tests marked `gpu`, file by file."""

import contextlib
import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

from benchmarks.device import part
from benchmarks.device.part import Cells, Part, Settings
from replication.project import root

MARK = "pytest.mark.gpu"


class Measured(Part):
    title = "Tests that need a GPU"
    about = "The tests marked `gpu`, with torch's own settings; they are skipped where there is no CUDA device."
    headings = ("file", "test", "outcome")
    share = 0.2

    def __init__(self, settings: Settings, seconds: float) -> None:
        import pytest

        self.pytest = pytest
        found = (path for path in sorted((root() / "tests").rglob("test_*.py")) if MARK in path.read_text("utf-8"))
        self.items = [(path.relative_to(root()).as_posix(),) for path in found]

    def measure(self, item: Cells) -> list[Cells]:
        outcomes = Outcomes()
        path, output = root() / item[0], io.StringIO()
        options = ["-m", "gpu", "-q", "-p", "no:cacheprovider", "--rootdir", str(root())]
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            self.pytest.main([str(path), *options], plugins=[outcomes])
        if not outcomes.rows:
            raise RuntimeError(f"no test was run: {output.getvalue()}")
        return outcomes.rows

    @staticmethod
    def summary(rows: Sequence[Cells]) -> str:
        counts = Counter(row[2] for row in rows)
        return ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped"))


class Outcomes:
    """A plugin of pytest that lists outcomes: name of the test, passed, failed or skipped, the reason."""

    def __init__(self) -> None:
        self.rows: list[Cells] = []

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.rows.append(("(collection)", "failed", self._reason(report)))

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" or not report.passed:
            name = report.nodeid.partition("::")[2]
            self.rows.append((name, report.outcome, "" if report.passed else self._reason(report)))

    @staticmethod
    def _reason(report: Any) -> str:
        if report.skipped and isinstance(report.longrepr, tuple):
            return part.shortened(str(report.longrepr[2]).removeprefix("Skipped: "))
        crash = getattr(report.longrepr, "reprcrash", None)
        if crash is not None:
            return part.shortened(str(crash.message))
        lines = [line for line in str(report.longrepr).splitlines() if line.startswith("E ")]
        return part.shortened(lines[-1].removeprefix("E ") if lines else str(report.longrepr))
