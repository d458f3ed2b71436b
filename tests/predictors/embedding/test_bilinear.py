from __future__ import annotations

import pytest
import torch

from kgreason.errors import UsageError
from kgreason.predictors.embedding.bilinear import BilinearScorer
from kgreason.predictors.embedding.compositions import (
    COMPLEX,
    COMPOSITIONS,
    DISTMULT,
    find_composition,
)
from kgreason.predictors.scorer import scoring_dtype


def test_complex_scores_are_the_real_part_of_the_trilinear_product() -> None:
    torch.manual_seed(0)
    entity, relation = torch.randn(7, 6), torch.randn(4, 6)
    scorer = BilinearScorer(COMPLEX, entity, relation, dtype=torch.float64)
    heads, relations = torch.tensor([0, 3, 6]), torch.tensor([1, 0, 3])
    e = torch.complex(*entity.double().chunk(2, 1))
    r = torch.complex(*relation.double().chunk(2, 1))
    expected = ((e[heads] * r[relations]) @ e.conj().T).real
    torch.testing.assert_close(scorer.scores(heads, relations), expected)
    single = BilinearScorer(COMPLEX, entity, relation).scores(heads, relations)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, expected.float())


def test_distmult_scores_are_the_trilinear_product_of_real_vectors() -> None:
    torch.manual_seed(0)
    entity, relation = torch.randn(7, 5), torch.randn(4, 5)
    scorer = BilinearScorer(DISTMULT, entity, relation, dtype=torch.float64)
    heads, relations = torch.tensor([0, 3, 6]), torch.tensor([1, 0, 3])
    h, r = entity[heads].double(), relation[relations].double()
    expected = torch.einsum("bd,bd,td->bt", h, r, entity.double())
    torch.testing.assert_close(scorer.scores(heads, relations), expected)
    assert scorer.name == "DistMult (rank 5, float64)"


@pytest.mark.parametrize("name", sorted(COMPOSITIONS))
def test_numbers_and_penalty_are_those_of_the_model(name: str) -> None:
    composition = COMPOSITIONS[name]
    rows = torch.randn(3, 4 * composition.parts, generator=torch.Generator().manual_seed(0))
    numbers = composition.numbers(rows)
    assert (numbers.shape, numbers.dtype) == ((3, 4), torch.complex64)
    torch.testing.assert_close(composition.cubed(rows), (numbers.abs() ** 3).sum(1))
    torch.testing.assert_close(
        composition.numbers(composition.compose(rows[:2], rows[1:])), numbers[:2] * numbers[1:]
    )


def test_a_model_is_found_by_any_spelling() -> None:
    assert find_composition("DistMult") is find_composition("dist-mult") is DISTMULT
    assert find_composition("Compl_Ex") is COMPLEX
    assert find_composition("TransE") is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_rows_keep_their_bits_in_every_allowed_block(dtype: torch.dtype) -> None:
    random = torch.Generator().manual_seed(0)
    entity = torch.randn(1500, 120, generator=random)
    scorer = BilinearScorer(COMPLEX, entity, torch.randn(10, 120, generator=random), dtype=dtype)
    step, limit = scorer.block.multiple, scorer.block.limit or 192
    heads = torch.randint(0, 1500, (192,), generator=random)
    relations = torch.randint(0, 10, (192,), generator=random)
    whole = torch.cat(
        [
            scorer.scores(heads[s : s + limit], relations[s : s + limit])
            for s in range(0, 192, limit)
        ]
    )
    for start in range(0, 192, step):
        part = slice(start, start + step)
        assert torch.equal(scorer.scores(heads[part], relations[part]), whole[part])


def test_an_unknown_precision_is_refused() -> None:
    assert scoring_dtype("bfloat16") is torch.bfloat16
    with pytest.raises(UsageError, match="float16"):
        scoring_dtype("float16")
