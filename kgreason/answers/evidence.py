"""The evidence behind an answer: which atoms of its witness are facts, and which are predicted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kgreason.answers.answer import Evidence, Witness
from kgreason.answers.oracle import MarginalOracle
from kgreason.answers.witness import Either, Ground, Leaf
from kgreason.execution import lock_of
from kgreason.explanation import naming
from kgreason.formula import Constant
from kgreason.knowledge import FactIndex, Vocabulary
from kgreason.normal import EQUALS, Alternatives, Edge, Member, Naming, NegatedGroup, QueryGraph
from kgreason.predictors.protocol import Link, LinkPredictor


@dataclass(frozen=True, slots=True)
class EvidenceBuilder:
    """Tells where the parts of a witness come from.

    known: answers from the observed facts alone. paths: how many to show for a predicted link.
    """

    facts: FactIndex
    known: MarginalOracle
    predictor: LinkPredictor
    vocabulary: Vocabulary
    paths: int = 0

    def witness(self, one: Ground) -> Witness:
        """An assignment with its evidence."""
        # The assignment shows who is who; an equality adds nothing to it.
        return self._witness(one, equalities=False)

    def _witness(self, one: Ground, equalities: bool) -> Witness:
        spell = self.vocabulary
        assigned = {variable.name: entity for variable, entity in one.assignment.items()}
        return Witness(
            {name: spell.entity(entity) for name, entity in assigned.items()},
            {name: spell.display(entity) for name, entity in assigned.items()},
            tuple(self._evidence(one, equalities)),
            one.truth,
        )

    def _evidence(self, one: Ground, equalities: bool) -> Iterator[Evidence]:
        """Evidence of each part; a single alternative is told as if it stood there alone."""
        for part in one.parts:
            if isinstance(part, Leaf):
                if equalities or not _is_equality(part.member):
                    yield self.evidence(part.member, part.truth)
            elif len(part.options) == 1:
                yield from self._evidence(part.options[0], equalities=True)
            else:
                yield self._together(part)

    def _together(self, either: Either) -> Evidence:
        options = [self._witness(one, equalities=True) for one in either.options]
        texts = [" ∧ ".join(part.text for part in option.evidence) for option in options]
        texts = [
            f"({text})" if len(option.evidence) > 1 else text
            for text, option in zip(texts, options, strict=True)
        ]
        stands = any(
            all(part.fact != part.negated for part in option.evidence) for option in options
        )
        return Evidence(" ∨ ".join(texts), either.truth, stands, alternatives=tuple(options))

    def evidence(self, member: Edge | NegatedGroup, truth: float) -> Evidence:
        """An atom without variables, or a negated group: a fact, predicted or absent."""
        text = _spell(member, naming(self.vocabulary))
        if isinstance(member, NegatedGroup):
            (absent,) = self.known.truths([QueryGraph((), (), (member,))])
            return Evidence(text, truth, absent == 0, True)
        if _is_equality(member):
            return Evidence(text, truth, not member.negated, member.negated)
        link = _ends(member)
        source, relation, target = link
        fact = bool(self.facts.contains([source], [relation], [target])[0])
        predicted = truth > 0 and not fact and not member.negated
        paths = self._paths(link) if predicted and self.paths else ()
        return Evidence(text, truth, fact, member.negated, paths)

    def _paths(self, link: Link) -> tuple[tuple[str, ...], ...]:
        spell = naming(self.vocabulary)
        with lock_of(self.predictor):
            found = self.predictor.paths(*link, self.paths)
        return tuple(
            tuple(_link(Edge(r, Constant(s), Constant(t)), spell) for s, r, t in path)
            for path in found
        )


def _is_equality(member: Member) -> bool:
    return isinstance(member, Edge) and member.relation == EQUALS


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
