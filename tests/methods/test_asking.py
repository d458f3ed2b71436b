"""One question by a published method: the settings it stands for, and message passing."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgreason import Engine, KnowledgeGraph
from kgreason.binding import bind
from kgreason.errors import UsageError
from kgreason.formula import Query
from kgreason.methods.asking import method_settings, ranked_answers
from kgreason.methods.methods import METHODS, resolve_method
from kgreason.predictors.checkpoints.format import save_checkpoint
from kgreason.settings import Settings
from kgreason.syntax import parse
from tests.predictors.toy import complex_info, toy_graph, weights


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return toy_graph()


def asked(graph: KnowledgeGraph, text: str) -> Query[int]:
    return bind(parse(text, "efo", {}), graph.vocabulary)


def test_a_method_is_its_settings_and_what_was_chosen_stays(graph: KnowledgeGraph) -> None:
    query = asked(graph, "?y : exists x . knows(p0, x) & knows(x, y)")
    beam = METHODS["cqd-beam"]
    found = method_settings(beam, Settings(), graph, query)
    assert (found.frontier, found.semantics, found.observed_truth) == (8, "dnf", None)
    assert found.calibration == "min-max"
    kept = method_settings(beam, Settings.of(logic="godel", frontier=3), graph, query)
    assert (str(kept.logic), kept.frontier, kept.semantics) == ("godel", 3, "dnf")
    direct = method_settings(METHODS["fit"], Settings(), graph, asked(graph, "?y : knows(p0, y)"))
    assert direct.calibration == "mass:cut=0,epsilon=0.001"


def test_a_setting_that_a_method_does_not_have_is_refused(graph: KnowledgeGraph) -> None:
    with pytest.raises(UsageError, match="nsmp has no setting logic"):
        method_settings(
            METHODS["nsmp"], Settings.of(logic="godel"), graph, asked(graph, "?y : knows(p0, y)")
        )
    with pytest.raises(UsageError, match="no method 'qtoo'"):
        resolve_method("qtoo")


def test_message_passing_ranks_and_tells_what_is_known(
    graph: KnowledgeGraph, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "m", complex_info(graph), weights(graph))
    text = "?y : knows(p0, y)"
    found = ranked_answers(
        METHODS["nsmp"], graph, tmp_path / "m", Settings(), asked(graph, text), 4
    )
    assert len(found) == 4
    truths = [answer.truth for answer in found]
    assert truths == sorted(truths, reverse=True)
    known = {answer.labels for answer in Engine(graph).ask(text, limit=None)}
    assert {answer.labels for answer in found if answer.known} <= known
    assert all((answer.labels in known) == answer.known for answer in found)
