"""Mining: candidates from the embeddings, figures from the facts, the good ones kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from kgreason.errors import UsageError
from kgreason.knowledge.index import FactIndex
from kgreason.rules.candidates import Candidates, Types, Vectors, check_vectors, find_candidates
from kgreason.rules.measure import BodyFigures, Measurer
from kgreason.rules.rule import Figures, Rule, is_circular

MOST_LENGTH = 3
Progress = Callable[[int, int, str], None]
"""Called with how much is done, of how much, and what is being done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningOptions:
    """length: longest body, 1 to 3. candidates: bodies of each length looked at for each relation.

    support, confidence, pca: the least that a rule must have. per_relation: at most so many rules
    of one relation are kept, by PCA confidence.
    """

    length: int = 3
    candidates: int = 150
    support: int = 5
    confidence: float = 0.001
    pca: float = 0.01
    per_relation: int = 200

    def __post_init__(self) -> None:
        if not 1 <= self.length <= MOST_LENGTH:
            raise UsageError(
                f"rules of length {self.length}", remedy=f"a body has 1 to {MOST_LENGTH} links"
            )
        for name in ("candidates", "support", "per_relation"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", remedy="give 1 or more")
        for name in ("confidence", "pca"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(
                    f"{name} {getattr(self, name):g} is outside [0, 1]", remedy="give a share"
                )


@dataclass(frozen=True, slots=True)
class Mined:
    """The rules, best first; bodies measured; seconds for candidates and for measuring."""

    rules: tuple[Rule, ...]
    bodies: int
    seconds: tuple[float, float]


def mine_rules(
    vectors: Vectors,
    index: FactIndex,
    options: MiningOptions | None = None,
    progress: Progress | None = None,
) -> Mined:
    """Rules about the relations of an index, from its facts and the relation weights of a model.

    vectors: (directed relations, d), each the diagonal of a relation's operator. Deterministic.
    Raises CheckpointError when they are of another graph.
    """
    options = options or MiningOptions()
    check_vectors(vectors, index)
    start = perf_counter()
    types = Types(index)
    lengths = range(1, options.length + 1)
    found = [find_candidates(vectors, types, length, options.candidates) for length in lengths]
    middle = perf_counter()
    wanted = _by_body(found)
    measurer = Measurer(index)
    rules: list[Rule] = []
    for done, (body, heads) in enumerate(wanted.items()):
        figures = measurer.measure(body)
        rules += [rule for head in heads if (rule := _rule(body, head, figures, options))]
        if progress is not None:
            progress(done + 1, len(wanted), f"measuring, {len(rules):,} rules")
    kept = _best(rules, options.per_relation)
    return Mined(kept, len(wanted), (middle - start, perf_counter() - middle))


def mine_exhaustively(
    index: FactIndex, options: MiningOptions, progress: Progress | None = None
) -> Mined:
    """The same without a model: every body that entities could walk is measured."""
    start = perf_counter()
    types = Types(index)
    everybody = {
        min(body, Rule(body, 0).reversed().body)
        for length in range(1, options.length + 1)
        for block in types.bodies(length)
        for body in map(tuple, block.tolist())
    }
    middle = perf_counter()
    measurer = Measurer(index)
    rules: list[Rule] = []
    for done, body in enumerate(sorted(everybody)):
        figures = measurer.measure(body)
        for head in np.flatnonzero(figures.support >= options.support).tolist():
            rule = _rule(body, head, figures, options)
            rules += [rule.forwards()] if rule and not is_circular(body, head) else []
        if progress is not None:
            progress(done + 1, len(everybody), f"measuring, {len(rules):,} rules")
    kept = _best(list(dict.fromkeys(rules)), options.per_relation)
    return Mined(kept, len(everybody), (middle - start, perf_counter() - middle))


def measured(rule: Rule, measurer: Measurer) -> Rule:
    """The rule with its figures on the measurer's facts; all 0 when its body leads nowhere."""
    figures = measurer.measure(rule.body)
    return Rule(rule.body, rule.head, _figures(rule.head, figures))


def _by_body(found: list[Candidates]) -> dict[tuple[int, ...], list[int]]:
    """Heads by body, each body once, whichever way it is read."""
    wanted: dict[tuple[int, ...], list[int]] = {}
    for some in found:
        for body, head in zip(some.bodies.tolist(), some.heads.tolist(), strict=True):
            rule = Rule(tuple(body), head)
            if is_circular(rule.body, head):
                continue
            backwards = rule.reversed()
            one = backwards if backwards.body < rule.body else rule
            wanted.setdefault(one.body, []).append(one.head)
    return wanted


def _rule(
    body: tuple[int, ...], head: int, figures: BodyFigures, options: MiningOptions
) -> Rule | None:
    one = _figures(head, figures)
    good = (
        one.support >= options.support
        and one.confidence >= options.confidence
        and one.pca >= options.pca
    )
    return Rule(body, head, one).forwards() if good else None


def _figures(head: int, figures: BodyFigures) -> Figures:
    support = int(figures.support[head])
    return Figures(
        support,
        support / figures.pairs if figures.pairs else 0.0,
        support / int(figures.known[head]) if figures.known[head] else 0.0,
    )


def _best(rules: list[Rule], per_relation: int) -> tuple[Rule, ...]:
    """Best first by PCA confidence, then support, shorter before longer."""

    def order(rule: Rule) -> tuple[object, ...]:
        assert rule.figures is not None
        return -rule.figures.pca, -rule.figures.support, len(rule.body), rule.head, rule.body

    taken: dict[int, int] = {}
    kept = []
    for rule in sorted(rules, key=order):
        taken[rule.head] = taken.get(rule.head, 0) + 1
        if taken[rule.head] <= per_relation:
            kept.append(rule)
    return tuple(kept)
