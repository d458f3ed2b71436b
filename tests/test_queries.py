"""The questions under queries/ are valid, bind to their graphs, and the small ones have answers."""

from __future__ import annotations

from pathlib import Path

import pyoxigraph
import pytest

from kgreason.binding import bind
from kgreason.engine import Engine
from kgreason.knowledge import KnowledgeGraph
from kgreason.syntax import parse

QUERIES = Path(__file__).parent.parent / "queries"


def texts(folder: str) -> list[Path]:
    found = sorted(p for p in (QUERIES / folder).iterdir() if p.suffix in (".efo", ".rq"))
    assert found, folder
    return found


@pytest.mark.parametrize("path", sorted(QUERIES.rglob("*.rq")), ids=lambda p: p.name)
def test_sparql_is_standard(path: Path) -> None:
    pyoxigraph.Store().query(path.read_text(encoding="utf-8"), base_iri="http://x/")


@pytest.mark.parametrize("path", texts("umls"), ids=lambda p: p.name)
def test_umls(path: Path) -> None:
    engine = Engine(KnowledgeGraph.load("pykeen:umls"), observed=("train", "valid", "test"))
    assert all(answer.known for answer in engine.ask(path.read_text(encoding="utf-8")))


@pytest.mark.data
def test_nell_binds(data: Path) -> None:
    vocabulary = KnowledgeGraph.load(data / "NELL-betae").vocabulary
    for path in texts("nell"):
        bind(parse(path.read_text(encoding="utf-8")), vocabulary)


@pytest.mark.data
def test_nell_predicts_a_missing_author(data: Path) -> None:
    checkpoint = data / "checkpoints" / "nell995-complex-r256.safetensors"
    engine = Engine(KnowledgeGraph.load(data / "NELL-betae"), checkpoint)
    (book,) = (p for p in texts("nell") if p.name == "3-other-books.efo")
    best = engine.ask(book.read_text(encoding="utf-8"), limit=1)[0]
    assert best.terms == ("concept_book_breaking_dawn",)
    assert not best.known
    assert best.witness is not None
    assert best.witness.assignment == {"author": "concept_female_stephenie_meyer"}


@pytest.mark.data
def test_aifb_binds(data: Path) -> None:
    vocabulary = KnowledgeGraph.load(data / "rdf" / "aifb.nt.gz").vocabulary
    for path in texts("aifb"):
        bind(parse(path.read_text(encoding="utf-8")), vocabulary)
