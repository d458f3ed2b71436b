"""Knowledge graphs from and to PyTorch Geometric, whose data sets and networks then are at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kgreason.errors import DataError, UsageError
from kgreason.ragged import Longs

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData

    from kgreason.knowledge import KnowledgeGraph

_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
_UNTYPED = "entity"
_MASK = "_mask"


def to_pyg(graph: KnowledgeGraph) -> Data:
    """One `Data` with all facts.

    edge_index: (2, facts) int64; edge_type: (facts,) int64 base relations; `train_mask` and so on:
    (facts,) bool, the facts of each split; num_nodes, num_relations; entity_names, relation_names:
    lists of str by id.
    """
    import torch
    from torch_geometric.data import Data

    parts = [graph.facts((split,)) for split in graph.splits]
    facts = torch.from_numpy(np.concatenate(parts).astype(np.int64))
    masks, start = {}, 0
    for split, part in zip(graph.splits, parts, strict=True):
        mask = torch.zeros(len(facts), dtype=torch.bool)
        mask[start : start + len(part)] = True
        masks[f"{split}{_MASK}"] = mask
        start += len(part)
    return Data(
        edge_index=facts[:, [0, 2]].T.contiguous(),
        edge_type=facts[:, 1].contiguous(),
        num_nodes=graph.entity_count,
        num_relations=graph.relation_count,
        entity_names=graph.vocabulary.entity_names.to_list(),
        relation_names=graph.vocabulary.relation_names.to_list(),
        **masks,
    )


def to_hetero(graph: KnowledgeGraph) -> HeteroData:
    """One `HeteroData`, its node types the classes of rdf:type.

    An entity stands under its first class in the order of ids, `entity` where it has none. Nodes of
    a type have `entity`: (nodes,) int64 ids in the graph. Facts of rdf:type are no edges.
    """
    import torch
    from torch_geometric.data import HeteroData

    classes, kinds = _classes(graph)
    place = np.zeros(graph.entity_count, dtype=np.int64)
    data = HeteroData()
    for number, name in enumerate(kinds):
        members = np.flatnonzero(classes == number)
        place[members] = np.arange(len(members))
        data[name].entity = torch.from_numpy(members)
        data[name].num_nodes = len(members)
    names = graph.vocabulary.relation_names.to_list()
    facts = graph.facts().astype(np.int64)
    keys = np.stack((classes[facts[:, 0]], facts[:, 1], classes[facts[:, 2]]), 1)
    for key in np.unique(keys, axis=0):
        source, relation, target = key.tolist()
        if names[relation] == _TYPE:
            continue
        own = facts[(keys == key).all(1)]
        ends = np.stack((place[own[:, 0]], place[own[:, 2]]))
        data[kinds[source], names[relation], kinds[target]].edge_index = torch.from_numpy(ends)
    return data


def frame_of(
    data: Data | HeteroData, entities: Sequence[str] | None, relations: Sequence[str] | None
) -> pl.DataFrame:
    """Names in the columns head, relation, tail, and split, of the edges of a PyG graph.

    entities, relations: names by id; else the data's own, else numbers. Of a `HeteroData` nodes are
    called `type/number` and relations as their edge types; its splits are all `train`. Raises
    DataError for data without edges or their types, UsageError for names that are too few.
    """
    if hasattr(data, "edge_types"):
        return _hetero_frame(data)
    if getattr(data, "edge_index", None) is None or getattr(data, "edge_type", None) is None:
        raise DataError(
            "the data has no edge_index or no edge_type",
            remedy="give a Data with both, as PyTorch Geometric's data sets of knowledge graphs",
        )
    head, tail = data.edge_index.cpu().numpy()
    relation = data.edge_type.cpu().numpy()
    nodes = int(max(head.max(initial=-1), tail.max(initial=-1))) + 1
    kinds = int(relation.max(initial=-1)) + 1
    nodes_called = _names("entities", entities or getattr(data, "entity_names", None), nodes)
    kinds_called = _names("relations", relations or getattr(data, "relation_names", None), kinds)
    ends = {"head": nodes_called[head], "relation": kinds_called[relation]}
    return pl.DataFrame({**ends, "tail": nodes_called[tail], "split": _splits(data, len(head))})


def _classes(graph: KnowledgeGraph) -> tuple[Longs, list[str]]:
    """(entities,) the number of each entity's class, and the classes' names."""
    classes = np.full(graph.entity_count, graph.entity_count, dtype=np.int64)
    names = graph.vocabulary.relation_names.to_list()
    facts = graph.facts().astype(np.int64)
    typed = facts[facts[:, 1] == names.index(_TYPE)] if _TYPE in names else facts[:0]
    np.minimum.at(classes, typed[:, 0], typed[:, 2])
    used, number = np.unique(classes, return_inverse=True)
    spell = graph.vocabulary.display
    kinds = [_UNTYPED if one == graph.entity_count else spell(int(one)) for one in used]
    return number.reshape(-1), kinds


def _splits(data: Data, count: int) -> list[str]:
    """The split of each edge: that of the mask that holds it, else `train`."""
    found = ["train"] * count
    for name, mask in data.to_dict().items():
        if name.endswith(_MASK) and getattr(mask, "shape", None) == (count,):
            split = name.removesuffix(_MASK)
            for i in np.flatnonzero(mask.cpu().numpy()).tolist():
                found[i] = "valid" if split == "val" else split
    return found


def _hetero_frame(data: HeteroData) -> pl.DataFrame:
    parts = []
    for source, relation, target in data.edge_types:
        head, tail = data[source, relation, target].edge_index.cpu().tolist()
        parts.append(
            pl.DataFrame(
                {
                    "head": [f"{source}/{one}" for one in head],
                    "relation": [relation] * len(head),
                    "tail": [f"{target}/{one}" for one in tail],
                    "split": ["train"] * len(head),
                }
            )
        )
    if not parts:
        raise DataError("the data has no edges", remedy="give data of at least one edge type")
    return pl.concat(parts)


def _names(what: str, given: Sequence[str] | None, count: int) -> NDArray[np.object_]:
    names = [str(i) for i in range(count)] if given is None else list(given)
    if len(names) < count:
        raise UsageError(
            f"{len(names):,} names of {what} for {count:,}", remedy="give one for each id"
        )
    return np.array(names, dtype=object)
