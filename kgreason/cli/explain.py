"""`kgreason explain`: what a question was understood as, how it is computed, what that took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kgreason.cli.answers import answer_lines
from kgreason.cli.command import command
from kgreason.cli.corridor import FACTS, load_graph, make_engine, outline
from kgreason.cli.options import GraphOptions, QuestionOptions, ReasoningOptions
from kgreason.cli.terminal import Terminal

if TYPE_CHECKING:
    from kgreason.explanation import Explanation
    from kgreason.knowledge import KnowledgeGraph


def explain(
    terminal: Terminal,
    graph: GraphOptions,
    question: QuestionOptions,
    reasoning: ReasoningOptions,
    plan: Annotated[bool, typer.Option("--plan", help="Stop before anything is computed.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Answers to explain.")] = 3,
) -> None:
    """Show how a question is read, rewritten, planned, computed and answered."""
    text = question.text(graph.graph)
    loaded = load_graph(terminal, graph)
    if plan:
        terminal.print(str(planned(terminal, loaded, text, question.language, reasoning)))
        return
    engine = make_engine(terminal, loaded, reasoning)
    explanation = engine.explain(text, run=False, language=question.language)
    terminal.print(str(explanation))
    engine.check_price(explanation.plan)
    with terminal.stage("answers", "answering"):
        answers = engine.ask(explanation.query, limit=limit)
    terminal.print(f"\nwork\n  {answers.work}")
    terminal.print(f"\nanswers ({len(answers):,} of {answers.total:,})")
    offset = explanation.query.modifiers.offset
    for line in answer_lines(answers, loaded.vocabulary.prefixes, offset):
        line.pad_left(2)
        terminal.print(line)


def planned(
    terminal: Terminal, graph: KnowledgeGraph, text: str, language: str, options: ReasoningOptions
) -> Explanation:
    """Everything up to the plan; a model is loaded only to learn what its rows cost."""
    if options.model == FACTS:
        return outline(graph, text, language, options)
    engine = make_engine(terminal, graph, options)
    return engine.explain(text, run=False, language=language)


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "explain", explain)
