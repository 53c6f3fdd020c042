"""A file on a real server on loopback, that hangs up, lies and changes as a test tells it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.network.loopback import Exchange


@dataclass
class Served:
    """What one server has, and how it behaves; `sent` counts the bytes of the file that left it."""

    data: bytes
    etag: str = '"one"'
    modified: str = ""
    ranges: bool = True
    honours_if_range: bool = True
    breaks: list[int] = field(default_factory=list)
    """For each answer in turn, the place in the file where the connection is reset; an answer beyond these is whole."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Headers that replace the true ones of whole answers."""
    before: Callable[[Exchange], bool] = lambda _: False
    """Told each request first; true when it answered it itself."""
    sent: int = 0

    def __call__(self, exchange: Exchange) -> None:
        if self.before(exchange):
            return
        start = self._start(exchange)
        if start is not None and start >= len(self.data):
            exchange.send(416, {"Content-Range": f"bytes */{len(self.data)}"})
            return
        total, at = len(self.data), start or 0
        headers = {"ETag": self.etag or None, "Last-Modified": self.modified or None, "Content-Length": total - at}
        headers |= {"Content-Range": f"bytes {at}-{total - 1}/{total}"} if start is not None else self.extra
        end = self.breaks.pop(0) if self.breaks else total
        body = self.data[at : max(at, end)]
        self.sent += len(body)
        exchange.send(200 if start is None else 206, headers, body)
        if end < total:
            exchange.hang_up()

    def _start(self, exchange: Exchange) -> int | None:
        asked = re.fullmatch(r"bytes=(\d+)-", exchange.seen.headers.get("range", ""))
        condition = exchange.seen.headers.get("if-range")
        if asked is None or not self.ranges or (condition and self.honours_if_range and condition not in (self.etag, self.modified)):
            return None
        return int(asked[1])
