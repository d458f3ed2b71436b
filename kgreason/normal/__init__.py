"""Normal form: `normalize` turns a bound question into a `QueryGraph` by law-gated rewrites."""

from kgreason.normal.normalize import (
    MAX_ATOMS,
    MAX_STATEMENTS,
    MAX_VARIABLES,
    NormalForm,
    normalize,
)
from kgreason.normal.query_graph import (
    EQUALS,
    IDS,
    Alternatives,
    Edge,
    Member,
    Naming,
    NegatedGroup,
    Node,
    QueryGraph,
    edges,
)

__all__ = [
    "EQUALS",
    "IDS",
    "MAX_ATOMS",
    "MAX_STATEMENTS",
    "MAX_VARIABLES",
    "Alternatives",
    "Edge",
    "Member",
    "Naming",
    "NegatedGroup",
    "Node",
    "NormalForm",
    "QueryGraph",
    "edges",
    "normalize",
]
