"""From the values of plans to answers: ranking, known answers, witnesses, what is left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from kgreason.answers import verification
from kgreason.answers.answer import Answers, AnswerTable, Witness
from kgreason.answers.evidence import EvidenceBuilder
from kgreason.answers.oracle import MarginalOracle
from kgreason.answers.page import by_truth, page
from kgreason.answers.rank import Ranking, rank, without
from kgreason.answers.witness import ground, substitute
from kgreason.execution import BudgetExceeded, BudgetMeter, Value, is_open, lower
from kgreason.formula import Query, Variable
from kgreason.knowledge import Vocabulary
from kgreason.normal import NormalForm, QueryGraph
from kgreason.planning import Plan
from kgreason.topk import AllTruths, Reasoner, StopCondition, TopK, greatest_unseen

# Seconds after the end of a budget in which known answers are still told from predicted ones.
_GRACE = 0.2


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question up to its plan; nothing has been computed."""

    query: Query[int]
    form: NormalForm
    plan: Plan


@dataclass(frozen=True, slots=True)
class Asked:
    """A prepared question and what has to be proved of it.

    known: (answers, answer variables) int64 tuples that do not count, None to count all.
    is_lost: whether the budget ended before it was found which tuples count.
    """

    prepared: Prepared
    stop: StopCondition
    known: torch.Tensor | None = None
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class _Shown:
    """The answers to show: their entities and truths. exact: whether these are not rounded.

    columns: the entities of each answer variable, in the question's order.
    """

    prepared: Prepared
    columns: tuple[list[int], ...]
    truths: list[float]
    exact: bool = True

    def __len__(self) -> int:
        return len(self.truths)

    def graphs(self, meter: BudgetMeter) -> list[QueryGraph]:
        """The question with each of the answers put in; BudgetExceeded after the budget."""
        graph, free, found = self.prepared.form.graph, self.prepared.query.free, []
        for i in range(len(self)):
            meter.check()
            values = (column[i] for column in self.columns)
            found.append(substitute(graph, dict(zip(free, values, strict=True))))
        return found


class Assembler:
    """Makes answers over one graph.

    reasoner: whose values are ranked. exact: whose truths are shown, where those of the reasoner
    are rounded. known: answers from the observed facts alone.
    """

    def __init__(
        self, reasoner: Reasoner, exact: Reasoner, known: Reasoner, vocabulary: Vocabulary
    ) -> None:
        self._reasoner = reasoner
        self._exact = exact
        self._known = known
        self._vocabulary = vocabulary

    def answers(
        self,
        asked: Sequence[Asked],
        values: Sequence[Value],
        limit: int | None,
        witness: bool,
        paths: int,
        meter: BudgetMeter,
    ) -> list[Answers]:
        """Answers from the value of each question's plan; all have the batch's work."""
        builder = self.evidence(paths, meter) if witness else None
        found = [
            self._answers(one, value, limit, builder, meter)
            for one, value in zip(asked, values, strict=True)
        ]
        if verification.is_wanted():
            for one, own in zip(asked, found, strict=True):
                self._verify(one, own)
        return [replace(one, work=meter.work) for one in found]

    def ask(self, prepared: Prepared, limit: int | None, new: bool, meter: BudgetMeter) -> Asked:
        """The question with what has to be proved of it."""
        query, plan = prepared.query, prepared.plan
        try:
            known = self._known_tuples(query, meter.timed()) if new else None
        except BudgetExceeded:
            return Asked(prepared, TopK(0), is_lost=True)
        limits = [n for n in (limit, query.modifiers.limit) if n is not None]
        if not query.free:
            return Asked(prepared, TopK(1), known)
        if not limits or not by_truth(query):
            return Asked(prepared, AllTruths(), known)
        columns = [query.free.index(variable) for variable in plan.columns]
        excluded = None if known is None else known[:, columns]
        return Asked(prepared, TopK(query.modifiers.offset + min(limits), excluded), known)

    def _answers(
        self,
        one: Asked,
        value: Value,
        limit: int | None,
        builder: EvidenceBuilder | None,
        meter: BudgetMeter,
    ) -> Answers:
        query, plan = one.prepared.query, one.prepared.plan
        truth_column = query.modifiers.truth_variable or _free_name("score", query.free)
        columns = tuple(variable.name for variable in query.free)
        if one.is_lost:
            truth = None if columns else 0.0
            return Answers(columns, (), 0, truth, truth_column, False, False, others=1.0)
        ranking = without(rank(lower(value), plan.columns, query.free), one.known)
        chosen = page(query, ranking, limit, self._vocabulary.display)
        shown = self._shown(one.prepared, ranking, chosen, meter)
        certain = one.stop.is_met(value) and shown.exact
        witnesses = self._witnesses(shown, builder, meter)
        known = self._are_known(one, shown, meter)
        answers = self._named(shown, known, witnesses)
        return Answers(
            columns,
            answers,
            total=ranking.truths.shape[0],
            truth=None if query.free else (shown.truths[0] if shown.truths else 0.0),
            truth_column=truth_column,
            complete=not is_open(value),
            certain=certain,
            others=0.0 if certain else self._greatest_unseen(one, value, ranking.entities[chosen]),
            unexplained=sum(found is None for found in witnesses) if builder else 0,
        )

    def _verify(self, one: Asked, answers: Answers) -> None:
        """Compare with a brute-force evaluation: `KGREASON_VERIFY=1`."""
        prepared = one.prepared
        query = prepared.query
        if answers.is_boolean and one.known is not None and len(one.known):
            # Facts answer it, so that it has no new answer, whatever its truth.
            return
        is_first = by_truth(query) and not query.modifiers.offset and one.known is None
        verification.verify(
            prepared.form.graph,
            query.free,
            answers,
            self._exact.predictor,
            self._exact.logic,
            ranked=is_first,
        )

    def _named(
        self, shown: _Shown, known: Sequence[bool | None], witnesses: Sequence[Witness | None]
    ) -> AnswerTable:
        """The answers with the names of their entities."""
        names = self._vocabulary
        return AnswerTable(
            shown.columns,
            tuple(map(names.entities, shown.columns)),
            tuple(map(names.displays, shown.columns)),
            shown.truths,
            known,
            witnesses,
        )

    def _greatest_unseen(self, one: Asked, value: Value, shown: torch.Tensor) -> float:
        """Upper bound of the truth of an answer that is not shown."""
        if not is_open(value):
            return 0.0
        if not self._reasoner.findings.may_end_early:
            return 1.0
        if isinstance(value.upper, torch.Tensor):
            return float(value.upper.max())
        query, plan = one.prepared.query, one.prepared.plan
        tuples = shown if one.known is None else torch.cat([shown, one.known])
        return greatest_unseen(value, tuples[:, [query.free.index(v) for v in plan.columns]])

    def _shown(
        self, one: Prepared, ranking: Ranking, chosen: torch.Tensor, meter: BudgetMeter
    ) -> _Shown:
        """The chosen answers with their truths."""
        columns = tuple(column.tolist() for column in ranking.entities[chosen].unbind(1))
        rounded = _Shown(one, columns, ranking.truths[chosen].double().tolist())
        if self._exact is self._reasoner:
            return rounded
        try:
            truths = MarginalOracle(self._exact, meter).truths(rounded.graphs(meter))
        except BudgetExceeded:
            return replace(rounded, exact=False)
        order = list(range(len(truths)))
        if by_truth(one.query):
            order.sort(key=lambda i: -truths[i])
        columns = tuple([column[i] for i in order] for column in columns)
        return _Shown(one, columns, [truths[i] for i in order])

    def _witnesses(
        self, shown: _Shown, builder: EvidenceBuilder | None, meter: BudgetMeter
    ) -> list[Witness | None]:
        """A witness for each answer; none where they are not wanted or the budget has ended."""
        if builder is None:
            return [None] * len(shown)
        try:
            found = []
            for one in ground(shown.graphs(meter), MarginalOracle(self._exact, meter)):
                meter.check()
                found.append(builder.witness(one))
            return [*found]
        except BudgetExceeded:
            return [None] * len(shown)

    def _are_known(self, one: Asked, shown: _Shown, meter: BudgetMeter) -> Sequence[bool | None]:
        """Whether the observed facts alone make each answer true: one evaluation for all.

        None where the budget ends before.
        """
        query, within = one.prepared.query, meter.timed(_GRACE)
        if not len(shown) or one.known is not None:
            return [False] * len(shown)
        try:
            if len(query.free) == 1:
                known = set(self._known_tuples(query, within)[:, 0].tolist())
                return [entity in known for entity in shown.columns[0]]
            graphs = shown.graphs(within)
            # All known tuples of several variables may be very many more than are shown.
            return [truth > 0 for truth in self._facts_oracle(within).truths(graphs)]
        except BudgetExceeded:
            return [None] * len(shown)

    def _known_tuples(self, query: Query[int], meter: BudgetMeter) -> torch.Tensor:
        """(answers, answer variables) int64: the answers by the observed facts alone."""
        _, plan = self._known.prepare(query)
        (value,) = self._known.truths([plan], meter)
        return rank(value, plan.columns, query.free).entities

    def _facts_oracle(self, meter: BudgetMeter) -> MarginalOracle:
        return MarginalOracle(self._known, meter)

    def evidence(self, paths: int, meter: BudgetMeter) -> EvidenceBuilder:
        known = self._facts_oracle(meter.timed())
        one = self._reasoner
        return EvidenceBuilder(one.facts, known, one.predictor, self._vocabulary, paths)


def _free_name(name: str, free: tuple[Variable, ...]) -> str:
    """A column name that no answer variable has."""
    taken = {variable.name for variable in free}
    while name in taken:
        name += "_"
    return name
