"""The terms and paths of one SPARQL text, the places they stand at, and fresh variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgreason.errors import Place, UnsupportedError
from kgreason.formula import (
    Atom,
    Constant,
    Formula,
    Term,
    Variable,
    conjunction,
    disjunction,
    exists,
    variables,
)
from kgreason.syntax.names import literal
from kgreason.syntax.sparql_places import places
from kgreason.syntax.sparql_text import Token, unsupported


class Source:
    """One question's text: for errors that point, and for variable names nobody uses."""

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

    def unsupported(
        self, what: str, place: Place | None, remedy: str | None = None
    ) -> UnsupportedError:
        """The error for something valid that has no truth value here."""
        return unsupported(what, self.text, place, remedy)

    def path(
        self, path: Any, head: Term[str], tail: Term[str], inverse: bool = False
    ) -> list[Formula[str]]:
        """The statements a property path makes about its ends, with fresh variables between."""
        import rdflib
        from rdflib import paths

        if isinstance(path, rdflib.URIRef):
            name = f"<{path}>"
            return [Atom(name, head, tail, inverse, self.places.get(name))]
        if isinstance(path, paths.InvPath):
            return self.path(path.arg, head, tail, not inverse)
        if isinstance(path, paths.SequencePath):
            steps = path.args[::-1] if inverse else path.args
            ends = [head, *(Variable(self.fresh()) for _ in steps[1:]), tail]
            return [
                atom
                for step, start, end in zip(steps, ends, ends[1:], strict=False)
                for atom in self.path(step, start, end, inverse)
            ]
        if isinstance(path, paths.AlternativePath):
            branches = [conjunction(self.path(p, head, tail, inverse)) for p in path.args]
            return [disjunction([_within(branch, head, tail) for branch in branches])]
        what = "a variable as relation" if isinstance(path, rdflib.Variable) else "this path"
        raise unsupported(what, self.text, self.variable_place(str(path)), "name the relation")

    def term(self, term: Any) -> Term[str]:
        """The term of a question that an rdflib term is."""
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
                self.keyword("FILTER"),
                "compare variables and terms",
            )
        return Constant(name, self.places.get(name))

    def keyword(self, word: str) -> Place | None:
        """Where a keyword stands first."""
        return next((token.place for token in self.tokens if token.word == word), None)

    def variable_place(self, name: str) -> Place | None:
        """Where a variable stands first, if possible inside a group."""
        found = [t for t in self.tokens if t.kind == "variable" and t.text[1:] == name]
        inside = [token for token in found if token.group >= 0]
        return next((token.place for token in inside or found), None)


def _within(branch: Formula[str], head: Term[str], tail: Term[str]) -> Formula[str]:
    """A branch of a path with the variables between its ends quantified inside it."""
    return exists(tuple(v for v in variables(branch) if v not in (head, tail)), branch)
