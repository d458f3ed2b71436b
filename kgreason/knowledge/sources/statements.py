"""What the RDF readers share: formats, terms as text, the parser's complaints."""

from __future__ import annotations

import pyoxigraph as ox

from kgreason.errors import DataError
from kgreason.knowledge.interner import Strings
from kgreason.knowledge.sources.streams import Source

RDF_FORMATS = {
    "ntriples": ox.RdfFormat.N_TRIPLES,
    "nquads": ox.RdfFormat.N_QUADS,
    "turtle": ox.RdfFormat.TURTLE,
    "trig": ox.RdfFormat.TRIG,
    "rdfxml": ox.RdfFormat.RDF_XML,
    "jsonld": ox.RdfFormat.JSON_LD,
}
LINE_FORMATS = ("ntriples", "nquads")
# After an error these parsers find the next statement again; the others only guess.
RECOVERING = ("turtle", "trig")
CHUNK = 100_000

Columns = tuple[Strings, Strings, Strings]


def columns(quads: list[ox.Quad]) -> Columns:
    """Subjects, predicates and objects in N-Triples form."""
    return (
        [str(quad.subject) for quad in quads],
        [str(quad.predicate) for quad in quads],
        [str(quad.object) for quad in quads],
    )


def malformed(source: Source, error: SyntaxError, kind: str, line: int = 0) -> DataError:
    """The parser's complaint with the file's name and line and what would do."""
    place = f", line {line + error.lineno}" if error.lineno else ""
    reason = str(error.msg)
    if error.lineno and ": " in reason:
        reason = reason.split(": ", 1)[1]
    remedy = "repair the file"
    if kind in LINE_FORMATS or kind in RECOVERING:
        remedy += ", or pass over malformed statements with --lenient"
    if "LoadDocumentCallback" in reason:
        reason = "the document refers to a context elsewhere, and nothing is fetched"
        remedy = "put the context into the document"
    return DataError(f"{source.label}{place}: {reason}", remedy=remedy)
