"""Metrics written as text: "ssim(colour=gray, k1=0.02)" to a name and its options."""

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any

_METRIC = re.compile(r"\s*([^()\s,=]+)\s*(?:\((.*)\))?\s*", re.DOTALL)
_SCALAR = r"""'[^']*'|"[^"]*"|[^,\[\]()'"]+"""
_OPTION = re.compile(rf"\s*(\w+)\s*=\s*(\[[^\[\]]*\]|{_SCALAR})\s*(?:,|$)")
_ITEM = re.compile(rf"\s*({_SCALAR})\s*(?:,|$)")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SHOWN = 80  # characters of a wrong text that a message repeats


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Name and options of a metric written as "ssim" or "ssim(colour=gray, k1=1e-2)".

    A value is a whole number (7), a number (0.5, 1e-10), true or false, a list of values without lists in it
    ([fire3, fire5]), or else text. Text that holds a comma, a bracket, a parenthesis or a quotation mark, or that would
    be read as a number, is written in quotation marks.
    Raises ValueError for anything else, and for an option given twice. Whether the metric and its options exist is left
    to `registry.create`.
    """
    match = _METRIC.fullmatch(text)
    if match is None:
        raise ValueError(_malformed(text))
    options: dict[str, Any] = {}
    for name, value in _matches(_OPTION, match[2] or "", text):
        if name in options:
            raise ValueError(f"{shortened(text)!r} gives the option {name} twice; give it once")
        options[name] = _value(value, text)
    return match[1], options


def nearest(word: str, known: Iterable[str]) -> str:
    """The names most like `word` as a question, "; did you mean ssim or ms-ssim?"; nothing where none is like it."""
    found = difflib.get_close_matches(word.lower(), list(known), cutoff=0.5)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def shortened(text: str) -> str:
    """The text, or its beginning if it is longer than a message should repeat."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _matches(pattern: re.Pattern[str], part: str, text: str) -> Iterator[tuple[str, ...]]:
    """The groups of each match, one after the other until the end of `part`."""
    position = 0
    while part[position:].strip():
        match = pattern.match(part, position)
        if match is None:
            raise ValueError(_malformed(text))
        yield match.groups()
        position = match.end()


def _value(written: str, text: str) -> Any:
    if written.startswith("["):
        return [_scalar(item) for (item,) in _matches(_ITEM, written[1:-1], text)]
    return _scalar(written)


def _scalar(written: str) -> bool | int | float | str:
    written = written.strip()
    if written[:1] in ("'", '"'):
        return written[1:-1]
    if written.lower() in ("true", "false"):
        return written.lower() == "true"
    if _WHOLE.fullmatch(written) and len(written) <= _SHOWN:  # Python converts no more than 4300 digits
        return int(written)
    return float(written) if _NUMBER.fullmatch(written) else written


def _malformed(text: str) -> str:
    return (
        f"{shortened(text)!r} is no metric; write it as NAME or as NAME(option=value, option=value), "
        "where a value is a number, true, false, text or a list of these such as [1, 2]"
    )
