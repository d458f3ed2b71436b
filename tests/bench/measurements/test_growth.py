"""Synthetic graphs of the asked size and skew, and curves with their exponents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kgreason.bench.measurements import growth
from kgreason.bench.measurements.growth import Curve, GrowthSettings, Point, grow, growth_tables
from kgreason.bench.measurements.synthetic import RELATIONS, Shape, make_paths, make_world
from kgreason.bench.runs.plot import plot_curves
from kgreason.bench.tables import render
from kgreason.errors import UsageError
from kgreason.formula import Atom, Constant, walk

SMALL = Shape(entities=400, facts=10, rank=8)


def test_a_world_has_its_size_and_skewed_degrees() -> None:
    world = make_world(SMALL, seed=3)
    assert world.facts.shape == (4000, 3)
    assert (world.predictor.entity_count, world.predictor.relation_count) == (400, 2 * RELATIONS)
    for column, size in ((0, 400), (1, RELATIONS), (2, 400)):
        counts = np.sort(np.bincount(world.facts[:, column], minlength=size))[::-1]
        assert counts[0] > 5 * np.median(counts)
    np.testing.assert_array_equal(make_world(SMALL, seed=3).facts, world.facts)
    assert not np.array_equal(make_world(SMALL, seed=4).facts, world.facts)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_paths_begin_with_a_known_step(count: int) -> None:
    world = make_world(SMALL, seed=0)
    for query in make_paths(world, count, 4, seed=1):
        atoms = [part for part in walk(query.formula) if isinstance(part, Atom)]
        assert len(atoms) == count
        assert len({atom.tail for atom in atoms}) == count
        start = next(atom for atom in atoms if isinstance(atom.head, Constant))
        known = world.facts[:, :2].tolist()
        assert isinstance(start.head, Constant)
        assert [start.head.name, start.relation] in known


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> GrowthSettings:
    monkeypatch.setattr(
        growth, "AXES", {"entities": (200, 400, 5000), "variables": (1, 2), "batch": (1, 2)}
    )
    axes = ("entities", "variables", "batch")
    return GrowthSettings(axes=axes, largest=400, questions=2, seconds=600)


def test_every_point_is_proved_and_rows_do_not_depend_on_the_time(small: GrowthSettings) -> None:
    told: list[tuple[int, int, str]] = []
    curves = grow(small, lambda *more: told.append(more))
    assert told[0] == (0, 6, "entities 200")
    assert [[point.size for point in curve.points] for curve in curves] == [
        *([200, 400], [1, 2], [1, 2])
    ]
    for curve in curves:
        for point in curve.points:
            assert (point.proved, point.batches) == (2, 2)
            assert point.rows > 0
    assert all((p.reads > 0) == (c.axis == "entities") for c in curves for p in c.points)
    assert [table.head[-1] for table in growth_tables(curves, small)] == [
        *("table reads", "proved", "proved")
    ]
    assert curves[1].points[0].rows == 1
    again = grow(small)
    rows = [[point.rows for point in curve.points] for curve in curves]
    assert [[point.rows for point in curve.points] for curve in again] == rows


def test_what_is_not_proved_in_time_is_told(small: GrowthSettings) -> None:
    (curve,) = grow(replace(small, axes=("variables",), seconds=0.0))
    assert curve.points[1].proved == 0
    (table,) = growth_tables([curve], replace(small, seconds=0.0))
    assert table.rows[1][-1] == "0 of 2"
    assert "at most 0 s" in table.notes[1]


CURVE = Curve("rank", tuple(Point(n, 3e-5 * n**2, 7.0, 1, 1) for n in (10, 20, 80)))


def test_exponents_are_those_of_a_power_law() -> None:
    assert CURVE.exponent("seconds") == pytest.approx(2)
    assert CURVE.exponent("rows") == pytest.approx(0, abs=1e-12)
    assert Curve("rank", CURVE.points[:1]).exponent("seconds") is None
    (table,) = growth_tables([CURVE], GrowthSettings())
    assert "seconds ∝ size^2.00" in render([table], "table")


def test_curves_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plot_curves([CURVE, CURVE], tmp_path / "curves.svg")
    assert "<svg" in (tmp_path / "curves.svg").read_text()
    with pytest.raises(UsageError, match="pictures are written"):
        plot_curves([CURVE], tmp_path / "curves.txt")
