"""Every PyKEEN model as a scorer, and its way into a checkpoint.

PyKEEN numbers a relation 2k and its inverse 2k + 1 when a model is trained with inverse triples,
which is this package's numbering of directed relations.
"""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgreason.choose import unknown
from kgreason.errors import CheckpointError, UsageError
from kgreason.predictors.checkpoints.format import (
    WEIGHTS,
    Checkpoint,
    CheckpointInfo,
)
from kgreason.predictors.checkpoints.layout import Foreign, find_tables, in_parts, with_inverses
from kgreason.predictors.checkpoints.numbers import widened
from kgreason.predictors.embedding.compositions import find_composition
from kgreason.predictors.embedding.tables import table_info
from kgreason.predictors.scorer import BlockShape, Coverage, Scorer

# These need more than numbers of entities and relations: literals, the facts, anchors.
_NEEDS_MORE = frozenset(
    (
        *("complexliteral", "distmultliteral", "distmultliteralgated"),
        *("compgcn", "rgcn", "nodepiece", "inductivenodepiece", "inductivenodepiecegnn"),
        *("cooccurrencefiltered", "fixed"),
    )
)
_MEMORY = 64 * 2**20
_MOST_ROWS = 32


class PyKEENScorer(Scorer):
    """A PyKEEN model's own scores, in blocks of one fixed shape.

    A model without inverse relations of its own answers an inverse relation by scoring all heads.
    """

    def __init__(
        self,
        model: Any,
        *,
        name: str,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
        coverage: Coverage | None = None,
    ) -> None:
        if dtype == torch.bfloat16:
            raise UsageError(
                f"{name} cannot be scored in bfloat16", remedy="use float32 or float64"
            )
        self._model = model.to(device=torch.device(device), dtype=dtype).eval()
        self._name = name
        self._dtype = dtype
        self._device = torch.device(device)
        self._coverage = coverage or Coverage()
        weights = sum(parameter.numel() for parameter in model.parameters())
        self._flops = float(2 * weights)
        # Many interactions hold (rows, entities, width) numbers at a time.
        rows = max(1, min(_MOST_ROWS, _MEMORY // max(1, 8 * weights)))
        self._block = BlockShape(rows, rows)
        if rows > 1 and not self._keeps_rows(rows):
            self._block = BlockShape(1, 1)

    @property
    def name(self) -> str:
        return self._name

    @property
    def entity_count(self) -> int:
        return int(self._model.num_entities)

    @property
    def relation_count(self) -> int:
        return 2 * int(self._model.num_real_relations)

    @property
    def coverage(self) -> Coverage:
        return self._coverage

    @property
    def block(self) -> BlockShape:
        return self._block

    @property
    def flops(self) -> float:
        return self._flops

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def dtype(self) -> torch.dtype:
        return self._dtype

    def scores(self, heads: Tensor, relations: Tensor) -> Tensor:
        with torch.no_grad():
            if self._model.use_inverse_triples:
                return self._tails(heads, relations)
            return self._both_ways(heads, relations)

    def _tails(self, heads: Tensor, relations: Tensor) -> Tensor:
        scores: Tensor = self._model.score_t(torch.stack((heads, relations), 1))
        return scores.clone()

    def _keeps_rows(self, rows: int) -> bool:
        """Whether a row has the same bits at every place of a block (TransR's has not)."""
        spread = torch.arange(rows, device=self._device)
        heads, relations = spread % self.entity_count, spread % self.relation_count
        order = spread.flip(0)
        straight, turned = (
            self.scores(heads, relations),
            self.scores(heads[order], relations[order]),
        )
        return bool(((turned == straight[order]) | turned.isnan()).all())

    def _both_ways(self, heads: Tensor, relations: Tensor) -> Tensor:
        base, inverse = relations // 2, relations % 2 == 1
        if not bool(inverse.any()):
            return self._tails(heads, base)
        backward: Tensor = self._model.score_h(torch.stack((base, heads), 1))
        if bool(inverse.all()):
            return backward.clone()
        return torch.where(inverse.unsqueeze(1), backward, self._tails(heads, base))


def model_names() -> tuple[str, ...]:
    """PyKEEN's models that can be trained here, in lower case."""
    return tuple(sorted(set(_classes()) - _NEEDS_MORE))


def model_key(name: str) -> str:
    """PyKEEN's own key of a model, case, `-` and `_` ignored; UsageError for any other name."""
    plain = name.lower().replace("-", "").replace("_", "")
    names = model_names()
    if plain in names:
        return plain
    if plain not in _NEEDS_MORE:
        raise unknown("model", name, names, UsageError)
    raise UsageError(
        f"model {name!r} needs more than facts", remedy=f"use one of: {', '.join(names)}"
    )


def model_class(name: str) -> Any:
    """A PyKEEN model class by name; UsageError for an unknown one."""
    return _classes()[model_key(name)]


def _classes() -> dict[str, Any]:
    with hushed():
        from pykeen.models import model_resolver

    found: dict[str, Any] = model_resolver.lookup_dict
    return found


def build_model(
    name: str,
    entities: int,
    relations: int,
    *,
    inverse: bool,
    arguments: Mapping[str, Any],
    seed: int = 0,
) -> Any:
    """A fresh PyKEEN model over `relations` base relations, its weights drawn from `seed`."""
    kind = model_class(name)
    with _isolated():
        from pykeen.triples.triples_factory import KGInfo

        sizes = KGInfo(entities, relations, create_inverse_triples=inverse)
        return kind(triples_factory=sizes, random_seed=seed, **arguments)


def rebuild(
    path: str | Path,
    checkpoint: Checkpoint,
    *,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> PyKEENScorer:
    """The scorer of a PyKEEN checkpoint; CheckpointError where weights and description differ."""
    info = checkpoint.info
    coverage = checkpoint.coverage
    entities = info.entities if coverage.entities is None else coverage.entities.shape[0]
    weights = {
        name.removeprefix(WEIGHTS): tensor
        for name, tensor in checkpoint.tensors.items()
        if name.startswith(WEIGHTS)
    }
    try:
        model = build_model(
            info.model, entities, info.relations, inverse=info.inverse, arguments=info.arguments
        )
        _load_weights(model, weights)
    except (UsageError, RuntimeError, TypeError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path}: the weights do not make a {info.model} with {dict(info.arguments)}: {error}",
            remedy="give the model class and the arguments it was trained with",
        ) from error
    label = f"{type(model).__name__} (dimension {info.dimension})"
    return PyKEENScorer(model, name=label, dtype=dtype, device=device, coverage=coverage)


def _load_weights(model: Any, weights: dict[str, Tensor]) -> None:
    """Strict but for the state of regularisers, which training needs and scoring does not."""
    for name, own in model.state_dict().items():
        given = weights.get(name, own)
        # torch would convert them, and round whole numbers or drop imaginary parts.
        if given.is_floating_point() != own.is_floating_point():
            raise ValueError(f"tensor {name} holds {given.dtype}, expected {own.dtype}")
    found = model.load_state_dict(weights, strict=False)
    strays = [name for name in (*found.missing_keys, *found.unexpected_keys) if _is_weight(name)]
    if strays:
        raise ValueError(f"tensors missing or not known: {', '.join(strays[:4])}")


def _is_weight(name: str) -> bool:
    return ".regularizer." not in name and not name.startswith("loss.")


def checkpoint_of(
    model: Any,
    vocabulary: Any,
    *,
    arguments: Mapping[str, Any] | None = None,
    coverage: Coverage | None = None,
    training: Mapping[str, Any] | None = None,
) -> Checkpoint:
    """A live PyKEEN model as a checkpoint; ComplEx and DistMult become native weights.

    arguments: the keyword arguments it was made with (embedding_dim, …), needed by every model but
    those two. coverage: vocabulary ids of the model's entities where they are not all of them.
    """
    state = {
        name: tensor.detach().cpu()
        for name, tensor in model.state_dict().items()
        if _is_weight(name)
    }
    native = find_composition(type(model).__name__)
    inverse = bool(model.use_inverse_triples)
    if native:
        found = find_tables(state)
        assert found is not None
        entity, relation = (in_parts(table, native.parts) for table in found[:2])
        if not inverse:
            relation = with_inverses(relation, native)
        tensors = {"entity": entity, "relation": relation}
        info = table_info(
            native,
            dimension=entity.shape[1] // native.parts,
            entities=vocabulary.entity_count,
            relations=vocabulary.relation_count,
            vocabulary=vocabulary.fingerprint(),
            training=training,
        )
    else:
        tensors = {WEIGHTS + name: tensor for name, tensor in state.items()}
        info = _info(type(model).__name__, vocabulary, inverse, arguments, training)
    return Checkpoint(info, tensors).covering(coverage or Coverage())


def adopt_weights(
    source: Path,
    model: str,
    tensors: dict[str, Tensor],
    vocabulary: Any,
    foreign: Foreign,
) -> Checkpoint:
    """A state dict of elsewhere as a checkpoint; UsageError for a model that is not known."""
    name = model_class(model).__name__
    info = _info(name, vocabulary, foreign.inverse, foreign.arguments)
    weights = {WEIGHTS + key: widened(source, key, one) for key, one in tensors.items()}
    return Checkpoint(info, weights)


def _info(
    model: str,
    vocabulary: Any,
    inverse: bool,
    arguments: Mapping[str, Any] | None,
    training: Mapping[str, Any] | None = None,
) -> CheckpointInfo:
    return CheckpointInfo(
        model=model,
        dimension=int((arguments or {}).get("embedding_dim", 0)),
        entities=vocabulary.entity_count,
        relations=vocabulary.relation_count,
        vocabulary=vocabulary.fingerprint(),
        inverse=inverse,
        arguments=dict(arguments or {}),
        training=dict(training or {}),
    )


@contextmanager
def hushed() -> Iterator[None]:
    """Keep PyKEEN's notes and the warnings of what it imports to itself."""
    loggers = [logging.getLogger(name) for name in ("pykeen", "torch_max_mem")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def _isolated() -> Iterator[None]:
    """PyKEEN seeds every generator when it builds a model: give the caller theirs back."""
    states = random.getstate(), np.random.get_state()
    try:
        with hushed(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
