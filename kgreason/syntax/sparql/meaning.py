"""The tree of a SPARQL text to a formula: what each part says, and where its variables live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from kgreason.errors import KgreasonError, Place, UnsupportedError
from kgreason.formula import (
    Equals,
    Formula,
    Modifiers,
    Not,
    Query,
    Variable,
    conjunction,
    disjunction,
    exists,
    variables,
)
from kgreason.syntax.sparql import tree as t
from kgreason.syntax.sparql.paths import statements
from kgreason.syntax.sparql.scope import unshadowed
from kgreason.syntax.sparql.tokens import Token, unsupported
from kgreason.walks import Walk, unwind

SCORE = "score"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a part of a pattern can see of the rest.

    Variables named in `kept` are not quantified inside the part: something outside uses them.
    `given` are those whose value comes from outside, as inside EXISTS.
    """

    kept: t.Names
    given: t.Names = t.NONE


@dataclass(slots=True)
class Meaning:
    """A conjunction, the variables each solution binds, and those only some solutions bind."""

    parts: list[Formula[str]] = field(default_factory=list)
    bound: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)

    def join(self, other: Meaning) -> None:
        """What stands beside it holds as well."""
        self.parts += other.parts
        self.bound |= other.bound
        self.unsure = (self.unsure | other.unsure) - self.bound


class Translator:
    """Translates the tree of one text."""

    def __init__(self, text: str, found: list[Token]) -> None:
        self.text = text
        self.tokens = found
        self._taken = {token.text[1:] for token in found if token.kind == "variable"}
        self._fresh = 0

    def fresh(self) -> str:
        """A variable name the question does not use."""
        self._fresh += 1
        while f"x{self._fresh}" in self._taken:
            self._fresh += 1
        return f"x{self._fresh}"

    def query(self, question: t.Question) -> Query[str]:
        """The question of a whole text."""
        pattern = question.pattern
        self._check_score(pattern)
        selected = question.selected
        if selected is None:
            written = (token.text[1:] for token in self.tokens if token.kind == "variable")
            selected = tuple(name for name in written if name in pattern.names)
        free = tuple(dict.fromkeys(name for name in selected if name != SCORE))
        meaning = unwind(self._meaning(pattern, Scope(frozenset(free))))
        for name in free:
            self._check_bound(name, meaning, "is selected, and the pattern does not always bind it")
        formula = self._grouped(meaning, Scope(frozenset(free)), pattern.place)
        return Query(
            tuple(Variable(name) for name in free),
            unshadowed(formula, free, self.fresh),
            self._modifiers(question.modifiers, free, SCORE in selected),
            self.text,
        )

    def _modifiers(self, written: Modifiers, free: tuple[str, ...], scored: bool) -> Modifiers:
        for name, _ in written.order:
            if name not in (*free, SCORE):
                place = next((token.place for token in self.tokens if token.word == "ORDER"), None)
                raise self._unsupported(f"ordering by the unselected ?{name}", place, "select it")
        return replace(written, truth_variable=SCORE if scored else None)

    def _check_score(self, pattern: t.Group) -> None:
        if SCORE in pattern.mentioned:
            raise self._unsupported(
                "?score in the pattern",
                self._place(SCORE),
                "?score stands for the truth of an answer; give the variable another name",
            )

    # --- patterns ---

    def _meaning(self, group: t.Group, scope: Scope) -> Walk[Meaning]:
        """What a group says, its FILTERs last."""
        meaning = Meaning()
        for element, kept in _kept(group, scope):
            match element:
                case t.Triples():
                    meaning.join(self._triples(element))
                case t.Values():
                    meaning.join(self._values(element))
                case t.Group():
                    meaning.join((yield self._meaning(element, Scope(kept, scope.given))))
                case t.Union():
                    meaning.join((yield self._union(element, Scope(kept, scope.given))))
                case t.Minus(inner):
                    yield self._take_away(meaning, inner, scope)
        conditions: list[Formula[str]] = []
        for condition in group.conditions:
            conditions.append((yield self._condition(condition, meaning, scope)))
        meaning.parts += conditions
        return meaning

    def _grouped(self, meaning: Meaning, scope: Scope, place: Place) -> Formula[str]:
        """The conjunction of a group, with the variables that it alone uses quantified."""
        if not meaning.parts:
            raise self._unsupported("a group that says nothing", place)
        body = conjunction(meaning.parts)
        return exists(tuple(v for v in variables(body) if v.name not in scope.kept), body)

    def _triples(self, element: t.Triples) -> Meaning:
        parts: list[Formula[str]] = []
        for triple in element.triples:
            parts += statements(triple.path, triple.subject, triple.object, self.fresh)
        return Meaning(parts, set(element.names))

    def _values(self, element: t.Values) -> Meaning:
        if not element.rows:
            raise self._unsupported("VALUES without a row", element.place, "it leaves no answer")
        if not element.variables:
            return Meaning()
        columns = tuple(Variable(name) for name in element.variables)
        rows: dict[Formula[str], None] = {}
        for row in element.rows:
            pairs = zip(columns, row, strict=True)
            rows[conjunction([Equals(column, term) for column, term in pairs])] = None
        return Meaning([disjunction(list(rows))], set(element.variables))

    def _union(self, element: t.Union, scope: Scope) -> Walk[Meaning]:
        meanings: list[Meaning] = []
        parts: list[Formula[str]] = []
        for branch in element.branches:
            meaning: Meaning = yield self._meaning(branch, scope)
            meanings.append(meaning)
            parts.append(self._grouped(meaning, scope, branch.place))
        bound = set.intersection(*(meaning.bound for meaning in meanings))
        named = set[str]().union(*(meaning.bound | meaning.unsure for meaning in meanings))
        return Meaning([disjunction(parts)], bound, named - bound)

    def _take_away(self, meaning: Meaning, inner: t.Group, scope: Scope) -> Walk[None]:
        """MINUS: no solution of the inner group may be compatible."""
        shared = (meaning.bound | meaning.unsure) & inner.names
        second: Meaning = yield self._meaning(inner, Scope(frozenset(shared), scope.given))
        for name in sorted((inner.mentioned & scope.given) - meaning.bound):
            raise UnsupportedError(
                f"?{name} stands in MINUS, and its value comes from outside of EXISTS",
                text=self.text,
                place=self._place(name),
                remedy="write FILTER NOT EXISTS instead of MINUS",
            )
        if not shared:
            return  # nothing is compatible with it, so it takes nothing away
        for name in sorted(shared):
            self._check_bound(name, meaning, "stands in MINUS")
            self._check_bound(name, second, "stands in MINUS")
        meaning.parts.append(Not(self._grouped(second, Scope(frozenset(shared)), inner.place)))

    # --- filters ---

    def _condition(self, one: t.Condition, meaning: Meaning, scope: Scope) -> Walk[Formula[str]]:
        match one:
            case t.Comparison():
                return self._equals(one, meaning, scope)
            case t.Negation(inner):
                return Not((yield self._condition(inner, meaning, scope)))
            case t.Existence(group):
                found_one: Formula[str] = yield self._exists(group, meaning, scope)
                return found_one
            case t.AllOf(parts) | t.AnyOf(parts):
                found: list[Formula[str]] = []
                for part in parts:
                    found.append((yield self._condition(part, meaning, scope)))
                return conjunction(found) if isinstance(one, t.AllOf) else disjunction(found)

    def _equals(self, one: t.Comparison, meaning: Meaning, scope: Scope) -> Formula[str]:
        for term in (one.left, one.right):
            if isinstance(term, Variable) and term.name not in scope.given:
                self._check_bound(
                    term.name, meaning, "stands in a FILTER whose own group does not always bind it"
                )
        return Equals(one.left, one.right)

    def _exists(self, group: t.Group, meaning: Meaning, scope: Scope) -> Walk[Formula[str]]:
        for name in sorted((group.mentioned & meaning.unsure) - scope.given):
            raise self._unbound(name, "stands in EXISTS")
        given = frozenset(n for n in group.mentioned if n in meaning.bound or n in scope.given)
        inner = Scope(given, given)
        found: Meaning = yield self._meaning(group, inner)
        return self._grouped(found, inner, group.place)

    # --- errors ---

    def _check_bound(self, name: str, meaning: Meaning, why: str) -> None:
        if name in meaning.unsure:
            raise self._unbound(name, why)
        if name not in meaning.bound:
            raise UnsupportedError(f"?{name} {why}", text=self.text, place=self._place(name))

    def _unbound(self, name: str, why: str) -> KgreasonError:
        return UnsupportedError(
            f"?{name} {why}; a branch of UNION leaves it without a value",
            text=self.text,
            place=self._place(name),
            remedy=f"bind ?{name} in every branch",
        )

    def _unsupported(
        self, what: str, place: Place | None, remedy: str | None = None
    ) -> UnsupportedError:
        return unsupported(what, self.text, place, remedy)

    def _place(self, name: str) -> Place | None:
        """Where a variable stands first, if possible inside a group."""
        found = [t for t in self.tokens if t.kind == "variable" and t.text[1:] == name]
        inside = [token for token in found if token.group >= 0]
        return next((token.place for token in inside or found), None)


def _kept(group: t.Group, scope: Scope) -> Iterable[tuple[t.Element, t.Names]]:
    """Each element with those of its variables that something outside it uses.

    That is the scope, a FILTER of the group, another element that binds it, or a later MINUS.
    """
    counts = Counter(name for element in group.elements for name in element.names)
    used = t.NONE.union(*(condition.mentioned for condition in group.conditions))
    later: set[str] = set()
    found: list[tuple[t.Element, t.Names]] = []
    for element in reversed(group.elements):
        kept = t.NONE
        if isinstance(element, t.Minus):
            later |= element.group.names
        elif isinstance(element, t.Group | t.Union):
            kept = frozenset(
                name
                for name in element.mentioned
                if name in scope.kept
                or name in used
                or name in later
                or counts[name] > (name in element.names)
            )
        found.append((element, kept))
    return reversed(found)
