"""One request to a server and its answer, in events or whole. Foreign errors end here."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from refine_tui.core.errors import ModelError, NetworkError
from refine_tui.loop.ports.reaching import Connect, Keys
from refine_tui.remote.address import ServerAddress

Json = dict[str, Any]

KEY_VARIABLE = "REFINE_TUI_API_KEY"
CONNECT_S = 10.0
FIRST_S = 300.0
"""Longest wait for the first byte: a long prompt on a small machine takes minutes."""
SILENCE_S = 60.0
"""Longest wait between two bytes of an answer."""
BOTH_WAYS = 2
"""Of a socket that is shut down."""
LONGEST_LINE = 1 << 20
LARGEST_ANSWER = 1 << 24
"""Bytes of one answer; a server that sends more is not believed."""


class DroppedError(Exception):
    """Raised when a connection breaks or a server is busy: another try may do better."""


class RefusedError(ModelError):
    """Raised when a server refuses a request for what is in it; `words` are its own."""

    def __init__(self, message: str, words: str) -> None:
        super().__init__(message)
        self.words = words


@dataclass
class Server:
    """Where requests go, and with what."""

    address: ServerAddress
    connect: Connect
    keys: Keys


class Exchange:
    """One request. `abort` may be called from any thread, and ends whatever another one waits for."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._socket: Any = None
        self._aborted = threading.Event()

    def abort(self) -> None:
        """Break the connection, so that the server stops writing."""
        self._aborted.set()
        if (open_socket := self._socket) is not None:
            try:
                open_socket.shutdown(BOTH_WAYS)
            except OSError:
                return  # it was closed meanwhile

    def get(self, url: str) -> Json:
        """Return a whole answer. Raises as `post`."""
        return next(self._exchanged("GET", url, None, CONNECT_S))

    def post(self, url: str, body: Json) -> Iterator[Json]:
        """Yield an answer's events, or the one object it consists of.

        Raises:
            DroppedError: the connection broke, or the server is busy.
            RefusedError: the request is not to its liking.
            ModelError: it has no such model, wants a key, or answers something else than the protocol.
        """
        yield from self._exchanged("POST", url, body, FIRST_S)

    def _exchanged(self, method: str, url: str, body: Json | None, wait_s: float) -> Iterator[Json]:
        key = self._server.keys.at_hand(self._server.address.host, KEY_VARIABLE)
        connection, answer = self._sent(method, url, body, key, wait_s)
        if answer.status in (401, 403) and (key := self._server.keys.search(self._server.address.host, KEY_VARIABLE)):
            connection.close()
            connection, answer = self._sent(method, url, body, key, wait_s)
        try:
            yield from self._read(answer)
        finally:
            self._socket = None
            answer.close()
            connection.close()

    def _sent(self, method: str, url: str, body: Json | None, key: str, wait_s: float) -> tuple[HTTPConnection, HTTPResponse]:
        headers = {"User-Agent": "refine-tui", "Accept": "text/event-stream, application/json"}
        headers |= {"Authorization": f"Bearer {key}"} if key else {}
        headers |= {} if body is None else {"Content-Type": "application/json"}
        try:
            connection = self._server.connect(url, CONNECT_S)
        except NetworkError as error:
            raise DroppedError(str(error).partition(". ")[0]) from error  # what to do is said at the end, after the last try
        try:
            # Kept, because the connection forgets it when the answer is to be read to its end.
            self._socket = connection.sock
            self._socket.settimeout(wait_s)
            if self._aborted.is_set():
                raise DroppedError("it was cancelled")
            data = None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
            connection.request(method, urlsplit(url).path, data, headers)
            return connection, connection.getresponse()
        except DroppedError:
            connection.close()
            raise
        except (OSError, HTTPException) as error:
            connection.close()
            raise self._dropped(error) from error

    def _read(self, answer: HTTPResponse) -> Iterator[Json]:
        if answer.status != 200:
            raise self._refusal(answer, self._whole(answer))
        if "text/event-stream" not in answer.headers.get("Content-Type", ""):
            yield self._json(self._whole(answer))
            return
        if self._socket is not None:
            self._socket.settimeout(SILENCE_S)
        received = 0
        while line := self._line(answer):
            received += len(line)
            if received > LARGEST_ANSWER or not line.endswith(b"\n"):
                raise ModelError(f"{self._place} sends more than an answer can be. Check the address.")
            field, _, value = line.rstrip(b"\r\n").partition(b":")
            if field != b"data":
                continue
            if value.strip() == b"[DONE]":
                return
            event = self._json(value)
            if "error" in event:
                raise ModelError(f"{self._place} broke off: {said(event)}")
            yield event
        raise DroppedError(f"{self._place} broke off")

    def _line(self, answer: HTTPResponse) -> bytes:
        try:
            return answer.readline(LONGEST_LINE)
        except (OSError, HTTPException, ValueError) as error:
            raise self._dropped(error) from error

    def _whole(self, answer: HTTPResponse) -> bytes:
        try:
            data = answer.read(LARGEST_ANSWER + 1)
        except (OSError, HTTPException) as error:
            raise self._dropped(error) from error
        length = answer.headers.get("Content-Length", "")
        if length.isdecimal() and len(data) < min(int(length), LARGEST_ANSWER):
            raise DroppedError(f"{self._place} broke off")
        return data

    def _json(self, data: bytes) -> Json:
        try:
            found = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{self._place} does not speak the OpenAI protocol: its answer is not JSON. Check the address.") from error
        if not isinstance(found, dict):
            raise ModelError(f"{self._place} does not speak the OpenAI protocol: its answer is no object. Check the address.")
        return found

    def _refusal(self, answer: HTTPResponse, data: bytes) -> Exception:
        status = answer.status
        try:
            words = said(json.loads(data))
        except (ValueError, RecursionError):
            words = printable(data.decode("utf-8", "replace"))
        if status in (408, 425, 429, 500, 502, 503, 504):
            return DroppedError(f"{self._place} answers {status}{f': {words}' if words else ''}")
        if status in (401, 403):
            return ModelError(
                f"{self._place} wants a key ({status}). Set {KEY_VARIABLE}, or keep one in the keyring for {self._server.address.host}."
            )
        if status in (400, 413, 422):
            return RefusedError(f"{self._place} refuses the request: {words or status}", words)
        return ModelError(f"{self._place} answers {status}: {words or 'nothing more'}. Check address and model.")

    def _dropped(self, error: Exception) -> DroppedError:
        return DroppedError(f"{self._place} was silent for too long" if isinstance(error, TimeoutError) else f"{self._place} broke off")

    @property
    def _place(self) -> str:
        return self._server.address.place


def said(document: Any) -> str:
    """Return what a server says went wrong, in one line; empty when it says nothing."""
    while isinstance(document, dict):
        document = next((document[key] for key in ("error", "message", "detail") if key in document), "")
    return printable(document if isinstance(document, str) else json.dumps(document))


def printable(text: str, longest: int = 300) -> str:
    """Return a text from a server in one line without control characters."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 4 * longest]).split())
    return line if len(line) <= longest else f"{line[:longest]}…"
