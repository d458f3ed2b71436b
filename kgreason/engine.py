"""The corridor: a question visits every room once, in order, and comes out as ranked answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from kgreason import arguments
from kgreason.answers import (
    Answers,
    Asked,
    Assembler,
    MarginalOracle,
    Prepared,
    relations_between,
)
from kgreason.arguments import Source
from kgreason.binding import bind, bind_entity, is_bound
from kgreason.errors import UsageError
from kgreason.execution import Budget, BudgetMeter, Profile
from kgreason.explanation import Explanation, naming
from kgreason.formula import Query, fill
from kgreason.knowledge import KnowledgeGraph
from kgreason.planning import Plan
from kgreason.predictors import FactPredictor, load_predictor, with_predicted_relations
from kgreason.predictors.protocol import LinkPredictor
from kgreason.predictors.rowcache.cache import row_cache
from kgreason.settings import FACTS, Choices, Recipe, Settings
from kgreason.syntax import parse
from kgreason.topk import Reasoner

Question = str | Query[str] | Query[int]
Predictor = str | Path | Sequence[str | Path] | LinkPredictor
DEFAULT_LIMIT = 10


class Engine:
    """Answers questions over one knowledge graph with one link predictor under one logic.

    graph: a KnowledgeGraph, or the path or paths it is loaded from. predictor: `facts`, the path of
    a model, the name of a pulled one, `auto` (what is at hand), several (a mixture), or a
    LinkPredictor; relations that a model knows can be asked for
    without a fact of them. settings, or choices of them by name: see `Settings`; sizes are read as
    on the command line. `notes` tells what was wrong with the row cache, and of a logic of your own
    that takes longer; `flush` writes rows, as does the end. Pickled, an engine is its recipe.
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
        if not isinstance(predictor, LinkPredictor):
            recipe = Recipe(given, arguments.models(predictor, given), settings)
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
        self.notes.extend(self.reasoner.findings.notes)
        known = FactPredictor(self.facts, device=settings.device)
        self._assembler = Assembler(
            self.reasoner,
            self.reasoner if exact is None else Reasoner(exact, self.facts, settings),
            Reasoner(known, self.facts, Settings(logic=settings.logic, device=settings.device)),
            self.graph.vocabulary,
        )

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
        meter = BudgetMeter(budget)
        asked = [
            self._assembler.ask(
                self.prepare(question, language=language, values=values), limit, new, meter
            )
            for question in questions
        ]
        return self._answers(asked, limit, witness, paths, meter)

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
        self,
        question: Question,
        *,
        run: bool = True,
        limit: int | None = DEFAULT_LIMIT,
        paths: int = 3,
        language: str = "auto",
    ) -> Explanation:
        """Formula, query graph, plan with its price, computation; with `run`, answers and work.

        The work of each step stands beside what the plan expected. limit and paths: as of `ask`.
        """
        prepared = self.prepare(question, language=language)
        computation = self.reasoner.computation([prepared.plan])
        answers, profile = None, None
        if run:
            arguments.check_ask(
                [prepared.query], limit=limit, budget=None, paths=paths, values=None
            )
            meter, profile = BudgetMeter(), Profile()
            asked = self._assembler.ask(prepared, limit, False, meter)
            (answers,) = self._answers([asked], limit, True, paths, meter, profile)
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
            profile,
        )

    def relations(
        self, head: str, tail: str, *, limit: int | None = DEFAULT_LIMIT, paths: int = 0
    ) -> Answers:
        """Which relations hold from one entity to another, truest first.

        The truth of each is that of `ask : relation(head, tail)`; the answers name relations. limit
        and paths: as of `ask`. Raises UnknownNameError for a name that the graph lacks.
        """
        arguments.check_relations(head, tail, limit=limit, paths=paths)
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
        self.reasoner.check_price(plan)

    def _answers(
        self,
        asked: Sequence[Asked],
        limit: int | None,
        witness: bool,
        paths: int,
        meter: BudgetMeter,
        profile: Profile | None = None,
    ) -> list[Answers]:
        plans = [one.prepared.plan for one in asked]
        for plan in plans:
            self.check_price(plan)
        found = self.reasoner.settle(plans, [one.stop for one in asked], meter, profile)
        return self._assembler.answers(asked, list(found), limit, witness, paths, meter)

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
