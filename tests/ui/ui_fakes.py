"""A session that plays recorded events over real reviews, for tests of the screens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from refine_tui.core.candidate import Candidate, effect
from refine_tui.core.critique import Critique, Suspect
from refine_tui.core.errors import RefineError, SafetyError, UsageError
from refine_tui.core.evidence import Baseline, CaseResult, Coverage, Delta, Frame, SuiteResult, delta
from refine_tui.core.hunks import combine, split_hunks
from refine_tui.core.isolation import Level
from refine_tui.core.patch import Edit, create_file, patch_between
from refine_tui.core.proposal import Proposal
from refine_tui.core.review import Review
from refine_tui.core.scope import Scope
from refine_tui.core.stopping import StopReason
from refine_tui.core.task import Task
from refine_tui.core.text import Span
from refine_tui.loop import events
from refine_tui.loop.ports.choosing import Shelf
from refine_tui.loop.ports.keeping import Application
from refine_tui.loop.ports.thinking import ModelInfo, Usage
from refine_tui.loop.session.state import QueueItem, State

CART = b'''"""A cart."""

from shop.prices import rounded


class Cart:
    """What somebody wants to buy."""

    def __init__(self):
        self.items = []

    def total(self):
        """Return the sum of all prices."""
        subtotal = 0
        for item in self.items:
            subtotal += item.price
        return rounded(subtotal)

    def is_empty(self):
        return len(self.items) > 0

    def cheapest(self):
        return min(self.items, key=lambda item: item.price)
'''
CART_FIXED = CART.replace(b"subtotal += item.price\n", b"subtotal += item.price * item.quantity\n").replace(
    b"return len(self.items) > 0", b"return len(self.items) == 0"
)
PRICES = b"def rounded(value):\n    return round(value, 1)\n"
PRICES_FIXED = PRICES.replace(b", 1)", b", 2)")
SCOPE = Scope("src/shop/cart.py", "Cart.total", "method", Span(150, 400), 11, 16)
MODEL = ModelInfo("repair-small", "/models/repair-small.gguf", "llama", "Q8_0", 5_000_000, 2048, "CPU, 1 thread")


def case(name: str, outcome: str = "passed", message: str = "", **more: object) -> CaseResult:
    node = f"tests/test_cart.py::{name}"
    details = f"    def {name}():\n>       assert total() == 30\nE       {message}" if message else ""
    return CaseResult(node, outcome, 0.01, message, details, **more)  # type: ignore[arg-type]


RED = (
    case(
        "test_quantity",
        "failed",
        "assert 10 == 30",
        values=("10", "30"),
        error="AssertionError",
        frames=(Frame("src/shop/cart.py", 15, "total"),),
    ),
    case("test_empty", "failed", "assert True is False", error="AssertionError"),
    case("test_rounding", "failed", "assert 1.2 == 1.23", error="AssertionError"),
)
GREEN = tuple(case(f"test_{name}") for name in ("sum", "cheapest", "add", "remove", "clear", "names", "str"))
SUITE = SuiteResult((*RED, *GREEN), duration_s=1.8, level=Level.ISOLATED)
COVERAGE = Coverage(
    {result.node_id: {"src/shop/cart.py": frozenset({12, 13, 14}), "tests/test_cart.py": frozenset({3})} for result in SUITE.cases}
)
BASELINE = Baseline(SUITE, COVERAGE, True, "", "Python 3.11.7", "pytest 9.2.0")


def suite_with(fixed: Sequence[str] = (), broken: Sequence[str] = ()) -> SuiteResult:
    """Return the baseline's suite with some tests' outcomes turned round."""

    def turned(result: CaseResult) -> CaseResult:
        name = result.node_id.partition("::")[2]
        if name in fixed:
            return CaseResult(result.node_id, "passed", 0.01)
        return case(name, "failed", "assert 3 == 4") if name in broken else result

    return replace(SUITE, cases=tuple(turned(result) for result in SUITE.cases))


def make_review(id: str = "p1", *, new: bytes = CART_FIXED, broken: Sequence[str] = (), prices: bool = False, note: str = "") -> Review:
    """Return a proposal with two hunks in `cart.py`, and one in `prices.py` when asked."""
    tree = {"src/shop/cart.py": CART, "src/shop/prices.py": PRICES}
    fixed = {"src/shop/cart.py": new, **({"src/shop/prices.py": PRICES_FIXED} if prices else {})}
    patch = patch_between(tree, fixed)
    names = ["test_quantity", "test_empty"]
    suite = suite_with(names, broken)
    proposal = Proposal(patch, "search", "expression.extend", note or "multiply by quantity", SCOPE, 15)
    candidate = Candidate("c12", proposal, 2, "solved", delta(SUITE, suite), suite, confirmed=True)
    task = Task(f"t{id[1:]}", "make test_quantity and test_empty pass", tuple(f"tests/test_cart.py::{name}" for name in names), (SCOPE,))
    hunks = split_hunks(patch, tree)
    review = Review(id, task, candidate, tuple((hunk, "undecided") for hunk in hunks), {path: tree[path] for path in patch.paths})
    return review.with_evidence(frozenset(hunk.key for hunk in hunks), suite)


def make_test_first(id: str = "p1") -> Review:
    """Return a failing test for a goal that no other test speaks of."""
    node = "tests/test_cart_total.py::test_empty_cart"
    text = b"from shop.cart import Cart\n\n\ndef test_empty_cart():\n    assert Cart().total() is None\n"
    waits = CaseResult(node, "failed", 0.01, "assert 0 is None", error="AssertionError")
    suite = replace(SUITE, cases=(*SUITE.cases, waits))
    patch = create_file("tests/test_cart_total.py", text)
    proposal = Proposal(patch, "model", "specify", "a failing test comes first", SCOPE, 0)
    candidate = Candidate("c1", proposal, 1, "same", Delta(), suite, confirmed=True, is_test_first=True)
    task = Task("t1", "an empty cart has no total", (), (SCOPE,), note="an empty cart has no total")
    hunks = split_hunks(patch, {})
    review = Review(id, task, candidate, tuple((hunk, "undecided") for hunk in hunks), {})
    return review.with_evidence(frozenset(hunk.key for hunk in hunks), suite)


def make_candidate(number: int, verdict: str = "same", note: str = "< to <=") -> Candidate:
    proposal = Proposal(patch_between({"a.py": b"x\n"}, {"a.py": b"%d\n" % number}), "search", "compare.swap", note, SCOPE, 14)
    fixed = ("tests/test_cart.py::test_quantity",) if verdict in ("improved", "solved") else ()
    return Candidate(f"c{number}", proposal, 1, verdict, Delta(fixed), SuiteResult())  # type: ignore[arg-type]


CRITIQUE = Critique(
    1, RED[:2], (Suspect("src/shop/cart.py", 15, 0.82, "            subtotal += item.price"),), "c3 fixed test_empty and broke nothing.", 17
)
HANDOFF = """### Not solved: make test_rounding pass

Stopped: time budget spent.

**Still failing**

- `test_rounding`: assert 1.2 == 1.23

1. Look at `rounded` in src/shop/prices.py
"""


def task_events(task: Task, review: Review) -> list[events.Event]:
    """Return what a loop says on its way to a proposal."""
    return [
        events.TaskStarted(task),
        events.RoundStarted(task.id, 1, "", 40),
        *(events.CandidateJudged(task.id, make_candidate(n)) for n in range(1, 12)),
        events.Improved(task.id, make_candidate(3, "improved")),
        events.CritiqueReady(task.id, CRITIQUE),
        events.RoundStarted(task.id, 2, "c3", 10),
        events.TextStreamed(task.id, 0, "@@ Cart.total\n-            subtotal += item.price\n+            subtotal += item."),
        events.TextStreamed(task.id, 0, "price * item.quantity\n"),
        events.Progress(task.id, 2, 12, 37, 4.0, 60.0, 3, Usage(900, 700, 48)),
        events.TaskFinished(task.id, "solved", StopReason.SOLVED, review.candidate, "", 2, 12, 37, 4.2),
        events.ReviewReady(review),
    ]


@dataclass
class ScriptedSession:
    """Plays scripts; decisions, verification and writing behave as the real session's do."""

    current: State = field(default_factory=lambda: State("/home/ada/shop", Level.ISOLATED, "main*", baseline=None, model=MODEL))
    opening: list[events.Event] = field(default_factory=lambda: [events.SurveyFinished(BASELINE, (), Level.ISOLATED)])
    scripts: dict[str, list[events.Event]] = field(default_factory=dict)
    """Task id → what working on it yields."""
    outcomes: dict[int, SuiteResult] = field(default_factory=dict)
    """Number of accepted hunks → what running them gives; the whole patch's result by default."""
    gate: threading.Event | None = None
    """When given, a script waits for it after some events and ends early when cancelled."""
    gate_after: int = 1
    is_held: threading.Event = field(default_factory=threading.Event)
    disk: threading.Event | None = None
    """When given, writing waits for it."""
    calls: list[tuple[object, ...]] = field(default_factory=list)
    fails: dict[str, RefineError] = field(default_factory=dict)
    """Method → what it raises."""
    stack: list[Application] = field(default_factory=list)
    undone: list[Application] = field(default_factory=list)

    def _note(self, *call: object) -> None:
        self.calls.append(call)
        if error := self.fails.get(str(call[0])):
            raise error

    def called(self, name: str) -> list[tuple[object, ...]]:
        return [call[1:] for call in self.calls if call[0] == name]

    def state(self) -> State:
        return self.current

    def restore(self) -> tuple[events.Notice, ...]:
        self._note("restore")
        return ()

    def survey(self, cancelled: Callable[[], bool]) -> Iterator[events.Event]:
        self._note("survey")
        yield from self._play(self.opening, cancelled)

    def next_task(self) -> Task | None:
        return next((item.task for item in self.current.queue if item.status == "waiting"), None)

    def work(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[events.Event]:
        self._note("work", task.id)
        self.current = self.current.with_item(QueueItem(task, "running"))
        yield from self._play(self.scripts.get(task.id, []), cancelled)
        if self.current.queue and next(item for item in self.current.queue if item.task.id == task.id).status == "running":
            self.current = self.current.with_item(QueueItem(task, "cancelled" if cancelled() else "solved"))

    def weigh(self, task_id: str, cancelled: Callable[[], bool]) -> Iterator[events.Event]:
        self._note("weigh", task_id)
        yield from ()

    def _play(self, script: Sequence[events.Event], cancelled: Callable[[], bool]) -> Iterator[events.Event]:
        for n, event in enumerate(script):
            if n == self.gate_after and self._held(cancelled):
                return
            match event:
                case events.SurveyFinished(baseline, tasks):
                    self.current = replace(self.current, baseline=baseline)
                    for task in tasks:
                        self.current = self.current.with_item(QueueItem(task))
                case events.ReviewReady(review):
                    self.current = self.current.with_review(review)
                case events.TaskFinished() if event.handoff:
                    item = next(item for item in self.current.queue if item.task.id == event.task_id)
                    self.current = self.current.with_item(replace(item, status="unsolved", handoff=event.handoff))
                case _:
                    pass
            yield event
        if len(script) == self.gate_after:
            self._held(cancelled)

    def _held(self, cancelled: Callable[[], bool]) -> bool:
        """Wait at the gate and say whether that ended by cancelling."""
        if self.gate is None:
            return False
        self.is_held.set()
        while not self.gate.wait(0.01):
            if cancelled():
                return True
        return False

    def add_goal(self, goal: str, scope_label: str = "", targets: tuple[str, ...] = ()) -> Task:
        self._note("add_goal", goal, scope_label)
        task = Task("t9", goal, targets)
        self.current = self.current.with_item(QueueItem(task))
        return task

    def refine_with_note(self, review_id: str, note: str) -> Task:
        self._note("refine_with_note", review_id, note)
        review = self.current.review(review_id)
        self.current = self.current.with_review(replace(review, state="closed"))
        task = replace(review.task, id="t10", note=note)
        self.current = self.current.with_item(QueueItem(task))
        return task

    def change(self, review_id: str, transition: Callable[[Review], Review]) -> Review:
        self._note("change", review_id)
        review = transition(self.current.review(review_id))
        self.current = self.current.with_review(review)
        return review

    def replace_hunk(self, review_id: str, hunk_id: str, new_lines: Sequence[str]) -> Review:
        self._note("replace_hunk", review_id, hunk_id, tuple(new_lines))

        def rewrite(review: Review) -> Review:
            new = b"".join(line.encode() + b"\n" for line in new_lines)
            marks = tuple(
                (
                    replace(hunk, edit=Edit(hunk.edit.start, hunk.edit.old, new), added=tuple(new_lines)) if hunk.id == hunk_id else hunk,
                    decision,
                )
                for hunk, decision in review.marks
            )
            return replace(review, marks=marks, past=(*review.past, review.marks), future=())

        return self.change(review_id, rewrite)

    def verify(self, review_id: str, cancelled: Callable[[], bool]) -> Iterator[events.Event]:
        self._note("verify", review_id)
        review = self.current.review(review_id)
        suite = self.outcomes.get(len(review.accepted), review.candidate.suite)
        for n, result in enumerate(suite.cases, start=1):
            yield events.CaseFinished(result, n, len(suite.cases))
            if self._held(cancelled):
                return
        key = review.accepted_key
        review = self.current.review(review_id).with_evidence(key, suite)
        self.current = self.current.with_review(review)
        yield events.ReviewReady(review)
        yield events.Verified(review, suite, SUITE.counts, suite.counts)

    def is_proven(self, review: Review) -> bool:
        suite = review.accepted_evidence
        return suite is not None and not effect(review.candidate, SUITE, suite).broken

    def apply(self, review_id: str, *, red_is_fine: bool = False) -> Application:
        self._note("apply", review_id, red_is_fine)
        review = self.current.review(review_id)
        if not review.accepted:
            raise UsageError("No hunk is accepted yet. Press y on a hunk first.")
        if self.disk is not None:
            self.disk.wait(100)
        if not red_is_fine and not self.is_proven(review):
            raise SafetyError("With these hunks another test breaks. Press w again to write them all the same.")
        written = Application(len(self.stack) + 1, combine(review.accepted, review.tree), review.task.id, review.task.goal, "", False)
        self.stack.append(written)
        self.current = self.current.with_review(replace(review, state="applied", application=written.id))
        return written

    def undo(self) -> Application:
        self._note("undo")
        if not self.stack:
            raise UsageError("There is nothing to undo.")
        self.undone.append(self.stack.pop())
        for review in self.current.reviews:
            if review.application == self.undone[-1].id:
                self.current = self.current.with_review(replace(review, state="open", application=None))
        return self.undone[-1]

    def redo(self) -> Application:
        self._note("redo")
        if not self.undone:
            raise UsageError("There is nothing to write again.")
        self.stack.append(self.undone.pop())
        return self.stack[-1]

    def use_model(self, shelf: Shelf, wish: str) -> Iterator[events.ModelLoading | events.ModelReady]:
        self._note("use_model", wish)
        self.current = replace(self.current, loading=wish)
        yield events.ModelLoading(wish)
        try:
            generator = shelf.open(wish)
            info = generator.load() if generator else None
        finally:
            self.current = replace(self.current, loading="")
        self.current = replace(self.current, model=info, model_reason="" if info else "none was asked for")
        yield events.ModelReady(info)

    def stop_loading(self) -> None:
        self._note("stop_loading")

    def stop(self) -> None:
        pass

    def late_writes(self) -> tuple[events.Notice, ...]:
        return ()

    def files_changed(self, paths: frozenset[str], cancelled: Callable[[], bool]) -> Iterator[events.Event]:
        self._note("files_changed", paths)
        return iter(())


def ready(*reviews: Review, **changes: object) -> ScriptedSession:
    """Return a session whose survey is known at once and that has these reviews."""
    session = ScriptedSession()
    session.current = replace(session.current, baseline=BASELINE, reviews=reviews, **changes)  # type: ignore[arg-type]
    return session
