"""Text from models, files and tools can neither crash a widget nor reach the terminal as a command."""

from __future__ import annotations

import os
import pty
import random
import re
import select
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from refine_tui.core.critique import Critique, Effect, Suspect
from refine_tui.core.evidence import CaseResult, Frame
from refine_tui.core.hunks import split_hunks
from refine_tui.core.patch import patch_between
from refine_tui.core.review import Marks, Review
from refine_tui.core.task import Task
from refine_tui.loop import events
from refine_tui.loop.session.state import QueueItem
from refine_tui.ui.live import Live, advance
from refine_tui.ui.paint.case_lines import case_entries, paint_case
from refine_tui.ui.paint.diff import paint_file
from refine_tui.ui.paint.evidence import paint_evidence, paint_why
from refine_tui.ui.paint.ink import ink
from refine_tui.ui.paint.loop_lines import paint_candidates, paint_critique, paint_goal, paint_stream
from refine_tui.ui.paint.note import paint_note
from refine_tui.ui.paint.overview import entries, paint_head, paint_strip
from refine_tui.ui.selection import Item, Selection, items_of
from refine_tui.ui.widgets.notice_bar import NoticeBar
from refine_tui.ui.widgets.pane import Pane
from refine_tui.ui.widgets.queue_list import QueueList
from tests.ui.ui_fakes import BASELINE, SCOPE, make_candidate, make_review, ready

Opened = Callable[..., AbstractAsyncContextManager[Pilot[int]]]
CONTROLS = (
    "\x1b[31m", "\x1b]52;c;ZXZpbA==\x07", "\x1b]0;title\x07", "\x1b]8;;http://evil\x1b\\", "\x9b31m", "\x9d0;t\x9c", "\x1bPq\x1b\\",
    "\x1bc", "\r", "\n", "\b\b\b", "\x00", "\x7f", "\x85", "\u2028", "\u2029", "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff",
    "\ud800", "\udcff", "\U000e0041",
)  # fmt: skip
MARKUP = ("[bold]", "[/]", "[/bold]", "[@click=app.quit]x[/]", "[red", "[[", "]]", "\\[", "$primary", "[link=http://x]", "{}", "%s")
ORDINARY = ("\t", " ", "é", "日本", "🙂", "a", "def f():")
PIECES = CONTROLS + MARKUP + ORDINARY


def hostile(count: int, seed: int = 1) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choice(PIECES) for _ in range(chance.randrange(1, 8))) for _ in range(count)]


def harmless(text: str) -> bool:
    return not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp", "Cf") for c in text)


def hostile_review(text: str) -> Review:
    # A path can hold any byte but zero, which Python reads as these surrogates and no others.
    path = text.replace("\ud800", "")
    line = text.encode("utf-8", "replace")
    old = b"x = 1\n" + line + b"\nz\n"
    tree = {path: old}
    base = make_review(note=text)
    hunks = split_hunks(patch_between(tree, {path: old.replace(b"x = 1", b"x = 2") + line + b"\n"}), tree)
    proposal = replace(base.candidate.proposal, scope=replace(SCOPE, path=path, name=text), proposer=text)
    proposal = replace(proposal, detail=tuple((key, text) for key in ("model", "prompt", "parts", "left out")))
    candidate = replace(base.candidate, flags=(text,), proposal=proposal)
    marks: Marks = tuple((hunk, "undecided") for hunk in hunks)
    return replace(base, marks=marks, tree=tree, candidate=candidate, task=replace(base.task, note=text), evidence={})


def painted(text: str) -> list[str]:
    """Return every line that some text can end up in, from every painter."""
    review = hostile_review(text)
    case = CaseResult(text, "failed", 0.1, text, text, (Frame(text, 1, text),), (text, text), text)
    critique = Critique(1, (case,), (Suspect(text, 1, 0.5, text),), text, 1, text, 1)
    effect = Effect(text, "other", text, text)
    critique = replace(critique, effects=(effect,), rests_on=text, change=text, unread=1, answers=2, malformed=((text, 1),))
    task = Task("t1", text, (text,), (replace(SCOPE, path=text, name=text),))
    live = advance(Live(), [events.TaskStarted(task), events.TextStreamed("t1", 0, text)], 0.0)
    live = replace(live, recent=(make_candidate(1, note=text),), best=make_candidate(2, "improved", text))
    state = ready(review, queue=(QueueItem(task, "unsolved", "", text), QueueItem(replace(task, id="t2")))).current
    rows = [*paint_note(text), *paint_why(review), *paint_evidence(review, BASELINE, 60), *paint_critique(critique)]
    rows += [*paint_goal(live, state), *paint_candidates(live), *paint_stream(live, state), *paint_case(case, BASELINE)]
    rows += [entry.content for entry in case_entries([case], frozenset({text}))]
    rows += [entry.content for entry in entries(items_of(state), Selection("p1", "h1"), state)]
    rows += [paint_head(Item("p1", review), "1/1", "h1", BASELINE, 80), paint_strip(review, "h1", 80)]
    path = review.hunks[0].path
    rows += [line for split in (False, True) for line in paint_file(review, path, "h1", 3, 80, split=split).lines]
    return [line for row in rows for line in row.plain.split("\n")]


def test_no_painter_lets_anything_through_that_a_terminal_obeys() -> None:
    for text in hostile(300):
        assert all(harmless(line) for line in painted(text)), repr(text)


def test_ten_thousand_hostile_strings_become_plain_lines() -> None:
    for text in hostile(10_000, seed=2):
        content = ink(text, (text, "bold $accent"))
        assert harmless(content.plain)
        assert content.spans == ink("x" * (len(content.plain) // 2), ("x" * (len(content.plain) // 2), "bold $accent")).spans


async def test_every_widget_shows_ten_thousand_hostile_strings(opened: Opened) -> None:
    strings = hostile(10_000, seed=3)
    async with opened(ready(make_review()), (140, 40)) as pilot:
        screen = pilot.app.screen
        for start in range(0, len(strings), 1000):
            some = strings[start : start + 1000]
            screen.query_one("#diff", Pane).show([ink(text) for text in some])
            screen.query_one("#notes", Pane).show([row for text in some[:200] for row in paint_note(text)])
            screen.query_one("#list", QueueList).list_entries(
                list(case_entries([CaseResult(f"{n}{t}", "failed") for n, t in enumerate(some)], frozenset())), ""
            )
            screen.query_one("#diff", Pane).border_title = ink(some[0])
            screen.query_one(NoticeBar).say(some[1], "error")
            await pilot.pause()
        assert pilot.app.is_running


@pytest.mark.parametrize("chunk", range(3))
async def test_a_session_made_of_hostile_text_can_be_reviewed(opened: Opened, chunk: int) -> None:
    for text in hostile(2, seed=10 + chunk):
        task = Task("t9", text, (text,))
        session = ready(hostile_review(text), queue=(QueueItem(task, "unsolved", "", text),), branch=text, project=f"/{text}")
        session.opening = [events.Notice(text, "error")]
        async with opened(session) as pilot:
            await pilot.press("y", "v", "z", "question_mark", "escape", "2", "3", "1", ".", "ctrl+p", "escape")
            assert pilot.app.is_running


PROGRAM = """
import sys
from dataclasses import replace
from tests.ui.test_ui_hostile import hostile, hostile_review
from tests.ui.ui_fakes import ready
from refine_tui.core.task import Task
from refine_tui.loop import events
from refine_tui.loop.session.state import QueueItem
from refine_tui.ui.app import RefineApp
text = "EVIL" + "".join(hostile(60, seed=4)) + "EVIL"
session = ready(hostile_review(text), queue=(QueueItem(Task("t9", text, ()), "unsolved", "", text),), branch=text)
session.opening = [events.Notice(text, "error")]
RefineApp(session).run()
"""
OURS = re.compile(
    rb"\x1b\[[0-9;:?<>=]*[a-zA-Z]"  # styles, cursor, modes
    rb"|\x1b\[\?[0-9;]*\$p|\x1bP[^\x1b]*\x1b\\\\"
    rb"|\x1b\]1[01];[^\x07\x1b]*(?:\x07|\x1b\\)"
    rb"|\x1b\]22;[a-z]*\x07"  # the pointer's shape
    rb"|\x1b[78=>]"
)


@pytest.mark.skipif(sys.platform == "win32", reason="no pty")
def test_a_terminal_gets_no_control_byte_that_came_from_outside() -> None:
    root = Path(__file__).parents[2]
    main, child = pty.openpty()
    os.set_blocking(main, False)
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "140", "LINES": "40", "PYTHONPATH": str(root)}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=child, stdout=child, stderr=child, env=environment, cwd=root) as process:
        os.close(child)
        seen = _read_until(main, b"EVIL", 120)
        for key in (b"y", b".", b"2", b"3", b"1", b"z"):
            os.write(main, key)
        os.write(main, b"q")
        seen += _read_until(main, None, 120)
        process.wait(120)
    os.close(main)
    rest = OURS.sub(b"", seen)
    assert b"EVIL" in seen
    assert b"\x1b]52" not in seen
    assert b"\x1b]8;;http://evil" not in seen
    assert not re.findall(rb"[\x00-\x07\x0b\x0c\x0e-\x1f\x7f]", rest)
    assert all(harmless(line) for line in rest.decode("utf-8").replace("\r", "").replace("\b", "").split("\n"))


def _read_until(main: int, wanted: bytes | None, limit_s: float) -> bytes:
    """Read until some bytes came, or until the other side is gone."""
    seen, end = b"", time.monotonic() + limit_s
    while time.monotonic() < end and (wanted is None or wanted not in seen):
        if not select.select([main], [], [], 0.5)[0]:
            continue
        try:
            more = os.read(main, 65536)
        except BlockingIOError:
            continue
        except OSError:
            break
        if not more:
            break
        seen += more
    return seen
