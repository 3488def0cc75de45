"""Names and options of metrics read from the source of their modules, so that a wrong one is refused before torch is
imported, which takes most of the time until the first error. The registry checks everything again."""

import ast
import difflib
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import replication
from replication.errors import CommandError

_REGISTERING = {"metric", "registered", "register"}
_NAME = re.compile(r"\s*([^()\s,=]+)")
_OPTION = re.compile(r"[(,]\s*(\w+)\s*=")


class _Registered(NamedTuple):
    """options: of each metric whose name is written out, None where they are not known. patterns: regular expressions
    for the names that are put together when a module is imported."""

    options: Mapping[str, Collection[str] | None]
    patterns: Sequence[str]


def refuse_unknown(*texts: str) -> None:
    """Raise a CommandError for a text such as "SSIM" or "ssim(color=gray)" that certainly is no metric of this package.

    What cannot be decided from the source alone passes: "lpips-x", and "LPIPS", which is like it, because names of that
    form are made in a loop. Everything passes where the metrics are imported already: the registry knows better then.
    """
    if "replication.metrics" in sys.modules:
        return
    known = _registered()
    stems = [re.sub(r"\.\+|\\", "", pattern) for pattern in known.patterns]
    for text in texts:
        match = _NAME.match(text)
        name = match[1] if match else ""
        if name in known.options:
            _check_options(text, name, known.options[name])
            continue
        possible = not name or any(re.fullmatch(pattern, name) for pattern in known.patterns)
        if not possible and not difflib.get_close_matches(name.lower(), stems, cutoff=0.8):
            raise CommandError(unknown(name, known.options))


def unknown(name: str, known: Collection[str]) -> str:
    """The message for an unknown name: the metric that it is in other letters, or those most like it."""
    letters = {_letters(each): each for each in known}
    same = letters.get(_letters(name))
    shown = name if len(name) <= 80 else f"{name[:77]}..."
    meant = f"; did you mean {same}?" if same else _nearest(name, known)
    return f"unknown metric {shown!r}{meant} (`python -m replication metrics` lists them)"


def _check_options(text: str, name: str, known: Collection[str] | None) -> None:
    if known is None or "'" in text or '"' in text:
        return
    for option in _OPTION.findall(text):
        if option not in known:
            raise CommandError(
                f"metric {name!r} has no option {option!r}; known: {', '.join(known)}{_nearest(option, known)}"
            )


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9+]", "", name.lower())


def _nearest(word: str, known: Collection[str]) -> str:
    found = difflib.get_close_matches(word.lower(), known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def _registered() -> _Registered:
    folder = Path(replication.__file__).parent / "metrics"
    common, settled = _common((folder / "registry.py").read_text(encoding="utf-8"))
    options: dict[str, Collection[str] | None] = {}
    patterns = []
    for module in sorted(folder.glob("*.py")):
        if module.name == "registry.py":
            continue
        tree = ast.parse(module.read_text(encoding="utf-8"))
        for call in _calls(tree):
            match call.args[0]:
                case ast.Constant(value=str(name)):
                    options.setdefault(name, None)
                case ast.JoinedStr(values=parts):
                    texts = (re.escape(str(p.value)) if isinstance(p, ast.Constant) else ".+" for p in parts)
                    patterns.append("".join(texts))
                case _:
                    patterns.append(".+")
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            own = [argument.arg for argument in function.args.kwonlyargs]
            for call in (each for decorator in function.decorator_list for each in _calls(decorator)):
                if isinstance(call.args[0], ast.Constant):
                    name = str(call.args[0].value)
                    if _called(call) == "metric":
                        options[name] = [*common, *(option for option in own if option not in settled)]
                    elif not (function.args.args or function.args.kwarg):  # else it takes any
                        options[name] = own
    return _Registered(options, patterns)


def _common(registry: str) -> tuple[list[str], list[str]]:
    """The options that every metric made of a function has, and the keywords of functions that are no options."""
    values = {
        target.id: node.value
        for node in ast.parse(registry).body
        for target in (node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)])
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(target, ast.Name)
    }
    common, settled = values["_COMMON"], values["_SETTLED"]
    assert isinstance(common, ast.Dict)
    assert settled is not None
    return [ast.literal_eval(key) for key in common.keys if key is not None], list(ast.literal_eval(settled))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that register a metric under a name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _called(node) in _REGISTERING:
            yield node


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
