"""The folder layout of Query2box (Ren, Hu & Leskovec, ICLR 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgreason.errors import DataError
from kgreason.knowledge.interner import Collector
from kgreason.knowledge.pickles import read_plain_pickle
from kgreason.knowledge.sources.betae import forward, names_by_id

_ENTITIES, _RELATIONS = "ind2ent.pkl", "ind2rel.pkl"
_FACTS = {
    "train": "train_ans_1c.pkl",
    "valid": "valid_ans_1c_hard.pkl",
    "test": "test_ans_1c_hard.pkl",
}
_LAYOUT = "the layout is ind2ent.pkl, ind2rel.pkl and answers such as train_ans_1c.pkl"
_REVERSE = "_reverse"


@dataclass(frozen=True, slots=True, eq=False)
class Relations:
    """Base relations by name, and the directed id 2k or 2k + 1 of each relation of the files."""

    names: tuple[str, ...]
    directed: NDArray[np.int64]


def is_query2box(path: Path) -> bool:
    """Whether a folder has this layout, with the facts."""
    return all((path / name).is_file() for name in (_ENTITIES, _RELATIONS, _FACTS["train"]))


def read_query2box(path: Path, collector: Collector) -> None:
    """Collect such a folder: entity k is ind2ent[k], base relations in the order of ind2rel.

    The facts are the questions of one link with their answers (as in Arakelyan et al., ICLR 2021):
    all of train, and of valid and test the hard ones. Raises `DataError` for anything else.
    """
    names = _names(path / _ENTITIES)
    known = read_relations(path)
    (entities,) = collector.entities.ids(names)
    (relations,) = collector.relations.ids(known.names)
    for split, file in _FACTS.items():
        rows = _links(path / file, len(names), known)
        facts = forward(rows)
        collector.add_ids(
            np.column_stack(
                [entities[facts[:, 0]], relations[facts[:, 1] // 2], entities[facts[:, 2]]]
            ),
            split,
        )


def read_relations(path: Path) -> Relations:
    """The relations of a folder: `name` and `name_reverse`, or `+name` and `-name`.

    Where names tell no direction, 2k + 1 is the inverse of 2k, as in Query2box's NELL.
    """
    file = path / _RELATIONS
    names = _names(file)
    if any(name.endswith(_REVERSE) for name in names):
        bases = [name for name in names if not name.endswith(_REVERSE)]
        spelled = {name: (name, name + _REVERSE) for name in bases}
    elif all(name[0] in "+-" for name in names):
        bases = [name[1:] for name in names if name[0] == "+"]
        spelled = {name: (f"+{name}", f"-{name}") for name in bases}
    else:
        bases = names[::2]
        spelled = {names[k]: (names[k], names[k + 1]) for k in range(0, len(names) - 1, 2)}
    ids = (
        {
            name: 2 * k + side
            for k, base in enumerate(bases)
            for side, name in enumerate(spelled[base])
        }
        if len(spelled) == len(bases)
        else {}
    )
    if set(ids) != set(names):
        raise DataError(
            f"{file}: the relations do not come in pairs of a relation and its inverse",
            remedy="they are called `name` and `name_reverse`, or `+name` and `-name`",
        )
    return Relations(tuple(bases), np.array([ids[name] for name in names], dtype=np.int64))


def _names(path: Path) -> list[str]:
    """Names by id, where a name may be a number."""
    value = read_plain_pickle(path)
    if isinstance(value, dict):
        value = {k: str(name) if type(name) is int else name for k, name in value.items()}
    return names_by_id(value, path, _LAYOUT)


def _links(path: Path, entity_count: int, known: Relations) -> NDArray[np.int64]:
    """(rows, 3) head, directed relation, tail of `{((head, (relation,)),): {tail, …}}`."""
    value: Any = read_plain_pickle(path)
    try:
        rows = [
            (head, relation, tail)
            for ((head, (relation,)),), tails in value.items()
            for tail in tails
        ]
        table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{path}: not a dictionary from one link to its answers ({error})", remedy=_LAYOUT
        ) from error
    limits = np.array([entity_count, len(known.directed), entity_count])
    if np.any((table < 0) | (table >= limits)):
        raise DataError(f"{path}: an id that {path.parent} does not have", remedy=_LAYOUT)
    table[:, 1] = known.directed[table[:, 1]]
    return table
