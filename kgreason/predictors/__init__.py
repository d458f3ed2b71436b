"""Link predictors: from (entity, relation) pairs to rows of truth values.

Names are imported upon first use, so that looking at the protocol costs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgreason.predictors.base import LinkPredictor, RowPrice
    from kgreason.predictors.calibrated import CalibratedPredictor
    from kgreason.predictors.calibration import Calibration, parse_calibration
    from kgreason.predictors.checkpoint import (
        CheckpointInfo,
        inspect,
        load_checkpoint,
        relation_weights,
    )
    from kgreason.predictors.exchange import export_checkpoint, import_checkpoint
    from kgreason.predictors.facts import FactPredictor
    from kgreason.predictors.mixture import MixturePredictor
    from kgreason.predictors.resolver import load_predictor, with_predicted_relations
    from kgreason.predictors.rules import RulePredictor
    from kgreason.predictors.scorers import BilinearScorer, Scorer

_HOMES = {
    "BilinearScorer": "scorers",
    "Calibration": "calibration",
    "CalibratedPredictor": "calibrated",
    "CheckpointInfo": "checkpoint",
    "FactPredictor": "facts",
    "LinkPredictor": "base",
    "MixturePredictor": "mixture",
    "RowPrice": "base",
    "RulePredictor": "rules",
    "Scorer": "scorers",
    "export_checkpoint": "exchange",
    "import_checkpoint": "exchange",
    "inspect": "checkpoint",
    "load_checkpoint": "checkpoint",
    "load_predictor": "resolver",
    "parse_calibration": "calibration",
    "relation_weights": "checkpoint",
    "with_predicted_relations": "resolver",
}

__all__ = [
    "BilinearScorer",
    "CalibratedPredictor",
    "Calibration",
    "CheckpointInfo",
    "FactPredictor",
    "LinkPredictor",
    "MixturePredictor",
    "RowPrice",
    "RulePredictor",
    "Scorer",
    "export_checkpoint",
    "import_checkpoint",
    "inspect",
    "load_checkpoint",
    "load_predictor",
    "parse_calibration",
    "relation_weights",
    "with_predicted_relations",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
