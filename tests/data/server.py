"""A web server on this machine that misbehaves as it is told."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class File:
    """What one path serves.

    cuts: after how many bytes of its body an answer breaks off, answer by answer, then never.
    statuses: answers to give first, one a request. ranges: whether Range is understood.
    length: whether an answer states its length. endless: the body is repeated as long as anybody
    listens.
    """

    content: bytes = b""
    etag: str = '"1"'
    ranges: bool = True
    length: bool = True
    endless: bool = False
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    redirect: str | None = None
    pause: threading.Event | None = None


@dataclass
class Site:
    """The served files, the requests that came (path and Range), bytes of endless bodies sent."""

    address: str
    files: dict[str, File]
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    sent: int = 0

    def url(self, path: str) -> str:
        return self.address + path


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.site.requests.append((self.path, wanted))
        file = self.site.files.get(self.path)
        if file is None:
            self.send_error(404)
        elif file.statuses:
            self.send_error(file.statuses.pop(0))
        elif file.redirect is not None:
            self.send_response(302)
            self.send_header("Location", file.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._send(file, wanted)

    def _send(self, file: File, wanted: str | None) -> None:
        start, size = 0, len(file.content)
        asked = re.fullmatch(r"bytes=(\d+)-", wanted or "")
        if asked and file.ranges and self.headers.get("If-Range") == file.etag:
            start = int(asked[1])
            if start >= size:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        else:
            self.send_response(200)
        if file.etag:
            self.send_header("ETag", file.etag)
        if file.length:
            self.send_header("Content-Length", str(size - start))
        else:
            self.close_connection = True
        self.end_headers()
        body = file.content[start:]
        if file.cuts:
            body = body[: file.cuts.pop(0)]
            self.close_connection = True
        self.wfile.write(body)
        while file.endless:
            try:
                self.wfile.write(body)
                self.site.sent += len(body)
            except OSError:
                return
        if file.pause is not None:
            self.wfile.flush()
            file.pause.wait(20)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@contextmanager
def serving(files: dict[str, File]) -> Iterator[Site]:
    """Serve while the context lasts."""
    site = Site("", files)
    handler = type("Handler", (_Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        for file in files.values():
            if file.pause is not None:
                file.pause.set()
        server.shutdown()
        thread.join()
        server.server_close()
