"""Facts about a metric for those who choose one: direction, range, options, weights, formula and source.

They are read from the metric itself: its registration, its protocol, and the docstrings of its function and module.
"""

import inspect
import re
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from replication.absent import AbsentError
from replication.datasets.errors import DataError
from replication.features import weights
from replication.metrics import registry
from replication.metrics.names import parse
from replication.metrics.options import Option

_SCORES = re.compile(r"^.*?of each image, shape \(N,\)[,;]?\s*", re.DOTALL)
_DIRECTION = re.compile(r";?\s*(higher|lower) is better[,;]?\s*")
_CITATION = re.compile(r"\(([A-Z][^()]*\b(?:19|20)\d\d\b[^()]*)\)")
_OF_THE_MACHINE = ("device", "download")  # options that do not change a score
_LONG = 30  # characters of a protocol's text that may still be the value of an option


@dataclass(frozen=True)
class About:
    """Facts about one metric.

    higher_is_better: None where neither the metric nor its documentation gives it. range: of the scores, in words; ""
    where it is not documented. title: the metric's full name, or its module's subject. source: the publication; ""
    where none is named. options: name -> default, as a command line has it ("" where the metric has a rule for it, or
    it must be given). choices: name -> the values that an option may have, where these are few. protocol: with the
    defaults. needed: names of the weights that are read with the defaults. missing: of these, the ones that are not on
    this machine, with the reason. text: the documentation, with the formula.
    """

    name: str
    higher_is_better: bool | None
    range: str
    title: str
    source: str
    options: Mapping[str, str]
    choices: Mapping[str, tuple[str, ...]]
    protocol: Mapping[str, Any]
    needed: tuple[str, ...]
    missing: Mapping[str, str]
    text: str


def about(name: str) -> About:
    """The facts about the metric of that name; ValueError for an unknown one. Needs no weights."""
    module = sys.modules[registry.module_of(name)]
    options = registry._entry(name).options or {}
    direction, protocol, needed = _made(name, {})
    summary, formula = _documentation(name, module)
    described = _paragraph(module.__doc__)
    if direction is None and (said := _DIRECTION.search(summary)):
        direction = said[1] == "higher"
    cited = _CITATION.search(module.__doc__ or "") or _CITATION.search(formula)
    return About(
        name=name,
        higher_is_better=direction,
        range=_range(summary),
        title=_CITATION.sub("", described).replace(" .", ".").replace(" ,", ",").rstrip(" .:"),
        source=" ".join(cited[1].split()).partition(";")[0] if cited else "",
        options={key: _default(key, option, protocol) for key, option in options.items() if key not in _OF_THE_MACHINE},
        choices={key: found for key, option in options.items() if (found := _choices(option.wanted))},
        protocol=protocol,
        needed=needed,
        missing=_missing(needed),
        text="\n\n".join(part for part in (inspect.cleandoc(module.__doc__ or ""), formula) if part),
    )


def direction_of(label: str) -> bool | None:
    """Whether higher is better by the metric that a label of a table names, such as "ssim(colour=gray)" or "MS_SSIM".

    None where it names no metric of this package. Case and punctuation of the name do not count.
    """
    try:
        name, options = parse(label)
    except ValueError:
        return None
    known = {_letters(each): each for each in registry.names()}
    if _letters(name) not in known:
        return None
    direction, _, _ = _made(known[_letters(name)], options)
    return about(known[_letters(name)]).higher_is_better if direction is None else direction


def _made(name: str, options: Mapping[str, Any]) -> tuple[bool | None, Mapping[str, Any], tuple[str, ...]]:
    """Direction, protocol and weights of the metric, made with networks that have no numbers.

    Nothing but the weights is known where it needs an option, or is made of a file that is missing.
    """
    with weights.recorded() as needed:
        try:
            metric = registry.create(name, **options)
        except (AbsentError, ValueError):
            return None, {}, tuple(needed)
    return metric.higher_is_better, metric.protocol, tuple(needed)


def _missing(needed: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in needed:
        try:
            weights.find(name)
        except (AbsentError, DataError) as error:
            found[name] = str(error)
    return found


def _documentation(name: str, module: Any) -> tuple[str, str]:
    """The first paragraph of the docstring of the function that computes the metric, and the docstring.

    The function has the metric's name, or the beginning of it: `lpips` is the one of "lpips-vgg".
    """
    parts = name.split("-")
    for count in range(len(parts), 0, -1):
        function = getattr(module, "_".join(parts[:count]), None)
        if inspect.isfunction(function):
            return _paragraph(function.__doc__), inspect.cleandoc(function.__doc__ or "")
    return "", ""


def _paragraph(text: str | None) -> str:
    return " ".join(inspect.cleandoc(text or "").split("\n\n")[0].split())


def _range(summary: str) -> str:
    if not _SCORES.match(summary):
        return ""
    return _DIRECTION.sub("; ", _SCORES.sub("", summary)).strip(" ;,.").replace("; ", ", ")


def _default(name: str, option: Option, protocol: Mapping[str, Any]) -> str:
    """The default as a command line has it; from the protocol where the metric presets one."""
    if option.default is inspect.Parameter.empty:
        return ""
    preset = protocol.get(name, protocol.get(name.replace("_", " ")))
    value = option.default if preset is None or len(str(preset)) > _LONG else preset
    if option.default is not None and type(value) is not type(option.default):
        value = option.default  # the protocol describes it in words
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(str, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else f"[{value}]" if ", " in str(value) else str(value)


def _choices(wanted: Any) -> tuple[str, ...]:
    """The values that an annotation lists, in it or in one part of a union."""
    if typing.get_origin(wanted) is Literal:
        return tuple(map(str, typing.get_args(wanted)))
    return next((found for part in typing.get_args(wanted) if (found := _choices(part))), ())


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9+]", "", name.lower())
