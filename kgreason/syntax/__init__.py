"""Text to questions: EFO notation, SPARQL and benchmark forms all become the same formula."""

from kgreason.syntax.benchmark import (
    BETAE_TYPES,
    from_formula_string,
    from_nested_tuple,
    structure_of,
)
from kgreason.syntax.efo import parse_efo
from kgreason.syntax.language import parse
from kgreason.syntax.printer import to_text
from kgreason.syntax.sparql import parse_sparql

__all__ = [
    "BETAE_TYPES",
    "from_formula_string",
    "from_nested_tuple",
    "parse",
    "parse_efo",
    "parse_sparql",
    "structure_of",
    "to_text",
]
