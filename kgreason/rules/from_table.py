"""Rules out of a composition table: what two links in a row say of their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kgreason.errors import DataError
from kgreason.rules.rule import Figures, Rule, RuleSet

if TYPE_CHECKING:
    from kgreason.calculi import CompositionTable
    from kgreason.knowledge import Vocabulary


def rules_of_table(table: CompositionTable, vocabulary: Vocabulary) -> RuleSet:
    """`r1 ∘ r2 ⊑ {s, …}` as one rule for each s, of confidence 1 / their number.

    Of several ways the most telling counts (max): they say the same thing again and do not add up.
    Relations that the graph does not have are left out. Raises DataError when none is left.
    """
    known = {name: vocabulary.find_relation(name) for name in table.relations}
    ids = {name: found[0] for name, found in known.items() if len(found) == 1}
    rules = []
    for i, j in np.argwhere(table.cells != table.universe).tolist():
        body = (table.relations[i], table.relations[j])
        allowed = table.names(int(table.cells[i, j]))
        if not allowed or not all(name in ids for name in body):
            continue
        share = 1 / len(allowed)
        steps = tuple(2 * ids[name] for name in body)
        rules += [
            Rule(steps, 2 * ids[name], Figures(0, share, share)) for name in allowed if name in ids
        ]
    if not rules:
        raise DataError(
            f"of the table's relations ({', '.join(table.relations[:5])}, …) the graph has none "
            "that compose",
            remedy="relations are matched by name: rename them in the table or in the graph",
        )
    return RuleSet(tuple(rules), "max")
