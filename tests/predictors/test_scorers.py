from __future__ import annotations

import pytest
import torch

from kgreason.errors import UsageError
from kgreason.predictors.scorers import ComplEx, scoring_dtype


def test_complex_scores_are_the_real_part_of_the_trilinear_product() -> None:
    torch.manual_seed(0)
    entity, relation = torch.randn(7, 6), torch.randn(4, 6)
    scorer = ComplEx(entity, relation, dtype=torch.float64)
    heads, relations = torch.tensor([0, 3, 6]), torch.tensor([1, 0, 3])
    e = torch.complex(*entity.double().chunk(2, 1))
    r = torch.complex(*relation.double().chunk(2, 1))
    expected = ((e[heads] * r[relations]) @ e.conj().T).real
    torch.testing.assert_close(scorer.scores(heads, relations), expected)
    single = ComplEx(entity, relation).scores(heads, relations)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, expected.float())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_rows_keep_their_bits_in_every_allowed_block(dtype: torch.dtype) -> None:
    random = torch.Generator().manual_seed(0)
    entity = torch.randn(1500, 120, generator=random)
    scorer = ComplEx(entity, torch.randn(10, 120, generator=random), dtype=dtype)
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
