"""The command `metrics`: which metrics there are, and everything about one of them."""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from replication.errors import CommandError
from replication.scoring import metric_names

if TYPE_CHECKING:
    from replication.scoring.about import About

_WIDTH = 80
_FULL = 100  # characters from which a line of a docstring counts as broken for want of room
_INDENT = "    "


def run(name: str | None, form: Literal["text", "csv", "json"] = "text") -> int:
    """Print all metrics, or one with its documentation; returns 0. CommandError for an unknown name."""
    if name is not None:
        metric_names.refuse_unknown(name)
    from replication import metrics
    from replication.scoring.about import about

    if name is not None and name not in metrics.names():
        raise CommandError(metric_names.unknown(name, metrics.names()))
    found = [about(each) for each in ([name] if name is not None else metrics.names())]
    if form == "json":
        print(json.dumps([asdict(each) for each in found], indent=1, default=str))
    elif form == "csv":
        _print_csv(found)
    elif name is not None:
        _print_details(found[0])
    else:
        for each in found:
            _print_entry(each)
        print("`metrics NAME` shows formula, documentation and protocol. Options are given as")
        print("in 'ssim(colour=gray)'; one without a value here has a rule, or must be given.")
    return 0


def _print_entry(about: "About") -> None:
    facts = "; ".join(part for part in (_direction(about), about.range) if part)
    _wrapped(f"{about.name}: {facts}" if facts else about.name, indent="")
    source = f" ({about.source})" if about.source else ""
    _wrapped(f"{about.title}{source}")
    _wrapped(f"options: {', '.join(_options(about)) or 'none'}")
    if about.needed:
        _wrapped(f"weights: {', '.join(_weights(about))}")
    print()


def _print_details(about: "About") -> None:
    _print_entry(about)
    for name, choices in about.choices.items():
        if name in about.options:
            _wrapped(f"{name}: {', '.join(choices)}")
    for name, reason in about.missing.items():
        _wrapped(f"{name}: {reason}")
    if about.protocol:
        _wrapped("protocol: " + ", ".join(f"{key}: {value}" for key, value in about.protocol.items()))
    print()
    for line in _joined(about.text.splitlines()):
        indent = line[: len(line) - len(line.lstrip())]
        print(textwrap.fill(line, _WIDTH, subsequent_indent=indent, break_long_words=False) if line.strip() else "")


def _joined(lines: Sequence[str]) -> list[str]:
    """The lines of a docstring, those joined again that were broken because the next word had no room."""
    joined: list[str] = []
    room = False
    for line in lines:
        if joined and line.strip() and not room:
            joined[-1] += f" {line.strip()}"
        else:
            joined.append(line)
        room = len(line) < _FULL
    return joined


def _print_csv(found: "Sequence[About]") -> None:
    import csv
    import sys

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("metric", "higher_is_better", "range", "title", "source", "options", "weights", "missing"))
    for each in found:
        higher = "" if each.higher_is_better is None else str(each.higher_is_better).lower()
        options, needed, missing = "; ".join(_options(each)), " ".join(each.needed), " ".join(each.missing)
        writer.writerow((each.name, higher, each.range, each.title, each.source, options, needed, missing))


def _direction(about: "About") -> str:
    return "" if about.higher_is_better is None else f"{'higher' if about.higher_is_better else 'lower'} is better"


def _options(about: "About") -> list[str]:
    return [f"{name}={default}" if default else name for name, default in about.options.items()]


def _weights(about: "About") -> list[str]:
    return [f"{name} ({'missing' if name in about.missing else 'available'})" for name in about.needed]


def _wrapped(text: str, indent: str = _INDENT) -> None:
    lines = textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=2 * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    print("\n".join(lines))
