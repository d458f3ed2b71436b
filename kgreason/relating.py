"""Which relations hold from one entity to another: a yes/no question each, in one batch."""

from __future__ import annotations

from kgreason.answers import Answer, Answers, Ground, Leaf
from kgreason.explanation import Judge
from kgreason.formula import Constant
from kgreason.normal import Edge, QueryGraph
from kgreason.reasoner import Reasoner


def relations_between(
    reasoner: Reasoner, judge: Judge, head: int, tail: int, limit: int | None
) -> Answers:
    """Answers that name base relations, truest first, ties in the order of the graph's relations.

    limit: at most so many, None for all that have a truth above 0.
    """
    spell = judge.vocabulary
    edges = [
        Edge(2 * relation, Constant(head), Constant(tail))
        for relation in range(spell.relation_count)
    ]
    truths = reasoner.scalars([QueryGraph((), (), (edge,)) for edge in edges])
    order = sorted(range(len(edges)), key=lambda relation: -truths[relation])
    held = [relation for relation in order if truths[relation] > 0]
    return Answers(
        ("relation",),
        tuple(
            _answer(judge, relation, edges[relation], truths[relation]) for relation in held[:limit]
        ),
        total=len(held),
    )


def _answer(judge: Judge, relation: int, edge: Edge, truth: float) -> Answer:
    witness = judge.witness(Ground({}, (Leaf(edge, truth),), truth))
    return Answer(
        (relation,),
        (judge.vocabulary.relation(relation),),
        (judge.vocabulary.display_relation(relation),),
        truth,
        witness.evidence[0].fact,
        witness,
    )
