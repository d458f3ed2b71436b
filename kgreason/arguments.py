"""What a program may hand to an engine, checked at the door: one clear error for each mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kgreason.choose import shown
from kgreason.errors import UsageError
from kgreason.execution import Budget
from kgreason.formula import Query
from kgreason.knowledge import KnowledgeGraph
from kgreason.settings import FACTS

Source = str | Path | Sequence[str | Path] | KnowledgeGraph
"""A knowledge graph, or the path or paths that it is loaded from."""


def check_ask(
    asked: Sequence[object], *, limit: object, budget: object, paths: object, values: object
) -> None:
    """UsageError for the first argument of `Engine.ask` that is of a wrong type or range."""
    check_questions(asked)
    check_count(limit, "limit", none=True)
    check_count(paths, "paths")
    check_values(values)
    if budget is not None and not isinstance(budget, Budget):
        raise UsageError(
            f"budget is {shown(budget)}", remedy="give a Budget, or None for no end to the work"
        )


def sources(graph: Source) -> tuple[str, ...] | KnowledgeGraph:
    """The graph, or the texts of its sources. UsageError for anything else."""
    if isinstance(graph, KnowledgeGraph):
        return graph
    remedy = "give a KnowledgeGraph, a path, or a list of paths"
    return _paths(graph, "the knowledge graph", remedy)


def models(predictor: object) -> tuple[str, ...]:
    """The texts of one or several models. UsageError for what is neither a path nor paths."""
    remedy = f"give {FACTS!r}, the path of a model, a list of paths, or a LinkPredictor"
    return _paths(predictor, "the predictor", remedy)


def check_questions(given: object) -> None:
    """UsageError unless this is a sequence of texts and queries."""
    if isinstance(given, str | Query) or not isinstance(given, Sequence):
        raise UsageError(
            f"several questions are given as a list, not as {_kind(given)}",
            remedy="give a list, or ask for one question with ask",
        )
    for one in given:
        check_question(one)


def check_question(given: object) -> None:
    """UsageError for what is neither a text that can be read nor a query."""
    if isinstance(given, str):
        check_text(given, "the question")
    elif not isinstance(given, Query):
        raise UsageError(
            f"a question is a text or a Query, not {_kind(given)}",
            remedy="write for example '?y : treats(aspirin, y)'",
        )


def check_text(given: object, what: str) -> None:
    """UsageError for what is no text, or none that can be written as UTF-8."""
    if not isinstance(given, str):
        raise UsageError(f"{what} is a text, not {_kind(given)}", remedy="give a str")
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{what} has half of a surrogate pair at character {error.start}: it is no Unicode "
            "text",
            remedy="read it as UTF-8, without surrogateescape",
        ) from None


def check_values(given: object) -> None:
    """UsageError unless these are None, or names by the names of slots."""
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise UsageError(
            f"values are a mapping from slots to names, not {_kind(given)}",
            remedy="write for example values={'drug': 'aspirin'} for the slot $drug",
        )
    for slot, name in given.items():
        check_text(slot, "the name of a slot")
        check_text(name, f"the value of ${slot}")


def check_count(given: object, what: str, *, none: bool = False) -> None:
    """UsageError unless this is a whole number from 0 on, or None where that is allowed."""
    if given is None and none:
        return
    if not isinstance(given, int) or isinstance(given, bool) or given < 0:
        raise UsageError(
            f"{what} is {shown(given)}",
            remedy="give a whole number from 0 on" + (", or None for all" if none else ""),
        )


def _paths(given: object, what: str, remedy: str) -> tuple[str, ...]:
    several = given if isinstance(given, list | tuple) else (given,)
    if not several:
        raise UsageError(f"{what} is an empty list", remedy=remedy)
    for one in several:
        if not isinstance(one, str | Path):
            raise UsageError(f"{what} is {shown(one)}", remedy=remedy)
        if "\0" in str(one) or not str(one):
            raise UsageError(f"{what} is {shown(str(one))}, which is no path", remedy=remedy)
    return tuple(str(one) for one in several)


def _kind(given: object) -> str:
    return type(given).__name__
