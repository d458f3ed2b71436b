from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from kgreason.errors import CheckpointError, UsageError
from kgreason.predictors import import_checkpoint, load_checkpoint
from kgreason.predictors.checkpoints.format import save_checkpoint
from kgreason.predictors.embedding.pykeen import build_model, checkpoint_of, model_class
from tests.predictors.toy import toy_graph

GRAPH = toy_graph()
ARGUMENTS = {"embedding_dim": 8}


def model(name: str, inverse: bool) -> Any:
    return build_model(
        name, GRAPH.entity_count, GRAPH.relation_count, inverse=inverse, arguments=ARGUMENTS
    )


def pykeen_says(trained: Any, head: int, relation: int) -> torch.Tensor:
    """PyKEEN's own prediction, in evaluation mode."""
    with torch.no_grad():
        if relation % 2:
            answer = trained.predict_h(torch.tensor([[relation // 2, head]]))
        else:
            answer = trained.predict_t(torch.tensor([[head, relation // 2]]))
    assert isinstance(answer, torch.Tensor)
    return answer[0]


@pytest.mark.parametrize("inverse", [True, False])
@pytest.mark.parametrize(
    "name", ["complex", "distmult", "transe", "rotate", "tucker", "simple", "transr", "conve"]
)
def test_scores_are_pykeens_own(name: str, inverse: bool, tmp_path: Path) -> None:
    trained = model(name, inverse)
    checkpoint = checkpoint_of(trained, GRAPH.vocabulary, arguments=ARGUMENTS)
    save_checkpoint(tmp_path / "m", checkpoint.info, checkpoint.tensors)
    scorer = load_checkpoint(tmp_path / "m", GRAPH.vocabulary)
    assert (scorer.entity_count, scorer.relation_count) == (GRAPH.entity_count, 6)
    size = scorer.block.multiple
    heads, relations = torch.arange(32) % GRAPH.entity_count, torch.arange(32) % 6
    for start in range(0, 32, size):
        part = slice(start, start + size)
        scores = scorer.scores(heads[part], relations[part])
        for row, head, relation in zip(
            scores, heads[part].tolist(), relations[part].tolist(), strict=True
        ):
            torch.testing.assert_close(
                row, pykeen_says(trained, head, relation), atol=1e-5, rtol=1e-4
            )


@pytest.mark.parametrize("inverse", [True, False])
@pytest.mark.parametrize(("name", "rank"), [("complex", 8), ("distmult", 8)])
def test_bilinear_models_become_native_weights(name: str, rank: int, inverse: bool) -> None:
    checkpoint = checkpoint_of(model(name, inverse), GRAPH.vocabulary, arguments=ARGUMENTS)
    assert (checkpoint.info.model, checkpoint.info.dimension) == (name, rank)
    assert checkpoint.info.inverse
    assert not checkpoint.info.arguments
    assert sorted(checkpoint.tensors) == ["entity", "relation"]


def test_building_a_model_leaves_the_random_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model("transe", True)
    assert torch.equal(torch.rand(3), expected)


def test_a_saved_state_dict_is_imported(tmp_path: Path) -> None:
    for name in ("complex", "DistMult", "rotate"):
        trained = model(name, True)
        torch.save(trained.state_dict(), tmp_path / "state.pt")
        import_checkpoint(
            tmp_path / "state.pt",
            tmp_path / "m",
            vocabulary=GRAPH.vocabulary,
            model=name,
            arguments=ARGUMENTS,
        )
        scorer = load_checkpoint(tmp_path / "m", GRAPH.vocabulary)
        size = scorer.block.multiple
        scores = scorer.scores(torch.full((size,), 4), torch.full((size,), 3))
        torch.testing.assert_close(scores[0], pykeen_says(trained, 4, 3), atol=1e-5, rtol=1e-4)


def test_arguments_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    torch.save(model("transe", True).state_dict(), tmp_path / "state.pt")
    for arguments in ({"embedding_dim": 9}, {"width": 8}):
        with pytest.raises(CheckpointError, match="do not make a TransE"):
            import_checkpoint(
                tmp_path / "state.pt",
                tmp_path / "m",
                vocabulary=GRAPH.vocabulary,
                model="transe",
                arguments=arguments,
            )
    assert not (tmp_path / "m").exists()


def test_unknown_models_and_precisions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nearest: transe"):
        model_class("trans-ee")
    with pytest.raises(UsageError, match="needs more than facts"):
        model_class("NodePiece")
    checkpoint = checkpoint_of(model("transe", True), GRAPH.vocabulary, arguments=ARGUMENTS)
    save_checkpoint(tmp_path / "m", checkpoint.info, checkpoint.tensors)
    with pytest.raises(UsageError, match="bfloat16"):
        load_checkpoint(tmp_path / "m", dtype="bfloat16")
