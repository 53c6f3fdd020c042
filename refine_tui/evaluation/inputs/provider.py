"""Where hypothesis gets its numbers: from the seed alone."""

from __future__ import annotations

from typing import Any

from hypothesis.internal.conjecture.providers import HypothesisProvider


class OnlyDrawn(HypothesisProvider):
    """Leaves out the constants that hypothesis collects from whatever modules this process has imported, and stores on disk."""

    def _maybe_draw_constant(self, *_args: Any, **_kwargs: Any) -> None:
        return None
