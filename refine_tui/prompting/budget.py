"""Parts of a prompt cut down to what there is room for, the least important first, with a record of what was left out.

Tokens are estimated from bytes, on the safe side for code: the model's own tokenizer lives in another process, and a prompt that is
too long after all is refused there with figures, never cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from refine_tui.core.errors import ModelError
from refine_tui.loop.ports.thinking import Part

BYTES_PER_TOKEN = 3
LEAST_TOKENS = 24
"""A part that would be cut shorter than this is left out whole."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of one part, and what may be done to it."""

    name: str
    text: str
    limit: int | None = None
    """Tokens it may have at most."""
    importance: int | None = None
    """The lowest is cut first; `None`: never cut."""
    keep: Literal["start", "end"] = "start"


def about_tokens(text: str) -> int:
    """Return about how many tokens a text has."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def fit(pieces: Sequence[Piece], room: int) -> tuple[list[Piece], tuple[Part, ...]]:
    """Cut pieces to their own limits, then to the room of all; what ends up empty is dropped.

    Raises:
        ModelError: what is never cut needs more than the room.
    """
    cut = [_within(piece, piece.limit) for piece in pieces]
    for index in sorted((i for i, piece in enumerate(cut) if piece.importance is not None), key=lambda i: cut[i].importance or 0):
        over = sum(about_tokens(piece.text) for piece in cut) - room
        if over > 0:
            cut[index] = _within(cut[index], about_tokens(cut[index].text) - over)
    needed = sum(about_tokens(piece.text) for piece in cut)
    if needed > room:
        raise ModelError(
            f"the scope needs a prompt of about {needed:,} tokens and there is room for {max(room, 0):,} beside the answer: "
            "choose a smaller scope or a model with a larger context"
        )
    parts = [_part(before, after) for before, after in zip(pieces, cut, strict=True) if before.text]
    return [piece for piece in cut if piece.text], tuple(parts)


def _part(before: Piece, after: Piece) -> Part:
    tokens = about_tokens(after.text)
    return Part(after.name, tokens, after.limit, 0 if after.text == before.text else max(1, about_tokens(before.text) - tokens))


def _within(piece: Piece, limit: int | None) -> Piece:
    """Leave out whole lines until a piece has at most `limit` tokens, and say how many went."""
    if limit is None or about_tokens(piece.text) <= limit:
        return piece
    lines = piece.text.split("\n")
    kept = lines if piece.keep == "start" else lines[::-1]
    room = (limit - LEAST_TOKENS // 2) * BYTES_PER_TOKEN
    taken: list[str] = []
    for line in kept if limit >= LEAST_TOKENS else ():
        room -= len(line.encode("utf-8", "surrogatepass")) + 1
        if room < 0:
            break
        taken.append(line)
    if not taken:
        return replace(piece, text="")
    gone = f"[{len(lines) - len(taken)} lines left out]"
    return replace(piece, text="\n".join([*taken, gone] if piece.keep == "start" else [gone, *reversed(taken)]))
