"""Weights of ULTRA that its authors publish."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

LICENCE = "MIT (Copyright 2023 MilaGraph): github.com/DeepGraphLearning/ULTRA"


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """One file of weights.

    file: its name in the folder where it is fetched. size: bytes. digest: of the weights in it, see
    `weights_digest`. learned: the graphs it was trained on, of which it has seen facts that are
    held out elsewhere.
    probe: logits of the entities 1, 2 and 5 of the built-in graph, see `self_test`.
    """

    name: str
    file: str
    size: int
    digest: str
    learned: str
    probe: tuple[float, float, float]
    folder: str = "https://github.com/DeepGraphLearning/ULTRA/raw/main/ckpts"

    @property
    def address(self) -> str:
        """Where it is fetched from."""
        return f"{self.folder}/{self.file}"


_FOUR = "FB15k-237, WN18RR, CoDEx-M and NELL995"
PUBLISHED = {
    one.name: one
    for one in (
        PublishedWeights(
            "ultra",
            "ultra_4g.pth",
            2_127_350,
            "7f9438ac9cd9e177f8c6b9f49655866359b010d1a17208e3f4f2a0bffde24367",
            _FOUR,
            (1.7140, 2.3310, 4.3461),
        ),
        PublishedWeights(
            "ultra-3g",
            "ultra_3g.pth",
            2_127_350,
            "9676dc7085f30f7ac906a9c3903fca8d39697b621c813c72248f2d54fa7ac3a1",
            "FB15k-237, WN18RR and CoDEx-M",
            (1.2350, 1.4760, 1.6470),
        ),
        PublishedWeights(
            "ultra-50g",
            "ultra_50g.pth",
            2_127_350,
            "1e9b50f6a879e29c8232f405a391122110ebc4f5bc3781db2bccd6486b1a1c4e",
            f"{_FOUR}, and all inductive graphs of GraIL and ILPC",
            (-2.2483, 0.5623, 0.8200),
        ),
        PublishedWeights(
            "ultraquery",
            "ultraquery.pth",
            2_129_462,
            "b953a2008c206a463058ee2560f1495128333d2a6b00f2e8419a5f02d3e3a4ae",
            f"{_FOUR}, then on questions over FB15k-237",
            (-0.0356, -0.8860, -2.1876),
        ),
    )
}
"""By the name that `kgreason model pull` takes."""


def weights_digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names and float32 values, whatever file they came in: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].to(torch.float32).contiguous().numpy().astype("<f4").tobytes())
    return digest.hexdigest()


def published_as(tensors: Mapping[str, Tensor]) -> PublishedWeights | None:
    """Which of the published weights these are; None for others."""
    own = weights_digest(tensors)
    return next((one for one in PUBLISHED.values() if one.digest == own), None)
