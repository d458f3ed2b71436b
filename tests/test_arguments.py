"""What a program hands to an engine: right, or one clear error."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kgreason import Engine, KnowledgeGraph
from kgreason.errors import DataError, UsageError
from kgreason.predictors import FactPredictor
from kgreason.predictors.checkpoints.format import save_checkpoint
from tests.predictors.toy import complex_info, toy_graph, weights

GRAPH = KnowledgeGraph.from_triples([("a", "r", "b"), ("b", "r", "c"), ("a", "s", "c")])
ASKED = "?y : exists x . r(a, x) & r(x, y)"
SLOTTED = "?y : r($x, y)"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(GRAPH)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "complex.safetensors"
    graph = toy_graph()
    save_checkpoint(path, complex_info(graph), weights(graph))
    return path


HALF = "?y : r(\ud800, y)"
CALLS: dict[str, Callable[[Engine], object]] = {
    "question None": lambda e: e.ask(None),  # type: ignore[arg-type]
    "question 5": lambda e: e.ask(5),  # type: ignore[arg-type]
    "question bytes": lambda e: e.ask(b"?y : r(a, y)"),  # type: ignore[arg-type]
    "prepare None": lambda e: e.prepare(None),  # type: ignore[arg-type]
    "explain None": lambda e: e.explain(None),  # type: ignore[arg-type]
    "half a surrogate pair": lambda e: e.ask(HALF),
    "questions in one text": lambda e: e.ask_many(ASKED),
    "questions None": lambda e: e.ask_many(None),  # type: ignore[arg-type]
    "questions of 5": lambda e: e.ask_many([ASKED, 5]),  # type: ignore[list-item]
    "limit -1": lambda e: e.ask(ASKED, limit=-1),
    "limit text": lambda e: e.ask(ASKED, limit="5"),  # type: ignore[arg-type]
    "limit 1.5": lambda e: e.ask(ASKED, limit=1.5),  # type: ignore[arg-type]
    "limit True": lambda e: e.ask(ASKED, limit=True),
    "paths -1": lambda e: e.ask(ASKED, paths=-1),
    "paths None": lambda e: e.ask(ASKED, paths=None),  # type: ignore[arg-type]
    "budget 5": lambda e: e.ask(ASKED, budget=5),  # type: ignore[arg-type]
    "language foo": lambda e: e.ask(ASKED, language="foo"),
    "language None": lambda e: e.ask(ASKED, language=None),  # type: ignore[arg-type]
    "language in a list": lambda e: e.ask(ASKED, language=["efo"]),  # type: ignore[arg-type]
    "values list": lambda e: e.ask(SLOTTED, values=["a"]),  # type: ignore[arg-type]
    "values of 5": lambda e: e.ask(SLOTTED, values={"x": 5}),  # type: ignore[dict-item]
    "values by 5": lambda e: e.ask(SLOTTED, values={5: "a"}),  # type: ignore[dict-item]
    "values of None": lambda e: e.ask(SLOTTED, values={"x": None}),  # type: ignore[dict-item]
    "values with half a pair": lambda e: e.ask(SLOTTED, values={"x": "\udfff"}),
    "relations of None": lambda e: e.relations(None, "a"),  # type: ignore[arg-type]
    "relations with half a pair": lambda e: e.relations("a", "\ud800"),
    "relations limit": lambda e: e.relations("a", "b", limit=-5),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_a_wrong_argument_of_a_question_is_one_clear_error(
    engine: Engine, call: Callable[[Engine], object]
) -> None:
    with pytest.raises(UsageError) as caught:
        call(engine)
    assert caught.value.remedy
    caught.value.message.encode()


GRAPHS: dict[str, Callable[[], KnowledgeGraph]] = {
    "half a pair": lambda: KnowledgeGraph.from_triples([("a", "r", "b"), ("\ud800", "r", "b")]),
    "a number": lambda: KnowledgeGraph.from_triples([(5, "r", "b")]),  # type: ignore[list-item]
    "None": lambda: KnowledgeGraph.from_triples([("a", None, "b")]),  # type: ignore[list-item]
    "a pair": lambda: KnowledgeGraph.from_triples([("a", "r")]),  # type: ignore[list-item]
    "a text": lambda: KnowledgeGraph.from_triples(["arb"]),  # type: ignore[list-item]
    "its name": lambda: KnowledgeGraph.from_triples([("a", "r", "b")], name="\ud800"),
    "source 5": lambda: KnowledgeGraph.load(5),  # type: ignore[arg-type]
    "source bytes": lambda: KnowledgeGraph.load(b"x"),  # type: ignore[arg-type]
    "source with a zero": lambda: KnowledgeGraph.load("a\0b"),
    "source half a pair": lambda: KnowledgeGraph.load("\ud800"),
    "no source": lambda: KnowledgeGraph.load(),
}


@pytest.mark.parametrize("make", GRAPHS.values(), ids=list(GRAPHS))
def test_a_wrong_argument_of_a_graph_is_one_clear_error(
    make: Callable[[], KnowledgeGraph],
) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.remedy


MADE: dict[str, Callable[[], Engine]] = {
    "graph None": lambda: Engine(None),  # type: ignore[arg-type]
    "graph 5": lambda: Engine(5),  # type: ignore[arg-type]
    "graph of no path": lambda: Engine([]),
    "graph of 5": lambda: Engine([5]),  # type: ignore[list-item]
    "graph empty text": lambda: Engine(""),
    "graph with a zero": lambda: Engine("a\0b"),
    "predictor 5": lambda: Engine(GRAPH, 5),  # type: ignore[arg-type]
    "predictor None": lambda: Engine(GRAPH, None),  # type: ignore[arg-type]
    "predictor of none": lambda: Engine(GRAPH, []),
    "predictor of 5": lambda: Engine(GRAPH, ["facts", 5]),  # type: ignore[list-item]
    "predictor of bytes": lambda: Engine(GRAPH, b"facts"),  # type: ignore[arg-type]
    "predictor empty text": lambda: Engine(GRAPH, ""),
    "predictor not there": lambda: Engine(GRAPH, "nowhere.safetensors"),
    "memory": lambda: Engine(GRAPH, max_memory=10**30),
    "memory text": lambda: Engine(GRAPH, max_memory="lots"),
    "facts of truth 0.5": lambda: Engine(GRAPH, observed_truth=0.5),
    "settings 5": lambda: Engine(GRAPH, "facts", 5),  # type: ignore[arg-type]
    "setting unknown": lambda: Engine(GRAPH, memory="2GiB"),  # type: ignore[call-arg]
    "rows of an object": lambda: Engine(GRAPH, FactPredictor(GRAPH.index()), row_cache="rows"),
}


@pytest.mark.parametrize("make", MADE.values(), ids=list(MADE))
def test_a_wrong_argument_of_an_engine_is_one_clear_error(make: Callable[[], Engine]) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.remedy


Shown = list[tuple[tuple[int, ...], float]]


def _shown(engine: Engine, question: str = ASKED) -> Shown:
    return [(answer.entities, answer.truth) for answer in engine.ask(question, limit=None)]


def test_an_engine_is_made_from_paths_and_sizes_as_on_the_command_line(
    tmp_path: Path, model: Path
) -> None:
    toy_graph().save(tmp_path / "toy.kg")
    asked = "?y : exists x . knows(p0, x) & knows(x, y)"
    whole = Engine(toy_graph(), model)
    for graph in (tmp_path / "toy.kg", str(tmp_path / "toy.kg"), [str(tmp_path / "toy.kg")]):
        other = Engine(graph, str(model), max_memory="64MiB", row_cache=str(tmp_path / "rows"))
        assert other.reasoner.max_memory == 64 << 20
        assert _shown(other, asked) == _shown(whole, asked)


def test_an_engine_is_pickled_as_its_recipe(tmp_path: Path, model: Path) -> None:
    toy_graph().save(tmp_path / "toy.kg")
    asked = "?y : exists x . knows(p0, x) & !knows(x, y) & knows(p1, y)"
    for graph in (str(tmp_path / "toy.kg"), toy_graph()):
        engine = Engine(graph, [model, "facts"], logic="godel", dtype="float64", max_memory="1GiB")
        text = pickle.dumps(engine)
        again = pickle.loads(text)
        assert again.settings == engine.settings
        assert again.recipe.models == engine.recipe.models
        assert _shown(again, asked) == _shown(engine, asked)
        assert _shown(Engine.from_recipe(engine.recipe), asked) == _shown(engine, asked)
    # A store is named, not copied: what it takes does not grow with the graph.
    assert len(pickle.dumps(Engine(tmp_path / "toy.kg", model))) < 4000


def test_a_pickled_engine_is_made_again_in_another_process(tmp_path: Path) -> None:
    path = tmp_path / "engine.pickle"
    path.write_bytes(pickle.dumps(Engine(GRAPH, logic="godel")))
    program = (
        f"import pickle; engine = pickle.load(open({str(path)!r}, 'rb')); "
        f"print(engine.ask({ASKED!r})[0])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd="/")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == str(Engine(GRAPH, logic="godel").ask(ASKED)[0])


def test_an_engine_of_a_predictor_object_has_no_recipe() -> None:
    engine = Engine(GRAPH, FactPredictor(GRAPH.index()))
    for use in (lambda: engine.recipe, lambda: pickle.dumps(engine)):
        with pytest.raises(UsageError, match="is an object, which has no recipe"):
            use()


def test_a_graph_in_memory_is_pickled_by_its_tables() -> None:
    graph = toy_graph()
    graph.index()
    again = pickle.loads(pickle.dumps(graph))
    assert again.fingerprint() == graph.fingerprint()
    assert (again.name, again.splits, again.skipped) == (graph.name, graph.splits, graph.skipped)
    assert again.vocabulary.prefixes == graph.vocabulary.prefixes
    assert again.vocabulary.labels.equals(graph.vocabulary.labels)
    more = graph.with_relations(["madeUp"])
    assert pickle.loads(pickle.dumps(more)).vocabulary.relation_names.to_list()[-1] == "madeUp"


def test_a_stored_graph_is_pickled_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy_graph().save(tmp_path / "toy.kg")
    monkeypatch.chdir(tmp_path)
    text = pickle.dumps(KnowledgeGraph.open("toy.kg"))
    monkeypatch.chdir("/")
    assert pickle.loads(text).fingerprint() == toy_graph().fingerprint()
    gc.collect()
    GRAPH.save(tmp_path / "toy.kg")
    with pytest.raises(DataError, match="another graph was saved here"):
        pickle.loads(text)
