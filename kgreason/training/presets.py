"""Settings of a run: each model's defaults, and what the literature uses for known graphs."""

from __future__ import annotations

from dataclasses import dataclass

from kgreason.choose import choose
from kgreason.errors import UsageError
from kgreason.predictors.embedding.compositions import COMPLEX, COMPOSITIONS
from kgreason.predictors.gnn.epignn.checkpoint import EPIGNN


@dataclass(frozen=True, slots=True)
class Preset:
    """What holds where nothing is said; fields as in `Options`. source: where it comes from."""

    dimension: int
    epochs: int
    batch_size: int
    learning_rate: float
    regularization: float
    patience: int
    evaluate_every: int
    source: str


_N3 = "Lacroix et al., ICML 2018: github.com/facebookresearch/kbc, README"
_OWN = "batch counted in (head, relation) pairs"

PRESETS = {
    "fb15k-237": Preset(1000, 100, 250, 0.1, 0.05, 10, 1, f"{_N3} (MRR 0.37); {_OWN}"),
    "nell995": Preset(
        1000, 100, 500, 0.1, 0.05, 10, 1, f"Arakelyan et al., ICLR 2021: uclnlp/cqd, README; {_OWN}"
    ),
    "wn18rr": Preset(500, 100, 100, 0.1, 0.1, 10, 1, f"{_N3} (MRR 0.49); {_OWN}"),
}

_BILINEAR = Preset(128, 50, 250, 0.1, 0.01, 10, 1, "small graphs")
_EPIGNN = Preset(64, 8, 32, 0.01, 0.0, 0, 1, "small graphs")
_PYKEEN = Preset(64, 100, 256, 0.01, 0.0, 10, 5, "PyKEEN's defaults")


def preset(model: str, name: str | None) -> Preset:
    """The named preset, else the model's defaults. UsageError for names that are not known."""
    if name is None:
        return {**dict.fromkeys(COMPOSITIONS, _BILINEAR), EPIGNN: _EPIGNN}.get(model, _PYKEEN)
    found = choose("preset", name.lower(), PRESETS)
    if model != COMPLEX.model:
        raise UsageError(
            f"preset {name} is for the model {COMPLEX.model}, not {model}",
            remedy="leave the preset out and give the settings one by one",
        )
    return found
