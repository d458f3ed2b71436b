"""Answers as text: the W3C SPARQL 1.1 results formats.

The truth is an ordinary binding of type xsd:double under the name of the truth column, so every
SPARQL client reads it. Names that are not IRIs are written as IRIs by percent-encoding what an IRI
may not hold.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from kgreason.answers.answer import Answers
from kgreason.choose import unknown
from kgreason.errors import UsageError

_DOUBLE = "http://www.w3.org/2001/XMLSchema#double"
_STRING = "http://www.w3.org/2001/XMLSchema#string"
_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"(?:@([A-Za-z0-9-]+)|\^\^<([^>]*)>)?', re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_PLAIN = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f"}

Binding = dict[str, str]


def binding(term: str) -> Binding:
    """A term's name as an entry of the JSON results format."""
    if term.startswith("<") and term.endswith(">"):
        return {"type": "uri", "value": term[1:-1]}
    if term.startswith("_:"):
        return {"type": "bnode", "value": term[2:]}
    found = _LITERAL.fullmatch(term)
    if not found:
        return {"type": "uri", "value": quote(term, safe="/:#?&=;,.~+@!$'()*-_%")}
    text, language, datatype = found.groups()
    entry = {"type": "literal", "value": _ESCAPE.sub(_unescaped, text)}
    if language:
        entry["xml:lang"] = language
    elif datatype and datatype != _STRING:
        entry["datatype"] = datatype
    return entry


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "uU" and len(code) > 1:
        return chr(int(code[1:], 16))
    return _PLAIN.get(code, code)


def _rows(answers: Answers) -> list[dict[str, Binding]]:
    rows = []
    for answer in answers:
        row = dict(zip(answers.columns, map(binding, answer.terms), strict=True))
        row[answers.truth_column] = {
            "type": "literal",
            "datatype": _DOUBLE,
            "value": repr(answer.truth),
        }
        rows.append(row)
    return rows


def to_json(answers: Answers) -> str:
    """SPARQL 1.1 Query Results JSON; a yes/no question gives `boolean` (its truth is above 0)."""
    if answers.is_boolean:
        return (
            json.dumps({"head": {}, "boolean": bool(answers)} | _left_open(answers), indent=1)
            + "\n"
        )
    head = {"vars": [*answers.columns, answers.truth_column]}
    found = {"head": head, "results": {"bindings": _rows(answers)}} | _left_open(answers)
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


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
    for row in _rows(answers):
        lines.append("    <result>")
        lines += [
            f"      <binding name={quoteattr(name)}>{_xml(entry)}</binding>"
            for name, entry in row.items()
        ]
        lines.append("    </result>")
    return "\n".join([*lines, "  </results>", "</sparql>"]) + "\n"


def _xml(entry: Binding) -> str:
    kind = entry["type"]
    attribute = "".join(
        f" {key}={quoteattr(entry[key])}" for key in ("xml:lang", "datatype") if key in entry
    )
    return f"<{kind}{attribute}>{escape(entry['value'])}</{kind}>"


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
    lines = ["\t".join(_turtle(e) for e in row.values()) for row in _rows(answers)]
    return "\n".join([names, *lines]) + "\n"


def _turtle(entry: Binding) -> str:
    value = entry["value"]
    if entry["type"] == "uri":
        return f"<{value}>"
    if entry["type"] == "bnode":
        return f"_:{value}"
    if entry.get("datatype") == _DOUBLE:
        # Turtle reads a bare number as a double only with an exponent.
        return value if "e" in value else f"{value}e0"
    text = json.dumps(value, ensure_ascii=False)
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
