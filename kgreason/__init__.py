"""kgreason: logical questions over incomplete knowledge graphs, ranked and explained.

A question in EFO notation or SPARQL passes seven rooms, each taking what its predecessor made:

    text ─ syntax ─ binding ─ normal ─ planning ─ compute ─ execution ─ answers ─ ranked answers

beside which stand the shelves formula, truth, knowledge and predictors. `engine.Engine` is the
corridor: it visits each room once, in order.

    >>> from kgreason import Engine, KnowledgeGraph
    >>> graph = KnowledgeGraph.load("pykeen:umls")
    >>> for answer in Engine(graph).ask("?y : treats(antibiotic, y)", limit=3):
    ...     print(answer.labels[0], answer.truth)
    anatomical_abnormality 1.0
    mental_or_behavioral_dysfunction 1.0
    disease_or_syndrome 1.0
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgreason.engine import Engine
    from kgreason.knowledge import KnowledgeGraph, ReadingLimits
    from kgreason.syntax import parse
    from kgreason.training import train

__version__ = "0.1.0"
__all__ = ["Engine", "KnowledgeGraph", "ReadingLimits", "__version__", "parse", "train"]

_HOMES = {
    "Engine": "engine",
    "KnowledgeGraph": "knowledge",
    "ReadingLimits": "knowledge",
    "parse": "syntax",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    """Import a public name upon first use, so that `import kgreason` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
