"""Writing params.yaml, the active parameters, from conf/: a value a line, with the comments of conf/base.yaml."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from replication.files import atomic_write_text
from replication.project import profile_values, root

_HEADER = """\
# The active parameters, profile "{name}": conf/base.yaml with conf/{name}.yaml. Change values and run `dvc repro`;
# `python -m replication profile {name}` writes this file anew.
"""
_KEY = re.compile(r"( *)([^\s#'\"-][^#]*?|'[^']*'|\"[^\"]*\"):(?= |$)")


def text(name: str) -> str:
    """Content of params.yaml for a profile, in the layout in which DVC rewrites it when it sets a parameter."""
    from ruamel.yaml import YAML

    out = io.StringIO()
    YAML().dump(_plain(profile_values(name)), out)
    lines = out.getvalue().splitlines()
    above, beside = _comments((root() / "conf" / "base.yaml").read_text(encoding="utf-8").splitlines())
    for number, path in reversed(list(_keys(lines))):
        if path in beside:
            lines[number] += f" {beside[path]}"
        lines[number:number] = above.get(path, [])
    return _HEADER.format(name=name) + "\n".join(lines) + "\n"


def activate(name: str) -> None:
    """Write params.yaml for a profile."""
    atomic_write_text(root() / "params.yaml", text(name))


def _comments(lines: Sequence[str]) -> tuple[dict[tuple[str, ...], list[str]], dict[tuple[str, ...], str]]:
    """The comment lines above each key, blank lines among them, and the comment on its own line."""
    above, beside, keys = {}, {}, dict(_keys(lines))
    first = next(iter(keys))
    waiting: list[str] = []
    for number, line in enumerate(lines[first:], start=first):
        if not line.strip() or line.lstrip().startswith("#"):
            waiting.append(line)
            continue
        if number in keys:
            if waiting:
                above[keys[number]] = waiting
            if comment := re.search(r"(?<=\s)#.*$", line):
                beside[keys[number]] = comment[0]
        waiting = []
    return above, beside


def _keys(lines: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Number and path of every line of block-style YAML that starts with a key, those of mappings in lists left out."""
    path: list[tuple[int, str]] = []
    for number, line in enumerate(lines):
        if match := _KEY.match(line):
            indent = len(match[1])
            path = [*(each for each in path if each[0] < indent), (indent, match[2])]
            yield number, tuple(key for _, key in path)


def _plain(value: Any) -> Any:
    """The value without the marks of the files it was read from."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
