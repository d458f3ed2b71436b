"""What a predictor need not tell, and that a wrapper loses nothing of what the inner one tells."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from kgreason.predictors.protocol import (
    HeadBounds,
    LinkPredictor,
    Path,
    PredictorWrapper,
    RowBounds,
    RowPrice,
    nothing_known,
)
from kgreason.truth.rows import TruthRows

MEMBERS = sorted(name for name in vars(LinkPredictor) if not name.startswith("_"))
REQUIRED = {"name", "entity_count", "relation_count", "rows", "price"}
ONE = torch.tensor([1])


class Least(LinkPredictor):
    """What a predictor must have."""

    name, entity_count, relation_count = "least", 3, 2

    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        return TruthRows.from_dense(torch.full((len(heads), 3), 0.5))

    def price(self) -> RowPrice:
        return RowPrice(7.0, 3.0, head_bounds=2.0, rows_per_pass=5)


class Able(Least):
    """A predictor that tells all there is."""

    notes = ("a note",)

    def domain(self, relation: int) -> Tensor | None:
        return torch.tensor([relation])

    def scope(self, relation: int) -> Tensor | None:
        return torch.tensor([True, False, relation == 1])

    def bounds(self, heads: Tensor, relations: Tensor) -> RowBounds:
        return RowBounds(TruthRows.from_dense(torch.eye(3)[heads]), 0.25)

    def top_heads(self, relation: int, tails: Tensor, count: int) -> HeadBounds | None:
        most = torch.full((len(tails), count), 0.5)
        return HeadBounds(torch.zeros(most.shape), most, most > 1, most[:, 0])

    def paths(self, head: int, relation: int, tail: int, most: int) -> tuple[Path, ...]:
        return (((head, relation, tail),),)


def asked(predictor: LinkPredictor, member: str) -> Any:
    """What a member tells: the property, or the method's answer."""
    found = getattr(predictor, member)
    arguments: dict[str, tuple[Any, ...]] = {
        "rows": (ONE, ONE),
        "price": (),
        "domain": (1,),
        "scope": (1,),
        "bounds": (ONE, ONE),
        "top_heads": (1, ONE, 2),
        "paths": (0, 1, 2, 4),
    }
    return found(*arguments[member]) if callable(found) else found


def plain(value: Any) -> Any:
    """A value that can be compared: tensors as lists."""
    if isinstance(value, Tensor):
        return value.tolist()
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def test_five_members_are_required_and_the_others_say_that_they_cannot() -> None:
    assert LinkPredictor.__abstractmethods__ == REQUIRED
    told = {member: asked(Least(), member) for member in set(MEMBERS) - REQUIRED}
    bounds = told.pop("bounds")
    assert bounds.is_trivial
    assert len(bounds.known) == 1
    assert told == {"notes": (), "domain": None, "scope": None, "top_heads": None, "paths": ()}
    assert not asked(Able(), "bounds").is_trivial
    assert nothing_known(torch.zeros(0, dtype=torch.int64)).is_trivial


def wrappers() -> list[Callable[[LinkPredictor], LinkPredictor]]:
    """The base class, and every wrapper as it is when it overrides nothing but `rows`."""

    class Counting(PredictorWrapper):
        count = 0

        def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
            self.count += len(heads)
            return super().rows(heads, relations)

    return [PredictorWrapper, Counting, lambda inner: Counting(PredictorWrapper(inner))]


@pytest.mark.parametrize("member", MEMBERS)
def test_a_wrapper_forwards_all(member: str) -> None:
    assert member in vars(PredictorWrapper), "a new member of the protocol has to be forwarded"
    for wrap in wrappers():
        assert plain(asked(wrap(Able()), member)) == plain(asked(Able(), member))


def test_the_able_predictor_differs_from_the_defaults_everywhere() -> None:
    """Else the test above would show nothing."""
    for member in set(MEMBERS) - REQUIRED:
        assert plain(asked(Able(), member)) != plain(asked(Least(), member))
        signature = inspect.getattr_static(LinkPredictor, member)
        assert type(inspect.getattr_static(PredictorWrapper, member)) is type(signature)
