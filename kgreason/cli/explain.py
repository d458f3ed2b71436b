"""`kgreason explain`: what a question was understood as, how it is computed, what that took."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from kgreason.choose import require
from kgreason.cli.common.answers import answer_lines
from kgreason.cli.common.command import command
from kgreason.cli.common.options import (
    GraphOptions,
    Paths,
    QuestionOptions,
    ReasoningOptions,
    offer,
)
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

if TYPE_CHECKING:
    from kgreason.explanation import Explanation

_FORMATS = ("text", "json")


def explain(
    terminal: Terminal,
    graph: GraphOptions,
    reading: ReadingOptions,
    question: QuestionOptions,
    reasoning: ReasoningOptions,
    plan: Annotated[bool, typer.Option("--plan", help="Stop before anything is computed.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Answers to explain.")] = 3,
    paths: Paths = 3,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="|".join(_FORMATS),
            help="Text, or a document for programs.",
            autocompletion=offer(*_FORMATS),
        ),
    ] = "text",
) -> None:
    """Show how a question is read, rewritten, planned, computed and answered."""
    require("format", form, _FORMATS)
    text = question.text(graph.graph)
    reasoning = choose_models(terminal, graph.graph, reasoning)
    loaded = load_asked(terminal, graph.graph, reading, reasoning)
    bound = understand(loaded, text, question.language)
    if plan:
        explanation = outline(terminal, loaded, bound, reasoning)
        _show(terminal, explanation, form)
        return
    engine = make_engine(terminal, loaded, reasoning, bound)
    explanation = engine.explain(bound, run=False)
    from kgreason.explanation import in_text

    if form == "text":
        # Before the answers: a question that is refused has a plan that says why.
        _show(terminal, explanation, form)
    with terminal.stage("answers", "answering"):
        explanation = engine.explain(bound, limit=limit, paths=paths)
    answers = explanation.answers
    assert answers is not None
    if form == "json":
        terminal.data(_document(explanation))
    else:
        terminal.print("\n" + in_text(explanation.work()))
        terminal.print(f"\nanswers ({len(answers):,} of {answers.total:,})")
        for line in answer_lines(answers, loaded.vocabulary.prefixes, bound.modifiers.offset):
            line.pad_left(2)
            terminal.print(line)
    keep_rows(terminal, engine)


def _show(terminal: Terminal, explanation: Explanation, form: str) -> None:
    if form == "json":
        terminal.data(_document(explanation))
    else:
        terminal.print(str(explanation))


def _document(explanation: Explanation) -> str:
    about: dict[str, object] = {
        title.replace(" ", "_"): text for title, text in explanation.sections()
    }
    if explanation.profile is not None:
        about["steps"] = explanation.profile.to_list()
    if explanation.answers is not None:
        about |= explanation.answers.to_dict()
    return json.dumps(about, ensure_ascii=False, indent=1) + "\n"


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "explain", explain)
