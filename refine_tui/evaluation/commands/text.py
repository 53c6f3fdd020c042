"""Text of a foreign program, bounded and made harmless, and the tests that were seen in it."""

from __future__ import annotations

from dataclasses import dataclass

from refine_tui.core.evidence import CaseResult
from refine_tui.core.sanitize import visible

LINE = 300
DETAILS = 8192


@dataclass(frozen=True, slots=True)
class Seen:
    """A test as a runner reported it."""

    case: CaseResult
    name: str
    """What the runner calls it, for asking for it again."""


def grouped(node: str) -> str:
    """Return the id of a test; one that no file, class or suite holds is put under `tests`: an id of one part stands for a file."""
    return node if "::" in node else f"tests::{node}"


def one_line(text: str) -> str:
    """Return text as one visible line, cut to 300 characters."""
    return visible(" ".join(text[: 4 * LINE].split()))[:LINE]


def bounded(text: str) -> str:
    """Return visible text of at most 8 kB; what comes first says what failed, what comes last how it ended."""
    shown = visible(text if len(text) <= 4 * DETAILS else text[: 2 * DETAILS] + text[-2 * DETAILS :], newlines=True)
    return shown if len(shown) <= DETAILS else f"{shown[: DETAILS // 2]}\n…\n{shown[-DETAILS // 2 + 4 :]}"
