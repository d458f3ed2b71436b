"""Top-k: `Reasoner.settle` computes plans until their stop conditions are proved."""

from kgreason.topk.proof import greatest_unseen, rows_in, top_is_proved, unresolved_threshold
from kgreason.topk.reasoner import Reasoner
from kgreason.topk.stop import AllTruths, StopCondition, TopK
from kgreason.topk.threshold import EXHAUSTIVE, INITIAL, Threshold

__all__ = [
    "EXHAUSTIVE",
    "INITIAL",
    "AllTruths",
    "Reasoner",
    "StopCondition",
    "Threshold",
    "TopK",
    "greatest_unseen",
    "rows_in",
    "top_is_proved",
    "unresolved_threshold",
]
