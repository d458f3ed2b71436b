"""The published archives, one TOML file each in `descriptions/` (at the top: `datasets/`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from kgreason.choose import unknown
from kgreason.errors import DataError, UnknownNameError

LAYOUTS = ("betae", "query2box", "efo1", "efok", "plus-h")
"""The folder layouts that `kgreason.bench` reads."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_ADDRESS = re.compile(r"https?://\S+")
_DIGESTS = {"sha256": 64, "md5": 32}
_TEXTS = ("name", "title", "layout", "page", "licence", "archive", "notes", *_DIGESTS)
_LISTS = ("addresses", "suites", "files")
_REQUIRED = ("name", "title", "layout", "page", "licence", "archive")


@dataclass(frozen=True, slots=True)
class Dataset:
    """One upstream archive.

    addresses: where it is fetched from, in order of preference; none when it can only be had by
    hand from `page`. size: bytes. sha256, md5: hexadecimal, of the archive, "" where nobody
    published one. suites: folders inside it that hold questions. files: paths that must be in it.
    citation: BibTeX fields, with `type` and `key`.
    """

    name: str
    title: str
    layout: str
    page: str
    licence: str
    archive: str
    addresses: tuple[str, ...] = ()
    size: int | None = None
    sha256: str = ""
    md5: str = ""
    suites: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    notes: str = ""
    citation: Mapping[str, str] = field(default_factory=dict)

    def bibtex(self) -> str:
        """The citation as a BibTeX entry."""
        entries = {k: v for k, v in self.citation.items() if k not in ("type", "key")}
        lines = [f"  {name} = {{{value}}}," for name, value in entries.items()]
        head = f"@{self.citation.get('type', 'misc')}{{{self.citation.get('key', self.name)},"
        return "\n".join([head, *lines, "}"])


@cache
def catalog() -> dict[str, Dataset]:
    """Every described archive by name, in alphabetical order."""
    folder = resources.files("kgreason") / "data" / "descriptions"
    found = {}
    for file in folder.iterdir():
        if file.name.endswith(".toml"):
            dataset = read_dataset(file.read_text(encoding="utf-8"), file.name)
            found[dataset.name] = dataset
    return dict(sorted(found.items()))


def find_dataset(name: str) -> Dataset:
    """The archive of that name; UnknownNameError with the nearest names."""
    known = catalog()
    if name not in known:
        raise unknown("data set", name, known, UnknownNameError)
    return known[name]


def read_dataset(text: str, where: str) -> Dataset:
    """A description from its TOML text; DataError naming what is wrong in it."""
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{where}: not TOML ({error})") from error
    if problem := _problem(fields):
        raise DataError(f"{where}: {problem}", remedy="see the other descriptions beside it")
    for name in _LISTS:
        fields[name] = tuple(fields.get(name, ()))
    return Dataset(**fields)


def _problem(fields: dict[str, Any]) -> str | None:
    unknown = set(fields) - {*_TEXTS, *_LISTS, "size", "citation"}
    if unknown:
        return f"unknown field {min(unknown)!r}"
    if missing := [name for name in _REQUIRED if not fields.get(name)]:
        return f"the field {missing[0]!r} is missing"
    if wrong := [name for name in _TEXTS if not isinstance(fields.get(name, ""), str)]:
        return f"{wrong[0]!r} is not a text"
    for name in _LISTS:
        listed = fields.get(name, [])
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            return f"{name!r} is not a list of texts"
    if not isinstance(fields.get("citation", {}), dict):
        return "'citation' is not a table"
    return _problem_of_values(fields)


def _problem_of_values(fields: dict[str, Any]) -> str | None:
    if not _NAME.fullmatch(fields["name"]):
        return f"the name {fields['name']!r} is not of small letters, digits and hyphens"
    if fields["layout"] not in LAYOUTS:
        return f"the layout {fields['layout']!r} is none of {', '.join(LAYOUTS)}"
    if bad := [one for one in fields.get("addresses", ()) if not _ADDRESS.fullmatch(one)]:
        return f"{bad[0]!r} is not an http address"
    for name, length in _DIGESTS.items():
        if fields.get(name) and not re.fullmatch(rf"[0-9a-f]{{{length}}}", fields[name]):
            return f"{name!r} is not {length} hexadecimal digits"
    size = fields.get("size", 1)
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        return "'size' is not a number of bytes"
    return None
