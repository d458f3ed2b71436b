"""The normal form of a question: a conjunction whose members are edges, alternatives and groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kgreason.formula import Constant, Variable

EQUALS = -1
"""The relation id of identity between terms; a link predictor never sees it."""

Node = Variable | Constant[int]


@dataclass(frozen=True, slots=True)
class Naming:
    """How ids are spelled for people; `base` spells a base relation."""

    entity: Callable[[int], str]
    base: Callable[[int], str]

    def relation(self, relation: int) -> str:
        """A directed relation: its base name, ⁻¹ for the inverse, = for identity."""
        return "=" if relation == EQUALS else self.base(relation // 2) + "⁻¹" * (relation % 2)

    def node(self, node: Node) -> str:
        """A term: ?x or an entity."""
        return f"?{node.name}" if isinstance(node, Variable) else self.entity(node.name)


IDS = Naming(lambda entity: f"#{entity}", lambda relation: f"r{relation}")


@dataclass(frozen=True, slots=True)
class Edge:
    """A signed atom, oriented: its truth is read in the row of `source` under `relation`.

    relation: a directed id (2k as is, 2k + 1 inverse) or EQUALS.
    """

    relation: int
    source: Node
    target: Node
    negated: bool = False

    @property
    def variables(self) -> tuple[Variable, ...]:
        ends = (self.source, self.target)
        return tuple(dict.fromkeys(node for node in ends if isinstance(node, Variable)))


@dataclass(frozen=True, slots=True)
class Alternatives:
    """∨ of query graphs; a single one is a group whose ∃ the logic does not let out."""

    options: tuple[QueryGraph, ...]

    @property
    def variables(self) -> tuple[Variable, ...]:
        return tuple(dict.fromkeys(v for option in self.options for v in option.free))


@dataclass(frozen=True, slots=True)
class NegatedGroup:
    """¬ of a query graph with inner variables of its own (SPARQL's NOT EXISTS, BetaE's pni)."""

    body: QueryGraph

    @property
    def variables(self) -> tuple[Variable, ...]:
        return self.body.free


Member = Edge | Alternatives | NegatedGroup


@dataclass(frozen=True, slots=True)
class QueryGraph:
    """∃ inner. ∧ members, a function of the free variables.

    At the top `free` are the answer variables; in a nested group they are the outer variables that
    the group mentions.
    """

    free: tuple[Variable, ...]
    inner: tuple[Variable, ...]
    members: tuple[Member, ...]

    def describe(self, naming: Naming) -> str:
        """The graph as indented text."""
        return "\n".join(_lines(self, naming, 0))

    def __str__(self) -> str:
        return self.describe(IDS)


def edges(graph: QueryGraph) -> list[Edge]:
    """Every edge, those of nested groups included, in the order of the question."""
    found: list[Edge] = []
    for member in graph.members:
        match member:
            case Edge():
                found.append(member)
            case Alternatives(options):
                found.extend(edge for option in options for edge in edges(option))
            case NegatedGroup(body):
                found.extend(edges(body))
    return found


def _lines(graph: QueryGraph, naming: Naming, depth: int) -> list[str]:
    pad = "  " * depth
    free = " ".join(f"?{v.name}" for v in graph.free) or "(yes or no)"
    inner = f"  ∃ {' '.join(v.name for v in graph.inner)}" if graph.inner else ""
    lines = [f"{pad}{free}{inner}"]
    for member in graph.members:
        match member:
            case Edge(relation, source, target, negated):
                sign = "¬" if negated else " "
                ends = naming.node(source), naming.node(target)
                lines.append(f"{pad} {sign}{ends[0]} ──{naming.relation(relation)}──▶ {ends[1]}")
            case Alternatives(options):
                lines.append(f"{pad}  one of")
                for option in options:
                    lines.extend(_lines(option, naming, depth + 2))
            case NegatedGroup(body):
                lines.append(f"{pad} ¬ group")
                lines.extend(_lines(body, naming, depth + 2))
    return lines
