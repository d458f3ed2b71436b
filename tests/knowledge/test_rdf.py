"""RDF syntaxes: what is kept, what is merged, what is refused."""

from __future__ import annotations

import bz2
import gzip
import io
import sys
from pathlib import Path

import pyoxigraph as ox
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from kgreason.errors import DataError, UsageError
from kgreason.knowledge import KnowledgeGraph
from kgreason.knowledge.sources import blocks, lines
from kgreason.knowledge.sources.statements import columns
from kgreason.knowledge.terms import canonical

XSD = "http://www.w3.org/2001/XMLSchema#"
NTRIPLES = rf"""<http://e/a> <http://e/knows> <http://e/b> .
# a remark

<http://e/b>   <http://e/knows>	_:x1 .
<http://e/a> <http://e/age> "007"^^<{XSD}integer> .
<http://e/a> <http://e/name> "An\u00E9 \"A\"\nB" .
<http://e/a> <http://e/name> "plain words here"^^<{XSD}string> .
<http://e/a> <http://e/name> "Anna"@en-gb .
"""
STATEMENTS = {
    ("<http://e/a>", "<http://e/knows>", "<http://e/b>"),
    ("<http://e/b>", "<http://e/knows>", "_:x1"),
    ("<http://e/a>", "<http://e/age>", f'"007"^^<{XSD}integer>'),
    ("<http://e/a>", "<http://e/name>", rf'"Ané \"A\"\nB"^^<{XSD}string>'),
    ("<http://e/a>", "<http://e/name>", f'"plain words here"^^<{XSD}string>'),
    ("<http://e/a>", "<http://e/name>", '"Anna"@en-gb'),
}
FORMATS = {
    ".nt": ox.RdfFormat.N_TRIPLES,
    ".nq": ox.RdfFormat.N_QUADS,
    ".ttl": ox.RdfFormat.TURTLE,
    ".trig": ox.RdfFormat.TRIG,
    ".rdf": ox.RdfFormat.RDF_XML,
    ".jsonld": ox.RdfFormat.JSON_LD,
}


def statements(graph: KnowledgeGraph) -> set[tuple[str, str, str]]:
    names = graph.vocabulary
    return {
        (names.entity(h), names.relation(r), names.entity(t)) for h, r, t in graph.facts().tolist()
    }


def put(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_syntax_gives_the_same_statements(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"graph{suffix}"
    quads = ox.parse(NTRIPLES, format=ox.RdfFormat.N_TRIPLES)
    ox.serialize(quads, file, format=FORMATS[suffix])
    graph = KnowledgeGraph.load(file)
    found = {tuple("_:x1" if n.startswith("_:") else n for n in s) for s in statements(graph)}
    assert found == STATEMENTS
    assert graph.name == "graph"
    assert graph.splits == ("train",)
    again = KnowledgeGraph.load(file)
    assert again.vocabulary.fingerprint() == graph.vocabulary.fingerprint()


PACKED = {
    "gz": gzip.compress(NTRIPLES.encode()),
    "bz2": bz2.compress(NTRIPLES.encode()),
    "zst": zstd.compress(NTRIPLES.encode()),
}


@pytest.mark.parametrize("suffix", PACKED)
def test_compressed_files(suffix: str, tmp_path: Path) -> None:
    file = put(tmp_path / f"graph.nt.{suffix}", PACKED[suffix])
    assert statements(KnowledgeGraph.load(file)) == STATEMENTS
    damaged = put(tmp_path / f"damaged.nt.{suffix}", file.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"damaged\.nt"):
        KnowledgeGraph.load(damaged)
    noise = put(tmp_path / f"noise.nt.{suffix}", b"not compressed at all")
    with pytest.raises(DataError, match=r"noise\.nt"):
        KnowledgeGraph.load(noise)


def test_zstandard_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.version_info >= (3, 14):
        pytest.skip("the standard library reads .zst here")
    monkeypatch.setitem(sys.modules, "backports", None)
    file = put(tmp_path / "graph.nt.zst", b"")
    with pytest.raises(UsageError, match=r"kgreason\[zstd\]"):
        KnowledgeGraph.load(file)


def test_standard_input_needs_a_format(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="standard input"):
        KnowledgeGraph.load("-")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(NTRIPLES.encode())))
    graph = KnowledgeGraph.load("-", input_format="nt")
    assert statements(graph) == STATEMENTS
    assert graph.name == "stdin"
    assert not sys.stdin.closed


def test_blocks_of_lines_do_not_change_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(f"<http://e/{i % 97}> <http://e/r> <http://e/{i % 89}> .\n" for i in range(900))
    file = put(tmp_path / "graph.nt", text + NTRIPLES.rstrip())
    whole = KnowledgeGraph.load(file)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 300)
    in_pieces = KnowledgeGraph.load(file)
    assert statements(in_pieces) == statements(whole)
    assert in_pieces.fact_counts == whole.fact_counts == {"train": 906}
    assert len(set(whole.vocabulary.entity_names)) == whole.entity_count


iris = st.text("abz/#?=:%20.-_~'()[]{}|é\\ ", max_size=8).map(lambda tail: f"<http://e/{tail}>")
literals = st.builds(
    lambda text, suffix: f'"{text}"{suffix}',
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.sampled_from(["", "@en", "@en-GB", "@EN", "@e", f"^^<{XSD}integer>", "^^<int>", "^^", "@"]),
)
ntriples = st.lists(
    st.builds(
        lambda s, p, o, end: f"{s} {p} {o}{end}",
        iris | st.sampled_from(["_:b1", "_:b.1", "_:b-", "_:", "<rel>", '"s"']),
        iris,
        iris | literals | st.just("_:x"),
        st.sampled_from([" .", ".", "  .", " . # end", " ", " . ."]),
    )
    | st.text('<>_:ab "@^.#\t', max_size=12),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(ntriples, st.booleans())
def test_bulk_reading_agrees_with_the_parser(rows: list[str], crlf: bool) -> None:
    text = ("\r\n" if crlf else "\n").join(rows).encode()
    taken, rest = lines.canonical_lines(text)
    in_bulk = [] if taken is None else list(zip(*(list(c) for c in taken), strict=True))
    try:
        whole = parsed(text)
    except SyntaxError:
        # Whatever was taken in bulk is right by itself, and the error is left to be found.
        with pytest.raises(SyntaxError):
            parsed(rest)
        plain = [line for line in text.splitlines() if lines.canonical_lines(line)[0]]
        # A control character anywhere leaves the whole block to the parser.
        assert taken is None or sorted(in_bulk) == sorted(parsed(b"\n".join(plain)))
    else:
        assert sorted(in_bulk + parsed(rest)) == sorted(whole)


def parsed(text: bytes) -> list[tuple[str, ...]]:
    quads = [q for q in ox.parse(text, format=ox.RdfFormat.N_TRIPLES) if isinstance(q, ox.Quad)]
    return list(zip(*columns(quads), strict=True))


def test_named_graphs_are_merged_and_repetitions_dropped(tmp_path: Path) -> None:
    file = put(tmp_path / "g.nq", "<http://a> <http://r> <http://b> <http://g> .\n" * 2)
    assert statements(KnowledgeGraph.load(file)) == {("<http://a>", "<http://r>", "<http://b>")}
    assert KnowledgeGraph.load(file).fact_counts == {"train": 1}


def test_blank_nodes_of_two_files_stay_apart(tmp_path: Path) -> None:
    one = put(tmp_path / "one.nt", "_:b0 <http://r> <http://a> .\n")
    two = put(tmp_path / "two.nt", "_:b0 <http://r> <http://c> .\n_:b1 <http://r> _:b0 .\n")
    graph = KnowledgeGraph.load(one, two)
    blanks = [name for name in graph.vocabulary.entity_names if name.startswith("_:")]
    assert len(blanks) == 3
    assert len(statements(graph)) == 3
    assert graph.entity_count == 5


def test_prefixes_of_the_file_are_kept(tmp_path: Path) -> None:
    file = put(tmp_path / "g.ttl", "@prefix ex: <http://e/> .\nex:a ex:likes ex:b ; ex:p <c> .\n")
    names = KnowledgeGraph.load(file).vocabulary
    assert names.prefixes["ex"] == "http://e/"
    assert names.prefixes["rdfs"].endswith("rdf-schema#")
    assert names.find_entity("ex:a") == names.find_entity("<http://e/a>") == (0,)
    assert names.display(0) == "ex:a"
    assert names.display_relation(0) == "ex:likes"
    # A relative IRI belongs to the place of its file.
    assert names.find_entity(f"<{(tmp_path / 'c').resolve().as_uri()}>")


BAD_LINES = b"""<http://a> <http://r> <http://b> .
<http://a> <http://r> .
<http://a> <http://r> "open .
<http://a> <http://r> "\xff\xfe" .
<http://a b> <http://r> <http://c> .
<http://a> <http://r> <http://c> .
"""


@pytest.mark.parametrize("suffix", [".nt", ".nq"])
def test_a_malformed_line_is_named_and_may_be_passed_over(suffix: str, tmp_path: Path) -> None:
    file = put(tmp_path / f"bad{suffix}", BAD_LINES)
    with pytest.raises(DataError, match=rf"bad\{suffix}, line 2: .*object") as caught:
        KnowledgeGraph.load(file)
    assert "--lenient" in str(caught.value)
    graph = KnowledgeGraph.load(file, lenient=True)
    assert graph.skipped == 4
    assert graph.fact_counts == {"train": 2}
    assert "4 malformed" in graph.describe()


def test_the_line_is_right_beyond_the_first_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 100)
    good = "<http://a> <http://r> <http://b> .\n"
    file = put(tmp_path / "bad.nt", good * 41 + "oops\n" + good)
    with pytest.raises(DataError, match="line 42"):
        KnowledgeGraph.load(file)


def test_lenient_turtle_goes_on_after_a_bad_statement(tmp_path: Path) -> None:
    text = "@prefix e: <http://e/> .\ne:a e:r e:b .\ne:a x:y e:c .\ne:d e:r e:e .\n"
    file = put(tmp_path / "bad.ttl", text)
    with pytest.raises(DataError, match=r"bad\.ttl, line 3"):
        KnowledgeGraph.load(file)
    graph = KnowledgeGraph.load(file, lenient=True)
    assert (graph.skipped, graph.fact_counts) == (1, {"train": 2})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bad.ttl", b'<http://a> <http://r> "\xff" .'),
        ("bad.rdf", b"<rdf:RDF><a></rdf:RDF>"),
        ("bad.jsonld", b'{"@id": "http://a", "http://p"'),
        ("bad.jsonld", b'{"@context": "https://e/c", "@id": "http://a", "http://p": 1}'),
    ],
)
def test_what_cannot_be_passed_over_is_an_error(name: str, text: bytes, tmp_path: Path) -> None:
    file = put(tmp_path / name, text)
    for lenient in (False, True):
        with pytest.raises(DataError, match=name):
            KnowledgeGraph.load(file, lenient=lenient)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("empty.nt", "", "no facts"),
        ("remarks.ttl", "# nothing\n", "no facts"),
        ("graph.dat", "x", r"the suffix \.dat tells no format"),
        ("graph", "x", "tells no format"),
    ],
)
def test_nothing_to_read(name: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises((DataError, UsageError), match=message):
        KnowledgeGraph.load(put(tmp_path / name, text))


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        KnowledgeGraph.load(tmp_path / "absent.nt")
    with pytest.raises(DataError, match="neither a store"):
        KnowledgeGraph.load(tmp_path)
    with pytest.raises(UsageError, match="no source"):
        KnowledgeGraph.load()
    with pytest.raises(UsageError, match="no input format 'n5'"):
        KnowledgeGraph.load(put(tmp_path / "a.nt", NTRIPLES), input_format="n5")


def test_progress_is_told_how_far_it_is(tmp_path: Path) -> None:
    told: list[int] = []
    KnowledgeGraph.load(put(tmp_path / "a.nt", NTRIPLES), progress=told.append)
    assert told[-1] == 6
    assert told == sorted(told)


@pytest.mark.data
def test_a_real_rdf_graph(data: Path) -> None:
    graph = KnowledgeGraph.load(data / "rdf/aifb.nt.gz")
    assert graph.fact_counts == {"train": 29_043}
    assert (graph.entity_count, graph.relation_count) == (8_303, 45)
    assert int(graph.vocabulary.literal.sum()) == 5_468
    text = gzip.decompress((data / "rdf/aifb.nt.gz").read_bytes())
    expected = {
        (str(q.subject), str(q.predicate), canonical(str(q.object)))
        for q in ox.parse(text, format=ox.RdfFormat.N_TRIPLES)
        if isinstance(q, ox.Quad)
    }
    assert statements(graph) == expected
