"""Rules as a predictor: the same truths as questions asked of the engine."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kgreason import Engine, KnowledgeGraph
from kgreason.errors import UsageError
from kgreason.predictors import RulePredictor, load_predictor
from kgreason.rules import RuleSet, parse_rules

FACTS = [
    *(("ann", "bornIn", "rome"), ("bob", "bornIn", "rome"), ("eve", "bornIn", "paris")),
    *(("rome", "cityIn", "italy"), ("paris", "cityIn", "france"), ("ann", "nationality", "italy")),
    *(("bob", "marriedTo", "eve"), ("ann", "marriedTo", "ann"), ("eve", "nationality", "france")),
]
TEXT = """\
bornIn(a,b) & cityIn(b,c) => nationality(a,c)  # support 2 confidence 0.5 pca 0.8
marriedTo(a,b) & nationality(b,c) => nationality(a,c)  # support 1 confidence 0.25 pca 0.5
bornIn(a,b) & bornIn(c,b) => marriedTo(a,c)  # support 0 confidence 0.125 pca 0.25
"""
GRAPH = KnowledgeGraph.from_triples(FACTS)
RULES = parse_rules(TEXT, GRAPH.vocabulary).rules


def truths(
    predictor: RulePredictor, head: str, relation: str, inverse: int = 0
) -> dict[str, float]:
    (entity,) = GRAPH.vocabulary.find_entity(head)
    (base,) = GRAPH.vocabulary.find_relation(relation)
    rows = predictor.rows(torch.tensor([entity]), torch.tensor([2 * base + inverse]))
    listed = zip(rows.entities.tolist(), rows.truths.tolist(), strict=True)
    return {GRAPH.vocabulary.entity(e): truth for e, truth in listed}


def predictor(combine: str = "max", weight: str = "pca", **more: float | None) -> RulePredictor:
    rules = RuleSet(RULES, combine, weight)  # type: ignore[arg-type]
    return RulePredictor(rules, GRAPH.index(), **more)  # type: ignore[arg-type]


def test_rules_conclude_in_both_directions() -> None:
    assert truths(predictor(), "bob", "nationality") == pytest.approx({"italy": 0.8, "france": 0.5})
    back = truths(predictor(), "italy", "nationality", inverse=1)
    assert back == pytest.approx({"bob": 0.8, "ann": 1.0})
    by_confidence = truths(predictor(weight="confidence"), "bob", "nationality")
    assert by_confidence == pytest.approx({"italy": 0.5, "france": 0.25})


def test_rules_that_agree_are_joined_by_the_t_conorm() -> None:
    both = (*RULES, *RULES[:1])
    noisy = RulePredictor(RuleSet(both, "noisy-or", "pca"), GRAPH.index())
    assert truths(noisy, "bob", "nationality")["italy"] == pytest.approx(1 - 0.2 * 0.2)
    assert truths(predictor(), "bob", "nationality")["italy"] == pytest.approx(0.8)


def test_known_facts_are_laid_on_top() -> None:
    assert truths(predictor(), "ann", "nationality") == {"italy": 1.0}
    scored = truths(predictor(observed_truth=None), "ann", "nationality")
    assert scored == pytest.approx({"italy": 0.8})
    assert truths(predictor(), "ann", "marriedTo") == pytest.approx({"ann": 1.0, "bob": 0.25})
    with pytest.raises(UsageError, match="observed truth"):
        predictor(observed_truth=2.0)


def test_bodies_hold_where_the_engine_says_so() -> None:
    """A rule's body is a question; the predictor and the engine find the same entities."""
    engine = Engine(GRAPH)
    questions = [
        "?y : exists x . bornIn({0}, x) & cityIn(x, y) & x != {0} & y != x & y != {0}",
        "?y : exists x . marriedTo({0}, x) & nationality(x, y) & x != {0} & y != x & y != {0}",
        "?y : exists x . bornIn({0}, x) & bornIn(y, x) & x != {0} & y != x & y != {0}",
    ]
    for rule, question in zip(RULES, questions, strict=True):
        alone = RulePredictor(RuleSet((rule,)), GRAPH.index(), observed_truth=None)
        name = GRAPH.vocabulary.relation(rule.head // 2)
        for head in ("ann", "bob", "eve", "rome", "italy"):
            answers = engine.ask(question.format(head), limit=None, witness=False)
            assert set(truths(alone, head, name)) == {answer.labels[0] for answer in answers}


def test_rules_without_figures_are_measured() -> None:
    bare = parse_rules("weight: pca\n" + TEXT.split("  #", maxsplit=1)[0], GRAPH.vocabulary)
    assert truths(RulePredictor(bare, GRAPH.index()), "bob", "nationality") == pytest.approx(
        {"italy": 0.999}
    )


def test_relations_without_rules_have_no_scope(tmp_path: Path) -> None:
    (tmp_path / "rules.txt").write_text(TEXT)
    found = load_predictor(tmp_path / "rules.txt", GRAPH)
    assert isinstance(found, RulePredictor)
    (born,) = GRAPH.vocabulary.find_relation("bornIn")
    (nationality,) = GRAPH.vocabulary.find_relation("nationality")
    scope = found.scope(2 * born)
    assert scope is not None
    assert not bool(scope.any())
    assert found.scope(2 * nationality) is None
    assert "2 of 4 relations have no rule" in found.notes[0]


def test_the_paths_behind_a_conclusion_come_from_the_best_rules_first() -> None:
    names = GRAPH.vocabulary
    (ann, eve, italy, bob) = (names.find_entity(n)[0] for n in ("ann", "eve", "italy", "bob"))
    (rome,) = names.find_entity("rome")
    born, city, nationality, married = (
        2 * names.find_relation(n)[0] for n in ("bornIn", "cityIn", "nationality", "marriedTo")
    )
    one = predictor()
    assert one.paths(bob, nationality, italy, 3) == (((bob, born, rome), (rome, city, italy)),)
    assert one.paths(italy, nationality + 1, bob, 3) == (
        ((italy, city + 1, rome), (rome, born + 1, bob)),
    )
    assert one.paths(ann, married, bob, 3) == (((ann, born, rome), (rome, born + 1, bob)),)
    assert one.paths(eve, nationality, italy, 3) == ()
    assert one.paths(ann, born, rome, 3) == ()
