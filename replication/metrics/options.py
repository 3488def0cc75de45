"""Options of metrics, checked against the annotations of the functions that take them."""

import inspect
import numbers
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch

from replication.metrics.names import nearest, shortened

Device = str | torch.device | None


class Option(NamedTuple):
    """An option's annotation (`Any` where it has none) and default (`inspect.Parameter.empty` where it is required)."""

    wanted: Any
    default: Any


Options = Mapping[str, Option]


def options_of(function: Callable[..., Any]) -> dict[str, Option]:
    """The keyword-only parameters of a function."""
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):  # names that only a type checker sees
        hints = {}
    parameters = inspect.signature(function).parameters.values()
    return {p.name: Option(hints.get(p.name, Any), p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}


def takes_any(function: Callable[..., Any]) -> bool:
    """True if a function takes options that its signature does not name: **options, or parameters with a position."""
    parameters = inspect.signature(function).parameters.values()
    return any(p.kind is not p.KEYWORD_ONLY for p in parameters)


def check_options(metric: str, given: Mapping[str, Any], known: Options) -> None:
    """Raise ValueError for an option that is unknown, missing, or not of the type that its annotation names."""
    for name, value in given.items():
        if name not in known:
            raise ValueError(
                f"metric {metric!r} has no option {name!r}; known: {', '.join(known)}{nearest(name, known)}"
            )
        wanted = known[name].wanted
        if not _fits(value, wanted):
            raise ValueError(f"metric {metric!r}: {name} must be {_described(wanted)}, got {shortened(repr(value))}")
        if name == "device" and value is not None:
            check_device(value)
    for name, option in known.items():
        if option.default is inspect.Parameter.empty and name not in given:
            raise ValueError(f"metric {metric!r} needs the option {name}, {_described(option.wanted)}")


def check_device(device: str | torch.device) -> None:
    """Raise ValueError unless `device` is written as torch writes devices."""
    try:
        torch.device(device)
    except (RuntimeError, TypeError):
        raise ValueError(f"device must be written as torch does, such as cpu, cuda or cuda:1, got {device!r}") from None


def _fits(value: Any, wanted: Any) -> bool:
    if wanted is Any:
        return True
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in arguments)
    if wanted in (None, type(None)):
        return value is None
    if wanted is bool:
        return isinstance(value, bool)
    if wanted in (int, float):
        kind = numbers.Integral if wanted is int else numbers.Real
        return isinstance(value, kind) and not isinstance(value, bool) and bool(value == value)  # NaN is no number
    if origin is not None and isinstance(origin, type):
        if issubclass(origin, Sequence) and isinstance(value, str):
            return False
        if not isinstance(value, origin) or not issubclass(origin, Sequence) or len(arguments) != 1:
            return isinstance(value, origin)
        items: Any = value
        return all(_fits(item, arguments[0]) for item in items)
    try:
        return isinstance(value, wanted)
    except TypeError:  # an annotation that no value can be compared with, such as a TypeVar
        return True


_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    None: "None",
    type(None): "None",
    torch.device: "a torch.device",
}
_PLURALS: dict[Any, str] = {int: "whole numbers", float: "numbers", str: "texts"}


def _described(wanted: Any) -> str:
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_described(each) for each in arguments)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"a list of {_PLURALS.get(arguments[0], 'values')}"
    return _WORDS.get(wanted, getattr(wanted, "__name__", str(wanted)))
