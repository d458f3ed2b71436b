"""What is counted and told; never how long it took."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kgreason.bench.measurements.roofline import (
    TimedPredictor,
    forget_peak,
    peak_memory,
    product_rate,
)
from kgreason.bench.measurements.speed import (
    CACHED,
    DENSE,
    FULL,
    RANKS,
    Measured,
    Speed,
    SpeedSettings,
    measure,
    ways,
)
from kgreason.bench.measurements.speed_tables import speed_tables
from kgreason.bench.suites.load import read_suite
from kgreason.bench.suites.questions import Suite
from kgreason.bench.tables import render
from kgreason.binding import bind
from kgreason.errors import UsageError
from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import CalibratedPredictor, load_predictor
from kgreason.syntax import parse
from tests.bench.random_suite import ENTITIES, RANK, write_suite, write_weights

TYPES = ("1p", "2p", "up", "2in", "pni")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_suite(tmp_path_factory.mktemp("speed") / "random", per_type=3)


@pytest.fixture(scope="module")
def suite(folder: Path) -> Suite:
    return read_suite(folder).only(TYPES)


@pytest.fixture(scope="module")
def graph(folder: Path) -> KnowledgeGraph:
    return KnowledgeGraph.load(folder)


@pytest.fixture(scope="module")
def settings(folder: Path) -> SpeedSettings:
    model = write_weights(folder / "model.safetensors")
    return SpeedSettings(model=model, beams=(2, 1000), top=3)


@pytest.fixture(scope="module")
def speed(suite: Suite, graph: KnowledgeGraph, settings: SpeedSettings) -> Speed:
    return measure(suite, graph, settings)


def of(speed: Speed, way: str) -> dict[str, Measured]:
    return {one.type: one for one in speed.measured if one.way == way}


def test_every_way_answers_every_question(speed: Speed, settings: SpeedSettings) -> None:
    names = [way.name for way in ways(settings)]
    assert names[:5] == ["all truths", "proved ranks", "proved top 3 new", "beam 2", "beam 1000"]
    assert names[5:] == [DENSE, CACHED]
    for name in names:
        assert {kind: len(one.cold) for kind, one in of(speed, name).items()} == dict.fromkeys(
            TYPES, 3
        )
        assert speed.peaks[name] > 0
        warm = 0 if name in (DENSE, CACHED) else 3
        assert all(len(one.warm) == warm for one in of(speed, name).values())


@pytest.mark.parametrize("way", [RANKS, "proved top 3 new", "beam 1000", DENSE, CACHED])
def test_what_is_proved_or_complete_is_what_all_truths_give(speed: Speed, way: str) -> None:
    for one in of(speed, way).values():
        assert (one.compared, one.equal) == (3, 3)


def test_a_cycle_of_which_values_are_a_sample_is_timed_and_not_compared(
    suite: Suite, graph: KnowledgeGraph, settings: SpeedSettings
) -> None:
    text = "?y : exists x, z . r0(e1, x) & r1(x, z) & r2(z, y) & r0(x, y)"
    query = bind(parse(text), graph.vocabulary)
    cycles = tuple(replace(one, query=query) for one in suite.questions["2p"])
    both = replace(suite, questions={"2p": suite.questions["2p"], "cycle": cycles})
    settings = replace(settings, beams=())
    for values, compared in ((1, 0), (None, 3)):
        found = measure(both, graph, replace(settings, values=values))
        dense = of(found, DENSE)
        assert (dense["2p"].compared, dense["2p"].equal) == (3, 3)
        assert (dense["cycle"].compared, dense["cycle"].equal) == (compared, compared)
        assert len(dense["cycle"].cold) == 3
        assert (dense["cycle"].ranks is None) == (compared == 0)
        _, overall = speed_tables(found)
        whole = dict(zip(overall.head, overall.rows[-1], strict=True))
        assert (whole["asked"], whole["compared"]) == (6, 3 + compared)
        assert (whole["MRR"] is None) == (compared == 0)
        told = [note for note in overall.notes if "seconds of 3 questions with a cycle" in note]
        assert len(told) == (compared == 0)


def test_bounds_score_no_more_than_all_truths_and_direct_questions_their_row(speed: Speed) -> None:
    full = of(speed, FULL)
    for way in (RANKS, "proved top 3 new", "beam 2"):
        for kind, one in of(speed, way).items():
            assert all(a <= b for a, b in zip(one.rows, full[kind].rows, strict=True))
    assert full["1p"].rows == [1, 1, 1]
    assert max(full["2p"].rows) > 2


def test_existential_leaves_are_answered_in_every_way(
    suite: Suite, graph: KnowledgeGraph, settings: SpeedSettings
) -> None:
    query = bind(parse("?y : exists x . r0(e1, y) & r1(x, y)"), graph.vocabulary)
    leaves = tuple(replace(one, query=query) for one in suite.questions["2p"])
    found = measure(replace(suite, questions={"2il": leaves}), graph, settings)
    assert [one.equal for one in found.measured if not one.way.startswith("beam")] == [3] * 5


def test_a_batch_shares_its_rows(
    suite: Suite, graph: KnowledgeGraph, settings: SpeedSettings, speed: Speed
) -> None:
    seen: list[tuple[int, int, str]] = []
    together = measure(
        suite,
        graph,
        replace(settings, batch=3, beams=(), dense=2),
        lambda *told: seen.append(told),
    )
    one_by_one = of(speed, FULL)
    for kind, one in of(together, FULL).items():
        assert sum(one.rows) <= sum(one_by_one[kind].rows)
        assert len(set(one.rows)) == 1
        assert one.ranks is not None
        assert one_by_one[kind].ranks is not None
        for found, expected in zip(one.ranks, one_by_one[kind].ranks or (), strict=True):
            np.testing.assert_array_equal(found, expected)
    assert all(len(one.cold) == 2 for one in of(together, DENSE).values())
    assert seen[-1] == (5 * len(suite), 5 * len(suite), "dense in cache, pni")


def test_no_dense_evaluation_and_no_beams(
    suite: Suite, graph: KnowledgeGraph, settings: SpeedSettings
) -> None:
    found = measure(suite.only(["1p"]), graph, replace(settings, beams=(), dense=0))
    assert list(found.peaks) == ["all truths", "proved ranks", "proved top 3 new"]
    _, overall = speed_tables(found)
    assert all(row[-2] is row[-3] is None for row in overall.rows)


def test_tables_in_every_format(speed: Speed) -> None:
    by_type, overall = speed_tables(speed)
    assert len(by_type.rows) == len(TYPES) * 7
    full = dict(zip(by_type.head, by_type.rows[0], strict=True))
    assert (full["type"], full["way"], full["asked"], full["equal"]) == ("1p", "all truths", 3, 3)
    assert isinstance(full["roofline %"], float)
    assert isinstance(full["dense × cold"], float)
    assert isinstance(full["dense × warm"], float)
    assert [row[0] for row in overall.rows] == list(speed.peaks)
    rows = {row[0]: dict(zip(overall.head, row, strict=True)) for row in overall.rows}
    assert rows[DENSE]["dense × cold"] == 1
    assert rows[DENSE]["dense × warm"] is None
    assert rows[DENSE]["warm ms"] is None
    assert rows["proved ranks"]["MRR"] == rows["all truths"]["MRR"]
    assert rows["proved top 3 new"]["MRR"] is None
    assert rows["all truths"]["rows %"] == 100
    assert 0 < float(str(rows["proved ranks"]["rows %"])) <= 100
    assert rows[DENSE]["rows %"] is None
    assert any("not counted" in note for note in overall.notes)
    for form in ("table", "csv", "markdown", "json"):
        assert "proved ranks" in render([by_type, overall], form)
    assert len(json.loads(render([by_type, overall], "json"))) == 2


def test_facts_have_no_speed_of_scoring(
    suite: Suite, graph: KnowledgeGraph, settings: SpeedSettings
) -> None:
    with pytest.raises(UsageError, match="no rows to score"):
        measure(suite, graph, replace(settings, model="facts"))  # type: ignore[arg-type]


def test_the_stopwatch_changes_nothing_and_counts_products(
    graph: KnowledgeGraph, settings: SpeedSettings
) -> None:
    predictor = load_predictor(settings.model, graph)
    assert isinstance(predictor, CalibratedPredictor)
    timed = TimedPredictor(predictor)
    assert timed.rate == 0
    heads, relations = torch.arange(ENTITIES), torch.zeros(ENTITIES, dtype=torch.int64)
    found, expected = timed.rows(heads, relations), predictor.rows(heads, relations)
    assert torch.equal(found.truths, expected.truths)
    assert timed.scored == ENTITIES
    operations = timed.rate * timed.seconds
    assert operations == pytest.approx(ENTITIES * 4 * ENTITIES * RANK)
    assert (timed.name, timed.relation_count) == (predictor.name, predictor.relation_count)
    assert timed.domain(0) is None
    assert timed.price() == predictor.price()
    assert predictor.price().head_bounds is not None
    bounds, expected_bounds = (p.top_heads(0, torch.arange(3), 4) for p in (timed, predictor))
    assert bounds is not None
    assert expected_bounds is not None
    assert torch.equal(bounds.heads, expected_bounds.heads)
    assert product_rate(predictor, torch.float32) > 0


def test_the_peak_of_memory_can_begin_anew() -> None:
    block = torch.ones(64 << 18)
    with_block = peak_memory()
    assert with_block > 64 << 20
    del block
    forget_peak()
    assert 0 < peak_memory() <= with_block
