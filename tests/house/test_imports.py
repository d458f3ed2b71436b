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

LAYERS: list[tuple[str, ...]] = [
    ("errors", "walks", "interruption"),
    ("checks",),
    ("files", "ragged", "choose"),
    ("formula",),
    ("truth", "knowledge"),
    ("settings",),
    ("calculi",),
    ("rules",),
    ("predictors.protocol",),
    # The rooms of the corridor, in order.
    ("syntax",),
    ("binding",),
    ("normal",),
    ("planning",),
    ("compute",),
    ("explanation",),
    ("execution",),
    ("topk",),
    ("answers",),
    # Doors on the outside.
    ("metrics",),
    ("predictors",),
    ("arguments",),
    ("engine",),
    ("methods", "training", "data"),
    ("bench",),
    ("cli",),
    ("", "__main__"),
]
"""Parts of the package, or single modules of one. Each sees what stands before it and nothing after
it; parts of one line do not see each other. `docs/architecture.md` tells what they are for."""

TORCH = {"execution", "topk", "answers", "predictors", "metrics", "engine"}
TORCH |= {"arguments", "methods", "training", "bench"}
TORCH_MODULES = {"truth.vector", "truth.rows", "truth.ragged", "truth.operations", "truth.segments"}
TORCH_MODULES |= {"truth.checking"}
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


def layer_of(module: str) -> int:
    """The line of `LAYERS` that holds a module, by its longest name there."""
    lines = {part: number for number, layer in enumerate(LAYERS) for part in layer}
    whole = ".".join(module.split(".")[:2])
    return lines[whole] if whole in lines else lines[part_of(module)]


@pytest.mark.parametrize("module", modules())
def test_a_part_imports_only_what_it_may_see(module: str) -> None:
    own = layer_of(module)
    for found in imports(modules()[module]):
        target = home(found.target)
        if not target or (part_of(target) == part_of(module) and layer_of(target) == own):
            continue
        seen = layer_of(target) < own
        assert seen, f"kgreason.{module} imports kgreason.{target}, which it may not see"


def test_no_import_cycles() -> None:
    """Tarjan's strongly connected components over all imports, those inside functions too."""
    edges = {
        name: {
            target for found in imports(tree) if (target := home(found.target)) and target != name
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
