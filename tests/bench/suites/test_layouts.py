from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kgreason.bench.suites import load as suites
from kgreason.bench.suites.check import check
from kgreason.bench.suites.load import read_suite
from kgreason.bench.suites.plus_h import PLUS_H_TYPES
from kgreason.bench.suites.questions import require_fit
from kgreason.data.catalog import LAYOUTS
from kgreason.errors import DataError
from kgreason.knowledge import KnowledgeGraph
from tests.bench import tiny
from tests.bench.suites import layouts

WRITERS = {
    "query2box": layouts.write_query2box,
    "tiny-EFOX-final": layouts.write_efok,
    "tiny+H": layouts.write_plus_h,
}


@pytest.mark.parametrize("name", WRITERS)
def test_published_answers_are_found_over_the_folders_own_graph(tmp_path: Path, name: str) -> None:
    suite = read_suite(WRITERS[name](tmp_path / name))
    report = check(suite, KnowledgeGraph.load(suite.graph))
    assert report.is_exact, str(report)
    assert report.total == len(suite) > 3


def test_every_described_archive_can_be_read() -> None:
    assert set(suites.LAYOUTS) == set(LAYOUTS)


def test_query2box_goes_by_the_names_of_betae(tmp_path: Path) -> None:
    suite = read_suite(layouts.write_query2box(tmp_path / "q"))
    assert suite.types == ("1p", "2p", "3p", "2i", "3i", "ip", "pi", "2u", "up")
    assert suite.graph == tmp_path / "q"
    assert [question.key for question in suite.questions["1p"]] == sorted(
        layouts.QUERY2BOX["1c"], key=repr
    )
    (union,) = suite.questions["2u"]
    assert (union.easy.tolist(), union.hard.tolist()) == ([1, 4], [2, 3])


def test_query2box_relations_are_those_of_its_graph(tmp_path: Path) -> None:
    folder = layouts.write_query2box(tmp_path / "q")
    betae = KnowledgeGraph.load(tiny.write_graph(tmp_path / "b"))
    graph = KnowledgeGraph.load(folder)
    for split in tiny.FACTS:
        assert sorted(graph.facts([split]).tolist()) == sorted(betae.facts([split]).tolist())
    assert check(read_suite(folder, graph=tmp_path / "b"), betae).is_exact


@pytest.mark.parametrize(
    ("file", "key", "answers", "problem"),
    [
        ("test_ans_2c_hard.pkl", ((0, (0,)),), {2}, "structure"),
        ("test_ans_2c_hard.pkl", ((0, (0, 9)),), {2}, "not a question of this type"),
        ("test_ans_2c_hard.pkl", ((0, (0, -1)),), {2}, "not a question of this type"),
        ("test_ans_2c_hard.pkl", (), {2}, "not a question of this type"),
        ("test_ans_2c_hard.pkl", ((0, (0, 0)),), {2}, "no set of answers"),
        ("test_ans_uc_hard.pkl", ((0, (0,)), (4, (1,))), {2}, "not a question of this type"),
        ("test_ans_2i_hard.pkl", ((0, (0,)), (1, (0,))), {5}, "a hard answer is no answer"),
        ("test_ans_2i_hard.pkl", ((0, (0,)), (1, (0,))), {"x"}, "not an entity id"),
    ],
)
def test_damaged_query2box_files_are_named(
    tmp_path: Path, file: str, key: Any, answers: Any, problem: str
) -> None:
    folder = layouts.write_query2box(tmp_path / "q")
    tiny.change(folder / file, key, answers)
    with pytest.raises(DataError, match=problem) as caught:
        read_suite(folder)
    assert file in str(caught.value)


def test_query2box_relations_without_a_partner_are_refused(tmp_path: Path) -> None:
    folder = layouts.write_query2box(tmp_path / "q")
    tiny.change(folder / "ind2rel.pkl", 3, "hates_reverse")
    with pytest.raises(DataError, match="do not come in pairs"):
        read_suite(folder)


def test_several_answer_variables_make_tuples(tmp_path: Path) -> None:
    suite = read_suite(layouts.write_efok(tmp_path / "tiny-EFOX-final"))
    assert suite.types == ("type0011", "type0000", "type0007")
    assert suite.graph == tmp_path / "tiny-EFOX-final"
    (single,) = suite.questions["type0000"]
    assert (single.easy.shape, single.answers.tolist()) == ((2,), [1, 3, 4])
    first, second = suite.questions["type0007"]
    assert [variable.name for variable in first.query.free] == ["f1", "f2"]
    assert (first.easy.shape, first.hard.tolist()) == ((0, 2), [[4, 2]])
    assert second.answers.tolist() == [[1, 2], [1, 3]]
    assert second.answers.dtype == np.int64


def test_a_wrong_tuple_is_a_difference(tmp_path: Path) -> None:
    folder = layouts.write_efok(tmp_path / "tiny-EFOX-final", {})
    row = [{"r1": 0, "s1": 0, "r2": 0}, {"f1_f2": [[1, 3], [3, 1]]}, {"f1_f2": []}]
    layouts.write_efok(folder, {"test_type0007_EFOX_qaa.json": {"(r1(s1,f1))&(r2(f1,f2))": [row]}})
    report = check(read_suite(folder), KnowledgeGraph.load(folder))
    (difference,) = report.differences
    assert difference.missing.tolist() == [[3, 1]]
    assert difference.extra.tolist() == [[1, 2]]
    assert "missing [3, 1], extra [1, 2]" in str(difference)


def test_tuples_of_another_graph_are_refused(tmp_path: Path) -> None:
    row = [{"r1": 0, "s1": 0, "r2": 0}, {"f1_f2": [[9, 1]]}, {"f1_f2": []}]
    folder = layouts.write_efok(
        tmp_path / "e", {"test_type0007_EFOX_qaa.json": {"(r1(s1,f1))&(r2(f1,f2))": [row]}}
    )
    with pytest.raises(DataError, match="names entity 9"):
        require_fit(read_suite(folder), KnowledgeGraph.load(folder))


@pytest.mark.parametrize(
    "row",
    [
        [{"r1": 0, "s1": 0, "r2": 0}, {"f1_f2": [[1]]}, {"f1_f2": []}],
        [{"r1": 0, "s1": 0, "r2": 0}, {"f1_f2": [[1, "x"]]}, {"f1_f2": []}],
        [{"r1": 0, "s1": 0, "r2": 0}, {"f1_f2": [1]}, {"f1_f2": []}],
        [{"r1": 0, "s1": 0, "r2": 0}, {"f1": [[1]]}, {"f1_f2": []}],
        [{"r1": 0, "s1": 0, "r2": 0}, {"f1_f2": []}],
        [{"r1": 0, "s1": 0}, {"f1_f2": []}, {"f1_f2": []}],
        7,
    ],
)
def test_damaged_efok_files_are_named(tmp_path: Path, row: Any) -> None:
    folder = layouts.write_efok(
        tmp_path / "e", {"test_type0007_EFOX_qaa.json": {"(r1(s1,f1))&(r2(f1,f2))": [row]}}
    )
    with pytest.raises(DataError, match=r"test_type0007_EFOX_qaa\.json, question 0"):
        read_suite(folder)


def test_efo1_with_an_index_has_its_own_graph(tmp_path: Path) -> None:
    folder = tiny.write_efo1(layouts.write_kgindex(tmp_path / "tiny-EFO1"))
    suite = read_suite(folder)
    assert suite.graph == folder
    assert check(suite, KnowledgeGraph.load(folder)).is_exact


def test_plus_h_takes_the_recomputed_filter(tmp_path: Path) -> None:
    folder = layouts.write_plus_h(tmp_path / "tiny+H")
    suite = read_suite(folder)
    assert suite.types == ("1p", "2p", "2in", "4p", "4i")
    assert len(PLUS_H_TYPES) == 18
    (question,) = suite.questions["2in"]
    assert question.easy.tolist() == [1, 4]
    (folder / "test-query-reduction/2in/all/test-easy-answers.pkl").unlink()
    assert read_suite(folder).questions["2in"][0].easy.tolist() == [1, 4, 5]
    with pytest.raises(DataError, match="are wrong"):
        read_suite(folder.rename(tmp_path / "NELL995+H"))


@pytest.mark.parametrize(
    ("key", "answers", "problem"),
    [
        (((0, (0,)), (1, (0, -2))), None, "no set of answers"),
        (((0, (0,)), (1, (0, -2))), {1, 2}, "a hard answer is among the easy ones"),
    ],
)
def test_a_damaged_filter_is_named(tmp_path: Path, key: Any, answers: Any, problem: str) -> None:
    folder = layouts.write_plus_h(tmp_path / "tiny+H")
    tiny.change(folder / "test-hard-answers.pkl", key, {2})
    tiny.change(folder / "test-query-reduction/2in/all/test-easy-answers.pkl", key, answers)
    with pytest.raises(DataError, match=problem):
        read_suite(folder)


def test_splits_in_a_folder_of_their_own(tmp_path: Path) -> None:
    folder = layouts.nest_splits(layouts.write_plus_h(tmp_path / "ICEWS18+H"))
    suite = read_suite(folder)
    assert check(suite, KnowledgeGraph.load(suite.graph)).is_exact
