from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from refine_tui.bootstrap import Project
from refine_tui.cli import fixing, main
from refine_tui.core.codec import decode
from refine_tui.core.errors import ModelError, ProjectError, UsageError
from refine_tui.core.evidence import Baseline, SuiteResult
from refine_tui.core.patch import Patch, splice
from refine_tui.core.review import Review
from refine_tui.core.settings import Settings
from refine_tui.core.task import Budget
from refine_tui.core.text import SourceFile
from refine_tui.loop import events
from refine_tui.loop.drafting import replace_scope
from refine_tui.loop.fixing import Fixed, fix
from refine_tui.loop.ports.keeping import Application
from refine_tui.loop.ports.parts import Parts
from refine_tui.loop.ports.running import Cancelled
from refine_tui.loop.ports.thinking import Completion, ModelInfo, Request, Usage
from refine_tui.loop.search import scope_lines
from refine_tui.loop.session.session import Session
from refine_tui.loop.wanted import Wanted
from refine_tui.prompting.profiles import LineEdit, profile_for
from refine_tui.syntax import TreeSitter
from tests.loop.loop_fakes import CLAMP, ForkEvaluator, MemoryJournal, MemoryWorkspace

CLAMP_TESTS = """from clamp import clamp

def test_low():
    assert clamp(-5, 0, 10) == 0

def test_high():
    assert clamp(50, 0, 10) == 10
"""
CLAMP_PROJECT = {"clamp.py": CLAMP, "test_clamp.py": CLAMP_TESTS}


class Ticking:
    """A clock that counts how often it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.1
        return self.now


class Shop:
    """A session on a project in memory."""

    def __init__(self, files: dict[str, str], **changed: Any) -> None:
        self.workspace = MemoryWorkspace(files)
        self.evaluator = ForkEvaluator(self.workspace)
        self.clock = changed.pop("clock", None) or Ticking()
        self.settings = changed.pop("settings", Settings())
        kept: dict[str, Any] = {"journal": MemoryJournal(), "generator": None, "profile": profile_for, **changed}
        self.parts = Parts(
            self.workspace,
            self.evaluator,
            TreeSitter(),
            kept["journal"],
            self.clock,
            kept["generator"],
            LineEdit(),
            kept["profile"],
        )
        self.session = Session(self.parts, self.settings)


def never() -> bool:
    return False


@pytest.fixture
def run_fix(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run `refine-tui fix` on a project in memory."""

    def run(shop: Shop, *arguments: str) -> int:
        @contextmanager
        def opened(_options: argparse.Namespace, *, writes: bool) -> Iterator[Project]:
            assert writes == ("--apply" in arguments)
            yield Project(Path("/project"), shop.settings, shop.parts, shop.session)

        monkeypatch.setattr(fixing, "open_project", opened)
        return main(["fix", *arguments])

    return run


def test_a_patch_that_cannot_be_saved_is_told_all_the_same(run_fix: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status = run_fix(Shop(CLAMP_PROJECT), "--json", "--output", str(tmp_path / "missing" / "x.patch"))
    told = capsys.readouterr()
    end = json.loads(told.out.splitlines()[-1])
    assert (status, end["outcome"], "return low" in end["patch"]) == (1, "solved", True)
    assert "could not be written" in told.err


def test_a_file_that_changed_before_it_was_written_is_a_refusal_with_its_patch(
    run_fix: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(CLAMP_PROJECT)
    write = shop.workspace.apply

    def too_late(patch: Patch, *, task: str, goal: str) -> Application:
        shop.workspace.tree["clamp.py"] += b"# mine\n"
        return write(patch, task=task, goal=goal)

    monkeypatch.setattr(shop.workspace, "apply", too_late)
    status = run_fix(shop, "--json", "--apply")
    end = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (status, end["event"], end["outcome"]) == (3, "finished", "refused")
    assert "return low" in end["patch"]
    assert b"return low" not in shop.workspace.tree["clamp.py"]


def reviewed(shop: Shop) -> str:
    for _ in (*shop.session.survey(never), *shop.session.work_all(never)):
        pass
    return shop.session.state().reviews[0].id


def test_a_decision_made_while_a_result_is_being_stored_is_not_lost() -> None:
    journal = MemoryJournal()
    shop = Shop(CLAMP_PROJECT, journal=journal)
    id = reviewed(shop)
    store, entered, go_on = journal.append, threading.Event(), threading.Event()

    def slow(kind: str, value: Mapping[str, Any], *, task: str = "") -> int:
        if threading.current_thread().name == "deciding":
            entered.set()
            go_on.wait(100)
        return store(kind, value, task=task)

    journal.append = slow  # type: ignore[method-assign]
    hunk = shop.session.state().review(id).hunks[0].id
    reading, read_on = threading.Event(), threading.Event()

    def decide(review: Review) -> Review:
        reading.set()
        read_on.wait(1)
        return review.decide(hunk, "accepted")

    deciding = threading.Thread(target=lambda: shop.session.change(id, decide), name="deciding")
    deciding.start()
    reading.wait(100)
    recording = threading.Thread(target=lambda: shop.session.change(id, lambda r: r.with_evidence(frozenset({"x"}), SuiteResult())))
    recording.start()
    read_on.set()
    entered.wait(100)
    recording.join(0.2)
    go_on.set()
    deciding.join(100)
    recording.join(100)
    review = shop.session.state().review(id)
    assert review.decision(hunk) == "accepted"
    assert frozenset({"x"}) in review.evidence
    *_, (_, _, _, _, row) = journal.rows("proposal")
    stored = decode(Review, row)
    assert (stored.marks, stored.evidence.keys()) == (review.marks, review.evidence.keys())


def test_a_goal_of_the_user_outlives_the_next_run_of_the_tests_and_a_restart() -> None:
    journal = MemoryJournal()
    shop = Shop(CLAMP_PROJECT, journal=journal)
    list(shop.session.survey(never))
    goal = shop.session.add_goal("clamp low values to low", "clamp.py::clamp")
    shop.session.add_goal("clamp all", targets=("test_clamp.py::test_high", "test_clamp.py::test_low"))
    list(shop.session.survey(never))
    assert shop.session.state().queue[-1].task.targets == ("test_clamp.py::test_low",)
    assert goal.id in [item.task.id for item in shop.session.state().queue]
    again = Shop(CLAMP_PROJECT, journal=journal)
    again.session.restore()
    list(again.session.survey(never))
    queue = again.session.state().queue
    assert [item.task.goal for item in queue if item.status == "waiting"] == ["clamp low values to low", "clamp all"]


def test_a_goal_follows_its_scope_when_the_file_grows_above_it() -> None:
    shop = Shop(CLAMP_PROJECT)
    list(shop.session.survey(never))
    shop.session.add_goal("clamp low values to low", "clamp.py::clamp")
    shop.workspace.tree["clamp.py"] = b"# one\n# two\n# three\n# four\n# five\n# six\n\n\n" + CLAMP.encode()
    list(shop.session.files_changed(frozenset({"clamp.py"}), never))
    list(shop.session.work_all(never))
    (review,) = shop.session.state().reviews
    assert review.candidate.verdict == "solved"


def test_lines_the_user_wrote_are_carried_over_with_their_decision() -> None:
    shop = Shop(CLAMP_PROJECT)
    id = reviewed(shop)
    hunk = shop.session.state().review(id).hunks[0]
    shop.session.replace_hunk(id, hunk.id, ["        return low  # by hand"])
    shop.session.change(id, lambda r: r.decide(hunk.id, "accepted"))
    shop.workspace.tree["clamp.py"] = b"# mine\n" + shop.workspace.tree["clamp.py"]
    list(shop.session.files_changed(frozenset({"clamp.py"}), never))
    review = shop.session.state().review(id)
    assert [(h.added, d) for h, d in review.marks] == [(("        return low  # by hand",), "accepted")]
    shop.session.apply(id)
    assert shop.workspace.tree["clamp.py"].startswith(b"# mine\ndef clamp")
    assert b"by hand" in shop.workspace.tree["clamp.py"]


def test_a_hunk_edited_back_to_what_is_there_is_carried_over_and_neither_run_nor_written() -> None:
    shop = Shop(CLAMP_PROJECT)
    id = reviewed(shop)
    hunk = shop.session.state().review(id).hunks[0]
    shop.session.replace_hunk(id, hunk.id, hunk.removed)
    shop.session.change(id, lambda r: r.decide(hunk.id, "accepted"))
    for act in (lambda: list(shop.session.verify(id, never)), lambda: shop.session.apply(id, red_is_fine=True)):
        with pytest.raises(UsageError):
            act()
    shop.workspace.tree["clamp.py"] = b"# mine\n" + shop.workspace.tree["clamp.py"]
    list(shop.session.files_changed(frozenset({"clamp.py"}), never))
    ((kept, decision),) = shop.session.state().review(id).marks
    assert (kept.added, kept.first_line, kept.is_change, decision) == (hunk.removed, hunk.first_line + 1, False, "accepted")


def test_a_proposal_is_carried_over_even_when_the_tests_cannot_be_run_on_the_saved_file(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(CLAMP_PROJECT)
    id = reviewed(shop)
    shop.workspace.tree["clamp.py"] = CLAMP.replace("return high", "return (high", 1).encode()

    def unusable(*_: object, **__: object) -> Baseline:
        raise ProjectError("No test could be collected.")

    monkeypatch.setattr(shop.evaluator, "baseline", unusable)
    with pytest.raises(ProjectError):
        list(shop.session.files_changed(frozenset({"clamp.py"}), never))
    assert shop.session.state().review(id).state == "stale"


def test_a_save_after_tests_that_could_not_be_run_runs_them() -> None:
    shop = Shop(CLAMP_PROJECT)
    list(shop.session.files_changed(frozenset({"clamp.py"}), never))
    assert shop.session.state().baseline is not None


BOX = """class Box:
    def __init__(self):
        self._n = 0

    @property
    def n(self):
        return self._n

    @n.setter
    def n(self, value):
        if value > 3:
            self._n = 3
        else:
            self._n = 0
"""
BOX_TESTS = """from box import Box

def test_starts_empty():
    assert Box().n == 0

def test_takes_three():
    box = Box()
    box.n = 3
    assert box.n == 3

def test_takes_no_more():
    box = Box()
    box.n = 4
    assert box.n == 3
"""


def test_a_setter_is_searched_although_its_getter_has_the_same_name() -> None:
    shop = Shop({"box.py": BOX, "test_box.py": BOX_TESTS})
    id = reviewed(shop)
    assert shop.session.state().review(id).candidate.verdict == "solved"


@pytest.mark.parametrize(
    "text",
    [
        b"def f():\r\n    a = 1\n    b = 2\r\n    return a\r\n",
        b"def f():\n    a = '\x0c'\n    b = '\xc2\x85'\n    return a",
        b"def f():\n\treturn '\xe9'\n",
    ],
)
def test_lines_that_stay_keep_every_byte(text: bytes) -> None:
    (scope,) = [s for s in TreeSitter().scopes(SourceFile("a.py", text)) if s.name == "f"]
    lines = scope_lines(text, scope)
    assert splice(text, [replace_scope(text, scope, lines)]) == text
    changed = splice(text, [replace_scope(text, scope, [*lines[:-1], lines[-1] + "  # new"])])
    at = text.rindex(b"return")
    assert changed.startswith(text[:at])
    assert changed[at:].splitlines() == [text[at:].splitlines()[0] + b"  # new"]
    more = splice(text, [replace_scope(text, scope, [*lines, "    # last"])])
    assert more.startswith(text.rstrip())
    assert more.count(b"\r\n") == text.count(b"\r\n") + (b"\r\n" in text)


ROMAN_PROJECT = {
    "roman.py": 'def roman(number):\n    return ""\n',
    "test_roman.py": 'from roman import roman\n\ndef test_four():\n    assert roman(4) == "IV"\n',
}
INFO = ModelInfo("fake", "fake.gguf", "test", "F32", 1, 512, "CPU, 1 thread", profile="scope-rewrite")


class Writer:
    """A model in name only: answers with what it is given, fails when told to, and counts."""

    def __init__(self, clock: Ticking, answer: str = "", error: str = "", seconds: float = 0.0, profile: str = "scope-rewrite") -> None:
        self.clock, self.answer, self.error, self.seconds, self.profile = clock, answer, error, seconds, profile
        self.prompts: list[str] = []

    def load(self) -> ModelInfo:
        return replace(INFO, profile=self.profile)

    def complete(self, request: Request, cancelled: Cancelled) -> Iterator[Completion]:
        self.prompts.append(request.prompt)
        if self.error:
            raise ModelError(self.error)
        for index in range(request.count):
            stopped = cancelled()
            self.clock.now += 0.0 if stopped else self.seconds
            yield Completion(index, self.answer, "cancelled" if stopped else "stop", 1, -1.0)

    def drop(self, index: int) -> None:
        pass

    def score(self, prompt: str, continuations: Sequence[str], cancelled: Cancelled) -> list[float]:
        self.prompts.append(prompt)
        if self.error:
            raise ModelError(self.error)
        self.clock.now += self.seconds
        return [-1.0] * len(continuations)

    def usage(self) -> Usage:
        return Usage()

    def close(self) -> None:
        pass


def with_writer(files: dict[str, str], budget: Budget, **told: Any) -> tuple[Shop, Writer]:
    clock = Ticking()
    writer = Writer(clock, **told)
    return Shop(files, generator=writer, clock=clock, settings=Settings(budget=budget)), writer


@pytest.mark.parametrize("profile", ["scope-rewrite", "line-edit"])
def test_a_model_that_fails_ends_its_own_part_and_search_goes_on(profile: str) -> None:
    shop, _ = with_writer(CLAMP_PROJECT, Budget(seconds=None), error="The prompt does not fit.", profile=profile)
    told = list(fix(shop.session, shop.evaluator, shop.clock, Wanted(), None, never))
    assert isinstance(told[-1], Fixed)
    assert told[-1].outcome == "solved"
    notices = [event.text for event in told if isinstance(event, events.Notice)]
    assert notices == ["The model was left out for clamp.py::clamp: The prompt does not fit."]


def test_a_slow_model_leaves_time_to_run_what_is_proposed() -> None:
    shop, _ = with_writer(CLAMP_PROJECT, Budget(rounds=3, seconds=100), seconds=25.0)
    list(shop.session.survey(never))
    began = shop.clock.now
    told = list(shop.session.work_all(never))
    assert [event.outcome for event in told if isinstance(event, events.TaskFinished)] == ["solved"]
    assert shop.clock.now - began < 100


def test_a_budget_of_candidates_bounds_every_round() -> None:
    code = "def roman(number):\n    if number > 3 and number < 9:\n        number = number + 1\n    return number * 2\n"
    project = {**ROMAN_PROJECT, "roman.py": code}
    shop = Shop(project, settings=Settings(budget=Budget(rounds=3, seconds=None, candidates=5)))
    list(shop.session.survey(never))
    judged = [event.candidate.round for event in shop.session.work_all(never) if isinstance(event, events.CandidateJudged)]
    assert judged
    assert max(judged.count(number) for number in judged) <= 5
