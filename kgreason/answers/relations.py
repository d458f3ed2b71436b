"""Which relations hold from one entity to another: a yes/no question each, in one batch."""

from __future__ import annotations

from kgreason.answers.answer import Answer, Answers
from kgreason.answers.evidence import EvidenceBuilder
from kgreason.answers.oracle import MarginalOracle
from kgreason.answers.witness import Ground, Leaf
from kgreason.formula import Constant
from kgreason.normal import Edge, QueryGraph


def relations_between(
    oracle: MarginalOracle, builder: EvidenceBuilder, head: int, tail: int, limit: int | None
) -> Answers:
    """Answers that name base relations, truest first, ties in the order of the graph's relations.

    limit: at most so many, None for all that have a truth above 0.
    """
    spell = builder.vocabulary
    edges = [
        Edge(2 * relation, Constant(head), Constant(tail))
        for relation in range(spell.relation_count)
    ]
    truths = oracle.truths([QueryGraph((), (), (edge,)) for edge in edges])
    order = sorted(range(len(edges)), key=lambda relation: -truths[relation])
    held = [relation for relation in order if truths[relation] > 0]
    return Answers(
        ("relation",),
        tuple(
            _answer(builder, relation, edges[relation], truths[relation])
            for relation in held[:limit]
        ),
        total=len(held),
    )


def _answer(builder: EvidenceBuilder, relation: int, edge: Edge, truth: float) -> Answer:
    witness = builder.witness(Ground({}, (Leaf(edge, truth),), truth))
    return Answer(
        (relation,),
        (builder.vocabulary.relation(relation),),
        (builder.vocabulary.display_relation(relation),),
        truth,
        witness.evidence[0].fact,
        witness,
    )
