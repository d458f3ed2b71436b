"""Who may import whom, where torch may appear, how large things may get: from the sources."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import kgreason

ROOT = Path(kgreason.__file__).parent

SHELVES = {
    *("checks", "choose", "errors", "files", "formula", "truth", "settings", "knowledge"),
    "predictors.protocol",
}
SEES: dict[str, set[str]] = {
    # The shelves never look into a room.
    "errors": set(),
    "files": set(),
    "ragged": set(),
    "checks": {"errors"},
    "choose": {"checks", "errors"},
    "data": {"choose", "errors", "files"},
    "calculi": {"choose", "errors", "ragged"},
    "formula": {"errors"},
    "truth": {"choose", "errors", "ragged"},
    "knowledge": {"checks", "choose", "errors", "files", "ragged"},
    "settings": {"checks", "choose", "errors", "knowledge", "truth"},
    "rules": {"choose", "calculi", "errors", "knowledge", "ragged"},
    "metrics": {"choose", "errors", "knowledge", "ragged", "truth"},
    "predictors": {"errors", "files", "knowledge", "rules", "truth"}
    | {"choose", "metrics", "ragged", "settings"},
    "training": {"choose", "errors", "knowledge", "metrics", "predictors", "ragged", "truth"},
    # The rooms, in order: each sees shelves and what came before it, never its successor.
    "syntax": {"choose", "errors", "formula"},
    "binding": {"errors", "formula", "knowledge"},
    "normal": {"errors", "formula", "settings", "truth"},
    "planning": SHELVES | {"normal"},
    "compute": {"errors", "formula", "normal", "planning"},
    "execution": {"errors", "truth", "predictors.protocol", "compute"},
    "answers": {"choose", "errors", "formula", "truth", "normal", "execution"},
    # The corridor, in ids; what it tells; the corridor, in names.
    "reasoner": SHELVES | {"normal", "planning", "compute", "execution", "answers"},
    "explanation": SHELVES | {"normal", "planning", "compute", "answers"},
    "relating": SHELVES | {"normal", "answers", "reasoner", "explanation"},
    "arguments": SHELVES | {"execution"},
    "engine": SHELVES
    | {"arguments", "predictors", "syntax", "binding", "normal", "planning", "execution", "answers"}
    | {"reasoner", "explanation", "relating"},
}
"""Parts of the package that each part may import, at any place. Parts not listed are the rim
(`bench`, `cli`, `server` and the package itself): nothing listed may import them."""

TORCH = {"predictors", "execution", "answers", "training", "reasoner", "engine", "methods", "bench"}
TORCH |= {"metrics", "arguments"}
TORCH_MODULES = {"truth.vector", "truth.rows", "truth.ragged", "truth.operations", "truth.owners"}
WITHOUT_TORCH = (
    *("errors", "files", "checks", "choose", "ragged", "formula", "truth", "settings", "knowledge"),
    *("syntax", "binding", "normal", "planning", "compute"),
)

LONGEST_FUNCTION = 60
LONGEST_MODULE = 350
MOST_MODULES = 15
ALLOWED: dict[str, str] = {}
"""Modules or `module.function`s that may be longer, each with the reason."""


@dataclass(frozen=True)
class Import:
    """One imported module or name, as a dotted path; `top` when it runs upon import."""

    target: str
    top: bool


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name, the package itself left off."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imports(tree: ast.Module) -> list[Import]:
    """All imports but those for type checking."""
    return list(_imports(tree.body, top=True))


def _imports(body: list[ast.stmt], top: bool) -> Iterator[Import]:
    for node in body:
        match node:
            case ast.Import(names=names):
                yield from (Import(alias.name, top) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                assert level == 0, "imports are absolute"
                yield from (Import(f"{module}.{alias.name}", top) for alias in names)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case _:
                inside = top and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                for part in ("body", "orelse", "finalbody", "handlers", "cases"):
                    below = [
                        statement
                        for one in getattr(node, part, [])
                        for statement in ([one] if isinstance(one, ast.stmt) else one.body)
                    ]
                    yield from _imports(below, inside)


def home(target: str) -> str | None:
    """The module of this package that a dotted path names or lies in."""
    if target.split(".", maxsplit=1)[0] != "kgreason":
        return None
    name = target.removeprefix("kgreason").lstrip(".")
    while name and name not in modules():
        name = name.rpartition(".")[0]
    return name


def part_of(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


LISTED = [name for name in modules() if part_of(name) in SEES]


@pytest.mark.parametrize("module", LISTED)
def test_a_part_imports_only_what_it_may_see(module: str) -> None:
    own = part_of(module)
    for found in imports(modules()[module]):
        target = home(found.target)
        if target is None or part_of(target) == own:
            continue
        seen = part_of(target) in SEES[own] or target in SEES[own]
        assert seen, f"kgreason.{module} imports kgreason.{target}, which {own} may not see"


def test_the_table_of_parts_has_no_cycle() -> None:
    order = list(SEES)
    for part, seen in SEES.items():
        for other in seen:
            assert order.index(part_of(other)) < order.index(part), f"{part} sees {other}"
    assert {part_of(name) for name in LISTED} == set(SEES)


def test_no_import_cycles() -> None:
    """Tarjan's strongly connected components over the imports that run upon import."""
    edges = {
        name: {
            target
            for found in imports(tree)
            if found.top and (target := home(found.target)) is not None and target != name
        }
        for name, tree in modules().items()
    }
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    cycles: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in edges[name]:
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            at = stack.index(name)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                cycles.append(group)

    for name in edges:
        if name not in index:
            visit(name)
    assert cycles == []


@pytest.mark.parametrize("module", modules())
def test_torch_is_imported_only_where_tensors_live(module: str) -> None:
    if part_of(module) in TORCH or module in TORCH_MODULES:
        return
    top = [found.target for found in imports(modules()[module]) if found.top]
    assert not [target for target in top if part_of(target) == "torch"]


def test_planning_a_question_needs_no_torch() -> None:
    lines = [f"import kgreason.{name}" for name in WITHOUT_TORCH]
    lines += [
        "import sys",
        "from kgreason.syntax import parse",
        "parse('?y : r(a, y)')",
        "print('torch' in sys.modules)",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_sizes_stay_small() -> None:
    """Sizes are a smell: something this long does a second thing, or has a reason in ALLOWED."""
    found = {}
    for name, tree in modules().items():
        lines = max((node.end_lineno or 0 for node in tree.body), default=0)
        found[name] = (lines, LONGEST_MODULE)
        for function in functions(tree):
            length = (function.end_lineno or 0) - function.lineno + 1
            found[f"{name}.{function.name}"] = (length, LONGEST_FUNCTION)
    long = {name: lines for name, (lines, most) in found.items() if lines > most}
    assert not set(long) - set(ALLOWED), long
    assert not set(ALLOWED) - set(long), "no longer needed"


def test_no_package_is_a_pile() -> None:
    """A package with more modules than this holds a second idea: give that a folder."""
    counts = Counter(name.rpartition(".")[0] for name in modules() if name)
    large = {
        package: count for package, count in counts.items() if package and count > MOST_MODULES
    }
    assert large == {}


@pytest.mark.parametrize("module", modules())
def test_every_module_says_what_it_is(module: str) -> None:
    tree = modules()[module]
    assert ast.get_docstring(tree), f"kgreason.{module} has no docstring"


@pytest.mark.parametrize("module", modules())
def test_nothing_is_left_undone(module: str) -> None:
    tree = modules()[module]
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert "NotImplementedError" not in names
    path = ROOT.joinpath(*module.split("."))
    source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text("utf-8")
    assert not [mark for mark in ("TODO", "FIXME") if mark in source]


def test_only_one_thing_is_called_graph_alone() -> None:
    """`KnowledgeGraph`, `QueryGraph` and `ComputationGraph`; no class is a bare `Graph`."""
    classes = {
        node.name
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    assert {"KnowledgeGraph", "QueryGraph", "ComputationGraph"} <= classes
    assert "Graph" not in classes
