"""Guesses a candidate's next tokens from what it may be copying: the node under edit, its own text so far, the prompt.

A guess is a deterministic continuation of the place where the last tokens were found. After an edit, the place behind it is looked
for near where the copying stopped.

Source: A. Saxena, "Prompt Lookup Decoding" (2023); that the samplers decide every token, so that nothing but the speed depends on the
guesses, follows Leviathan et al., "Fast Inference from Transformers via Speculative Decoding" (2023), for guesses without chance.
"""

from __future__ import annotations

from collections.abc import Sequence

GRAM = 3
"""Tokens that must agree before a place anywhere is taken for the one being copied."""
NEAR = 48
"""Tokens behind the end of a copied stretch among which its continuation is looked for."""
SOON = 3
"""So soon after a copied stretch one agreeing token is enough near its end; later it takes two."""
LONGEST_RUN = 32
Gram = tuple[int, ...]


class Source:
    """A text that may be copied from. It may grow."""

    def __init__(self, tokens: Sequence[int] = ()) -> None:
        self.tokens: list[int] = []
        self._after: dict[Gram, int] = {}
        self._unread = list(tokens)

    def append(self, token: int) -> None:
        """Add a token; only now what stands before it can be found."""
        if len(self.tokens) >= GRAM:
            self._after[tuple(self.tokens[-GRAM:])] = len(self.tokens)
        self.tokens.append(token)

    def after(self, gram: Gram) -> int | None:
        """Return the place behind the latest occurrence of some tokens that something follows."""
        self.read()
        return self._after.get(gram)

    def near(self, wanted: Sequence[int], start: int) -> int | None:
        """Return the place behind the first occurrence of some tokens near a place, if something follows."""
        self.read()
        for place in range(start, min(start + NEAR, len(self.tokens) - len(wanted))):
            if self.tokens[place : place + len(wanted)] == wanted:
                return place + len(wanted)
        return None

    def read(self) -> None:
        """Index the text; not before it is needed."""
        unread, self._unread = self._unread, []
        for token in unread:
            self.append(token)


class Lookup:
    """Follows one candidate's text and guesses how it goes on."""

    def __init__(self, copied: Source, prompt: Source) -> None:
        """Begin before the first token.

        Args:
            copied: the text that is expected to be copied; shared, may be empty.
            prompt: the prompt; shared.
        """
        self._copied, self._own, self._prompt = copied, Source(), prompt
        self._source, self._at = copied, 0
        """What is being copied and where, or was when the last stretch ended."""
        self._since = 0
        """Tokens since it ended."""
        self.run = 0
        """How many of the last tokens agree with what is being copied; 0: nothing is."""

    def feed(self, token: int) -> None:
        """Note the candidate's next token."""
        self._own.append(token)
        if self.run and self._at < len(self._source.tokens) and self._source.tokens[self._at] == token:
            self._at += 1
            self.run += 1
        else:
            self._since = 1 if self.run else self._since + 1
            self._search()

    def guess(self, length: int) -> list[int]:
        """Return up to `length` tokens that may come next."""
        return self._source.tokens[self._at : self._at + length] if self.run else []

    @property
    def expected(self) -> bool:
        """Whether what is being copied is what was expected to be."""
        return self._source is self._copied

    def _search(self) -> None:
        self.run, text = 0, self._own.tokens
        enough = 1 if self._since <= SOON else 2
        if len(text) >= enough and (place := self._source.near(text[-enough:], self._at)) is not None:
            self._follow(self._source, place)
        elif len(text) >= GRAM:
            gram = tuple(text[-GRAM:])
            for source in (self._copied, self._own, self._prompt):
                if (found := source.after(gram)) is not None:
                    self._follow(source, found)
                    return

    def _follow(self, source: Source, place: int) -> None:
        self._source, self._at = source, place
        text, bound = self._own.tokens, min(place, len(self._own.tokens), LONGEST_RUN)
        self.run = next((back for back in range(bound) if source.tokens[place - 1 - back] != text[-1 - back]), bound)
