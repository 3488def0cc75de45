"""Dependencies of a stage's numbers besides its own parameters: modules, papers' data, pinned images and weights.

Read from the source without running it, so that it costs a fraction of a second where importing the package costs
seconds. Modules that are found by their name at run time (a metric, a loss, a data set) are those that the stage's
parameters name, and those named in its notebook or its paper's code by a text in a call, as in `create("ssim")`. An
equal name with another meaning adds a dependency too many, never one too few.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from replication import project
from replication.alternatives import alternatives
from replication.datasets import pin, sets
from replication.datasets.errors import DataError
from replication.features import catalogue as weights_catalogue
from replication.features import weights
from replication.files import atomic_write_text
from replication.imports import closure, first_arguments

# Modules whose changes cannot change a stage's numbers, and why.
NO_DEPENDENCY = {
    "replication/absent.py": "messages",
    "replication/files.py": "writes what it is given",
    "replication/imports.py": "finds dependencies",
    "replication/project.py": "finds folders; the parameters themselves are dependencies",
    "replication/datasets/errors.py": "messages",
    "replication/datasets/availability.py": "says what is missing",
    "replication/datasets/pin.py": "compares files with what is pinned, which is a dependency",
    "replication/features/arrays.py": "reads files of weights, whose content is pinned",
    "replication/features/catalogue.py": "names files of weights, whose content is pinned",
    "replication/features/installation.py": "puts files of weights in place",
    "replication/features/weights.py": "reads files of weights, whose content is pinned",
    "replication/metrics/weights_read.py": "says which weights a metric reads",
    "replication/torchvision_compat.py": "makes an import work",
    "replication/progress.py": "shows progress",
    "replication/training/losses.py": "names losses; the modules of those that a stage names are dependencies",
}
_PAGES = "replication/reporting/"  # restyling a page must not train a network again
_PAPERS = "replication/papers/"
_LOSSES = "replication/training/losses.py"
_BY_NAME = ("create", "images", "load")  # functions of metrics, losses and data sets that take a name


def code(notebook: Path, values: Any, *, costly: bool = False) -> list[str]:
    """Files of the package that a stage depends on, relative to the project: modules, and the papers' data they read.

    values: the stage's parameters, and `names_in_code`. costly: leave out what only draws pages.
    """
    root = project.root()
    named = {path for text in _texts(values) for path in _modules_of(text)}
    modules = closure(notebook, *sorted(root / path for path in named), discover=False, stop={_LOSSES}, root=root)
    kept = {path for path in modules if path not in NO_DEPENDENCY and not path.endswith("__init__.py")}
    kept |= named & {_LOSSES}
    if costly:
        kept = {path for path in kept if not path.startswith(_PAGES)}
    folders = {str(Path(path).parent) for path in kept if path.startswith(_PAPERS)}
    return sorted(kept | {path for path in papers_data() if str(Path(path).parent) in folders})


def names_in_code(notebook: Path) -> list[str]:
    """Names of metrics, losses and data sets that a notebook and its papers' modules have written out in calls.

    Found are texts that are the first argument of `create`, `images` or `load`, as in `metrics.create("ssim")`.
    """
    root = project.root()
    modules = closure(notebook, discover=False, stop={_LOSSES}, root=root)
    files = [notebook, *(root / path for path in modules if path.startswith(_PAPERS))]
    return sorted({name for file in files for name in first_arguments(file, _BY_NAME)})


def papers_data() -> list[str]:
    """Files of the papers' published numbers: paper.toml and tables, relative to the project."""
    root = project.root()
    found = sorted((root / "replication" / "papers").glob("*/*"))
    return [path.relative_to(root).as_posix() for path in found if path.suffix in (".toml", ".csv")]


def pins(values: Any) -> list[str]:
    """The pins of data sets and weights that parameters name, relative to the project.

    The weights are those of the networks and metrics that are named; of networks there are none where the parameters
    ask for random weights.
    """
    texts = list(_texts(values))
    found = {str(path) for text in texts for word in _words(text) if (path := pin.path_of(word))}
    names = {name for text in texts for name in _weights_of(text, random="random" in texts)}
    files = {str(_weights_pin(name)) for name in names if (project.root() / _weights_pin(name)).is_file()}
    return sorted(found) + sorted(files)


def pin_weights(names: Iterable[str]) -> list[str]:
    """Record which files of weights are present, pins/weights/<name>.sha256; returns the names that changed."""
    changed = []
    for name in names:
        path, digest = project.root() / _weights_pin(name), weights.weights_pin(name)
        content = f"{digest}  {name}\n"
        if digest == "absent" or (path.is_file() and path.read_text(encoding="utf-8") == content):
            continue
        atomic_write_text(path, content)
        changed.append(name)
    return changed


def _weights_pin(name: str) -> Path:
    return Path("pins") / "weights" / f"{name}.sha256"


def _weights_of(text: str, *, random: bool) -> Iterator[str]:
    """Names of the weights behind a network or a metric."""
    root = project.root()
    if not random and text in weights_catalogue.names():
        yield text
    if "weights=random" in text or (random and "(" not in text):
        return
    if not any(_uses_networks(root / path) for path in _metric_modules(text)):
        return
    from replication.metrics.names import parse  # seconds to import
    from replication.metrics.weights_read import weights_read

    try:
        name, options = parse(text)
        yield from weights_read(name, **options)
    except ValueError:  # no metric, or not with these options: computing it raises the error
        return


@cache
def _set_modules(name: str) -> tuple[str, ...]:
    try:
        return (sets.module_of(name).as_posix(),)
    except DataError:
        return ()


@cache
def _uses_networks(module: Path) -> bool:
    return "replication/features/backbones.py" in closure(module, discover=False, root=project.root())


def _metric_modules(text: str) -> set[str]:
    metrics = _metrics(project.root())
    return {path for word in _words(text)[:1] for pattern, path in metrics if pattern.fullmatch(word)}


def _texts(value: Any) -> Iterator[str]:
    """Every text in nested lists and mappings, keys included, with alternatives in braces written out."""
    if isinstance(value, str):
        yield from alternatives(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _words(text: str) -> list[str]:
    """The names in a text such as "lpips-vgg+smic(backbone=squeezenet1_1, taps=[fire3])"."""
    return re.findall(r"[\w.+-]+", text)


def _modules_of(text: str) -> Iterator[str]:
    """Modules of the metrics, losses and data sets that a text names."""
    losses = _losses(project.root())
    yield from _metric_modules(text)
    for word in _words(text):
        yield from losses.get(word, ())
        yield from _set_modules(word)


@cache
def _metrics(root: Path) -> list[tuple[re.Pattern[str], str]]:
    """Name, as a pattern, and module of every metric: the first argument of `metric`, `register` and `registered`.

    A composed name, f"lpips-{network}", matches all names that it can give.
    """
    found = []
    for path in sorted((root / "replication" / "metrics").glob("*.py")):
        source = path.read_text(encoding="utf-8")
        if path.name == "registry.py" or not re.search(r"\b(metric|register|registered)\(", source):
            continue
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in ("metric", "register", "registered") and (pattern := _pattern(node.args[0])):
                found.append((re.compile(pattern), path.relative_to(root).as_posix()))
    return found


def _pattern(name: ast.expr) -> str:
    match name:
        case ast.Constant(value=str(text)):
            return re.escape(text)
        case ast.JoinedStr(values=parts):
            return "".join(_pattern(part) if isinstance(part, ast.Constant) else ".+" for part in parts)
    return ""


@cache
def _losses(root: Path) -> dict[str, tuple[str, ...]]:
    """Modules behind every entry of the table of losses; the table itself where an entry does more than name them."""
    tree = ast.parse((root / _LOSSES).read_text(encoding="utf-8"))
    origin = {
        alias.asname or alias.name: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("replication.")
        for alias in node.names
    }
    found: dict[str, tuple[str, ...]] = {}
    for table in (node for node in ast.walk(tree) if isinstance(node, ast.Dict)):
        for key, value in zip(table.keys, table.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(value, ast.Call):
                names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
                own = {f"{origin[name].replace('.', '/')}.py" for name in names if name in origin}
                plain = all(isinstance(each, ast.Constant | ast.Name | ast.Attribute) for each in value.args)
                found[str(key.value)] = tuple(sorted(own if plain and not value.keywords else {*own, _LOSSES}))
    return found
