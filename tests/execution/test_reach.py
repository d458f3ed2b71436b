"""Links read from their far end, under a budget that pays for none of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kgreason.answers import substitute
from kgreason.execution import Bounds, Budget, BudgetMeter
from kgreason.formula import Variable
from kgreason.normal import normalize
from kgreason.planning import plan
from kgreason.topk import AllTruths
from kgreason.truth import PRODUCT, Logic, Yager
from tests.agreement.table import TablePredictor, reasoner
from tests.small import bound, entity


@pytest.mark.parametrize("logic", [PRODUCT, Yager(25.0)], ids=str)
def test_what_is_not_looked_at_is_at_most_true(logic: Logic) -> None:
    """∃x r(x, d) ∧ ∃z s(z, d) lies between 0 and 1: not up to 4, and no bound is no number."""
    table = np.random.default_rng(0).uniform(0.1, 0.9, (6, 6, 6))
    engine = reasoner(TablePredictor(table, head_bounds=True), logic)
    graph = normalize(bound("?y : exists x, z . r(x, y) & s(z, y)"), logic).graph
    filled = plan(substitute(graph, {Variable("y"): entity("d")}), logic, engine.statistics)
    assert str(filled).count("Reach") == 2
    (value,) = engine.settle([filled], [AllTruths()], BudgetMeter(Budget(rows=0)))
    assert isinstance(value, Bounds)
    assert isinstance(value.upper, torch.Tensor)
    assert value.upper.tolist() == [1.0]
