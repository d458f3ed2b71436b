"""Small graphs, and a way to run commands in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kgreason.cli import app

FRIENDS = """\
alice	friend	bob
bob	friend	carol
carol	works_at	acme
bob	works_at	initech
alice	likes	tea
dave	friend	carol
dave	works_at	acme
"""

DRUGS = """\
@prefix ex: <http://example.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
ex:aspirin ex:treats ex:headache, ex:fever ; rdfs:label "Aspirin, \\"plain\\""@en ; ex:strips 10 .
ex:ibuprofen ex:treats ex:headache ; rdfs:label "Ibuprofen <&> Größe"@de ; ex:strips 20 .
ex:headache ex:symptom_of ex:flu .
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command: `run("query", "-g", …, text="standard input")`."""
    for name in ("NO_COLOR", "FORCE_COLOR", "KGREASON_DEBUG", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str | Path, text: str | bytes | None = None) -> Ran:
        result = CliRunner().invoke(app, list(map(str, arguments)), input=text)
        # An exception other than the runner's own SystemExit would be a traceback for the user.
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return Ran(result.exit_code, result.stdout_bytes.decode(), result.stderr)

    return call


@pytest.fixture
def friends(tmp_path: Path) -> Path:
    """A graph of plain names."""
    path = tmp_path / "friends.tsv"
    path.write_text(FRIENDS)
    return path


@pytest.fixture
def drugs(tmp_path: Path) -> Path:
    """An RDF graph with labels and numbers."""
    path = tmp_path / "drugs.ttl"
    path.write_text(DRUGS)
    return path
