"""What a question yields: ranked answers, each with its truth, its standing and its witness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    import pandas
    import polars

    from kgreason.execution import Work


@dataclass(frozen=True, slots=True)
class Evidence:
    """One part of a witness, with its variables filled in: an atom, a group, or alternatives.

    truth: of the atom as it stands in the question, in [0, 1]; negated ones count 1 − truth.
    fact: whether the link is an observed fact; for a negated atom or group this is False when
    nothing observed contradicts it. paths: known facts, end to end, that a prediction stands on,
    the strongest path first; none where the predictor does not reason along paths, or none were
    asked for. alternatives: those that together make the truth of an ∨, the truest first, where no
    single one does; `fact` then is whether one of them stands on facts alone.
    """

    text: str
    truth: float
    fact: bool
    negated: bool = False
    paths: tuple[tuple[str, ...], ...] = ()
    alternatives: tuple[Witness, ...] = ()

    @property
    def standing(self) -> str:
        """Where the truth comes from, in a word or two."""
        if self.alternatives:
            return f"{len(self.alternatives)} together"
        if self.negated:
            return "contradicted by a fact" if self.fact else "no such fact"
        return "fact" if self.fact else "predicted"

    def __str__(self) -> str:
        return f"{self.text}  {self.truth:.3f} {self.standing}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "text": self.text,
            "truth": self.truth,
            "standing": self.standing,
            "paths": [list(path) for path in self.paths],
            "alternatives": [one.to_dict() for one in self.alternatives],
        }


@dataclass(frozen=True, slots=True)
class Witness:
    """The assignment of the inner variables that makes an answer as true as it is.

    Variables stand in the order of the question; names and labels are those of their entities.
    truth: of the question with the assignment filled in, which the evidence together gives: the
    truth of the answer, but less under a logic whose ∃ adds up all assignments (noisy-or).
    """

    assignment: dict[str, str]
    labels: dict[str, str]
    evidence: tuple[Evidence, ...]
    truth: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "assignment": self.assignment,
            "labels": self.labels,
            "evidence": [one.to_dict() for one in self.evidence],
            "truth": self.truth,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: an entity per answer variable.

    entities: ids; terms: names as in the graph; labels: what a person reads. truth in (0, 1].
    known: whether the observed facts alone make it true, None where a budget ended before that was
    looked up.
    """

    entities: tuple[int, ...]
    terms: tuple[str, ...]
    labels: tuple[str, ...]
    truth: float
    known: bool | None
    witness: Witness | None = None


@dataclass(frozen=True, slots=True)
class AnswerTable(Sequence[Answer]):
    """Answers by column. Each is made when it is looked at: very many objects take long to make.

    entities, terms, labels: a column per answer variable; all columns are equally long.
    """

    entities: tuple[Sequence[int], ...]
    terms: tuple[Sequence[str], ...]
    labels: tuple[Sequence[str], ...]
    truths: Sequence[float]
    known: Sequence[bool | None]
    witnesses: Sequence[Witness | None]

    def __len__(self) -> int:
        return len(self.truths)

    def __iter__(self) -> Iterator[Answer]:
        rows = (_rows(columns, len(self)) for columns in (self.entities, self.terms, self.labels))
        return map(Answer, *rows, self.truths, self.known, self.witnesses)

    @overload
    def __getitem__(self, index: int) -> Answer: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Answer]: ...

    def __getitem__(self, index: int | slice) -> Answer | Sequence[Answer]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        return Answer(
            tuple(column[index] for column in self.entities),
            tuple(column[index] for column in self.terms),
            tuple(column[index] for column in self.labels),
            self.truths[index],
            self.known[index],
            self.witnesses[index],
        )


def _rows(columns: tuple[Sequence[Any], ...], count: int) -> Iterable[tuple[Any, ...]]:
    """Of no columns, so many empty rows."""
    return zip(*columns, strict=True) if columns else repeat((), count)


@dataclass(frozen=True, slots=True)
class Answers(Sequence[Answer]):
    """Answers in order of truth, ties in the order of the graph's entities.

    columns: names of the answer variables; none for a yes/no question, whose `truth` is the truth
    of the whole. total: answers with a truth above 0, of which these are a part. truth_column: the
    name under which the truth is shown. complete: whether total counts all answers; it need not
    where fewer were wanted. certain: whether these are proved to be the truest, with exact truths;
    if not, a budget ended, truths are lower bounds, and an answer that is not shown has at most
    the truth `others`. unexplained: answers without a witness because the budget ended before.
    """

    columns: tuple[str, ...]
    answers: Sequence[Answer]
    total: int
    truth: float | None = None
    truth_column: str = "score"
    complete: bool = True
    certain: bool = True
    others: float = 0.0
    unexplained: int = 0
    work: Work | None = field(default=None, compare=False)

    @overload
    def __getitem__(self, index: int) -> Answer: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Answer]: ...

    def __getitem__(self, index: int | slice) -> Answer | Sequence[Answer]:
        return self.answers[index]

    def __len__(self) -> int:
        return len(self.answers)

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)

    @property
    def is_boolean(self) -> bool:
        """Whether this answers a yes/no question."""
        return not self.columns

    def __bool__(self) -> bool:
        return bool(self.truth) if self.is_boolean else bool(self.answers)

    def to_polars(self) -> polars.DataFrame:
        """A frame with a column per answer variable, then score and known."""
        import polars

        overrides = {self.truth_column: polars.Float64, "known": polars.Boolean}
        strings = dict.fromkeys(self.columns, polars.String)
        return polars.DataFrame(self._table(), schema_overrides={**strings, **overrides})

    def to_pandas(self) -> pandas.DataFrame:
        """The same frame in pandas, an optional dependency."""
        import pandas

        return pandas.DataFrame(self._table())

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with witnesses and paths, which the results formats leave out."""
        return {
            "columns": list(self.columns),
            "truth": self.truth,
            "total": self.total,
            "complete": self.complete,
            "certain": self.certain,
            "others": self.others,
            "unexplained": self.unexplained,
            "answers": [
                {
                    "terms": list(answer.terms),
                    "labels": list(answer.labels),
                    "truth": answer.truth,
                    "known": answer.known,
                    "witness": answer.witness and answer.witness.to_dict(),
                }
                for answer in self.answers
            ],
        }

    def _table(self) -> dict[str, list[str] | list[float] | list[bool | None]]:
        table: dict[str, list[str] | list[float] | list[bool | None]] = {
            column: [answer.terms[i] for answer in self.answers]
            for i, column in enumerate(self.columns)
        }
        table[self.truth_column] = [answer.truth for answer in self.answers]
        table["known"] = [answer.known for answer in self.answers]
        return table
