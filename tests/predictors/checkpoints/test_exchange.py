from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from kgreason.errors import CheckpointError, UsageError
from kgreason.predictors import export_checkpoint, import_checkpoint, load_checkpoint
from kgreason.predictors.checkpoints import exchange
from kgreason.predictors.checkpoints.layout import in_parts, with_inverses
from kgreason.predictors.embedding.bilinear import BilinearScorer
from kgreason.predictors.embedding.compositions import COMPLEX, COMPOSITIONS, DISTMULT, Composition
from tests.predictors.toy import toy_graph, weights

GRAPH = toy_graph()
HEADS, RELATIONS = torch.arange(16), torch.arange(16) % 6
EXPECTED = BilinearScorer(COMPLEX, *weights(GRAPH).values()).scores(HEADS, RELATIONS)


def interleaved(table: torch.Tensor) -> torch.Tensor:
    return torch.stack(table.chunk(2, 1), 2).reshape(table.shape)


def imported(source: Path, **settings: object) -> torch.Tensor:
    out = source.parent / "out.safetensors"
    import_checkpoint(source, out, vocabulary=GRAPH.vocabulary, **settings)  # type: ignore[arg-type]
    return load_checkpoint(out, GRAPH.vocabulary).scores(HEADS, RELATIONS)


def test_halves_undo_interleaving() -> None:
    table = weights(GRAPH)["entity"]
    assert torch.equal(in_parts(interleaved(table), 2), table)
    assert torch.equal(in_parts(table, 1), table)


@pytest.mark.parametrize("composition", COMPOSITIONS.values(), ids=list(COMPOSITIONS))
def test_inverse_rows_score_the_link_from_its_other_end(composition: Composition) -> None:
    tensors = weights(GRAPH)
    relation = with_inverses(tensors["relation"][:3], composition)
    scorer = BilinearScorer(composition, tensors["entity"], relation)
    everyone = torch.arange(16)
    forward = scorer.scores(everyone, torch.full((16,), 2))[:, :16]
    backward = scorer.scores(everyone, torch.full((16,), 3))[:, :16]
    torch.testing.assert_close(forward, backward.T)


def test_raw_tensors_in_three_formats(tmp_path: Path) -> None:
    tensors = weights(GRAPH)
    save_file(tensors, tmp_path / "raw.safetensors")
    np.savez(tmp_path / "raw.npz", **{name: t.numpy() for name, t in tensors.items()})  # type: ignore[arg-type]
    torch.save(tensors, tmp_path / "raw.pt")
    for name in ("raw.safetensors", "raw.npz", "raw.pt"):
        assert torch.equal(imported(tmp_path / name), EXPECTED)


def test_layouts_and_orders_are_laid_anew(tmp_path: Path) -> None:
    tensors = weights(GRAPH)
    save_file({n: interleaved(t) for n, t in tensors.items()}, tmp_path / "raw.safetensors")
    assert torch.equal(imported(tmp_path / "raw.safetensors", layout="interleaved"), EXPECTED)
    relation = torch.cat((tensors["relation"][0::2], tensors["relation"][1::2]))
    save_file({"entity": tensors["entity"], "relation": relation}, tmp_path / "raw.safetensors")
    assert torch.equal(imported(tmp_path / "raw.safetensors", relation_order="appended"), EXPECTED)


def test_real_weights_are_imported_whatever_the_layout_and_the_spelling(tmp_path: Path) -> None:
    tensors = {name: tensor[:, :7].clone() for name, tensor in weights(GRAPH).items()}
    save_file(tensors, tmp_path / "raw.safetensors")
    expected = BilinearScorer(DISTMULT, *tensors.values()).scores(HEADS, RELATIONS)
    for settings in ({"model": "distmult"}, {"model": "Dist-Mult", "layout": "interleaved"}):
        assert torch.equal(imported(tmp_path / "raw.safetensors", **settings), expected)
    with pytest.raises(CheckpointError, match=r"expected \(29, 2 · rank\) of ComplEx"):
        imported(tmp_path / "raw.safetensors")


def complex_weights() -> dict[str, torch.Tensor]:
    return {name: torch.complex(*t.chunk(2, 1)) for name, t in weights(GRAPH).items()}


@pytest.mark.parametrize("layout", [None, "halves", "interleaved"])
def test_complex_numbers_keep_their_imaginary_halves(tmp_path: Path, layout: str | None) -> None:
    arrays = {name: t.numpy() for name, t in complex_weights().items()}
    save_file(complex_weights(), tmp_path / "raw.safetensors")
    np.savez(tmp_path / "raw.npz", **arrays)  # type: ignore[arg-type]
    torch.save({n: t.to(torch.complex128) for n, t in complex_weights().items()}, tmp_path / "c.pt")
    for name in ("raw.safetensors", "raw.npz", "c.pt"):
        assert torch.equal(imported(tmp_path / name, layout=layout), EXPECTED)


def test_complex_numbers_of_a_real_model_are_refused(tmp_path: Path) -> None:
    save_file(complex_weights(), tmp_path / "raw.safetensors")
    with pytest.raises(CheckpointError, match=r"complex64\), DistMult has real ones"):
        imported(tmp_path / "raw.safetensors", model="distmult")
    with pytest.raises(CheckpointError, match="numbers of type complex64, which cannot"):
        imported(tmp_path / "raw.safetensors", model="TransE")


@pytest.mark.parametrize(
    "dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.int8, torch.int64, torch.bool]
)
def test_narrow_and_whole_numbers_are_imported_without_loss(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    tensors = {name: (5 * t).to(dtype) for name, t in weights(GRAPH).items()}
    torch.save(tensors, tmp_path / "raw.pt")
    expected = BilinearScorer(COMPLEX, *(t.float() for t in tensors.values()))
    assert torch.equal(imported(tmp_path / "raw.pt"), expected.scores(HEADS, RELATIONS))


def test_numbers_that_would_be_rounded_or_are_none_are_refused(tmp_path: Path) -> None:
    large = {name: (t * 1e9).long() for name, t in weights(GRAPH).items()}
    torch.save(large, tmp_path / "large.pt")
    torch.save({n: t.to_sparse() for n, t in weights(GRAPH).items()}, tmp_path / "sparse.pt")
    text = {name: t.numpy().astype(str) for name, t in weights(GRAPH).items()}
    np.savez(tmp_path / "text.npz", **text)  # type: ignore[arg-type]
    for name, said in (
        ("large.pt", "int64 up to .*, which float32 does not hold exactly"),
        ("sparse.pt", "'entity' is of layout torch.sparse_coo"),
        ("text.npz", "array 'entity' holds <U"),
    ):
        with pytest.raises(CheckpointError, match=said):
            imported(tmp_path / name)


def test_an_archive_that_swells_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_HARMLESS", 1 << 16)
    zeros = np.zeros((1000, 1000))
    np.savez_compressed(tmp_path / "zeros.npz", entity=zeros, relation=zeros)
    with pytest.raises(CheckpointError, match=r"to 16,000,.* bytes, more than 100 times its size"):
        imported(tmp_path / "zeros.npz")


def test_export_reads_back(tmp_path: Path) -> None:
    save_file(weights(GRAPH), tmp_path / "raw.safetensors")
    imported(tmp_path / "raw.safetensors")
    export_checkpoint(tmp_path / "out.safetensors", tmp_path / "bare.npz")
    export_checkpoint(tmp_path / "out.safetensors", tmp_path / "bare.safetensors")
    arrays = np.load(tmp_path / "bare.npz")
    again = load_file(tmp_path / "bare.safetensors")
    for name, tensor in weights(GRAPH).items():
        assert np.array_equal(arrays[name], tensor.numpy())
        assert torch.equal(again[name], tensor)
    with pytest.raises(UsageError, match="format"):
        export_checkpoint(tmp_path / "out.safetensors", tmp_path / "bare.txt")


class Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('ran')",))


def test_pickles_are_never_run(tmp_path: Path) -> None:
    (tmp_path / "trained_model.pkl").write_bytes(pickle.dumps(Trap()))
    torch.save({"entity": Trap()}, tmp_path / "model.pt")
    for name in ("trained_model.pkl", "model.pt"):
        with pytest.raises(CheckpointError, match="may run any code") as caught:
            imported(tmp_path / name)
        assert "state_dict" in str(caught.value)


def test_what_does_not_fit_leaves_no_output(tmp_path: Path) -> None:
    tensors = weights(GRAPH)
    save_file({"a": tensors["entity"]}, tmp_path / "names.safetensors")
    save_file({**tensors, "entity": tensors["entity"][:3].clone()}, tmp_path / "size.safetensors")
    (tmp_path / "text.npz").write_text("no archive")
    torch.save([1, 2], tmp_path / "list.pt")
    for name in ("names.safetensors", "size.safetensors", "text.npz", "list.pt", "none.pt"):
        with pytest.raises(CheckpointError):
            imported(tmp_path / name)
    assert not (tmp_path / "out.safetensors").exists()
