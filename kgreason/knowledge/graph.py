"""A knowledge graph: named entities and relations, and facts in splits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgreason.checks import check_path, check_text, shown
from kgreason.choose import require
from kgreason.errors import DataError, UsageError
from kgreason.knowledge.contents import Contents, Ints, Loaded
from kgreason.knowledge.index import FactIndex, concatenate
from kgreason.knowledge.sources.guard import DEFAULT_LIMITS, ReadingLimits
from kgreason.knowledge.vocabulary import Vocabulary

if TYPE_CHECKING:
    import rdflib
    from torch_geometric.data import Data, HeteroData


class KnowledgeGraph:
    """Facts `relation(head, tail)` over a vocabulary, in one or several splits.

    Made by `load`, `open`, `from_rdflib`, `from_frame` or `from_triples`. Immutable.
    """

    def __init__(self, contents: Contents, *, skipped: int = 0) -> None:
        """`skipped` counts the malformed statements a lenient load passed over."""
        self._contents = contents
        self._vocabulary: Vocabulary | None = None
        self._indexes: dict[frozenset[str], FactIndex] = {}
        self._facts: dict[str, Ints] = {}
        self.skipped = skipped

    @property
    def name(self) -> str:
        """What the graph is called, by default after its source."""
        return self._contents.name

    @property
    def entity_count(self) -> int:
        """Number of entities."""
        return self._contents.entity_count

    @property
    def relation_count(self) -> int:
        """Number of base relations."""
        return self._contents.relation_count

    @property
    def splits(self) -> tuple[str, ...]:
        """`("train",)` for a graph without splits; `("train", "valid", "test")` for benchmarks."""
        return tuple(self._contents.fact_counts)

    @property
    def usual_splits(self) -> tuple[str, ...]:
        """The splits whose facts are known unless others are named: `train`, else all."""
        return ("train",) if "train" in self.splits else self.splits

    @property
    def fact_counts(self) -> Mapping[str, int]:
        """Facts per split."""
        return self._contents.fact_counts

    @property
    def vocabulary(self) -> Vocabulary:
        """Names and ids."""
        if self._vocabulary is None:
            self._vocabulary = self._contents.vocabulary()
        return self._vocabulary

    def facts(self, splits: Iterable[str] | None = None) -> Ints:
        """(facts, 3) int32 rows of head, base relation, tail, read-only; None for all splits.

        Raises `UsageError` for a split the graph does not have.
        """
        return concatenate(self._split_facts(split) for split in self._chosen(splits))

    def index(self, splits: Iterable[str] | None = None) -> FactIndex:
        """The facts of these splits indexed both ways; built once per set of splits."""
        chosen = self._chosen(splits)
        key = frozenset(chosen)
        if key not in self._indexes:
            self._indexes[key] = FactIndex.from_facts(
                self.facts(chosen), self.entity_count, self.relation_count
            )
        return self._indexes[key]

    def fingerprint(self, splits: Iterable[str] | None = None) -> str:
        """SHA-256 of the names and of the facts of these splits, None for all: 64 digits."""
        digest = hashlib.sha256(self.vocabulary.fingerprint().encode())
        digest.update(self.facts(splits).astype("<i4").tobytes())
        return digest.hexdigest()

    def with_relations(self, names: Iterable[str]) -> KnowledgeGraph:
        """The same facts among more relations, which have none; itself where all are there."""
        own = self.vocabulary
        every = list(dict.fromkeys((*own.relation_names, *names)))
        if len(every) == own.relation_count:
            return self
        vocabulary = Vocabulary(own.entity_names, every, prefixes=own.prefixes, labels=own.labels)
        facts = {split: self._split_facts(split) for split in self.splits}
        return KnowledgeGraph(Loaded(self.name, vocabulary, facts), skipped=self.skipped)

    def describe(self) -> str:
        """A few lines for people: sizes, splits, kinds of entities, commonest relations."""
        from kgreason.knowledge.describe import describe

        return describe(self)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count:,} {split}" for split, count in self.fact_counts.items())
        return (
            f"KnowledgeGraph({self.name!r}: {self.entity_count:,} entities, "
            f"{self.relation_count:,} relations, facts: {counts})"
        )

    def __reduce__(self) -> tuple[Callable[..., KnowledgeGraph], tuple[Contents, int]]:
        """Pickled, a graph is its contents: the path of a store, or the tables in memory."""
        return _of_contents, (self._contents, self.skipped)

    def _chosen(self, splits: Iterable[str] | None) -> tuple[str, ...]:
        wanted = {splits} if isinstance(splits, str) else None if splits is None else set(splits)
        if wanted is None:
            return self.splits
        for split in sorted(wanted):
            require("split", split, self.splits, owner=self.name)
        return tuple(split for split in self.splits if split in wanted)

    def _split_facts(self, split: str) -> Ints:
        if split not in self._facts:
            rows = self._contents.facts(split).view()
            rows.flags.writeable = False
            self._facts[split] = rows
        return self._facts[split]

    @classmethod
    def load(
        cls,
        *sources: str | Path,
        input_format: str | None = None,
        labels: str | Path | Mapping[str, str] | None = None,
        label_properties: Iterable[str] = (),
        lenient: bool = False,
        name: str | None = None,
        limits: ReadingLimits = DEFAULT_LIMITS,
        progress: Callable[[int], None] | None = None,
    ) -> KnowledgeGraph:
        """Read one or several sources into one graph.

        A source is a file (RDF, TSV, CSV; also .gz, .bz2, .xz, .zst), `-` for standard input, a
        folder in the BetaE layout or with `train`, `valid` and `test` tables, a store, or
        `pykeen:umls`, `pykeen:nations`, `pykeen:kinships`. Named graphs are merged; blank nodes of
        different sources stay apart. `input_format` overrides the suffix. `labels` is a file of
        `name TAB label` lines, or a mapping; `label_properties` names relations whose literals
        are labels, besides rdfs:label and skos:prefLabel. `lenient` passes over malformed
        statements and counts them in `skipped`. `limits` bound how long tokens are, how deep they
        nest and how far data expands. `progress` is called with the facts read so far.
        Raises `DataError` for malformed data, `LimitError` for data beyond the limits and
        `UsageError` for a source that cannot be used.
        """
        from kgreason.knowledge.load import Options, load

        remedy = "name a file, a folder or `-`"
        paths = tuple(check_path(source, "a source", remedy) for source in sources)
        if name is not None:
            check_text(name, "the name of a graph")
        if not isinstance(limits, ReadingLimits):
            raise UsageError(f"limits are {shown(limits)}", remedy="give a ReadingLimits")
        options = Options(input_format, lenient, progress, tuple(label_properties), limits)
        found = load(paths, options, labels, name)
        return cls(found.contents, skipped=found.skipped)

    @classmethod
    def from_rdflib(cls, graph: rdflib.Graph, *, name: str = "rdflib") -> KnowledgeGraph:
        """Take over an rdflib graph or dataset (named graphs merged) with its prefixes."""
        from kgreason.knowledge.load import collected
        from kgreason.knowledge.sources.memory import read_rdflib

        found = collected(lambda collector: read_rdflib(graph, collector), name)
        return cls(found.contents, skipped=found.skipped)

    @classmethod
    def from_frame(cls, frame: object, *, name: str = "frame") -> KnowledgeGraph:
        """Take over a polars or pandas frame with columns head, relation, tail and maybe split."""
        from kgreason.knowledge.load import collected
        from kgreason.knowledge.sources.memory import read_frame

        found = collected(lambda collector: read_frame(frame, collector), name)
        return cls(found.contents, skipped=found.skipped)

    @classmethod
    def from_pyg(
        cls,
        data: Data | HeteroData,
        *,
        entities: Sequence[str] | None = None,
        relations: Sequence[str] | None = None,
        name: str = "pyg",
    ) -> KnowledgeGraph:
        """Take over a graph of PyTorch Geometric: edges with types, masks of edges as splits.

        entities, relations: names by id; without them the data's own, else numbers. Raises
        `DataError` for data without edges or their types, `UsageError` for names that are too few.
        """
        from kgreason.knowledge.pyg import frame_of

        return cls.from_frame(frame_of(data, entities, relations), name=name)

    def to_pyg(self) -> Data:
        """One `torch_geometric.data.Data`: see `kgreason.knowledge.pyg.to_pyg`."""
        from kgreason.knowledge.pyg import to_pyg

        return to_pyg(self)

    def to_pyg_hetero(self) -> HeteroData:
        """One `HeteroData`, its node types by rdf:type: see `kgreason.knowledge.pyg.to_hetero`."""
        from kgreason.knowledge.pyg import to_hetero

        return to_hetero(self)

    @classmethod
    def from_triples(
        cls, triples: Iterable[tuple[str, str, str]], *, name: str = "triples"
    ) -> KnowledgeGraph:
        """A graph of (head, relation, tail) names, ids in order of first appearance."""
        from kgreason.knowledge.load import collected

        check_text(name, "the name of a graph")
        rows = list(triples)
        for number, row in enumerate(rows):
            _check_triple(row, number)
        if not rows:
            raise DataError("no triples were given", remedy="a graph needs at least one fact")
        heads, relations, tails = (list(column) for column in zip(*rows, strict=True))
        return cls(
            collected(lambda collector: collector.add(heads, relations, tails), name).contents
        )

    @classmethod
    def open(cls, path: str | Path) -> KnowledgeGraph:
        """Open a store; names and facts are read when first used.

        Raises `DataError` when it is not a store, or a file is missing or of another size.
        """
        from kgreason.knowledge.store import Stored

        return cls(Stored(Path(path)))

    def save(self, path: str | Path) -> None:
        """Write the graph as a store, a folder of Parquet tables (by custom `name.kg`).

        A store already there is replaced in one step; any other file or folder is refused with
        `UsageError`.
        """
        from kgreason.knowledge.store import write_store

        where = check_path(path, "where a graph is saved", "name a folder, name.kg")
        write_store(self, Path(where))

    def verify(self) -> None:
        """Compare a store's files with their checksums; `DataError` names one that differs."""
        from kgreason.knowledge.store import Stored

        if isinstance(self._contents, Stored):
            self._contents.verify()


def _of_contents(contents: Contents, skipped: int) -> KnowledgeGraph:
    return KnowledgeGraph(contents, skipped=skipped)


def _check_triple(row: object, number: int) -> None:
    if not isinstance(row, tuple | list) or len(row) != 3:
        raise UsageError(
            f"triple {number} is {shown(row)}", remedy="give (head, relation, tail), three names"
        )
    for name, what in zip(row, ("head", "relation", "tail"), strict=True):
        check_text(name, f"the {what} of triple {number}")
