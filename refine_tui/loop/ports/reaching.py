"""What rooms that talk to other machines ask of the one door."""

from __future__ import annotations

from typing import Protocol


class Keys(Protocol):
    """Where keys for servers come from. A key is never written anywhere."""

    def at_hand(self, host: str, variable: str) -> str:
        """Return the key that an environment variable holds or that was found earlier; empty when there is none. Costs nothing."""

    def search(self, host: str, variable: str) -> str:
        """Look further, and ask the user, after a host refused what was at hand; empty when there is no other key."""
