"""What becomes of a review when the tree is no longer the one it was proved on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from refine_tui.core.hunks import Hunk, combine, lines_of, shown
from refine_tui.core.patch import Edit
from refine_tui.core.rebase import rebase
from refine_tui.core.review import Review


def unproven(review: Review) -> Review:
    """Return a review without evidence: what was proved on another tree is no proof on this one."""
    if not review.evidence and not review.candidate.confirmed:
        return review
    return replace(review, evidence={}, candidate=replace(review.candidate, confirmed=False, weight=None))


def carried(review: Review, now: Mapping[str, bytes]) -> Review:
    """Return a review at its place in the texts that are there now, or stale where that place is gone.

    Decisions move along; evidence never does. A review that is written or closed, or whose texts are the same, is returned as it is.
    """
    if review.state not in ("open", "stale") or dict(now) == dict(review.tree):
        return review
    moved = rebase(review.candidate.proposal.patch, review.tree, now)
    marks = [(_moved(hunk, review.tree, now), decision) for hunk, decision in review.marks]
    kept = tuple((hunk, decision) for hunk, decision in marks if hunk is not None)
    if moved is None or len(kept) < len(marks):
        return replace(review, state="stale")
    candidate = replace(review.candidate, proposal=replace(review.candidate.proposal, patch=moved), confirmed=False, weight=None)
    return replace(review, state="open", tree=now, marks=kept, past=(), future=(), evidence={}, candidate=candidate)


def rewritten(hunk: Hunk, new_lines: Sequence[str]) -> Hunk:
    """Return a hunk with other new lines. A line that was shown before keeps its bytes, whatever its encoding."""
    eol = b"\r\n" if b"\r\n" in hunk.edit.old + hunk.edit.new else b"\n"
    told = [
        *zip(shown(hunk.edit.old), lines_of(hunk.edit.old), strict=True),
        *zip(shown(hunk.edit.new), lines_of(hunk.edit.new), strict=True),
    ]
    known = {text: raw.removesuffix(b"\n").removesuffix(b"\r") for text, raw in told}
    new = b"".join(known.get(line, line.encode("utf-8", "replace")) + eol for line in new_lines)
    if hunk.edit.old and not hunk.edit.old.endswith(b"\n"):
        new = new.removesuffix(eol)
    edit = Edit(hunk.edit.start, hunk.edit.old, new)
    return replace(hunk, edit=edit, added=shown(new))


def _moved(hunk: Hunk, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> Hunk | None:
    """Return a hunk at its place in newer texts, with whatever the user has made of its lines; `None` when its place is gone."""
    place = replace(hunk, edit=replace(hunk.edit, new=hunk.edit.old + b"\n"))  # a change, though the user's lines may be none
    patch = rebase(combine((place,), old), old, new)
    if patch is None:
        return None
    edit = replace(patch.files[0].edits[0], new=hunk.edit.new)
    return replace(hunk, edit=edit, first_line=new.get(hunk.path, b"").count(b"\n", 0, edit.start))
