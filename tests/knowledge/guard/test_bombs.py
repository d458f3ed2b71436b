"""Small files that would take all memory, time or stack are refused, with file and line."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from backports import zstd

from kgreason.errors import DataError, KgreasonError, LimitError
from kgreason.knowledge import KnowledgeGraph, ReadingLimits

MIB = 1 << 20
RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/">\n'
ABOUT = '<rdf:Description rdf:about="http://e/a">'
END = "</rdf:Description></rdf:RDF>"
LONG = "x" * (5 * MIB)
SUBJECT = "<http://e/a> <http://e/p> "


def doctype(*entities: str) -> str:
    declared = "\n".join(f"<!ENTITY {one}>" for one in entities)
    return f"<!DOCTYPE rdf:RDF [\n{declared}\n]>\n{RDF}"


def nested(opening: str, closing: str, depth: int) -> str:
    return opening * depth + "1" + closing * depth


DOUBLING = [f'a{k + 1} "{f"&a{k};" * 10}"' for k in range(9)]


def numbered(pattern: str, count: int, between: str = "") -> str:
    return between.join(pattern.replace("N", str(k)) for k in range(count))


# File name, content, and what the error says.
BOMBS: dict[str, tuple[str, Callable[[], str], str]] = {
    "entities": (
        "b.rdf", lambda: doctype('a0 "aaaaaaaaaa"', *DOUBLING) + ABOUT + "<e:p>&a9;</e:p>" + END,
        "b.rdf, line 8: the entity 'a6' and those before it expand to more than 4,194,304"),
    "parameter entities": (
        "b.rdf", lambda: doctype('%a0 "aaaaaaaaaa"', *("%" + one for one in DOUBLING)) + END,
        "the entity 'a6' and those before it"),
    "one long entity": (
        "b.rdf", lambda: doctype(f'a "{"a" * 99_999}"') + f"{ABOUT}<e:p>{'&a;' * 99_999}</e:p>",
        "b.rdf, line 5: entities expand a text to more than 4,194,304 bytes"),
    "one entity, many texts": (
        "b.rdf", lambda: doctype(f'a "{"a" * MIB}"') + ABOUT + "<e:p>&a;</e:p>\n" * 999 + END,
        "entities expand the document to more than 50 times its size"),
    "long attribute": (
        "b.rdf", lambda: doctype(f'a "{"a" * MIB}"') + f'{ABOUT[:-1]} e:p="&a;&a;&a;&a;">' + END,
        "entities expand a text to more than"),
    "attributes": (
        "b.rdf", lambda: RDF + ABOUT[:-1] + numbered(" e:pN=''", 99_999) + "/>",
        "b.rdf, line 2: a tag with more than 10,000 attributes"),
    "literal.nt": (
        "b.nt", lambda: f'\n{SUBJECT}"{LONG}" .\n', "b.nt, line 2: a line longer than"),
    "literal.nq": (
        "b.nq", lambda: f'\n{SUBJECT}"{LONG}" .\n', "b.nq, line 2: a line longer than"),
    "literal.tsv": (
        "b.tsv", lambda: f"a\tb\tc\na\tb\t{LONG}\n", "b.tsv, line 2: a line longer than"),
    "literal.csv": (
        "b.csv", lambda: f"a,b,c\na,b,{LONG}\n", "b.csv, line 2: a line longer than"),
    "open quote": (
        "b.csv", lambda: 'a,b,c\na,b,"c\n' + "a,b,c\n" * 3 * MIB,
        "b.csv, line 2: a record longer than 4,194,304 bytes: is a quote left open?"),
    "literal.ttl": ("b.ttl", lambda: f'\n{SUBJECT}"{LONG}" .\n', "b.ttl, line 2: '\"xxx"),
    "long literal.ttl": (
        "b.ttl", lambda: f'\n{SUBJECT}"""{LONG}\n""" .\n', "b.ttl, line 2: '\"\"\"xxx"),
    "literal.rdf": (
        "b.rdf", lambda: f"{RDF}{ABOUT}<e:p>{LONG}</e:p>{END}", "b.rdf, line 2: 'xxxx"),
    "literal.jsonld": ("b.jsonld", lambda: f'{{"@id":\n"{LONG}"}}', "b.jsonld, line 2: '\"xxxx"),
    "iri": (
        "b.trig", lambda: f"\n<http://e/{LONG}> <http://e/p> 1 .", "line 2: '<http://e/xxx"),
    "comment": ("b.ttl", lambda: f"\n#{LONG}\n", "b.ttl, line 2: '#xxx"),
    "xml comment": ("b.rdf", lambda: f"{RDF}<!--{LONG}", "b.rdf, line 2: '<!--xxx"),
    "tag": ("b.rdf", lambda: f'{RDF}<e:p e:q="{LONG}', "b.rdf, line 2: '<e:p e:q=\"xxx"),
    "objects": (
        "b.jsonld", lambda: nested('{"http://e/p":\n', "}", 5_000), "b.jsonld, line 501: nested"),
    "arrays": (
        "b.jsonld", lambda: '{"http://e/p":' + nested("[", "]", 5_000) + "}", "more than 500 deep"),
    "blank nodes": (
        "b.ttl", lambda: SUBJECT + nested("[ <http://e/p>\n", "]", 9_999) + ".",
        "b.ttl, line 501: nested more than 500 deep"),
    "collections": (
        "b.ttl", lambda: SUBJECT + nested("(", ")", 9_999) + ".", "more than 500 deep"),
    "quoted.ttl": (
        "b.ttl", lambda: SUBJECT + nested(f"<<( {SUBJECT}", ")>>", 99_999) + ".", "500 deep"),
    "quoted.nt": (
        "b.nt", lambda: "\n" + SUBJECT + nested(f"<<( {SUBJECT}", ")>>", 9_999) + ".\n",
        "b.nt, line 2: nested more than 500 deep"),
    "reified": ("b.ttl", lambda: nested("<<", f" <http://e/p> 1 >> {SUBJECT}", 9_999), "500 deep"),
    "elements": (
        "b.rdf", lambda: RDF + nested("<rdf:Description><e:p>", "</e:p></rdf:Description>", 99_999),
        "more than 500 deep"),
    "prefixes": (
        "b.ttl", lambda: numbered("@prefix pN: <http://e/> .\n", 99_999),
        "more than 10,000 prefixes"),
    "namespaces": (
        "b.rdf", lambda: RDF + numbered('<e:p xmlns:nN="n"/>', 99_999),
        "more than 10,000 prefixes"),
    "long prefix": (
        "b.ttl",
        lambda: f"@prefix p: <http://e/{'x' * MIB}> .\n" + numbered("p:N p:p 1 .\n", 9_999),
        "more than 50 times"),
    "long base": (
        "b.rdf", lambda: f'{RDF[:-2]} xml:base="http://e/{"x" * MIB}/">'
        + numbered('<e:p rdf:about="N"/>', 9_999) + "</rdf:RDF>",
        "more than 50 times"),
    "long subject": (
        "b.ttl",
        lambda: f"<http://e/{'x' * (MIB // 4)}> <http://e/p> 1" + numbered(", N", 9_999) + " .",
        "more than 50 times"),
    "long term": (
        "b.jsonld", lambda: f'{{"@context": {{"p": "http://e/{"x" * MIB}/"}}, "@graph": ['
        + numbered('{"@id": "p:N"}', 99_999, ",") + "]}",
        "more than 50 times"),
    "contexts": (
        "b.jsonld", lambda: '{"\\u0040context": {' + numbered('"pN": "http://e/N#"', 9_999, ",")
        + '}, "@graph": ' + nested('[{"@context": {"q": "http://e/q"}, "http://e/p":', "}]", 200),
        "deep in contexts of"),
}  # fmt: skip


def put(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content)
    return path


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_few_words(tmp_path: Path, name: str) -> None:
    file, content, said = BOMBS[name]
    with pytest.raises(KgreasonError) as caught:
        KnowledgeGraph.load(put(tmp_path, file, content()))
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


def test_a_lenient_load_keeps_the_limits(tmp_path: Path) -> None:
    for name in ("literal.nt", "literal.ttl", "quoted.ttl", "quoted.nt"):
        file, content, _ = BOMBS[name]
        with pytest.raises(LimitError):
            KnowledgeGraph.load(put(tmp_path, file, content()), lenient=True)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("kind", ["zeros", "facts", "space"])
def test_what_is_decompressed_is_bounded(tmp_path: Path, suffix: str, kind: str) -> None:
    openers: dict[str, Callable[..., object]] = {
        ".gz": gzip.compress,
        ".bz2": bz2.compress,
        ".xz": partial(lzma.compress, preset=0),
        ".zst": zstd.compress,
    }
    piece, name = {
        "zeros": (b"\0" * MIB, "b.nt"),
        "facts": ((b"a\tb\t" + b"c" * 99 + b"\n") * (MIB // 104), "b.tsv"),
        "space": (b" " * MIB, "b.jsonld"),
    }[kind]
    packed = openers[suffix](piece * 20)
    assert isinstance(packed, bytes)
    path = tmp_path / f"{name}{suffix}"
    path.write_bytes(packed)
    with pytest.raises(LimitError) as caught:
        KnowledgeGraph.load(path)
    said = "line 1: a line longer" if kind == "zeros" else "more than 200 times the size"
    assert f"{path}" in str(caught.value)
    assert said in str(caught.value)
    if kind == "facts":
        graph = KnowledgeGraph.load(path, limits=ReadingLimits(expansion=10_000_000))
        assert graph.fact_counts == {"train": 1}


MEASURE = """
import sys
from kgreason.errors import KgreasonError
from kgreason.knowledge import KnowledgeGraph
try:
    KnowledgeGraph.load(sys.argv[1])
except KgreasonError:
    pass
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM")))
"""


@pytest.mark.parametrize("name", ["entities", "literal.ttl", "long base", "objects", "quoted.ttl"])
def test_a_refused_file_takes_little_memory(tmp_path: Path, name: str) -> None:
    file, content, _ = BOMBS[name]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, put(tmp_path, file, content())],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert int(done.stdout) < 300


def test_a_long_literal_takes_a_few_times_its_size(tmp_path: Path) -> None:
    path = put(tmp_path, "b.ttl", f'{SUBJECT}"{"x" * 4_000_000}" .\n')
    (name,) = KnowledgeGraph.load(path).vocabulary.entity_names.to_list()[1:]
    assert len(name) > 4_000_000
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, path], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 300


def test_entities_of_namespaces_work(tmp_path: Path) -> None:
    path = put(
        tmp_path,
        "owl.owl",
        doctype('owl "http://www.w3.org/2002/07/owl#"', 'thing "&owl;Thing"', 'e2 "http://e/"')
        + ABOUT
        + '<e:p rdf:resource="&thing;"/><e:q rdf:datatype="&e2;int">3</e:q>'
        + "<e:r>&lt;&owl;&gt;</e:r>\n" * 2_000
        + END,
    )
    names = KnowledgeGraph.load(path).vocabulary.entity_names.to_list()
    assert names[1:] == [
        "<http://www.w3.org/2002/07/owl#Thing>",
        '"3"^^<http://e/int>',
        '"<http://www.w3.org/2002/07/owl#>"^^<http://www.w3.org/2001/XMLSchema#string>',
    ]


@pytest.mark.parametrize("how", ['SYSTEM "file:///etc/hostname"', 'PUBLIC "x" "http://e/x"'])
def test_external_entities_are_refused_by_name(tmp_path: Path, how: str) -> None:
    path = put(tmp_path, "b.rdf", doctype(f"secret {how}") + ABOUT + "<e:p>&secret;</e:p>" + END)
    with pytest.raises(DataError, match="line 2: the entity 'secret' is external"):
        KnowledgeGraph.load(path)


def test_a_context_elsewhere_is_not_fetched(tmp_path: Path) -> None:
    path = put(tmp_path, "b.jsonld", '{"@context": "http://127.0.0.1:9/", "@id": "http://e/a"}')
    with pytest.raises(DataError, match="nothing is fetched"):
        KnowledgeGraph.load(path)


def test_limits_can_be_raised_and_lowered(tmp_path: Path) -> None:
    path = put(tmp_path, "b.ttl", SUBJECT + nested("(", ")", 600) + ".")
    assert KnowledgeGraph.load(path, limits=ReadingLimits(nesting=600)).fact_counts["train"] == 1201
    with pytest.raises(LimitError, match="more than 599 deep"):
        KnowledgeGraph.load(path, limits=ReadingLimits(nesting=599))
    path = put(tmp_path, "b.nt", f'{SUBJECT}"{"x" * 2_000}" .\n')
    with pytest.raises(LimitError, match="a line longer than 1,500 bytes"):
        KnowledgeGraph.load(path, limits=ReadingLimits(length=1_500))
    path = put(tmp_path, "b.ttl", f'{SUBJECT}"{"x" * 2_000}" .\n')
    with pytest.raises(LimitError, match="goes on for more than 1,500 bytes"):
        KnowledgeGraph.load(path, limits=ReadingLimits(length=1_500))
    path = put(tmp_path, "b.ttl", f"@prefix e: <http://e/> .\ne:{'x' * 99_999} e:p e:b .")
    with pytest.raises(LimitError, match=r"line 2: 'e:xxx.* goes on for more than 70,000 bytes"):
        KnowledgeGraph.load(path, limits=ReadingLimits(length=70_000))
    path = put(tmp_path, "b.jsonld", nested('{"http://e/p":', "}", 1_010))
    with pytest.raises(LimitError, match="which no JSON-LD may be"):
        KnowledgeGraph.load(path, limits=ReadingLimits(nesting=9_999))


def test_a_token_that_no_parser_holds(tmp_path: Path) -> None:
    path = put(tmp_path, "b.ttl", f'{SUBJECT}"{"x" * 17 * MIB}" .\n')
    with pytest.raises(LimitError, match="longer than the parser can hold"):
        KnowledgeGraph.load(path, limits=ReadingLimits(length=32 * MIB))


@pytest.mark.parametrize(
    ("name", "value"),
    [("length", 1), ("length", 1 << 40), ("nesting", 0), ("expansion", True), ("growth", 1.5),
     ("prefixes", "many")],
)  # fmt: skip
def test_limits_out_of_range(name: str, value: object) -> None:
    with pytest.raises(KgreasonError, match=f"the reading limit {name} cannot be"):
        ReadingLimits(**{name: value})  # type: ignore[arg-type]
