"""The lines around a diff: what is looked at, the decisions, and the list of everything that can be looked at."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from refine_tui.core.evidence import Baseline
from refine_tui.core.review import Review, ReviewState
from refine_tui.loop.session.state import State
from refine_tui.ui.live import Live
from refine_tui.ui.paint.diff import SIGNS, STYLES
from refine_tui.ui.paint.entry import Entry
from refine_tui.ui.paint.ink import fits, ink, spread
from refine_tui.ui.proof import passed_before_and_after, proof_of
from refine_tui.ui.selection import Item, Selection

_STANDING = {
    "green": "bold $success",
    "partly": "bold $warning",
    "red": "bold reverse $error",
    "waits": "bold $success",
    "unknown": "$warning",
}
_STATES: dict[ReviewState, str | tuple[str, str]] = {
    "open": "",
    "stale": ("STALE  ", "bold $warning"),
    "applied": ("written  ", "bold $success"),
    "closed": "rejected  ",
}


def paint_head(item: Item, position: str, hunk_id: str, baseline: Baseline | None, width: int) -> Content:
    """Paint file, scope, place, round and tests before and after."""
    if item.review is None:
        task = item.note.task if item.note else None
        return ink(f" note {position}  ", (task.goal if task else "", "bold"))
    review = item.review
    scope = review.candidate.proposal.scope
    hunk = next((hunk for hunk in review.hunks if hunk.id == hunk_id), None)
    at = review.hunks.index(hunk) + 1 if hunk else 0
    proof = proof_of(review, baseline)
    left = ink(
        f" {review.id} ", (f"{position}  ", "$diff-number"), _STATES[review.state],
        f"hunk {at} of {len(review.hunks)}  ", (hunk.path if hunk else scope.path, "bold"), f"  {scope.name}",
        (f"  round {review.candidate.round}", "$diff-number"),
    )  # fmt: skip
    if review.state == "applied":
        return left
    if review.state == "stale":
        return spread(left, ink(("evidence is for an older file ", "$warning")), width)
    tests = passed_before_and_after(proof, baseline)
    word = {"green": "ok ", "partly": "better ", "red": "RED ", "waits": "fails, as it should ", "unknown": ""}[proof.standing]
    return spread(left, ink(f" tests {tests} " if tests else "", (word, _STANDING[proof.standing])), width)


def paint_strip(review: Review, hunk_id: str, width: int) -> Content:
    """Paint the hunks' marks in one line, the current one always among those that fit."""
    cells = []
    for hunk, decision in review.marks:
        is_current = hunk.id == hunk_id
        cursor = "> " if is_current else "  "
        cells.append(ink((cursor, "bold $accent"), (SIGNS[decision], STYLES[decision]), f" {hunk.id} L{hunk.first_line + 1}"))
    at = next((n for n, (hunk, _) in enumerate(review.marks) if hunk.id == hunk_id), 0)
    start = 0
    while start < at and sum(cell.cell_length + 1 for cell in cells[start : at + 1]) > width - 4:
        start += 1
    left_out = ink((f" +{start} ", "$diff-number")) if start else Content("")
    return Content.assemble(left_out, Content(" ").join(cells[start:]))


def paint_summary(review: Review, width: int, under_way: str = "") -> Content:
    """Paint what is decided, and what is being done about it or what pressing `w` would do."""
    decisions = [decision for _, decision in review.marks]
    counts = [(decisions.count(word), word) for word in ("accepted", "rejected", "undecided")]
    said = ", ".join(f"{count} {word}" for count, word in counts if count)
    hint = {
        "open": "nothing is written before you press w",
        "stale": "the file changed since: this cannot be written",
        "applied": f"written as #{review.application}; U takes it back",
        "closed": "rejected",
    }[review.state]
    style = "bold" if under_way else "bold $warning" if review.state == "stale" else "$diff-number"
    left, right = ink(f" {said}"), ink((f"{under_way or hint} ", style))
    return spread(left, right if fits(left, right, width) else ink(""), width)


def turn(live: Live, job: str, now: float) -> str:
    """Say how far a run is that was asked for by name, or that it waits for its turn."""
    if live.run is None or live.run.what != job:
        return "these hunks are run next"
    run = live.run
    return f"running these hunks: {run.done} of {run.total or '?'} tests, {max(0.0, now - run.began_at):.0f} s; esc stops"


def entries(items: tuple[Item, ...], selected: Selection, state: State) -> Iterator[Entry]:
    """List proposals with the hunks of the selected one, then notes, then what waits."""
    for item in items:
        if item.review is not None:
            yield from _review_entries(item.review, selected)
        elif item.note is not None:
            yield Entry(item.id, ink(("? ", "bold $warning"), f"{item.note.task.id} note: {item.note.task.goal}"))
    queued = [queued for queued in state.queue if queued.status in ("waiting", "running")]
    if queued:
        yield Entry("queue", ink(("in the queue", "$diff-number")), is_heading=True)
    for one in queued:
        sign = ("* ", "bold $accent") if one.status == "running" else ("- ", "$diff-number")
        yield Entry(f"task {one.task.id}", ink(sign, f"{one.task.id} {one.task.goal}"), is_heading=True)


def _review_entries(review: Review, selected: Selection) -> Iterator[Entry]:
    left = len(review.undecided)
    sign = {"open": f"{len(review.hunks) - left}/{len(review.hunks)}", "stale": "STALE", "applied": "[w]", "closed": "[no]"}[review.state]
    path = review.hunks[0].path if review.hunks else ""
    place = f"{path.rsplit('/', 1)[-1]} {review.candidate.proposal.scope.name}"
    yield Entry(review.id, ink((f"{review.id} ", "bold"), (f"{sign} ", "$diff-number"), place))
    for hunk, decision in review.marks if review.id == selected.item else ():
        cursor = ("> ", "bold $accent") if hunk.id == selected.hunk else "  "
        yield Entry(
            f"{review.id}/{hunk.id}", ink(cursor, " ", (SIGNS[decision], STYLES[decision]), f" {hunk.id} line {hunk.first_line + 1}")
        )
