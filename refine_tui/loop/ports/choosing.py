"""Choosing a model: what is here or can be fetched, whether it fits into memory, and putting one to work."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal, Protocol

from refine_tui.loop.ports import thinking

Kind = Literal["file", "broken", "card", "server", "none"]
Ask = Callable[[str], str]
"""Shows a question and returns the answer; empty for none. Called in the thread that waits for the answer."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One model that can be chosen. Texts are empty and numbers `None` where nothing is known."""

    wish: str
    """What it is asked for by: a name, a server's address, or `none`."""
    kind: Kind
    """`file`: here; `broken`: here and not usable; `card`: known and to be fetched; `server`: elsewhere."""
    path: str = ""
    """As `ModelInfo.path` says once it is loaded."""
    architecture: str = ""
    quantisation: str = ""
    size_bytes: int | None = None
    needed_bytes: int | None = None
    """Memory it takes here; of what is not here yet, the least it can take."""
    fits: bool | None = None
    """Whether that much is free; `None` when it cannot be told."""
    licence: str = ""
    context_tokens: int = 0
    profile: str = ""
    source: str = ""
    note: str = ""
    """Why it cannot be used, or what else its card says."""
    is_awaited: bool = False
    """Whether the first task loads it, as long as no model is loaded."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """How far a download is."""

    file: str
    done_bytes: int
    total_bytes: int | None = None
    rate: float | None = None
    """Bytes a second lately."""
    left_s: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model has arrived and was checked."""

    wish: str
    sha256: str
    checked: str
    """What the sha256 was compared with: `card`, `hub`, or nothing."""


class Shelf(Protocol):
    """The models of this machine. Every call may wait for the disk or the network, and is made outside the screen's thread."""

    def choices(self) -> tuple[Choice, ...]:
        """Return what can be chosen: what is here first, then servers and no model at all, then what can be fetched."""

    def free_bytes(self) -> int | None:
        """Return the memory that is free now; `None` when it cannot be told."""

    def add(self, file: str) -> str:
        """Make a GGUF file of the user's a model; returns its name.

        Raises:
            RefineError: it cannot be used, or its name is taken.
        """

    def fetch(self, wanted: str) -> Generator[Fetching | Fetched, None, None]:
        """Fetch a model by its card's name or an address. Closing the generator stops it; what has arrived is kept.

        Raises:
            RefineError: it cannot be fetched, does not fit on the disk, or is not what it should be.
        """

    def open(self, wish: str) -> thinking.Generator | None:
        """Return a model, which is not loaded yet; `None` for `none`.

        Raises:
            RefineError: there is no such model, it does not fit into memory, or its server must not be contacted.
        """

    def keep(self, wish: str) -> None:
        """Remember what was chosen for the next start.

        Raises:
            StorageError: it cannot be stored.
        """

    def listen(self, ask: Ask, tell: Callable[[str], None]) -> None:
        """Take how a user is asked for a key, and told why."""
