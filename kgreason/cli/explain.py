"""`kgreason explain`: what a question was understood as, how it is computed, what that took."""

from __future__ import annotations

from typing import Annotated

import typer

from kgreason.cli.answers import answer_lines
from kgreason.cli.command import command
from kgreason.cli.corridor import keep_rows, load_graph, make_engine, outline, understand
from kgreason.cli.options import GraphOptions, QuestionOptions, ReadingOptions, ReasoningOptions
from kgreason.cli.terminal import Terminal


def explain(
    terminal: Terminal,
    graph: GraphOptions,
    reading: ReadingOptions,
    question: QuestionOptions,
    reasoning: ReasoningOptions,
    plan: Annotated[bool, typer.Option("--plan", help="Stop before anything is computed.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Answers to explain.")] = 3,
) -> None:
    """Show how a question is read, rewritten, planned, computed and answered."""
    text = question.text(graph.graph)
    loaded = load_graph(terminal, graph.graph, reading)
    bound = understand(loaded, text, question.language)
    if plan:
        terminal.print(str(outline(terminal, loaded, bound, reasoning)))
        return
    engine = make_engine(terminal, loaded, reasoning)
    explanation = engine.explain(bound, run=False)
    terminal.print(str(explanation))
    with terminal.stage("answers", "answering"):
        answers = engine.ask(bound, limit=limit)
    terminal.print(f"\nwork\n  {answers.work}")
    terminal.print(f"\nanswers ({len(answers):,} of {answers.total:,})")
    offset = bound.modifiers.offset
    for line in answer_lines(answers, loaded.vocabulary.prefixes, offset):
        line.pad_left(2)
        terminal.print(line)
    keep_rows(terminal, engine)


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "explain", explain)
