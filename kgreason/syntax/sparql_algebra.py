"""rdflib's SPARQL algebra to a formula: each operator's meaning, and where its variables live."""

from __future__ import annotations

from typing import Any

import pyparsing as pp

from kgreason.errors import KgreasonError, QuerySyntaxError, UnsupportedError
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
from kgreason.syntax.scope import unshadowed
from kgreason.syntax.sparql_meaning import Meaning, Scope, mentioned, names
from kgreason.syntax.sparql_terms import Source

SCORE = "score"


class Translator:
    """Translates the algebra of one question."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def prepared(self, parsed: Any) -> Any:
        """The parse tree with blank nodes as variables, in the order of the text."""
        import rdflib
        from rdflib.plugins.sparql.algebra import traverse

        fresh: dict[Any, Any] = {}

        def replaced(node: Any) -> Any:
            if isinstance(node, rdflib.BNode):
                if node not in fresh:
                    fresh[node] = rdflib.Variable(self.source.fresh())
                return fresh[node]
            if getattr(node, "name", None) in ("InlineData", "ValuesClause"):
                self._check_values(node)
            return None

        parsed[1] = traverse(parsed[1], visitPre=replaced)
        return parsed

    def _check_values(self, node: Any) -> None:
        count = len(node.var or [])
        for row in node.value or []:
            if isinstance(row, list | pp.ParseResults) and len(row) != count:
                raise QuerySyntaxError(
                    f"VALUES has {count} variables and a row of {len(row)} terms",
                    text=self.source.text,
                    place=self.source.keyword("VALUES"),
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
        return Query(tuple(Variable(name) for name in free), formula, modifiers, self.source.text)

    def _formula(self, node: Any, free: tuple[str, ...]) -> Formula[str]:
        meaning = self._meaning(node, Scope(frozenset(free)))
        for name in free:
            self._check_bound(name, meaning, "is selected, and the pattern does not always bind it")
        return unshadowed(self._group(meaning, Scope(frozenset(free))), free, self.source.fresh)

    def _check_score(self, node: Any) -> None:
        inside = any(
            t.text[1:] == SCORE for t in self.source.tokens if t.kind == "variable" and t.group >= 0
        )
        if inside or SCORE in names(node):
            raise self.source.unsupported(
                "?score in the pattern",
                self.source.variable_place(SCORE),
                "?score stands for the truth of an answer; give the variable another name",
            )

    def _selected(self, form: str, selected: tuple[str, ...], node: Any) -> tuple[str, ...]:
        if form == "AskQuery":
            return ()
        head = [token for token in self.source.tokens if token.group < 0]
        start = next(i for i, token in enumerate(head) if token.word == "SELECT")
        star = next((t for t in head[start:] if t.text in ("*", "{")), None)
        if star is None or star.text != "*":
            return selected
        bound = names(node)
        written = (token.text[1:] for token in self.source.tokens if token.kind == "variable")
        return tuple(dict.fromkeys(name for name in written if name in bound))

    def _order(self, term: Any, descending: bool, free: tuple[str, ...]) -> tuple[str, bool]:
        import rdflib

        place = self.source.keyword("ORDER")
        if not isinstance(term, rdflib.Variable):
            raise self.source.unsupported(
                "ordering by an expression", place, "order by variables or ?score"
            )
        if str(term) not in (*free, SCORE):
            raise self.source.unsupported(f"ordering by the unselected ?{term}", place, "select it")
        return str(term), descending

    # --- patterns ---

    def _meaning(self, node: Any, scope: Scope) -> Meaning:
        match node.name:
            case "BGP":
                return self._triples(node)
            case "Join":
                first = self._meaning(node.p1, scope.keep(names(node.p2)))
                second = self._meaning(node.p2, scope.keep(names(node.p1)))
                return Meaning(
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
        raise self.source.unsupported(f"the SPARQL operator {node.name}", None)

    def _group(self, meaning: Meaning, scope: Scope) -> Formula[str]:
        """The conjunction of a group, with the variables that it alone uses quantified."""
        if not meaning.parts:
            place = next((t.place for t in self.source.tokens if t.text == "{"), None)
            raise self.source.unsupported("a group that says nothing", place)
        body = conjunction(list(meaning.parts))
        return exists(tuple(v for v in variables(body) if v.name not in scope.kept), body)

    def _union(self, node: Any, scope: Scope) -> Meaning:
        branches = []
        while node.name == "Union":
            branches.append(node.p2)
            node = node.p1
        meanings = [self._meaning(branch, scope) for branch in (node, *reversed(branches))]
        bound = frozenset.intersection(*(m.bound for m in meanings))
        named = frozenset().union(*(m.bound | m.unsure for m in meanings))
        parts = [self._group(meaning, scope) for meaning in meanings]
        return Meaning((disjunction(parts),), bound, named - bound)

    def _minus(self, node: Any, scope: Scope) -> Meaning:
        first = self._meaning(node.p1, scope.keep(names(node.p2)))
        shared = (first.bound | first.unsure) & names(node.p2)
        second = self._meaning(node.p2, Scope(shared, scope.given))
        for name in sorted(mentioned(node.p2) & scope.given - first.bound):
            raise UnsupportedError(
                f"?{name} stands in MINUS, and its value comes from outside of EXISTS",
                text=self.source.text,
                place=self.source.variable_place(name),
                remedy="write FILTER NOT EXISTS instead of MINUS",
            )
        if not shared:
            return first  # nothing is compatible with it, so it takes nothing away
        for name in sorted(shared):
            for meaning in (first, second):
                self._check_bound(name, meaning, "stands in MINUS")
        group = self._group(second, Scope(shared))
        return Meaning((*first.parts, Not(group)), first.bound, first.unsure)

    def _filter(self, node: Any, scope: Scope) -> Meaning:
        meaning = self._meaning(node.p, scope.keep(mentioned(node.expr)))
        condition = self._condition(node.expr, meaning, scope)
        return Meaning((*meaning.parts, condition), meaning.bound, meaning.unsure)

    def _values(self, node: Any) -> Meaning:
        rows = node.res if node else []
        place = self.source.keyword("VALUES")
        if not rows:
            raise self.source.unsupported("VALUES without a row", place, "it leaves no answer")
        parts: dict[Formula[str], None] = {}
        for row in rows:
            if any(isinstance(term, str) and term == "UNDEF" for term in row.values()):
                raise self.source.unsupported(
                    "UNDEF in VALUES", self.source.keyword("UNDEF"), "write UNION"
                )
            equalities: list[Formula[str]] = [
                Equals(Variable(str(name)), self.source.term(term)) for name, term in row.items()
            ]
            parts[conjunction(equalities)] = None
        return Meaning((disjunction(list(parts)),), frozenset(str(name) for name in rows[0]))

    # --- triples and paths ---

    def _triples(self, node: Any) -> Meaning:
        import rdflib

        parts: list[Formula[str]] = []
        bound: set[str] = set()
        for subject, predicate, object_ in node.triples:
            ends = (subject, object_)
            bound.update(str(term) for term in ends if isinstance(term, rdflib.Variable))
            head, tail = (self.source.term(term) for term in ends)
            parts.extend(self.source.path(predicate, head, tail))
        return Meaning(tuple(parts), frozenset(bound))

    # --- filters ---

    def _condition(self, node: Any, meaning: Meaning, scope: Scope) -> Formula[str]:
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
        raise self.source.unsupported(
            "a FILTER that is not a comparison", self.source.keyword("FILTER")
        )

    def _relational(self, node: Any, meaning: Meaning, scope: Scope) -> Formula[str]:
        if node.op in ("=", "!="):
            equality = self._equals(node.expr, node.other, meaning, scope)
            return equality if node.op == "=" else Not(equality)
        if node.op in ("IN", "NOT IN"):
            listed = node.other if isinstance(node.other, list) else []
            if not listed:
                raise self.source.unsupported(f"an empty {node.op}", self.source.keyword("IN"))
            options = [self._equals(node.expr, option, meaning, scope) for option in listed]
            if node.op == "IN":
                return disjunction(options)
            return conjunction([Not(option) for option in options])
        raise self.source.unsupported(f"the comparison {node.op}", self.source.keyword("FILTER"))

    def _equals(self, left: Any, right: Any, meaning: Meaning, scope: Scope) -> Formula[str]:
        terms = (self.source.term(left), self.source.term(right))
        for term in terms:
            if isinstance(term, Variable) and term.name not in scope.given:
                self._check_bound(
                    term.name, meaning, "stands in a FILTER whose own group does not always bind it"
                )
        return Equals(*terms)

    def _exists(self, graph: Any, meaning: Meaning, scope: Scope) -> Formula[str]:
        for name in sorted(mentioned(graph) & meaning.unsure - scope.given):
            raise self._unbound(name, "stands in EXISTS")
        given = meaning.bound | scope.given
        inner = Scope(given, given)
        return self._group(self._meaning(graph, inner), inner)

    # --- errors ---

    def _check_bound(self, name: str, meaning: Meaning, why: str) -> None:
        if name in meaning.unsure:
            raise self._unbound(name, why)
        if name not in meaning.bound:
            raise UnsupportedError(
                f"?{name} {why}", text=self.source.text, place=self.source.variable_place(name)
            )

    def _unbound(self, name: str, why: str) -> KgreasonError:
        return UnsupportedError(
            f"?{name} {why}; a branch of UNION leaves it without a value",
            text=self.source.text,
            place=self.source.variable_place(name),
            remedy=f"bind ?{name} in every branch",
        )
