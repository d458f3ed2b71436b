"""Rules as text: there and back, and what is wrong pointed at."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from kgreason.errors import DataError, KgreasonError, QuerySyntaxError, UnsupportedError
from kgreason.knowledge import KnowledgeGraph
from kgreason.rules import Figures, Rule, RuleSet, parse_rules, read_rules, spell_rule, write_rules

GRAPH = KnowledgeGraph.from_triples(
    [
        ("ann", "bornIn", "rome"),
        ("rome", "cityIn", "italy"),
        ("ann", "nationality", "italy"),
        ("a", "<http://example.org/p#q>", "b"),
        ("a", "needs (quotes), & => #", "b"),
    ]
)
NAMES = GRAPH.vocabulary


def test_a_rule_is_a_path_whatever_the_order_of_its_atoms() -> None:
    text = "cityIn(b,c) & bornIn(a,b) => nationality(a,c)"
    assert parse_rules(text, NAMES).rules == (Rule((0, 2), 4),)
    backwards = "nationality(x,y) & cityIn(z,y) => bornIn(x,z)"
    (rule,) = parse_rules(backwards, NAMES).rules
    assert rule == Rule((4, 3), 0)
    assert spell_rule(rule, NAMES) == "nationality(a,b) & cityIn(c,b) => bornIn(a,c)"
    assert rule.reversed() == Rule((2, 5), 1)
    assert rule.reversed().forwards() == rule


def test_files_read_back(tmp_path: Path) -> None:
    rules = RuleSet(
        (
            Rule((0, 2), 4, Figures(12, 0.5, 0.75)),
            Rule((7, 8, 1), 6, Figures(3, 1 / 3, 1.0)),
            Rule((8,), 8),
        ),
        "noisy-or",
        "confidence",
    )
    path = tmp_path / "rules.txt"
    path.write_text(write_rules(rules, NAMES))
    again = read_rules(path, NAMES)
    assert write_rules(again, NAMES) == write_rules(rules, NAMES)
    assert [(r.body, r.head) for r in again.rules] == [(r.body, r.head) for r in rules.rules]
    assert (again.combine, again.weight) == ("noisy-or", "confidence")
    assert again.rules[0].figures == Figures(12, 0.5, 0.75)
    assert again.rules[2].figures is None


def test_comments_and_blank_lines_are_passed_over() -> None:
    text = "# why\n\n  \nbornIn(a,b) => nationality(a,b)  # a guess\n"
    assert parse_rules(text, NAMES).rules == (Rule((0,), 4),)
    assert len(parse_rules("", NAMES)) == 0


@pytest.mark.parametrize(
    ("line", "at", "said", "kind"),
    [
        ("bornin(a,b) => nationality(a,b)", "bornin", "nearest: bornIn", KgreasonError),
        ("bornIn(a,b) nationality(a,b)", "nationality", "=> is missing", QuerySyntaxError),
        ("bornIn(a,b) => nationality(a,b) x", "x", "should end here", QuerySyntaxError),
        ("bornIn(a b) => nationality(a,b)", "b", ", is missing", QuerySyntaxError),
        ("bornIn(,b) => nationality(a,b)", ",", "a variable is missing", QuerySyntaxError),
        ('"bornIn(a,b) => nationality(a,b)', '"', "has no '\"' here", QuerySyntaxError),
        ('"\\q"(a,b) => nationality(a,b)', '"\\q"', "unknown escape", QuerySyntaxError),
        ("bornIn(a,b) => ", "", "a relation is missing", QuerySyntaxError),
        (
            "bornIn(a,b) & cityIn(c,d) => nationality(a,d)",
            "cityIn(c,d)",
            "no path from a to d",
            UnsupportedError,
        ),
        (
            "bornIn(a,b) & cityIn(a,c) => nationality(a,c)",
            "bornIn(a,b)",
            "no path from a to c",
            UnsupportedError,
        ),
        ("bornIn(a,b) => nationality(a,a)", "nationality", "two variables", UnsupportedError),
        ("bornIn(a,b) => nationality(a,c)", "nationality", "no path from a", UnsupportedError),
        ("bornIn(a,a) => nationality(a,c)", "bornIn", "comes back to a", UnsupportedError),
        ("combine: mean", "mean", "no combine 'mean'", QuerySyntaxError),
    ],
)
def test_mistakes_are_pointed_at(line: str, at: str, said: str, kind: type[KgreasonError]) -> None:
    with pytest.raises(kind) as caught:
        parse_rules(f"# first\n{line}\n", NAMES)
    assert "line 2" in caught.value.message
    assert said in str(caught.value)
    assert caught.value.place is not None
    assert caught.value.text is not None
    assert caught.value.text[caught.value.place.start :].startswith(at)


@pytest.mark.parametrize(
    "figures", ["support x", "support 3 confidence 2 pca 0.5", "support 3 confidence 0.5"]
)
def test_figures_that_are_none(figures: str) -> None:
    with pytest.raises(QuerySyntaxError, match="no figures of a rule"):
        parse_rules(f"bornIn(a,b) => nationality(a,b)  # {figures}", NAMES)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read_rules(tmp_path / "absent.txt", NAMES)
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="UTF-8"):
        read_rules(tmp_path / "bytes.txt", NAMES)


def test_names_may_hold_whatever_else_separates_lines() -> None:
    graph = KnowledgeGraph.from_triples([("a", "one\u2028two\x85three", "b"), ("a", "plain", "b")])
    text = write_rules(RuleSet((Rule((0,), 2),)), graph.vocabulary)
    assert parse_rules(text, graph.vocabulary).rules == (Rule((0,), 2),)


@pytest.mark.parametrize("text", ["", "\n \n", "# nothing\ncombine: max\n"])
def test_a_file_without_rules_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "empty.txt").write_text(text)
    with pytest.raises(DataError, match=r"empty\.txt: the file holds no rules") as caught:
        read_rules(tmp_path / "empty.txt", NAMES)
    assert "kgreason rules mine" in str(caught.value)


def test_the_file_is_named_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("\nbornIn(a,b) = nationality(a,b)\n")
    with pytest.raises(QuerySyntaxError, match=r"mine\.txt: line 2: "):
        read_rules(tmp_path / "mine.txt", NAMES)


MINED = write_rules(
    RuleSet(tuple(Rule((0, 2), 4, Figures(n, 0.5, 0.75)) for n in range(1, 4)), combine="max"),
    NAMES,
)


def _lines(*chosen: int) -> str:
    return "".join(f"{MINED.splitlines()[i]}\n" for i in chosen)


def test_mined_rules_are_read_whatever_ends_their_lines() -> None:
    expected = parse_rules(MINED, NAMES)
    assert len(expected) == 3
    for text in (MINED.replace("\n", "\r\n"), MINED.rstrip("\n"), f"{MINED}\n\n"):
        assert parse_rules(text, NAMES) == expected
    assert parse_rules(_lines(1, 2, 3, 4, 5), NAMES) == expected, "as if written by hand"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_lines(0, 1, 2, 3, 4), "it does not end with 'end of rules'"),
        (_lines(0, 1, 2, 3), "it does not end with"),
        (_lines(0), "it does not end with"),
        (_lines(1, 2, 3, 4, 5, 6), "it does not begin with the number"),
        (_lines(4, 5, 6), "it does not begin with the number"),
        (_lines(6), "it does not begin with the number"),
        (_lines(0, 1, 2, 3, 5, 6), "the hash they were written with"),
        (_lines(0, 1, 2, 4, 3, 5, 6), "the hash they were written with"),
        (_lines(0, 2, 3, 4, 5, 6), "the hash they were written with"),
        (MINED.replace("support 2", "support 3"), "the hash they were written with"),
        (MINED.replace("rules: 3", "rules: 4"), "holds 3 rules, and says that they are 4"),
        (MINED + MINED, "it does not begin with"),
    ],
)
def test_mined_rules_that_are_not_whole_are_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        parse_rules(text, NAMES)
    assert "delete its first and its last line" in str(caught.value)


def test_a_mined_file_may_hold_no_rules(tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text(write_rules(RuleSet(()), NAMES))
    assert len(read_rules(tmp_path / "none.txt", NAMES)) == 0


def test_no_change_of_one_character_goes_unnoticed() -> None:
    expected = parse_rules(MINED, NAMES)
    for place in range(len(MINED)):
        for other in ("#", " ", "\n", chr(ord(MINED[place]) ^ 1)):
            text = MINED[:place] + other + MINED[place + 1 :]
            with suppress(KgreasonError):
                assert parse_rules(text, NAMES) == expected
