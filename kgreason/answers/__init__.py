"""Answers: `rank` orders what a plan gave, `ground` reads out the witness, `serialize` writes."""

from kgreason.answers.answer import Answer, Answers, Evidence, Witness
from kgreason.answers.certain import top_is_certain, top_is_open
from kgreason.answers.page import by_truth, page
from kgreason.answers.rank import Ranking, rank, truest
from kgreason.answers.results import FORMATS, format_name, serialize
from kgreason.answers.wanted import Wanted
from kgreason.answers.witness import Asker, Either, Ground, Leaf, ground, substitute

__all__ = [
    "FORMATS",
    "Answer",
    "Answers",
    "Asker",
    "Either",
    "Evidence",
    "Ground",
    "Leaf",
    "Ranking",
    "Wanted",
    "Witness",
    "by_truth",
    "format_name",
    "ground",
    "page",
    "rank",
    "serialize",
    "substitute",
    "top_is_certain",
    "top_is_open",
    "truest",
]
