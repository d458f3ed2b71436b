"""Scanners see what the parsers see: no parser gets deeper than its scanner counted."""

from __future__ import annotations

import io
import random

import pyoxigraph as ox
import pytest

from kgreason.errors import LimitError
from kgreason.knowledge.sources.guard import GuardedStream, ReadingLimits, scanner_for

PIECES = {
    "turtle": [
        '"', "'", '"""', "'''", "\\", '\\"', "#", "\n", " ", "<", ">", "<<", ">>", "<<(", ")>>",
        "<http://e/a>", "<http://e/p>", '"x"', "'it''s'", '"""a"b""c"""', "[", "]", "(", ")", ".",
        " .\n", ";", ",", "1", "a", "@en", "# <<(\n", '"<<("', "<http://e/#'>", "_:b",
        "<http://e/'> a '\\'<<\"' .\n", "[] <http://e/p#> ('[' \"\"\"<<\"\"\"\"\") .\n", "# '\n",
        '_:b <http://e/\\u003C\\u003C> "\\\\", "" , "\\"" .\n',
    ],
    "jsonld": [
        '"', "\\", '\\"', "\n", "{", "}", "[", "]", ",", ":", '"@id":"http://e/a"', '"@context":{',
        '"\\u0040context":{', '"http://e/p":', '"@list":[', '"}]"', "1", '{"@id":"http://e/b"}',
        '{"@id":"http://e/b","http://e/p":["\\"{[","\\\\"]},', '{"@context":{"a":"http://e/"},"a":{}},',
    ],
    "rdfxml": [
        "<e:p>", "</e:p>", "<rdf:Description>", "</rdf:Description>", "<e:q/>", "x", "<!--", "-->",
        "<![CDATA[", "]]>", "<?p", "?>", '<e:p e:r=">">', "<e:p e:r='<'>", ">", "<", "'", '"',
        '<rdf:Description rdf:about="http://e/a">', "<e:p>y</e:p>", "&lt;", "\n",
        "<!-- </a><b c='> -->", "<?a </b> ?>", "<e:C><e:p>]]&gt;</e:p><e:q e:r='/>'>x</e:q></e:C>",
    ],
}  # fmt: skip
FORMATS = {
    "turtle": ox.RdfFormat.TURTLE,
    "jsonld": ox.RdfFormat.JSON_LD,
    "rdfxml": ox.RdfFormat.RDF_XML,
}
XML = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/">'
QUOTED = "<http://e/a> <http://e/p> "


def document(kind: str, generator: random.Random) -> tuple[str, int, int]:
    """A document around a nest that a parser may or may not get to.

    Also gives the statements of the nest and its depth in brackets or elements.
    """
    noise = "".join(generator.choices(PIECES[kind], k=generator.choice((0, 1, 2, 3, 5, 9))))
    after = "".join(generator.choices(PIECES[kind], k=generator.randrange(3)))
    depth = generator.randrange(4, 40)
    if kind == "turtle":
        nest = f"<<( {QUOTED}" * depth + "1" + " )>>" * depth
        return f"{noise} {generator.choice(['', '.'])}\n{QUOTED}{nest} .\n{after}", 1, 2 * depth
    if kind == "jsonld":
        nest = '{"@id":"http://e/a","http://e/p":' * depth + "1" + "}" * depth
        return f"[{noise}{generator.choice(['', ','])}{nest}{after}]", depth, depth
    nest = "<rdf:Description><e:p>" * depth + "</e:p></rdf:Description>" * depth
    return f"{XML}{noise}{nest}{after}</rdf:RDF>", depth, 2 * depth


def gets_to_the_nest(kind: str, text: str, statements: int) -> bool:
    """Whether the parser reads all of the nest."""
    found = list[ox.Quad]()
    try:
        found.extend(ox.parse(text.encode(), format=FORMATS[kind]))
    except SyntaxError:
        return False
    if kind == "turtle":
        return any(str(quad.object).count("<<(") >= 4 for quad in found)
    return len(found) >= statements


@pytest.mark.parametrize("kind", PIECES)
def test_no_parser_gets_deeper_than_was_counted(kind: str) -> None:
    generator = random.Random(kind)
    reached = 0
    for _ in range(1_000):
        text, statements, depth = document(kind, generator)
        if not gets_to_the_nest(kind, text, statements):
            continue
        reached += 1
        # Flat elements and objects are not counted one by one.
        scanner = scanner_for(kind, "text", ReadingLimits(nesting=depth - 3), lenient=False)
        with pytest.raises(LimitError, match="deep"):
            scanner.feed(text.encode())
    assert reached > 30


@pytest.mark.parametrize("kind", PIECES)
def test_where_pieces_end_does_not_matter(kind: str) -> None:
    generator = random.Random(kind)
    for _ in range(60):
        text, _, depth = document(kind, generator)
        content = text.encode()
        for limit in (max(1, depth - 4), 2 * depth + 20):
            refused = set()
            for size in (1, 2, 7, len(content)):
                scanner = scanner_for(kind, "text", ReadingLimits(nesting=limit), lenient=False)
                try:
                    for start in range(0, len(content), size):
                        scanner.feed(content[start : start + size])
                    refused.add(False)
                except LimitError:
                    refused.add(True)
            assert len(refused) == 1


NOISE = [
    "",
    '"a\n"""b\n',
    '"""',
    "'''\n",
    '"',
    "<a b\n",
    "<a b",
    'b "a\\"# <\n"""[',
    "# <<\n'x\n",
    "[",
]


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("closed", ["", '"""', "'", "\n"])
def test_a_parser_that_recovers_is_not_given_a_deep_nest(noise: str, closed: str) -> None:
    text = f"{noise} .\n{QUOTED}" + f"<<( {QUOTED}" * 99_999 + "1" + " )>>" * 99_999 + closed
    scanner = scanner_for("turtle", "text", ReadingLimits(), lenient=True)
    stream = GuardedStream(io.BytesIO(text.encode()), scanner)
    statements = ox.parse(stream, format=FORMATS["turtle"])  # type: ignore[arg-type]

    def read() -> None:
        while True:
            try:
                for _ in statements:
                    scanner.statement()
                return
            except SyntaxError:
                scanner.statement()

    with pytest.raises(LimitError, match="more than 4,000 quoted triples"):
        read()


def test_a_guarded_stream_hands_on_every_byte() -> None:
    text = ("<http://e/a> <http://e/p> 'x' .\n" * 9_999).encode()
    stream = GuardedStream(io.BytesIO(text), scanner_for("turtle", "text", ReadingLimits(), False))
    found = b""
    while piece := stream.read(1_000):
        found += piece
    assert found == text
