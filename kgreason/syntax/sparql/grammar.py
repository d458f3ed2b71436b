"""The grammar of the SPARQL that has a truth value: tokens to a tree.

What is outside it was refused by its word before. The methods for what can be nested are walks
(`kgreason.walks`), so that nesting costs no stack. Source: SPARQL 1.1, section 19.8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kgreason.errors import Place
from kgreason.formula import Constant, Modifiers, Term, Variable
from kgreason.syntax.sparql import tree as t
from kgreason.syntax.sparql.conditions import Conditions
from kgreason.syntax.sparql.cursor import Cursor
from kgreason.syntax.sparql.terms import RDF_FIRST, RDF_NIL, RDF_REST, RDF_TYPE, TermReader
from kgreason.syntax.sparql.tokens import Token
from kgreason.walks import Walk, unwind

SCORE = "score"


class Parser:
    """Reads one text. fresh: makes variable names that the text does not use."""

    def __init__(
        self,
        text: str,
        found: list[Token],
        prefixes: Mapping[str, str],
        fresh: Callable[[], str],
    ) -> None:
        self.at = Cursor(text, found)
        self.reader = TermReader(text, self.at.found, prefixes)
        self.fresh = fresh
        self.blanks: dict[str, Variable] = {}
        self.conditions = Conditions(self.at, self.reader, self.group)

    # -- the whole text ----------------------------------------------------------------------------

    def question(self) -> t.Question:
        """The whole text."""
        self._prologue()
        if self.at.take_word("ASK"):
            selected: tuple[str, ...] | None = ()
        elif self.at.take_word("SELECT"):
            self.at.take_word("DISTINCT", "REDUCED")
            selected = self._selected()
        else:
            raise self.at.misplaced()
        self.at.take_word("WHERE")
        place = self.at.here.place
        pattern: t.Group = unwind(self.group())
        modifiers = self._modifiers(asks=selected == ())
        if values := self._values():
            pattern = t.Group((pattern, values), (), place)
        if self.at.here.kind != "end":
            raise self.at.misplaced()
        return t.Question(selected, pattern, modifiers)

    def _prologue(self) -> None:
        while token := self.at.take_word("PREFIX", "BASE"):
            name = ""
            if token.word == "PREFIX":
                if self.at.here.kind != "prefixed" or self.at.here.text[-1] != ":":
                    raise self.at.expected("a prefix such as ex:")
                name = self.at.here.text[:-1]
                self.at.index += 1
            if self.at.here.kind != "iri":
                raise self.at.expected("an IRI such as <http://example.org/>")
            iri = self.reader.resolved(self.at.here.text[1:-1])
            self.at.index += 1
            if token.word == "BASE":
                self.reader.base = iri
            else:
                self.reader.prefixes[name] = iri

    def _selected(self) -> tuple[str, ...] | None:
        if self.at.take("*"):
            return None
        found: list[str] = []
        while name := self.at.take_variable():
            found.append(name)
        if not found:
            raise self.at.expected("variables or *")
        return tuple(found)

    def _modifiers(self, asks: bool) -> Modifiers:
        order: list[tuple[str, bool]] = []
        if token := self.at.take_word("ORDER"):
            if not self.at.take_word("BY"):
                raise self.at.expected("BY")
            while (condition := self._order(token.place)) is not None:
                order.append(condition)
            if not order:
                raise self.at.expected("a variable to order by")
        limits: dict[str, int] = {}
        while token := self.at.take_word("LIMIT", "OFFSET"):
            if token.word in limits:
                raise self.at.wrong(f"{token.word} stands twice", token.place)
            limits[token.word] = self.at.number()
            if asks and limits.get("OFFSET"):
                raise self.at.unsupported(
                    "OFFSET after ASK",
                    token.place,
                    "it skips solutions, and a yes/no question has one truth for them all",
                )
        return Modifiers(limits.get("LIMIT"), limits.get("OFFSET", 0), tuple(order))

    def _order(self, place: Place) -> tuple[str, bool] | None:
        direction = self.at.take_word("ASC", "DESC")
        descending = direction is not None and direction.word == "DESC"
        if direction is None and (name := self.at.take_variable()):
            return name, False
        if direction is None and not self.conditions.begins():
            return None
        if direction is not None and self.at.here.text != "(":
            raise self.at.expected("'('")
        found = unwind(self.conditions.primary(place))
        if not isinstance(found, Variable):
            raise self.at.unsupported(
                "ordering by an expression", place, "order by variables or ?score"
            )
        return found.name, descending

    # -- patterns ----------------------------------------------------------------------------------

    def group(self) -> Walk[t.Group]:
        """A group in curly brackets."""
        place = self.at.here.place
        self.at.need("{")
        elements: list[t.Element] = []
        conditions: list[t.Condition] = []
        triples: list[t.Triple] = []

        def close_triples() -> None:
            # A FILTER between triples does not part them.
            if triples:
                elements.append(t.Triples(tuple(triples)))
                triples.clear()

        while not self.at.take("}"):
            if token := self.at.take_word("FILTER"):
                conditions.append((yield self.conditions.constraint(token.place)))
            elif self._begins_a_node():
                yield self._same_subject(triples)
                if not self.at.take(".") and self._begins_a_node():
                    raise self.at.misplaced()
                continue
            else:
                close_triples()
                elements.append((yield self._element()))
            self.at.take(".")
        close_triples()
        return t.Group(tuple(elements), tuple(conditions), place)

    def _element(self) -> Walk[t.Element]:
        """Groups with UNION between them, MINUS or VALUES."""
        if self.at.take_word("MINUS"):
            return t.Minus((yield self.group()))
        if values := self._values():
            return values
        if self.at.here.text != "{":
            raise self.at.misplaced()
        branches: list[t.Group] = [(yield self.group())]
        while self.at.take_word("UNION"):
            branches.append((yield self.group()))
        return t.Union(tuple(branches)) if len(branches) > 1 else branches[0]

    def _values(self) -> t.Values | None:
        token = self.at.take_word("VALUES")
        if token is None:
            return None
        single = self.at.take_variable()
        names = [single] if single else []
        if not single:
            self.at.need("(")
            while name := self.at.take_variable():
                if name in names:
                    raise self.at.wrong(f"?{name} stands twice in VALUES", self.at.before.place)
                names.append(name)
            self.at.need(")")
        self.at.need("{")
        rows: list[tuple[Term[str], ...]] = []
        while not self.at.take("}"):
            place = self.at.here.place
            row = (self._data(),) if single else self._data_row()
            if len(row) != len(names):
                raise self.at.wrong(
                    f"this row has {_counted(len(row), 'term')}, and VALUES has "
                    f"{_counted(len(names), 'variable')}",
                    place,
                )
            rows.append(row)
        return t.Values(tuple(names), tuple(rows), token.place)

    def _data_row(self) -> tuple[Term[str], ...]:
        self.at.need("(")
        row: list[Term[str]] = []
        while not self.at.take(")"):
            row.append(self._data())
        return tuple(row)

    def _data(self) -> Term[str]:
        if self.at.here.word == "UNDEF":
            raise self.at.unsupported("UNDEF in VALUES", self.at.here.place, "write UNION")
        found = self.reader.constant(self.at.index)
        if found is None:
            raise self.at.expected("a term")
        constant, self.at.index = found
        return constant

    # -- triples -----------------------------------------------------------------------------------

    def _begins_a_node(self) -> bool:
        here = self.at.here
        return (
            here.kind in ("variable", "iri", "prefixed", "string", "number", "blank")
            or here.text in ("[", "(")
            or here.word in ("TRUE", "FALSE")
        )

    def _same_subject(self, triples: list[t.Triple]) -> Walk[None]:
        """A subject with its predicates; a blank node or list in brackets may do without."""
        brackets = self.at.here.text in ("[", "(") and self.at.after.text not in ("]", ")")
        subject: Term[str] = yield self._node(triples)
        if self._begins_a_verb() or not brackets:
            yield self._predicates(subject, triples)
        return None

    def _begins_a_verb(self) -> bool:
        here = self.at.here
        return here.kind in ("iri", "prefixed", "variable") or here.text in ("a", "^", "(", "!")

    def _predicates(self, subject: Term[str], triples: list[t.Triple]) -> Walk[None]:
        """`path object, object; path object`, with any number of ; after each."""
        more = True
        while more:
            path: t.Path = yield self._verb()
            while True:
                node: Term[str] = yield self._node(triples)
                triples.append(t.Triple(subject, path, node))
                if not self.at.take(","):
                    break
            more = False
            while self.at.take(";"):
                more = self._begins_a_verb()
        return None

    def _node(self, triples: list[t.Triple]) -> Walk[Term[str]]:
        """A term; the triples of brackets are added."""
        if name := self.at.take_variable():
            return Variable(name)
        if self.at.here.kind == "blank":
            self.at.index += 1
            label = self.at.found[self.at.index - 1].text
            return self.blanks.setdefault(label, Variable(self.fresh()))
        if self.at.take("["):
            node = Variable(self.fresh())
            if not self.at.take("]"):
                yield self._predicates(node, triples)
                self.at.need("]")
            return node
        if self.at.here.text == "(":
            head: Term[str] = yield self._collection(triples)
            return head
        found = self.reader.constant(self.at.index)
        if found is None:
            raise self.at.expected("a term or a variable")
        constant, self.at.index = found
        return constant

    def _collection(self, triples: list[t.Triple]) -> Walk[Term[str]]:
        """`(node node …)`: a linked list of blank nodes."""
        place = self.at.here.place
        first, rest = t.Step(RDF_FIRST, place), t.Step(RDF_REST, place)
        end = Constant(RDF_NIL, place)
        self.at.need("(")
        cells: list[Variable] = []
        while not self.at.take(")"):
            cell = Variable(self.fresh())
            if cells:
                triples.append(t.Triple(cells[-1], rest, cell))
            cells.append(cell)
            triples.append(t.Triple(cell, first, (yield self._node(triples))))
        if not cells:
            return end
        triples.append(t.Triple(cells[-1], rest, end))
        return cells[0]

    def _verb(self) -> Walk[t.Path]:
        here = self.at.here
        if here.kind == "variable":
            raise self.at.unsupported("a variable as relation", here.place, "name the relation")
        path: t.Path = yield self._path()
        return path

    def _path(self) -> Walk[t.Path]:
        """`a/b|c`: sequences bind closer than alternatives."""
        options: list[t.Path] = []
        steps: list[t.Path] = []
        while True:
            steps.append((yield self._path_step()))
            if self.at.take("/"):
                continue
            options.append(steps[0] if len(steps) == 1 else t.Steps(tuple(steps)))
            if not self.at.take("|"):
                return options[0] if len(options) == 1 else t.Options(tuple(options))
            steps = []

    def _path_step(self) -> Walk[t.Path]:
        if self.at.take("^"):
            return t.Inverse((yield self._path_primary()))
        path: t.Path = yield self._path_primary()
        return path

    def _path_primary(self) -> Walk[t.Path]:
        here = self.at.here
        if here.text == "!":
            raise self.at.unsupported(
                "a negated property set (!)", here.place, "name the relations, or FILTER NOT EXISTS"
            )
        if self.at.take("("):
            path: t.Path = yield self._path()
            self.at.need(")")
            self._no_repetition()
            return path
        name = RDF_TYPE if here.kind == "word" and here.text == "a" else self.reader.iri(here)
        if name is None:
            raise self.at.expected("a relation")
        self.at.index += 1
        self._no_repetition()
        return t.Step(name, here.place)

    def _no_repetition(self) -> None:
        here = self.at.here
        if here.text in ("+", "*", "?"):
            raise self.at.unsupported(
                f"a path of any length ({here.text})",
                here.place,
                "write the lengths you mean with / and |",
            )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
