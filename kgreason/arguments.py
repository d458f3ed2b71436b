"""What a program may hand to an engine, checked at the door: one clear error for each mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kgreason.checks import check_count, check_path, check_text, shown
from kgreason.errors import UsageError
from kgreason.execution import Budget
from kgreason.files.cache import model_at_hand
from kgreason.formula import Query
from kgreason.knowledge import KnowledgeGraph
from kgreason.settings import AUTO, FACTS, USUAL, Settings

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


def check_prepare(question: object, values: object) -> None:
    """UsageError for the first argument of `Engine.prepare` that is of a wrong type."""
    check_question(question)
    check_values(values)


def check_relations(head: object, tail: object, *, limit: object, paths: object) -> None:
    """UsageError for the first argument of `Engine.relations` of a wrong type or range."""
    for name in (head, tail):
        check_text(name, "the name of an entity")
    check_count(limit, "limit", none=True)
    check_count(paths, "paths")


def sources(graph: Source) -> tuple[str, ...] | KnowledgeGraph:
    """The graph, or the texts of its sources. UsageError for anything else."""
    if isinstance(graph, KnowledgeGraph):
        return graph
    remedy = "give a KnowledgeGraph, a path, or a list of paths"
    return _paths(graph, "the knowledge graph", remedy)


def settings(given: object) -> Settings:
    """The settings, the usual ones for None. UsageError for anything else."""
    if given is not None and not isinstance(given, Settings):
        raise UsageError(f"settings is {shown(given)}", remedy="give Settings, or each by name")
    return given or USUAL


def models(predictor: object, graph: object) -> tuple[str, ...]:
    """The texts of one or several models; of `auto` what is at hand for the graph, or facts.

    UsageError for what is neither a path nor paths.
    """
    remedy = f"give {FACTS!r}, {AUTO!r}, the path of a model, a list of paths, or a LinkPredictor"
    found = _paths(predictor, "the predictor", remedy)
    if found != (AUTO,):
        return found
    return (model_at_hand(graph if isinstance(graph, tuple) else ()) or FACTS,)


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


def _paths(given: object, what: str, remedy: str) -> tuple[str, ...]:
    several = given if isinstance(given, list | tuple) else (given,)
    if not several:
        raise UsageError(f"{what} is an empty list", remedy=remedy)
    return tuple(check_path(one, what, remedy) for one in several)


def _kind(given: object) -> str:
    return type(given).__name__
