"""The corridor: a question visits every room once, in order, and comes out as ranked answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from kgreason.answers import (
    Answers,
    Assembler,
    MarginalOracle,
    Prepared,
    relations_between,
)
from kgreason.binding import bind, bind_entity, is_bound
from kgreason.errors import LimitError, UsageError
from kgreason.execution import Budget, BudgetMeter
from kgreason.explanation import Explanation, naming
from kgreason.formula import Query, fill
from kgreason.knowledge import KnowledgeGraph
from kgreason.normal import Semantics
from kgreason.planning import Plan
from kgreason.predictors import FactPredictor, load_predictor, with_predicted_relations
from kgreason.predictors.protocol import LinkPredictor
from kgreason.predictors.rowcache.cache import RowMaking, row_shelf
from kgreason.syntax import parse
from kgreason.topk import DEFAULT_MEMORY, Reasoner
from kgreason.truth import Logic, resolve_logic

Question = str | Query[str] | Query[int]
Predictor = str | Path | Sequence[str | Path] | LinkPredictor
DEFAULT_LIMIT = 10
# Bytes of an entry in an intermediate, for refusing a plan whose largest one cannot be held.
_ENTRY_BYTES = 12


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
        known = FactPredictor(self.facts, device=device)
        self.notes.extend(self.reasoner.findings.notes)
        self._assembler = Assembler(
            self.reasoner,
            self.reasoner if exact is None else reasoner(exact),
            Reasoner(known, self.facts, self.logic, device=device),
            graph.vocabulary,
        )

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
        meter = BudgetMeter(budget)
        asked = [
            self._assembler.ask(
                self.prepare(question, language=language, values=values), limit, new, meter
            )
            for question in questions
        ]
        for one in asked:
            self.check_price(one.prepared.plan)
        found = self.reasoner.settle(
            [one.prepared.plan for one in asked], [one.stop for one in asked], meter
        )
        return self._assembler.answers(asked, list(found), limit, witness, paths, meter)

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
        meter = BudgetMeter()
        ends = [bind_entity(name, self.graph.vocabulary) for name in (head, tail)]
        found = relations_between(
            MarginalOracle(self.reasoner, meter),
            self._assembler.evidence(paths, meter),
            ends[0],
            ends[1],
            limit,
        )
        return replace(found, work=meter.work)

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
