"""What was understood, planned and done, as text; and the evidence behind an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgreason.compute import ComputationGraph
from kgreason.formula import Constant, Query
from kgreason.knowledge import FactIndex, Vocabulary
from kgreason.normal import (
    EQUALS,
    Alternatives,
    Edge,
    Member,
    Naming,
    NegatedGroup,
    NormalForm,
    QueryGraph,
)
from kgreason.planning import Plan

if TYPE_CHECKING:
    from kgreason.answers import Answers, Evidence, Ground
    from kgreason.reasoner import Reasoner


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every level of one question; `answers` only if it was run. `str` shows all of it."""

    query: Query[int]
    form: NormalForm
    plan: Plan
    computation: ComputationGraph
    naming: Naming
    logic: str
    semantics: str
    predictor: str
    answers: Answers | None

    def sections(self) -> list[tuple[str, str]]:
        """(title, text) of every level, in the order of the corridor."""
        rewrites = "\n".join(
            [f"done: {', '.join(self.form.fired) or 'nothing'}"]
            + [f"refused: {reason}" for reason in self.form.refused]
        )
        found = [
            ("question", self.query.text.strip() if self.query.text else str(self.query.formula)),
            ("semantics", f"{self.semantics}, {self.logic} logic, truths from {self.predictor}"),
            ("rewrites", rewrites),
            ("query graph", self.form.graph.describe(self.naming)),
            ("plan", self.plan.describe(self.naming)),
            ("computation", str(self.computation)),
        ]
        if self.answers is not None and self.answers.work is not None:
            found.append(("work", str(self.answers.work)))
        return found

    def __str__(self) -> str:
        return "\n\n".join(
            f"{title}\n" + "\n".join(f"  {line}" for line in text.splitlines())
            for title, text in self.sections()
        )


def naming(vocabulary: Vocabulary) -> Naming:
    """Ids spelled with the graph's labels."""
    return Naming(vocabulary.display, vocabulary.display_relation)


def evidence(one: Ground, facts: FactIndex, known: Reasoner, spell: Naming) -> tuple[Evidence, ...]:
    """The atoms and negated groups of a witness, each a fact, predicted or absent."""
    # Answers need torch, which showing a plan does not.
    from kgreason.answers import Evidence

    found = []
    for member, truth in one.members:
        if isinstance(member, Edge) and member.relation == EQUALS:
            # The assignment shows who is who; an equality adds nothing to it.
            continue
        text = _spell(member, spell)
        if isinstance(member, Edge):
            found.append(Evidence(text, truth, _is_fact(member, facts), member.negated))
        else:
            (absent,) = known.scalars([QueryGraph((), (), (member,))])
            found.append(Evidence(text, truth, absent == 0, True))
    return tuple(found)


def _is_fact(edge: Edge, facts: FactIndex) -> bool:
    assert isinstance(edge.source, Constant)
    assert isinstance(edge.target, Constant)
    source, target = edge.source.name, edge.target.name
    return bool(facts.contains([source], [edge.relation], [target])[0])


def _spell(member: Member, spell: Naming) -> str:
    match member:
        case Edge():
            return _link(member, spell)
        case NegatedGroup(body):
            return f"¬{_block(body, spell)}"
        case Alternatives(options):
            return "(" + " ∨ ".join(_block(option, spell) for option in options) + ")"


def _block(graph: QueryGraph, spell: Naming) -> str:
    inner = ", ".join(f"?{v.name}" for v in graph.inner)
    parts = " ∧ ".join(_spell(part, spell) for part in graph.members)
    if inner:
        return f"∃{inner} ({parts})"
    return parts if len(graph.members) == 1 else f"({parts})"


def _link(edge: Edge, spell: Naming) -> str:
    sign = "¬" if edge.negated else ""
    source, target = spell.node(edge.source), spell.node(edge.target)
    if edge.relation == EQUALS:
        return f"{source} {'≠' if edge.negated else '='} {target}"
    if edge.relation % 2:
        # Read from its tail, but written the way the graph states it.
        source, target = target, source
    return f"{sign}{spell.relation(edge.relation & ~1)}({source}, {target})"
