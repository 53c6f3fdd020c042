"""Fetches one file over HTTP, and goes on where an earlier try broke off.

Source of the rules: RFC 9110, sections 13.1.5 (If-Range), 14 (range requests) and 15.3.7 (206). Whatever a server claims, the
bytes kept belong to one state of the file, and the file gets its name only after it was checked.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urljoin, urlsplit

from refine_tui.core.errors import ModelError, NetworkError
from refine_tui.loop.ports.reaching import Connect, Keys
from refine_tui.models.addresses import Address
from refine_tui.models.partial import Origin, Partial

STALL_S = 30.0
"""Longest wait for the next byte."""
CHUNK = 1 << 18
HOPS = 8
TRIES = 5
"""Connections in a row that may end without a single new byte."""
LONGEST_PAUSE_S = 30.0
REPORT_S = 0.2
RATE_S = 8.0
"""Time over which the rate is measured."""
DIGEST = re.compile(r"[0-9a-f]{64}")
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is."""

    file: str
    done_bytes: int
    total_bytes: int | None
    """`None` while the server does not say."""
    rate: float | None = None
    """Bytes a second lately; `None` at the beginning."""
    note: str = ""
    """What is being done about a broken connection, or what else there is to know."""

    @property
    def left_s(self) -> float | None:
        """Seconds left at this rate; `None` when it cannot be told."""
        if self.total_bytes is None or not self.rate:
            return None
        return max(0.0, (self.total_bytes - self.done_bytes) / self.rate)


@dataclass
class Way:
    """How to reach the file: connections, keys, and patience."""

    connect: Connect
    keys: Keys
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


class AgainError(Exception):
    """Raised inside this module when another connection may do better."""

    def __init__(self, why: str, pause_s: float = 0.0) -> None:
        super().__init__(why)
        self.pause_s = pause_s


@dataclass
class Download:
    """One file under way. The part is held by the caller."""

    address: Address
    partial: Partial
    way: Way
    admit: Callable[[Origin, int], None] = lambda _origin, _left: None
    """Told what the server says and how many bytes are left, before they arrive; refuses by raising."""
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def run(self) -> Iterator[Progress]:
        """Fetch until every byte the server has is here; whether they are the right ones is the caller's to check.

        Raises:
            NetworkError: the server cannot be reached or breaks off again and again; what has arrived is kept.
            ModelError: the server has no such file, or does not hand it out.
            StorageError: the disk is full or fails.
        """
        tries, most = 0, self.partial.size
        while not self._is_whole():
            try:
                yield from self._connection()
            except AgainError as error:
                tries = 1 if self.partial.size > most else tries + 1
                most = max(most, self.partial.size)
                if tries > TRIES:
                    raise NetworkError(
                        f"{self.address.file} could not be fetched whole: {error}. {self.partial.size:,} bytes are kept; "
                        "the same command goes on from there."
                    ) from error
                yield self._progress(f"{error}; trying again")
                self.way.pause(min(LONGEST_PAUSE_S, max(error.pause_s, 2.0 ** (tries - 1) / 2)))
        yield self._progress()

    def _is_whole(self) -> bool:
        origin = self.partial.origin
        return origin is not None and origin.total_bytes is not None and self.partial.size >= origin.total_bytes

    def _connection(self) -> Iterator[Progress]:
        """Ask once for what is missing, and keep what comes.

        Raises:
            AgainError: it ended before the end of the file.
        """
        connection, answer, origin = self._ask()
        with closing(connection), closing(answer):
            if answer.status == 416:
                self._reconcile(answer, origin)
                return
            kept = self.partial.size if answer.status == 206 else 0
            self.admit(origin, (origin.total_bytes or kept) - kept)
            if answer.status == 200:
                self.partial.begin(origin)
            yield from self._take(answer)
        if origin.total_bytes is None:
            self.partial.correct(replace(origin, total_bytes=self.partial.size))
        elif self.partial.size < origin.total_bytes:
            raise AgainError("the server broke off")

    def _take(self, answer: HTTPResponse) -> Iterator[Progress]:
        reported = -REPORT_S
        while data := self._read(answer):
            self.partial.append(data)
            now = self.way.clock()
            self._seen.append((now, self.partial.size))
            while now - self._seen[0][0] > RATE_S:
                self._seen.popleft()
            if now - reported >= REPORT_S:
                reported = now
                yield self._progress()

    @staticmethod
    def _read(answer: HTTPResponse) -> bytes:
        try:
            return answer.read1(CHUNK)
        except TimeoutError as error:
            raise AgainError(f"the server was silent for {STALL_S:.0f} s") from error
        except (OSError, HTTPException) as error:
            raise AgainError("the connection broke") from error

    def _progress(self, note: str = "") -> Progress:
        total = self.partial.origin.total_bytes if self.partial.origin else None
        rate = None
        if len(self._seen) > 1 and self._seen[-1][0] > self._seen[0][0]:
            (began, first), (ended, last) = self._seen[0], self._seen[-1]
            rate = (last - first) / (ended - began)
        return Progress(self.address.file, self.partial.size, total, rate, note)

    def _ask(self) -> tuple[HTTPConnection, HTTPResponse, Origin]:
        """Return an answer with bytes in it, and what it says of the file. It continues what is kept, or is for the whole file."""
        connection, answer, hub = self._request(self._range())
        origin = self._origin(answer, hub)
        if answer.status != 206 or self._continues(answer, origin):
            return connection, answer, origin
        # Another state of the file, or another place in it than was asked for.
        connection.close()
        connection, answer, hub = self._request({})
        if answer.status != 200:
            connection.close()
            raise AgainError(f"the server answered {answer.status} when asked for the whole file")
        return connection, answer, self._origin(answer, hub)

    def _range(self) -> dict[str, str]:
        """Return the headers that ask for the missing rest, if the kept bytes can be matched with it."""
        kept = self.partial.origin
        if not self.partial.size or kept is None or kept.url != self.address.url or not (kept.validator or kept.sha256):
            return {}
        return {"Range": f"bytes={self.partial.size}-"} | ({"If-Range": kept.validator} if kept.validator else {})

    def _continues(self, answer: HTTPResponse, origin: Origin) -> bool:
        kept, match = self.partial.origin, RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if kept is None or match is None or int(match[1]) != self.partial.size:
            return False
        same_total = None in (origin.total_bytes, kept.total_bytes) or origin.total_bytes == kept.total_bytes
        same_file = not (origin.validator and kept.validator) or origin.validator == kept.validator
        return same_total and same_file and (not (origin.sha256 and kept.sha256) or origin.sha256 == kept.sha256)

    def _reconcile(self, answer: HTTPResponse, origin: Origin) -> None:
        """Take what a server says that has nothing after the kept bytes: they are the whole file, or not of it at all."""
        total = answer.headers.get("Content-Range", "").removeprefix("bytes */")
        if self.partial.origin and total == str(self.partial.size):
            self.partial.correct(replace(self.partial.origin, total_bytes=self.partial.size))
            return
        self.partial.begin(replace(origin, total_bytes=None, validator=""))
        raise AgainError("the file on the server has become shorter")

    def _origin(self, answer: HTTPResponse, hub: Origin) -> Origin:
        etag, length = answer.headers.get("ETag", ""), answer.headers.get("Content-Length", "")
        validator = etag if etag.startswith('"') else answer.headers.get("Last-Modified", "")
        if answer.status == 206:
            match = RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            length = match[3] if match else ""
        return replace(hub, validator=validator, total_bytes=int(length) if length.isdecimal() else None)

    def _request(self, headers: dict[str, str]) -> tuple[HTTPConnection, HTTPResponse, Origin]:
        """Ask, follow where the server points, and find a key when one is wanted.

        Raises:
            AgainError: something passing.
            ModelError: the server refuses for good.
        """
        refused = False
        url, origin, hops = self.address.url, Origin(self.address.url), 0
        while True:
            connection, answer = self._one(url, headers)
            origin = _with_hub(origin, answer)
            if answer.status in (200, 206, 416):
                return connection, answer, origin
            connection.close()
            hops += 1
            if answer.status in (301, 302, 303, 307, 308) and hops < HOPS:
                url = _next(url, answer.headers.get("Location", ""))
            elif answer.status in (401, 403) and not refused and self._has_other_key():
                refused, url, hops = True, self.address.url, 0
            else:
                raise self._refusal(answer)

    def _one(self, url: str, headers: dict[str, str]) -> tuple[HTTPConnection, HTTPResponse]:
        parts = urlsplit(url)
        sent = {"User-Agent": "refine-tui", "Accept": "*/*", "Accept-Encoding": "identity"} | headers
        key = self.way.keys.at_hand(self.address.host, self.address.token_variable)
        if key and _place(url) == _place(self.address.url):
            sent["Authorization"] = f"Bearer {key}"
        try:
            connection = self.way.connect(url, STALL_S)
        except NetworkError as error:
            raise AgainError(str(error).rstrip(".")) from error
        try:
            connection.request("GET", f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}", headers=sent)
            return connection, connection.getresponse()
        except (OSError, HTTPException) as error:
            connection.close()
            raise AgainError("the server did not answer" if isinstance(error, TimeoutError) else "the connection broke") from error

    def _has_other_key(self) -> bool:
        return bool(self.way.keys.search(self.address.host, self.address.token_variable))

    def _refusal(self, answer: HTTPResponse) -> Exception:
        """Return what an answer without a file means: an `AgainError` when it may pass."""
        status, address = answer.status, self.address
        if status in (408, 425, 429, 500, 502, 503, 504):
            after = answer.headers.get("Retry-After", "")
            return AgainError(f"the server is busy ({status})", float(after) if after.isdecimal() else 0.0)
        if status in (401, 403):
            terms = f" If its page asks for it, accept its terms there: {address.page}." if address.page else ""
            variable = f" Set {address.token_variable} to a token that may read it." if address.token_variable else ""
            return ModelError(f"{address.host} does not hand out {address.file} ({status}).{variable}{terms}")
        if status in (404, 410):
            return ModelError(f"{address.source}: there is no such file ({status}). Check owner, repository, file and revision.")
        return ModelError(f"{address.host} answered {status} when asked for {address.file}. Try again later, or from another address.")


def _with_hub(origin: Origin, answer: HTTPResponse) -> Origin:
    """Add what the hub tells of a stored file on the way to it: its sha256."""
    digest = answer.headers.get("X-Linked-ETag", "").strip('"').lower()
    return replace(origin, sha256=digest) if DIGEST.fullmatch(digest) and not origin.sha256 else origin


def _next(url: str, location: str) -> str:
    """Return where a redirection points.

    Raises:
        ModelError: nowhere, or from an encrypted connection to one that is not.
    """
    try:
        target = urljoin(url, location)
    except ValueError:
        target = ""
    if not location or not target or (url.startswith("https:") and not target.startswith("https:")):
        raise ModelError(f"{urlsplit(url).hostname} points to an address that is not followed: {location[:200]!r}.")
    return target


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
