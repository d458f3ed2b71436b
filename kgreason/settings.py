"""How questions are answered: every setting and its default, and what an engine is made from.

`Settings` says what truths mean and where they are computed; `Recipe` adds the graph and the models
to it. Both are frozen values that can be pickled, and the recipe's key is that of the row cache.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, get_args

from kgreason.checks import shown
from kgreason.choose import require
from kgreason.errors import UsageError
from kgreason.files.cache import find_model_file
from kgreason.truth.logic import PRODUCT, Logic, resolve_logic

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph

FACTS = "facts"
"""The model that knows the graph's facts and predicts nothing."""
AUTO = "auto"
"""The calibration that suits the model."""
ALL = "all"
"""Every split of the graph, where splits are named."""
DEFAULT_MEMORY = 2 << 30
"""Bytes of working memory."""

Dtype = Literal["float32", "float64", "bfloat16"]
Semantics = Literal["text", "dnf"]
DTYPES: tuple[str, ...] = get_args(Dtype)
SEMANTICS: tuple[str, ...] = get_args(Semantics)

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE | re.ASCII)
_DEVICE = re.compile(r"[a-z]+(:\d{1,3})?")


def size(text: str) -> int:
    """`2GiB`, `512MB`, `1.5G` (binary without the B), `4096` -> bytes, at least one."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is not a size", remedy="write for example 2GiB or 512MB")
    number, unit, binary = found.groups()
    decimal = text.rstrip().lower().endswith("b") and not binary
    value = float(number) * (1000 if decimal else 1024) ** " kmgt".index(unit.lower() or " ")
    if value < 1:
        raise UsageError(f"{text!r} is no memory at all", remedy="write for example 2GiB")
    if not math.isfinite(value):
        raise UsageError(f"{text[:20]}… is no size", remedy="write for example 2GiB")
    return int(value)


def spell_size(count: int) -> str:
    """Bytes as `size` reads them: 2147483648 -> `2GiB`."""
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if count % 1024**power == 0:
            return f"{count // 1024**power}{unit}"
    return str(count)


def truth(text: str) -> float | None:
    """`0.9` -> 0.9, `none` -> None; UsageError for a text that is neither."""
    if text.strip().lower() == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is not a truth in (0, 1]",
            remedy="write for example 1.0, or none to leave known facts as scored",
        ) from None


def names(text: str) -> tuple[str, ...]:
    """`a, b` -> (a, b)."""
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def _wrong_type(setting: str, value: object, wanted: str) -> UsageError:
    return UsageError(f"{setting} is {shown(value)}", remedy=f"give {wanted}")


def _are_texts(given: object) -> bool:
    return isinstance(given, tuple) and all(isinstance(one, str) for one in given)


def _check_names(observed: object) -> None:
    if observed is not None and not _are_texts(observed):
        raise _wrong_type("observed", observed, "names of splits, or None for the usual ones")


def _check_truth(value: object) -> None:
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 0 < value <= 1:  # type: ignore[operator]
        raise _wrong_type(
            "observed_truth", value, "a number in (0, 1], or None to leave facts as scored"
        )


def _check_count(setting: str, value: object, wanted: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _wrong_type(setting, value, wanted)


def _check_fits(memory: int, device: str) -> None:
    """UsageError for more memory than there is; how much another device has is not asked."""
    there = machine_memory()
    if device == "cpu" and there is not None and memory > there:
        raise UsageError(
            f"max_memory is {memory / 2**30:,.0f} GiB, and this machine has "
            f"{there / 2**30:,.1f} GiB",
            remedy="give less, with room for the graph and the model",
        )


def machine_memory() -> int | None:
    """Bytes of this machine's memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


class Choices(TypedDict, total=False):
    """Settings as people write them: the fields of `Settings`, with texts where they are usual."""

    logic: str | Logic
    semantics: str
    observed: str | Iterable[str] | None
    observed_truth: float | str | None
    calibration: str
    device: str
    dtype: str
    max_memory: int | str
    row_cache: str | Path | None
    frontier: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What truths mean and where they are computed.

    logic: how truths are combined. semantics: of the question as written, or of its disjunctive
    normal form. observed: splits whose facts are known, None for the graph's usual ones. observed_
    truth: the truth of a known fact, in (0, 1], None to leave it as the model scores it.
    calibration: from scores to truths, `auto` for what suits the model. device: cpu, cuda, cuda:1.
    dtype: of scores. max_memory: bytes of working memory. row_cache: a folder that keeps the rows
    of a model, None for none. frontier: how many candidates of a variable a beam keeps, None for
    all. Raises UsageError for a value out of range; `of` reads texts too.
    """

    logic: Logic = PRODUCT
    semantics: Semantics = "text"
    observed: tuple[str, ...] | None = None
    observed_truth: float | None = 1.0
    calibration: str = AUTO
    device: str = "cpu"
    dtype: Dtype = "float32"
    max_memory: int = DEFAULT_MEMORY
    row_cache: Path | None = None
    frontier: int | None = None

    @classmethod
    def of(cls, **choices: Unpack[Choices]) -> Settings:
        """Settings from what a person writes: `max_memory="2GiB"`, `observed="train,valid"`."""
        return cls().but(**choices)

    def but(self, **choices: Unpack[Choices]) -> Settings:
        """The same settings with some changed, given as for `of`."""
        for name in choices:
            require("setting", name, _READERS)
        return replace(self, **{name: _READERS[name](value) for name, value in choices.items()})

    def __post_init__(self) -> None:
        if not isinstance(self.logic, Logic):
            raise _wrong_type("logic", self.logic, "a logic or its name, such as product")
        require("semantics", self.semantics, SEMANTICS)
        require("dtype", self.dtype, DTYPES)
        _check_names(self.observed)
        if self.observed_truth is not None:
            _check_truth(self.observed_truth)
            object.__setattr__(self, "observed_truth", float(self.observed_truth))
        if not isinstance(self.calibration, str):
            raise _wrong_type("calibration", self.calibration, "a name, such as softmax-degree")
        if not isinstance(self.device, str) or not _DEVICE.fullmatch(self.device):
            raise _wrong_type("device", self.device, "cpu, cuda or cuda:1")
        _check_count("max_memory", self.max_memory, "a number of bytes, or a text such as 2GiB")
        _check_fits(self.max_memory, self.device)
        if self.row_cache is not None and not isinstance(self.row_cache, Path):
            raise _wrong_type("row_cache", self.row_cache, "the path of a folder")
        if self.frontier is not None:
            _check_count("frontier", self.frontier, "a number of candidates from 1 on")

    def splits(self, graph: KnowledgeGraph) -> tuple[str, ...]:
        """The splits of a graph whose facts are known. UsageError for one that it lacks."""
        if self.observed is None:
            return graph.usual_splits
        if self.observed == (ALL,):
            return graph.splits
        for split in self.observed:
            require("split", split, graph.splits, owner=graph.name)
        return self.observed


def _read_names(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return None if value is None else names(value)
    return tuple(value) if isinstance(value, Iterable) else value


# How each setting is read from what a person writes; `Settings` checks what comes out.
_READERS: Mapping[str, Callable[[Any], Any]] = {
    **{field.name: lambda value: value for field in fields(Settings)},
    "logic": lambda value: resolve_logic(value) if isinstance(value, str) else value,
    "observed": _read_names,
    "observed_truth": lambda value: truth(value) if isinstance(value, str) else value,
    "max_memory": lambda value: size(value) if isinstance(value, str) else value,
    "row_cache": lambda value: Path(value) if isinstance(value, str) else value,
}


USUAL = Settings()
"""Every setting at its default."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an engine is made from; pickled, it makes an equal engine elsewhere.

    graph: the sources it is loaded from, or a graph in memory. models: `facts`, paths, or names of
    models that were pulled, which become paths; several are mixed. Raises UsageError for what does
    not fit together.
    """

    graph: tuple[str, ...] | KnowledgeGraph
    models: tuple[str, ...] = (FACTS,)
    settings: Settings = USUAL

    def __post_init__(self) -> None:
        in_memory = hasattr(self.graph, "fingerprint")
        if not in_memory and not (_are_texts(self.graph) and self.graph):
            raise _wrong_type("graph", self.graph, "a tuple of sources, or a KnowledgeGraph")
        if not _are_texts(self.models) or not self.models:
            raise _wrong_type("models", self.models, f"a tuple of paths, or ({FACTS!r},)")
        object.__setattr__(self, "models", tuple(map(find_model_file, self.models)))
        if not isinstance(self.settings, Settings):
            raise _wrong_type("settings", self.settings, "Settings")
        truth = self.settings.observed_truth
        if self.predicts_nothing and truth not in (None, 1.0):
            raise UsageError(
                f"known facts have truth 1 without a model, not {truth:g}",
                remedy="give a model, or leave out observed_truth (--observed-truth)",
            )

    def __reduce__(self) -> tuple[type[Recipe], tuple[object, ...]]:
        """Pickled with absolute paths, which mean the same in a process with another folder."""
        graph = self.graph if not isinstance(self.graph, tuple) else _absolute(self.graph)
        return Recipe, (graph, _absolute(self.models), self.settings)

    @property
    def predicts_nothing(self) -> bool:
        """Whether known facts are all that is true."""
        return set(self.models) == {FACTS}

    def key(self, graph: KnowledgeGraph) -> str:
        """SHA-256 of all that decides the bits of a row: 64 hexadecimal digits."""
        return key_digest(self.row_key(graph))

    def row_key(self, graph: KnowledgeGraph) -> dict[str, str]:
        """All that decides the bits of a row, by name; `graph` is the one of this recipe.

        UsageError for a model that cannot be read.
        """
        own = self.settings
        observed = own.splits(graph)
        # The weights of models side by side are learned from facts that are not observed.
        used = observed if len(self.models) == 1 else graph.splits
        known = graph.fingerprint(observed)
        return {
            # A mixture's file holds the hashes of its members.
            "models": " ".join(model_fingerprint(model) for model in self.models),
            "observed": known,
            "facts": known if used == observed else graph.fingerprint(used),
            "observed truth": str(own.observed_truth),
            "calibration": own.calibration,
            "dtype": own.dtype,
            # Other devices and versions round otherwise.
            "device": own.device.partition(":")[0],
            "torch": _version_of("torch"),
            "kgreason": _version_of("kgreason"),
        }


def _absolute(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Paths that exist made absolute; `facts` and `pykeen:umls` stay."""
    return tuple(
        str(Path(one).absolute()) if one != FACTS and Path(one).exists() else one for one in paths
    )


def key_digest(key: Mapping[str, str]) -> str:
    """SHA-256 of the parts of a key, whatever their order: 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(dict(key), sort_keys=True).encode()).hexdigest()


def model_fingerprint(model: str) -> str:
    """SHA-256 of a model's file, or of the names and contents of a folder's files; `facts` itself.

    UsageError for a file that cannot be read.
    """
    if model == FACTS:
        return FACTS
    path = Path(model)
    try:
        if path.is_dir():
            digest = hashlib.sha256()
            for file in sorted(one for one in path.rglob("*") if one.is_file()):
                digest.update(f"{file.relative_to(path)}\n{_hash_of(file)}\n".encode())
            return digest.hexdigest()
        return _hash_of(path)
    except OSError as error:
        raise UsageError(
            f"cannot read the model {path}: {error.strerror or error}",
            remedy="give the path of a checkpoint",
        ) from error


def _version_of(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
