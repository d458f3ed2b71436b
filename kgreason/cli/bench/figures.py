"""The format of printed figures, an option that the benchmark commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from kgreason.choose import require
from kgreason.cli.common.options import offer

FORMATS = ("table", "markdown", "csv", "latex", "json")

FigureFormat = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="|".join(FORMATS),
        help="Format of the tables.",
        autocompletion=offer(*FORMATS),
    ),
]


def require_format(form: str) -> None:
    """UsageError for a format that does not exist, before anything is computed."""
    require("format", form, FORMATS)
