"""The normal form of a question: a conjunction whose members are edges, alternatives and groups."""

from __future__ import annotations

from dataclasses import dataclass

from kgreason.formula import Constant, Variable

EQUALS = -1
"""The relation id of identity between terms; a link predictor never sees it."""

Node = Variable | Constant[int]


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

    def __str__(self) -> str:
        return "\n".join(_lines(self, 0))


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


def _lines(graph: QueryGraph, depth: int) -> list[str]:
    pad = "  " * depth
    free = " ".join(f"?{v.name}" for v in graph.free) or "(yes or no)"
    inner = f"  ∃ {' '.join(v.name for v in graph.inner)}" if graph.inner else ""
    lines = [f"{pad}{free}{inner}"]
    for member in graph.members:
        match member:
            case Edge(relation, source, target, negated):
                sign = "¬" if negated else " "
                name = "=" if relation == EQUALS else f"r{relation // 2}" + "⁻¹" * (relation % 2)
                lines.append(f"{pad} {sign}{_node(source)} ──{name}──▶ {_node(target)}")
            case Alternatives(options):
                lines.append(f"{pad}  one of")
                for option in options:
                    lines.extend(_lines(option, depth + 2))
            case NegatedGroup(body):
                lines.append(f"{pad} ¬ group")
                lines.extend(_lines(body, depth + 2))
    return lines


def _node(node: Node) -> str:
    return f"?{node.name}" if isinstance(node, Variable) else f"#{node.name}"
