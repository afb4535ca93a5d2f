"""A real HTTP server on this machine whose manners can be spoilt."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Web:
    """What is served, and how."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    """Path without the slash → content."""
    ranges: bool = True
    marks: bool = True
    """Names the version of a file by an ETag."""
    break_after: int | None = None
    """Bytes of an answer after which the connection is closed."""
    claims: int = 0
    """Bytes promised beyond those that there are."""
    pause_s: float = 0.0
    """Before each 64 KB."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range of every request."""


@contextmanager
def web() -> Iterator[Web]:
    """Serves on a free port until the block ends."""
    state = Web()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            name, wanted = self.path.lstrip("/"), self.headers.get("Range", "")
            state.asked.append((name, wanted))
            content = state.files.get(name)
            if content is None:
                self.send_error(404)
                return
            etag = f'"{hashlib.sha256(content).hexdigest()[:8]}"'
            same = self.headers.get("If-Range") in (None, etag)
            begin = int(wanted[6:-1]) if wanted and state.ranges and same else 0
            if begin >= len(content) > 0:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            if state.marks:
                self.send_header("ETag", etag)
            self.send_header("Content-Length", str(len(content) - begin + state.claims))
            self.end_headers()
            self.send_body(content[begin:][: state.break_after])

        def send_body(self, body: bytes) -> None:
            try:
                for at in range(0, len(body), 1 << 16):
                    time.sleep(state.pause_s)
                    self.wfile.write(body[at : at + (1 << 16)])
            except OSError:  # whoever asked has gone
                pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        state.address = f"http://127.0.0.1:{running.server_port}"
        yield state
        running.shutdown()
