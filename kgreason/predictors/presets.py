"""Settings of training, named and usual."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings of training that hold where nothing is said; fields as in `Options`.

    source: where they come from.
    """

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
_CQD = f"Arakelyan et al., ICLR 2021: uclnlp/cqd, README; {_OWN}"
PRESETS = {
    "complex": {
        "fb15k-237": Preset(1000, 100, 250, 0.1, 0.05, 10, 1, f"{_N3} (MRR 0.37); {_OWN}"),
        "nell995": Preset(1000, 100, 500, 0.1, 0.05, 10, 1, _CQD),
        "wn18rr": Preset(500, 100, 100, 0.1, 0.1, 10, 1, f"{_N3} (MRR 0.49); {_OWN}"),
    }
}
BILINEAR = Preset(128, 50, 250, 0.1, 0.01, 10, 1, "small graphs")
