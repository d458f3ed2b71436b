"""rdflib's SPARQL algebra to a formula: each operator's meaning, and where its variables live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyparsing as pp

from kgreason.errors import KgreasonError, Place, QuerySyntaxError, UnsupportedError
from kgreason.formula import (
    Atom,
    Constant,
    Equals,
    Formula,
    Modifiers,
    Not,
    Query,
    Term,
    Variable,
    conjunction,
    disjunction,
    exists,
    variables,
)
from kgreason.syntax.names import literal
from kgreason.syntax.scope import unshadowed
from kgreason.syntax.sparql_places import places
from kgreason.syntax.sparql_text import Token, unsupported

SCORE = "score"
Names = frozenset[str]
_NONE: Names = frozenset()


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a part of a pattern can see of the rest.

    Variables named in `kept` are not quantified inside the part: something outside uses them.
    `given` are those whose value comes from outside, as inside EXISTS.
    """

    kept: Names
    given: Names = _NONE

    def keep(self, names: Names) -> _Scope:
        return _Scope(self.kept | names, self.given)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """A conjunction, the variables each solution binds, and those only some solutions bind."""

    parts: tuple[Formula[str], ...]
    bound: Names
    unsure: Names = _NONE


class Translator:
    """Translates one question; holds its text for errors and its names for fresh variables."""

    def __init__(self, text: str, found: list[Token], prefixes: Mapping[str, str]) -> None:
        self.text = text
        self.tokens = found
        self.places = places(found, prefixes)
        self.names = {token.text[1:] for token in found if token.kind == "variable"}

    def fresh(self) -> str:
        """A variable name the question does not use."""
        number = 1
        while f"x{number}" in self.names:
            number += 1
        self.names.add(f"x{number}")
        return f"x{number}"

    def prepared(self, parsed: Any) -> Any:
        """The parse tree with blank nodes as variables, in the order of the text."""
        import rdflib
        from rdflib.plugins.sparql.algebra import traverse

        fresh: dict[Any, Any] = {}

        def replaced(node: Any) -> Any:
            if isinstance(node, rdflib.BNode):
                if node not in fresh:
                    fresh[node] = rdflib.Variable(self.fresh())
                return fresh[node]
            if getattr(node, "name", None) in ("InlineData", "ValuesClause"):
                self._check_values(node)
            return None

        parsed[1] = traverse(parsed[1], visitPre=replaced)
        return parsed

    def _check_values(self, node: Any) -> None:
        for row in node.value or []:
            if isinstance(row, list | pp.ParseResults) and len(row) != len(node.var):
                raise QuerySyntaxError(
                    f"VALUES has {len(node.var)} variables and a row of {len(row)} terms",
                    text=self.text,
                    place=self._keyword("VALUES"),
                )

    def query(self, algebra: Any) -> Query[str]:
        """The question of a whole SelectQuery or AskQuery."""
        node, limit, offset, order = algebra.p, None, 0, []
        selected: tuple[str, ...] = ()
        while node.name in ("Slice", "Distinct", "Reduced", "Project", "OrderBy"):
            if node.name == "Slice":
                limit, offset = node.length, node.start
            elif node.name == "Project":
                selected = tuple(str(v) for v in node.PV)
            elif node.name == "OrderBy":
                order = [(c.expr, c.order == "DESC") for c in node.expr]
            node = node.p
        self._check_score(node)
        selected = self._selected(algebra.name, selected, node)
        free = tuple(dict.fromkeys(name for name in selected if name != SCORE))
        formula = self._formula(node, free)
        modifiers = Modifiers(
            limit=limit,
            offset=offset,
            order=tuple(self._order(term, descending, free) for term, descending in order),
            truth_variable=SCORE if SCORE in selected else None,
        )
        return Query(tuple(Variable(name) for name in free), formula, modifiers, self.text)

    def _formula(self, node: Any, free: tuple[str, ...]) -> Formula[str]:
        meaning = self._meaning(node, _Scope(frozenset(free)))
        for name in free:
            self._check_bound(name, meaning, "is selected, and the pattern does not always bind it")
        return unshadowed(self._group(meaning, _Scope(frozenset(free))), free, self.fresh)

    def _check_score(self, node: Any) -> None:
        inside = any(
            t.text[1:] == SCORE for t in self.tokens if t.kind == "variable" and t.group >= 0
        )
        if inside or SCORE in _names(node):
            raise unsupported(
                "?score in the pattern",
                self.text,
                self._variable_place(SCORE),
                "?score stands for the truth of an answer; give the variable another name",
            )

    def _selected(self, form: str, selected: tuple[str, ...], node: Any) -> tuple[str, ...]:
        if form == "AskQuery":
            return ()
        head = [token for token in self.tokens if token.group < 0]
        start = next(i for i, token in enumerate(head) if token.word == "SELECT")
        star = next((t for t in head[start:] if t.text in ("*", "{")), None)
        if star is None or star.text != "*":
            return selected
        names = _names(node)
        written = (token.text[1:] for token in self.tokens if token.kind == "variable")
        return tuple(dict.fromkeys(name for name in written if name in names))

    def _order(self, term: Any, descending: bool, free: tuple[str, ...]) -> tuple[str, bool]:
        import rdflib

        place = self._keyword("ORDER")
        if not isinstance(term, rdflib.Variable):
            raise unsupported(
                "ordering by an expression", self.text, place, "order by variables or ?score"
            )
        if str(term) not in (*free, SCORE):
            raise unsupported(f"ordering by the unselected ?{term}", self.text, place, "select it")
        return str(term), descending

    # --- patterns ---

    def _meaning(self, node: Any, scope: _Scope) -> _Meaning:
        match node.name:
            case "BGP":
                return self._triples(node)
            case "Join":
                first = self._meaning(node.p1, scope.keep(_names(node.p2)))
                second = self._meaning(node.p2, scope.keep(_names(node.p1)))
                return _Meaning(
                    first.parts + second.parts,
                    first.bound | second.bound,
                    (first.unsure | second.unsure) - first.bound - second.bound,
                )
            case "Union":
                return self._union(node, scope)
            case "Filter":
                return self._filter(node, scope)
            case "Minus":
                return self._minus(node, scope)
            case "ToMultiSet" if getattr(node.p, "name", None) == "values" or not node.p:
                return self._values(node.p)
        raise unsupported(f"the SPARQL operator {node.name}", self.text, None, None)

    def _group(self, meaning: _Meaning, scope: _Scope) -> Formula[str]:
        """The conjunction of a group, with the variables that it alone uses quantified."""
        if not meaning.parts:
            place = next((t.place for t in self.tokens if t.text == "{"), None)
            raise unsupported("a group that says nothing", self.text, place, None)
        body = conjunction(list(meaning.parts))
        return exists(tuple(v for v in variables(body) if v.name not in scope.kept), body)

    def _union(self, node: Any, scope: _Scope) -> _Meaning:
        branches = []
        while node.name == "Union":
            branches.append(node.p2)
            node = node.p1
        meanings = [self._meaning(branch, scope) for branch in (node, *reversed(branches))]
        bound = frozenset.intersection(*(m.bound for m in meanings))
        named = frozenset().union(*(m.bound | m.unsure for m in meanings))
        parts = [self._group(meaning, scope) for meaning in meanings]
        return _Meaning((disjunction(parts),), bound, named - bound)

    def _minus(self, node: Any, scope: _Scope) -> _Meaning:
        first = self._meaning(node.p1, scope.keep(_names(node.p2)))
        shared = (first.bound | first.unsure) & _names(node.p2)
        second = self._meaning(node.p2, _Scope(shared, scope.given))
        for name in sorted(_names(node.p2) & scope.given - first.bound):
            raise UnsupportedError(
                f"?{name} stands in MINUS, and its value comes from outside of EXISTS",
                text=self.text,
                place=self._variable_place(name),
                remedy="write FILTER NOT EXISTS instead of MINUS",
            )
        if not shared:
            return first  # nothing is compatible with it, so it takes nothing away
        for name in sorted(shared):
            for meaning in (first, second):
                self._check_bound(name, meaning, "stands in MINUS")
        group = self._group(second, _Scope(shared))
        return _Meaning((*first.parts, Not(group)), first.bound, first.unsure)

    def _filter(self, node: Any, scope: _Scope) -> _Meaning:
        meaning = self._meaning(node.p, scope.keep(_mentioned(node.expr)))
        condition = self._condition(node.expr, meaning, scope)
        return _Meaning((*meaning.parts, condition), meaning.bound, meaning.unsure)

    def _values(self, node: Any) -> _Meaning:
        rows = node.res if node else []
        place = self._keyword("VALUES")
        if not rows:
            raise unsupported("VALUES without a row", self.text, place, "it leaves no answer")
        parts: dict[Formula[str], None] = {}
        for row in rows:
            if any(isinstance(term, str) and term == "UNDEF" for term in row.values()):
                raise unsupported(
                    "UNDEF in VALUES", self.text, self._keyword("UNDEF"), "write UNION"
                )
            equalities: list[Formula[str]] = [
                Equals(Variable(str(name)), self._term(term)) for name, term in row.items()
            ]
            parts[conjunction(equalities)] = None
        return _Meaning((disjunction(list(parts)),), frozenset(str(name) for name in rows[0]))

    # --- triples and paths ---

    def _triples(self, node: Any) -> _Meaning:
        import rdflib

        parts: list[Formula[str]] = []
        bound: set[str] = set()
        for subject, predicate, object_ in node.triples:
            ends = (subject, object_)
            bound.update(str(term) for term in ends if isinstance(term, rdflib.Variable))
            head, tail = (self._term(term) for term in ends)
            parts.extend(self._path(predicate, head, tail, inverse=False))
        return _Meaning(tuple(parts), frozenset(bound))

    def _path(
        self, path: Any, head: Term[str], tail: Term[str], inverse: bool
    ) -> list[Formula[str]]:
        import rdflib
        from rdflib import paths

        if isinstance(path, rdflib.URIRef):
            name = f"<{path}>"
            return [Atom(name, head, tail, inverse, self.places.get(name))]
        if isinstance(path, paths.InvPath):
            return self._path(path.arg, head, tail, not inverse)
        if isinstance(path, paths.SequencePath):
            steps = path.args[::-1] if inverse else path.args
            ends = [head, *(Variable(self.fresh()) for _ in steps[1:]), tail]
            return [
                atom
                for step, start, end in zip(steps, ends, ends[1:], strict=False)
                for atom in self._path(step, start, end, inverse)
            ]
        if isinstance(path, paths.AlternativePath):
            scope = _Scope(frozenset(t.name for t in (head, tail) if isinstance(t, Variable)))
            branches = [self._path(step, head, tail, inverse) for step in path.args]
            return [disjunction([self._group(_Meaning(tuple(b), _NONE), scope) for b in branches])]
        what = "a variable as relation" if isinstance(path, rdflib.Variable) else "this path"
        raise unsupported(what, self.text, self._variable_place(str(path)), "name the relation")

    def _term(self, term: Any) -> Term[str]:
        import rdflib

        if isinstance(term, rdflib.Variable):
            return Variable(str(term))
        if isinstance(term, rdflib.Literal):
            datatype = str(term.datatype) if term.datatype else None
            name = literal(str(term), language=term.language, datatype=datatype)
        elif isinstance(term, rdflib.URIRef):
            name = f"<{term}>"
        else:
            raise unsupported(
                f"the expression {getattr(term, 'name', term)}",
                self.text,
                self._keyword("FILTER"),
                "compare variables and terms",
            )
        return Constant(name, self.places.get(name))

    # --- filters ---

    def _condition(self, node: Any, meaning: _Meaning, scope: _Scope) -> Formula[str]:
        def inner(part: Any) -> Formula[str]:
            return self._condition(part, meaning, scope)

        match getattr(node, "name", None):
            case "ConditionalAndExpression":
                return conjunction([inner(part) for part in (node.expr, *node.other)])
            case "ConditionalOrExpression":
                return disjunction([inner(part) for part in (node.expr, *node.other)])
            case "UnaryNot":
                return Not(inner(node.expr))
            case "RelationalExpression":
                return self._relational(node, meaning, scope)
            case "Builtin_sameTerm":
                return self._equals(node.arg1, node.arg2, meaning, scope)
            case "Builtin_EXISTS":
                return self._exists(node.graph, meaning, scope)
            case "Builtin_NOTEXISTS":
                return Not(self._exists(node.graph, meaning, scope))
        raise unsupported(
            "a FILTER that is not a comparison", self.text, self._keyword("FILTER"), None
        )

    def _relational(self, node: Any, meaning: _Meaning, scope: _Scope) -> Formula[str]:
        if node.op in ("=", "!="):
            equality = self._equals(node.expr, node.other, meaning, scope)
            return equality if node.op == "=" else Not(equality)
        if node.op in ("IN", "NOT IN"):
            listed = node.other if isinstance(node.other, list) else []
            if not listed:
                raise unsupported(f"an empty {node.op}", self.text, self._keyword("IN"), None)
            options = [self._equals(node.expr, option, meaning, scope) for option in listed]
            if node.op == "IN":
                return disjunction(options)
            return conjunction([Not(option) for option in options])
        raise unsupported(f"the comparison {node.op}", self.text, self._keyword("FILTER"), None)

    def _equals(self, left: Any, right: Any, meaning: _Meaning, scope: _Scope) -> Formula[str]:
        terms = (self._term(left), self._term(right))
        for term in terms:
            if isinstance(term, Variable) and term.name not in scope.given:
                self._check_bound(
                    term.name, meaning, "stands in a FILTER whose own group does not always bind it"
                )
        return Equals(*terms)

    def _exists(self, graph: Any, meaning: _Meaning, scope: _Scope) -> Formula[str]:
        for name in sorted(_names(graph) & meaning.unsure - scope.given):
            raise self._unbound(name, "stands in EXISTS")
        given = meaning.bound | scope.given
        inner = _Scope(given, given)
        return self._group(self._meaning(graph, inner), inner)

    # --- errors ---

    def _check_bound(self, name: str, meaning: _Meaning, why: str) -> None:
        if name in meaning.unsure:
            raise self._unbound(name, why)
        if name not in meaning.bound:
            raise UnsupportedError(
                f"?{name} {why}", text=self.text, place=self._variable_place(name)
            )

    def _unbound(self, name: str, why: str) -> KgreasonError:
        return UnsupportedError(
            f"?{name} {why}; a branch of UNION leaves it without a value",
            text=self.text,
            place=self._variable_place(name),
            remedy=f"bind ?{name} in every branch",
        )

    def _keyword(self, word: str) -> Place | None:
        return next((token.place for token in self.tokens if token.word == word), None)

    def _variable_place(self, name: str) -> Place | None:
        found = [t for t in self.tokens if t.kind == "variable" and t.text[1:] == name]
        inside = [token for token in found if token.group >= 0]
        return next((token.place for token in inside or found), None)


def _names(node: Any) -> Names:
    """The variables a pattern can bind: in scope for what stands beside it."""
    match node.name:
        case "BGP":
            return frozenset(_variables(node.triples))
        case "Join" | "Union":
            return _names(node.p1) | _names(node.p2)
        case "Filter":
            return _names(node.p)
        case "Minus":
            return _names(node.p1)
        case "ToMultiSet" if node.p and node.p.name == "values":
            return frozenset(str(name) for row in node.p.res for name in row)
    return _NONE


def _mentioned(expression: Any) -> Names:
    return frozenset(_variables(expression))


def _variables(node: Any) -> Iterator[str]:
    import rdflib

    if isinstance(node, rdflib.Variable):
        yield str(node)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key != "_vars":
                yield from _variables(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _variables(value)
