"""One question by a published method: settings for the engine, or another executor's ranking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from kgreason.answers import Answer, Answers, page, rank
from kgreason.errors import UsageError
from kgreason.files.cache import find_model_file
from kgreason.formula import Exists, Not, Query, walk
from kgreason.knowledge import KnowledgeGraph
from kgreason.methods.methods import READS, Method
from kgreason.methods.nsmp import Nsmp
from kgreason.methods.propagation import Propagation, load_propagation
from kgreason.predictors import FactPredictor, load_checkpoint
from kgreason.settings import USUAL, Settings
from kgreason.topk import Reasoner
from kgreason.truth.rows import truth_dtype


def method_settings(
    method: Method, chosen: Settings, graph: KnowledgeGraph, query: Query[int]
) -> Settings:
    """The method's settings for one question; what was chosen otherwise than usual stays.

    UsageError for a choice that the method does not look at.
    """
    kinds = {type(part) for part in walk(query.formula)}
    calibration = method.calibration_for(
        graph.name, direct=Exists not in kinds, negated=Not in kinds
    )
    own: dict[str, Any] = {
        "logic": method.logic,
        "semantics": method.semantics,
        "calibration": calibration,
        "observed_truth": method.observed_truth,
        "frontier": method.frontier,
    }
    reads = READS[method.executor]
    for field in fields(Settings):
        if field.name in own and getattr(chosen, field.name) != getattr(USUAL, field.name):
            if field.name not in reads:
                raise UsageError(
                    f"the method {method.name} has no setting {field.name}",
                    remedy=f"leave out --{field.name.replace('_', '-')}, or the method",
                )
            del own[field.name]
    return chosen.but(**own)


def ranked_answers(
    method: Method,
    graph: KnowledgeGraph,
    model: str | Path,
    settings: Settings,
    query: Query[int],
    limit: int | None,
) -> Answers:
    """The entities as an executor other than the engine ranks them; their scores are no truths.

    UnsupportedError for a question or a model that it does not take.
    """
    facts = graph.index(settings.splits(graph))
    (scores,) = _RANKERS[method.executor](method, graph, model, settings).values([query])
    ranking = rank(scores, query.free, query.free)
    chosen = page(query, ranking, limit, graph.vocabulary.display)
    reasoner = Reasoner(FactPredictor(facts), facts)
    plan = reasoner.prepare(query)[1]
    (truths,) = reasoner.truths([plan])
    known = set(rank(truths, plan.columns, query.free).entities[:, 0].tolist())
    names = graph.vocabulary
    shown = zip(
        ranking.entities[chosen][:, 0].tolist(), ranking.truths[chosen].tolist(), strict=True
    )
    answers = tuple(
        Answer((e,), (names.entity(e),), (names.display(e),), score, e in known)
        for e, score in shown
    )
    total = ranking.truths.shape[0]
    return Answers(tuple(v.name for v in query.free), answers, total)


def _nsmp(method: Method, graph: KnowledgeGraph, model: str | Path, settings: Settings) -> Nsmp:
    messages = method.messages_for(graph.name)
    assert messages is not None
    scorer = load_checkpoint(model, graph.vocabulary, device=settings.device, dtype=settings.dtype)
    return Nsmp(scorer, graph.index(settings.splits(graph)), messages)


def _propagation(
    method: Method, graph: KnowledgeGraph, model: str | Path, settings: Settings
) -> Propagation:
    return load_propagation(
        find_model_file(str(model)),
        graph,
        settings.splits(graph),
        device=settings.device,
        dtype=truth_dtype(settings.dtype),
    )


_RANKERS: Mapping[
    str, Callable[[Method, KnowledgeGraph, str | Path, Settings], Nsmp | Propagation]
] = {"nsmp": _nsmp, "propagation": _propagation}
"""By executor, what ranks the entities."""
