"""Questions from many threads on shared engines, compared with the same ones one after the other.

Every predictor answers mixed questions (hops, negation, union, cycles, several answer variables,
witnesses) over a small random graph: first alone on an engine of its own, then from all threads at
once on one shared engine with a small memory ceiling, beside a second engine that shares the
predictor. Prints a line per predictor: answers, those that differ, exceptions.

    python benchmarks/thread_stress.py --threads 8 --questions 400
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from kgreason import Engine, KnowledgeGraph

FACTS, COMPLEX, EPIGNN, RULES, MIXTURE = "facts", "complex", "epignn", "rules", "mixture"
SMALL = 1 << 20
"""Bytes: so little that rows are evicted while other threads use theirs."""


def make_graph(rng: Random, entities: int, relations: int) -> KnowledgeGraph:
    """A random graph in which relation r0 followed by r1 is r2 for most pairs."""
    triples = set()
    for _ in range(6 * entities):
        head, middle, tail = (f"e{rng.randrange(entities)}" for _ in range(3))
        triples |= {(head, "r0", middle), (middle, "r1", tail)}
        if rng.random() < 0.8:
            triples.add((head, "r2", tail))
        triples.add((head, f"r{rng.randrange(relations)}", tail))
    return KnowledgeGraph.from_triples(sorted(triples))


def make_models(graph: KnowledgeGraph, folder: Path) -> dict[str, list[str]]:
    """The models to ask, by name; trained for an epoch or two."""
    from kgreason.training import train

    complex_, epignn, rules = (
        folder / name for name in ("c.safetensors", "e.safetensors", "r.txt")
    )
    train(graph, complex_, model="complex", dimension=16, epochs=2, seed=1)
    train(graph, epignn, model="epignn", epochs=1, seed=1)
    rules.write_text("r0(a,b) & r1(b,c) => r2(a,c)\nr2(a,b) => r3(a,b)\n", encoding="utf-8")
    return {
        FACTS: [FACTS],
        COMPLEX: [str(complex_)],
        EPIGNN: [str(epignn)],
        RULES: [str(rules)],
        MIXTURE: [str(complex_), str(rules)],
    }


def make_questions(rng: Random, count: int, entities: int, relations: int) -> list[str]:
    """Mixed questions as text."""

    def one() -> str:
        a, b = (f"e{rng.randrange(entities)}" for _ in range(2))
        r, s, t = (f"r{rng.randrange(relations)}" for _ in range(3))
        return rng.choice(
            (
                f"?y : {r}({a}, y)",
                f"?y : exists x . {r}({a}, x) & {s}(x, y)",
                f"?y : exists x, z . {r}({a}, x) & {s}(x, z) & {t}(z, y)",
                f"?y : {r}({a}, y) & {s}({b}, y)",
                f"?y : exists x . {r}({a}, x) & {s}({b}, x) & {t}(x, y)",
                f"?y : {r}({a}, y) & !{s}({b}, y)",
                f"?y : {r}({a}, y) | {s}({b}, y)",
                f"?y : exists x, z . {r}({a}, x) & {s}(x, y) & {t}(x, z) & {s}(z, y)",
                f"?y : {r}({a}, y) & exists x . {s}(x, y)",
                f"?x ?y : {r}({a}, x) & {s}(x, y)",
                f"ask : exists x . {r}({a}, x) & {s}(x, {b})",
            )
        )

    return [one() for _ in range(count)]


def answer(engine: Engine, question: str) -> dict[str, object]:
    """Everything that an answer says, but for the work it took."""
    return engine.ask(question, limit=5).to_dict()


def stress(
    graph: KnowledgeGraph, models: list[str], questions: list[str], threads: int
) -> tuple[int, int, int]:
    """Answers compared, those that differ, exceptions."""
    alone = Engine(graph, models)
    expected = {question: answer(alone, question) for question in dict.fromkeys(questions)}
    shared = Engine(graph, models, max_memory=SMALL)
    sibling = Engine(graph, shared.predictor)
    differing, failed = 0, 0

    def work(own: int) -> Iterator[bool | BaseException]:
        order = list(questions)
        Random(own).shuffle(order)  # noqa: S311
        engine = shared if own % 4 else sibling
        for question in order:
            try:
                yield answer(engine, question) == expected[question]
            except Exception as error:
                yield error

    with ThreadPoolExecutor(threads) as pool:
        for outcomes in pool.map(lambda own: list(work(own)), range(threads)):
            differing += sum(outcome is False for outcome in outcomes)
            errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
            failed += len(errors)
            for error in errors[:1]:
                print(f"  {type(error).__name__}: {error}", file=sys.stderr)
    # Afterwards the shared engine is as good as a fresh one.
    differing += sum(answer(shared, question) != expected[question] for question in expected)
    return threads * len(questions) + len(expected), differing, failed


def main() -> int:
    """The stress run of the command line; the exit code is 1 where anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--questions", type=int, default=50, help="of each thread")
    parser.add_argument("--entities", type=int, default=120)
    parser.add_argument("--predictors", nargs="*", help="only these")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, relations = Random(options.seed), 5  # noqa: S311
    graph = make_graph(rng, options.entities, relations)
    questions = make_questions(rng, options.questions, options.entities, relations)
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        models = make_models(graph, Path(folder))
        print(f"{'predictor':10} {'answers':>8} {'differ':>7} {'exceptions':>11}")
        for name in options.predictors or models:
            asked, differing, failed = stress(graph, models[name], questions, options.threads)
            print(f"{name:10} {asked:>8,} {differing:>7,} {failed:>11,}", flush=True)
            wrong += differing + failed
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
