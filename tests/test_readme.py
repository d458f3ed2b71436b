"""The README's Python example runs as it stands; what README and pages name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def test_python_example(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, str(README), "exec"), names)
    shown = capsys.readouterr().out
    assert "treats(antibiotic, " in shown
    assert "query graph" in shown
    assert len(names["many"]) == 2  # type: ignore[arg-type]


PAGES = [README, *sorted((README.parent / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_named_file_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"\b(?:queries|benchmarks)/[\w./-]+\.(?:py|rq|efo)\b", text):
        assert (README.parent / path).is_file(), path
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (page.parent / link).exists(), link


def test_every_page_is_named_in_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    assert all(f"docs/{page.name}" in text for page in PAGES[1:])
