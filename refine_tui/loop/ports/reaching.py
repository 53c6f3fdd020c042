"""What rooms that talk to other machines ask of the one door."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from http.client import HTTPConnection

Connect = Callable[[str, float], "HTTPConnection"]
"""Opens a connection to an address's host, with the seconds each wait may take; refuses what may not be reached."""


class Keys(Protocol):
    """Where keys for servers come from. A key is never written anywhere."""

    def at_hand(self, host: str, variable: str) -> str:
        """Return the key that an environment variable holds or that was found earlier; empty when there is none. Costs nothing."""

    def search(self, host: str, variable: str) -> str:
        """Look further, and ask the user, after a host refused what was at hand; empty when there is no other key."""
