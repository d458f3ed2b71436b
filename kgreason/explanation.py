"""What was understood, planned and done, as text. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgreason.compute import ComputationGraph
from kgreason.formula import Query
from kgreason.knowledge import Vocabulary
from kgreason.normal import Naming, NormalForm
from kgreason.planning import Plan

if TYPE_CHECKING:
    from kgreason.answers import Answers
    from kgreason.execution import Profile


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every level of one question; answers and profile if it was run. `str` shows all of it."""

    query: Query[int]
    form: NormalForm
    plan: Plan
    computation: ComputationGraph
    naming: Naming
    logic: str
    semantics: str
    predictor: str
    answers: Answers | None
    profile: Profile | None = None

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
        return found + self.work()

    def work(self) -> list[tuple[str, str]]:
        """(title, text) of what was done: nothing before the question was run."""
        found = []
        if self.profile is not None:
            found.append(("steps", _table(self.profile)))
        if self.answers is not None and self.answers.work is not None:
            found.append(("work", str(self.answers.work)))
        return found

    def __str__(self) -> str:
        return in_text(self.sections())


def in_text(sections: Iterable[tuple[str, str]]) -> str:
    """Titles with their texts below them, indented."""
    return "\n\n".join(
        f"{title}\n" + "\n".join(f"  {line}" for line in text.splitlines())
        for title, text in sections
    )


def _table(profile: Profile) -> str:
    """A line for each step: what the plan expected of it, and what it did."""
    lines = [("step", "", "expected entries", "entries", "rows", "runs", "ms")]
    for name, step, work in profile.steps():
        done = ("", "", "", f"in {name.rpartition('.')[0]}")
        if work is not None:
            done = (
                f"{work.entries:,}",
                f"{work.rows:,}",
                f"{work.runs:,}",
                f"{1000 * work.seconds:.1f}",
            )
        lines.append((name, step.kind.value, f"{step.expected:,.0f}", *done))
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def naming(vocabulary: Vocabulary) -> Naming:
    """Ids spelled with the graph's labels."""
    return Naming(vocabulary.display, vocabulary.display_relation)
