"""Which tokens a model wrote, so that a prompt that goes on from its answer is those tokens and not others of the same text.

Text can be cut into tokens in more than one way, and a model does not always choose the tokenizer's. Without this, a critique of an
answer would share only a part of what was computed for the answer. It is kept here and not in the worker: a new worker gets the
same tokens as the one that died.
"""

from __future__ import annotations

from collections import OrderedDict

Piece = str | list[int]
MOST = 64
"""Answers remembered."""


class Remembered:
    """The latest answers with the prompts they follow."""

    def __init__(self) -> None:
        self._pieces: OrderedDict[str, list[Piece]] = OrderedDict()

    def add(self, prompt: str, text: str, tokens: list[int]) -> None:
        """Remember that the model wrote `text`, or the beginning of an answer that it is, as `tokens` behind a prompt."""
        if not tokens:
            return
        self._pieces[prompt + text] = [*self.pieces(prompt), tokens]
        self._pieces.move_to_end(prompt + text)
        if len(self._pieces) > MOST:
            self._pieces.popitem(last=False)

    def pieces(self, prompt: str) -> list[Piece]:
        """Return a prompt in parts: what the model itself wrote as its tokens, the rest as text."""
        known = max((text for text in self._pieces if prompt.startswith(text)), key=len, default="")
        rest: list[Piece] = [prompt[len(known) :]] if len(known) < len(prompt) or not known else []
        return [*self._pieces.get(known, []), *rest]
