"""Answers as text: the W3C SPARQL 1.1 results formats.

The truth is an ordinary binding of type xsd:double under the name of the truth column, so every
SPARQL client reads it. Names that are not IRIs are written as IRIs by percent-encoding what an IRI
may not hold. What a budget left open is said within JSON and XML; CSV and TSV have no place for it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from kgreason.answers.answer import Answers
from kgreason.choose import unknown
from kgreason.errors import UsageError

_DOUBLE = "http://www.w3.org/2001/XMLSchema#double"
_STRING = "http://www.w3.org/2001/XMLSchema#string"
_LITERAL = re.compile(r'"((?:[^"\\]++|\\.)*+)"(?:@([A-Za-z0-9-]+)|\^\^<([^>]*)>)?', re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_PLAIN = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f"}

_NOT_IN_IRI = re.compile(r'[\x00-\x20<>"{}|^`\\\x7f-\x9f]')
_SAFE = "/:#?&=;,.~+@!$'()*-_%"
_ALL_SAFE = re.compile(f"[A-Za-z0-9{re.escape(_SAFE)}]*")
_BLANK = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?")
_NOT_IN_XML = re.compile("[^\t\n\r\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Readers of XML take a bare carriage return for a newline, and some trim white space.
_MAY_BE_TRIMMED = re.compile(r"\r|(?<![^ \t\n\r])[ \t\n]|[ \t\n](?![^ \t\n\r])")
# What a Turtle string writes by a letter; rdflib reads no escapes by number.
_TSV_ESCAPES = str.maketrans(
    {
        "\\": r"\\",
        '"': r"\"",
        "\t": r"\t",
        "\n": r"\n",
        "\r": r"\r",
        "\b": r"\b",
        "\f": r"\f",
    }
)
# Turtle reads a bare number as a double only with an exponent.
_BARE_DOUBLE = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+")

# An answer on each line: with `indent`, Python's encoder takes ten times as long.
_ENCODE = json.JSONEncoder(ensure_ascii=False).encode

Binding = dict[str, str]


def binding(term: str) -> Binding:
    """A term's name as an entry of the JSON results format."""
    if term.startswith("<") and term.endswith(">") and not term.startswith("<<"):
        return {"type": "uri", "value": _iri(term[1:-1])}
    if term.startswith("_:"):
        label = term[2:]
        return {"type": "bnode", "value": label if _BLANK.fullmatch(label) else _coded(label)}
    found = _LITERAL.fullmatch(term)
    if not found:
        # Most names need no code, and to see that takes less time than to write one.
        iri = term if _ALL_SAFE.fullmatch(term) else quote(term, safe=_SAFE)
        return {"type": "uri", "value": iri}
    text, language, datatype = found.groups()
    entry = {"type": "literal", "value": _ESCAPE.sub(_unescaped, text)}
    if language:
        entry["xml:lang"] = language
    elif datatype and datatype != _STRING:
        entry["datatype"] = _iri(datatype)
    return entry


def _iri(text: str) -> str:
    """An IRI without the characters that none may hold: tables name entities as they like."""
    return _NOT_IN_IRI.sub(lambda found: quote(found[0], safe=""), text)


def _coded(label: str) -> str:
    """A label for a blank node whose own is none, one for one."""
    return f"x{label.encode().hex()}"


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "uU" and len(code) > 1:
        return chr(int(code[1:], 16))
    return _PLAIN.get(code, code)


def _rows(answers: Answers) -> Iterator[dict[str, Binding]]:
    for answer in answers:
        row = dict(zip(answers.columns, map(binding, answer.terms), strict=True))
        row[answers.truth_column] = {
            "type": "literal",
            "datatype": _DOUBLE,
            "value": repr(answer.truth),
        }
        yield row


def to_json(answers: Answers) -> str:
    """SPARQL 1.1 Query Results JSON; a yes/no question gives `boolean` (its truth is above 0)."""
    if answers.is_boolean:
        return (
            json.dumps({"head": {}, "boolean": bool(answers)} | _left_open(answers), indent=1)
            + "\n"
        )
    head = _ENCODE({"vars": [*answers.columns, answers.truth_column]})
    rows = ",\n  ".join(_json_rows(answers))
    left_open = "".join(f',\n"{name}": {_ENCODE(one)}' for name, one in _left_open(answers).items())
    return f'{{"head": {head},\n"results": {{"bindings": [\n  {rows}\n]}}{left_open}}}\n'


def _json_rows(answers: Answers) -> Iterator[str]:
    names = [f"{_ENCODE(name)}: " for name in answers.columns]
    truth = f'{_ENCODE(answers.truth_column)}: {{"type": "literal", "datatype": "{_DOUBLE}", '
    for answer in answers:
        cells = [
            name + _json(binding(term)) for name, term in zip(names, answer.terms, strict=True)
        ]
        cells.append(f'{truth}"value": "{answer.truth!r}"}}')
        yield f"{{{', '.join(cells)}}}"


def _json(entry: Binding) -> str:
    # The encoder is much faster at a string than at a dictionary.
    members = [f'"{key}": {_ENCODE(value)}' for key, value in entry.items()]
    return f"{{{', '.join(members)}}}"


def _left_open(answers: Answers) -> dict[str, Any]:
    """What a budget left open, as a member that readers of the format pass over."""
    if answers.certain:
        return {}
    return {"open": {"certain": False, "complete": answers.complete, "others": answers.others}}


def to_xml(answers: Answers) -> str:
    """SPARQL 1.1 Query Results XML."""
    names = [*answers.columns, answers.truth_column]
    lines = ['<?xml version="1.0"?>', '<sparql xmlns="http://www.w3.org/2005/sparql-results#">']
    if not answers.certain:
        lines.append(f"  <!-- not proved: what is not shown has at most {answers.others!r} -->")
    if answers.is_boolean:
        lines += ["  <head/>", f"  <boolean>{str(bool(answers)).lower()}</boolean>", "</sparql>"]
        return "\n".join(lines) + "\n"
    lines.append("  <head>")
    lines += [f"    <variable name={quoteattr(name)}/>" for name in names]
    lines += ["  </head>", "  <results>"]
    for number, row in enumerate(_rows(answers), start=1):
        lines.append("    <result>")
        for name, entry in row.items():
            _require_xml(entry["value"], number, name)
            lines.append(f"      <binding name={quoteattr(name)}>{_xml(entry)}</binding>")
        lines.append("    </result>")
    return "\n".join([*lines, "  </results>", "</sparql>"]) + "\n"


def _xml(entry: Binding) -> str:
    kind = entry["type"]
    attribute = "".join(
        f" {key}={quoteattr(entry[key])}" for key in ("xml:lang", "datatype") if key in entry
    )
    value = _MAY_BE_TRIMMED.sub(lambda found: f"&#{ord(found[0])};", escape(entry["value"]))
    return f"<{kind}{attribute}>{value}</{kind}>"


def _require_xml(text: str, number: int, name: str) -> None:
    """XML 1.0 has no way to write most control characters, not even by number."""
    if found := _NOT_IN_XML.search(text):
        raise UsageError(
            f"answer {number}, ?{name}: XML cannot hold the character U+{ord(found[0]):04X} in "
            f"{text[:40]!r}",
            remedy="choose another results format: json, csv or tsv",
        )


def to_csv(answers: Answers) -> str:
    """SPARQL 1.1 Query Results CSV: bare values, CRLF line ends."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*answers.columns, answers.truth_column])
    for row in _rows(answers):
        writer.writerow(
            [f"_:{e['value']}" if e["type"] == "bnode" else e["value"] for e in row.values()]
        )
    return out.getvalue()


def to_tsv(answers: Answers) -> str:
    """SPARQL 1.1 Query Results TSV: terms in Turtle syntax."""
    names = "\t".join(f"?{name}" for name in [*answers.columns, answers.truth_column])
    lines = []
    for row in _rows(answers):
        truth = row.pop(answers.truth_column)["value"]
        cells = [*map(_turtle, row.values()), truth if "e" in truth else f"{truth}e0"]
        lines.append("\t".join(cells))
    return "\n".join([names, *lines]) + "\n"


def _turtle(entry: Binding) -> str:
    value = entry["value"]
    if entry["type"] == "uri":
        return f"<{value}>"
    if entry["type"] == "bnode":
        return f"_:{value}"
    if entry.get("datatype") == _DOUBLE and _BARE_DOUBLE.fullmatch(value):
        return value
    text = f'"{value.translate(_TSV_ESCAPES)}"'
    if "xml:lang" in entry:
        return f"{text}@{entry['xml:lang']}"
    return f"{text}^^<{entry['datatype']}>" if "datatype" in entry else text


FORMATS: dict[str, Callable[[Answers], str]] = {
    "json": to_json,
    "xml": to_xml,
    "csv": to_csv,
    "tsv": to_tsv,
}

_MIME = {
    "application/sparql-results+json": "json",
    "application/json": "json",
    "application/sparql-results+xml": "xml",
    "application/xml": "xml",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
}


def format_name(result_format: str) -> str:
    """The short name of a format given by its short or MIME name; UsageError where unknown."""
    name = _MIME.get(result_format, result_format)
    if name not in FORMATS:
        raise unknown("results format", result_format, ("table", *FORMATS, *_MIME), UsageError)
    return name


def serialize(answers: Answers, result_format: str) -> str:
    """Answers in a format by its short or MIME name; UsageError for one that is not known."""
    name = format_name(result_format)
    if answers.is_boolean and name in ("csv", "tsv"):
        return f"{answers.truth_column}\n{answers.truth!r}\n"
    return FORMATS[name](answers)
