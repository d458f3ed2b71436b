"""`kgreason bench run`: rank the hard answers of question sets with a method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgreason.choose import require
from kgreason.cli.bench.figures import FigureFormat, require_format
from kgreason.cli.bench.suites import Limit, SuiteGraph, Types, read_suites, suite_graph
from kgreason.cli.common.options import (
    METHOD_NAMES,
    USUAL_MEMORY,
    Device,
    Dtype,
    MaxMemory,
    RowCache,
    names,
    offer,
)
from kgreason.cli.common.precision import settled_dtype
from kgreason.cli.common.terminal import Terminal
from kgreason.errors import UsageError
from kgreason.files.cache import find_model_file
from kgreason.settings import FACTS, SEMANTICS, USUAL, Settings

if TYPE_CHECKING:
    from kgreason.bench.runs.run import Progress
    from kgreason.bench.runs.settings import RunSettings
    from kgreason.knowledge import KnowledgeGraph
    from kgreason.methods.methods import Method

_OVER = "Instead of the method's own"
_MACHINE = "Machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSetOptions:
    """Which questions, against which facts."""

    graph: SuiteGraph = None
    types: Types = None
    limit: Limit = None
    ties: Annotated[
        str,
        typer.Option(
            "--ties",
            metavar="expected|optimistic|pessimistic",
            help="Where an answer stands among entities of equal truth.",
            autocompletion=offer("expected", "optimistic", "pessimistic"),
        ),
    ] = "expected"
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="TRUTH",
            help="Count precision, recall and calibration of what is at least so true, say 0.5. "
            "Every row is scored.",
        ),
    ] = None
    seed: Annotated[
        int,
        typer.Option("--seed", min=0, help="Of the random non-answers that truths are held to."),
    ] = 0
    observed: Annotated[
        str | None,
        typer.Option(
            "--observed", metavar="SPLIT,…", help="Splits whose facts are known, or `all`; train."
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodOptions:
    """Which method, and what is changed of it."""

    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="A checkpoint, rules (.txt) or a mixture (.json).",
        ),
    ] = None
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="NAME",
            help=f"{', '.join(METHOD_NAMES)}.",
            autocompletion=offer(*METHOD_NAMES),
        ),
    ] = "exact"
    logic: Annotated[
        str | None, typer.Option("--logic", metavar="LOGIC", rich_help_panel=_OVER)
    ] = None
    semantics: Annotated[
        str | None, typer.Option("--semantics", metavar="text|dnf", rich_help_panel=_OVER)
    ] = None
    calibration: Annotated[
        str | None,
        typer.Option("--calibration", metavar="NAME:KEY=VALUE,…", rich_help_panel=_OVER),
    ] = None
    observed_truth: Annotated[
        str | None,
        typer.Option("--observed-truth", metavar="TRUTH|none", rich_help_panel=_OVER),
    ] = None
    frontier: Annotated[
        str | None,
        typer.Option(
            "--frontier",
            metavar="COUNT|all",
            help="Candidates that an ∃ keeps.",
            rich_help_panel=_OVER,
        ),
    ] = None

    def model_path(self) -> Path | None:
        """The file of the one model; a run is repeated, so a mixture's weights are in a file."""
        models = self.model or ["facts"]
        if len(models) > 1:
            raise UsageError(
                f"{len(models)} models for one run",
                remedy="keep their mixture in a file first: kgreason model mix … -o mix.json",
            )
        return None if models[0] == "facts" else Path(find_model_file(models[0]))

    def chosen(self) -> Method:
        """The method with these changes."""
        from kgreason.methods.methods import READS, resolve_method

        method = resolve_method(self.method)
        changes: dict[str, Any] = {}
        if self.logic is not None:
            changes["logic"] = self.logic
        if self.semantics is not None:
            require("semantics", self.semantics, SEMANTICS)
            changes["semantics"] = self.semantics
        if self.calibration is not None:
            changes["calibration"] = self.calibration
        if self.observed_truth is not None:
            checked = Settings.of(observed_truth=self.observed_truth)
            changes["observed_truth"] = checked.observed_truth
        if self.frontier is not None:
            changes["frontier"] = _count(self.frontier)
        if unread := [name for name in changes if name not in READS[method.executor]]:
            raise UsageError(
                f"the method {method.name} has no {unread[0].replace('_', ' ')} to change",
                remedy=f"leave out --{unread[0].replace('_', '-')}",
            )
        if "calibration" in changes:
            changes["specials"] = ()
        return replace(method, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineOptions:
    """Where it is computed."""

    batch: Annotated[
        int,
        typer.Option(
            "--batch", min=1, help="Questions per batch and write.", rich_help_panel=_MACHINE
        ),
    ] = 64
    device: Device = USUAL.device
    dtype: Dtype = USUAL.dtype
    max_memory: MaxMemory = USUAL_MEMORY
    row_cache: RowCache = None
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            min=0.0,
            max=1.0,
            help="How far a question's mean reciprocal rank may be from the exact one. "
            "Fewer rows are scored for 0.001 than for 0.",
            rich_help_panel=_MACHINE,
        ),
    ] = 0.0


def run(
    terminal: Terminal,
    suites: Annotated[
        list[Path],
        typer.Argument(metavar="SUITE", help="Folders in the BetaE or the EFO1 layout."),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="RUN.jsonl",
            help="Where the results go; an unfinished run there is gone on with.",
        ),
    ],
    questions: QuestionSetOptions,
    method: MethodOptions,
    machine: MachineOptions,
    form: FigureFormat = "table",
) -> None:
    """Rank the hard answers of question sets, and sum up how well that went.

    Every question is written when it is done. Given again, the command goes on where it was ended.
    """
    require_format(form)
    chosen = method.chosen()
    settings = Settings.of(
        observed=questions.observed,
        dtype=settled_dtype(machine.dtype, method.model or [FACTS], machine.device),
        device=machine.device,
        max_memory=machine.max_memory,
        row_cache=machine.row_cache,
    )
    read = read_suites(terminal, suites, questions.graph)
    graphs: dict[Path, KnowledgeGraph] = {}
    for suite in read:
        suite_graph(terminal, suite, graphs)
    with terminal.stage("torch", "starting"):
        from kgreason.bench.runs.run import run as ask
        from kgreason.bench.runs.settings import RunSettings

    asked = RunSettings(
        method=chosen,
        model=method.model_path(),
        machine=settings,
        ties=questions.ties,
        threshold=questions.threshold,
        seed=questions.seed,
        batch=machine.batch,
        tolerance=machine.tolerance,
        note=lambda text: terminal.note(f"note: {text}"),
    )
    types, limit = names(questions.types), questions.limit
    _ask(terminal, ask, (read, graphs, asked, output), types, limit, form)


def _ask(
    terminal: Terminal,
    ask: Callable[..., Any],
    arguments: tuple[Any, dict[Path, KnowledgeGraph], RunSettings, Path],
    types: tuple[str, ...] | None,
    limit: int | None,
    form: str,
) -> None:
    from kgreason.bench.runs.summary import summarize
    from kgreason.bench.tables import render

    name = arguments[2].method.name
    try:
        with terminal.bar(name, 1) as show:
            found = ask(*arguments, types=types, limit=limit, progress=_progress(name, show))
    except KeyboardInterrupt:
        terminal.note("give the same command again to go on")
        raise
    terminal.data(render(summarize(found), form))


def _progress(name: str, show: Callable[..., None]) -> Progress:
    return lambda done, total, mrr: show(done, f"{name}, MRR {100 * mrr:.1f} so far", total)


def _count(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"{text!r} is no number of candidates", remedy="give 1 or more, or all")
    return int(text)
