"""Counts, sizes and times as people read them."""

from __future__ import annotations


def counted(count: int, word: str) -> str:
    """Return a number of things whose name takes an s."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def size_in_words(count: float | None) -> str:
    """Return a number of bytes, in MB or GB."""
    if count is None:
        return "size unknown"
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def duration_in_words(seconds: float) -> str:
    """Return a time in its two largest units, to the second."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
