"""Seconds per stage for long and deeply nested questions of many kinds at growing sizes.

Every kind is a text that grows with n. One line per kind and size: characters of the text, seconds
to parse, bind, normalize, plan, describe and compile to a computation graph, their sum, and the
exponent by which the sum grew since the size before (1 is linear). A refusal shows its first line.

    python benchmarks/long_questions.py [KIND…] [--sizes 100,1000] [--logic product] [--dnf]
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from math import log

from kgreason.binding import bind
from kgreason.compute import fold, lower
from kgreason.errors import KgreasonError
from kgreason.explanation import naming
from kgreason.knowledge import KnowledgeGraph
from kgreason.normal import normalize
from kgreason.planning import Statistics, plan
from kgreason.predictors.protocol import RowPrice
from kgreason.syntax import parse
from kgreason.truth import resolve_logic

ENTITIES, RELATIONS = 1000, 10
_NAME = "http://example.org/"
_PREFIX = f"PREFIX : <{_NAME}>\n"
_EFO = f"prefix e: <{_NAME}>\n"
STAGES = ("parse", "bind", "normalize", "plan", "describe", "compile")
_PATIENCE = 20.0
"""A kind that took so many seconds at one size is not measured at the next."""


def graph() -> KnowledgeGraph:
    """A sparse graph in which every entity has a link under every relation."""
    return KnowledgeGraph.from_triples(
        [
            (f"<{_NAME}n{i}>", f"<{_NAME}r{k}>", f"<{_NAME}n{(i * (k + 2) + k) % ENTITIES}>")
            for i in range(ENTITIES)
            for k in range(RELATIONS)
        ]
    )


def _efo(atoms: list[str], inner: list[str] | None = None, head: str = "?y") -> str:
    quantifier = f"exists {' '.join(inner)} . " if inner else ""
    return f"{_EFO}{head} : {quantifier}" + " & ".join(atoms)


def _link(i: int, head: str, tail: str) -> str:
    return f"e:r{i % RELATIONS}({head}, {tail})"


def _entity(i: int) -> str:
    return f"e:n{i % ENTITIES}"


def _select(pattern: str) -> str:
    return f"{_PREFIX}SELECT ?y {{ {pattern} }}"


def _names(n: int, letter: str = "x") -> list[str]:
    return [f"{letter}{i}" for i in range(n)]


def conjuncts(n: int) -> str:
    """N links to one variable."""
    return _efo([_link(i, _entity(i), "y") for i in range(n)])


def repeated(n: int) -> str:
    """One link n times."""
    return _efo([_link(0, _entity(0), "y")] * n)


def disjuncts(n: int) -> str:
    """N alternatives."""
    return f"{_EFO}?y : " + " | ".join(_link(i, _entity(i), "y") for i in range(n))


def clauses(n: int) -> str:
    """N conjuncts of two alternatives each."""
    pairs = (f"({_link(i, _entity(i), 'y')} | {_link(i + 1, _entity(i), 'y')})" for i in range(n))
    return _efo(list(pairs))


def chain(n: int) -> str:
    """A path of n variables to the answer."""
    ends = [_entity(0), *_names(n), "y"]
    links = [_link(i, a, b) for i, (a, b) in enumerate(itertools.pairwise(ends))]
    return _efo(links, _names(n))


def nested_chain(n: int) -> str:
    """The same path, each variable quantified inside the scope of the one before."""
    text = _link(0, _entity(0), f"x{n}")
    for i in range(n, 0, -1):
        text = f"exists x{i} . {_link(i, f'x{i}', f'x{i - 1}' if i > 1 else 'y')} & {text}"
    return f"{_EFO}?y : {text}"


def open_chain(n: int) -> str:
    """A path of n variables away from the answer, its far end unbound."""
    ends = ["y", *_names(n)]
    links = [_link(i, a, b) for i, (a, b) in enumerate(itertools.pairwise(ends))]
    return _efo([_link(0, _entity(0), "y"), *links], _names(n))


def star(n: int) -> str:
    """N paths of two links to the answer."""
    links = [part for i, x in enumerate(_names(n)) for part in _spoke(i, x)]
    return _efo(links, _names(n))


def _spoke(i: int, x: str) -> tuple[str, str]:
    return _link(i, _entity(i), x), _link(i + 1, x, "y")


def branches(n: int) -> str:
    """N links that lead away from the answer to variables of their own."""
    links = [_link(i, "y", x) for i, x in enumerate(_names(n))]
    return _efo([_link(0, _entity(0), "y"), *links], _names(n))


def components(n: int) -> str:
    """N variables that have nothing to do with the answer nor with each other."""
    links = [_link(0, _entity(0), "y")]
    for i, x in enumerate(_names(n)):
        links += [_link(i, _entity(i), x), _link(i + 1, x, _entity(i + 1))]
    return _efo(links, _names(n))


def ring(n: int) -> str:
    """A cycle of n variables."""
    ends = ["y", *_names(n), "y"]
    links = [_link(i, a, b) for i, (a, b) in enumerate(itertools.pairwise(ends))]
    return _efo([_link(0, _entity(0), "y"), *links], _names(n))


def clique(n: int) -> str:
    """N variables, each linked to each."""
    every = ["y", *_names(n)]
    links = [_link(i + j, a, b) for i, a in enumerate(every) for j, b in enumerate(every[:i])]
    return _efo([_link(0, _entity(0), "y"), *links], _names(n))


def grid(n: int) -> str:
    """N × n variables, each linked to its neighbours."""
    name = {(i, j): f"x{i}_{j}" for i in range(n) for j in range(n)}
    links = [_link(0, _entity(0), "x0_0"), _link(0, f"x{n - 1}_{n - 1}", "y")]
    for (i, j), x in name.items():
        near = [name[place] for place in ((i + 1, j), (i, j + 1)) if place in name]
        links += [_link(i + j, x, other) for other in near]
    return _efo(links, list(name.values()))


def equalities(n: int) -> str:
    """A chain of n equal variables."""
    ends = ["y", *_names(n)]
    equal = [f"{a} = {b}" for a, b in itertools.pairwise(ends)]
    return _efo([*equal, _link(0, _entity(0), ends[-1])], _names(n))


def exclusions(n: int) -> str:
    """N inequalities with constants."""
    return _efo([_link(0, _entity(0), "y"), *(f"y != {_entity(i)}" for i in range(n))])


def negations(n: int) -> str:
    """N negated links."""
    links = [f"!{_link(i, _entity(i), 'y')}" for i in range(n)]
    return _efo([_link(0, _entity(0), "y"), *links])


def negated_groups(n: int) -> str:
    """N negated groups side by side."""
    groups = [
        f"!(exists x . {_link(i, 'y', 'x')} & {_link(i + 1, 'x', _entity(i))})" for i in range(n)
    ]
    return _efo([_link(0, _entity(0), "y"), *groups])


def nested_groups(n: int) -> str:
    """N negated groups, each inside the one before."""
    text = _link(0, _entity(0), f"x{n}")
    for i in range(n, 0, -1):
        before = f"x{i - 1}" if i > 1 else "y"
        text = f"!(exists x{i} . {_link(i, before, f'x{i}')} & {text})"
    return _efo([_link(0, _entity(0), "y"), text])


def nested_outer(n: int) -> str:
    """N nested negated groups, each of which mentions every variable around it."""
    names = ["y", *_names(n)]
    text = _link(0, _entity(0), names[n])
    for i in range(n, 0, -1):
        links = " & ".join(_link(k, names[k], names[i]) for k in range(i))
        text = f"!(exists {names[i]} . {links} & {text})"
    return _efo([_link(0, _entity(0), "y"), text])


def nested_negations(n: int) -> str:
    """Negated conjunctions inside negated conjunctions, without variables of their own."""
    text = _link(0, _entity(0), "y")
    for i in range(n):
        text = f"!({_link(i, _entity(i), 'y')} & {text})"
    return _efo([_link(0, _entity(0), "y"), text])


def signs(n: int) -> str:
    """N signs of negation in a row."""
    return _efo([_link(0, _entity(0), "y"), "!" * n + _link(1, _entity(0), "y")])


def alternations(n: int) -> str:
    """∧ in ∨ in ∧ …, n levels."""
    text = _link(0, _entity(0), "y")
    for i in range(n):
        text = f"({_link(i, _entity(i), 'y')} {'|&'[i % 2]} {text})"
    return f"{_EFO}?y : {text} & {_link(0, _entity(0), 'y')}"


def nested_alternatives(n: int) -> str:
    """Alternatives with variables of their own, n levels."""
    text = _link(0, _entity(0), f"x{n}")
    for i in range(n, 0, -1):
        before = f"x{i - 1}" if i > 1 else "y"
        one = f"exists x{i} . {_link(i, before, f'x{i}')} & {text}"
        text = f"({_link(i, _entity(i), before)} | ({one}))"
    return _efo([_link(0, _entity(0), "y"), text])


def parentheses(n: int) -> str:
    """N brackets around one link."""
    return f"{_EFO}?y : " + "(" * n + _link(0, _entity(0), "y") + ")" * n


def answers(n: int) -> str:
    """N answer variables in a chain."""
    ends = [_entity(0), *_names(n)]
    links = [_link(i, a, b) for i, (a, b) in enumerate(itertools.pairwise(ends))]
    return _efo(links, head=" ".join(f"?{x}" for x in _names(n)))


def separate_answers(n: int) -> str:
    """N answer variables that have nothing to do with each other."""
    links = [_link(i, _entity(i), x) for i, x in enumerate(_names(n))]
    return _efo(links, head=" ".join(f"?{x}" for x in _names(n)))


def long_name(n: int) -> str:
    """A variable and a prefix with names of n characters."""
    x = "x" * n
    return f"prefix {x}: <{_NAME}>\n?y : exists {x} . {x}:r0({x}:n0, {x}) & {x}:r1({x}, y)"


def sparql_triples(n: int) -> str:
    """N triple patterns about one variable."""
    return _select(" . ".join(f":n{i % ENTITIES} :r{i % RELATIONS} ?y" for i in range(n)))


def sparql_lists(n: int) -> str:
    """N objects after one predicate."""
    return _select("?y :r0 " + ", ".join(f":n{i % ENTITIES}" for i in range(n)))


def sparql_path(n: int) -> str:
    """A property path of n steps."""
    return _select(":n0 " + "/".join(f":r{i % RELATIONS}" for i in range(n)) + " ?y")


def sparql_path_options(n: int) -> str:
    """A property path of n alternatives."""
    return _select(":n0 " + "|".join(f":r{i % RELATIONS}" for i in range(n)) + " ?y")


def sparql_path_nested(n: int) -> str:
    """A property path of n nested inverses."""
    return _select(":n0 " + "^(" * n + ":r0" + ")" * n + " ?y")


def sparql_filter_and(n: int) -> str:
    """FILTER with n conditions joined by &&."""
    return _select(
        ":n0 :r0 ?y FILTER (" + " && ".join(f"?y != :n{i % ENTITIES}" for i in range(n)) + ")"
    )


def sparql_filter_or(n: int) -> str:
    """FILTER with n conditions joined by ||."""
    return _select(
        ":n0 :r0 ?y FILTER (" + " || ".join(f"?y = :n{i % ENTITIES}" for i in range(n)) + ")"
    )


def sparql_filters(n: int) -> str:
    """N FILTERs."""
    return _select(":n0 :r0 ?y " + " ".join(f"FILTER (?y != :n{i % ENTITIES})" for i in range(n)))


def sparql_filter_brackets(n: int) -> str:
    """N brackets around a condition."""
    return _select(":n0 :r0 ?y FILTER " + "(" * n + "?y != :n1" + ")" * n)


def sparql_filter_not(n: int) -> str:
    """N nested negations of a condition."""
    return _select(":n0 :r0 ?y FILTER (" + "!(" * n + "?y != :n1" + ")" * n + ")")


def sparql_in(n: int) -> str:
    """An IN list of n entities."""
    return _select(
        ":n0 :r0 ?y FILTER (?y IN (" + ", ".join(f":n{i % ENTITIES}" for i in range(n)) + "))"
    )


def sparql_values(n: int) -> str:
    """VALUES with n rows."""
    return _select(
        ":n0 :r0 ?y VALUES ?y { " + " ".join(f":n{i % ENTITIES}" for i in range(n)) + " }"
    )


def sparql_value_pairs(n: int) -> str:
    """VALUES with n rows of two variables."""
    rows = " ".join(f"(:n{i % ENTITIES} :n{i // ENTITIES})" for i in range(n))
    return _select(f"?x :r0 ?y VALUES (?x ?y) {{ {rows} }}")


def sparql_union(n: int) -> str:
    """UNION of n groups."""
    return _select(" UNION ".join(f"{{ :n{i % ENTITIES} :r0 ?y }}" for i in range(n)))


def sparql_groups(n: int) -> str:
    """N groups side by side."""
    return _select(" ".join(f"{{ :n{i % ENTITIES} :r0 ?y }}" for i in range(n)))


def sparql_nested_groups(n: int) -> str:
    """N groups inside each other."""
    return _select("{ " * n + ":n0 :r0 ?y" + " }" * n)


def sparql_not_exists(n: int) -> str:
    """N FILTER NOT EXISTS side by side."""
    parts = (f"FILTER NOT EXISTS {{ ?y :r{i % RELATIONS} ?x{i} }}" for i in range(n))
    return _select(":n0 :r0 ?y " + " ".join(parts))


def sparql_nested_not_exists(n: int) -> str:
    """N FILTER NOT EXISTS inside each other."""
    text = f"?x{n} :r1 :n0"
    for i in range(n, 0, -1):
        before = f"?x{i - 1}" if i > 1 else "?y"
        text = f"FILTER NOT EXISTS {{ {before} :r{i % RELATIONS} ?x{i} . {text} }}"
    return _select(":n0 :r0 ?y " + text)


def sparql_minus(n: int) -> str:
    """N MINUS side by side."""
    parts = (f"MINUS {{ ?y :r{i % RELATIONS} ?x{i} }}" for i in range(n))
    return _select(":n0 :r0 ?y " + " ".join(parts))


def sparql_nested_minus(n: int) -> str:
    """N MINUS inside each other."""
    text = "?y :r1 :n0"
    for i in range(n):
        text = f"?y :r{i % RELATIONS} :n{i} MINUS {{ {text} }}"
    return _select(text)


def sparql_list(n: int) -> str:
    """A collection of n entities."""
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    return _select("?y :r0 (" + " ".join(f":n{i % ENTITIES}" for i in range(n)) + ")").replace(
        rdf, _NAME
    )


def sparql_blank_nodes(n: int) -> str:
    """N blank nodes inside each other."""
    return _select("?y :r0 " + "[ :r1 " * n + ":n0" + " ]" * n)


def sparql_semicolons(n: int) -> str:
    """N predicates after one subject, each with a blank node."""
    return _select("?y " + " ; ".join(f":r{i % RELATIONS} []" for i in range(n)))


def sparql_chain(n: int) -> str:
    """N triple patterns in a chain."""
    ends = [":n0", *(f"?x{i}" for i in range(n)), "?y"]
    return _select(
        " . ".join(
            f"{a} :r{i % RELATIONS} {b}" for i, (a, b) in enumerate(itertools.pairwise(ends))
        )
    )


def sparql_long_name(n: int) -> str:
    """A variable, a prefix and a local name of n characters."""
    x = "x" * n
    return f"PREFIX {x}: <{_NAME}>\nSELECT ?y {{ {x}:n0 {x}:r0 ?{x} . ?{x} {x}:r1 ?y }}"


LINEAR = (100, 1000, 4000, 8000)
WIDE = (100, 400, 1000, 4000)
DEEP = (12, 24, 48, 96, 200)
DENSE = (4, 8, 12, 16, 32)

KINDS: dict[Callable[[int], str], tuple[int, ...]] = {
    **dict.fromkeys((conjuncts, repeated, disjuncts, clauses, exclusions, negations), LINEAR),
    **dict.fromkeys((chain, open_chain, star, branches, components, ring, equalities), WIDE),
    **dict.fromkeys((negated_groups, answers, separate_answers), WIDE),
    **dict.fromkeys((clique, grid), DENSE),
    **dict.fromkeys((nested_chain, nested_groups, nested_outer, nested_negations), DEEP),
    **dict.fromkeys((signs, alternations, nested_alternatives, parentheses), DEEP),
    long_name: (100, 1000, 10_000, 100_000),
    **dict.fromkeys((sparql_triples, sparql_lists, sparql_filter_and, sparql_filter_or), LINEAR),
    **dict.fromkeys((sparql_in, sparql_values, sparql_value_pairs), (100, 1000, 10_000)),
    **dict.fromkeys((sparql_path, sparql_path_options, sparql_chain), WIDE),
    **dict.fromkeys((sparql_filters, sparql_union, sparql_groups, sparql_not_exists), WIDE),
    **dict.fromkeys((sparql_minus, sparql_list, sparql_semicolons), WIDE),
    **dict.fromkeys((sparql_path_nested, sparql_filter_brackets, sparql_filter_not), DEEP),
    **dict.fromkeys((sparql_nested_groups, sparql_nested_not_exists, sparql_nested_minus), DEEP),
    sparql_blank_nodes: DEEP,
    sparql_long_name: (100, 1000, 10_000, 100_000),
}


class Corridor:
    """Takes a text through every stage that computes nothing, with a clock at each door."""

    def __init__(self, logic: str, dnf: bool) -> None:
        self.graph = graph()
        self.logic = resolve_logic(logic)
        self.dnf = dnf
        self.statistics = Statistics(
            self.graph.entity_count, self.graph.index(), RowPrice(1000.0, 20.0)
        )

    def stages(self, text: str) -> Iterator[float]:
        """Seconds of each stage, as it ends."""
        parsed = parse(text)
        yield time.process_time()
        bound = bind(parsed, self.graph.vocabulary)
        yield time.process_time()
        form = normalize(bound, self.logic, "dnf" if self.dnf else "text")
        yield time.process_time()
        planned = plan(form.graph, self.logic, self.statistics)
        yield time.process_time()
        names = naming(self.graph.vocabulary)
        form.graph.describe(names)
        planned.describe(names)
        yield time.process_time()
        str(fold([lower(planned)]))
        yield time.process_time()

    def measure(self, text: str) -> tuple[list[float], str]:
        """Seconds of the stages that were reached, and what stopped the question, if anything."""
        times = [time.process_time()]
        try:
            times.extend(self.stages(text))
        except KgreasonError as error:
            times.append(time.process_time())
            return _steps(times), f"{type(error).__name__}: {error.message[:90]}"
        except RecursionError:
            times.append(time.process_time())
            return _steps(times), "RecursionError"
        return _steps(times), ""


def _steps(times: list[float]) -> list[float]:
    return [b - a for a, b in itertools.pairwise(times)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("kinds", nargs="*")
    parser.add_argument("--sizes", help="n to measure at, separated by commas")
    parser.add_argument("--logic", default="product")
    parser.add_argument("--dnf", action="store_true", help="the disjunctive reading of questions")
    options = parser.parse_args()
    corridor = Corridor(options.logic, options.dnf)
    print(f"{'kind':<26}{'n':>7}{'chars':>9}" + "".join(f"{s:>11}" for s in (*STAGES, "sum", "^")))
    for kind, usual in KINDS.items():
        if options.kinds and kind.__name__ not in options.kinds:
            continue
        sizes = [int(n) for n in options.sizes.split(",")] if options.sizes else usual
        _table(kind, sizes, corridor)


def _table(kind: Callable[[int], str], sizes: list[int] | tuple[int, ...], way: Corridor) -> None:
    before: tuple[int, float] | None = None
    for n in sizes:
        text = kind(n)
        seconds, refusal = way.measure(text)
        total = sum(seconds)
        shown = "".join(f"{s:>11.3f}" for s in seconds)
        grown = f"{log(total / before[1]) / log(n / before[0]):>11.2f}" if before else " " * 11
        shown += " " * 11 * (len(STAGES) - len(seconds)) + f"{total:>11.3f}{grown}"
        print(f"{kind.__name__:<26}{n:>7}{len(text):>9}{shown}  {refusal}".rstrip(), flush=True)
        before = n, total
        if total > _PATIENCE:
            break


if __name__ == "__main__":
    main()
