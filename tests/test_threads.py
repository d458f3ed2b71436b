"""Threads that share an engine get the answers that one thread gets."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from kgreason import KnowledgeGraph
from tests.scripts import script

STRESS = script("thread_stress")
ENTITIES, RELATIONS = 40, 4


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    found: KnowledgeGraph = STRESS.make_graph(Random(1), ENTITIES, RELATIONS)
    return found


@pytest.fixture(scope="module")
def models(graph: KnowledgeGraph, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    folder: Path = tmp_path_factory.mktemp("models")
    found: dict[str, list[str]] = STRESS.make_models(graph, folder)
    return found


@pytest.mark.parametrize("name", ["facts", "complex", "epignn", "rules", "mixture"])
def test_eight_threads_on_shared_engines(
    graph: KnowledgeGraph, models: dict[str, list[str]], name: str
) -> None:
    questions = STRESS.make_questions(Random(name), 12, ENTITIES, RELATIONS)
    compared, differing, failed = STRESS.stress(graph, models[name], questions, threads=8)
    assert compared >= 8 * len(questions)
    assert (differing, failed) == (0, 0)
