"""Bounds of ∃x r(x, e), learned at one threshold and used at the next."""

from __future__ import annotations

import torch
from torch import Tensor

from kgreason.execution.memory import Reservation

# Above any truth: nothing is known.
UNKNOWN = 2.0


class LearnedBounds:
    """Bounds by an int64 key of relation and entity."""

    def __init__(self, reservation: Reservation) -> None:
        self._most = reservation.entries
        self._keys: Tensor | None = None
        self._low = torch.zeros(0)
        self._high = torch.zeros(0)

    def find(self, keys: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """keys: (pairs,) -> least and most, (pairs,) each of the dtype of `like`."""
        low = like.new_zeros(keys.shape[0])
        high = like.new_full((keys.shape[0],), UNKNOWN)
        if self._keys is None or not self._keys.shape[0]:
            return low, high
        at = torch.searchsorted(self._keys, keys).clamp(max=self._keys.shape[0] - 1)
        found = self._keys[at] == keys
        low[found], high[found] = self._low[at[found]], self._high[at[found]]
        return low, high

    def learn(self, keys: Tensor, low: Tensor, high: Tensor) -> None:
        """Keep bounds of these keys, ascending, instead of what was known of them."""
        old = self._keys
        if old is None or old.shape[0] + keys.shape[0] > self._most:
            self._keys, self._low, self._high = keys, low, high
            return
        at = torch.searchsorted(keys, old).clamp(max=max(0, keys.shape[0] - 1))
        stays = keys[at] != old if keys.shape[0] else torch.ones_like(old, dtype=torch.bool)
        every = torch.cat((old[stays], keys))
        order = every.argsort()
        self._keys = every[order]
        self._low = torch.cat((self._low[stays], low))[order]
        self._high = torch.cat((self._high[stays], high))[order]
