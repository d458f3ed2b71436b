"""One question by a published method: settings for the engine, or another executor's ranking."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from kgreason.answers import Answer, Answers, page, rank
from kgreason.errors import UsageError
from kgreason.formula import Exists, Not, Query, walk
from kgreason.knowledge import KnowledgeGraph
from kgreason.methods.methods import READS, Method
from kgreason.methods.rankers import RANKERS
from kgreason.predictors import FactPredictor
from kgreason.settings import USUAL, Settings
from kgreason.topk import Reasoner


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
    (scores,) = RANKERS[method.executor](method, graph, model, settings).values([query])
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
