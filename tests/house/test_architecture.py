"""The architecture page is true to the tree and to the import rule that the tests enforce."""

from __future__ import annotations

import re
from pathlib import Path

import kgreason
from tests.house.test_imports import LAYERS

ROOT = Path(kgreason.__file__).parent
PAGE = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")


def listed() -> tuple[set[str], set[str]]:
    """Packages and top modules that the tree of the page names, as dotted paths."""
    tree = PAGE.split("```\nkgreason/\n", 1)[1].split("```", 1)[0]
    packages: set[str] = set()
    modules: set[str] = set()
    above: dict[int, str] = {}
    for line in tree.splitlines():
        depth = re.search(r"[├└]", line)
        assert depth is not None, line
        level = depth.start() // 4
        for name in re.findall(r"([a-z_]+)(/|\.py)(?:\s|$)", line):
            path = ".".join((*(above[k] for k in range(level)), name[0]))
            if name[1] == "/":
                packages.add(path)
                above[level] = name[0]
            else:
                modules.add(path)
    return packages, modules


def test_the_tree_on_the_page_is_the_tree_on_disk() -> None:
    packages, modules = listed()
    there = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for init in ROOT.rglob("__init__.py")
        if init.parent != ROOT
    }
    assert packages == there
    assert modules == {path.stem for path in ROOT.glob("*.py") if not path.stem.startswith("__")}


def test_the_import_rule_on_the_page_is_the_one_enforced() -> None:
    rule = PAGE.split("**Import rule.**", 1)[1].split("There are no import cycles", 1)[0]
    lines = [tuple(re.findall(r"`([a-z._]+)`", line)) for line in rule.splitlines() if "`" in line]
    assert lines == [layer for layer in LAYERS if "" not in layer]
