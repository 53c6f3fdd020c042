"""The `fim` profile: a completion model fills in the suspicious lines between what leads to them and what follows."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher

from refine_tui.core.critique import Hypothesis
from refine_tui.core.errors import ModelError
from refine_tui.core.text import digest
from refine_tui.loop.ports.thinking import Ask, Fault, FillMarks, Prompt, Step
from refine_tui.prompting.budget import Piece, fit

HOLES = 3
"""Places of one scope that are asked about in one round."""
LONGEST_HOLE = 3
"""Lines of one hole."""
CONTEXT_LIMIT = 600
"""Tokens of the file before the scope."""
UNKNOWN_CONTEXT = 4096


class FillMiddle:
    """Prefix and suffix around the suspicious lines of a scope, in the marks of the model's own vocabulary."""

    name = "fim"
    converses = False
    stop: tuple[str, ...] = ()

    def __init__(self, marks: FillMarks, context_tokens: int = 0) -> None:
        """Take the marks as the vocabulary writes them, and what the context holds, 0 when that is not known."""
        self._marks = marks
        self._context_tokens = context_tokens or UNKNOWN_CONTEXT
        self.prompts = f"fim.1 {digest(self._joined('prefix', 'suffix').encode())[:8]}"

    def questions(self, ask: Ask, count: int) -> tuple[tuple[Ask, int], ...]:
        """Return one question for each of the most suspicious places, its lines as the only suspects, and share the answers out."""
        holes = _holes(ask)[: max(1, min(HOLES, count))]
        share, more = divmod(count, len(holes))
        asked = [replace(ask, original=(), suspects=tuple(range(first, last + 1))) for first, last in holes]
        return tuple((one, share + (n < more)) for n, one in enumerate(asked))

    def prompt(self, ask: Ask, step: Step) -> Prompt | None:
        """Return the text around the hole, for `propose` and `refine`. Raises as the port says.

        Raises:
            ModelError: the code holds the marks itself, so that it would be read as something else.
        """
        if step in ("plan", "critique", "specify"):
            return None
        first, last = _hole(ask)
        before, after = "".join(f"{line}\n" for line in ask.lines[:first]), "".join(f"\n{line}" for line in ask.lines[last + 1 :])
        if any(mark and mark in text for text in (ask.around, *ask.lines) for mark in self._all_marks()):
            raise ModelError(f"{ask.scope.path} holds the model's own marks in its text: it cannot be shown to this model")
        pieces = (Piece("file", ask.around, CONTEXT_LIMIT, 0, "end"), Piece("prefix", before), Piece("suffix", after))
        kept, parts = fit(pieces, self._context_tokens - self.max_tokens(ask, step))
        around = "".join(f"{piece.text}\n\n\n" for piece in kept if piece.name == "file")
        return Prompt(self._joined(around + before, after), "fim.1", parts)

    def again(self, ask: Ask, step: Step, answer: str, fault: Fault) -> None:
        """Return nothing: a completion model could not read what was wrong."""

    def read(self, answer: str, ask: Ask) -> list[str] | Fault:
        """Put the answer in the hole; nothing at all takes its lines away."""
        if any(mark and mark in answer for mark in self._all_marks()):
            return Fault("it holds the marks of the prompt")
        if "\r" in answer or "```" in answer:
            return Fault("it holds more than code")
        first, last = _hole(ask)
        middle = answer.removesuffix("\n").split("\n") if answer.strip() else []
        return [*ask.lines[:first], *middle, *ask.lines[last + 1 :]]

    def begun(self, answer: str, ask: Ask) -> list[str] | Fault:
        """Return the lines before the hole and the complete ones in it."""
        whole = answer.rpartition("\n")[0]
        read = self.read(whole, ask)
        return read if isinstance(read, Fault) else [*ask.lines[: _hole(ask)[0]], *(whole.split("\n") if whole else ())]

    def read_critique(self, answer: str) -> Hypothesis | Fault:  # noqa: ARG002 - never asked
        """Refuse: this kind of model is never asked for one."""
        return Fault("this model writes no critique")

    def max_tokens(self, ask: Ask, step: Step) -> int:  # noqa: ARG002 - an edit is short whatever is asked
        """Return room for the hole twice over and a few lines more."""
        first, last = _hole(ask)
        return 64 + 2 * sum(len(line) // 3 + 2 for line in ask.lines[first : last + 1])

    def _all_marks(self) -> tuple[str, str, str]:
        return self._marks.prefix, self._marks.suffix, self._marks.middle

    def _joined(self, before: str, after: str) -> str:
        marks = self._marks
        if marks.suffix_first:
            return f"{marks.suffix}{after}{marks.prefix}{before}{marks.middle}"
        return f"{marks.prefix}{before}{marks.suffix}{after}{marks.middle}"


def _hole(ask: Ask) -> tuple[int, int]:
    """Return the hole of one question, first and last line: its suspects are exactly the lines left open."""
    return ask.suspects[0], ask.suspects[-1]


def _holes(ask: Ask) -> list[tuple[int, int]]:
    """Return runs of suspicious lines as first and last, 0-based and within `lines`, the most suspicious first; all lines for none."""
    places = _in_lines(ask)
    near, taken = set(places[: 2 * HOLES]), set[int]()
    holes = []
    for line in places:
        if line in taken:
            continue
        first = last = line
        while last + 1 in near - taken and last + 1 - first < LONGEST_HOLE:
            last += 1
        while first - 1 in near - taken and last - (first - 1) < LONGEST_HOLE:
            first -= 1
        taken |= set(range(first, last + 1))
        holes.append((first, last))
    return holes or [(min(1, len(ask.lines) - 1), len(ask.lines) - 1)]


def _in_lines(ask: Ask) -> list[int]:
    """Return where the suspicious lines of the user's tree stand in the state that is built on; those that were changed are gone."""
    moved = {
        a + n: b + n
        for a, b, size in SequenceMatcher(None, ask.user_lines, ask.lines, autojunk=False).get_matching_blocks()
        for n in range(size)
    }
    return [moved[line] for line in ask.suspects if line in moved]
