"""A real HTTP server on loopback whose answers a test writes itself, byte by byte if it likes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


class Exchange(BaseHTTPRequestHandler):
    """One connection; `send` and `hang_up` are all a test needs."""

    protocol_version = "HTTP/1.1"
    server: LoopbackServer
    seen: Seen

    def handle_any(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        self.seen = Seen(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, self.rfile.read(size))
        self.server.seen.append(self.seen)
        self.close_connection = True
        try:
            self.server.answer(self)
        except (BrokenPipeError, ConnectionResetError):
            self.server.left.set()

    do_GET = do_POST = do_HEAD = do_CONNECT = handle_any

    def send(self, status: int, headers: dict[str, Any] | None = None, body: bytes = b"") -> None:
        """Send a whole answer; its length is told unless `headers` lie about it."""
        names = {"Content-Length": len(body)} | (headers or {})
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in names.items() if value is not None)]
        self.wfile.write("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
        self.wfile.flush()

    def hang_up(self) -> None:
        """Break the connection as a pulled cable would: the peer gets a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class LoopbackServer(ThreadingHTTPServer):
    """Keeps what it saw; `left` is set when a client went away in the middle of an answer."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Callable[[Exchange], None]) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.answer, self.seen, self.left = answer, [], threading.Event()

    seen: list[Seen]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that the handler closed itself is no error."""


@contextmanager
def serving(answer: Callable[[Exchange], None]) -> Iterator[LoopbackServer]:
    """Serve on a free port for the time of a block."""
    with LoopbackServer(answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
