"""Tables of figures as text for people, Markdown, CSV, LaTeX and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kgreason.choose import choose

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows beneath a head. notes: what a reader must know to read the figures."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = field(default=())


def render(tables: Sequence[Table], form: str) -> str:
    """The tables in a format of FORMATS; UsageError for another."""
    return choose("format", form, FORMATS)(tables)


def _spell(cell: Cell) -> str:
    if cell is None:
        return "–"
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)


def _text(tables: Sequence[Table]) -> str:
    return "\n".join(_text_of(table) for table in tables)


def _text_of(table: Table) -> str:
    rows = [table.head, *(tuple(map(_spell, row)) for row in table.rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.head))]
    lines = [table.title] if table.title else []
    for first, *rest in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True)]
        lines.append("  ".join([f"{first:<{widths[0]}}", *cells]).rstrip())
    return "\n".join([*lines, *table.notes]) + "\n"


def _markdown(tables: Sequence[Table]) -> str:
    return "\n".join(_markdown_of(table) for table in tables)


def _markdown_of(table: Table) -> str:
    lines = [f"**{table.title}**", ""] if table.title else []
    lines.append("| " + " | ".join(table.head) + " |")
    lines.append("|---|" + "---:|" * (len(table.head) - 1))
    for row in table.rows:
        lines.append("| " + " | ".join(_spell(cell).replace("|", "\\|") for cell in row) + " |")
    lines += ["", *(f"{note}  " for note in table.notes)] if table.notes else []
    return "\n".join(lines) + "\n"


def _csv(tables: Sequence[Table]) -> str:
    """One sheet: the title is the first column; the notes are left out."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for i, table in enumerate(tables):
        if i == 0 or table.head != tables[i - 1].head:
            writer.writerow(["table", *table.head])
        writer.writerows(
            [table.title, *("" if c is None else c for c in row)] for row in table.rows
        )
    return out.getvalue()


_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_LATEX |= {sign: f"\\{sign}" for sign in "&%$#_{}"} | {"–": "--", "†": r"\dag{}", "−": "$-$"}


def _latex(tables: Sequence[Table]) -> str:
    return "\n".join(_latex_of(table) for table in tables)


def _latex_of(table: Table) -> str:
    lines = [f"% {line}" for line in (table.title, *table.notes) if line]
    lines.append(r"\begin{tabular}{l" + "r" * (len(table.head) - 1) + "}")
    lines.append(r"\hline")
    lines.append(_latex_row(table.head))
    lines.append(r"\hline")
    lines += [_latex_row(tuple(map(_spell, row))) for row in table.rows]
    return "\n".join([*lines, r"\hline", r"\end{tabular}"]) + "\n"


def _latex_row(cells: Sequence[str]) -> str:
    spelled = ("".join(_LATEX.get(sign, sign) for sign in cell) for cell in cells)
    return " & ".join(spelled) + r" \\"


def _json(tables: Sequence[Table]) -> str:
    """Unrounded figures."""
    shown = [
        {
            "table": table.title,
            "rows": [dict(zip(table.head, row, strict=True)) for row in table.rows],
            "notes": table.notes,
        }
        for table in tables
    ]
    return json.dumps(shown, ensure_ascii=False, indent=2) + "\n"


FORMATS: Mapping[str, Callable[[Sequence[Table]], str]] = {
    "table": _text,
    "markdown": _markdown,
    "csv": _csv,
    "latex": _latex,
    "json": _json,
}
"""Every format by name."""
