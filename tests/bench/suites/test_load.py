from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kgreason.bench.suites.efo1 import EFO1_TYPES
from kgreason.bench.suites.load import read_suite
from kgreason.bench.suites.questions import require_fit
from kgreason.errors import DataError, UsageError
from kgreason.formula import Exists
from kgreason.knowledge import KnowledgeGraph
from tests.bench import tiny

POSITIVE, NEGATIVE = ("1p", "2p", "3p", "2i", "3i", "ip", "pi"), ("2in", "3in", "inp", "pin")
UNIONS, DE_MORGAN = ("2u", "up"), ("2u-DM", "up-DM")
EFO1 = ("2il", "3il", "2m", "2nm", "3mp", "3pm", "im", "3c", "3cm")
COUNTS = {
    "NELL-betae": dict.fromkeys((*POSITIVE, *NEGATIVE, "pni", *UNIONS, *DE_MORGAN), 400),
    "FB15k-237-betae": {
        name: 250 if name in NEGATIVE else 400 for name in (*POSITIVE, *NEGATIVE, *UNIONS)
    },
    "NELL-EFO1": {"pni": 66, **dict.fromkeys(EFO1, 250)},
    "FB15k-237-EFO1": dict.fromkeys(EFO1, 250),
}


@pytest.mark.data
@pytest.mark.parametrize("name", COUNTS)
def test_published_suites_are_read_whole(data: Path, name: str) -> None:
    suite = read_suite(data / name)
    assert suite.name == name
    assert {kind: len(asked) for kind, asked in suite.questions.items()} == COUNTS[name]
    assert len(suite) == sum(COUNTS[name].values())
    assert suite.types == tuple(COUNTS[name])
    assert suite.graph.name == name.replace("EFO1", "betae")
    for asked in suite.questions.values():
        for question in asked:
            assert len(question.hard)
            assert (np.diff(question.answers) > 0).all()
            assert len(question.answers) == len(question.easy) + len(question.hard)


def test_betae_questions_come_in_the_order_of_their_repr(tmp_path: Path) -> None:
    suite = read_suite(tiny.write_betae(tmp_path / "tiny"))
    assert suite.types == ("1p", "2p", "2in")
    assert [q.key for q in suite.questions["1p"]] == [(0, (0,)), (1, (0,)), (2, (3,))]
    first = suite.questions["1p"][0]
    assert (first.easy.tolist(), first.hard.tolist()) == ([1, 4], [3])
    assert first.easy.dtype == np.int64
    assert suite.graph == tmp_path / "tiny"


def test_a_structure_without_a_name_goes_by_its_text(tmp_path: Path) -> None:
    folder = tiny.write_betae(tmp_path / "tiny")
    query, shape = (0, (0, 0, 0, 2)), ("e", ("r", "r", "r", "r"))
    tiny.change(folder / "test-queries.pkl", shape, {query})
    tiny.change(folder / "test-easy-answers.pkl", query, set())
    tiny.change(folder / "test-hard-answers.pkl", query, {2})
    assert read_suite(folder).types[-1] == repr(shape)


def test_efo1_takes_its_sibling_graph_and_names_by_formula(tmp_path: Path) -> None:
    tiny.write_graph(tmp_path / "tiny-betae")
    folder = tiny.write_efo1(tmp_path / "tiny-EFO1")
    named = "(r1(s1,f1))&(r2(e1,f1))"
    row = [{"r1": 0, "s1": 0, "r2": 1}, {"f1": []}, {"f1": []}]
    tiny.write_efo1(folder, {named: [row]}, number=14)
    suite = read_suite(folder)
    assert suite.types == (EFO1_TYPES[named], "type0031") == ("2il", "type0031")
    assert suite.graph == tmp_path / "tiny-betae"
    question = suite.questions["type0031"][0]
    assert isinstance(question.query.formula, Exists)
    assert question.hard.tolist() == [2]
    assert read_suite(folder, graph=tmp_path).graph == tmp_path


def test_efo1_without_a_graph_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="tiny-betae"):
        read_suite(tiny.write_efo1(tmp_path / "tiny-EFO1"))


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a folder of benchmark questions"):
        read_suite(tmp_path / "absent")


@pytest.mark.parametrize(
    "name", ["test-queries.pkl", "test-easy-answers.pkl", "test-hard-answers.pkl"]
)
def test_damaged_pickles_are_named(tmp_path: Path, name: str) -> None:
    folder = tiny.write_betae(tmp_path / "tiny")
    path = folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=name):
        read_suite(folder)
    tiny.dump(path, [1, 2])
    with pytest.raises(DataError, match=f"{name}: holds a list"):
        read_suite(folder)


def test_a_missing_answer_file_is_named(tmp_path: Path) -> None:
    folder = tiny.write_betae(tmp_path / "tiny")
    (folder / "test-hard-answers.pkl").unlink()
    with pytest.raises(DataError, match=r"test-hard-answers\.pkl"):
        read_suite(folder)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    folder = tiny.write_betae(tmp_path / "tiny")
    mark = tmp_path / "ran"
    code = f"cos\nsystem\n(S'touch {mark}'\ntR."
    (folder / "test-easy-answers.pkl").write_bytes(code.encode())
    with pytest.raises(DataError, match=r"os\.system"):
        read_suite(folder)
    assert not mark.exists()


@pytest.mark.parametrize("answers", [{"a"}, {-1}, {True, 2}, 5, "12", None])
def test_answers_that_are_no_ids_are_refused(tmp_path: Path, answers: object) -> None:
    folder = tiny.write_betae(tmp_path / "tiny")
    tiny.change(folder / "test-hard-answers.pkl", (0, (0,)), answers)
    with pytest.raises(DataError, match=r"test-hard-answers\.pkl, \(0, \(0,\)\)"):
        read_suite(folder)


@pytest.mark.parametrize(
    ("shape", "questions"), [(("e", ("r", "r")), {(0, (0,))}), (("e", ("r",)), "ab"), ("e", {3})]
)
def test_questions_that_are_none_are_refused(
    tmp_path: Path, shape: object, questions: object
) -> None:
    folder = tiny.write_betae(tmp_path / "tiny")
    tiny.change(folder / "test-queries.pkl", shape, questions)
    with pytest.raises(DataError, match=r"test-queries\.pkl"):
        read_suite(folder)


@pytest.mark.parametrize(
    "content",
    [
        [],
        {tiny.FORMULA: {}},
        {tiny.FORMULA: [[{"r1": 0, "s1": 0, "r2": 2}, {"f1": []}]]},
        {tiny.FORMULA: [[{"r1": 0, "s1": 0}, {"f1": []}, {"f1": []}]]},
        {tiny.FORMULA: [[{"r1": 0, "s1": 0, "r2": 2}, {"f2": []}, {"f1": []}]]},
        {tiny.FORMULA: [[{"r1": 0, "s1": 0, "r2": 2}, {"f1": [[1, 2]]}, {"f1": []}]]},
        {tiny.FORMULA: [[{"r1": 0, "s1": 0, "r2": 2}, {"f1": [["x"]]}, {"f1": []}]]},
        {tiny.FORMULA: [7]},
        {"r1(s1,": [[{"r1": 0, "s1": 0}, {"f1": []}, {"f1": []}]]},
        {"r1(f1,f2)": [[{"r1": 0}, {"f1": []}, {"f1": []}]]},
    ],
)
def test_damaged_efo1_files_are_named(tmp_path: Path, content: object) -> None:
    folder = tiny.write_efo1(tmp_path / "tiny-EFO1", content)
    with pytest.raises(DataError, match=r"test_type0031_real_EFO1_qaa\.json"):
        read_suite(folder, graph=tmp_path)


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    folder = tiny.write_efo1(tmp_path / "tiny-EFO1")
    (folder / "test_type0031_real_EFO1_qaa.json").write_bytes(b"\xff{")
    with pytest.raises(DataError, match="not JSON"):
        read_suite(folder, graph=tmp_path)


def test_types_and_limit_choose(tmp_path: Path) -> None:
    suite = read_suite(tiny.write_betae(tmp_path / "tiny"))
    part = suite.only(["2in", "1p"], limit=2)
    assert {name: len(asked) for name, asked in part.questions.items()} == {"2in": 1, "1p": 2}
    assert part.questions["1p"] == suite.questions["1p"][:2]
    with pytest.raises(UsageError, match="3c"):
        suite.only(["3c"])
    with pytest.raises(UsageError, match="limit of 0"):
        suite.only(limit=0)


@pytest.mark.parametrize(
    ("query", "answers"), [((9, (0,)), {2}), ((0, (5,)), {2}), ((0, (2,)), {6})]
)
def test_questions_of_another_graph_are_refused(
    tmp_path: Path, query: object, answers: set[int]
) -> None:
    folder = tiny.write_betae(tmp_path / "tiny")
    graph = KnowledgeGraph.load(folder)
    require_fit(read_suite(folder), graph)
    tiny.change(folder / "test-queries.pkl", ("e", ("r",)), {query})
    tiny.change(folder / "test-easy-answers.pkl", query, set())
    tiny.change(folder / "test-hard-answers.pkl", query, answers)
    with pytest.raises(DataError, match="6 entities and 2 relations"):
        require_fit(read_suite(folder), graph)
