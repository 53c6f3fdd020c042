"""One session as a dialog: it tells what happens, and asks when there is something to decide.

Nothing runs while it asks. What is saved meanwhile is looked at before an answer is taken: it was given to what was told before.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from refine_tui.core.errors import RefineError
from refine_tui.core.review import Decision, Review
from refine_tui.core.sanitize import visible
from refine_tui.core.task import Task
from refine_tui.loop.events import Event
from refine_tui.loop.ports.choosing import Shelf
from refine_tui.ui.applying import doubt, summary
from refine_tui.ui.paint.evidence import short_test
from refine_tui.ui.plain.lines import line_of, lines_of
from refine_tui.ui.plain.setup import Setup
from refine_tui.ui.session_port import Cancelled, SessionPort

Answer = Callable[[str], object]
"""Does what was chosen; gets what was typed behind the choice."""


class Dialog:
    """Works on what waits, asks about what is ready, until the user leaves."""

    def __init__(
        self,
        session: SessionPort,
        read: Callable[[str], str],
        write: Callable[[str], object],
        shelf: Shelf | None = None,
        ask: Callable[[str], str] = lambda _question: "",
    ) -> None:
        """Speak with the user through `read` and `write`; `ask` reads what is not shown. Without a shelf no model can be chosen."""
        self._session, self._read, self._write = session, read, write
        self._setup = Setup(session, shelf, lambda question: ask(visible(question)), self._say, self._follow) if shelf else None
        self._passed_over: set[str] = set()
        """Reviews the user wants to come back to later."""
        self._shown = ""
        """The review that was told last."""
        self._is_over = False
        self._saved: set[str] = set()
        self._lock = threading.Lock()

    def saw(self, paths: frozenset[str]) -> None:
        """Note that files were saved; from any thread."""
        with self._lock:
            self._saved |= paths

    def run(self, notices: Iterable[str] = ()) -> None:
        """Stay until the user leaves, or there is nothing more to read from."""
        for notice in notices:
            self._say(notice)
        for told in self._session.restore():
            self._say(told.text)
        self._follow(self._session.survey)
        while not self._is_over:
            task = None if self._review else self._session.next_task()
            if task is None or not self._work(task):
                self._ask()

    @property
    def _review(self) -> Review | None:
        """The proposal to decide on, or to write."""
        ready = (one for one in self._session.state().reviews if one.state == "open" and (one.undecided or one.accepted))
        return next((review for review in ready if review.id not in self._passed_over), None)

    def _work(self, task: Task) -> bool:
        return self._follow(lambda cancelled: self._session.work(task, cancelled))

    # Telling.

    def _say(self, text: str) -> None:
        for line in text.split("\n"):
            self._write(visible(line.rstrip()))

    def _follow(self, events: Callable[[Cancelled], Iterator[Event]]) -> bool:
        """Tell what happens until it is over, and return whether it went on to its end. ctrl+c stops it."""
        stop = threading.Event()
        try:
            with _interrupts(stop):
                for event in events(stop.is_set):
                    if line := line_of(event, self._session.state()):
                        self._say(line)
        except RefineError as error:
            self._say(f"Error: {error}")
            return False
        if stop.is_set():
            self._say("Stopped. What is known is kept.")
        return not stop.is_set()

    # Asking.

    def _look(self) -> bool:
        """Take in what others wrote meanwhile; returns whether there was anything."""
        with self._lock:
            paths = frozenset(self._saved)
            self._saved.clear()
        for notice in self._session.late_writes():
            self._say(notice.text)
        if paths:
            self._say(f"Saw that {min(paths)}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''} was saved.")
            self._changed(paths)
            self._shown = ""
        return bool(paths)

    def _ask(self) -> None:
        self._look()
        review = self._review
        if review is not None and review.id != self._shown:
            self._show(review)
        answers = self._answers(review)
        self._say("  ".join(f"{number} {name}" for number, name in enumerate(answers, 1)))
        try:
            name, rest = _chosen(self._read("number or word: ").strip(), list(answers))
            if name != "quit" and self._look():
                self._say("So your answer was not taken. Here is how things stand.")
            elif name in answers:
                answers[name](rest)
            else:
                self._say(f"{name or 'Nothing'} is none of them.")
        except EOFError:
            self._is_over = True
        except RefineError as error:
            self._say(f"Error: {error}")

    def _show(self, review: Review) -> None:
        self._shown = review.id
        ready = [one.id for one in self._session.state().reviews if one.state == "open"]
        for line in lines_of(review, self._session.state(), f"{ready.index(review.id) + 1} of {len(ready)}"):
            self._say(line)

    def _answers(self, review: Review | None) -> dict[str, Answer]:
        """Return what can be chosen now, by its word."""
        always: dict[str, Answer] = {
            "goal": self._goal,
            "tests": self._tests,
            "run": lambda _: self._run(),
            "take back": lambda _: self._reversed(self._session.undo().id, "Took back"),
            "write again": lambda _: self._reversed(self._session.redo().id, "Wrote again"),
            **self._ways_to_models(),
            "quit": lambda _: self._leave(),
        }
        if review is None:
            return always
        decisions: dict[str, Answer] = {
            "accept": lambda rest: self._decide(review, "accepted", rest),
            "reject": lambda rest: self._decide(review, "rejected", rest),
            "undo": lambda _: self._change(review, Review.undo),
            "test": lambda _: self._verify(review),
            "apply": lambda _: self._apply(review),
            "show": lambda _: self._show(self._session.state().review(review.id)),
            "refine": lambda rest: self._refine(review, rest),
            "later": lambda _: self._put_off(review),
        }
        return {**decisions, **always}

    def _ways_to_models(self) -> dict[str, Answer]:
        setup = self._setup
        if setup is None:
            return {}
        return {"models": setup.show, "use": setup.use, "fetch": lambda rest: setup.fetch(rest, self._is_sure), "add": setup.add}

    def _is_sure(self, question: str) -> bool:
        return self._read(f"{visible(question)} yes or no: ").strip() == "yes"

    def _put_off(self, review: Review) -> None:
        self._passed_over.add(review.id)
        self._shown = ""

    def _decide(self, review: Review, decision: Decision, rest: str) -> None:
        """Decide on the hunk of a number, or on every undecided one."""
        hunks = review.hunks
        if rest and not (rest.isdecimal() and 0 < int(rest) <= len(hunks)):
            self._say(f"{rest} is no hunk: there are {len(hunks)}. Without a number it is all of them.")
            return
        chosen = [hunks[int(rest) - 1]] if rest else review.undecided

        def decide(current: Review) -> Review:
            for hunk in chosen:
                current = current.decide(hunk.id, decision)
            return current

        self._change(review, decide)

    def _change(self, review: Review, transition: Callable[[Review], Review]) -> None:
        changed = self._session.change(review.id, transition)
        self._say(", ".join(f"hunk {number} {decision}" for number, (_, decision) in enumerate(changed.marks, 1)))

    def _verify(self, review: Review) -> bool:
        self._say("Running exactly the accepted hunks. ctrl+c stops.")
        return self._follow(lambda cancelled: self._session.verify(review.id, cancelled))

    def _apply(self, review: Review) -> None:
        """Write what is accepted; run it first where that was not done, and ask again where it proves nothing."""
        if review.accepted and review.accepted_evidence is None and not self._verify(review):
            return
        review = self._session.state().review(review.id)
        sure = self._session.is_proven(review) or not review.accepted
        if not sure and not self._is_sure(f"{doubt(review, self._session.state().baseline)} Write all the same?"):
            self._say("Nothing was written.")
            return
        application = self._session.apply(review.id, red_is_fine=not sure)
        self._say(f"{summary(application)} take back undoes it.")
        self._changed(frozenset(application.patch.paths))

    def _reversed(self, number: int, verb: str) -> None:
        self._say(f"{verb} #{number}.")
        self._run()

    def _changed(self, paths: frozenset[str]) -> None:
        self._follow(lambda cancelled: self._session.files_changed(paths, cancelled))

    def _refine(self, review: Review, reason: str) -> None:
        if not reason:
            self._say("Say what is wrong with it: refine keep the rounding")
            return
        task = self._session.refine_with_note(review.id, reason)
        self._say(f"{review.id} is rejected. {task.id} tries again with your note.")

    def _goal(self, goal: str) -> None:
        if not goal:
            self._say("Say what should become true, and before it where, if you like: goal src/cart.py::total counts quantities")
            return
        place, _, words = goal.partition(" ")
        task = self._session.add_goal(words.strip(), place) if "::" in place and words.strip() else self._session.add_goal(goal)
        self._say(f"{task.id} is queued: {task.goal}")

    def _tests(self, _: str) -> None:
        baseline = self._session.state().baseline
        red = [case for case in baseline.suite.cases if case.is_red] if baseline else []
        for case in red:
            self._say(f"{case.outcome} {short_test(case.node_id)}: {case.message or case.error}")
        if baseline is None or not red:
            self._say("No test fails." if baseline else "The tests have not been run.")

    def _run(self) -> None:
        """Run the tests and go on with what waits, also with what was put off."""
        self._passed_over.clear()
        self._follow(self._session.survey)

    def _leave(self) -> None:
        self._is_over = True


def _chosen(typed: str, names: Sequence[str]) -> tuple[str, str]:
    """Return what was chosen by its number or its word, and what was typed behind it."""
    word, _, rest = typed.partition(" ")
    if word.isdecimal() and 0 < int(word) <= len(names):
        return names[int(word) - 1], rest.strip()
    name = next((name for name in names if typed == name or typed.startswith(f"{name} ")), typed)
    return name, typed.removeprefix(name).strip()


@contextmanager
def _interrupts(stop: threading.Event) -> Iterator[None]:
    """Make ctrl+c ask for an end; once more ends at once."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
