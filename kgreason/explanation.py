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
from kgreason.predictors.protocol import Link, LinkPredictor

if TYPE_CHECKING:
    from kgreason.answers import Answers, Evidence, Ground, Witness
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


@dataclass(frozen=True, slots=True)
class Judge:
    """What tells where the parts of a witness come from.

    known: reasons from the observed facts alone. paths: how many to show for a predicted link.
    """

    facts: FactIndex
    known: Reasoner
    predictor: LinkPredictor
    vocabulary: Vocabulary
    paths: int = 0

    def witness(self, one: Ground) -> Witness:
        """An assignment with its evidence."""
        # Answers need torch, which showing a plan does not.
        from kgreason.answers import Witness

        spell = self.vocabulary
        assigned = {variable.name: entity for variable, entity in one.assignment.items()}
        return Witness(
            {name: spell.entity(entity) for name, entity in assigned.items()},
            {name: spell.display(entity) for name, entity in assigned.items()},
            tuple(
                self.evidence(member, truth)
                for member, truth in one.members
                # The assignment shows who is who; an equality adds nothing to it.
                if not (isinstance(member, Edge) and member.relation == EQUALS)
            ),
        )

    def evidence(self, member: Edge | NegatedGroup, truth: float) -> Evidence:
        """An atom without variables, or a negated group: a fact, predicted or absent."""
        from kgreason.answers import Evidence

        text = _spell(member, naming(self.vocabulary))
        if isinstance(member, NegatedGroup):
            (absent,) = self.known.scalars([QueryGraph((), (), (member,))])
            return Evidence(text, truth, absent == 0, True)
        link = _ends(member)
        source, relation, target = link
        fact = bool(self.facts.contains([source], [relation], [target])[0])
        predicted = truth > 0 and not fact and not member.negated
        paths = self._paths(link) if predicted and self.paths else ()
        return Evidence(text, truth, fact, member.negated, paths)

    def _paths(self, link: Link) -> tuple[tuple[str, ...], ...]:
        spell = naming(self.vocabulary)
        return tuple(
            tuple(_link(Edge(r, Constant(s), Constant(t)), spell) for s, r, t in path)
            for path in self.predictor.paths(*link, self.paths)
        )


def _ends(edge: Edge) -> Link:
    assert isinstance(edge.source, Constant)
    assert isinstance(edge.target, Constant)
    return edge.source.name, edge.relation, edge.target.name


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
