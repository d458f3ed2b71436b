"""Tables, frames and benchmark folders."""

from __future__ import annotations

import gzip
import io
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
import rdflib

from kgreason.errors import DataError, KgreasonError, UsageError
from kgreason.knowledge import KnowledgeGraph
from kgreason.knowledge.sources import blocks
from tests.knowledge.test_rdf import NTRIPLES, STATEMENTS, put, statements


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("g.tsv", "alice\tknows\tbob\nbob\tknows\tcarol\n"),
        ("g.txt", "alice\tknows\tbob\r\n\r\nbob\tknows\tcarol"),
        ("g.tsv", "head\trelation\ttail\nalice\tknows\tbob\nbob\tknows\tcarol\n"),
        ("g.csv", 'Subject,Predicate,Object\n"alice",knows,bob\nbob,knows,carol\n'),
        ("g.csv", "\ufeffalice,knows,bob\nbob,knows,carol\n"),
    ],
)
def test_tables_with_and_without_header(name: str, text: str, tmp_path: Path) -> None:
    graph = KnowledgeGraph.load(put(tmp_path / name, text))
    assert statements(graph) == {("alice", "knows", "bob"), ("bob", "knows", "carol")}
    assert graph.vocabulary.entity_names.to_list() == ["alice", "bob", "carol"]


def test_a_quoted_field_of_a_csv_may_hold_commas_and_lines(tmp_path: Path) -> None:
    graph = KnowledgeGraph.load(put(tmp_path / "g.csv", '"a, b",r,"c\nd"\n'))
    assert statements(graph) == {("a, b", "r", "c\nd")}


def test_a_fourth_column_is_the_split(tmp_path: Path) -> None:
    text = "a\tr\tb\tvalidation\na\tr\tc\ttrain\nb\tr\tc\ttest\n"
    graph = KnowledgeGraph.load(put(tmp_path / "g.tsv", text))
    assert graph.splits == ("train", "valid", "test")
    assert graph.facts("train").shape == (1, 3)
    assert graph.index(["train", "valid"]).fact_count == 2
    assert graph.index(["valid", "train"]) is graph.index(["train", "valid"])
    with pytest.raises(UsageError, match="no split 'dev'"):
        graph.facts(["dev"])
    named = put(tmp_path / "n.tsv", "head\trelation\ttail\tsplit\na\tr\tb\tfold1\n")
    assert KnowledgeGraph.load(named).splits == ("fold1",)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("g.tsv", "a\tr\tb\na\tr\n", "line 2: 2 columns"),
        ("g.tsv", "a r b\n", "line 1: 1 column, expected 3 or 4"),
        ("g.tsv", "a\tr\tb\na\tr\tb\ttest\n", "line 2: 4 columns, expected 3"),
        ("g.tsv", "a\tr\tb\n\tr\tb\n", "line 2: the head is empty"),
        ("g.tsv", "a\tr\tb\t0.7\n", "fourth column '0.7' is not a split"),
        ("g.csv", "a,r,b\na,r,b,c,d\n", "line 2: 5 columns"),
        ("g.csv", 'a,r,b\na,r,"b\n', r"g\.csv, line"),
        ("g.tsv", b"a\tr\tb\na\tr\t\xff\xfe\n", "line 2: bytes that are not UTF-8"),
        ("g.tsv", "", "no facts"),
        ("g.tsv", "head\trelation\ttail\n", "no facts"),
    ],
)
def test_malformed_tables(name: str, text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        KnowledgeGraph.load(put(tmp_path / name, text))


def test_a_table_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, text in (("csv", b"a,r,b\n"), ("tsv", b"a\tr\tb")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        assert statements(KnowledgeGraph.load("-", input_format=kind)) == {("a", "r", "b")}
        assert not sys.stdin.closed


def test_blocks_of_lines_do_not_change_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"e{i % 17}\tr{i % 3}\te{i % 13}\t{('train', 'dev')[i % 2]}" for i in range(200)]
    good = put(tmp_path / "good.tsv", "h\tr\tt\tsplit\n" + "\n".join(rows))
    bad = put(tmp_path / "bad.tsv", "\n".join([*rows, "one\ttwo", *rows]))
    whole = KnowledgeGraph.load(good)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 100)
    in_pieces = KnowledgeGraph.load(good)
    assert statements(in_pieces) == statements(whole)
    assert in_pieces.fact_counts == whole.fact_counts
    with pytest.raises(DataError, match="line 201: 2 columns"):
        KnowledgeGraph.load(bad)
    assert KnowledgeGraph.load(bad, lenient=True).skipped == 1


def test_lenient_counts_bad_rows(tmp_path: Path) -> None:
    file = put(tmp_path / "g.tsv", "a\tr\tb\na\tr\n\tr\tb\nb\tr\tc\n")
    graph = KnowledgeGraph.load(file, lenient=True)
    assert (graph.skipped, graph.fact_counts) == (2, {"train": 2})


def test_a_folder_of_split_tables(tmp_path: Path) -> None:
    put(tmp_path / "train.txt", "a\tr\tb\n")
    put(tmp_path / "valid.tsv.gz", gzip.compress(b"b\tr\ta\n"))
    graph = KnowledgeGraph.load(tmp_path, name="toy")
    assert graph.fact_counts == {"train": 1, "valid": 1}
    assert graph.name == "toy"


def test_graphs_that_pykeen_carries() -> None:
    graph = KnowledgeGraph.load("pykeen:umls")
    assert (graph.name, graph.entity_count, graph.relation_count) == ("umls", 135, 46)
    assert graph.fact_counts == {"train": 5216, "valid": 652, "test": 661}
    for name, entities in (("nations", 14), ("kinships", 104)):
        assert KnowledgeGraph.load(f"pykeen:{name}").entity_count == entities
    with pytest.raises(UsageError, match="pykeen:umls"):
        KnowledgeGraph.load("pykeen:fb15k")


def test_frames_of_polars_and_pandas() -> None:
    columns = {"head": ["a", "b"], "relation": ["r", "r"], "tail": ["b", "c"], "x": [1, 2]}
    for frame in (pl.DataFrame(columns), pl.LazyFrame(columns), pd.DataFrame(columns)):
        graph = KnowledgeGraph.from_frame(frame)
        assert statements(graph) == {("a", "r", "b"), ("b", "r", "c")}
    split = pd.DataFrame({**columns, "split": ["test", "train"]})
    assert KnowledgeGraph.from_frame(split).fact_counts == {"train": 1, "test": 1}
    numbers = pl.DataFrame({"head": [1], "relation": [0], "tail": [2]})
    assert statements(KnowledgeGraph.from_frame(numbers)) == {("1", "0", "2")}


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"head": ["a"], "tail": ["b"]}), "no column 'relation'"),
        (pd.DataFrame({"head": ["a"], "tail": ["b"]}), "no column 'relation'"),
        (pl.DataFrame({"head": ["a", None], "relation": "r", "tail": "b"}), "row 1"),
        (pd.DataFrame({"head": ["a", None], "relation": "r", "tail": "b"}), "row 1"),
        (
            pl.DataFrame(schema={"head": pl.String, "relation": pl.String, "tail": pl.String}),
            "no f",
        ),
        ([("a", "r", "b")], "list is not a frame"),
    ],
)
def test_frames_that_lack_something(frame: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        KnowledgeGraph.from_frame(frame)


def test_an_rdflib_graph_and_dataset() -> None:
    text = NTRIPLES.replace("_:x1", "<http://e/x>")
    graph = rdflib.Graph().parse(data=text.replace("007", "7"), format="nt")
    graph.remove((None, None, rdflib.Literal(7)))
    # rdflib changes lexical forms where it parses; what it kept is taken over as it is.
    seven = rdflib.Literal("007", datatype=rdflib.XSD.integer, normalize=False)
    graph.add((rdflib.URIRef("http://e/a"), rdflib.URIRef("http://e/age"), seven))
    graph.bind("ex", "http://e/")
    expected = {tuple("<http://e/x>" if n == "_:x1" else n for n in s) for s in STATEMENTS}
    mine = KnowledgeGraph.from_rdflib(graph)
    assert statements(mine) == expected
    assert mine.vocabulary.prefixes["ex"] == "http://e/"
    dataset = rdflib.Dataset()
    part = dataset.graph(rdflib.URIRef("http://e/g"))
    part.add((rdflib.URIRef("http://e/a"), rdflib.URIRef("http://e/r"), rdflib.BNode("q")))
    assert statements(KnowledgeGraph.from_rdflib(dataset)) == {
        ("<http://e/a>", "<http://e/r>", "_:q")
    }


def test_what_rdflib_cannot_mean() -> None:
    graph = rdflib.Graph()
    bad = rdflib.Literal("x", datatype=rdflib.URIRef("relative"))
    graph.add((rdflib.BNode(), rdflib.URIRef("http://r"), bad))
    with pytest.raises(DataError, match="the literal 'x' is malformed"):
        KnowledgeGraph.from_rdflib(graph)
    with pytest.raises(DataError, match="str is not an rdflib graph"):
        KnowledgeGraph.from_rdflib("graph.ttl")


def betae(
    folder: Path, relations: tuple[str, ...] = ("+r", "-r"), train: str = "0\t0\t1\n"
) -> Path:
    (folder / "id2ent.pkl").write_bytes(pickle.dumps({0: "a", 1: "b", 2: "c"}))
    (folder / "id2rel.pkl").write_bytes(pickle.dumps(dict(enumerate(relations))))
    put(folder / "train.txt", train)
    put(folder / "valid.txt", "1\t0\t2\n2\t1\t1\n")
    # An inverse alone still states its fact.
    put(folder / "test.txt", "2\t1\t0\n")
    return folder


def test_a_betae_folder(tmp_path: Path) -> None:
    graph = KnowledgeGraph.load(betae(tmp_path))
    assert graph.fact_counts == {"train": 1, "valid": 1, "test": 1}
    assert graph.facts().tolist() == [[0, 0, 1], [1, 0, 2], [0, 0, 2]]
    assert graph.vocabulary.relation(0) == "r"
    assert graph.index().rows([2], [1])[1].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("relations", "train", "message"),
    [
        (("r", "s"), "0\t0\t1\n", "not `\\+name` and `-name`"),
        (("+r", "-s"), "0\t0\t1\n", "not `\\+name` and `-name`"),
        (("+r",), "0\t0\t1\n", "not `\\+name` and `-name`"),
        (("+r", "-r"), "0\t0\t1\n0\t0\t7\n", "line 2: the tail '7'"),
        (("+r", "-r"), "0\t2\t1\n", "line 1: the relation '2'"),
        (("+r", "-r"), "0\t0\n", "line 1: 2 columns"),
        (("+r", "-r"), "0\tx\t1\n", "line 1: the relation 'x'"),
        (("+r", "-r"), "0\t0\t1\t3\n", "line 1: 4 columns"),
    ],
)
def test_malformed_betae_folders(
    relations: tuple[str, ...], train: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        KnowledgeGraph.load(betae(tmp_path, relations, train))


def test_a_betae_folder_lacking_a_file(tmp_path: Path) -> None:
    (betae(tmp_path) / "test.txt").unlink()
    with pytest.raises(DataError, match=r"test\.txt: no such file"):
        KnowledgeGraph.load(tmp_path)


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "entities", "relations", "counts"),
    [
        ("FB15k-237-betae", 14_505, 237, (272_115, 17_526, 20_438)),
        ("NELL-betae", 63_361, 200, (114_213, 14_324, 14_267)),
    ],
)
def test_published_benchmarks(
    folder: str, entities: int, relations: int, counts: tuple[int, ...], data: Path
) -> None:
    graph = KnowledgeGraph.load(data / folder)
    assert (graph.entity_count, graph.relation_count) == (entities, relations)
    assert tuple(graph.fact_counts.values()) == counts
    assert graph.splits == ("train", "valid", "test")
    names = pickle.loads((data / folder / "id2ent.pkl").read_bytes())
    assert graph.vocabulary.entity_names.to_list() == [names[k] for k in range(entities)]
    raw = pl.read_csv(data / folder / "test.txt", separator="\t", has_header=False).to_numpy()
    test = graph.index(["test"])
    assert test.contains(*raw.T).all()
    assert test.fact_counts.sum() == len(raw)


def test_names_that_are_no_text() -> None:
    half = "\ud800"
    frame = pl.DataFrame({"head": ["a"], "relation": ["r"], "tail": ["b"]})
    table = pd.DataFrame({"head": [half], "relation": ["r"], "tail": ["b"]}, dtype=object)
    graph = rdflib.Graph()
    graph.add((rdflib.URIRef(half), rdflib.URIRef("r"), rdflib.BNode("b")))
    reads: list[Callable[[], object]] = [
        lambda: KnowledgeGraph.from_frame(table),
        lambda: KnowledgeGraph.from_rdflib(graph),
        lambda: KnowledgeGraph.from_triples([("a", half, "b")]),
        lambda: KnowledgeGraph.load("pykeen:nations", labels={"usa": half}),
    ]
    for read in reads:
        with pytest.raises(KgreasonError, match="no Unicode text"):
            read()
    with pytest.raises(UsageError, match="which is no path"):
        KnowledgeGraph.from_frame(frame).save("a\0b")
    with pytest.raises(DataError, match="File name too long"):
        KnowledgeGraph.load("x" * 300)
    with pytest.raises(DataError, match="File name too long"):
        KnowledgeGraph.from_frame(frame).save("x" * 300)
    with pytest.raises(UsageError, match="limits are 5"):
        KnowledgeGraph.load("pykeen:nations", limits=5)  # type: ignore[arg-type]
