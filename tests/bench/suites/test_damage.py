"""Published layouts have no checksums: damage is read as far as it makes sense, or told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from kgreason.bench.suites.load import read_suite
from kgreason.bench.suites.questions import require_fit
from kgreason.errors import KgreasonError
from kgreason.knowledge import KnowledgeGraph
from tests.bench import tiny
from tests.bench.suites import layouts
from tests.scripts import script


def whole_graph(folder: Path) -> KnowledgeGraph:
    graph = KnowledgeGraph.load(folder)
    graph.facts()
    return graph


def whole_suite(folder: Path) -> None:
    suite = read_suite(folder, folder)
    require_fit(suite, whole_graph(folder))


LAYOUTS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object]]] = {
    "betae": (tiny.write_betae, whole_suite),
    "plus-h": (layouts.write_plus_h, whole_suite),
    "query2box": (layouts.write_query2box, whole_suite),
    "efok": (layouts.write_efok, whole_suite),
    "efo1": (lambda folder: tiny.write_efo1(tiny.write_graph(folder)), whole_suite),
    "kgindex": (layouts.write_kgindex, whole_graph),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_damage_ends_in_no_traceback(name: str, tmp_path: Path) -> None:
    write, read = LAYOUTS[name]
    folder = write(tmp_path / "NAME")
    read(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    told: list[KgreasonError] = []
    for kind, damage in script("corruptions").CORRUPTIONS.items():
        for number in range(40):
            random = Random(f"{name}/{kind}/{number}")
            victim = random.choice(files)
            whole = victim.read_bytes()
            victim.write_bytes(damage(whole, random))
            try:
                read(folder)
            except KgreasonError as error:
                told.append(error)
            finally:
                victim.write_bytes(whole)
    assert len(told) > 100
    assert [error for error in told if not error.remedy] == []
