"""Reads SEARCH/REPLACE blocks: a file's name, the lines that are there, and the lines that take their place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from refine_tui.core.errors import UsageError
from refine_tui.core.hunks import lines_of
from refine_tui.prompting.diff_reading import Block

_SEARCH = re.compile(rb"(?:<{5,9}|-{5,9}) SEARCH>?\s*")
_DIVIDER = re.compile(rb"={5,9}\s*")
_REPLACE = re.compile(rb"(?:>{5,9}|\+{5,9}) REPLACE\s*")
_FENCE = re.compile(rb"`{3,}[\w+-]*\s*")


def looks_like_blocks(text: bytes) -> bool:
    """Say whether a text holds a SEARCH/REPLACE block."""
    return any(_SEARCH.fullmatch(row) for row in text.split(b"\n"))


def read_blocks(text: bytes) -> list[Block]:
    """Return the blocks in order. A block without a name of its own belongs to the file of the block before it.

    One with nothing to search for creates its file.

    Raises:
        UsageError: a mark is missing, a block names no file, or one neither searches nor replaces anything.
    """
    return list(_blocks([row.removesuffix(b"\n") for row in lines_of(text)]))


def _blocks(rows: list[bytes]) -> Iterator[Block]:
    path, at, count, ended = "", 0, 0, 0
    while at < len(rows):
        if not _SEARCH.fullmatch(rows[at]):
            at += 1
            continue
        count += 1
        path = _named(rows[ended:at]) or path
        name = f"block {count} (line {at + 1} of the patch)"
        if not path:
            raise UsageError(f"{name} names no file. Put the file's path on the line before the block.")
        divider = _next(rows, at + 1, _DIVIDER, f"{path}: {name} has no line of `=======`")
        end = _next(rows, divider + 1, _REPLACE, f"{path}: {name} has no line of `>>>>>>> REPLACE`")
        old, new = ([row + b"\n" for row in part] for part in (rows[at + 1 : divider], rows[divider + 1 : end]))
        if any(row.strip() for row in old):
            yield Block(path, name, tuple(old), tuple(new))
        elif new:
            yield Block(path, name, (), tuple(new), creates=True)
        else:
            raise UsageError(f"{path}: {name} has nothing to search for and nothing to put in its place.")
        at = ended = end + 1


def _next(rows: list[bytes], start: int, mark: re.Pattern[bytes], missing: str) -> int:
    for at in range(start, len(rows)):
        if mark.fullmatch(rows[at]):
            return at
        if _SEARCH.fullmatch(rows[at]):
            break
    raise UsageError(f"{missing}. The patch is damaged: make it again.")


def _named(before: list[bytes]) -> str:
    """Return the file named on the last line before a block, whatever decorates it; empty when there is none."""
    for row in reversed(before):
        text = row.strip()
        if not text or _FENCE.fullmatch(text):
            continue
        return text.strip(b"`*#: ").decode("utf-8", "surrogateescape")
    return ""
