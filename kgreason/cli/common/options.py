"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from kgreason.checks import check_text
from kgreason.cli.common.precision import settled_dtype
from kgreason.errors import DataError, UsageError
from kgreason.settings import FACTS, USUAL, Settings, spell_size
from kgreason.settings import names as split_names

DATA = "Knowledge graph"
_QUESTION = "Question"
_MEANING = "Meaning"
_MACHINE = "Machine"
OUTPUT = "Output"
USUAL_MEMORY = spell_size(USUAL.max_memory)


def offer(*words: str) -> Callable[[str], list[str]]:
    """Shell completion among these words."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="cpu|cuda", help="Where to compute.", rich_help_panel=_MACHINE
    ),
]
Dtype = Annotated[
    str,
    typer.Option(
        "--dtype",
        metavar="float32|float64|bfloat16|auto",
        help="Precision of scores; auto is bfloat16 where a probe, made once, finds it faster. "
        "Answers are shown with truths from float32.",
        autocompletion=offer("float32", "float64", "bfloat16", "auto"),
        rich_help_panel=_MACHINE,
    ),
]
MaxMemory = Annotated[
    str,
    typer.Option(
        "--max-memory",
        metavar="SIZE",
        help="Working memory, such as 2GiB or 512MB.",
        rich_help_panel=_MACHINE,
    ),
]
RowCache = Annotated[
    Path | None,
    typer.Option(
        "--row-cache",
        metavar="DIR",
        help="Keep the rows of the model here, and score none that is here already.",
        rich_help_panel=_MACHINE,
    ),
]

ResultsFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="table|json|csv|tsv|xml",
        help="Results format (or its MIME type); by default told by -o's suffix, else a table "
        "on a terminal and TSV in a pipe.",
        autocompletion=offer("table", "json", "csv", "tsv", "xml"),
        rich_help_panel=OUTPUT,
    ),
]
ResultsFile = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write here.", rich_help_panel=OUTPUT),
]
Paths = Annotated[
    int,
    typer.Option(
        "--paths",
        min=0,
        metavar="N",
        help="Paths of facts to show for a predicted link, where the model reasons along paths.",
        rich_help_panel=OUTPUT,
    ),
]


METHOD_NAMES = ("exact", "qto", "fit", "cqd-beam", "nsmp", "nsmp-unpruned", "ultraquery", "facts")
"""Names of `kgreason.methods`, which costs torch to import."""


def _graph_option() -> Any:
    return typer.Option(
        "--graph",
        "-g",
        metavar="GRAPH",
        help="A store, RDF or TSV files (repeat the option), a BetaE folder, pykeen:umls; "
        "`-` reads standard input.",
        rich_help_panel=DATA,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphOptions:
    """Which knowledge graph."""

    graph: Annotated[list[str], _graph_option()]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaybeGraphOptions:
    """Which knowledge graph, where one is needed."""

    graph: Annotated[list[str] | None, _graph_option()] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionOptions:
    """What is asked."""

    query: Annotated[
        str | None,
        typer.Option(
            "--query",
            "-q",
            metavar="TEXT",
            help="The question; without it and a file, standard input is read.",
            rich_help_panel=_QUESTION,
        ),
    ] = None
    query_file: Annotated[
        Path | None,
        typer.Option(
            "--query-file",
            metavar="FILE",
            help="File that holds the question; `-` is standard input.",
            rich_help_panel=_QUESTION,
        ),
    ] = None
    language: Annotated[
        str,
        typer.Option(
            "--language",
            metavar="auto|efo|sparql",
            help="Language of the question.",
            autocompletion=offer("auto", "efo", "sparql"),
            rich_help_panel=_QUESTION,
        ),
    ] = "auto"

    def text(self, graphs: list[str]) -> str:
        """The question, from wherever it is to come."""
        if self.query is not None and self.query_file is not None:
            raise UsageError("both --query and --query-file are given", remedy="give one of them")
        if self.query is not None:
            check_text(self.query, "the question")
            return self.query
        if self.query_file is not None and str(self.query_file) != "-":
            return read_text(self.query_file)
        if "-" in graphs:
            raise UsageError(
                "standard input cannot hold both the graph and the question",
                remedy="give the question with -q, or the graph as a file",
            )
        from kgreason.knowledge.sources.streams import standard_input

        if standard_input().isatty():
            raise UsageError(
                "no question was given", remedy="give one with -q, --query-file or standard input"
            )
        return _decoded(standard_input().read(), "standard input")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasoningOptions:
    """What answers mean, and where they are computed."""

    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="What predicts missing links: a checkpoint, rules (.txt), a mixture (.json), a "
            "pulled model (ultra), or auto for what is at hand; repeated, they are mixed. Without "
            "it, or `facts`: known facts only.",
            rich_help_panel=_MEANING,
        ),
    ] = None
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            metavar="NAME",
            help=f"A published method: {', '.join(METHOD_NAMES)}. Settings that are given besides "
            "go before its own.",
            autocompletion=offer(*METHOD_NAMES),
            rich_help_panel=_MEANING,
        ),
    ] = None
    logic: Annotated[
        str,
        typer.Option(
            "--logic",
            metavar="LOGIC",
            help="How truths are combined: product, godel, lukasiewicz, …",
            autocompletion=offer("product", "godel", "lukasiewicz"),
            rich_help_panel=_MEANING,
        ),
    ] = str(USUAL.logic)
    semantics: Annotated[
        str,
        typer.Option(
            "--semantics",
            metavar="text|dnf",
            help="The question as written, or its disjunctive normal form.",
            autocompletion=offer("text", "dnf"),
            rich_help_panel=_MEANING,
        ),
    ] = USUAL.semantics
    calibration: Annotated[
        str,
        typer.Option(
            "--calibration",
            metavar="NAME:KEY=VALUE,…",
            help="From a model's scores to truths: softmax-degree, missing-tails, mass, sigmoid, "
            "min-max, or auto for what suits the model.",
            autocompletion=offer(
                "auto", "softmax-degree", "missing-tails", "mass", "sigmoid", "min-max"
            ),
            rich_help_panel=_MEANING,
        ),
    ] = USUAL.calibration
    observed: Annotated[
        str | None,
        typer.Option(
            "--observed",
            metavar="SPLIT,…",
            help="Splits whose facts are known, or `all`; by default train where there are splits.",
            rich_help_panel=_MEANING,
        ),
    ] = None
    observed_truth: Annotated[
        str,
        typer.Option(
            "--observed-truth",
            metavar="TRUTH|none",
            help="Truth of a known fact; `none` leaves it as the model scores it.",
            rich_help_panel=_MEANING,
        ),
    ] = str(USUAL.observed_truth)
    device: Device = USUAL.device
    dtype: Dtype = USUAL.dtype
    max_memory: MaxMemory = USUAL_MEMORY
    row_cache: RowCache = None

    @property
    def models(self) -> list[str]:
        """The models named, known facts where none is."""
        return self.model or [FACTS]

    def settings(self) -> Settings:
        """These choices, checked. UsageError for one that is wrong."""
        return Settings.of(
            logic=self.logic,
            semantics=self.semantics,
            observed=self.observed,
            observed_truth=self.observed_truth,
            calibration=self.calibration,
            device=self.device,
            dtype=settled_dtype(self.dtype, self.models, self.device),
            max_memory=self.max_memory,
            row_cache=self.row_cache,
        )


def names(text: str | None) -> tuple[str, ...] | None:
    """`a,b` -> (a, b); nothing -> None."""
    return None if text is None else split_names(text)


def read_text(path: Path) -> str:
    """A text file's contents."""
    try:
        return _decoded(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror or error}", remedy="check the path"
        ) from error


def _decoded(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{source} is not UTF-8 text (byte {error.start})", remedy="convert it to UTF-8"
        ) from error
