"""Published training-free methods as settings of an executor: a table, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kgreason.choose import choose

if TYPE_CHECKING:
    from kgreason.settings import Semantics


@dataclass(frozen=True, slots=True)
class Messages:
    """What message passing is tuned by.

    alpha: mass of the complement of a negated set. weight: λ, the share of the fuzzy set in the
    answer. pruning: whether a term that has received nothing stays silent.
    """

    alpha: float = 100.0
    weight: float = 0.3
    pruning: bool = True

    def __str__(self) -> str:
        silent = "terms that heard nothing are silent" if self.pruning else "every term speaks"
        return f"α {self.alpha:g}, λ {self.weight:g}, {silent}"


@dataclass(frozen=True, slots=True)
class Special:
    """A calibration for some questions only.

    graph: the beginning of the knowledge graph's name. direct: questions without inner variables,
    or only others; negated: questions with a negation, or only others; None for both.
    """

    calibration: str
    graph: str = ""
    direct: bool | None = None
    negated: bool | None = None

    def suits(self, graph: str, direct: bool, negated: bool) -> bool:
        """Whether it is for such questions over the graph of that name."""
        right_kind = self.direct in (None, direct) and self.negated in (None, negated)
        return right_kind and graph.startswith(self.graph)

    def __str__(self) -> str:
        kinds = (
            (self.direct, "without inner variables", "with inner variables"),
            (self.negated, "with negation", "without negation"),
        )
        told = [(yes if value else no) for value, yes, no in kinds if value is not None]
        return f"{' and '.join(told)} {self.calibration}".strip()


@dataclass(frozen=True, slots=True)
class Method:
    """What a method means in terms of what computes it.

    executor: which one, a name of `executors.EXECUTORS`. calibration: text of a calibration;
    specials: what is used instead, the first that suits a question. observed_truth: truth of a
    known fact, None as scored. frontier: candidates an ∃ keeps, None for all. messages,
    graph_messages: message passing's constants, by the graph's name too. scores: whether it needs a
    model.
    """

    name: str
    source: str
    calibration: str = "softmax-degree"
    specials: tuple[Special, ...] = ()
    observed_truth: float | None = 1.0
    logic: str = "product"
    semantics: Semantics = "text"
    frontier: int | None = None
    scores: bool = True
    executor: str = "reasoner"
    messages: Messages | None = None
    graph_messages: tuple[tuple[str, Messages], ...] = ()

    @property
    def is_planned(self) -> bool:
        """Whether it is settings of the engine: with plans, bounds and witnesses."""
        return self.executor == "reasoner"

    def calibration_for(self, graph: str, *, direct: bool = False, negated: bool = False) -> str:
        """The calibration over the graph of that name for questions of that kind."""
        fitting = (one for one in self.specials if one.suits(graph, direct, negated))
        return next((one.calibration for one in fitting), self.calibration)

    def messages_for(self, graph: str) -> Messages | None:
        """Message passing's constants over the graph of that name; None for other executors."""
        fitting = (one for name, one in self.graph_messages if graph.startswith(name))
        return next(fitting, self.messages)


def _nsmp(name: str, source: str, *, pruning: bool) -> Method:
    """The constants for FB15k-237 are those for other graphs too, of which none are published."""
    return Method(
        name,
        source,
        semantics="dnf",
        executor="nsmp",
        messages=Messages(pruning=pruning),
        graph_messages=(("NELL", Messages(alpha=1000.0, weight=0.1, pruning=pruning)),),
    )


READS: Mapping[str, frozenset[str]] = {
    "reasoner": frozenset({"logic", "semantics", "calibration", "observed_truth", "frontier"}),
    "nsmp": frozenset(),
    "propagation": frozenset(),
}
"""By executor, the settings that it looks at and a user may change."""

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        # On validation questions no other temperature, power of the degree, share of the missing
        # tails, power of the tail's frequency or t-norm tried was better on both the positive and
        # the negated types, but over NELL995: docs/benchmarks.md tells by how much.
        Method(
            "exact",
            "every candidate, the question as it is written",
            calibration="softmax-degree:cut=0.0002,ceiling=0.9999",
            specials=(
                Special("missing-tails:cut=0,ceiling=0.9999", "NELL", direct=True, negated=True),
                Special("missing-tails:cut=0.0002,ceiling=0.9999", "NELL", negated=True),
                Special("softmax-degree:cut=0,ceiling=0.9999,frequency=0.4", "NELL", direct=True),
                Special("softmax-degree:cut=0.0002,ceiling=0.9999,frequency=0.4", "NELL"),
                Special("softmax-degree:cut=0,ceiling=0.9999", direct=True),
            ),
        ),
        # Its negation 1 − min(1, k·M) is the logic `qto:k`, 3 or 6 by the graph; here 1 − M.
        Method(
            "qto",
            "Bai et al., ICML 2023; negation 1 − M",
            calibration="softmax-degree:cut=0.0002,ceiling=0.9999",
        ),
        Method(
            "fit",
            "Yin et al., ICLR 2024; cycles enumerated over all candidates",
            calibration="mass:cut=0.005,epsilon=0.001",
            specials=(
                Special("mass:cut=0,epsilon=0.001", direct=True),
                Special("mass:cut=0.0002,epsilon=0.001", "NELL"),
            ),
            semantics="dnf",
        ),
        Method(
            "cqd-beam",
            "Arakelyan et al., ICLR 2021",
            # The better of its calibrations and t-norms (sigmoid; min) on validation questions.
            calibration="min-max",
            observed_truth=None,
            semantics="dnf",
            frontier=8,
        ),
        _nsmp("nsmp", "Zhang et al., 2025", pruning=True),
        _nsmp("nsmp-unpruned", "Zhang et al., 2025, without dynamic pruning", pruning=False),
        Method(
            "ultraquery",
            "Galkin et al., NeurIPS 2024; fuzzy sets moved by one network over the whole graph",
            executor="propagation",
        ),
        Method("facts", "known facts only", scores=False),
    )
}
"""Every method by its name."""


def resolve_method(name: str) -> Method:
    """The method of that name; UsageError with the nearest for one that does not exist."""
    return choose("method", name.strip().lower(), METHODS)
