"""Knowledge graphs: facts by id, their names, the readers and the store."""

from kgreason.knowledge.graph import KnowledgeGraph
from kgreason.knowledge.index import FactIndex
from kgreason.knowledge.sources.guard import ReadingLimits
from kgreason.knowledge.vocabulary import Vocabulary

__all__ = ["FactIndex", "KnowledgeGraph", "ReadingLimits", "Vocabulary"]
