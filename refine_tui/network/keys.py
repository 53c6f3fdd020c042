"""Keys for servers: from the environment, then from the system's keyring, else asked for and kept for this session only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import environ

from refine_tui.core.errors import UsageError

SERVICE = "refine-tui"
PLAIN_FILES = "keyrings.alt."
UNTRUSTED = (PLAIN_FILES, "keyring.backends.fail.", "keyring.backends.null.")
"""Backends that keep keys in a readable file, or keep none."""
Ask = Callable[[str], str]
Tell = Callable[[str], None]


class Keys:
    """Finds the key for a host. What was found is remembered for the session and never written anywhere."""

    def __init__(self, ask: Ask | None = None, tell: Tell = lambda _: None, environment: Mapping[str, str] = environ) -> None:
        """Take how the user is spoken to.

        Args:
            ask: shows a question and returns the answer, empty for none; `None` when nobody can be asked.
            tell: shows a sentence.
            environment: the variables of this process.
        """
        self._ask, self._tell, self._environment = ask, tell, environment
        self._found: dict[str, str] = {}

    def at_hand(self, host: str, variable: str) -> str:
        """Return the key that a variable holds or that was found earlier; empty when there is none. Costs nothing.

        Raises:
            UsageError: what the variable holds cannot be a key.
        """
        return self._found.get(host) or _sendable(self._environment.get(variable, "").strip(), variable)

    def search(self, host: str, variable: str) -> str:
        """Look into the keyring and then ask; called when a host refused what was at hand. Empty when there is no other key.

        May take as long as a keyring that has to be unlocked and a user who thinks.

        Raises:
            UsageError: what was found cannot be a key.
        """
        refused = self.at_hand(host, variable)
        found, word = from_keyring(host)
        if word:
            self._tell(f"{word} {f'Set {variable}, or type' if variable else 'Type'} the key for each session.")
        place = f"the keyring for {host}"
        if not found or found == refused:
            found, place = self._ask(f"Key for {host} (kept for this session only): ").strip() if self._ask else "", "the answer"
        if found:
            self._found[host] = _sendable(found, place)
        return found


def from_keyring(host: str) -> tuple[str, str]:
    """Return the key the system keeps for a host, or an empty one with a sentence when there is no keyring to be trusted."""
    import keyring

    try:
        backend = keyring.get_keyring()
        backends = {_name(one): one for one in getattr(backend, "backends", [backend])}
        trusted = [one for name, one in backends.items() if not name.startswith(UNTRUSTED)]
        if not trusted:
            plain = ", ".join(name for name in backends if name.startswith(PLAIN_FILES))
            return "", f"The keyring here ({plain}) is a plain file and is not used." if plain else "This machine has no system keyring."
        return next(filter(None, (one.get_password(SERVICE, host) for one in trusted)), ""), ""
    except Exception as error:  # noqa: BLE001 - backends are foreign plugins and raise what they like
        return "", f"The system keyring does not answer ({str(error) or type(error).__name__})."


def _sendable(key: str, place: str) -> str:
    """Return a key that can stand in a request; the message about another one does not show it."""
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"The key in {place} cannot be sent: it holds line breaks or letters that no key has. Copy it anew.")
    return key


def _name(backend: object) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"
