"""The corridor: a question visits every room once, in order, and comes out as ranked answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from kgreason.answers import (
    Answer,
    Answers,
    Ranking,
    Wanted,
    by_truth,
    ground,
    page,
    rank,
    substitute,
)
from kgreason.binding import bind, bind_entity, is_bound
from kgreason.errors import LimitError, UsageError
from kgreason.execution import Bounds, Budget, Value, least
from kgreason.explanation import Explanation, Judge, naming
from kgreason.formula import Query, Variable, fill
from kgreason.knowledge import KnowledgeGraph
from kgreason.normal import NormalForm, QueryGraph, Semantics
from kgreason.planning import Plan
from kgreason.predictors import FactPredictor, load_predictor, with_predicted_relations
from kgreason.predictors.protocol import LinkPredictor
from kgreason.predictors.rowcache.cache import RowMaking, row_shelf
from kgreason.reasoner import DEFAULT_MEMORY, Reasoner
from kgreason.relating import relations_between
from kgreason.syntax import parse
from kgreason.truth import Logic, resolve_logic

if TYPE_CHECKING:
    from kgreason.execution import Work

Question = str | Query[str] | Query[int]
Predictor = str | Path | Sequence[str | Path] | LinkPredictor
DEFAULT_LIMIT = 10
# Bytes of an entry in an intermediate, for refusing a plan whose largest one cannot be held.
_ENTRY_BYTES = 12


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question up to its plan; nothing has been computed."""

    query: Query[int]
    form: NormalForm
    plan: Plan


class Engine:
    """Answers questions over one knowledge graph with one link predictor under one logic.

    predictor: `facts`, the path of a model, several (a mixture), or a LinkPredictor. Relations that
    a model knows by name can be asked for without a fact of them in the graph. observed: splits
    whose facts are known (by default `train` where the graph has splits). observed_truth: the truth
    of a known fact, None to leave it as the model scores it. semantics: "text" or "dnf".
    max_memory: bytes. row_cache: a folder in which the rows of a model are kept, so that no later
    engine scores them again; `notes` tells of what was wrong with it, and of a logic of your own
    that takes longer. `flush` writes, as does the end.
    """

    def __init__(
        self,
        graph: KnowledgeGraph,
        predictor: Predictor = "facts",
        *,
        logic: str | Logic = "product",
        semantics: Semantics = "text",
        observed: Iterable[str] | None = None,
        observed_truth: float | None = 1.0,
        calibration: str = "auto",
        device: str = "cpu",
        dtype: str = "float32",
        max_memory: int = DEFAULT_MEMORY,
        row_cache: str | Path | None = None,
    ) -> None:
        if semantics not in ("text", "dnf"):
            raise UsageError(f"there is no semantics {semantics!r}", remedy="known: text, dnf")
        if isinstance(predictor, str | Path | Sequence):
            models = [predictor] if isinstance(predictor, str | Path) else predictor
            graph = with_predicted_relations(graph, models)
        self.graph = graph
        self.logic = resolve_logic(logic)
        self.observed = _observed(graph, observed)
        self.facts = graph.index(self.observed)
        self.notes: list[str] = []
        made: RowMaking = {
            "observed": self.observed,
            "observed_truth": observed_truth,
            "calibration": calibration,
            "device": device,
            "dtype": dtype,
        }
        self.predictor, exact = _loaded(predictor, graph, made)
        name, shelf = self.predictor.name, None
        if row_cache is not None:
            shelf = row_shelf(row_cache, predictor, name, graph, made, self.notes.append)
        reasoner = partial(
            Reasoner,
            facts=self.facts,
            logic=self.logic,
            semantics=semantics,
            device=device,
            max_memory=max_memory if exact is None else max_memory // 2,
        )
        truth_dtype = torch.float64 if dtype == "float64" else torch.float32
        self.reasoner = reasoner(self.predictor, dtype=truth_dtype, shelf=shelf)
        self.notes.extend(self.reasoner.findings.notes)
        self._exact = self.reasoner if exact is None else reasoner(exact)
        known = FactPredictor(self.facts, device=device)
        self._known = Reasoner(known, self.facts, self.logic, device=device)

    def ask(
        self,
        question: Question,
        *,
        limit: int | None = DEFAULT_LIMIT,
        new: bool = False,
        budget: Budget | None = None,
        witness: bool = True,
        paths: int = 0,
        language: str = "auto",
        values: Mapping[str, str] | None = None,
    ) -> Answers:
        """Answers to one question, truest first.

        limit: at most so many answers (None for all; the question's own LIMIT also counts). No
        more is computed than proves them. new: leave out what known facts alone answer. budget: an
        end to the work, whatever is proved by then. witness: whether to read out the best
        assignment of the inner variables. paths: how many paths of facts to show with it for each
        predicted link, where the predictor reasons along paths. values: names for the `$slots` of a
        template. Raises a KgreasonError that points at what is wrong.
        """
        (answers,) = self.ask_many(
            [question],
            limit=limit,
            new=new,
            budget=budget,
            witness=witness,
            paths=paths,
            language=language,
            values=values,
        )
        return answers

    def ask_many(
        self,
        questions: Sequence[Question],
        *,
        limit: int | None = DEFAULT_LIMIT,
        new: bool = False,
        budget: Budget | None = None,
        witness: bool = True,
        paths: int = 0,
        language: str = "auto",
        values: Mapping[str, str] | None = None,
    ) -> list[Answers]:
        """Answers to many questions of any shape, computed in common batches."""
        prepared = [self.prepare(q, language=language, values=values) for q in questions]
        for one in prepared:
            self.check_price(one.plan)
        wanted = [self._wanted(one.query, limit, new) for one in prepared]
        before = self.reasoner.work
        found = self.reasoner.settle(
            [one.plan for one in prepared], lambda i, bounds: wanted[i].open(bounds), budget
        )
        whole = list(zip(prepared, found, wanted, strict=True))
        work = self.reasoner.work - before
        judge = self._judge(paths) if witness else None
        return [self._answers(*each, limit, judge, work) for each in whole]

    def prepare(
        self,
        question: Question,
        *,
        language: str = "auto",
        values: Mapping[str, str] | None = None,
    ) -> Prepared:
        """Parse, bind, normalize and plan; nothing is computed."""
        bound = self._bound(question, language, values)
        form, plan = self.reasoner.prepare(bound)
        return Prepared(bound, form, plan)

    def explain(
        self, question: Question, *, run: bool = True, paths: int = 3, language: str = "auto"
    ) -> Explanation:
        """Formula, query graph, plan with its price, computation; with `run`, answers and work.

        paths: as of `ask`.
        """
        prepared = self.prepare(question, language=language)
        computation = self.reasoner.computation([prepared.plan])
        answers = self.ask(prepared.query, paths=paths) if run else None
        return Explanation(
            prepared.query,
            prepared.form,
            prepared.plan,
            computation,
            naming(self.graph.vocabulary),
            str(self.logic),
            self.reasoner.semantics,
            self.predictor.name,
            answers,
        )

    def relations(
        self, head: str, tail: str, *, limit: int | None = DEFAULT_LIMIT, paths: int = 0
    ) -> Answers:
        """Which relations hold from one entity to another, truest first.

        The truth of each is that of `ask : relation(head, tail)`; the answers name relations. limit
        and paths: as of `ask`. Raises UnknownNameError for a name that the graph lacks.
        """
        before = self.reasoner.work
        ends = [bind_entity(name, self.graph.vocabulary) for name in (head, tail)]
        found = relations_between(self.reasoner, self._judge(paths), ends[0], ends[1], limit)
        return replace(found, work=self.reasoner.work - before)

    def flush(self) -> None:
        """Write the rows that are to be kept in the row cache."""
        self.reasoner.flush()

    def check_price(self, plan: Plan) -> None:
        """Refuse a plan whose largest intermediate cannot be held: LimitError."""
        needed = plan.price.largest * _ENTRY_BYTES
        if needed > 64 * self.reasoner.max_memory:
            raise LimitError(
                f"the question's largest intermediate is about {needed / 2**30:,.0f} GiB",
                remedy="bind a variable to an entity, ask for fewer answer variables, "
                "or raise the memory ceiling",
            )

    def _bound(
        self, question: Question, language: str, values: Mapping[str, str] | None
    ) -> Query[int]:
        vocabulary = self.graph.vocabulary
        if isinstance(question, str):
            question = parse(question, language, vocabulary.prefixes)
        named: Query[Any] = question
        if values:
            named = fill(named, dict(values))
        return named if is_bound(named) else bind(named, vocabulary)

    def _answers(
        self,
        one: Prepared,
        value: Value,
        wanted: Wanted,
        limit: int | None,
        judge: Judge | None,
        work: Work,
    ) -> Answers:
        free = one.query.free
        ranking = wanted.unknown(rank(least(value), one.plan.columns, free))
        certain = wanted.is_certain(value)
        chosen = page(one.query, ranking, limit, self.graph.vocabulary.display)
        tuples, truths, graphs = self._shown(one, ranking, chosen)
        known = [truth > 0 for truth in self._known.scalars(graphs)]
        found = ground(graphs, self._exact.asker) if judge else []
        witnesses = [judge.witness(one) for one in found] if judge else [None] * len(graphs)
        spell = self.graph.vocabulary
        answers = tuple(
            Answer(
                entities,
                tuple(spell.entity(e) for e in entities),
                tuple(spell.display(e) for e in entities),
                truth,
                is_known,
                why,
            )
            for entities, truth, is_known, why in zip(tuples, truths, known, witnesses, strict=True)
        )
        return Answers(
            tuple(v.name for v in free),
            answers,
            total=ranking.truths.shape[0],
            truth=None if free else (truths[0] if truths else 0.0),
            truth_column=one.query.modifiers.truth_variable or _free_name("score", free),
            complete=not isinstance(value, Bounds),
            certain=certain,
            others=0.0 if certain else wanted.others(value, ranking.entities[chosen]),
            work=work,
        )

    def _shown(
        self, one: Prepared, ranking: Ranking, chosen: torch.Tensor
    ) -> tuple[list[tuple[int, ...]], list[float], list[QueryGraph]]:
        """The chosen answers, their truths, and the question with each of them put in."""
        free = one.query.free
        tuples = [tuple(row) for row in ranking.entities[chosen].tolist()]
        graphs = [substitute(one.form.graph, dict(zip(free, t, strict=True))) for t in tuples]
        if self._exact is self.reasoner:
            return tuples, ranking.truths[chosen].double().tolist(), graphs
        truths = self._exact.scalars(graphs)
        order = list(range(len(truths)))
        if by_truth(one.query):
            order.sort(key=lambda i: -truths[i])
        return [tuples[i] for i in order], [truths[i] for i in order], [graphs[i] for i in order]

    def _wanted(self, query: Query[int], limit: int | None, new: bool) -> Wanted:
        modifiers = query.modifiers
        limits = [n for n in (limit, modifiers.limit) if n is not None]
        count = 1 if not query.free else None
        if limits and by_truth(query) and query.free:
            count = modifiers.offset + min(limits)
        return Wanted(count, self._known_tuples(query) if new else None)

    def _known_tuples(self, query: Query[int]) -> torch.Tensor:
        _, plan = self._known.prepare(query)
        (value,) = self._known.truths([plan])
        return rank(value, plan.columns, query.free).entities

    def _judge(self, paths: int) -> Judge:
        return Judge(self.facts, self._known, self.predictor, self.graph.vocabulary, paths)


def _loaded(
    predictor: Predictor, graph: KnowledgeGraph, made: RowMaking
) -> tuple[LinkPredictor, LinkPredictor | None]:
    """The predictor, and beside one with rounded truths the same without rounding."""
    if not isinstance(predictor, str | Path | Sequence):
        return predictor, None
    found = load_predictor(predictor, graph, **made)
    # Rounded truths are enough to find the answers; those shown are not rounded.
    plain: RowMaking = {**made, "dtype": "float32"}
    rounded = made["dtype"] == "bfloat16"
    return found, load_predictor(predictor, graph, **plain) if rounded else None


def _observed(graph: KnowledgeGraph, observed: Iterable[str] | None) -> tuple[str, ...]:
    if observed is None:
        return ("train",) if "train" in graph.splits else graph.splits
    return tuple(observed)


def _free_name(name: str, free: tuple[Variable, ...]) -> str:
    """A column name that no answer variable has."""
    taken = {variable.name for variable in free}
    while name in taken:
        name += "_"
    return name
