"""Normal form: `normalize` turns a bound question into a `QueryGraph` by law-gated rewrites."""

from kgreason.normal.normalize import MAX_ATOMS, NormalForm, Semantics, normalize
from kgreason.normal.query_graph import (
    EQUALS,
    Alternatives,
    Edge,
    Member,
    NegatedGroup,
    Node,
    QueryGraph,
    edges,
)

__all__ = [
    "EQUALS",
    "MAX_ATOMS",
    "Alternatives",
    "Edge",
    "Member",
    "NegatedGroup",
    "Node",
    "NormalForm",
    "QueryGraph",
    "Semantics",
    "edges",
    "normalize",
]
