"""Settings of a run where nothing is said: each model's own, or those of the literature by name."""

from __future__ import annotations

from kgreason.choose import choose
from kgreason.errors import UsageError
from kgreason.predictors.kinds import KINDS, kind_of_model
from kgreason.predictors.presets import Preset


def preset(model: str, name: str | None) -> Preset:
    """The named preset, else the model's own. UsageError for a name that is not the model's."""
    kind = kind_of_model(model)
    if name is None:
        if kind.usual is None:
            raise UsageError(
                f"{model} is not trained here: it answers over any graph as it is",
                remedy=f"fetch it: kgreason model pull {model}",
            )
        return kind.usual
    owners = {one: owner.name for owner in KINDS.values() for one in owner.presets}
    owner = choose("preset", name.lower(), owners)
    if name.lower() not in kind.presets:
        raise UsageError(
            f"preset {name} is for the model {owner}, not {model}",
            remedy="leave the preset out and give the settings one by one",
        )
    return kind.presets[name.lower()]
