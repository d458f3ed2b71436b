"""`kgreason query`: ranked answers to one question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from kgreason.cli.common.answers import deliver, footer
from kgreason.cli.common.command import command
from kgreason.cli.common.options import (
    OUTPUT,
    GraphOptions,
    Paths,
    QuestionOptions,
    ReasoningOptions,
    ResultsFile,
    ResultsFormat,
)
from kgreason.cli.common.output import TABLE, Target
from kgreason.cli.common.reading import ReadingOptions
from kgreason.cli.common.session import (
    choose_models,
    keep_rows,
    load_asked,
    make_engine,
    outline,
    understand,
)
from kgreason.cli.common.terminal import Terminal
from kgreason.errors import UsageError

if TYPE_CHECKING:
    from kgreason.answers import Answers
    from kgreason.engine import Engine
    from kgreason.formula import Query
    from kgreason.knowledge import KnowledgeGraph

_DEFAULT_LIMIT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """How answers are shown."""

    limit: Annotated[
        str | None,
        typer.Option(
            "--limit",
            metavar="N|all",
            help="At most so many answers; by default the question's own LIMIT, else 10.",
            rich_help_panel=OUTPUT,
        ),
    ] = None
    new: Annotated[
        bool,
        typer.Option(
            "--new",
            help="Leave out the answers that known facts alone give.",
            rich_help_panel=OUTPUT,
        ),
    ] = False
    max_rows: Annotated[
        int | None,
        typer.Option(
            "--max-rows",
            min=0,
            metavar="N",
            help="Stop after so many rows of the model, and say what is proved by then.",
            rich_help_panel=OUTPUT,
        ),
    ] = None
    max_seconds: Annotated[
        float | None,
        typer.Option(
            "--max-seconds",
            min=0.0,
            metavar="S",
            help="Stop after about so long, and say what is proved by then.",
            rich_help_panel=OUTPUT,
        ),
    ] = None
    format: ResultsFormat = None
    output: ResultsFile = None
    no_witness: Annotated[
        bool,
        typer.Option(
            "--no-witness", help="Leave out why each answer holds.", rich_help_panel=OUTPUT
        ),
    ] = False
    paths: Paths = 0
    estimate: Annotated[
        bool,
        typer.Option(
            "--estimate",
            help="Print the expected work and stop.",
            rich_help_panel=OUTPUT,
        ),
    ] = False
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Also show on standard error how the question is computed.",
            rich_help_panel=OUTPUT,
        ),
    ] = False
    time: Annotated[
        bool,
        typer.Option(
            "--time",
            help="Also show on standard error what took how long.",
            rich_help_panel=OUTPUT,
        ),
    ] = False


def query(
    terminal: Terminal,
    graph: GraphOptions,
    reading: ReadingOptions,
    question: QuestionOptions,
    reasoning: ReasoningOptions,
    output: OutputOptions,
) -> None:
    """Answer a question: every entity that makes it true, truest first.

    Example: kgreason query -g facts.tsv -q '?y: exists x. friend(alice, x) & works_at(x, y)'
    """
    target = Target.choose(output.format, output.output, terminal.interactive)
    _check(output)
    text = question.text(graph.graph)
    reasoning = choose_models(terminal, graph.graph, reasoning)
    loaded = load_asked(terminal, graph.graph, reading, reasoning)
    bound = understand(loaded, text, question.language)
    if reasoning.method is not None and not _is_planned(reasoning.method):
        _ranked(terminal, loaded, bound, reasoning, target, output)
        return
    if output.estimate:
        terminal.print(str(outline(terminal, loaded, bound, reasoning).plan.price))
        return
    engine = make_engine(terminal, loaded, reasoning, bound)
    explanation = engine.explain(bound, run=False)
    if output.explain:
        terminal.note(f"{explanation}\n")
    answers = _answers(terminal, engine, bound, target, output)
    deliver(terminal, target, answers, loaded.vocabulary.prefixes, bound.modifiers.offset)
    footer(terminal, engine, answers)
    keep_rows(terminal, engine)
    if output.time:
        spent = ", ".join(f"{name} {took:.3f} s" for name, took in terminal.seconds.items())
        terminal.note(f"time: {spent}")


def parse_limit(text: str) -> int | None:
    """A number of answers, or None for `all`."""
    if text.lower() == "all":
        return None
    if not (text.isascii() and text.isdecimal()):
        raise UsageError(
            f"{text!r} is not a number of answers", remedy="write for example 10, or all"
        )
    return int(text)


def _check(output: OutputOptions) -> None:
    """Tell of a slip before the graph is read."""
    if output.limit is not None:
        parse_limit(output.limit)


def _is_planned(method: str) -> bool:
    from kgreason.methods.methods import resolve_method

    return resolve_method(method).is_planned


def _ranked(
    terminal: Terminal,
    graph: KnowledgeGraph,
    question: Query[int],
    reasoning: ReasoningOptions,
    target: Target,
    output: OutputOptions,
) -> None:
    """Answer by an executor that has no plan, no bounds and no witnesses."""
    for name, given in (
        ("--new", output.new),
        ("--max-rows", output.max_rows is not None),
        ("--max-seconds", output.max_seconds is not None),
        ("--explain", output.explain),
        ("--estimate", output.estimate),
    ):
        if given:
            raise UsageError(
                f"the method {reasoning.method} takes no {name}",
                remedy="leave it out, or use another method",
            )
    from kgreason.methods.asking import method_settings, ranked_answers
    from kgreason.methods.methods import resolve_method

    assert reasoning.method is not None
    method = resolve_method(reasoning.method)
    settings = method_settings(method, reasoning.settings(), graph, question)
    (model,) = reasoning.models
    with terminal.stage("answers", "answering"):
        answers = ranked_answers(method, graph, model, settings, question, _limit(question, output))
    deliver(terminal, target, answers, graph.vocabulary.prefixes, question.modifiers.offset)
    terminal.note(
        f"{len(answers):,} of {answers.total:,} answers | {method.name}: "
        f"{method.messages or method.source} | scores rank the entities, they are no truths"
    )


def _limit(question: Query[int], output: OutputOptions) -> int | None:
    if output.limit is not None:
        return parse_limit(output.limit)
    return None if question.modifiers.limit is not None else _DEFAULT_LIMIT


def _answers(
    terminal: Terminal,
    engine: Engine,
    question: Query[int],
    target: Target,
    output: OutputOptions,
) -> Answers:
    # The other formats have no place for witnesses.
    witness = target.format == TABLE and not output.no_witness
    with terminal.stage("answers", "answering"):
        from kgreason.execution import Budget

        budget = Budget(output.max_rows, output.max_seconds)
        return engine.ask(
            question,
            limit=_limit(question, output),
            new=output.new,
            budget=budget,
            witness=witness,
            paths=output.paths,
        )


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "query", query)
