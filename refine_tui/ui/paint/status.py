"""The status line: what the machine really is and does, most important first when there is little room."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from refine_tui.core.isolation import Level
from refine_tui.loop.ports.thinking import ModelInfo
from refine_tui.loop.session.state import State
from refine_tui.ui.live import Live
from refine_tui.ui.paint.ink import fit, ink

LEVEL_SIGNS: dict[Level, tuple[str, str]] = {
    Level.ISOLATED: ("isolated", "$success"),
    Level.CONFINED: ("confined", "$warning"),
    Level.STATIC: ("!! STATIC: no tests are run !!", "bold reverse $error"),
    Level.UNSAFE: ("!! UNSAFE: not isolated !!", "bold reverse $error"),
}


_ROOMY = 100
"""From this width on the device is told in full."""


@dataclass(frozen=True)
class _Segment:
    content: Content
    rank: int
    """The highest rank goes first when the line is too long."""


def paint_status(state: State, live: Live, width: int) -> Content:
    """Paint branch, model, device, context, isolation, tests, decisions and queue in at most `width` cells."""
    segments = [segment for segment in _segments(state, live, width) if segment.content.plain]
    while len(segments) > 1 and _length(segments) > width:
        segments.remove(max(segments, key=lambda segment: segment.rank))
    separator = ink((" | ", "$diff-number"))
    return fit(Content.assemble(" ", separator.join([segment.content for segment in segments])), width)


def undecided(state: State) -> int:
    """Return how many hunks of open reviews wait for a decision."""
    return sum(len(review.undecided) for review in state.reviews if review.state in ("open", "stale"))


def _segments(state: State, live: Live, width: int) -> list[_Segment]:
    waiting = sum(item.status in ("waiting", "running") for item in state.queue)
    count = undecided(state)
    model = state.model
    device = model.device if model else ""
    return [
        _Segment(ink(state.branch), 6),
        _Segment(_model(model, state), 2),
        _Segment(ink(device if width >= _ROOMY else device.partition(",")[0]), 3),
        _Segment(ink(f"ctx {_thousands(model.context_tokens)}" if model and model.context_tokens else ""), 4),
        _Segment(ink(LEVEL_SIGNS[state.level]), 0),
        _Segment(_tests(state, live), 1),
        _Segment(ink((f"{count} undecided", "bold")) if count else ink(""), 7),
        _Segment(ink(f"queue {waiting}"), 5),
        _Segment(ink("" if _is_elsewhere(model) else "offline"), 8),
    ]


def _is_elsewhere(model: ModelInfo | None) -> bool:
    """Whether the model is a server, so that what it is asked leaves this process."""
    return model is not None and "://" in model.path


def _model(model: ModelInfo | None, state: State) -> Content:
    if state.loading:
        return ink((f"loading {state.loading}", "bold"))
    if model is None:
        return ink("no model" if state.model_reason else "model not loaded")
    return ink(f"{model.name} {model.quantisation}".strip())


def _tests(state: State, live: Live) -> Content:
    if live.run is not None and live.run.what == "survey":
        far = live.run.phase or f"{live.run.done}/{live.run.total or '?'} running"
        return ink(f"tests {far}")
    if state.baseline is None:
        return ink("tests not run")
    counts = state.baseline.suite.counts
    early = "" if state.baseline.suite.complete else ", ended early"
    return ink((f"tests {counts.passed}/{counts.total}{early}", "$success" if counts.passed == counts.total and not early else "$warning"))


def _length(segments: list[_Segment]) -> int:
    return 1 + sum(segment.content.cell_length for segment in segments) + 3 * (len(segments) - 1)


def _thousands(count: int) -> str:
    return f"{count / 1000:.1f}k".replace(".0k", "k") if count >= 1000 else str(count)
