"""The corridor: a question visits every room once, in order, and comes out as ranked answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import torch

from kgreason import arguments
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
from kgreason.arguments import Source
from kgreason.binding import bind, bind_entity, is_bound
from kgreason.errors import LimitError, UsageError
from kgreason.execution import Bounds, Budget, Value, least
from kgreason.explanation import Explanation, Judge, naming
from kgreason.formula import Query, Variable, fill
from kgreason.knowledge import KnowledgeGraph
from kgreason.normal import NormalForm, QueryGraph
from kgreason.planning import Plan
from kgreason.predictors import FactPredictor, load_predictor, with_predicted_relations
from kgreason.predictors.protocol import LinkPredictor
from kgreason.predictors.rowcache.cache import row_cache
from kgreason.reasoner import Reasoner
from kgreason.relating import relations_between
from kgreason.settings import FACTS, Choices, Recipe, Settings
from kgreason.syntax import parse

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

    graph: a KnowledgeGraph, or the path or paths it is loaded from. predictor: `facts`, the path of
    a model, several (a mixture), or a LinkPredictor; relations that a model knows can be asked for
    without a fact of them. settings, or choices of them by name: see `Settings`; sizes are read as
    on the command line. `notes` tells what was wrong with the row cache; `flush` writes to it, as
    does the end. Pickled, an engine is its recipe.
    """

    def __init__(
        self,
        graph: Source,
        predictor: Predictor = FACTS,
        settings: Settings | None = None,
        **choices: Unpack[Choices],
    ) -> None:
        settings = arguments.settings(settings).but(**choices)
        given, recipe = arguments.sources(graph), None
        if not hasattr(predictor, "rows"):
            recipe = Recipe(given, arguments.models(predictor), settings)
        elif settings.row_cache is not None:
            raise UsageError(
                "rows are kept by the model they come from, and this predictor has no file",
                remedy="give the path of a model, or no row cache",
            )
        graph = KnowledgeGraph.load(*given) if isinstance(given, tuple) else given
        if given == ("-",) and recipe is not None:
            # Standard input is read once: the graph itself is what can be made again.
            recipe = replace(recipe, graph=graph)
        self.settings = settings
        self._recipe = recipe
        self.graph = graph if recipe is None else with_predicted_relations(graph, recipe.models)
        self.logic = settings.logic
        self.observed = settings.splits(self.graph)
        self.facts = self.graph.index(self.observed)
        self.notes: list[str] = []
        self.predictor, exact = _loaded(predictor, recipe, self.graph)
        kept = None if recipe is None else row_cache(recipe, self.graph, self.notes.append)
        if exact is not None:
            # Both predictors share the memory.
            settings = settings.but(max_memory=max(1, settings.max_memory // 2))
        self.reasoner = Reasoner(self.predictor, self.facts, settings, kept)
        self._exact = self.reasoner if exact is None else Reasoner(exact, self.facts, settings)
        known = FactPredictor(self.facts, device=settings.device)
        plain = Settings(logic=settings.logic, device=settings.device)
        self._known = Reasoner(known, self.facts, plain)

    @classmethod
    def from_recipe(cls, recipe: Recipe) -> Engine:
        """The engine that a recipe describes; loads the graph and the models."""
        return cls(recipe.graph, recipe.models, recipe.settings)

    @property
    def recipe(self) -> Recipe:
        """What this engine is made from. UsageError where its predictor was given as an object."""
        if self._recipe is None:
            raise UsageError(
                f"the predictor {self.predictor.name} is an object, which has no recipe",
                remedy="give the path of a model, so that the engine can be made again elsewhere",
            )
        return self._recipe

    def __reduce__(self) -> tuple[Callable[[Recipe], Engine], tuple[Recipe]]:
        return Engine.from_recipe, (self.recipe,)

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
            [question], limit=limit, new=new, budget=budget, witness=witness, paths=paths,
            language=language, values=values,
        )  # fmt: skip
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
        arguments.check_ask(questions, limit=limit, budget=budget, paths=paths, values=values)
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
        arguments.check_prepare(question, values)
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
        arguments.check_relations(head, tail, limit=limit, paths=paths)
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
        found = ground(graphs, self.reasoner.asker) if judge else []
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
    predictor: Predictor, recipe: Recipe | None, graph: KnowledgeGraph
) -> tuple[LinkPredictor, LinkPredictor | None]:
    """The predictor, and beside one with rounded truths the same without rounding."""
    if recipe is None:
        assert not isinstance(predictor, str | Path | Sequence)
        return predictor, None
    found = load_predictor(recipe.models, graph, recipe.settings)
    if recipe.settings.dtype != "bfloat16":
        return found, None
    # Rounded truths are enough to find the answers; those shown are not rounded.
    return found, load_predictor(recipe.models, graph, recipe.settings.but(dtype="float32"))


def _free_name(name: str, free: tuple[Variable, ...]) -> str:
    """A column name that no answer variable has."""
    taken = {variable.name for variable in free}
    while name in taken:
        name += "_"
    return name
