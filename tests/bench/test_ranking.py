from __future__ import annotations

from pathlib import Path

import pytest

from kgreason.bench.ranking import evaluate
from kgreason.bench.suites import read_suite
from kgreason.errors import UsageError
from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import FactPredictor, load_predictor
from kgreason.reasoner import Reasoner
from tests.bench import tiny


def test_facts_rank_their_own_answers_first(tmp_path: Path) -> None:
    folder = tiny.write_betae(tmp_path / "tiny")
    graph = KnowledgeGraph.load(folder)
    suite = read_suite(folder)
    facts = graph.index()
    report = evaluate(suite, graph, Reasoner(FactPredictor(facts), facts))
    # 2in has no hard answers, nor have one question of 1p and one of 2p.
    assert {name: found.questions for name, found in report.types.items()} == {
        "1p": 2,
        "2p": 1,
        "2in": 0,
    }
    assert report.types["1p"].figures["MRR"] == report.types["2p"].figures["MRR"] == 1.0
    assert report.types["1p"].rows == 2


def test_what_is_not_observed_ties_with_the_rest(tmp_path: Path) -> None:
    folder = tiny.write_betae(tmp_path / "tiny")
    graph = KnowledgeGraph.load(folder)
    facts = graph.index(["train", "valid"])
    reasoner = Reasoner(FactPredictor(facts), facts)
    suite = read_suite(folder)
    # Of (0, (0,)) entity 3 ties with 0, 2, 5; of (2, (3,)) entity 4 with all five others.
    for ties, ranks in (("expected", (2.5, 3.5)), ("optimistic", (1, 1)), ("pessimistic", (4, 6))):
        found = evaluate(suite, graph, reasoner, ["1p"], ties=ties).types["1p"]
        assert found.figures["MRR"] == pytest.approx(sum(1 / rank for rank in ranks) / 2)
    first = evaluate(suite, graph, reasoner, ["1p"], limit=1)
    assert (first.types["1p"].questions, first.mean()) == (1, 1 / 2.5)
    assert str(first).splitlines()[-1].split()[:3] == ["1p", "40.00", "0.00"]
    with pytest.raises(UsageError, match="tie policy"):
        evaluate(suite, graph, reasoner, ties="luck")


@pytest.mark.data
def test_figures_agree_with_an_independent_implementation(data: Path) -> None:
    """MRR × 100 of the first 100 questions as the data's README states it, bfloat16 scoring."""
    suite = read_suite(data / "FB15k-237-betae")
    graph = KnowledgeGraph.load(suite.graph)
    predictor = load_predictor(
        str(data / "checkpoints" / "fb15k237-complex-r500.safetensors"),
        graph,
        observed=["train"],
        calibration="softmax-degree:cut=0.0002,ceiling=0.999",
        dtype="float32",
    )
    reasoner = Reasoner(predictor, graph.index(["train"]))
    report = evaluate(suite, graph, reasoner, ["1p", "2i"], limit=100)
    stated = {"1p": 45.44, "2i": 36.98}
    for name, figure in stated.items():
        # The statement rounds its scores to bfloat16, these are float32.
        assert 100 * report.types[name].figures["MRR"] == pytest.approx(figure, abs=0.1), name
