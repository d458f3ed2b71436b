"""Fetching one file over HTTP: resumed after an interruption, whole at the end or not there."""

from __future__ import annotations

import errno
import json
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import Any

from kgreason.data.members import MAX_BYTES
from kgreason.errors import DataError, LimitError

Progress = Callable[[int, int | None], None]
"""Called with the bytes there are and the bytes there will be, where the server says so."""

_CHUNK = 1 << 18
_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""HTTP answers after which the same request may succeed later."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to try: seconds for one answer, attempts without a new byte, first pause."""

    timeout: float = 30.0
    attempts: int = 4
    pause: float = 1.0


class _InterruptedError(Exception):
    """The transfer stopped before its end; what has come stays in the `.part` file."""


class _RefusedError(DataError):
    """The server has answered that it will not give the file."""


def download(
    addresses: Sequence[str],
    target: Path,
    progress: Progress | None = None,
    patience: Patience | None = None,
    *,
    size: int | None = None,
) -> str:
    """Fetch `target` from the first address that has it; the address that gave it.

    size: bytes that the file must have, None where nobody has published it. No byte beyond it is
    read, nor any beyond 64 GiB.

    Bytes go to `target` + `.part`, which stays after an interruption and is continued by the next
    call when the server still has the same file (HTTP Range with If-Range). A passing failure is
    tried again with doubling pauses as long as bytes arrive. The file gets its name when whole.

    Errors:
        DataError: no address has the file, what it has is of another size, or the connection stays
            broken.
        LimitError: the disk has no room for it.
    """
    part = _Part(target, size)
    failures: list[DataError] = []
    for address in sorted(addresses, key=lambda one: one != part.address):
        try:
            _fetch(address, part, progress or _silent, patience or Patience())
        except DataError as error:
            failures.append(error)
            # Another address would begin anew and lose what has come from this one.
            if part.size and not isinstance(error, _RefusedError):
                break
        else:
            return address
    raise DataError(
        "\n".join(error.message for error in failures) or f"{target.name} has no address",
        remedy=failures[-1].remedy if failures else "fetch it by hand",
    )


def _silent(done: int, total: int | None) -> None:
    """Nobody watches."""


def _fetch(address: str, part: _Part, progress: Progress, patience: Patience) -> None:
    attempt, best = 0, part.size if part.address == address else 0
    while True:
        try:
            _transfer(address, part, progress, patience.timeout)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in _PASSING:
                raise _refused(address, error) from error
            reason = f"the server answered {error.code} {error.reason}"
        except (OSError, HTTPException, _InterruptedError) as error:
            _require_network_fault(error, part)
            cause = getattr(error, "reason", None) or error
            reason = str(cause) or type(cause).__name__
            # Before the first byte an unknown host is a machine without network, not a lapse.
            if isinstance(cause, socket.gaierror) and not part.size:
                raise DataError(f"{address}: {reason}", remedy=_again(part)) from error
        else:
            part.finish()
            return
        attempt = 1 if part.size > best else attempt + 1
        best = max(best, part.size)
        if attempt >= patience.attempts:
            raise DataError(f"{address}: {reason}", remedy=_again(part))
        time.sleep(patience.pause * 2 ** (attempt - 1))


def _require_network_fault(error: Exception, part: _Part) -> None:
    """Raise what no later attempt would cure: a full disk, a folder that cannot be written."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise LimitError(
            f"{part.path}: {error.strerror}",
            remedy="make room, or choose another disk with --to",
        ) from error
    if isinstance(error, OSError) and error.filename is not None:
        raise error


def _again(part: _Part) -> str:
    kept = f"; the {part.size:,} bytes that came are kept" if part.size else ""
    return f"check the network (or the proxy in HTTPS_PROXY) and give the command again{kept}"


def _refused(address: str, error: urllib.error.HTTPError) -> DataError:
    return _RefusedError(
        f"{address}: the server answered {error.code} {error.reason}",
        remedy="the file may have moved: fetch it by hand and pull it with --from FILE",
    )


class _Part:
    """The unfinished file and what identifies the version it is a piece of."""

    def __init__(self, target: Path, expected: int | None) -> None:
        self.target = target
        self.expected = expected
        self.path = target.with_name(f"{target.name}.part")
        self.note = target.with_name(f"{target.name}.part.json")
        self.address, self.validator = "", ""
        with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            known: Any = json.loads(self.note.read_text(encoding="utf-8"))
            self.address, self.validator = str(known["address"]), str(known["validator"])

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    def require_size(self, address: str, size: int) -> None:
        """Throw the piece away, and raise, for a file that is longer than it may be."""
        most = MAX_BYTES if self.expected is None else self.expected
        if size > most:
            self.discard()
            what = "are published" if self.expected else "are fetched"
            raise _RefusedError(
                f"{address}: not the archive that was published: the server gives {size:,} bytes "
                f"or more, at most {most:,} {what}",
                remedy="the upstream file may have changed: fetch it by hand and look at it",
            )

    def require_whole(self, address: str) -> None:
        """Throw the piece away, and raise, when the server has no more than it and that is less."""
        size = self.size
        if self.expected is not None and size < self.expected:
            self.discard()
            raise _RefusedError(
                f"{address}: not the archive that was published: the server has {size:,} bytes, "
                f"published are {self.expected:,}",
                remedy="the upstream file may have changed: fetch it by hand and look at it",
            )

    def discard(self) -> None:
        """Forget what has come."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def begin(self, address: str, headers: HTTPMessage) -> None:
        """Start from nothing, remembering the version: its ETag, or its date.

        A weak ETag does not identify bytes. Without either the piece cannot be continued.
        """
        tag = headers.get("ETag") or "W/"
        self.address = address
        self.validator = headers.get("Last-Modified", "") if tag.startswith("W/") else tag
        # Truncated first: a note must never speak of the bytes of another version.
        self.path.write_bytes(b"")
        text = json.dumps({"address": self.address, "validator": self.validator})
        self.note.write_text(text, encoding="utf-8")

    def finish(self) -> None:
        """Give the whole file its name."""
        self.path.replace(self.target)
        self.note.unlink(missing_ok=True)


def _transfer(address: str, part: _Part, progress: Progress, timeout: float) -> None:
    """One request: continue the part, or begin it anew when the server does not continue it."""
    headers = {"User-Agent": "kgreason", "Accept-Encoding": "identity"}
    have = part.size if part.address == address and part.validator else 0
    if part.expected is not None and have > part.expected:
        part.discard()
        have = 0
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": part.validator}
    request = urllib.request.Request(address, headers=headers)  # noqa: S310 (http only: _opener)
    try:
        response = _opener().open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        error.close()
        if error.headers.get("Content-Range") == f"bytes */{have}":
            part.require_whole(address)
            return
        part.path.unlink()
        raise _InterruptedError("the server has another version of the file") from error
    with response:
        if response.status != 206:
            have = 0
            part.begin(address, response.headers)
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.path.unlink()
            raise _InterruptedError("the server continued at another place")
        length = response.headers.get("Content-Length")
        total = have + int(length) if length and length.isdecimal() else part.expected
        if total is not None:
            part.require_size(address, total)
            _require_room(part.path, total - have)
        _copy(response, part, total, progress)


def _copy(response: Any, part: _Part, total: int | None, progress: Progress) -> None:
    have = part.size
    with part.path.open("ab") as file:
        progress(have, total)
        while chunk := response.read(_CHUNK):
            have += len(chunk)
            part.require_size(part.address, have)
            file.write(chunk)
            progress(have, total)
    if total is not None and have < total:
        raise _InterruptedError(f"the connection ended after {have:,} of {total:,} bytes")


def _require_room(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise LimitError(
            f"{path.parent}: {needed:,} bytes are to come and {free:,} are free",
            remedy="make room, or choose another disk with --to",
        )


def _opener() -> urllib.request.OpenerDirector:
    """Follows redirects, but to http and https only: no local files, no FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener
