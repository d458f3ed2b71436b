from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kgreason.bench.measurements.roofline import forget_peak, peak_memory
from kgreason.errors import CheckpointError, UsageError
from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import inspect, load_checkpoint, load_predictor
from kgreason.predictors.checkpoints import tensor_file
from kgreason.predictors.checkpoints.format import (
    Checkpoint,
    CheckpointInfo,
    read_checkpoint,
    save_checkpoint,
)
from kgreason.predictors.embedding.bilinear import BilinearScorer
from kgreason.predictors.embedding.compositions import COMPLEX
from kgreason.predictors.scorer import Coverage
from kgreason.settings import Settings
from tests.predictors.toy import complex_info, toy_graph, weights

GRAPH = toy_graph()
HEADS, RELATIONS = torch.arange(16), torch.arange(16) % 6


@pytest.fixture
def path(tmp_path: Path) -> Path:
    info = replace(complex_info(GRAPH), training={"seed": 3})
    save_checkpoint(tmp_path / "model.safetensors", info, weights(GRAPH))
    return tmp_path / "model.safetensors"


def test_a_checkpoint_scores_as_before_it_was_written(path: Path) -> None:
    scorer = load_checkpoint(path, GRAPH.vocabulary)
    expected = BilinearScorer(COMPLEX, *weights(GRAPH).values()).scores(HEADS, RELATIONS)
    assert torch.equal(scorer.scores(HEADS, RELATIONS), expected)
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def test_inspect_tells_what_was_written(path: Path) -> None:
    assert inspect(path) == replace(complex_info(GRAPH), training={"seed": 3})


def test_coverage_survives(tmp_path: Path) -> None:
    tensors = weights(GRAPH)
    ids = torch.arange(5)
    relations = torch.tensor([True] * 4 + [False] * 2)
    small = {"entity": tensors["entity"][:5], "relation": tensors["relation"]}
    covering = Checkpoint(complex_info(GRAPH), small).covering(Coverage(ids, relations))
    save_checkpoint(tmp_path / "m", covering.info, covering.tensors)
    coverage = load_checkpoint(tmp_path / "m", GRAPH.vocabulary).coverage
    assert coverage.entities is not None
    assert coverage.entities.tolist() == ids.tolist()
    assert coverage.relations is not None
    assert coverage.relations.tolist() == relations.tolist()


def test_bare_weights_are_taken_by_their_sizes(tmp_path: Path) -> None:
    half = {name: tensor.half() for name, tensor in weights(GRAPH).items()}
    save_file(half, tmp_path / "bare.safetensors")
    info = inspect(tmp_path / "bare.safetensors")
    assert (info.entities, info.relations, info.dimension) == (
        GRAPH.entity_count,
        GRAPH.relation_count,
        8,
    )
    scorer = load_checkpoint(tmp_path / "bare.safetensors", GRAPH.vocabulary)
    torch.testing.assert_close(
        scorer.scores(HEADS, RELATIONS),
        BilinearScorer(COMPLEX, *weights(GRAPH).values()).scores(HEADS, RELATIONS),
        atol=0.05,
        rtol=0.01,
    )


def test_another_graph_is_refused_with_both_sizes(path: Path) -> None:
    other = KnowledgeGraph.from_triples([("a", "r", "b")])
    with pytest.raises(CheckpointError, match=r"29 entities and 3 relations.* has 2 and 1"):
        load_predictor(path, other)


def test_the_same_sizes_with_other_names_are_refused(path: Path) -> None:
    renamed = KnowledgeGraph.from_triples(
        [(f"e{i}", f"r{i % 3}", f"e{(i + 1) % GRAPH.entity_count}") for i in range(29)]
    )
    assert renamed.entity_count == GRAPH.entity_count
    with pytest.raises(CheckpointError, match="other names") as caught:
        load_predictor(path, renamed)
    assert "kgreason train" in str(caught.value)


def _nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors["relation"][0, 0] = torch.nan


def _no_relation(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["relation"]


def _short(tensors: dict[str, torch.Tensor]) -> None:
    tensors["entity"] = tensors["entity"][:-1].clone()


def _ragged(tensors: dict[str, torch.Tensor]) -> None:
    tensors["entity"] = tensors["entity"][:, :-2].clone()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_nan, "not finite"),
        (_no_relation, "lacks the tensor 'relation'"),
        (_short, "has shape"),
        (_ragged, "entity rows hold 14 numbers"),
    ],
)
def test_damaged_weights_are_refused(tmp_path: Path, spoil: object, message: str) -> None:
    tensors = weights(GRAPH)
    spoil(tensors)  # type: ignore[operator]
    metadata = {**complex_info(GRAPH).metadata(), "kgreason": "1"}
    save_file(tensors, tmp_path / "m", metadata)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path / "m", GRAPH.vocabulary)


@pytest.mark.parametrize("key", ["kgreason", "dimension", "model", "training"])
def test_damaged_metadata_is_refused(tmp_path: Path, key: str) -> None:
    metadata = {**complex_info(GRAPH).metadata(), "kgreason": "1", key: "{oops"}
    if key == "model":
        del metadata[key]
    save_file(weights(GRAPH), tmp_path / "m", metadata)
    with pytest.raises(CheckpointError, match=r"metadata is damaged|checkpoint format"):
        inspect(tmp_path / "m")


def test_files_that_are_no_checkpoint_are_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(path.read_bytes()[:-100])
    (tmp_path / "text").write_text("hello, this is no model")
    (tmp_path / "empty").write_bytes(b"")
    for name in ("cut", "text", "empty"):
        with pytest.raises(CheckpointError, match="not a whole safetensors file"):
            read_checkpoint(tmp_path / name)
    with pytest.raises(CheckpointError, match="cannot read"):
        inspect(tmp_path)
    with pytest.raises(CheckpointError, match="there is no file"):
        inspect(tmp_path / "none")
    save_file({"x": torch.ones(1)}, tmp_path / "other")
    with pytest.raises(CheckpointError, match="model import"):
        inspect(tmp_path / "other")


def test_names_that_resolve_to_nothing_are_refused(path: Path) -> None:
    with pytest.raises(UsageError, match="no model 'factz'"):
        load_predictor("factz", GRAPH)
    with pytest.raises(UsageError, match="device"):
        load_predictor("facts", GRAPH, Settings(device="abacus"))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="Linux tells it")
def test_a_table_is_scored_from_the_mapped_file(tmp_path: Path) -> None:
    path, entities = tmp_path / "large", 20_000
    table = torch.ones(entities, 800)
    tensors = {"entity": table, "relation": torch.ones(6, 800)}
    save_checkpoint(path, CheckpointInfo("complex", 400, entities, 3), tensors)
    size = table.numel() * table.element_size()
    forget_peak()
    private, peak = _anonymous(), peak_memory()
    scorer = load_checkpoint(path)
    assert _anonymous() - private < size // 4
    # The file itself counts once while it is read.
    assert peak_memory() - peak < size + size // 4
    # One that takes its place changes nothing for those who read the first.
    first = torch.zeros(1, dtype=torch.int64)
    score = float(scorer.scores(first, first)[0, 0])
    table[:] = 2.0
    save_checkpoint(path, CheckpointInfo("complex", 400, entities, 3), tensors)
    assert float(scorer.scores(first, first)[0, 0]) == score
    assert float(load_checkpoint(path).scores(first, first)[0, 0]) == 4 * score


def _anonymous() -> int:
    """Bytes of this process that no file backs."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


def test_weights_are_looked_at_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensor_file, "_CHECKED_AT_ONCE", 7)
    tensors = weights(GRAPH)
    tensors["entity"][0] = 3e38  # finite, though their sum is not
    save_checkpoint(tmp_path / "m", complex_info(GRAPH), tensors)
    read_checkpoint(tmp_path / "m")
    tensors["entity"][-1, -1] = torch.inf
    save_file(tensors, tmp_path / "bare")
    with pytest.raises(CheckpointError, match="'entity' holds values"):
        read_checkpoint(tmp_path / "bare")


def test_weights_that_are_not_finite_are_not_written(path: Path) -> None:
    before, tensors = path.read_bytes(), weights(GRAPH)
    _nan(tensors)
    with pytest.raises(CheckpointError, match="'relation' holds values that are not finite"):
        save_checkpoint(path, complex_info(GRAPH), tensors)
    assert path.read_bytes() == before


@pytest.mark.parametrize("dtype", [torch.complex64, torch.float8_e5m2, torch.int64])
def test_numbers_of_other_types_are_refused_by_name(tmp_path: Path, dtype: torch.dtype) -> None:
    save_file({n: t.to(dtype) for n, t in weights(GRAPH).items()}, tmp_path / "bare")
    for read in (inspect, read_checkpoint):
        with pytest.raises(
            CheckpointError, match=r"'(entity|relation)' holds numbers of"
        ) as caught:
            read(tmp_path / "bare")
        assert "kgreason model import" in str(caught.value)


def test_nothing_is_left_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot write"):
        save_checkpoint(tmp_path / "file" / "m", complex_info(GRAPH), weights(GRAPH))
