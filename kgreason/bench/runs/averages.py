"""Which types a published average is taken over."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

POSITIVE = ("1p", "2p", "3p", "2i", "3i", "pi", "ip", "2u", "up")
NEGATIVE = ("2in", "3in", "inp", "pin", "pni")
REAL_EFO1 = ("pni", "2il", "3il", "2m", "2nm", "3mp", "3pm", "im", "3c", "3cm")

FAMILIES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "BetaE": {"AVG_P": POSITIVE, "AVG_N": NEGATIVE},
    "EFO1": {"AVG": REAL_EFO1},
    "sampled": {
        "AVG_P": POSITIVE,
        "AVG_N": NEGATIVE,
        "AVG_EFO1": ("pni-efo1", *REAL_EFO1[1:]),
    },
}
"""Averages of each family of suites. `pni` is a type of both, and not the same type.

Sampled suites have the types of both, where BetaE's keeps the name.
"""


def family_of(types: Collection[str]) -> str:
    """The family of a suite with these types."""
    real = set(types) & set(REAL_EFO1) - set(NEGATIVE)
    if "pni-efo1" in types or (real and set(types) & set(POSITIVE)):
        return "sampled"
    return "EFO1" if real else "BetaE"


def in_order(family: str, types: Collection[str]) -> list[str]:
    """The types as tables print them: those of the averages first, then the others."""
    known = [name for over in FAMILIES[family].values() for name in over if name in types]
    return [*known, *(name for name in types if name not in known)]


def averages(family: str, figures: Mapping[str, float]) -> dict[str, tuple[float, list[str]]]:
    """Each average that has any type here: its value, and the types that it is over."""
    found = {}
    for name, over in FAMILIES[family].items():
        present = [kind for kind in over if kind in figures]
        if present:
            found[name] = (float(np.mean([figures[kind] for kind in present])), present)
    return found


def explain_average(family: str, name: str, present: Sequence[str]) -> str:
    """What an average is over, in a line; a partial one says so."""
    over = FAMILIES[family][name]
    missing = [kind for kind in over if kind not in present]
    text = f"{name} over {', '.join(present)}"
    return (
        f"{text} (of its {len(over)} types; not asked: {', '.join(missing)})" if missing else text
    )
