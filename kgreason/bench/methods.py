"""Published training-free methods as settings of the one engine: a table, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from kgreason.errors import UsageError

if TYPE_CHECKING:
    from kgreason.normal import Semantics


@dataclass(frozen=True, slots=True)
class Method:
    """What a method means in terms of the engine.

    calibration: text of a calibration; graph_calibrations: pairs of the beginning of a knowledge
    graph's name and the calibration to use there instead. direct_calibration: what to use for
    questions without inner variables, None for the same. observed_truth: truth of a known fact,
    None as scored. frontier: candidates an ∃ keeps, None for all. scores: whether it needs a model.
    """

    name: str
    source: str
    calibration: str = "softmax-degree"
    graph_calibrations: tuple[tuple[str, str], ...] = ()
    direct_calibration: str | None = None
    observed_truth: float | None = 1.0
    logic: str = "product"
    semantics: Semantics = "text"
    frontier: int | None = None
    scores: bool = True

    def calibration_for(self, graph: str, *, direct: bool = False) -> str:
        """The calibration over the graph of that name, for direct questions or for the others."""
        if direct and self.direct_calibration is not None:
            return self.direct_calibration
        for beginning, calibration in self.graph_calibrations:
            if graph.startswith(beginning):
                return calibration
        return self.calibration


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("exact", "every candidate, the question as it is written"),
        # Its negation 1 − min(1, k·M) is read as 1 − M, which needs no constant per graph.
        Method(
            "qto",
            "Bai et al., ICML 2023; negation 1 − M",
            calibration="softmax-degree:cut=0.0002,ceiling=0.9999",
        ),
        Method(
            "fit",
            "Yin et al., ICLR 2024; cycles enumerated over all candidates",
            calibration="mass:cut=0.005,epsilon=0.001",
            graph_calibrations=(("NELL", "mass:cut=0.0002,epsilon=0.001"),),
            direct_calibration="mass:cut=0,epsilon=0.001",
            semantics="dnf",
        ),
        Method(
            "cqd-beam",
            "Arakelyan et al., ICLR 2021",
            # A sigmoid is 1 in float32 from a score of 17 on, and no longer ranks.
            calibration="min-max",
            observed_truth=None,
            semantics="dnf",
            frontier=8,
        ),
        Method("facts", "known facts only", scores=False),
    )
}
"""Every method by its name."""


def resolve_method(name: str) -> Method:
    """The method of that name; UsageError with the nearest for one that does not exist."""
    found = METHODS.get(name.strip().lower())
    if found is None:
        near = get_close_matches(name.lower(), METHODS, 1)
        raise UsageError(
            f"there is no method {name!r}",
            remedy=(f"did you mean {near[0]}? " if near else "") + f"known: {', '.join(METHODS)}",
        )
    return found
