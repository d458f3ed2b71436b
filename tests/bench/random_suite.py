"""A random knowledge graph with random questions, answers and weights: only figures matter."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import torch
from safetensors.torch import save_file

from kgreason.syntax.benchmark import BETAE_TYPES
from tests.bench.tiny import dump

ENTITIES, RELATIONS, RANK = 40, 3, 8


def write_suite(folder: Path, per_type: int = 4, seed: int = 0) -> Path:
    """A folder in the BetaE layout with every published structure; train, valid, test facts."""
    random = Random(seed)
    folder.mkdir(parents=True)
    dump(folder / "id2ent.pkl", {i: f"e{i}" for i in range(ENTITIES)})
    names = {2 * r + d: f"{'+-'[d]}r{r}" for r in range(RELATIONS) for d in range(2)}
    dump(folder / "id2rel.pkl", names)
    for split, count in (("train", 120), ("valid", 20), ("test", 20)):
        facts = [
            (_entity(random), random.randrange(RELATIONS), _entity(random)) for _ in range(count)
        ]
        rows = [(h, 2 * r, t) for h, r, t in facts] + [(t, 2 * r + 1, h) for h, r, t in facts]
        (folder / f"{split}.txt").write_text("".join(f"{h}\t{r}\t{t}\n" for h, r, t in rows))
    queries = {s: {_query(s, random) for _ in range(per_type)} for s in BETAE_TYPES}
    easy, hard = {}, {}
    for query in sorted((q for asked in queries.values() for q in asked), key=repr):
        answers = random.sample(range(ENTITIES), 6)
        easy[query], hard[query] = set(answers[:3]), set(answers[3:])
    dump(folder / "test-queries.pkl", queries)
    dump(folder / "test-easy-answers.pkl", easy)
    dump(folder / "test-hard-answers.pkl", hard)
    return folder


def write_weights(path: Path, seed: int = 0) -> Path:
    """A ComplEx checkpoint for the graph."""
    generator = torch.Generator().manual_seed(seed)
    rows = {"entity": ENTITIES, "relation": 2 * RELATIONS}
    save_file({k: torch.randn(n, 2 * RANK, generator=generator) for k, n in rows.items()}, path)
    return path


def _entity(random: Random) -> int:
    return random.randrange(ENTITIES)


def _relation(random: Random) -> int:
    return random.randrange(2 * RELATIONS)


def _query(structure: Any, random: Random) -> Any:
    if isinstance(structure, str):
        fixed = {"n": -2, "u": -1}
        if structure in fixed:
            return fixed[structure]
        return _entity(random) if structure == "e" else _relation(random)
    return tuple(_query(part, random) for part in structure)
