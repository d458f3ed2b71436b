"""Answers: `rank` orders what a plan gave, `ground` reads out the witness, `serialize` writes."""

from kgreason.answers.answer import Answer, Answers, Evidence, Witness
from kgreason.answers.assembly import Asked, Assembler, Prepared
from kgreason.answers.evidence import EvidenceBuilder
from kgreason.answers.oracle import MarginalOracle
from kgreason.answers.page import by_truth, page
from kgreason.answers.rank import Ranking, rank, truest, without
from kgreason.answers.relations import relations_between
from kgreason.answers.results import FORMATS, format_name, serialize
from kgreason.answers.witness import Either, Ground, Leaf, ground, substitute

__all__ = [
    "FORMATS",
    "Answer",
    "Answers",
    "Asked",
    "Assembler",
    "Either",
    "Evidence",
    "EvidenceBuilder",
    "Ground",
    "Leaf",
    "MarginalOracle",
    "Prepared",
    "Ranking",
    "Witness",
    "by_truth",
    "format_name",
    "ground",
    "page",
    "rank",
    "relations_between",
    "serialize",
    "substitute",
    "truest",
    "without",
]
