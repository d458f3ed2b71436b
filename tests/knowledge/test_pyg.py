"""Graphs to PyTorch Geometric and back."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data, HeteroData

from kgreason.errors import DataError, UsageError
from kgreason.knowledge import KnowledgeGraph
from tests.predictors.toy import toy_graph

TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"


def named(graph: KnowledgeGraph, split: str) -> set[tuple[str, str, str]]:
    spell = graph.vocabulary
    return {
        (spell.entity(h), spell.relation(r), spell.entity(t))
        for h, r, t in graph.facts((split,)).tolist()
    }


def with_splits() -> KnowledgeGraph:
    import polars as pl

    rows = [
        ("a", "r", "b", "train"),
        ("b", "s", "c", "train"),
        ("a", "s", "c", "valid"),
        ("c", "r", "a", "test"),
    ]
    return KnowledgeGraph.from_frame(
        pl.DataFrame(rows, schema=["head", "relation", "tail", "split"], orient="row")
    )


def test_there_and_back_again() -> None:
    graph = with_splits()
    data = graph.to_pyg()
    assert data.edge_index.shape == (2, 4)
    assert data.edge_type.tolist() == [0, 1, 1, 0]
    assert data.train_mask.tolist() == [True, True, False, False]
    assert data.test_mask.tolist() == [False, False, False, True]
    assert (data.num_nodes, data.num_relations) == (3, 2)
    assert data.entity_names == ["a", "b", "c"]
    back = KnowledgeGraph.from_pyg(data)
    assert back.splits == graph.splits
    assert all(named(back, split) == named(graph, split) for split in graph.splits)
    assert data.validate()


def test_data_of_elsewhere_has_numbers_for_names_or_those_given() -> None:
    data = Data(
        edge_index=torch.tensor([[0, 2], [1, 0]]),
        edge_type=torch.tensor([1, 0]),
        num_nodes=3,
        val_mask=torch.tensor([False, True]),
    )
    graph = KnowledgeGraph.from_pyg(data)
    assert named(graph, "train") == {("0", "1", "1")}
    assert named(graph, "valid") == {("2", "0", "0")}
    spelled = KnowledgeGraph.from_pyg(data, entities=["x", "y", "z"], relations=["p", "q"])
    assert named(spelled, "train") == {("x", "q", "y")}
    with pytest.raises(UsageError, match="2 names of entities for 3"):
        KnowledgeGraph.from_pyg(data, entities=["x", "y"])
    with pytest.raises(DataError, match="no edge_index or no edge_type"):
        KnowledgeGraph.from_pyg(Data(x=torch.zeros(3, 1)))
    with pytest.raises(DataError, match="no edges"):
        KnowledgeGraph.from_pyg(HeteroData())


def test_classes_are_node_types() -> None:
    graph = KnowledgeGraph.from_triples(
        [
            ("ann", TYPE, "Person"),
            ("bob", TYPE, "Person"),
            ("acme", TYPE, "Firm"),
            ("ann", "knows", "bob"),
            ("ann", "works_at", "acme"),
            ("acme", "in", "oslo"),
        ]
    )
    data = graph.to_pyg_hetero()
    assert set(data.node_types) == {"Person", "Firm", "entity"}
    assert set(data.edge_types) == {
        ("Person", "knows", "Person"),
        ("Person", "works_at", "Firm"),
        ("Firm", "in", "entity"),
    }
    spell = graph.vocabulary.entity
    assert [spell(one) for one in data["Person"].entity.tolist()] == ["ann", "bob"]
    assert data["Person", "knows", "Person"].edge_index.tolist() == [[0], [1]]
    back = KnowledgeGraph.from_pyg(data)
    assert ("Person/0", "works_at", "Firm/0") in named(back, "train")
    assert toy_graph().to_pyg_hetero().node_types == ["entity"]
