"""The tiny graph of `tiny`, with questions, in the other published folder layouts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.bench import tiny

Links = dict[Any, set[int]]

NAMES = {0: "likes", 1: "knows", 2: "likes_reverse", 3: "knows_reverse"}
"""Query2box's relations by their ids, on purpose not 2k and 2k + 1."""

QUERY2BOX: dict[str, dict[Any, tuple[set[int], set[int]]]] = {
    "1c": {
        ((0, (0,)),): ({1, 3, 4}, {3}),
        ((4, (1,)),): ({2}, {2}),
        ((2, (3,)),): ({4}, {4}),
        ((3, (2,)),): ({0, 1}, {0}),
    },
    "2c": {((0, (0, 1)),): ({2}, {2})},
    "3c": {((0, (0, 2, 0)),): ({1, 2, 3, 4}, {2, 3})},
    "2i": {((0, (0,)), (1, (0,))): ({3}, {3})},
    "3i": {((0, (0,)), (1, (0,)), (1, (0,))): ({3}, {3})},
    "ic": {((0, (0,)), (1, (0,)), 2): ({0, 1}, {0, 1})},
    "ci": {((0, (0, 1)), (4, (1,))): ({2}, {2})},
    "2u": {((0, (0,)), (4, (1,))): ({1, 2, 3, 4}, {2, 3})},
    "uc": {((0, (0,)), (4, (1,)), 1): ({2}, {2})},
}
"""type -> question -> all of its answers, and the hard ones."""

EFOK: dict[str, dict[str, list[Any]]] = {
    "test_type0000_EFOX_qaa.json": {
        "r1(s1,f1)": [[{"r1": 0, "s1": 0}, {"f1": [[1], [4]]}, {"f1": [[3]]}]]
    },
    "test_type0007_EFOX_qaa.json": {
        "(r1(s1,f1))&(r2(f1,f2))": [
            [{"r1": 0, "s1": 0, "r2": 2}, {"f1_f2": []}, {"f1_f2": [[4, 2]]}],
            [{"r1": 0, "s1": 0, "r2": 0}, {"f1_f2": [[1, 3], [1, 2]]}, {"f1_f2": []}],
        ]
    },
    "test-type0011-EFOX-qaa.json": {
        "((r1(s1,f1))&(r2(f2,f1)))|((r3(s1,f1))&(r2(f2,f1)))": [
            [
                {"r1": 2, "s1": 4, "r2": 0, "r3": 3},
                {"f1_f2": []},
                {"f1_f2": [[2, 1]]},
            ]
        ]
    },
}
"""file -> formula -> questions. Relation ids are directed: 0 likes, 1 its inverse, 2 knows."""

FOUR_HOPS, FOUR_AND = (0, (0, 1, 0, 0)), ((0, (0,)), (1, (0,)), (0, (0,)), (1, (0,)))


def write_query2box(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    tiny.dump(folder / "ind2ent.pkl", {i: f"e{i}" for i in range(6)})
    tiny.dump(folder / "ind2rel.pkl", NAMES)
    for split, facts in tiny.FACTS.items():
        links: Links = {}
        for head, relation, tail in facts:
            links.setdefault(((head, (relation,)),), set()).add(tail)
            links.setdefault(((tail, (relation + 2,)),), set()).add(head)
        hard = "" if split == "train" else "_hard"
        tiny.dump(folder / f"{split}_ans_1c{hard}.pkl", links)
    for kind, asked in QUERY2BOX.items():
        tiny.dump(
            folder / f"test_ans_{kind}.pkl", {key: every for key, (every, _) in asked.items()}
        )
        tiny.dump(
            folder / f"test_ans_{kind}_hard.pkl", {key: hard for key, (_, hard) in asked.items()}
        )
    return folder


def write_kgindex(folder: Path) -> Path:
    """The graph only, its files growing."""
    folder.mkdir(parents=True, exist_ok=True)
    relations = {"+likes": 0, "-likes": 1, "+knows": 2, "-knows": 3}
    index = {"e": {f"e{i}": i for i in range(6)}, "r": relations}
    (folder / "kgindex.json").write_text(json.dumps(index))
    rows: list[str] = []
    for split, facts in tiny.FACTS.items():
        for h, r, t in facts:
            rows += [f"{h}\t{2 * r}\t{t}\n", f"{t}\t{2 * r + 1}\t{h}\n"]
        (folder / f"{split}_kg.tsv").write_text("".join(rows))
    return folder


def write_efok(folder: Path, files: dict[str, Any] = EFOK) -> Path:
    write_kgindex(folder)
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    return folder


def write_plus_h(folder: Path) -> Path:
    """With a wrong easy answer of 2in at the root and the right ones in test-query-reduction."""
    tiny.write_betae(folder)
    add = {
        ("e", ("r", "r", "r", "r")): (FOUR_HOPS, {2, 3}, set()),
        (("e", ("r",)),) * 4: (FOUR_AND, set(), {3}),
    }
    for shape, (query, easy, hard) in add.items():
        tiny.change(folder / "test-queries.pkl", shape, {query})
        tiny.change(folder / "test-easy-answers.pkl", query, easy)
        tiny.change(folder / "test-hard-answers.pkl", query, hard)
    ((query, (easy, _)),) = tiny.QUERIES[(("e", ("r",)), ("e", ("r", "n")))].items()
    tiny.change(folder / "test-easy-answers.pkl", query, {*easy, 5})
    right = folder / "test-query-reduction" / "2in" / "all"
    right.mkdir(parents=True)
    tiny.dump(right / "test-easy-answers.pkl", {query: easy})
    return folder


def nest_splits(folder: Path) -> Path:
    """The splits in a folder of their own, as in ICEWS18+H."""
    (folder / "KG_splits").mkdir()
    for split in tiny.FACTS:
        shutil.move(folder / f"{split}.txt", folder / "KG_splits" / f"{split}.txt")
    return folder
