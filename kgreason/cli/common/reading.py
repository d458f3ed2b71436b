"""Options of how the files of a knowledge graph are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgreason.cli.common.options import DATA
from kgreason.settings import size

if TYPE_CHECKING:
    from kgreason.knowledge.sources.guard import ReadingLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """How the files of a knowledge graph are read."""

    input_format: Annotated[
        str | None,
        typer.Option(
            "--input-format",
            metavar="FORMAT",
            help="Format of the files, by default told by their suffix.",
            rich_help_panel=DATA,
        ),
    ] = None
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", metavar="FILE", help="Lines of name TAB label.", rich_help_panel=DATA
        ),
    ] = None
    label_property: Annotated[
        list[str] | None,
        typer.Option(
            "--label-property",
            metavar="RELATION",
            help="A relation that holds labels, besides rdfs:label and skos:prefLabel (repeat).",
            rich_help_panel=DATA,
        ),
    ] = None
    limit_length: Annotated[
        str,
        typer.Option(
            "--limit-length",
            metavar="SIZE",
            help="Longest literal, IRI, tag or line of a file.",
            rich_help_panel=DATA,
        ),
    ] = "4MiB"
    limit_nesting: Annotated[
        int,
        typer.Option(
            "--limit-nesting",
            metavar="N",
            help="Deepest nesting of brackets or elements in a file.",
            rich_help_panel=DATA,
        ),
    ] = 500
    limit_expansion: Annotated[
        int,
        typer.Option(
            "--limit-expansion",
            metavar="N",
            help="How many times the size of its file compressed data may be.",
            rich_help_panel=DATA,
        ),
    ] = 200
    limit_growth: Annotated[
        int,
        typer.Option(
            "--limit-growth",
            metavar="N",
            help="How many times its size prefixes and XML entities may make a document.",
            rich_help_panel=DATA,
        ),
    ] = 50
    limit_prefixes: Annotated[
        int,
        typer.Option(
            "--limit-prefixes",
            metavar="N",
            help="Different prefixes that a file may declare.",
            rich_help_panel=DATA,
        ),
    ] = 10_000

    def limits(self) -> ReadingLimits:
        """What files may hold."""
        from kgreason.knowledge.sources.guard import ReadingLimits

        return ReadingLimits(
            length=size(self.limit_length),
            nesting=self.limit_nesting,
            expansion=self.limit_expansion,
            growth=self.limit_growth,
            prefixes=self.limit_prefixes,
        )
