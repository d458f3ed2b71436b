"""What is counted of a question besides ranks; `thresholds` says what each number is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from kgreason.bench.runs.records import Counts
from kgreason.bench.runs.thresholds import BINS, ENTAILED, ENTAILED_CLOSED, TAKEN, bin_name
from kgreason.bench.suites.check import answers_of
from kgreason.bench.suites.questions import BenchmarkQuestion, Ids
from kgreason.execution import Bounds
from kgreason.formula import Not, walk
from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import FactPredictor
from kgreason.settings import Settings
from kgreason.topk.reasoner import Reasoner
from kgreason.truth import GODEL
from kgreason.truth.vector import TruthVector


class Counter:
    """Counts over one knowledge graph, of which some splits are observed.

    threshold: the least truth that a reader takes for an answer, None to count no truths. seed: of
    the random non-answers.
    """

    def __init__(
        self, graph: KnowledgeGraph, observed: Iterable[str], *, threshold: float | None, seed: int
    ) -> None:
        facts = graph.index(observed)
        self._known = Reasoner(FactPredictor(facts), facts, Settings(logic=GODEL))
        self._threshold = threshold
        self._seed = seed

    def entailed(self, questions: Sequence[BenchmarkQuestion]) -> Iterator[Ids]:
        """Answers of each question by the observed facts alone, what they lack being false."""
        plans = [self._known.prepare(question.query)[1] for question in questions]
        return (answers_of(value) for value in self._known.stream(plans))

    def counts(
        self,
        value: TruthVector | Bounds,
        question: BenchmarkQuestion,
        entailed: Ids,
        *,
        truths: bool,
    ) -> Counts:
        """Everything of one question. truths: whether the values are truths, or scores to rank.

        Of bounds only what they prove is counted: entailed answers, where nothing is negated.
        """
        found: Counts = {}
        if len(entailed) and not has_negation(question):
            found[ENTAILED] = [len(entailed), entailed_below(value, entailed)[0]]
        if self._threshold is None or isinstance(value, Bounds):
            return found
        if len(entailed) and has_negation(question):
            found[ENTAILED_CLOSED] = [len(entailed), entailed_below(value, entailed)[0]]
        if truths:
            found |= count_taken(value, question, self._threshold)
            found |= count_reliability(value, question, self._seed)
        return found


def count_reliability(truth: TruthVector, question: BenchmarkQuestion, seed: int) -> Counts:
    """The bins, empty ones left out. The non-answers depend on the seed and the question only."""
    random = non_answers(question, truth.entity_count, seed)
    ids = np.concatenate([question.hard, random])
    truths = truth.at(torch.from_numpy(ids).to(truth.entities.device)).double().cpu().numpy()
    hard = np.arange(len(ids)) < len(question.hard)
    place = np.minimum((truths * BINS).astype(np.int64), BINS - 1)
    return {
        bin_name(b): [int(here.sum()), int((here & hard).sum()), float(truths[here].sum())]
        for b in np.unique(place).tolist()
        for here in [place == b]
    }


def non_answers(question: BenchmarkQuestion, entity_count: int, seed: int) -> Ids:
    """As many entities as there are hard answers, drawn from those that are no published answer."""
    digest = hashlib.sha256(f"{seed} {question.key!r}".encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:16], "little"))
    answers = question.answers
    left = entity_count - len(answers)
    places = generator.choice(left, min(len(question.hard), left), replace=False)
    # From the place among the others to the id: one more for each answer at or before it.
    return np.asarray(
        places + np.searchsorted(answers - np.arange(len(answers)), places, side="right"),
        dtype=np.int64,
    )


def count_taken(truth: TruthVector, question: BenchmarkQuestion, threshold: float) -> Counts:
    """How a reader who takes every truth from the threshold on for an answer would fare."""
    device = truth.entities.device
    above = int((truth.truths >= threshold).sum())
    if float(truth.background[0]) >= threshold:
        above += truth.entity_count - truth.entities.shape[0]
    easy, hard = (
        int((truth.at(torch.from_numpy(ids).to(device)) >= threshold).sum())
        for ids in (question.easy, question.hard)
    )
    return {TAKEN: [hard, above - easy, len(question.hard)]}


def has_negation(question: BenchmarkQuestion) -> bool:
    """Whether what is not observed may make an answer."""
    return any(isinstance(part, Not) for part in walk(question.query.formula))


def entailed_below(value: TruthVector | Bounds, entailed: Ids) -> tuple[int, int]:
    """How many entailed answers have less truth than some other entity: at least and at most.

    entailed: ascending ids of the answers by the observed facts alone, closed-world.
    """
    low, high = _ends(value)
    ids = torch.from_numpy(entailed).to(low.entities.device)
    fewest = int((high.at(ids) < _best_other(low, ids)).sum())
    return fewest, int((low.at(ids) < _best_other(high, ids)).sum())


def _ends(value: TruthVector | Bounds) -> tuple[TruthVector, TruthVector]:
    if isinstance(value, TruthVector):
        return value, value
    assert isinstance(value.lower, TruthVector)
    assert isinstance(value.upper, TruthVector)
    return value.lower, value.upper


def _best_other(truth: TruthVector, ids: Tensor) -> float:
    """The greatest truth of any entity but these."""
    others = truth.truths[~torch.isin(truth.entities.long(), ids)]
    unlisted = truth.entity_count - len(ids.unique()) - others.shape[0]
    return max(
        float(others.max()) if others.shape[0] else 0.0,
        float(truth.background[0]) if unlisted else 0.0,
    )
