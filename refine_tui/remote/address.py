"""`http://HOST:PORT/v1#NAME`: which server, and which of its models."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from refine_tui.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A model on a server."""

    base: str
    """Where the protocol begins, without a slash at the end: `http://127.0.0.1:8080/v1`."""
    model: str
    """Its name there; empty: the only one there is."""

    @property
    def host(self) -> str:
        """The machine, as keys are kept for it."""
        return urlsplit(self.base).hostname or ""

    @property
    def place(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.base).netloc

    def url(self, path: str) -> str:
        """Return the address of one of the protocol's places, as in `/models`."""
        return self.base + path

    def beside(self, path: str) -> str:
        """Return the address of a place outside the protocol, at the top of the server."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}{path}"


def parse_server(text: str) -> ServerAddress:
    """Return what an address names.

    Raises:
        UsageError: it is no http address, or holds a password or a query.
    """
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or parts.query:
        raise UsageError(f"{text} is no address of a model server: it has to look like http://HOST:PORT/v1#NAME.")
    if parts.username is not None:
        raise UsageError(
            f"Leave user and password out of the address of {parts.hostname}: a key is taken from the environment or the keyring."
        )
    path = parts.path.rstrip("/") or "/v1"
    return ServerAddress(f"{parts.scheme}://{parts.netloc}{path}", unquote(parts.fragment))
