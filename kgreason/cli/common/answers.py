"""Answers as lines a person reads: rank, answer, score, standing, and the witness beneath."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from kgreason.cli.common.output import TABLE, Target
from kgreason.cli.common.terminal import Terminal, visible

if TYPE_CHECKING:
    from kgreason.answers import Answer, Answers, Evidence, Witness
    from kgreason.engine import Engine

_DIM = "dim"
_KNOWN = "green"
_PREDICTED = "yellow"


def deliver(
    terminal: Terminal,
    target: Target,
    answers: Answers,
    prefixes: Mapping[str, str],
    offset: int = 0,
) -> None:
    """Hand answers over in the format and to the place that was chosen."""
    if target.format != TABLE:
        from kgreason.answers import serialize

        target.write(terminal, serialize(answers, target.format))
        return
    lines = list(answer_lines(answers, prefixes, offset))
    if target.path is not None:
        target.write(terminal, "".join(f"{line.plain}\n" for line in lines))
        return
    for line in lines:
        terminal.print(line)


def footer(terminal: Terminal, engine: Engine, answers: Answers) -> None:
    """How much was found, with what, and what it took."""
    parts = [
        engine.predictor.name,
        f"{engine.logic} logic",
        f"observed: {', '.join(engine.observed)}",
        str(answers.work),
    ]
    if not answers.is_boolean:
        least = "" if answers.complete else "at least "
        parts.insert(0, f"{len(answers):,} of {least}{answers.total:,} answers")
    terminal.note(" | ".join(parts))
    if note := left_open(answers):
        terminal.warn(note)
    if answers.unexplained:
        terminal.note(f"the budget ended before {answers.unexplained:,} witnesses were read out")
    if not answers.total and not answers.is_boolean and engine.predictor.price().facts_only:
        terminal.note("known facts alone give none; a model (-m) predicts missing links")


def left_open(answers: Answers) -> str:
    """What a budget left open; nothing where it left nothing open."""
    if answers.certain:
        return ""
    return (
        "not proved to be the truest: the budget ended first; scores are lower bounds, and "
        f"what is not shown has at most {answers.others:.4f}"
    )


def answer_lines(answers: Answers, prefixes: Mapping[str, str], offset: int = 0) -> Iterator[Text]:
    """Lines of a table. `offset`: how many answers come before the first."""
    if answers.is_boolean:
        yield from _yes_or_no(answers)
        return
    if not answers:
        return
    cells = [_cells(answer, prefixes) for answer in answers]
    header = [f"?{name}" for name in answers.columns]
    widths = [max(cell_len(row[i]) for row in [header, *cells]) for i in range(len(header))]
    rank = len(str(offset + len(answers)))
    score = max(6, cell_len(answers.truth_column))
    shown = "  ".join(map(_padded, header, widths))
    yield Text(f"{'#':>{rank}}  {shown}  {answers.truth_column:>{score}}", "bold")
    for number, (answer, row) in enumerate(zip(answers, cells, strict=True), offset + 1):
        yield Text.assemble(
            (f"{number:>{rank}}  ", _DIM),
            "  ".join(map(_padded, row, widths)),
            f"  {number_text(answer.truth):>{score}}  ",
            _standing(answer.known),
        )
        if answer.witness is not None:
            yield from _witness_lines(answer.witness, rank + 4)


def number_text(truth: float) -> str:
    """Four digits after the point, or as few as tell it from 0."""
    return f"{truth:.4f}" if truth == 0 or truth >= 0.00005 else f"{truth:.0e}"


def _yes_or_no(answers: Answers) -> Iterator[Text]:
    truth = answers.truth or 0.0
    line = Text.assemble((str(truth > 0).lower(), "bold"), f"  {number_text(truth)}")
    for answer in answers:
        line.append("  ").append(_standing(answer.known))
    yield line
    for answer in answers:
        if answer.witness is not None:
            yield from _witness_lines(answer.witness, 2)


def _cells(answer: Answer, prefixes: Mapping[str, str]) -> list[str]:
    """What each entity is called, and its term where that is another one."""
    from kgreason.knowledge.terms import shorten

    terms = [shorten(term, prefixes) for term in answer.terms]
    return [
        _visible(label if label == term else f"{label} ({term})")
        for label, term in zip(answer.labels, terms, strict=True)
    ]


def _witness_lines(witness: Witness, indent: int) -> Iterator[Text]:
    margin = " " * indent
    if witness.labels:
        found = ", ".join(f"?{name} = {label}" for name, label in witness.labels.items())
        yield Text(f"{margin}with {_visible(found)}", _DIM)
    # A single atom only repeats the answer's own truth.
    alone = not witness.assignment and len(witness.evidence) < 2
    yield from _evidence_lines(witness.evidence, indent, alone)


def _evidence_lines(evidence: Sequence[Evidence], indent: int, alone: bool) -> Iterator[Text]:
    margin = " " * indent
    texts = [_visible(one.text) for one in evidence]
    width = min(100, max(map(cell_len, texts), default=0))
    for one, text in zip(evidence, texts, strict=True):
        style = _KNOWN if one.standing in ("fact", "no such fact") else _PREDICTED
        if not alone or one.alternatives:
            yield Text.assemble(
                f"{margin}{_padded(text, width)}  {number_text(one.truth)}  ", (one.standing, style)
            )
        deeper = 0 if alone and not one.alternatives else 2
        for path in one.paths:
            yield Text(f"{margin}{' ' * deeper}by {_visible(' ∧ '.join(path))}", _DIM)
        for alternative in one.alternatives:
            yield from _evidence_lines(alternative.evidence, indent + deeper, alone=False)


def _standing(known: bool | None) -> Text:
    if known is None:
        return Text("not looked up", _DIM)
    return Text("known", _KNOWN) if known else Text("predicted", _PREDICTED)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _visible(text: str) -> str:
    """A name on one line."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")
