"""Composition tables and algebraic closure, against intervals whose ends are numbers."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kgreason.calculi import SmallGraphs, close, mine_table, read_small_graphs, read_table
from kgreason.calculi.table import CompositionTable, make_table, parse_table
from kgreason.errors import DataError, LimitError

Row = dict[str, object]
Interval = tuple[int, int]
INTERVALS: list[Interval] = [(a, b) for a in range(7) for b in range(a + 1, 7)]


def allen(x: Interval, y: Interval) -> str:
    """The relation of two intervals: each pair of ends compared."""
    sign = "".join("<=>"[1 + (p > q) - (p < q)] for p in x for q in y)
    names = {"<<<<": "b", "<<=<": "m", "<<><": "o", "<<>=": "fi", "<<>>": "di", "=<><": "s"}
    names |= {"=<>=": "e", "=<>>": "si", "><><": "d", "><>=": "f", "><>>": "oi", ">=>>": "mi"}
    return (names | {">>>>": "bi"})[sign]


@pytest.fixture(scope="module")
def table() -> CompositionTable:
    cells: dict[tuple[str, str], set[str]] = {}
    for x, y, z in product(INTERVALS, repeat=3):
        cells.setdefault((allen(x, y), allen(y, z)), set()).add(allen(x, z))
    return make_table(sorted({left for left, _ in cells}), cells)


def write(path: Path, rows: list[Row]) -> SmallGraphs:
    pl.DataFrame(rows).write_parquet(path)
    return read_small_graphs(path)


def row(edges: list[tuple[int, int, str]], tail: int, label: str, **more: int) -> Row:
    source, target, relation = (list(part) for part in zip(*edges, strict=True))
    found: Row = {"src": source, "dst": target, "rel": relation, "head": 0}
    return found | {"tail": tail, "label": label} | more


def test_a_table_of_intervals_has_an_identity_and_converses(table: CompositionTable) -> None:
    assert table.identity is not None
    assert table.converse is not None
    assert table.relations[table.identity] == "e"
    back = {
        name: table.relations[i] for name, i in zip(table.relations, table.converse, strict=True)
    }
    assert (back["b"], back["s"], back["fi"], back["e"]) == ("bi", "si", "f", "e")


def test_text_reads_back_to_the_same_table(table: CompositionTable, tmp_path: Path) -> None:
    path = tmp_path / "allen.txt"
    path.write_text(str(table))
    again = read_table(path)
    assert again.relations == table.relations
    assert (again.identity, again.converse) == (table.identity, table.converse)
    assert (again.cells == table.cells).all()


def test_names_that_need_quotes_read_back() -> None:
    names = ["a b", ":", '"', "converse:", "#", "plain"]
    table = make_table(names, {(left, right): [left, "plain"] for left in names for right in names})
    again = parse_table(str(table))
    assert set(again.relations) == set(names)
    assert again.names(int(again.cells[0, 1])) == ("a b", "plain")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A B C\n", "line 1: this line is no cell"),
        ("A A : A\nA A : A\n", "line 2: this line is no cell"),
        ("relations: A B\nA B : C\n", "none of the relations above"),
        ('A "B : C\n', "a quoted name that does not end"),
        ("converse: A B\nA A : C\n", "C has no converse"),
        ("# nothing\n", "without a line"),
    ],
)
def test_mistakes_are_pointed_at(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        parse_table(text)


def test_too_many_relations_are_refused() -> None:
    with pytest.raises(LimitError, match="65 relations"):
        make_table([f"r{i}" for i in range(65)], {})


def test_paths_are_composed_and_intersected(table: CompositionTable, tmp_path: Path) -> None:
    """Two paths from x to z, one edge of them read backwards: both must allow what is left."""
    choose = random.Random(1)
    rows, possible = [], []
    for _ in range(40):
        x, y, z, w = (choose.choice(INTERVALS) for _ in range(4))
        edges = [(0, 1, allen(x, y)), (1, 2, allen(y, z)), (2, 3, allen(z, w)), (0, 3, allen(x, w))]
        rows.append(row(edges, 2, allen(x, z)))
        left = table.cells[index(table, edges[0][2]), index(table, edges[1][2])]
        assert table.converse is not None
        back = table.converse[index(table, edges[2][2])]
        right = table.cells[index(table, edges[3][2]), back]
        possible.append(int(left & right))
    found = close(write(tmp_path / "g.parquet", rows), table)
    assert found.tolist() == possible


def index(table: CompositionTable, name: str) -> int:
    return table.relations.index(name)


def test_a_contradiction_leaves_nothing(table: CompositionTable, tmp_path: Path) -> None:
    rows = [row([(0, 1, "b"), (1, 0, "b")], 1, "b"), row([(0, 0, "b")], 0, "e")]
    assert close(write(tmp_path / "g.parquet", rows), table).tolist() == [0, 0]


def test_tables_beyond_one_byte_and_without_converses(tmp_path: Path) -> None:
    """A cyclic group of 40 relations: composition is addition, whatever the width of a set."""
    names = [f"r{i:02}" for i in range(40)]
    cells = {
        (a, b): [names[(i + j) % 40]] for i, a in enumerate(names) for j, b in enumerate(names)
    }
    table = make_table(names, cells)
    assert table.identity == 0
    rows = [row([(0, 1, "r07"), (1, 2, "r30"), (2, 3, "r15")], 3, "r12")]
    found = close(write(tmp_path / "g.parquet", rows), table)
    assert table.names(int(found[0])) == ("r12",)


def test_mining_finds_what_two_steps_show(tmp_path: Path) -> None:
    rows = [
        row([(0, 1, "son"), (1, 2, "brother")], 2, "son"),
        row([(0, 1, "son"), (1, 2, "brother"), (0, 3, "wife"), (3, 2, "son")], 2, "son"),
        row([(0, 1, "wife"), (1, 2, "son"), (2, 3, "son")], 3, "grandson"),
    ]
    table = mine_table(write(tmp_path / "g.parquet", rows))
    assert table.informative == 2
    cell = table.cells[index(table, "wife"), index(table, "son")]
    assert table.names(int(cell)) == ("son",)
    assert table.converse is None
    with pytest.raises(DataError, match="no path of two steps"):
        mine_table(write(tmp_path / "h.parquet", [row([(0, 1, "son")], 1, "son")]))


def test_bad_files_are_told(tmp_path: Path, table: CompositionTable) -> None:
    good = row([(0, 1, "b")], 1, "b")
    with pytest.raises(DataError, match="no column 'label'"):
        write(tmp_path / "g.parquet", [{k: v for k, v in good.items() if k != "label"}])
    with pytest.raises(DataError, match="differ in length"):
        write(tmp_path / "g.parquet", [good | {"rel": ["b", "b"]}])
    with pytest.raises(DataError, match="negative node"):
        write(tmp_path / "g.parquet", [good | {"tail": -1}])
    with pytest.raises(DataError, match="a value is missing"):
        write(tmp_path / "g.parquet", [good, good | {"label": None}])
    with pytest.raises(DataError, match="cannot be read"):
        read_small_graphs(tmp_path / "absent.parquet")
    with pytest.raises(DataError, match="no relation 'zz'"):
        close(write(tmp_path / "g.parquet", [row([(0, 1, "zz")], 1, "b")]), table)


@pytest.mark.data
@pytest.mark.parametrize(("name", "cells"), [("rcc8", 61), ("interval", 166)])
def test_mined_tables_decide_every_kind_of_test_graph(data: Path, name: str, cells: int) -> None:
    folder = data / "epignn" / "star"
    table = mine_table(read_small_graphs(folder / f"{name}_train.parquet"))
    assert table.informative == cells
    assert table.converse is not None
    graphs = read_small_graphs(folder / f"{name}_test.parquet")
    some = thin(graphs, 97)
    wanted = np.array([1 << index(table, label) for label in some.names], dtype=np.uint64)
    assert (close(some, table) == wanted[some.labels]).all()


def thin(graphs: SmallGraphs, step: int) -> SmallGraphs:
    """Every step-th graph."""
    chosen = np.arange(0, len(graphs), step)
    kept = np.isin(graphs.graph_of_edge, chosen)
    lengths = np.diff(graphs.offsets)[chosen]
    return SmallGraphs(
        graphs.names,
        np.concatenate([[0], np.cumsum(lengths)]),
        *(part[kept] for part in (graphs.sources, graphs.targets, graphs.relations)),
        *(part[chosen] for part in (graphs.heads, graphs.tails, graphs.labels, graphs.cells)),
    )
