"""What was understood, planned and done, as text. Nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgreason.compute import ComputationGraph
from kgreason.formula import Query
from kgreason.knowledge import Vocabulary
from kgreason.normal import Naming, NormalForm
from kgreason.planning import Plan

if TYPE_CHECKING:
    from kgreason.answers import Answers


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every level of one question; `answers` only if it was run. `str` shows all of it."""

    query: Query[int]
    form: NormalForm
    plan: Plan
    computation: ComputationGraph
    naming: Naming
    logic: str
    semantics: str
    predictor: str
    answers: Answers | None

    def sections(self) -> list[tuple[str, str]]:
        """(title, text) of every level, in the order of the corridor."""
        rewrites = "\n".join(
            [f"done: {', '.join(self.form.fired) or 'nothing'}"]
            + [f"refused: {reason}" for reason in self.form.refused]
        )
        found = [
            ("question", self.query.text.strip() if self.query.text else str(self.query.formula)),
            ("semantics", f"{self.semantics}, {self.logic} logic, truths from {self.predictor}"),
            ("rewrites", rewrites),
            ("query graph", self.form.graph.describe(self.naming)),
            ("plan", self.plan.describe(self.naming)),
            ("computation", str(self.computation)),
        ]
        if self.answers is not None and self.answers.work is not None:
            found.append(("work", str(self.answers.work)))
        return found

    def __str__(self) -> str:
        return "\n\n".join(
            f"{title}\n" + "\n".join(f"  {line}" for line in text.splitlines())
            for title, text in self.sections()
        )


def naming(vocabulary: Vocabulary) -> Naming:
    """Ids spelled with the graph's labels."""
    return Naming(vocabulary.display, vocabulary.display_relation)
