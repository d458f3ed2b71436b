"""`kgreason bench sample` and `kgreason bench convert`: suites of questions as files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgreason.cli.common.command import command
from kgreason.cli.common.options import names
from kgreason.cli.common.terminal import Terminal
from kgreason.errors import UsageError

if TYPE_CHECKING:
    from kgreason.bench.sampling.sample import Sampled, Wish
    from kgreason.bench.sampling.types import QuestionType
    from kgreason.bench.suites.questions import Suite
    from kgreason.bench.suites.splits import Splits
    from kgreason.knowledge import KnowledgeGraph

_HELD_OUT = "graph.kg"


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingOptions:
    """What to sample."""

    types: Annotated[
        str, typer.Option("--types", metavar="1p,2p,…|all", help="Types of questions.")
    ] = "all"
    types_file: Annotated[
        Path | None,
        typer.Option(
            "--types-file",
            metavar="FILE",
            help="Types of your own, lines of `name: ?y : exists x . $r1($s1, x) & $r2(x, y)`.",
        ),
    ] = None
    per_type: Annotated[
        int, typer.Option("--per-type", metavar="N", min=1, help="Questions of each type.")
    ] = 100
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same file.")] = 0
    observed: Annotated[
        str | None,
        typer.Option(
            "--observed",
            metavar="SPLIT,…",
            help="Splits whose facts are known; by default all but the last.",
        ),
    ] = None
    splits: Annotated[
        str | None,
        typer.Option(
            "--splits",
            metavar="SPLIT,…",
            help="Splits whose facts are true; all. Without test: questions for validation.",
        ),
    ] = None
    hold_out: Annotated[
        float | None,
        typer.Option(
            "--hold-out",
            metavar="SHARE",
            help="Hold out this share of the facts first; the graph is stored beside the suite.",
        ),
    ] = None
    max_answers: Annotated[
        int, typer.Option("--max-answers", min=1, help="Refuse questions with more answers.")
    ] = 100
    attempts: Annotated[
        int,
        typer.Option("--attempts", min=1, help="Tries per question before a type is given up."),
    ] = 4000
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="The file does not depend on it.")
    ] = 1


def sample(
    terminal: Terminal,
    source: Annotated[
        str, typer.Argument(metavar="GRAPH", help="A graph with splits: a folder, a store, …")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="SUITE", help="suite.parquet, or a folder."),
    ],
    options: SamplingOptions,
) -> None:
    """Sample questions that need missing links, with their exact answers."""
    held = options.hold_out is not None
    table = _target(output, folder=held)
    with terminal.stage("torch", "starting"):
        from kgreason.bench.sampling.sample import Wish
        from kgreason.bench.sampling.sample import sample as run
        from kgreason.bench.sampling.types import chosen_types, read_types
        from kgreason.bench.suites.splits import Splits, hold_out

    types = chosen_types(read_types(options.types_file), names(options.types))
    wish = Wish(options.per_type, options.seed, options.max_answers, options.attempts)
    graph = _load(terminal, source)
    if options.hold_out is not None:
        graph = hold_out(graph, options.hold_out, options.seed)
    splits = Splits.of(graph, names(options.observed), names(options.splits))
    with terminal.bar("sampling", len(types) * wish.per_type) as show:
        progress = _progress(types, wish, show)
        found = run(graph, splits, types, wish, processes=options.processes, progress=progress)
    if held:
        graph.save(table.parent / _HELD_OUT)
    _write(table, found, graph, _HELD_OUT if held else source, splits, _making(types, wish, found))
    _report(terminal, found, wish, table)


def convert(
    terminal: Terminal,
    source: Annotated[
        Path, typer.Argument(metavar="SUITE", help="A folder in the BetaE or the EFO1 layout.")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="SUITE", help="suite.parquet, or a folder."),
    ],
    graph: Annotated[
        Path | None,
        typer.Option(
            "--graph", "-g", metavar="GRAPH", help="The graph, where it is not the suite's own."
        ),
    ] = None,
    missing_links: Annotated[
        bool,
        typer.Option("--missing-links", help="Count the missing links of every hard answer."),
    ] = False,
) -> None:
    """Write a suite of another layout as one Parquet file."""
    table = _target(output)
    with terminal.stage("suite", f"reading {source}"):
        from kgreason.bench.suites.load import read_suite
        from kgreason.bench.suites.questions import require_fit
        from kgreason.bench.suites.splits import Splits

        suite = read_suite(source, graph)
    facts = _load(terminal, str(suite.graph))
    require_fit(suite, facts)
    splits = Splits.of(facts)
    if missing_links:
        suite = _counted(terminal, suite, facts, splits)
    with terminal.stage("write", f"writing {table}"):
        _write(table, suite, facts, str(suite.graph), splits, {"converted": source.name})
    terminal.note(f"{len(suite):,} questions of {len(suite.types)} types in {table}")


def _target(output: Path, *, folder: bool = False) -> Path:
    """The file to write; a path without the suffix is a folder. Made before anything is computed.

    folder: whether only a folder will do.
    """
    is_file = output.suffix == ".parquet" and not output.is_dir()
    if is_file and folder:
        raise UsageError(
            f"{output} is one file, and the held-out facts need a place too",
            remedy="give the name of a folder, without .parquet",
        )
    home = output.parent if is_file else output
    if output.is_file() and not is_file:
        raise UsageError(f"{output} is a file", remedy="end it in .parquet, or name a folder")
    try:
        if is_file and not home.is_dir():
            raise UsageError(f"there is no folder {home}", remedy="make it first")
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot write into {home}: {error.strerror or error}",
            remedy="choose a folder that exists and can be written to",
        ) from error
    return output if is_file else output / "questions.parquet"


def _load(terminal: Terminal, source: str) -> KnowledgeGraph:
    with terminal.stage("graph", f"reading {source}"):
        from kgreason.knowledge import KnowledgeGraph

        return KnowledgeGraph.load(source)


def _progress(
    types: dict[str, QuestionType], wish: Wish, show: Callable[[int, str], None]
) -> Callable[[str, int, int], None]:
    place = {name: i for i, name in enumerate(types)}
    return lambda name, found, _: show(place[name] * wish.per_type + found, f"sampling {name}")


def _making(types: dict[str, QuestionType], wish: Wish, found: Sampled) -> dict[str, Any]:
    """What a suite remembers of how it was sampled."""
    return {
        "seed": wish.seed,
        "per_type": wish.per_type,
        "max_answers": wish.max_answers,
        "attempts": wish.attempts,
        "templates": {name: kind.text for name, kind in types.items()},
        "tries": dict(found.tries),
    }


def _write(
    table: Path,
    found: Sampled | Suite,
    graph: KnowledgeGraph,
    source: str,
    splits: Splits,
    making: dict[str, Any],
) -> None:
    from kgreason.bench.suites.parquet import Origin, write_suite

    write_suite(table, found.questions, graph, Origin.of(graph, source, splits, making))


def _counted(terminal: Terminal, suite: Suite, graph: KnowledgeGraph, splits: Splits) -> Suite:
    from kgreason.bench.sampling.missing import with_missing_links

    with terminal.bar("counting", len(suite)) as show:
        return with_missing_links(
            suite, graph, splits, lambda name, done, _: show(done, f"counting {name}")
        )


def _report(terminal: Terminal, found: Sampled, wish: Wish, table: Path) -> None:
    """How many questions there are; types that could not be filled are said so."""
    short = {name: len(q) for name, q in found.questions.items() if len(q) < wish.per_type}
    for name, count in short.items():
        terminal.note(
            f"{name}: only {count} of {wish.per_type} questions in {found.tries[name]:,} tries"
        )
    total = sum(map(len, found.questions.values()))
    terminal.note(f"{total:,} questions of {len(found.questions)} types in {table}")


def register(app: typer.Typer) -> None:
    """Add the commands to `kgreason bench`."""
    command(app, "sample", sample)
    command(app, "convert", convert)
