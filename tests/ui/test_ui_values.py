from __future__ import annotations

import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from refine_tui.core.errors import RunnerError, UsageError
from refine_tui.core.evidence import CaseResult, delta
from refine_tui.core.hunks import split_hunks
from refine_tui.core.isolation import Level
from refine_tui.core.patch import patch_between
from refine_tui.core.review import Review
from refine_tui.loop import events
from refine_tui.loop.ports.thinking import Usage
from refine_tui.ui.copying import LARGEST_ESCAPE, copy_text
from refine_tui.ui.editing import edit_lines, editor_command
from refine_tui.ui.live import KEPT_CANDIDATES, KEPT_TEXT, Live, advance
from refine_tui.ui.paint.case_lines import paint_counts
from refine_tui.ui.paint.diff import paint_file
from refine_tui.ui.paint.diff_rows import file_rows, side_by_side
from refine_tui.ui.paint.empty import paint_survey
from refine_tui.ui.paint.evidence import paint_evidence
from refine_tui.ui.paint.note import paint_note
from refine_tui.ui.paint.status import paint_status
from refine_tui.ui.paint.syntax import syntax_spans
from refine_tui.ui.paint.words import changed_words, pair_lines
from refine_tui.ui.proof import passed_before_and_after, proof_of
from refine_tui.ui.selection import Selection, items_of, settle
from refine_tui.ui.session_worker import Delivery, Job, JobBegan, JobEnded, JobQueue, Mailbox, carry_out
from refine_tui.ui.themes import default_theme, load_themes, themes_folder
from tests.ui.ui_fakes import BASELINE, MODEL, SUITE, case, make_candidate, make_review, ready, suite_with


def review_of(old: bytes, new: bytes, path: str = "a.py") -> Review:
    tree = {path: old}
    hunks = split_hunks(patch_between(tree, {path: new}), tree)
    return replace(make_review(), marks=tuple((hunk, "undecided") for hunk in hunks), tree=tree)


# Diff.


def test_rows_number_both_versions_and_mark_what_is_left_out() -> None:
    old = b"".join(b"line%d\n" % n for n in range(20))
    rows = file_rows(review_of(old, old.replace(b"line10\n", b"line10\nnew\n")), "a.py", 1)
    assert [(row.kind, row.text, row.old, row.new) for row in rows] == [
        ("gap", "10 unchanged lines", None, None),
        ("context", "line10", 10, 10),
        ("head", "h1  before line 12  undecided", None, None),
        ("added", "new", None, 11),
        ("context", "line11", 11, 12),
        ("gap", "8 unchanged lines", None, None),
    ]


def test_rows_with_all_context_and_only_new_lines_are_the_new_file() -> None:
    old = b"a\nb\nc\nd\n"
    new = b"a\nB\nc\nd\ne\n"
    rows = file_rows(review_of(old, new), "a.py", 99)
    assert [row.text for row in rows if row.kind in ("context", "added")] == ["a", "B", "c", "d", "e"]
    assert [row.text for row in rows if row.kind in ("context", "removed")] == ["a", "b", "c", "d"]


def test_the_pieces_of_a_split_hunk_show_each_line_once() -> None:
    review = review_of(b"a\nb\nc\n", b"A\nB\nc\n")
    rows = file_rows(review.split("h1"), "a.py", 3)
    assert [row.text for row in rows if row.kind != "head"] == ["a", "A", "b", "B", "c"]


def test_side_by_side_keeps_every_row_in_its_column_and_in_order() -> None:
    rows = file_rows(review_of(b"a = 1\nb = 2\nz\n", b"a = 1 + 1\nq()\nb = 3\nz\n"), "a.py", 3)
    pairs = list(side_by_side(rows))
    assert [row for row, _ in pairs if row and row.kind == "removed"] == [row for row in rows if row.kind == "removed"]
    assert [row for _, row in pairs if row and row.kind == "added"] == [row for row in rows if row.kind == "added"]


def test_changed_words_are_found_and_lines_without_kinship_are_not_compared() -> None:
    old, new = changed_words("total += item.price", "total += item.price * 2")
    assert old == ()
    assert new == ((19, 23),)
    assert changed_words("return x", "import os, sys, re") == ((), ())


def test_lines_are_paired_by_likeness_without_crossing() -> None:
    assert pair_lines(["a = 1"], ["import os", "a = 2"]) == [(None, 0), (0, 1)]
    assert pair_lines(["x"], []) == [(0, None)]


def test_language_colours_follow_a_string_over_lines() -> None:
    spans = syntax_spans("a.py", 'x = """one\ntwo"""\ndef f(): pass')
    assert [(start, kind) for start, _, kind in spans[1]] == [(0, "syntax-string"), (3, "syntax-string")]
    assert (0, 3, "syntax-keyword") in spans[2]
    assert syntax_spans("a.unknown", "x\ny") == ((), ())


@pytest.mark.parametrize("split", [False, True])
def test_painted_lines_carry_signs_and_the_decision_in_words(split: bool) -> None:
    painted = paint_file(make_review().decide("h1", "accepted"), "src/shop/cart.py", "h2", 3, 100, split=split)
    shown = "\n".join(line.plain for line in painted.lines)
    assert "[ok] h1" in shown
    assert "> [  ] h2" in shown
    assert (" ~ " if split else " - ") in shown
    assert painted.lines[painted.heads["h2"]].plain.startswith("> ")


# Evidence, selection, present moment.


def test_a_partial_choice_has_no_proof_until_it_was_run_by_itself() -> None:
    review = make_review().decide("h1", "accepted")
    assert proof_of(review, BASELINE).standing == "unknown"
    assert proof_of(review.with_evidence(review.accepted_key, suite_with(["test_quantity"])), BASELINE).standing == "partly"
    assert proof_of(review.decide("h2", "accepted"), BASELINE).standing == "green"
    assert proof_of(make_review(broken=["test_sum"]), BASELINE).standing == "red"


def test_tests_of_a_file_that_could_not_be_collected_are_counted_once_they_run() -> None:
    review, after = make_review(), suite_with(["test_quantity", "test_empty"])
    before = replace(BASELINE, suite=replace(SUITE, cases=(CaseResult("tests/test_cart.py", "error"),)))
    review = replace(review, candidate=replace(review.candidate, suite=after, delta=delta(before.suite, after)), evidence={})
    counts = after.counts
    assert passed_before_and_after(proof_of(review, before), before) == f"0/1 -> {counts.passed}/{counts.total}"


def test_a_proposal_that_was_proved_on_another_tree_is_called_not_run() -> None:
    review = make_review()
    outdated = replace(review, evidence={}, candidate=replace(review.candidate, confirmed=False))
    assert proof_of(review, BASELINE).standing == "green"
    assert proof_of(outdated, BASELINE).standing == "unknown"


def test_of_a_written_proposal_whose_run_is_not_known_any_more_nothing_is_claimed() -> None:
    written = replace(make_review(), state="applied", application=4)
    unproven = replace(written, candidate=replace(written.candidate, confirmed=False))
    assert [row.plain for row in paint_evidence(unproven, BASELINE, 80)] == ["Evidence  written as #4"]
    (row,) = paint_evidence(written, BASELINE, 80)
    assert row.plain.startswith("Evidence  written as #4, run before: ")


def test_a_test_that_fails_at_times_is_told_and_not_counted_as_passing() -> None:
    review = make_review()
    suite = suite_with(["test_quantity", "test_empty"], ["test_sum"])
    flaky = replace(suite, flaky=("tests/test_cart.py::test_sum",))
    review = replace(review, candidate=replace(review.candidate, suite=flaky))
    shown = [line.plain for line in paint_evidence(review, BASELINE, 100)]
    assert any("not counted: test_sum fails at times" in line for line in shown)
    passing = sum(not case.is_red for case in suite.cases) - 2
    assert any(f"{passing} pass as before" in line for line in shown)


def test_the_selection_survives_whatever_happens_to_its_hunk() -> None:
    review = make_review()
    items = items_of(ready(review).current)
    assert settle(Selection("p1", "h2"), items) == Selection("p1", "h2")
    assert settle(Selection("p1", "gone"), items) == Selection("p1", "h1")
    assert settle(Selection("gone", "h1"), items) == Selection("p1", "h1")
    assert settle(Selection("p1", "h1"), ()) == Selection()


def test_the_present_moment_is_bounded_and_follows_the_loop() -> None:
    task = make_review().task
    many: list[Delivery] = [JobBegan("work"), events.TaskStarted(task), events.RoundStarted("t1", 1, "", 3)]
    many += [events.CandidateJudged("t1", make_candidate(n)) for n in range(500)]
    many += [events.TextStreamed("t1", 0, "x" * 999)] * 20
    live = advance(Live(), many, 0.0)
    assert (len(live.recent), live.judged, len(live.text)) == (KEPT_CANDIDATES, 500, KEPT_TEXT)
    assert (live.step, live.job) == ("propose", "work")
    assert advance(live, [JobEnded("work")], 1.0).jobs == ()


def test_what_a_survey_does_after_each_test_was_run_is_told_and_is_over_with_it() -> None:
    started = [events.SurveyStarted(9.0), events.CaseFinished(SUITE.cases[0], 10, 10), events.SurveyPhase("checking again 3 failing tests")]
    live = advance(Live(), started, 5.0)
    state = ready().current
    assert "All have run; checking again 3 failing tests." in "\n".join(row.plain for row in paint_survey(live.run, 6.0))  # type: ignore[arg-type]
    assert "tests checking again 3 failing tests" in paint_status(state, live, 120).plain
    assert "checking again 3 failing tests  1 s" in paint_counts(state, live, 6.0, 80).plain
    over = advance(live, [events.SurveyFinished(BASELINE, (), Level.ISOLATED)], 7.0)
    assert "checking" not in paint_status(state, over, 120).plain


def test_what_watching_lines_costs_is_told_where_there_is_room() -> None:
    state = replace(ready().current, baseline=replace(BASELINE, tracing=1.44))
    assert "watching lines takes 1.4 x" in paint_counts(state, Live(), 0.0, 120).plain
    assert "watching" not in paint_counts(state, Live(), 0.0, 60).plain


def test_a_model_on_a_server_is_not_called_offline_and_an_unknown_context_is_not_told() -> None:
    model = replace(MODEL, path="http://127.0.0.1:8080/v1#m", device="server 127.0.0.1:8080", context_tokens=0)
    shown = paint_status(ready(model=model).current, Live(), 200).plain
    assert "server 127.0.0.1:8080" in shown
    assert "offline" not in shown
    assert "ctx" not in shown
    assert "offline" in paint_status(ready().current, Live(), 200).plain


def test_only_a_survey_changes_what_is_known_of_the_tree() -> None:
    live = advance(Live(), [events.SurveyStarted(9.0), events.CaseFinished(SUITE.cases[0], 1, 10)], 5.0)
    assert list(live.cases) == [SUITE.cases[0].node_id]
    assert live.run is not None
    assert live.run.began_at == 5.0
    after = advance(live, [JobBegan("verify p1"), events.CaseFinished(case("test_other"), 1, 10)], 6.0)
    assert list(after.cases) == list(live.cases)


def test_the_status_line_keeps_the_level_longest_when_there_is_little_room() -> None:
    state = replace(ready(make_review()).current, level=Level.UNSAFE)
    assert "offline" in paint_status(state, Live(), 160).plain
    for width in range(30, 160):
        status = paint_status(state, Live(), width)
        assert "UNSAFE" in status.plain
        assert status.cell_length <= width


def test_a_note_keeps_its_shape_and_loses_its_markup() -> None:
    rows = [row.plain for row in paint_note("# Title\n\n- **bold** `code`\n2. two\n```\n# no heading\n```\n[red]x[/red]")]
    assert rows == ["Title", "", "- bold code", "2. two", "    # no heading", "[red]x[/red]"]


# The worker.


def run_jobs(*jobs: Job) -> list[Delivery]:
    queue, delivered = JobQueue(), list[Delivery]()
    for job in jobs:
        queue.put(job)
    carry_out(queue, delivered.append)
    return delivered


def script(*yielded: events.Event) -> Callable[[Callable[[], bool]], Iterator[events.Event]]:
    return lambda cancelled: iter(yielded)


def test_jobs_run_one_after_the_other_and_urgent_ones_first() -> None:
    names = [d.name for d in run_jobs(Job("a", script()), Job("b", script(), urgent=True)) if isinstance(d, JobBegan)]
    assert names == ["b", "a"]


def test_an_error_ends_one_job_and_not_the_worker() -> None:
    def broken(cancelled: Callable[[], bool]) -> Iterator[events.Event]:
        yield events.Notice("before")
        raise RunnerError("The runner died. Press t.")

    def defect(cancelled: Callable[[], bool]) -> Iterator[events.Event]:
        if not cancelled():
            raise ZeroDivisionError("oh")
        yield events.Notice("never")

    delivered = run_jobs(Job("a", broken), Job("b", defect), Job("c", script()))
    errors = {d.name: d.error for d in delivered if isinstance(d, JobEnded)}
    assert errors["a"] == "The runner died. Press t."
    assert "defect of refine_tui" in errors["b"]
    assert errors["c"] == ""


def test_a_job_that_waits_already_is_not_added_twice_and_cancel_reaches_the_innermost() -> None:
    queue = JobQueue()
    assert queue.put(Job("a", script()))
    assert not queue.put(Job("a", script()))
    assert not queue.put(Job("b", script(), urgent=True))
    assert queue.names == ("a", "b")
    first, second = queue.take(), queue.take()
    assert first is not None
    assert second is not None
    assert queue.cancel() == second.name
    assert (first.is_cancelled.is_set(), second.is_cancelled.is_set()) == (False, True)


def test_the_mailbox_merges_bursts_and_loses_no_text() -> None:
    calls: list[int] = []
    box = Mailbox(lambda: calls.append(1))
    threads = [threading.Thread(target=box.put, args=(events.TextStreamed("t", 0, "x" * 10),)) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    box.put(events.Progress("t", 1, 1, 1, 1.0, None, 0))
    box.put(events.Progress("t", 1, 2, 2, 2.0, None, 0, Usage(1)))
    text, progress = box.drain()
    assert isinstance(text, events.TextStreamed)
    assert text.text == "x" * 500
    assert isinstance(progress, events.Progress)
    assert progress.candidates == 2
    assert calls == [1]
    assert box.drain() == ()


# Editor, clipboard, themes, imports.


def test_the_editor_is_the_users_and_its_words_are_kept() -> None:
    assert editor_command({"VISUAL": "code --wait", "EDITOR": "vi"}) == ["code", "--wait"]
    assert editor_command({"EDITOR": "emacs"}) == ["emacs"]
    with pytest.raises(UsageError, match="EDITOR is no command: No closing quotation"):
        editor_command({"EDITOR": "'vi"})


def test_edited_lines_come_back_and_an_unchanged_file_is_none(tmp_path: Path) -> None:
    editor = tmp_path / "e"
    editor.write_text("#!/bin/sh\nprintf 'x = 1\\n\\ny\\n' > \"$1\"\n")
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    assert edit_lines(["a"], ".py", {"EDITOR": str(editor)}) == ("x = 1", "", "y")
    assert edit_lines(["a"], ".py", {"EDITOR": "true"}) is None
    with pytest.raises(UsageError, match="ended with status 1"):
        edit_lines(["a"], ".py", {"EDITOR": "false"})
    with pytest.raises(UsageError, match="cannot be started"):
        edit_lines(["a"], ".py", {"EDITOR": str(tmp_path / "none")})


def test_ctrl_c_in_the_editor_ends_the_editor_and_nothing_else(tmp_path: Path) -> None:
    editor = tmp_path / "e"
    editor.write_text("#!/bin/sh\nkill -INT $PPID $$\n")
    editor.chmod(0o755)
    with pytest.raises(UsageError, match="was interrupted; the hunk is as it was"):
        edit_lines(["a"], ".py", {"EDITOR": str(editor)})


def test_copying_says_which_way_it_went() -> None:
    sent: list[str] = []
    assert "OSC 52" in copy_text("abc", sent.append, {"TERM": "xterm"})
    assert sent == ["abc"]
    for text, environment in (("abc", {"TERM": "dumb"}), ("x" * (LARGEST_ESCAPE + 1), {"TERM": "xterm"})):
        said = copy_text(text, sent.append, environment)
        path = Path(said.rpartition(" ")[2])
        assert path.read_text() == text
        path.unlink()
    assert sent == ["abc"]


def test_the_themes_that_ship_load_and_a_broken_one_is_named(tmp_path: Path) -> None:
    themes = load_themes(themes_folder())
    assert {theme.dark for theme in themes} == {True, False}
    (tmp_path / "odd.toml").write_text('[colours]\nprimary = "#fff"\nprimry = "#000"\n')
    with pytest.raises(UsageError, match=r"odd\.toml: primry"):
        load_themes(tmp_path)
    assert default_theme({"COLORFGBG": "0;15"}) == "ansi-light"
    assert default_theme({}) == "ansi-dark"


def test_importing_the_room_loads_no_textual() -> None:
    code = "import sys, refine_tui.ui; print([m for m in ('textual', 'rich', 'pygments') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
