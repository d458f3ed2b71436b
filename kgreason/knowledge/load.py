"""From sources to the contents of one knowledge graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kgreason.errors import DataError, UsageError, remedy_for
from kgreason.knowledge.contents import Contents, Loaded
from kgreason.knowledge.interner import Collector
from kgreason.knowledge.labels import collect_labels, read_labels
from kgreason.knowledge.sources.betae import is_betae, read_betae
from kgreason.knowledge.sources.bundled import PYKEEN, bundled_folder
from kgreason.knowledge.sources.guard import DEFAULT_LIMITS, ReadingLimits
from kgreason.knowledge.sources.kgindex import is_kgindex, read_kgindex
from kgreason.knowledge.sources.query2box import is_query2box, read_query2box
from kgreason.knowledge.sources.rdf import read_rdf
from kgreason.knowledge.sources.statements import RDF_FORMATS
from kgreason.knowledge.sources.streams import Source, format_of
from kgreason.knowledge.sources.tables import (
    TABLE_FORMATS,
    is_split_folder,
    read_splits,
    read_table,
)
from kgreason.knowledge.store import Stored, is_store, read_store
from kgreason.knowledge.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Options:
    """How to read: see `KnowledgeGraph.load`."""

    input_format: str | None = None
    lenient: bool = False
    progress: Callable[[int], None] | None = None
    label_properties: tuple[str, ...] = ()
    limits: ReadingLimits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class Read:
    """What was read; skipped: malformed statements that a lenient load passed over."""

    contents: Contents
    skipped: int = 0


def load(
    sources: tuple[str, ...],
    options: Options,
    labels: str | Path | Mapping[str, str] | None,
    name: str | None,
) -> Read:
    """See `KnowledgeGraph.load`."""
    if not sources:
        raise UsageError("no source was given", remedy="name a file, a folder or `-`")
    try:
        return _load(sources, options, labels, name)
    except OSError as error:
        # The readers tell what is wrong with files; this is about paths that lead nowhere.
        place = error.filename or ", ".join(sources)
        reason = error.strerror or error
        raise DataError(f"{place}: {reason}", remedy=remedy_for(error)) from error


def _load(
    sources: tuple[str, ...],
    options: Options,
    labels: str | Path | Mapping[str, str] | None,
    name: str | None,
) -> Read:
    plain = labels is None and name is None and not options.label_properties
    if len(sources) == 1 and plain and is_store(Path(sources[0])):
        return Read(Stored(Path(sources[0])))

    def read(collector: Collector) -> None:
        for source in sources:
            _read_source(source, collector, options)
            collector.end_source()

    return collected(
        read,
        name or source_name(sources[0]),
        None if labels is None else read_labels(labels, options.limits),
        "+".join(sources),
        options.label_properties,
    )


def collected(
    read: Callable[[Collector], None],
    name: str,
    labels: Mapping[str, str] | None = None,
    origin: str | None = None,
    label_properties: tuple[str, ...] = (),
) -> Read:
    """Run a reader and take what it collected; `DataError` when that holds no fact."""
    collector = Collector()
    read(collector)
    facts = dict(collector.facts())
    if not any(len(rows) for rows in facts.values()):
        skipped = f" ({collector.skipped} malformed skipped)" if collector.skipped else ""
        raise DataError(
            f"{origin or name}: no facts{skipped}", remedy="a graph needs at least one fact"
        )
    entities = collector.entities.names()
    relations = collector.relations.names()
    prefixes, skipped_count = collector.prefixes, collector.skipped
    table = collect_labels(
        entities, relations, facts, labels or {}, collector.labels, label_properties
    )
    vocabulary = Vocabulary(entities, relations, prefixes=prefixes, labels=table)
    return Read(Loaded(name, vocabulary, facts), skipped_count)


def source_name(source: str) -> str:
    """A short name for a graph after its source."""
    if source == "-":
        return "stdin"
    if source.startswith(PYKEEN):
        return source.removeprefix(PYKEEN)
    path = Path(source).resolve()
    name = path.name
    while path.suffix and not path.is_dir() and Path(name).suffix:
        name = Path(name).stem
    # A path may hold bytes that are no text; a name may not.
    return name.encode("utf-8", "replace").decode()


def _read_source(source: str, collector: Collector, options: Options) -> None:
    if source.startswith(PYKEEN):
        read_splits(bundled_folder(source), collector, options.lenient, options.limits)
        return
    path = Path(source)
    if source != "-" and path.is_dir():
        _read_folder(path, collector, options)
        return
    if source != "-" and not path.exists():
        raise DataError(f"{source}: no such file or folder", remedy="check the path")
    kind = format_of(source, options.input_format, (*RDF_FORMATS, *TABLE_FORMATS))
    opened = Source(source, options.limits)
    if kind in TABLE_FORMATS:
        read_table(opened, kind, collector, options.lenient, options.progress)
    else:
        read_rdf(opened, kind, collector, options.lenient, options.progress)


def _read_folder(path: Path, collector: Collector, options: Options) -> None:
    if is_store(path):
        read_store(path, collector)
    elif is_betae(path):
        read_betae(path, collector)
    elif is_kgindex(path):
        read_kgindex(path, collector)
    elif is_query2box(path):
        read_query2box(path, collector)
    elif is_split_folder(path):
        read_splits(path, collector, options.lenient, options.limits)
    else:
        raise DataError(
            f"{path}: a folder that is neither a store, nor the layout of a benchmark, "
            "nor train/valid/test tables",
            remedy="name the files in it, or a folder with id2ent.pkl, id2rel.pkl and train.txt",
        )
