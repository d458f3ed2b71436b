from __future__ import annotations

import subprocess
import sys

import torch

from kgreason.predictors import FactPredictor
from tests.predictors.toy import every_pair, toy_graph


def test_rows_are_the_facts() -> None:
    graph = toy_graph()
    predictor = FactPredictor(graph.index())
    heads, relations = every_pair(graph)
    dense = predictor.rows(heads, relations).dense(graph.entity_count)
    assert int(dense.sum()) == 2 * len(graph.facts())
    assert set(dense.unique().tolist()) == {0, 1}
    for relation in range(predictor.relation_count):
        row_sums = dense[relations == relation].sum(1)
        assert torch.equal(torch.nonzero(row_sums).view(-1), predictor.domain(relation))


def test_the_protocol_costs_no_torch_and_facts_cost_no_pykeen() -> None:
    code = (
        "import sys, kgreason.predictors.protocol; assert 'torch' not in sys.modules; "
        "from kgreason.predictors import FactPredictor, load_predictor; "
        "assert 'pykeen' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
