"""The performance gate on real code in the real sandbox. Amounts of work differ fivefold at least: no load can turn what is measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.core.errors import ProjectError
from refine_tui.core.intervals import LOOKS
from refine_tui.core.patch import Patch
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile, Span
from refine_tui.evaluation.settings import Place, RunSettings
from refine_tui.evaluation.timing import SandboxTimer
from refine_tui.loop.ports.observing import CallInput
from refine_tui.loop.ports.running import Sandbox
from refine_tui.loop.ports.timing import Timing
from refine_tui.syntax import TreeSitter
from tests.evaluation.evaluation_hands import change, never, write

DISTINCT = """import functools

calls = 0
seen = []


def distinct(items):
    found = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def noted(items):
    for item in items:
        if item not in seen:
            seen.append(item)
    return len(items)


def pairs(items):
    for item in items:
        yield item, sorted(items)[0]


class Shelf:
    def __init__(self, items):
        self.items = list(items)

    def add(self, item):
        self.items.append(item)

    @property
    def least(self):
        return sorted(self.items)[0]

    def holds(self, wanted):
        return [item for item in wanted if item in self.items]


def fail(n):
    if n:
        raise ValueError(n)


def forever(n):
    while n:
        pass
"""
Open = Callable[..., SandboxTimer]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path / "shop", distinct=DISTINCT)


@pytest.fixture
def open_timer(lean_python: Path) -> Open:
    def make(project: Path, sandbox: Sandbox) -> SandboxTimer:
        from refine_tui.evaluation import interpreter

        found = interpreter.probe(project, lean_python, sandbox, {})
        return SandboxTimer(lambda: Place(project, found, RunSettings()), sandbox)

    return make


def scope(name: str) -> Scope:
    return next(one for one in TreeSitter().scopes(SourceFile("distinct.py", DISTINCT.encode())) if one.name == name)


def timed(timer: SandboxTimer, patch: Patch, name: str, *inputs: str, receiver: str = "", rounds: int | None = None) -> Timing:
    costs = timer.costs(scope(name), [CallInput(text, receiver) for text in inputs], never, limit_s=30.0)
    known = [cost for cost in costs if cost is not None]
    assert len(known) == len(inputs)
    return timer.compare(patch, scope(name), known, never, limit_s=60.0, seed=1, rounds=rounds)


NUMBERS = f"(({list(range(600))},), {{}})"
QUADRATIC = "found = []\n    for item in items:\n        if item not in found:\n            found.append(item)\n    return found"


def test_linear_work_is_faster_than_quadratic_in_the_real_sandbox(project: Path, open_timer: Open, isolated_sandbox: Sandbox) -> None:
    patch = change(project, "distinct.py", QUADRATIC, "return list(dict.fromkeys(items))")
    found = timed(open_timer(project, isolated_sandbox), patch, "distinct", NUMBERS, "(([3, 1],), {})")
    assert found.comparison is not None
    assert (found.comparison.verdict, found.stopped) == ("faster", "")
    assert found.comparison.rounds in LOOKS
    assert len(found.inputs) == 2


def test_more_work_is_slower(project: Path, open_timer: Open, plain_sandbox: Sandbox) -> None:
    patch = change(project, "distinct.py", "if item in self.items]", "if [item in self.items for _ in range(5)][0]]")
    found = timed(open_timer(project, plain_sandbox), patch, "Shelf.holds", NUMBERS, receiver="(([1, 2],), {}, [('add', (3,), {})])")
    assert found.comparison is not None
    assert found.comparison.verdict == "slower"


def test_equal_code_costs_the_same_over_as_many_rounds_as_asked_for(project: Path, open_timer: Open, plain_sandbox: Sandbox) -> None:
    """How seldom equal code is called faster is counted on drawn rounds, in the tests of the intervals."""
    found = timed(open_timer(project, plain_sandbox), Patch(), "distinct", "(([1, 2, 3, 1],), {})", rounds=12)
    assert found.comparison is not None
    assert found.comparison.rounds == 12
    assert 0.25 < found.comparison.ratio < 4.0


def test_a_cache_is_empty_at_each_call(project: Path, open_timer: Open, plain_sandbox: Sandbox) -> None:
    """Were it not, a second call would cost nothing, and memory would pass for speed."""
    patch = change(project, "distinct.py", "def noted(", "@functools.lru_cache(None)\ndef noted(")
    numbers = f"(({tuple(range(300))},), {{}})"
    found = timed(open_timer(project, plain_sandbox), patch, "noted", numbers, rounds=4)
    assert found.comparison is not None
    assert found.comparison.ratio > 0.1


def test_what_calls_leave_at_module_level_is_taken_back(project: Path, open_timer: Open, plain_sandbox: Sandbox) -> None:
    numbers = f"(({tuple(range(300))},), {{}})"
    patch = change(project, "distinct.py", "if item not in seen:\n            seen.append(item)", "seen.append(item)")
    found = timed(open_timer(project, plain_sandbox), patch, "noted", numbers, rounds=4)
    assert found.comparison is not None
    assert found.comparison.ratio < 0.5


def test_a_cache_that_serves_one_call_counts(project: Path, open_timer: Open, plain_sandbox: Sandbox) -> None:
    patch = change(project, "distinct.py", "def fib(", "@functools.lru_cache(None)\ndef fib(")
    found = timed(open_timer(project, plain_sandbox), patch, "fib", "((15,), {})")
    assert found.comparison is not None
    assert found.comparison.verdict == "faster"


def test_a_generator_is_run_to_its_end(project: Path, open_timer: Open, plain_sandbox: Sandbox) -> None:
    patch = change(
        project,
        "distinct.py",
        "    for item in items:\n        yield item, sorted(items)[0]",
        "    least = min(items)\n    for item in items:\n        yield item, least",
    )
    found = timed(open_timer(project, plain_sandbox), patch, "pairs", NUMBERS)
    assert found.comparison is not None
    assert found.comparison.verdict == "faster"


def test_a_property_is_timed_too(project: Path, open_timer: Open, plain_sandbox: Sandbox) -> None:
    patch = change(project, "distinct.py", "return sorted(self.items)[0]", "return self.items[0]")
    found = timed(open_timer(project, plain_sandbox), patch, "Shelf.least", "((), {})", receiver=f"(({list(range(1000))},), {{}}, [])")
    assert found.comparison is not None
    assert found.comparison.verdict == "faster"


def test_inputs_that_raise_or_do_not_end_have_no_cost(project: Path, open_timer: Open, plain_sandbox: Sandbox) -> None:
    timer = open_timer(project, plain_sandbox)
    inputs = [CallInput(f"(({n},), {{}})") for n in (1, 0)]
    assert [cost is None for cost in timer.costs(scope("fail"), inputs, never, limit_s=30.0)] == [True, False]
    assert [cost is None for cost in timer.costs(scope("forever"), inputs, never, limit_s=30.0)] == [True, False]


def test_a_candidate_that_raises_or_does_not_end_is_no_comparison(project: Path, open_timer: Open, plain_sandbox: Sandbox) -> None:
    timer = open_timer(project, plain_sandbox)
    [cost] = timer.costs(scope("fail"), [CallInput("((0,), {})")], never, limit_s=30.0)
    assert cost is not None
    late = "    if n or sys.argv.append(n) or len(sys.argv) > 3:\n        raise KeyError(n)"
    raising = change(project, "distinct.py", "    if n:\n        raise ValueError(n)", f"    import sys\n{late}")
    assert "KeyError" in timer.compare(raising, scope("fail"), [cost], never, limit_s=10.0, seed=1).stopped
    endless = change(project, "distinct.py", "    if n:\n        raise ValueError(n)", "    while not n:\n        pass")
    found = timer.compare(endless, scope("fail"), [cost], never, limit_s=10.0, seed=1)
    assert (found.comparison, found.stopped) == (None, "late")


def test_versions_that_plainly_disagree_are_not_timed(project: Path, open_timer: Open, plain_sandbox: Sandbox) -> None:
    patch = change(project, "distinct.py", QUADRATIC, "return list(items)")
    found = timed(open_timer(project, plain_sandbox), patch, "distinct", "(([1, 2],), {})", "(([1, 2, 1],), {})")
    assert found.differs is not None
    assert (found.differs.text, found.comparison) == ("(([1, 2, 1],), {})", None)


def test_a_stale_patch_and_a_file_that_cannot_be_imported_are_told(project: Path, open_timer: Open, plain_sandbox: Sandbox) -> None:
    timer = open_timer(project, plain_sandbox)
    patch = change(project, "distinct.py", "calls = 0", "calls = 1")
    (project / "distinct.py").write_text(DISTINCT + "raise RuntimeError('not here')\n")
    assert timer.compare(patch, scope("fib"), [], never, limit_s=5.0, seed=1).stopped == "stale"
    with pytest.raises(ProjectError, match="not here"):
        timer.costs(Scope("distinct.py", "fib", "function", Span(0, 1), 0, 1), [CallInput("((1,), {})")], never, limit_s=5.0)


def test_a_file_in_a_package_below_src_is_imported_by_its_own_name(tmp_path: Path, open_timer: Open, plain_sandbox: Sandbox) -> None:
    package = tmp_path / "shop" / "src" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "prices.py").write_text("LOW = 3\n")
    (package / "sums.py").write_text("from .prices import LOW\n\n\ndef total(n):\n    return sum([LOW for _ in range(n)])\n")
    where = Scope("src/shop/sums.py", "total", "function", Span(0, 1), 3, 4)
    costs = open_timer(tmp_path / "shop", plain_sandbox).costs(where, [CallInput("((5,), {})")], never, limit_s=30.0)
    assert costs[0] is not None
