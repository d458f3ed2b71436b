"""Files of models, to be damaged by `corruptions.py`: how each is made, and all that it holds."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from kgreason.knowledge import Vocabulary

Content = list[str]

_RUN = {"model": "complex", "facts": "those of the graph"}
_KEY = {"model": "one", "facts": "some"}


@cache
def vocabulary() -> Vocabulary:
    """The names that all of these files are for."""
    from kgreason.knowledge import KnowledgeGraph

    names = ("knows", "works with", '"quoted" name', "<http://example.org/p#q>")
    triples = [(f"e{i}", names[i % 4], f"e{(i * 7 + 3) % 30}") for i in range(60)]
    return KnowledgeGraph.from_triples(triples).vocabulary


def _tensors(seed: int) -> dict[str, Tensor]:
    import torch

    random = torch.Generator().manual_seed(seed)
    rows = {"entity": vocabulary().entity_count, "relation": 2 * vocabulary().relation_count}
    return {name: torch.randn(count, 12, generator=random) for name, count in rows.items()}


def make_checkpoint(folder: Path, seed: int) -> Path:
    """A ComplEx checkpoint."""
    from kgreason.predictors.checkpoints.format import CheckpointInfo, save_checkpoint

    names = vocabulary()
    sizes = names.entity_count, names.relation_count
    about = CheckpointInfo("complex", 6, *sizes, names.fingerprint(), training={"seed": seed})
    save_checkpoint(folder / "model.safetensors", about, _tensors(seed))
    return folder / "model.safetensors"


def checkpoint_content(path: Path) -> Content:
    """What it says of itself twice, by the header alone and with the weights, and the weights."""
    from kgreason.predictors.checkpoints.format import inspect, read_checkpoint

    alone, read = inspect(path), read_checkpoint(path)
    return [_digest(alone), _digest(read.info), _digest_tensors(read.tensors)]


def make_unfinished(folder: Path, seed: int) -> Path:
    """The state of an unfinished training run."""
    from kgreason.training.state import Best, SavedRun, save_run, state_path

    out = folder / "model.safetensors"
    best = Best(seed, 0.25, _tensors(seed))
    save_run(out, _RUN, SavedRun(3 + seed, seed, 0.5, _tensors(seed + 9), best))
    return state_path(out)


def unfinished_content(path: Path) -> Content:
    """All that a run goes on with."""
    from kgreason.training.state import load_run

    saved = load_run(path.with_name(path.name.removesuffix(".unfinished")), _RUN)
    assert saved is not None
    assert saved.best is not None
    told = [saved.epochs, saved.seed, saved.loss, saved.best.epoch, saved.best.mrr]
    return [_digest(told), _digest_tensors(saved.tensors), _digest_tensors(saved.best.weights)]


def make_rules(folder: Path, seed: int) -> Path:
    """Rules as they are mined."""
    from kgreason.rules import Figures, Rule, RuleSet, write_rules

    relations = 2 * vocabulary().relation_count
    rules = [
        Rule(
            tuple((number + step * 3) % relations for step in range(1 + number % 3)),
            2 * (number % vocabulary().relation_count),
            Figures(number + seed, number / 40, number / 32),
        )
        for number in range(30)
    ]
    text = write_rules(RuleSet(tuple(rules), "max", "pca"), vocabulary())
    (folder / "rules.txt").write_text(text, encoding="utf-8")
    return folder / "rules.txt"


def rules_content(path: Path) -> Content:
    """The rules and how they make a truth."""
    from kgreason.rules import read_rules

    return [_digest(read_rules(path, vocabulary()))]


def make_mixture(folder: Path, seed: int) -> Path:
    """A folder with a mixture and its members."""
    import torch

    from kgreason.predictors.mixture.file import write_mixture
    from kgreason.predictors.mixture.weights import Weights

    home = folder / "mixture"
    home.mkdir()
    members = make_checkpoint(home, seed), make_rules(home, seed)
    random = torch.Generator().manual_seed(seed)
    shares = torch.rand(2 * vocabulary().relation_count, 2, generator=random, dtype=torch.float64)
    write_mixture(home / "mix.json", members, Weights(shares[0], shares, 7), vocabulary())
    return home


def mixture_content(path: Path) -> Content:
    """The weights, and what the members hold."""
    from kgreason.predictors.mixture.file import read_mixture

    found = read_mixture(path / "mix.json", vocabulary())
    names = [member.name for member in found.members]
    told = [found.weights.tolist(), found.links, found.calibration, names]
    members = checkpoint_content(found.members[0]) + rules_content(found.members[1])
    return [_digest(told), *members]


def make_rows(folder: Path, seed: int) -> Path:
    """A file of rows that were scored."""
    import torch

    from kgreason.predictors.rowcache.file import write_row_file
    from kgreason.truth.rows import TruthRows

    random = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, 9, (50,), generator=random)
    offsets = torch.cat((torch.zeros(1, dtype=torch.int64), counts.cumsum(0)))
    entities = torch.cat([torch.arange(count) * 3 for count in counts.tolist()]).to(torch.int32)
    truths = torch.rand(len(entities), generator=random)
    return write_row_file(folder, _KEY, torch.arange(50) * 2, TruthRows(offsets, entities, truths))


def rows_content(path: Path) -> Content:
    """The rows as a cache finds them; what it tells of a file that it leaves out is an error."""
    import torch

    from kgreason.errors import DataError
    from kgreason.predictors.rowcache.cache import RowCache

    notes: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        RowCache(Path(name), _KEY, notes.append)
        (home,) = Path(name).iterdir()
        shutil.copy(path, home)
        cache_ = RowCache(Path(name), _KEY, notes.append)
        found, rows = cache_.find(torch.arange(100))
    if notes:
        raise DataError(notes[0], remedy="the cache scores its rows again")
    parts = {"offsets": rows.offsets, "entities": rows.entities, "truths": rows.truths}
    return [_digest_tensors({"found": found, **parts})]


MODELS: dict[str, tuple[Callable[[Path, int], Path], Callable[[Path], Content]]] = {
    "checkpoint": (make_checkpoint, checkpoint_content),
    "unfinished": (make_unfinished, unfinished_content),
    "rules": (make_rules, rules_content),
    "mixture": (make_mixture, mixture_content),
    "rows": (make_rows, rows_content),
}
"""What can be damaged, by name: how to make one after a seed, and all that one holds."""


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()


def _digest_tensors(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
