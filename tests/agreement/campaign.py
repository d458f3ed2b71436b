"""Random questions through `Engine.ask` and `ask_many`, every claim judged from outside.

A case is a graph, a predictor, settings and a batch of questions, all drawn from one seed. What the
engine says (answers, truths, order, totals, what is known, what is certain, witnesses) is compared
with the judge's truth of every tuple. `benchmarks/random_questions.py` runs many cases.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgreason.answers import Answer, Answers, Witness
from kgreason.engine import Engine
from kgreason.errors import LimitError
from kgreason.execution import Budget
from kgreason.formula import (
    Atom,
    Constant,
    Equals,
    Exists,
    Formula,
    Modifiers,
    Query,
    Slot,
    Variable,
    rebuild,
    rename_terms,
)
from kgreason.formula import children as parts_of
from kgreason.knowledge import KnowledgeGraph
from kgreason.syntax.printer import to_text
from kgreason.truth import (
    Godel,
    Hamacher,
    Logic,
    Lukasiewicz,
    NoisyOr,
    Product,
    Qto,
    Quantifier,
    Yager,
)
from tests.agreement import judge
from tests.agreement.generators import TABLE_KINDS, Features, random_query, random_table
from tests.agreement.table import BoundedTable, TablePredictor

LOGICS: list[tuple[Logic, judge.JudgeLogic]] = [
    (Godel(), judge.GODEL),
    (Product(), judge.PRODUCT),
    (Product(), judge.PRODUCT),
    (Lukasiewicz(), judge.LUKASIEWICZ),
    (Hamacher(0.0), judge.hamacher(0)),
    (Hamacher(0.3), judge.hamacher(0.3)),
    (Hamacher(1e4), judge.hamacher(1e4)),
    (Yager(0.7), judge.yager(0.7)),
    (Yager(25.0), judge.yager(25)),
    (Qto(3.0), judge.qto(3)),
    (NoisyOr(), judge.NOISY_OR),
]
Table = NDArray[np.float64]


@dataclass(frozen=True)
class Scope:
    """What is asked: questions of how many answer variables under a budget, and with `new`."""

    budgeted: tuple[int, ...] = (0, 1, 2, 3)
    new: tuple[int, ...] = (0, 1, 2, 3)


@dataclass(frozen=True)
class Difference:
    """Something the engine says and the judge does not."""

    case: str
    question: str
    settings: str
    what: str

    def __str__(self) -> str:
        return f"{self.case}: {self.what}\n  {self.question}\n  {self.settings}"


@dataclass(frozen=True)
class Wish:
    """What is asked of one engine, besides the questions."""

    limit: int | None
    new: bool
    budget: Budget | None
    witness: bool


@dataclass(frozen=True)
class Case:
    """An engine with what the judge knows of it."""

    engine: Engine
    table: Table
    facts: Table
    logic: judge.JudgeLogic
    semantics: judge.Semantics
    tolerance: float
    settings: str


def run(seed: object, number: int, scope: Scope, tally: Counter[str]) -> list[Difference]:
    """The differences of one case. tally: counts questions, and how many were of which kind."""
    rng = Random(f"{seed}/{number}")
    case = random_case(rng)
    wish = _wish(rng)
    differences = []
    for question, truth, answers in _asked(case, rng, wish, scope):
        tally.update(["questions", *_kinds(question, answers)])
        settings = f"{case.settings} {wish} {question.modifiers}"
        differences += [
            Difference(f"{seed}/{number}", _named(question, case), settings, what)
            for what in compare(case, wish, question, truth, answers)
        ]
    return differences


def _kinds(question: Query[int], answers: Answers) -> Iterator[str]:
    yield f"of {len(question.free)} answer variables"
    if not answers.certain:
        yield "left open by a budget"
    elif not answers.complete:
        yield "proved before complete"
    if any(one.witness for one in answers):
        yield "with witnesses"


def random_case(rng: Random) -> Case:
    """A graph of up to 7 entities and 3 relations, a predictor over it, and an engine."""
    names = [f"e{i}" for i in range(rng.randint(1, 7))]
    relations = [f"r{i}" for i in range(rng.randint(1, 3))]
    count = rng.randint(1, 3 * len(names))
    graph = KnowledgeGraph.from_triples(
        {(rng.choice(names), rng.choice(relations), rng.choice(names)) for _ in range(count)}
    )
    facts = np.zeros((2 * graph.relation_count, graph.entity_count, graph.entity_count))
    for head, relation, tail in graph.facts().tolist():
        facts[2 * relation, head, tail] = facts[2 * relation + 1, tail, head] = 1.0
    table = facts
    kind = rng.choice(("facts", "rows", "rows", "head bounds", "bounds"))
    predictor: Any = "facts"
    if kind != "facts":
        drawn = random_table(
            rng, graph.entity_count, graph.relation_count, rng.choice(TABLE_KINDS[:2])
        )
        table = np.maximum(drawn, facts)
        predictor = (BoundedTable if kind == "bounds" else TablePredictor)(
            table, head_bounds=kind == "head bounds"
        )
    logic, outside = rng.choice(LOGICS)
    is_noisy = logic.quantifier is Quantifier.NOISY_OR
    semantics: judge.Semantics = "dnf" if rng.random() < 0.3 and not is_noisy else "text"
    memory = rng.choice((1 << 24, 1 << 24, 60_000))
    dtype = "float64" if rng.random() < 0.9 else "float32"
    engine = Engine(
        graph, predictor, logic=logic, semantics=semantics, dtype=dtype, max_memory=memory
    )
    settings = f"{kind} {logic} {semantics} {dtype} {memory}"
    tolerance = 1e-9 if dtype == "float64" else 2e-4
    return Case(engine, table, facts, outside, semantics, tolerance, settings)


def _wish(rng: Random) -> Wish:
    rows = rng.choice((None, None, None, 0, 1, 2, 3, 5, 8))
    return Wish(
        rng.choice((None, None, 1, 1, 2, 3, 5)),
        rng.random() < 0.25,
        None if rows is None else Budget(rows=rows),
        rng.random() < 0.5,
    )


def random_question(rng: Random, case: Case, free: int) -> Query[int]:
    """A question whose variables all have names of their own, perhaps with modifiers."""
    graph = case.engine.graph
    features = Features(inner=rng.choice((2, 3, 4)), depth=rng.choice((1, 2, 2, 3)))
    query = random_query(rng, graph.entity_count, graph.relation_count, free, features)
    formula = _apart(query.formula, itertools.count(1))
    modifiers = Modifiers()
    if free and rng.random() < 0.3:
        order: tuple[tuple[str, bool], ...] = ()
        if rng.random() < 0.4:
            order = ((rng.choice(query.free).name, rng.random() < 0.5),)
        modifiers = Modifiers(rng.choice((None, 1, 2, 4)), rng.choice((0, 0, 1, 2)), order)
    return Query(query.free, formula, modifiers)


def _apart(formula: Formula[int], numbers: Iterator[int]) -> Formula[int]:
    if isinstance(formula, Exists):
        own = {v: Variable(f"{v.name}{next(numbers)}") for v in formula.variables}
        body = _apart(_renamed(formula.body, own), numbers)
        return Exists(tuple(own.values()), body)
    return rebuild(formula, tuple(_apart(part, numbers) for part in parts_of(formula)))


def _renamed(formula: Formula[int], names: dict[Variable, Variable]) -> Formula[int]:
    match formula:
        case Exists(bound, body):
            inside = {old: new for old, new in names.items() if old not in bound}
            return Exists(bound, _renamed(body, inside))
        case Atom() | Equals():
            return rename_terms(
                formula, lambda t: names.get(t, t) if isinstance(t, Variable) else t, lambda r, _: r
            )
        case _:
            return rebuild(formula, tuple(_renamed(part, names) for part in parts_of(formula)))


def _asked(
    case: Case, rng: Random, wish: Wish, scope: Scope
) -> Iterator[tuple[Query[int], Table, Answers]]:
    """Questions with the judge's truths and the engine's answers, asked together or one by one."""
    allowed = [
        free
        for free in (0, 1, 1, 1, 2, 3)
        if (wish.budget is None or free in scope.budgeted) and (not wish.new or free in scope.new)
    ]
    questions = [
        random_question(rng, case, rng.choice(allowed)) for _ in range(rng.choice((1, 1, 2, 4)))
    ]
    kept = [question for question in questions if _is_small(case, question)]
    truths = [judge.evaluate(q, case.table, case.logic, case.semantics) for q in kept]
    wishes: dict[str, Any] = {
        "limit": wish.limit,
        "new": wish.new,
        "budget": wish.budget,
        "witness": wish.witness,
    }
    if rng.random() < 0.5:
        found = case.engine.ask_many(kept, **wishes)
        yield from zip(kept, truths, found, strict=True)
        return
    for question, truth in zip(kept, truths, strict=True):
        asked, values = _written(case, question, rng)
        yield question, truth, case.engine.ask(asked, values=values, **wishes)


def _is_small(case: Case, question: Query[int]) -> bool:
    try:
        case.engine.prepare(question)
    except LimitError:
        return False
    return True


def _written(
    case: Case, question: Query[int], rng: Random
) -> tuple[str | Query[Any], dict[str, str] | None]:
    """The question as it is, as text, or as a template with the values of its slots."""
    draw = rng.random()
    plain = question.modifiers == Modifiers()
    if draw < 0.4 or not plain:
        return question, None
    values: dict[str, str] = {}
    vocabulary = case.engine.graph.vocabulary

    def term(value: Any) -> Any:
        if not isinstance(value, Constant):
            return value
        name = vocabulary.entity(value.name)
        if draw < 0.7:
            return Constant(name)
        return Slot(_slot(values, name))

    formula = rename_terms(question.formula, term, lambda r, _: vocabulary.relation(_id(r)))
    return to_text(Query(question.free, formula)), values or None


def _slot(values: dict[str, str], name: str) -> str:
    slot = next((slot for slot, own in values.items() if own == name), f"v{len(values)}")
    values[slot] = name
    return slot


def _id(relation: int | Slot) -> int:
    assert isinstance(relation, int)
    return relation


def _named(question: Query[int], case: Case) -> str:
    vocabulary = case.engine.graph.vocabulary
    formula = rename_terms(
        question.formula,
        lambda t: Constant(vocabulary.entity(t.name)) if isinstance(t, Constant) else t,
        lambda r, _: vocabulary.relation(_id(r)),
    )
    return to_text(Query(question.free, formula))


def compare(
    case: Case, wish: Wish, question: Query[int], truth: Table, answers: Answers
) -> Iterator[str]:
    """What is wrong with the answers to one question. truth: of every tuple, by the judge."""
    if not 0 <= answers.others <= 1:
        yield f"the bound of what is not shown is {answers.others}"
    known = judge.evaluate(question, case.facts, judge.PRODUCT, case.semantics) > 0
    yield from _each(case, question, truth, known, answers)
    counted = np.where(known, 0.0, truth) if wish.new else truth
    if question.free:
        yield from _together(case, wish, question, counted, answers)
    elif not (wish.new and known):
        yield from _yes_or_no(case, float(truth), answers)
    elif len(answers):
        yield "a known answer where only new ones were wanted"


def _each(
    case: Case, question: Query[int], truth: Table, known: NDArray[np.bool_], answers: Answers
) -> Iterator[str]:
    """Truth, standing and witness of every answer shown."""
    noisy = case.logic.noisy
    for one in answers:
        value = float(truth[one.entities])
        if one.truth > value + case.tolerance:
            yield f"{one.terms} has truth {one.truth}, more than {value}"
        if answers.certain and one.truth < value - case.tolerance:
            yield f"{one.terms} has truth {one.truth}, less than {value}, and is certain"
        if one.known != bool(known[one.entities]):
            yield f"{one.terms} is said to be {'' if one.known else 'un'}known"
        if one.witness is not None:
            yield from _witness(case, question, one, one.witness, value, noisy)


def _witness(
    case: Case, question: Query[int], one: Answer, witness: Witness, value: float, noisy: bool
) -> Iterator[str]:
    shown = witness.truth
    if shown > value + case.tolerance or (not noisy and shown < value - case.tolerance):
        yield f"the witness of {one.terms} has truth {shown}, the answer {value}"
    if case.semantics == "dnf":
        return
    find = case.engine.graph.vocabulary.find_entity
    values = {name: find(entity)[0] for name, entity in witness.assignment.items()}
    again = judge.evaluate(question, case.table, case.logic, "text", values)[one.entities]
    if abs(float(again) - shown) > case.tolerance:
        yield f"the witness of {one.terms} shows {shown}; filled in, the question has {again}"


def _yes_or_no(case: Case, truth: float, answers: Answers) -> Iterator[str]:
    shown = answers.truth
    assert shown is not None
    if shown > truth + case.tolerance:
        yield f"truth {shown}, more than {truth}"
    if answers.certain and shown < truth - case.tolerance:
        yield f"truth {shown}, less than {truth}, and is certain"
    if not answers.certain and truth > max(answers.others, shown) + case.tolerance:
        yield f"truth {truth}, more than the bound {answers.others}"


def _together(
    case: Case, wish: Wish, question: Query[int], truth: Table, answers: Answers
) -> Iterator[str]:
    """Order, totals and what is left out; truth: 0 for what does not count."""
    slack, modifiers = case.tolerance, question.modifiers
    tuples = [one.entities for one in answers]
    if len(set(tuples)) < len(tuples):
        yield "an answer is shown twice"
    if any(truth[one.entities] <= 0 < one.truth - slack for one in answers):
        yield "an answer is shown that does not count"
    possible = int((truth > slack).sum())
    if answers.complete and answers.total < possible:
        yield f"{answers.total} answers in all, where there are {possible}"
    limits = [n for n in (wish.limit, modifiers.limit) if n is not None]
    limit = min(limits, default=None)
    if limit is not None and len(answers) > limit:
        yield f"{len(answers)} answers, more than {limit}"
    by_name = [(name, down) for name, down in modifiers.order]
    if by_name:
        if answers.certain:
            yield from _by_name(case, question, truth, answers, limit)
        return
    shown = [one.truth for one in answers]
    if any(later > earlier for earlier, later in itertools.pairwise(shown)):
        yield f"truths rise: {shown}"
    if answers.certain:
        ranked = np.sort(truth[truth > slack])[::-1][modifiers.offset :][:limit]
        mine = np.array(shown[: len(ranked)])
        if len(mine) < len(ranked) or (abs(mine - ranked) > slack).any():
            yield f"the first truths are {shown}, not {ranked.tolist()}"
    elif not modifiers.offset:
        left = truth.copy()
        for place in tuples:
            left[place] = 0.0
        if float(left.max(initial=0.0)) > answers.others + slack:
            yield f"an answer of {left.max()} is left out, above the bound {answers.others}"


def _by_name(
    case: Case, question: Query[int], truth: Table, answers: Answers, limit: int | None
) -> Iterator[str]:
    if ((truth > 0) & (truth <= case.tolerance)).any():
        # Whether that is an answer, and so what an OFFSET skips, is a matter of rounding.
        return
    ((name, down),) = question.modifiers.order
    column = [v.name for v in question.free].index(name)
    display = case.engine.graph.vocabulary.display
    places = np.argwhere(truth > case.tolerance)
    every = sorted((display(int(place[column])) for place in places), reverse=down)
    expected = every[question.modifiers.offset :][:limit]
    found = [one.labels[column] for one in answers if one.truth > case.tolerance]
    if found != expected and len(answers) == len(found):
        yield f"by name the answers are {found}, not {expected}"
