"""Take out of an executed notebook what differs between two runs of the same work."""

import re
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

_DROPPED_KINDS = ("application/vnd.jupyter.widget-view+json", "application/javascript")
_PATTERNS = [
    (re.compile(r" at 0x[0-9a-f]+"), ""),  # <Axes at 0x7f...>
    (re.compile(r"/\S*/ipykernel_\d+/\d+\.py"), "cell"),
]


def normalise(notebook: NotebookNode, places: Mapping[Path, str]) -> None:
    """Change `notebook` in place so that it holds only what the work determines.

    Out go stderr (progress belongs to the terminal), widgets, execution counts and times, the runner's metadata,
    memory addresses, host name and absolute paths: each path of `places` becomes its stand-in, the home folder '~' and
    the environment's folder '$PREFIX'. Printed text is joined into one block per cell, whatever pieces it arrived in.
    """
    clean = _cleaner({Path(sys.prefix): "$PREFIX", Path.home(): "~", **places})
    notebook.metadata = _node(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:03d}"
        tags = cell.metadata.get("tags", [])
        cell.metadata = _node(tags=tags) if tags else _node()
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [kept for output in _joined(cell.outputs) if (kept := _output(output, clean, number))]


def _node(**entries: Any) -> NotebookNode:
    return NotebookNode(**entries)  # type: ignore[no-untyped-call]


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Printed text in one block unless another output is in between."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream" and output.name == "stderr":
            continue
        if joined and output.output_type == "stream" == joined[-1].output_type:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _output(output: NotebookNode, clean: Callable[[str], str], number: int) -> NotebookNode | None:
    if output.output_type == "stream":
        lines = clean(output.text).split("\n")
        output.text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)  # what a terminal would show
        return output if output.text.strip() else None
    if output.output_type not in ("display_data", "execute_result"):
        return output
    output.pop("transient", None)
    if output.output_type == "execute_result":
        output.execution_count = None
    if any(kind in output.data for kind in _DROPPED_KINDS):
        return None
    for kind, content in output.data.items():
        if isinstance(content, str) and not kind.startswith("image/"):
            content = clean(content)
            # pandas' Styler draws a random identifier for each table
            output.data[kind] = re.sub(r"\bT_[0-9a-f]{5}(?=[ _\"#])", f"T_{number:05d}", content)
    return output


def _cleaner(places: Mapping[Path, str]) -> Callable[[str], str]:
    rules: list[tuple[re.Pattern[str], str]] = list(_PATTERNS)
    for path in sorted(places, key=lambda place: -len(str(place))):  # the deepest first
        if len(path.parts) > 1:
            rules.append((re.compile(rf"(?<![\w.~-]){re.escape(str(path))}(?![\w-])"), places[path]))
    host = socket.gethostname()
    if host != "localhost" and (len(host) > 5 or re.search(r"[\d-]", host)):  # not every word that might be one
        rules.append((re.compile(rf"(?<![\w.-]){re.escape(host)}(?![\w-])"), "host"))

    def clean(text: str) -> str:
        for pattern, stand_in in rules:
            text = pattern.sub(lambda _: stand_in, text)  # noqa: B023 - used at once
        return text

    return clean
