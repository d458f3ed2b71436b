"""Weights by how often an entity is a tail: the counts, where they go, and what truths become."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from kgreason.errors import UsageError
from kgreason.knowledge import FactIndex
from kgreason.predictors.calibrated.calibrations import parse_calibration
from kgreason.predictors.calibrated.frequencies import Frequencies
from kgreason.predictors.calibrated.predictor import CalibratedPredictor
from kgreason.predictors.embedding.bilinear import BilinearScorer
from kgreason.predictors.embedding.compositions import COMPLEX

FACTS = np.array([(0, 0, 2), (1, 0, 2), (3, 0, 2), (0, 0, 4), (4, 1, 1)], dtype=np.int32)


def _index() -> FactIndex:
    return FactIndex.from_facts(FACTS, 5, 2)


def test_tails_count_by_relation_and_direction() -> None:
    everyone = torch.arange(5)
    frequencies = Frequencies(_index(), everyone, power=0.5)
    log = [0.5 * math.log1p(n) for n in range(4)]
    assert frequencies.dense(0, 5).tolist() == pytest.approx([0, 0, log[3], 0, log[1]])
    assert frequencies.dense(1, 5).tolist() == pytest.approx([log[2], log[1], 0, log[1], 0])
    assert frequencies.dense(3, 5).tolist() == pytest.approx([0, 0, 0, 0, log[1]])


def test_entities_without_a_column_get_nothing() -> None:
    position = torch.tensor([0, 1, -1, 2, 3])
    assert Frequencies(_index(), position, power=1.0).of(0)[0].tolist() == [3]


def test_rows_of_several_relations_get_their_own() -> None:
    frequencies = Frequencies(_index(), torch.arange(5), power=1.0)
    scores = torch.zeros(3, 5)
    frequencies.add_to(scores, torch.tensor([3, 0, 3]))
    want = torch.stack([frequencies.dense(r, 5) for r in (3, 0, 3)]).float()
    assert torch.equal(scores, want)


def test_a_softmax_is_weighed_by_the_power_of_the_counts() -> None:
    random = torch.Generator().manual_seed(0)
    tables = (torch.randn(count, 8, generator=random) for count in (5, 4))
    scorer = BilinearScorer(COMPLEX, *tables)
    text = "softmax-degree:cut=0,ceiling=1,frequency=0.5"
    predictor = CalibratedPredictor(scorer, parse_calibration(text), _index(), observed_truth=None)
    head, relation = torch.tensor([2]), torch.tensor([0])
    weights = scorer.scores(head, relation)[0].double().exp()
    weights *= torch.tensor([1.0, 1.0, 4.0, 1.0, 2.0], dtype=torch.float64) ** 0.5
    want = weights / weights.sum()
    found = predictor.rows(head, relation).dense(5)[0].double()
    torch.testing.assert_close(found, want, rtol=1e-5, atol=1e-7)


def test_only_calibrations_by_softmax_take_it() -> None:
    assert parse_calibration("sigmoid").frequency == 0
    with pytest.raises(UsageError, match="'frequency' of calibration sigmoid is unknown"):
        parse_calibration("sigmoid:frequency=0.5")
    with pytest.raises(UsageError, match="frequency = 2 is outside"):
        parse_calibration("softmax-degree:frequency=2")
