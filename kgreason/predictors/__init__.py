"""Link predictors: from (entity, relation) pairs to rows of truth values.

Names are imported upon first use, so that looking at the protocol costs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgreason.predictors.calibrated.calibration import Calibration
    from kgreason.predictors.calibrated.calibrations import parse_calibration
    from kgreason.predictors.calibrated.predictor import CalibratedPredictor
    from kgreason.predictors.checkpoints.exchange import export_checkpoint, import_checkpoint
    from kgreason.predictors.checkpoints.format import CheckpointInfo, inspect
    from kgreason.predictors.embedding.bilinear import BilinearScorer
    from kgreason.predictors.embedding.tables import relation_weights
    from kgreason.predictors.facts import FactPredictor
    from kgreason.predictors.kinds import load_checkpoint
    from kgreason.predictors.load import load_predictor, verify_model, with_predicted_relations
    from kgreason.predictors.mixture.predictor import MixturePredictor
    from kgreason.predictors.protocol import LinkPredictor, RowPrice
    from kgreason.predictors.rules import RulePredictor
    from kgreason.predictors.scorer import Scorer

_HOMES = {
    "BilinearScorer": "embedding.bilinear",
    "Calibration": "calibrated.calibration",
    "CalibratedPredictor": "calibrated.predictor",
    "CheckpointInfo": "checkpoints.format",
    "FactPredictor": "facts",
    "LinkPredictor": "protocol",
    "MixturePredictor": "mixture.predictor",
    "RowPrice": "protocol",
    "RulePredictor": "rules",
    "Scorer": "scorer",
    "export_checkpoint": "checkpoints.exchange",
    "import_checkpoint": "checkpoints.exchange",
    "inspect": "checkpoints.format",
    "load_checkpoint": "kinds",
    "load_predictor": "load",
    "parse_calibration": "calibrated.calibrations",
    "relation_weights": "embedding.tables",
    "verify_model": "load",
    "with_predicted_relations": "load",
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
    "verify_model",
    "with_predicted_relations",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
