"""A knowledge graph of six entities with a few questions, in both folder layouts."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

FACTS = {
    "train": [(0, 0, 1), (1, 0, 2), (1, 0, 3)],
    "valid": [(0, 0, 4)],
    "test": [(0, 0, 3), (4, 1, 2)],
}
"""Head, base relation, tail."""

QUERIES: dict[Any, dict[Any, tuple[set[int], set[int]]]] = {
    ("e", ("r",)): {
        (1, (0,)): ({2, 3}, set()),
        (0, (0,)): ({1, 4}, {3}),
        (2, (3,)): (set(), {4}),
    },
    ("e", ("r", "r")): {(0, (0, 0)): ({2, 3}, set()), (0, (0, 2)): (set(), {2})},
    (("e", ("r",)), ("e", ("r", "n"))): {((0, (0,)), (1, (0, -2))): ({1, 4}, set())},
}
"""structure -> question -> its true easy and hard answers."""

FORMULA = "(r1(s1,e1))&(r2(e1,f1))"
EFO1 = {FORMULA: [[{"r1": 0, "s1": 0, "r2": 2}, {"f1": []}, {"f1": [[2]]}]]}


def write_graph(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    dump(folder / "id2ent.pkl", {i: f"e{i}" for i in range(6)})
    dump(folder / "id2rel.pkl", {0: "+likes", 1: "-likes", 2: "+knows", 3: "-knows"})
    for split, facts in FACTS.items():
        rows = [(h, 2 * r, t) for h, r, t in facts] + [(t, 2 * r + 1, h) for h, r, t in facts]
        (folder / f"{split}.txt").write_text("".join(f"{h}\t{r}\t{t}\n" for h, r, t in rows))
    return folder


def write_betae(folder: Path) -> Path:
    """The graph with its questions."""
    write_graph(folder)
    dump(folder / "test-queries.pkl", {shape: set(asked) for shape, asked in QUERIES.items()})
    published = {query: answers for asked in QUERIES.values() for query, answers in asked.items()}
    dump(folder / "test-easy-answers.pkl", {query: easy for query, (easy, _) in published.items()})
    dump(folder / "test-hard-answers.pkl", {query: hard for query, (_, hard) in published.items()})
    return folder


def write_efo1(folder: Path, content: object = EFO1, number: int = 31) -> Path:
    """Questions only."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"test_type{number:04}_real_EFO1_qaa.json"
    (folder / name).write_text(json.dumps(content))
    return folder


def dump(path: Path, value: object) -> None:
    path.write_bytes(pickle.dumps(value))


def change(path: Path, key: object, value: object) -> None:
    """Replace one entry of a pickled dictionary."""
    dump(path, {**pickle.loads(path.read_bytes()), key: value})
