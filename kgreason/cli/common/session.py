"""From options to a knowledge graph, an engine, or an explanation that computes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kgreason.cli.common.options import ReasoningOptions
from kgreason.cli.common.reading import ReadingOptions
from kgreason.cli.common.terminal import Terminal
from kgreason.errors import UsageError
from kgreason.files.cache import model_at_hand
from kgreason.settings import AUTO, FACTS, Recipe

if TYPE_CHECKING:
    from kgreason.engine import Engine
    from kgreason.explanation import Explanation
    from kgreason.formula import Query
    from kgreason.knowledge import KnowledgeGraph


def load_graph(
    terminal: Terminal,
    sources: list[str],
    options: ReadingOptions,
    *,
    lenient: bool = False,
    name: str | None = None,
) -> KnowledgeGraph:
    """Read the graph, saying how far that is."""
    what = ", ".join(sources)
    limits = options.limits()
    with terminal.stage("graph", f"reading {what}") as show:
        from kgreason.knowledge import KnowledgeGraph

        return KnowledgeGraph.load(
            *sources,
            input_format=options.input_format,
            labels=options.labels,
            label_properties=options.label_property or (),
            lenient=lenient,
            name=name,
            limits=limits,
            progress=lambda count: show(f"reading {what}: {count:,} facts"),
        )


def choose_models(
    terminal: Terminal, sources: list[str], reasoning: ReasoningOptions
) -> ReasoningOptions:
    """The options with a model in the place of `auto`, which is told."""
    if reasoning.models != [AUTO]:
        return reasoning
    found = model_at_hand(sources)
    if found is None:
        terminal.note(
            "note: no model is at hand, so known facts only; `kgreason model pull ultra` fetches "
            "one that answers over any graph"
        )
    else:
        terminal.note(f"model: {found}")
    return replace(reasoning, model=None if found is None else [found])


def load_asked(
    terminal: Terminal, sources: list[str], reading: ReadingOptions, reasoning: ReasoningOptions
) -> KnowledgeGraph:
    """The graph with the relations that can be asked for: the models may know more of them."""
    # A slip in the options is told before the graph is read.
    Recipe(tuple(sources), tuple(reasoning.models), reasoning.settings())
    if reasoning.method is not None:
        _check_method(reasoning.method, reasoning.models)
    graph = load_graph(terminal, sources, reading)
    if reasoning.models == [FACTS]:
        return graph
    from kgreason.predictors import with_predicted_relations

    return with_predicted_relations(graph, reasoning.models)


def _check_method(name: str, models: list[str]) -> None:
    from kgreason.methods.methods import resolve_method

    method = resolve_method(name)
    if method.scores and models == [FACTS]:
        raise UsageError(f"the method {method.name} needs a model", remedy="give one: -m MODEL")
    if not method.scores and models != [FACTS]:
        raise UsageError(f"the method {method.name} takes no model", remedy="leave out -m")
    if not method.is_planned and len(models) > 1:
        raise UsageError(f"the method {method.name} takes one model", remedy="give -m once")


def make_engine(
    terminal: Terminal,
    graph: KnowledgeGraph,
    options: ReasoningOptions,
    question: Query[int] | None = None,
) -> Engine:
    """The engine of these options; loads the model. A method is set up for the question."""
    settings = options.settings()
    if options.method is not None and question is not None:
        from kgreason.methods.asking import method_settings
        from kgreason.methods.methods import resolve_method

        method = resolve_method(options.method)
        if not method.is_planned:
            raise UsageError(
                f"{method.name} is no setting of the engine and has no plan to explain",
                remedy="ask it with kgreason query, or explain another method",
            )
        settings = method_settings(method, settings, graph, question)
    with terminal.stage("model", f"loading {', '.join(options.models)}"):
        from kgreason.engine import Engine

        engine = Engine(graph, options.models, settings)
    for note in engine.predictor.notes:
        terminal.note(f"note: {note}")
    return engine


def keep_rows(terminal: Terminal, engine: Engine) -> None:
    """Write the rows to be kept, and tell what was wrong with those kept before."""
    engine.flush()
    for note in engine.notes:
        terminal.note(f"note: {note}")


def understand(graph: KnowledgeGraph, text: str, language: str) -> Query[int]:
    """The question in the graph's ids: mistakes in it are told before a model is loaded."""
    from kgreason.binding import bind
    from kgreason.syntax import parse

    return bind(parse(text, language, graph.vocabulary.prefixes), graph.vocabulary)


def outline(
    terminal: Terminal, graph: KnowledgeGraph, question: Query[int], options: ReasoningOptions
) -> Explanation:
    """Everything up to the plan; a model is loaded only to learn what its rows cost."""
    if options.models == [FACTS]:
        return _outline_of_facts(graph, question, options)
    return make_engine(terminal, graph, options, question).explain(question, run=False)


def _outline_of_facts(
    graph: KnowledgeGraph, question: Query[int], options: ReasoningOptions
) -> Explanation:
    """The outline without the engine, and so without torch."""
    from kgreason.compute import fold, lower
    from kgreason.explanation import Explanation, naming
    from kgreason.normal import normalize
    from kgreason.planning import Statistics, plan
    from kgreason.predictors.protocol import fact_price

    settings = Recipe(graph, (FACTS,), options.settings()).settings
    logic = settings.logic
    facts = graph.index(settings.splits(graph))
    form = normalize(question, logic, settings.semantics)
    planned = plan(form.graph, logic, Statistics(graph.entity_count, facts, fact_price(facts)))
    return Explanation(
        question,
        form,
        planned,
        fold([lower(planned)]),
        naming(graph.vocabulary),
        str(logic),
        settings.semantics,
        f"facts ({facts.fact_count:,} observed)",
        None,
    )
