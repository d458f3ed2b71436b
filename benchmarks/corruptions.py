"""Damage files in every way, open them, and count what opens with another content.

Each damaged file is opened by one of several processes, so that one that dies is counted and
replaced. A file may be refused, by an error that names it and says what to do, or open with the
content it had. Everything else is a failure: another content (silent), an error that names no file
or no way out (vague), any other exception (traceback), the end of the process (abort), minutes
without an answer (hang).

    python benchmarks/corruptions.py [--count 5000] [--seed 0] [--processes 2] [--only store,suite]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue
from random import Random
from threading import Timer
from typing import IO

from corrupt_models import MODELS

from kgreason.errors import KgreasonError

FAILURES = ("silent", "vague", "traceback", "abort", "hang")
_PATIENCE = 120.0
"""Seconds after which a process that opens a file counts as hanging."""

Content = list[str]


@dataclass(frozen=True)
class Target:
    """A kind of artifact.

    make: writes one into a folder, after a seed, and returns its path. content: opens it and tells
    all it holds. resumes: whether a file whose end is gone holds what is left, as a run does.
    """

    make: Callable[[Path, int], Path]
    content: Callable[[Path], Content]
    resumes: bool = False

    def is_same(self, expected: Content, found: Content) -> bool:
        """Whether what was found is what was written."""
        return found == (expected[: len(found)] if self.resumes and found else expected)


def make_store(folder: Path, seed: int) -> Path:
    """A store with splits, labels and prefixes."""
    from kgreason.knowledge import KnowledgeGraph

    name, labelled = (("nations", "usa"), ("umls", "virus"))[seed % 2]
    graph = KnowledgeGraph.load(f"pykeen:{name}", labels={labelled: "a label"})
    graph.save(folder / "graph.kg")
    return folder / "graph.kg"


def store_content(path: Path) -> Content:
    """Names, facts, labels and prefixes."""
    from kgreason.knowledge import KnowledgeGraph

    graph = KnowledgeGraph.load(path)
    vocabulary = graph.vocabulary
    names = [vocabulary.entity_names.to_list(), vocabulary.relation_names.to_list()]
    facts = [graph.facts([split]).tolist() for split in graph.splits]
    about = [graph.name, graph.splits, dict(vocabulary.prefixes), vocabulary.labels.rows()]
    return [_digest([names, facts, about])]


def make_suite(folder: Path, seed: int) -> Path:
    """A suite of questions of one link as one Parquet file."""
    import numpy as np

    from kgreason.bench.suites.parquet import Origin, write_suite
    from kgreason.bench.suites.questions import BenchmarkQuestion
    from kgreason.bench.suites.splits import Splits
    from kgreason.knowledge import KnowledgeGraph
    from kgreason.syntax.benchmark import from_nested_tuple

    graph = KnowledgeGraph.load("pykeen:nations")
    known, hidden = graph.facts(["train", "valid"]), graph.facts(["test"])
    asked = []
    for head, relation, _ in hidden[seed * 60 : seed * 60 + 60].tolist():
        key = (head, (2 * relation,))
        easy, hard = (
            np.unique(facts[(facts[:, :2] == (head, relation)).all(1), 2]).astype(np.int64)
            for facts in (known, hidden)
        )
        missing = np.ones(len(hard), dtype=np.int64)
        query = from_nested_tuple(("e", ("r",)), key)
        asked.append(BenchmarkQuestion(query, easy, hard, key, missing))
    origin = Origin.of(graph, "pykeen:nations", Splits.of(graph), {"seed": seed})
    write_suite(folder / "questions.parquet", {"1p": tuple(asked)}, graph, origin)
    return folder / "questions.parquet"


def suite_content(path: Path) -> Content:
    """Questions with their answers, and what the suite says of its graph."""
    from kgreason.bench.suites.load import read_suite
    from kgreason.bench.suites.parquet import read_origin

    suite, told = read_suite(path), []
    for name, asked in suite.questions.items():
        for one in asked:
            missing = None if one.missing is None else one.missing.tolist()
            told.append([name, one.query, one.easy.tolist(), one.hard.tolist(), one.key, missing])
    return [_digest([told, str(suite.graph), suite.fingerprint, asdict(read_origin(path))])]


def make_run(folder: Path, seed: int) -> Path:
    """Records of a benchmark run."""
    from kgreason.bench.runs.records import FIGURES, FORMAT, Record, RunFile

    random = Random(f"{seed}/run")  # noqa: S311
    suite = {"name": "nations", "types": {"1p": 40}, "sha256": f"{random.getrandbits(256):064x}"}
    header = {"format": FORMAT, "method": {"name": "exact"}, "suites": [suite], "seed": seed}
    with RunFile(folder / "run.jsonl", header) as file:
        for index in range(40):
            figures = {name: random.random() for name in FIGURES}
            ranks = [float(random.randrange(1, 100)) for _ in range(5)]
            told = ("nations", "1p", index, f"({index}, ({random.randrange(9)},))")
            file.append([Record(*told, figures, ranks, random.random())])
    return folder / "run.jsonl"


def run_content(path: Path) -> Content:
    """The header, then each record."""
    from kgreason.bench.runs.records import read_run

    run = read_run(path)
    return [_digest(run.header), *(_digest(asdict(record)) for record in run.records)]


TARGETS: dict[str, Target] = {
    "store": Target(make_store, store_content),
    "suite": Target(make_suite, suite_content),
    "run": Target(make_run, run_content, resumes=True),
    **{name: Target(make, content) for name, (make, content) in MODELS.items()},
}
"""What can be damaged, by name."""


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()


def _range(content: bytes, random: Random, most: int = 200) -> tuple[int, int]:
    start = random.randrange(len(content))
    return start, min(len(content), start + random.randint(1, most))


def _flip(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content))
    flipped = content[place] ^ (1 << random.randrange(8))
    return content[:place] + bytes([flipped]) + content[place + 1 :]


def _byte(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content))
    return content[:place] + random.randbytes(1) + content[place + 1 :]


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content))]


def _insert(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content) + 1)
    return content[:place] + random.randbytes(random.randint(1, 100)) + content[place:]


def _delete(content: bytes, random: Random) -> bytes:
    start, end = _range(content, random)
    return content[:start] + content[end:]


def _swap(content: bytes, random: Random) -> bytes:
    size = random.randint(1, min(512, len(content) // 2))
    one = random.randrange(len(content) - 2 * size + 1)
    other = random.randrange(one + size, len(content) - size + 1)
    parts = content[:one], content[one : one + size], content[one + size : other]
    return parts[0] + content[other : other + size] + parts[2] + parts[1] + content[other + size :]


def _zero(content: bytes, random: Random) -> bytes:
    start, end = _range(content, random, 4096)
    return content[:start] + bytes(end - start) + content[end:]


def _empty(_content: bytes, _random: Random) -> bytes:
    return b""


CORRUPTIONS: dict[str, Callable[[bytes, Random], bytes]] = {
    "flip": _flip,
    "byte": _byte,
    "cut": _cut,
    "insert": _insert,
    "delete": _delete,
    "swap": _swap,
    "zero": _zero,
    "empty": _empty,
}
OTHER = "other"
"""A file in place of another: within a folder of the same kind, else of another kind."""


@dataclass
class Field:
    """Whole artifacts, two of each kind, and damaged copies of them."""

    folder: Path
    whole: dict[str, list[Path]] = field(default_factory=dict)
    expected: dict[str, Content] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, names: tuple[str, ...]) -> Field:
        """Make the artifacts."""
        made = cls(folder)
        for name in names:
            places = [folder / "whole" / name / str(seed) for seed in range(2)]
            for place in places:
                place.mkdir(parents=True)
            target = TARGETS[name]
            made.whole[name] = [target.make(place, seed) for seed, place in enumerate(places)]
            made.expected[name] = target.content(made.whole[name][0])
        return made

    def damaged(self, name: str, kind: str, random: Random) -> Path:
        """A copy with one of its files damaged, in a folder of its own."""
        source = self.whole[name][0]
        place = Path(tempfile.mkdtemp(dir=self.folder)) / source.name
        if source.is_dir():
            shutil.copytree(source, place)
        else:
            place.write_bytes(source.read_bytes())
        victim = random.choice(_files(place))
        before = victim.read_bytes()
        for _ in range(100):
            if kind == OTHER:
                after = self._other(name, random)
            else:
                after = CORRUPTIONS[kind](before, random)
            if after != before:
                break
        victim.write_bytes(after)
        return place

    def _other(self, name: str, random: Random) -> bytes:
        if self.whole[name][0].is_dir():
            names = [name]
        else:
            names = [one for one in self.whole if one != name]
        files = [path for one in names for whole in self.whole[one] for path in _files(whole)]
        if not self.whole[name][0].is_dir():
            # Folders may hold files of this kind.
            files = [path for path in files if path.suffix != self.whole[name][0].suffix]
        return random.choice(files).read_bytes() if files else b"another file"


def _files(path: Path) -> list[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]


def judge(name: str, path: Path, expected: Content) -> str:
    """What became of opening a damaged artifact, and why."""
    target = TARGETS[name]
    try:
        found = target.content(path)
    except KgreasonError as error:
        if path.name in error.message and error.remedy:
            return "refused"
        return f"vague: {error}"
    except BaseException as error:  # panics of libraries derive from it
        return f"traceback: {type(error).__name__}: {error}"
    return "same" if target.is_same(expected, found) else "silent"


def serve() -> None:
    """Judge what is asked on standard input, line by line."""
    for line in sys.stdin:
        name, path, expected = json.loads(line)
        print(json.dumps(judge(name, Path(path), expected)), flush=True)


class Judges:
    """Processes that judge; one that dies is replaced."""

    def __init__(self, count: int, said: IO[bytes]) -> None:
        self._said = said
        self._idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        for _ in range(count):
            self._idle.put(self._start())

    def ask(self, name: str, path: Path, expected: Content) -> str:
        """The verdict of the first process that is free."""
        process = self._idle.get()
        assert process.stdin is not None and process.stdout is not None  # noqa: PT018
        timer = Timer(_PATIENCE, process.kill)
        timer.start()
        process.stdin.write(json.dumps([name, str(path), expected]) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        is_late = timer.finished.is_set()
        timer.cancel()
        self._idle.put(process if answer else self._start())
        if answer:
            return str(json.loads(answer))
        return "hang" if is_late else f"abort: code {process.wait()}"

    def close(self) -> None:
        """End all processes."""
        while not self._idle.empty():
            process = self._idle.get()
            process.communicate()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, __file__, "--serve"]
        pipe = subprocess.PIPE
        return subprocess.Popen(  # noqa: S603
            command, stdin=pipe, stdout=pipe, stderr=self._said, text=True
        )


def cases(count: int, seed: int, names: tuple[str, ...]) -> Iterator[tuple[str, str, Random]]:
    """Kinds of artifact and of damage in turn, each with its own random numbers."""
    kinds = [*CORRUPTIONS, OTHER]
    for number in range(count):
        name, kind = names[number % len(names)], kinds[number // len(names) % len(kinds)]
        yield name, kind, Random(f"{seed}/{number}")  # noqa: S311


@contextmanager
def field_of(names: tuple[str, ...]) -> Iterator[Field]:
    """Artifacts in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        yield Field.of(Path(folder), names)


def main() -> None:
    """Damage, open, count; exit code 1 when anything failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", default=",".join(TARGETS))
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    names = tuple(options.only.split(","))
    counts: Counter[tuple[str, str]] = Counter()
    failures: list[str] = []
    with field_of(names) as made, tempfile.TemporaryFile() as said:
        judges = Judges(options.processes, said)

        def one(case: tuple[str, str, Random]) -> tuple[str, str, str]:
            name, kind, random = case
            path = made.damaged(name, kind, random)
            verdict = judges.ask(name, path, made.expected[name])
            shutil.rmtree(path.parent)
            return name, kind, verdict

        with ThreadPoolExecutor(options.processes) as pool:
            for name, kind, verdict in pool.map(one, cases(options.count, options.seed, names)):
                counts[name, verdict.split(":")[0]] += 1
                if verdict.split(":")[0] in FAILURES:
                    failures.append(f"{name}, {kind}: {verdict}")
        judges.close()
        said.seek(0)
        noise = said.read().decode("utf-8", "replace")
    columns = ("refused", "same", *FAILURES)
    print(f"{'':>10} " + " ".join(f"{column:>9}" for column in columns))
    for name in names:
        print(f"{name:>10} " + " ".join(f"{counts[name, column]:>9,}" for column in columns))
    print(f"lines that libraries wrote to the terminal: {len(noise.splitlines()):,}")
    print(*failures[:20], sep="\n", end="\n" if failures else "")
    sys.exit(bool(failures or noise))


if __name__ == "__main__":
    main()
