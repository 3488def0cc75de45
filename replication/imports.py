"""The modules of this package that a piece of code depends on, read from its imports without running it."""

import ast
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

PACKAGE = "replication"

_DISCOVERY = {"import_module", "__import__", "iter_modules", "walk_packages"}


def closure(
    *starts: Path | str, discover: bool = True, stop: Collection[str] = (), root: Path | None = None
) -> set[str]:
    """Files of the package that the starts depend on, as paths with slashes below `root`: "replication/files.py".

    starts: files (.py, or .ipynb for its code cells), or source text. A start that is a file of the package is in the
        result. discover: whether a module that looks for others while it runs (`import_module` of a name that is not
        written out, `pkgutil.iter_modules`) depends on every module of its folder. False leaves these out, for a caller
        that knows which of them are used and names them as starts.
    stop: files that are in the result, but whose own imports are not followed: those that name much of which a caller
        uses little, and names what it uses as starts.
    root: the folder that holds the package; None is this installation's.

    A module depends on all that it imports, in functions too, but not for type checking alone. Packages are not
    followed as a whole: `from replication.metrics import ssim`, and `metrics.ssim` after `from replication import
    metrics`, depend on the module that defines `ssim` and on each package's `__init__.py`, not on what else that
    imports. A package that is used as a value, or imported with `*`, counts as a whole. A module that does not exist is
    left out.
    """
    search = _Search((root or Path(__file__).resolve().parents[1]).resolve(), discover, stop)
    for start in starts:
        search.start(start)
    return search.found


def digest(files: Iterable[str], root: Path | None = None) -> str:
    """SHA-256 over the names and contents of files below `root`, as `closure` gives them."""
    at = root or Path(__file__).resolve().parents[1]
    content = [(name, hashlib.sha256((at / name).read_bytes()).hexdigest()) for name in sorted(set(files))]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def first_arguments(file: Path, functions: Iterable[str]) -> set[str]:
    """Return the texts that a file (.py or .ipynb) passes as first argument to functions of these names."""
    wanted = set(functions)
    calls = (node for node in ast.walk(_parse(_source(file))) if isinstance(node, ast.Call) and node.args)
    named = (call for call in calls if getattr(call.func, "attr", getattr(call.func, "id", "")) in wanted)
    given = (call.args[0] for call in named)
    return {argument.value for argument in given if isinstance(argument, ast.Constant) and type(argument.value) is str}


class _Search:
    """Modules are named with dots; `found` has files. A file may be found without its imports being followed."""

    def __init__(self, root: Path, discover: bool, stop: Collection[str]) -> None:
        self.found: set[str] = set()
        self._root, self._discover, self._stop = root, discover, stop
        self._followed: set[str] = set()
        self._waiting: list[str] = []

    def start(self, start: Path | str) -> None:
        if isinstance(start, Path) and start.suffix == ".py" and (name := self._module_name(start.resolve())):
            self._follow(name)
        else:
            self._read(_source(start) if isinstance(start, Path) else start, "")
        while self._waiting:
            name = self._waiting.pop()
            file = self._file(name)
            assert file is not None
            self._read(file.read_text(encoding="utf-8"), name)

    def _read(self, source: str, module: str) -> None:
        """Find what a source depends on; `module` is its name, "" outside the package."""
        tree = _parse(source)
        packages: dict[str, str] = {}  # local name -> package that it stands for
        for node in _running(source):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.split(".")[0] == PACKAGE:
                        self._import(alias.name)
                        bound = alias.name if alias.asname else PACKAGE
                        if self._is_package(bound):
                            packages[alias.asname or PACKAGE] = bound
            elif isinstance(node, ast.ImportFrom):
                origin = self._origin(node, module)
                if origin.split(".")[0] != PACKAGE:
                    continue
                self._import(origin)
                for alias in node.names if self._is_package(origin) else ():
                    package = self._name(origin, alias.name)
                    if package is not None:
                        packages[alias.asname or alias.name] = package
            elif isinstance(node, ast.Call):
                self._call(node, module)
        for package, attributes in _uses(tree, packages):
            self._chain(package, attributes)

    def _origin(self, node: ast.ImportFrom, module: str) -> str:
        if not node.level:
            return node.module or ""
        parents = module.split(".") if self._is_package(module) else module.split(".")[:-1]
        base = parents[: len(parents) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])

    def _import(self, name: str) -> None:
        """`import name`: the packages above as files, and a module with all that it imports."""
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            part = ".".join(parts[:count])
            if self._is_package(part):
                self._add(part)
            elif self._file(part):
                self._follow(part)

    def _name(self, package: str, name: str) -> str | None:
        """`from package import name`; the package that the name stands for, if it is one."""
        if name == "*":
            self._whole(package)
            return None
        self._add(package)
        bound = _bindings(self._text(package))
        if name in bound:
            origin = bound[name]
            if origin is None:  # made in the package's own file
                self._follow(package)
                return None
            module, inner = origin
            module = module or package
            self._import(module)
            if inner is None:
                return module if self._is_package(module) else None
            return self._name(module, inner) if self._is_package(module) and module != package else None
        inside = f"{package}.{name}"
        if self._file(inside):
            self._import(inside)
            return inside if self._is_package(inside) else None
        if not name.startswith("__"):
            self._lazy(package, name)
        return None

    def _lazy(self, package: str, name: str) -> None:
        """A name that the package makes on its first use: by the modules that define it, else by any."""
        defining = [module for module in self._inside(package) if name in _bindings(self._text(module), own=True)]
        for module in defining:
            self._follow(module)
        if not defining and "__getattr__" in _bindings(self._text(package)):
            self._whole(package)

    def _chain(self, package: str, attributes: list[str]) -> None:
        """`package.first.second`, as far as packages go."""
        current: str | None = package
        for attribute in attributes:
            if current is None:
                return
            current = self._name(current, attribute)
        if current is not None:
            self._whole(current)

    def _call(self, node: ast.Call, module: str) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called not in _DISCOVERY:
            return
        first = node.args[0] if node.args else None
        if called in ("import_module", "__import__") and isinstance(first, ast.Constant):
            if str(first.value).split(".")[0] == PACKAGE:
                self._import(str(first.value))
                if self._is_package(str(first.value)):
                    self._whole(str(first.value))
        elif self._discover:
            self._whole(module if self._is_package(module) else module.rpartition(".")[0] or PACKAGE)

    def _whole(self, package: str) -> None:
        self._follow(package)
        for module in self._inside(package):
            self._follow(module)

    def _follow(self, name: str) -> None:
        for count in range(1, name.count(".") + 2):
            self._add(".".join(name.split(".")[:count]))
        file = self._file(name)
        stopped = file is not None and file.relative_to(self._root).as_posix() in self._stop
        if name not in self._followed and not stopped:
            self._followed.add(name)
            self._waiting.append(name)

    def _add(self, name: str) -> None:
        file = self._file(name)
        if file is not None:
            self.found.add(file.relative_to(self._root).as_posix())

    def _inside(self, package: str) -> list[str]:
        """Every module of a package and of the packages in it."""
        folder = self._root.joinpath(*package.split("."))
        names = (self._module_name(path) for path in sorted(folder.rglob("*.py")))
        return [name for name in names if name and name != package]

    def _module_name(self, file: Path) -> str:
        """The dotted name of a file of the package; "" for any other."""
        if not file.is_relative_to(self._root / PACKAGE):
            return ""
        parts = file.relative_to(self._root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def _file(self, name: str) -> Path | None:
        if not name:
            return None
        at = self._root.joinpath(*name.split("."))
        for file in (at / "__init__.py", at.with_name(f"{at.name}.py")):
            if file.is_file():
                return file
        return None

    def _is_package(self, name: str) -> bool:
        file = self._file(name)
        return file is not None and file.name == "__init__.py"

    def _text(self, name: str) -> str:
        file = self._file(name)
        return file.read_text(encoding="utf-8") if file else ""


def _source(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = ("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code")
    lines = "\n".join(cells).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))  # commands of IPython


@lru_cache(maxsize=1024)
def _parse(source: str) -> ast.Module:
    return ast.parse(source)


@lru_cache(maxsize=1024)
def _running(source: str) -> tuple[ast.AST, ...]:
    """Its imports and calls, but those that only a type checker looks at; kept, since every stage asks anew."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [_parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.Call)):
            found.append(node)
        if isinstance(node, ast.If) and ast.unparse(node.test).split(".")[-1] == "TYPE_CHECKING":
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)
    return tuple(found)


def _uses(tree: ast.AST, packages: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """(package, attributes) for each use of a name that stands for a package: ("replication.metrics", ["ssim"])."""
    if not packages:
        return
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        attributes: list[str] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            attributes.insert(0, inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id in packages:
            if isinstance(inner.ctx, ast.Load):
                yield packages[inner.id], attributes
        else:
            waiting += ast.iter_child_nodes(node)


@lru_cache(maxsize=1024)
def _bindings(source: str, *, own: bool = False) -> dict[str, tuple[str, str | None] | None]:
    """Names that a module binds at its top level: None for its own, (module, name) for one that it imports.

    A name of None stands for the module itself, a module of "" for the package that the source is of.
    own: leave out what is imported.
    """
    bound: dict[str, tuple[str, str | None] | None] = {}
    for node in _top_level(_parse(source).body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound[node.name] = None
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
            bound |= dict.fromkeys(names)
        elif isinstance(node, ast.ImportFrom) and not own:
            inside = "." * node.level + (node.module or "")
            for alias in node.names:
                here = inside if inside.strip(".") else ""
                bound[alias.asname or alias.name] = None if node.level else (here, alias.name)
        elif isinstance(node, ast.Import) and not own:
            for alias in node.names:
                if alias.name.split(".")[0] == PACKAGE and alias.asname:
                    bound[alias.asname] = (alias.name, None)
    return bound


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when a module is imported, those in `if`, `try`, `with` and loops among them."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While):
            for field in ("body", "orelse", "finalbody"):
                yield from _top_level(getattr(node, field, []))
            for handler in getattr(node, "handlers", []):
                yield from _top_level(handler.body)
