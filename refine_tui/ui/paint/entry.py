"""One line of a list."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content


@dataclass(frozen=True)
class Entry:
    """What a list shows on one line."""

    id: str
    content: Content
    is_heading: bool = False
    """A line that cannot be chosen."""
