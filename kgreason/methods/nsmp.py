"""Neural-symbolic message passing over query graphs (NSMP, Zhang et al. 2025), without training.

Every term keeps an embedding z and a fuzzy set s. Per layer each atom sends a message both ways: a
neural one, the softmax of the entities' scores against z composed with the relation, and a symbolic
one, s moved along the observed facts. A variable takes the normalised product of its messages. It
is a second executor, with a meaning of its own: no fuzzy truth values.

Questions are computed one by one, so that their bits depend on no other; the messages of a layer
share one product with the entities.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kgreason.errors import UnsupportedError
from kgreason.formula import Constant, Query, Variable
from kgreason.knowledge import FactIndex
from kgreason.methods.conjuncts import Conjunct, conjuncts
from kgreason.methods.methods import Messages
from kgreason.normal import Edge, Node
from kgreason.predictors import BilinearScorer, Scorer
from kgreason.predictors.embedding.compositions import COMPLEX
from kgreason.topk import StopCondition
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import TruthVector

_SMALLEST = 1e-14


@dataclass(frozen=True, slots=True)
class _State:
    """What a term knows. embedding: (2d,); members: (entities,), a fuzzy set."""

    embedding: Tensor
    members: Tensor


@dataclass(frozen=True, slots=True)
class _Letter:
    """A message's way: atom `atom`, from its source (forward) or from its target."""

    atom: int
    forward: bool
    sender: Node
    receiver: Variable


@dataclass(slots=True)
class _Passing:
    """One disjunct under way. states: None for a term that has heard nothing and says nothing.

    said: messages of constants, which never change.
    """

    conjunct: Conjunct
    states: dict[Variable, _State | None]
    said: dict[_Letter, Tensor] = field(default_factory=dict)


class Nsmp:
    """Ranks the entities for questions with one answer variable; scores are above 0, and no truths.

    facts: the observed facts. A score is the largest over the disjuncts that `conjuncts` reads.
    Raises UnsupportedError for a model other than ComplEx, or one that does not cover all entities.
    """

    gives_truths = False

    def __init__(self, model: Scorer, facts: FactIndex, messages: Messages) -> None:
        if not isinstance(model, BilinearScorer) or model.composition is not COMPLEX:
            raise UnsupportedError(
                f"message passing composes ComplEx embeddings, this is {model.name}",
                remedy="give a ComplEx checkpoint, or use another method",
            )
        if model.coverage.entities is not None:
            raise UnsupportedError(
                "message passing needs a model that knows every entity",
                remedy="train one on the whole knowledge graph, or use another method",
            )
        tensors = model.tensors
        self._entity = tensors["entity"].to(model.device, model.dtype)
        self._relation = tensors["relation"].to(model.device, model.dtype)
        self._length = torch.linalg.vector_norm(self._entity, dim=1).clamp(min=1e-12)
        self._facts = facts
        self._messages = messages
        self._links: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def values(
        self, queries: Iterable[Query[int]], stops: Sequence[StopCondition] = ()
    ) -> Iterator[TruthVector]:
        """One (1, entities) vector of scores per question; UnsupportedError as `conjuncts`.

        Scores are never bounds, whatever the stop conditions.
        """
        for query in queries:
            scores = [self._scores(one) for one in conjuncts(query)]
            best = torch.stack(scores).amax(0, keepdim=True)
            yield TruthVector.from_rows(TruthRows.from_dense(best), best.shape[1])

    def close(self) -> None:
        """Nothing is kept."""

    def _scores(self, conjunct: Conjunct) -> Tensor:
        passing = _Passing(conjunct, {v: self._unheard() for v in conjunct.variables})
        for receivers in _layers(conjunct):
            # All at once: a layer hears what the one before it knew.
            passing.states |= self._heard(passing, receivers)
        weight = self._messages.weight
        answer = passing.states[conjunct.answer] or self._nothing()
        length = torch.linalg.vector_norm(answer.embedding).clamp(min=1e-12)
        cosine = (self._entity @ answer.embedding) / (self._length * length)
        return weight * answer.members + (1 - weight) * torch.softmax(cosine, 0)

    def _heard(
        self, passing: _Passing, receivers: tuple[Variable, ...]
    ) -> dict[Variable, _State | None]:
        letters = [one for one in _letters(passing.conjunct) if one.receiver in receivers]
        messages = self._say(passing, letters)
        states: dict[Variable, _State | None] = {}
        told: dict[Variable, Tensor] = {}
        for receiver in receivers:
            several = [message for one, message in messages.items() if one.receiver == receiver]
            members = _normalised(torch.stack(several).prod(0)) if several else None
            if members is None or (self._messages.pruning and not members.any()):
                states[receiver] = self._unheard()
            else:
                told[receiver] = members
        if told:
            # One product for all of them; its shape depends on nothing but the question.
            embeddings = torch.stack(list(told.values())) @ self._entity
            for (receiver, members), embedding in zip(told.items(), embeddings, strict=True):
                states[receiver] = _State(embedding, members)
        return states

    def _say(self, passing: _Passing, letters: list[_Letter]) -> dict[_Letter, Tensor]:
        """(entities,) per message, those of silent terms left out."""
        fresh = [one for one in letters if one not in passing.said]
        states = {one: self._state(passing, one.sender) for one in fresh}
        spoken = [(one, state) for one, state in states.items() if state is not None]
        found = {one: passing.said[one] for one in letters if one in passing.said}
        if not spoken:
            return found
        atoms = [passing.conjunct.atoms[one.atom] for one, _ in spoken]
        composed = torch.stack(
            [
                self._composed(state, atom, one.forward)
                for (one, state), atom in zip(spoken, atoms, strict=True)
            ]
        )
        # Faster in the CPU libraries than the product the other way round.
        neural = torch.softmax((self._entity @ composed.T).T, 1)
        for row, ((one, state), atom) in enumerate(zip(spoken, atoms, strict=True)):
            moved = self._moved(state.members, atom.relation ^ (not one.forward))
            if atom.negated:
                moved = self._messages.alpha / moved.shape[0] - moved
            found[one] = _normalised(neural[row] + _normalised(moved))
            if isinstance(one.sender, Constant):
                passing.said[one] = found[one]
        return found

    def _state(self, passing: _Passing, node: Node) -> _State | None:
        if isinstance(node, Variable):
            return passing.states[node]
        embedding = self._entity[node.name]
        members = torch.zeros_like(self._length)
        members[node.name] = 1
        return _State(embedding, members)

    def _unheard(self) -> _State | None:
        return None if self._messages.pruning else self._nothing()

    def _nothing(self) -> _State:
        return _State(torch.zeros_like(self._entity[0]), torch.zeros_like(self._length))

    def _composed(self, state: _State, atom: Edge, forward: bool) -> Tensor:
        """(2d,): h∘r towards the tail, t∘conj(r) towards the head, negated for a negated atom."""
        real, imaginary = state.embedding.chunk(2)
        r_real, r_imaginary = self._relation[atom.relation].chunk(2)
        if not forward:
            r_imaginary = -r_imaginary
        composed = torch.cat(
            (real * r_real - imaginary * r_imaginary, real * r_imaginary + imaginary * r_real)
        )
        return -composed if atom.negated else composed

    def _moved(self, members: Tensor, relation: int) -> Tensor:
        """(entities,): at each entity the sum of its sources under a directed relation."""
        if relation not in self._links:
            targets = self._facts.heads(relation ^ 1)
            offsets, sources = self._facts.rows(targets, [relation ^ 1] * len(targets))
            parts = (targets, offsets, sources)
            self._links[relation] = tuple(  # type: ignore[assignment]
                torch.from_numpy(part).long().to(members.device) for part in parts
            )
        at, bounds, along = self._links[relation]
        moved = torch.zeros_like(members)
        if len(at):
            # Summed by segments, in the same order on every device.
            moved[at] = torch.segment_reduce(members[along], "sum", offsets=bounds)
        return moved


def _letters(conjunct: Conjunct) -> list[_Letter]:
    """Every message that a variable may receive, both ways along each atom."""
    found = []
    for i, atom in enumerate(conjunct.atoms):
        for forward, sender, receiver in (
            (True, atom.source, atom.target),
            (False, atom.target, atom.source),
        ):
            if isinstance(receiver, Variable):
                found.append(_Letter(i, forward, sender, receiver))
    return found


def _layers(conjunct: Conjunct) -> list[tuple[Variable, ...]]:
    """The variables to update in each of variables + 1 layers: those that the answer can hear of.

    The last layer needs the answer alone, the one before it what the answer hears, and so on.
    """
    letters = _letters(conjunct)
    layers: list[tuple[Variable, ...]] = [(conjunct.answer,)]
    for _ in conjunct.variables:
        senders = {one.sender for one in letters if one.receiver in layers[-1]}
        layers.append(tuple(v for v in conjunct.variables if v in senders))
    return layers[::-1]


def _normalised(values: Tensor) -> Tensor:
    """Entries below 1e-14 dropped, then divided by the sum."""
    kept = torch.where(values < _SMALLEST, 0.0, values)
    return kept / kept.sum().clamp(min=_SMALLEST)
