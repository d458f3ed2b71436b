"""One pool of memory: who may hold how much, and who holds the most when it is not enough.

Every limit on memory follows from the pool's ceiling and the numbers in this module. Half of the
ceiling is for rows; the other half is for what a computation makes of them: the entries that the
steps of one part hold at a time, results, and what was learned about upper bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kgreason.errors import LimitError

ROWS = "rows"
INTERMEDIATES = "intermediates"
RESULTS = "results"
UPPER_BOUNDS = "upper bounds"

# Parts of the ceiling that a holder may have; results and bounds lie within the working half.
_SHARES = {ROWS: 1 / 2, INTERMEDIATES: 1 / 2, RESULTS: 1 / 2, UPPER_BOUNDS: 1 / 32}
# Bytes of an entry: of an intermediate at the peak of a step, with keys, gathered copies, scratch
# and the result; of a table's entry with its columns; of a key with two bounds.
_ENTRY_BYTES = {INTERMEDIATES: 96, RESULTS: 24, UPPER_BOUNDS: 16}
# Results of one batch, were they dense, take half of their share.
_BATCH = 1 / 2
# A plan is refused before it runs if what it expects is beyond hope: so many times the ceiling, at
# the bytes of an entry that nothing else is held beside.
_HOPELESS = 64
_PLANNED_BYTES = 12


@dataclass(slots=True)
class Reservation:
    """What one holder has of the pool. size: bytes held now; share: bytes it may hold."""

    name: str
    share: int
    size: int = 0

    @property
    def entries(self) -> int:
        """How many entries fit the share, at least one."""
        return max(1, self.share // _ENTRY_BYTES[self.name])


@dataclass(slots=True)
class MemoryPool:
    """The memory of one session. ceiling: bytes.

    Reservations bear names. Results are reserved by each run for itself, so that a question is
    refused for its own size alone, whatever other threads ask.
    """

    ceiling: int
    _held: dict[str, Reservation] = field(default_factory=dict)

    def reserve(self, name: str) -> Reservation:
        """The session's reservation of that name."""
        return self._held.setdefault(name, self.own(name))

    def own(self, name: str) -> Reservation:
        """A reservation of one run, with the same share."""
        return Reservation(name, max(1, int(self.ceiling * _SHARES[name])))

    def batch(self, entities: int) -> int:
        """How many results of so many entities each may be computed together, at least one."""
        row = _ENTRY_BYTES[RESULTS] * max(1, entities)
        return max(1, int(self.own(RESULTS).share * _BATCH) // row)

    def refuse_hopeless(self, entries: float) -> None:
        """LimitError for a plan that expects an intermediate far beyond what can be held."""
        needed = entries * _PLANNED_BYTES
        if needed > _HOPELESS * self.ceiling:
            raise LimitError(
                f"the question's largest intermediate is about {needed / 2**30:,.0f} GiB",
                remedy="bind a variable to an entity, ask for fewer answer variables, "
                "or raise the memory ceiling",
            )

    def grow(self, reservation: Reservation, entries: int, what: str) -> None:
        """Reserve room for more entries; LimitError where the share is full.

        what: of what there is too much, for the message.
        """
        needed = reservation.size + entries * _ENTRY_BYTES[reservation.name]
        if needed > reservation.share:
            sizes = {one.name: one.size for one in self._held.values()}
            sizes[reservation.name] = needed
            largest = max(sizes, key=lambda name: sizes[name])
            most = f"{largest} would take most of it, {_bytes(sizes[largest])}"
            raise LimitError(
                f"the question has too many {what}, beyond the memory ceiling of "
                f"{_bytes(self.ceiling)}: {most}",
                remedy="ask for fewer answers or answer variables, bind one, or raise the ceiling",
            )
        reservation.size = needed


def _bytes(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"
