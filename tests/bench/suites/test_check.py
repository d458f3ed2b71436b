from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kgreason.bench.suites.check import answers_of, check
from kgreason.bench.suites.load import read_suite
from kgreason.bench.suites.questions import Suite
from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import FactPredictor
from kgreason.settings import Settings
from kgreason.topk.reasoner import Reasoner
from kgreason.truth import PRODUCT
from tests.bench import tiny

PACKS = ("NELL-betae", "FB15k-237-betae", "NELL-EFO1", "FB15k-237-EFO1")


@cache
def _graph(folder: Path) -> KnowledgeGraph:
    return KnowledgeGraph.load(folder)


@cache
def _suite(folder: Path) -> Suite:
    return read_suite(folder)


def _spread(suite: Suite, count: int) -> Suite:
    """`count` questions of each type, evenly spread."""
    questions = {
        name: tuple(asked[i * len(asked) // count] for i in range(count))
        for name, asked in suite.questions.items()
    }
    return Suite(suite.name, suite.graph, questions)


@pytest.mark.data
@pytest.mark.parametrize("name", PACKS)
def test_published_answers_are_found(data: Path, name: str) -> None:
    suite = _spread(_suite(data / name), 8)
    report = check(suite, _graph(suite.graph))
    assert report.is_exact, str(report)
    assert report.total == 8 * len(suite.types)


@pytest.mark.data
@pytest.mark.parametrize("name", PACKS)
def test_types_may_share_one_batch(data: Path, name: str) -> None:
    suite = _spread(_suite(data / name), 3)
    facts = _graph(suite.graph).index()
    reasoner = Reasoner(FactPredictor(facts), facts)
    asked = [question for several in suite.questions.values() for question in several]
    values = reasoner.truths([reasoner.prepare(question.query)[1] for question in asked])
    for question, value in zip(asked, values, strict=True):
        assert np.array_equal(answers_of(value), question.answers), question.key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.write_betae(tmp_path / "tiny")


def test_a_true_suite_is_exact(folder: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    report = check(
        read_suite(folder),
        KnowledgeGraph.load(folder),
        settings=Settings(logic=PRODUCT),
        progress=lambda *state: seen.append(state),
    )
    assert (report.equal, report.total, report.is_exact) == (6, 6, True)
    assert report.differences == ()
    assert [state for state in seen if state[1] == state[2]] == [
        ("1p", 3, 3),
        ("2p", 2, 2),
        ("2in", 1, 1),
    ]
    assert str(report).splitlines()[-1].startswith("tiny: 6 of 6 exact in ")


def test_a_wrong_answer_set_is_reported(folder: Path) -> None:
    tiny.change(folder / "test-easy-answers.pkl", (1, (0,)), {2})
    tiny.change(folder / "test-hard-answers.pkl", (1, (0,)), {5})
    report = check(read_suite(folder), KnowledgeGraph.load(folder))
    assert (report.equal, report.total, report.is_exact) == (5, 6, False)
    assert (report.types["1p"].equal, report.types["1p"].total) == (2, 3)
    (difference,) = report.differences
    assert (difference.type, difference.key) == ("1p", (1, (0,)))
    assert (difference.missing.tolist(), difference.extra.tolist()) == ([5], [3])
    assert "1p (1, (0,)): missing 5, extra 3" in str(report)


def test_negation_and_leaves_of_the_other_layout(tmp_path: Path) -> None:
    tiny.write_graph(tmp_path / "tiny-betae")
    folder = tiny.write_efo1(tmp_path / "tiny-EFO1")
    rows = [[{"r1": 0, "s1": 0, "r2": 0}, {"f1": [[4]]}, {"f1": [[3]]}]]
    # 0 likes 1, 3 and 4; liked by some e: all three.
    tiny.write_efo1(folder, {"(r1(s1,f1))&(r2(e1,f1))": rows}, number=14)
    suite = read_suite(folder)
    report = check(suite, KnowledgeGraph.load(suite.graph))
    assert report.types["type0031"].equal == 1
    assert [d.extra.tolist() for d in report.differences] == [[1]]


def test_the_first_few_of_many_differences_are_kept(folder: Path) -> None:
    wrong = {(entity, (0,)) for entity in range(6)} | {(entity, (2,)) for entity in range(6)}
    tiny.change(folder / "test-queries.pkl", ("e", ("r",)), wrong)
    for name in ("easy", "hard"):
        path = folder / f"test-{name}-answers.pkl"
        for query in wrong:
            tiny.change(path, query, {0, 5})
    report = check(read_suite(folder).only(["1p"]), KnowledgeGraph.load(folder))
    assert (report.equal, report.total, len(report.differences)) == (0, 12, 5)
