from __future__ import annotations

import pytest

from kgreason.errors import UsageError
from kgreason.methods.methods import METHODS, Special, resolve_method
from kgreason.predictors.calibrated.calibrations import parse_calibration
from kgreason.truth import resolve_logic


@pytest.mark.parametrize("name", METHODS)
def test_settings_are_such_that_the_engine_takes_them(name: str) -> None:
    method = resolve_method(name.upper())
    assert method.name == name
    resolve_logic(method.logic)
    for graph in ("FB15k-237-betae", "NELL-betae", "umls"):
        parse_calibration(method.calibration_for(graph))
        parse_calibration(method.calibration_for(graph, direct=True))
        parse_calibration(method.calibration_for(graph, negated=True))
        parse_calibration(method.calibration_for(graph, direct=True, negated=True))


def test_fit_cuts_by_the_graph() -> None:
    assert "cut=0.0002" in METHODS["fit"].calibration_for("NELL-betae")
    assert "cut=0.005" in METHODS["fit"].calibration_for("FB15k-237-betae")
    assert "cut=0," in METHODS["fit"].calibration_for("NELL-betae", direct=True)


def test_the_first_special_that_suits_a_question_is_taken() -> None:
    exact = METHODS["exact"]
    assert exact.calibration_for("NELL-betae", negated=True).startswith("missing-tails:cut=0.0002")
    assert exact.calibration_for("NELL", direct=True, negated=True).startswith(
        "missing-tails:cut=0,"
    )
    assert exact.calibration_for("NELL", direct=True).startswith("softmax-degree:cut=0,")
    assert exact.calibration_for("FB15k-237", negated=True) == exact.calibration
    only = Special("sigmoid", direct=False, negated=True)
    assert only.suits("umls", direct=False, negated=True)
    assert not only.suits("umls", direct=True, negated=True)
    assert str(only) == "with inner variables and with negation sigmoid"
    both = Special("sigmoid", direct=True, negated=True)
    assert str(both) == "without inner variables and with negation sigmoid"


def test_an_unknown_method() -> None:
    with pytest.raises(UsageError) as caught:
        resolve_method("cqd-bean")
    assert "nearest: cqd-beam" in str(caught.value)
