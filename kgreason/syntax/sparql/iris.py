"""An IRI as it is relative to a base, for any scheme. Source: RFC 3986, section 5.

An IRI with a scheme of its own stays as written: it is the same with a base and without.
"""

from __future__ import annotations

import re

_PARTS = re.compile(
    r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?)((?://[^/?#]*)?)([^?#]*)((?:\?[^#]*)?)((?:#.*)?)", re.DOTALL
)


def resolved(base: str, iri: str) -> str:
    """What an IRI, absolute or relative, stands for where a base is declared."""
    scheme, host, path, query, fragment = _parts(iri)
    base_scheme, base_host, base_path, base_query, _ = _parts(base)
    if scheme:
        return iri
    if host:
        return base_scheme + iri
    if not path:
        return base_scheme + base_host + base_path + (query or base_query) + fragment
    if not path.startswith("/"):
        folder = base_path[: base_path.rfind("/") + 1]
        path = (folder or "/" * bool(base_host)) + path
    return base_scheme + base_host + _without_dots(path) + query + fragment


def _parts(iri: str) -> tuple[str, ...]:
    """Scheme, host, path, query and fragment, each with its sign, that put together are the IRI."""
    match = _PARTS.fullmatch(iri)
    return match.groups() if match else ("", "", iri, "", "")


def _without_dots(path: str) -> str:
    """A path whose steps `.` and `..` are taken."""
    root = "/" if path.startswith("/") else ""
    kept: list[str] = []
    steps = path.removeprefix("/").split("/")
    for step in steps:
        if step == "..":
            del kept[-1:]
        elif step != ".":
            kept.append(step)
    if steps[-1] in (".", ".."):
        kept.append("")
    return root + "/".join(kept)
