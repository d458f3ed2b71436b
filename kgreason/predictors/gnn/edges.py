"""Edges of a graph as a network sums over them: messages once, receivers in order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from kgreason.ragged import Longs, offsets_of


@dataclass(frozen=True, slots=True)
class Scratch:
    """Memory for messages and their weights: (messages, batch, d) each."""

    messages: Tensor
    weights: Tensor


@dataclass(frozen=True, slots=True)
class Edges:
    """Edges from senders to receivers, each with a label.

    Edges that share sender and label carry the same message, which is computed once. sender, label:
    (messages,) int64; message: (edges,) int64 its number; offsets: (receivers + 1,) int64, edges
    lie in the order of their receivers.
    """

    sender: Tensor
    label: Tensor
    message: Tensor
    offsets: Tensor

    @classmethod
    def of(cls, receiver: Longs, label: Longs, sender: Longs, nodes: int, labels: int) -> Edges:
        """receiver, label, sender: (edges,) int64; equal edges count as often as they stand."""
        keys, message = np.unique(sender * labels + label, return_inverse=True)
        order = np.argsort(receiver, kind="stable")
        counts = np.bincount(receiver, minlength=nodes)
        found = (keys // labels, keys % labels, message.reshape(-1)[order], offsets_of(counts))
        return cls(*(torch.from_numpy(np.ascontiguousarray(one, dtype=np.int64)) for one in found))

    @property
    def receivers(self) -> int:
        """Number of nodes."""
        return self.offsets.shape[0] - 1

    def __len__(self) -> int:
        return self.message.shape[0]

    def to(self, device: torch.device) -> Edges:
        """The same edges on a device."""
        tensors = (self.sender, self.label, self.message, self.offsets)
        return Edges(*(tensor.to(device) for tensor in tensors))

    def scratch(self, states: Tensor) -> Scratch | None:
        """Room for the messages of several layers over such states; None where gradients need it.

        Memory that is asked for anew in each layer takes longer to get than to fill.
        """
        if torch.is_grad_enabled():
            return None
        shape = (len(self.sender), *states.shape[1:])
        return Scratch(states.new_empty(shape), states.new_empty(shape))

    def summed(
        self,
        states: Tensor,
        weights: Tensor,
        strength: Tensor | None = None,
        scratch: Scratch | None = None,
    ) -> Tensor:
        """For each receiver Σ states[sender] · weights[label] · strength, numbers side by side.

        states: (nodes, batch, d); weights: (labels, batch or 1, d) -> (nodes, batch, d). strength:
        (edges,), 1 where it is not given. The order of the sum is that of the edges, whatever the
        batch.
        """
        total = embedding_bag(
            self.message,
            self._messages(states, weights, scratch).flatten(1),
            self.offsets,
            mode="sum",
            per_sample_weights=None if strength is None else strength.to(states.dtype),
            include_last_offset=True,
        )
        return total.view(-1, *states.shape[1:])

    def _messages(self, states: Tensor, weights: Tensor, scratch: Scratch | None) -> Tensor:
        # Selecting rows copies them whole; indexing takes longer.
        if scratch is None:
            return states.index_select(0, self.sender) * weights.index_select(0, self.label)
        torch.index_select(states, 0, self.sender, out=scratch.messages)
        if weights.shape[1:] != states.shape[1:]:
            return scratch.messages.mul_(weights.index_select(0, self.label))
        torch.index_select(weights, 0, self.label, out=scratch.weights)
        return scratch.messages.mul_(scratch.weights)
