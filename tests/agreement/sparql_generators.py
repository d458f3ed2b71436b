"""Random fact sets and SPARQL texts, and pyoxigraph as the judge of their crisp answers.

Scoping is what makes a random text mean the same to everyone. A filter, a NOT EXISTS or a MINUS
mentions only variables that its own group binds in every solution, or names of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

import numpy as np
import pyoxigraph
from numpy.typing import NDArray

Facts = list[tuple[int, int, int]]  # head, base relation, tail
BASE = "http://x/"
FEATURES = frozenset(
    {"union", "exists", "not_exists", "minus", "values", "filter", "boolean", "path"}
    | {"group", "ask", "prefix"}
)


def random_graph(rng: Random, entity_count: int, relation_count: int, fact_count: int) -> Facts:
    """Distinct facts in which every entity and every relation occurs, so every name is known."""
    entities, relations = range(entity_count), range(relation_count)
    facts = {(e, rng.choice(relations), rng.choice(entities)) for e in entities}
    facts |= {(rng.choice(entities), r, rng.choice(entities)) for r in relations}
    while len(facts) < min(fact_count, entity_count**2 * relation_count):
        facts.add((rng.choice(entities), rng.choice(relations), rng.choice(entities)))
    return sorted(facts)


def facts_table(
    facts: Iterable[tuple[int, int, int]], entity_count: int, relation_count: int
) -> NDArray[np.float64]:
    """Crisp truths (2R, N, N) of a fact set; the two directions agree."""
    table = np.zeros((2 * relation_count, entity_count, entity_count))
    for head, relation, tail in facts:
        table[2 * relation, head, tail] = table[2 * relation + 1, tail, head] = 1.0
    return table


def entity_name(entity: int) -> str:
    return f"<{BASE}e{entity}>"


def relation_name(relation: int) -> str:
    return f"<{BASE}r{relation}>"


def ntriples(facts: Iterable[tuple[int, int, int]]) -> str:
    """The facts as a file; distinct entities and relations keep their numbers in their names."""
    return "".join(
        f"{entity_name(head)} {relation_name(relation)} {entity_name(tail)} .\n"
        for head, relation, tail in facts
    )


def pyoxigraph_answers(
    facts: Iterable[tuple[int, int, int]], text: str, extra: str = ""
) -> set[tuple[str, ...]]:
    """Answer tuples as `<iri>` names in the order of SELECT; ASK gives {()} or nothing.

    `extra` is N-Triples beside the facts.
    """
    store = pyoxigraph.Store()
    store.load((ntriples(facts) + extra).encode(), format=pyoxigraph.RdfFormat.N_TRIPLES)
    result = store.query(text)
    if isinstance(result, pyoxigraph.QueryBoolean):
        return {()} if result else set()
    assert isinstance(result, pyoxigraph.QuerySolutions)
    return {tuple(str(value) for value in solution) for solution in result}


def random_sparql(
    rng: Random,
    entity_count: int,
    relation_count: int,
    features: frozenset[str] = FEATURES,
    *,
    depth: int = 2,
) -> str:
    """SELECT DISTINCT of 1 to 3 variables, or ASK, using some of the `FEATURES` given."""
    writer = _Writer(rng, entity_count, relation_count, features)
    writer.prefixed = "prefix" in features and rng.random() < 0.3
    pool = tuple(f"?v{i}" for i in range(rng.choice((1, 2, 3, 3, 4))))
    where = writer.group(pool, depth)
    prefix = f"PREFIX x: <{BASE}> " if writer.prefixed else ""
    if "ask" in features and rng.random() < 0.15:
        return f"{prefix}ASK {where.text}"
    count = rng.randint(1, min(3, len(where.certain)))
    projected = rng.sample(sorted(where.certain), count)
    return f"{prefix}SELECT DISTINCT {' '.join(projected)} WHERE {where.text}"


@dataclass
class _Group:
    """A group under construction: its elements, and the variables bound in every solution."""

    elements: list[str] = field(default_factory=list)
    certain: set[str] = field(default_factory=set)

    @property
    def text(self) -> str:
        return "{ " + " ".join(self.elements) + " }"


class _Writer:
    def __init__(
        self, rng: Random, entities: int, relations: int, features: frozenset[str]
    ) -> None:
        self.rng = rng
        self.entities = entities
        self.relations = relations
        self.features = features
        self.prefixed = False

    def group(
        self,
        pool: tuple[str, ...],
        depth: int,
        about: str | None = None,
        outer: frozenset[str] = frozenset(),
        known: frozenset[str] = frozenset(),
        minus: bool = True,
    ) -> _Group:
        """A group over the variables of `pool` that binds `about` in every solution.

        `outer` are variables that an EXISTS receives from outside (empty elsewhere); `known` are
        all names in use around the group, which names of an inner group of its own must avoid.
        What MINUS removes from a group that receives variables is disputed: `minus` is false there.
        """
        known |= set(pool)
        group = _Group()
        about = about or self.rng.choice(pool)
        if depth > 0 and "union" in self.features and self.rng.random() < 0.15:
            self.union(group, pool, depth, about, known, minus)
        else:
            self.triple(group, pool, about)
        for _ in range(self.rng.choice((0, 0, 1, 2) if depth < 2 else (0, 1, 1, 2, 3))):
            self.pattern(group, pool, depth, known, minus)
        for _ in range(self.rng.choice((0, 0, 0, 1, 1, 2))):
            condition = self.condition(group, depth, outer, known)
            if condition:
                # A filter looks at its whole group, wherever in the group it is written.
                group.elements.insert(self.rng.randint(0, len(group.elements)), condition)
        return group

    def pattern(
        self,
        group: _Group,
        pool: tuple[str, ...],
        depth: int,
        known: frozenset[str],
        minus: bool,
    ) -> None:
        kinds = ["triple"] * 4 + ["values"]
        if depth > 0:
            kinds += ["union", "union", "group"]
            kinds += ["minus"] if minus else []
        kind = self.rng.choice(kinds)
        if kind not in self.features:
            kind = "triple"
        match kind:
            case "union":
                self.union(group, pool, depth, self.rng.choice(pool), known, minus)
            case "group":
                inner = self.group(pool, depth - 1, known=known, minus=minus)
                group.elements.append(inner.text)
                group.certain |= inner.certain
            case "minus":
                shared = self.rng.choice(sorted(group.certain))
                pool = (*sorted(group.certain), *self.own(known))
                inner = self.group(pool, depth - 1, shared, known=known)
                group.elements.append(f"MINUS {inner.text}")
            case "values":
                self.values(group, pool)
            case _:
                self.triple(group, pool, self.rng.choice(pool))

    def union(
        self,
        group: _Group,
        pool: tuple[str, ...],
        depth: int,
        about: str,
        known: frozenset[str],
        minus: bool,
    ) -> None:
        """Two or three branches, all of which bind `about`."""
        branches = [
            self.group(pool, depth - 1, about, known=known, minus=minus)
            for _ in range(self.rng.choice((2, 2, 3)))
        ]
        group.elements.append(" UNION ".join(branch.text for branch in branches))
        group.certain |= set.intersection(*(branch.certain for branch in branches))

    def condition(
        self, group: _Group, depth: int, outer: frozenset[str], known: frozenset[str]
    ) -> str | None:
        visible = frozenset(group.certain) | outer
        kinds = sorted({"filter", "exists", "not_exists"} & self.features)
        if not kinds or not visible:
            return None
        kind = self.rng.choice(kinds)
        if kind == "filter" or depth == 0:
            return f"FILTER({self.comparison(sorted(visible))})" if "filter" in kinds else None
        own = self.own(known)
        about = self.rng.choice(sorted(visible))
        inner = self.group((*sorted(visible), *own), depth - 1, about, visible, known, minus=False)
        return f"FILTER {'NOT ' if kind == 'not_exists' else ''}EXISTS {inner.text}"

    def own(self, known: frozenset[str]) -> tuple[str, ...]:
        """Up to two names of a group's own; groups side by side draw the same ones."""
        free = [name for name in ("?l0", "?l1", "?l2", "?l3") if name not in known]
        return tuple(self.rng.sample(free, min(self.rng.choice((0, 1, 1, 2)), len(free))))

    def comparison(self, variables: list[str], depth: int = 1) -> str:
        if depth > 0 and "boolean" in self.features and self.rng.random() < 0.25:
            left = self.comparison(variables, depth - 1)
            right = self.comparison(variables, depth - 1)
            return self.rng.choice((f"{left} && {right}", f"{left} || {right}", f"!({left})"))
        variable = self.rng.choice(variables)
        if self.rng.random() < 0.35:
            members = ", ".join(self.entity() for _ in range(self.rng.randint(1, 3)))
            return f"{variable} {self.rng.choice(('IN', 'NOT IN', 'NOT IN'))} ({members})"
        other = self.rng.choice([*variables, self.entity()])
        operator = self.rng.choice(("=", "!=", "!=", "!="))
        left, right = self.rng.sample((variable, other), 2)
        return f"{left} {operator} {right}"

    def triple(self, group: _Group, pool: tuple[str, ...], about: str) -> None:
        """A triple pattern with `about` at one end; its other end is a variable or an entity."""
        others = [name for name in pool if name != about] or [self.entity()]
        draw = self.rng.random()
        other = self.entity() if draw < 0.2 else about if draw < 0.25 else self.rng.choice(others)
        head, tail = self.rng.sample((about, other), 2)
        path = "path" in self.features and self.rng.random() < 0.3
        link = self.path(2) if path else self.relation()
        group.elements.append(f"{head} {link} {tail} .")
        group.certain |= {term for term in (head, tail) if term.startswith("?")}

    def path(self, depth: int) -> str:
        if depth == 0 or self.rng.random() < 0.2:
            return self.relation()
        left, right = self.path(depth - 1), self.path(depth - 1)
        return self.rng.choice(
            (f"(^{left})", f"({left}/{right})", f"({left}|{right})", f"({left}|{right})")
        )

    def values(self, group: _Group, pool: tuple[str, ...]) -> None:
        variables = self.rng.sample(pool, self.rng.randint(1, min(2, len(pool))))
        rows = range(self.rng.randint(2, 6))
        group.certain |= set(variables)
        if len(variables) == 1 and self.rng.random() < 0.7:
            entities = " ".join(self.entity() for _ in rows)
            group.elements.append(f"VALUES {variables[0]} {{ {entities} }}")
            return
        tuples = " ".join("(" + " ".join(self.entity() for _ in variables) + ")" for _ in rows)
        group.elements.append(f"VALUES ({' '.join(variables)}) {{ {tuples} }}")

    def entity(self) -> str:
        entity = self.rng.randrange(self.entities)
        return f"x:e{entity}" if self.prefixed else entity_name(entity)

    def relation(self) -> str:
        relation = self.rng.randrange(self.relations)
        return f"x:r{relation}" if self.prefixed else relation_name(relation)
