from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import log

import pytest

from refine_tui.core.errors import ModelError
from refine_tui.core.patch import Patch
from refine_tui.core.proposal import Proposal
from refine_tui.core.scope import Scope
from refine_tui.core.text import SourceFile
from refine_tui.loop.planning import Suspects
from refine_tui.loop.ports.thinking import Completion, Delta, ModelInfo, Request, Usage
from refine_tui.loop.ranking import FLOOR, WEIGHT, measures, rank_by_model
from refine_tui.loop.search import Base, propose_edits
from refine_tui.prompting.profiles import LineEdit
from refine_tui.syntax import TreeSitter

CODE = b"def area(width, height):\n    total = width + height\n    return total\n"


class Scorer:
    """A model that finds one text likely, charges each character of the others, and counts what it is asked."""

    def __init__(self, likely: str, broken: bool = False) -> None:
        self._likely, self._broken = likely, broken
        self.calls = 0

    def load(self) -> ModelInfo:
        raise NotImplementedError

    def complete(self, request: Request, cancelled: Callable[[], bool]) -> Iterator[Delta | Completion]:
        raise NotImplementedError

    def drop(self, index: int) -> None:
        pass

    def score(self, prompt: str, continuations: Sequence[str], cancelled: Callable[[], bool]) -> list[float]:
        self.calls += 1
        if self._broken:
            raise ModelError("the prompt does not fit")
        return [-1.0 if self._likely in text else -float(len(text)) for text in continuations]

    def usage(self) -> Usage:
        return Usage()

    def cancel(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


def proposals() -> tuple[list[Proposal], Base]:
    syntax, tree = TreeSitter(), {"area.py": CODE}
    scope = next(scope for scope in syntax.scopes(SourceFile("area.py", CODE)) if scope.kind == "function")
    base = Base(tree, Patch())
    return propose_edits(base, Suspects((scope,), {("area.py", 1): 1.0, ("area.py", 2): 1.0}), syntax), base


def never() -> bool:
    return False


def failing(scope: Scope, error: ModelError) -> bool:
    raise AssertionError(error)


def test_the_edit_the_model_finds_likely_moves_up_and_nothing_is_lost() -> None:
    found, base = proposals()
    place = next(n for n, p in enumerate(found) if p.note and b"width * height" in p.patch.files[0].apply(CODE))
    ranked = rank_by_model(found, base, Scorer("width * height"), LineEdit(), never, failing)
    assert next(n for n, p in enumerate(ranked) if p.patch == found[place].patch) <= place
    assert {p.patch.key for p in ranked} == {p.patch.key for p in found}
    likely = next(p for p in ranked if p.patch == found[place].patch)
    assert likely.score - found[place].score == max(p.score - q.score for p in ranked for q in found if p.patch == q.patch)


def test_a_model_that_cannot_answer_leaves_the_order_as_it_was() -> None:
    found, base = proposals()
    told: list[str] = []

    def failed(scope: Scope, error: ModelError) -> bool:
        told.append(scope.name)
        return False

    ranked = rank_by_model(found, base, Scorer("", broken=True), LineEdit(), never, failed)
    assert [p.patch for p in ranked] == [p.patch for p in found]
    assert told == ["area"]


def test_one_function_is_one_request() -> None:
    found, base = proposals()
    scorer = Scorer("x")
    rank_by_model(found, base, scorer, LineEdit(), never, failing)
    assert scorer.calls == 1


def test_a_measure_is_the_share_of_the_likelihood_and_has_a_floor() -> None:
    found = measures([log(3.0) - 50, log(1.0) - 50, -1000.0, None])
    assert found == pytest.approx([log(0.75), log(0.25), FLOOR, FLOOR])


def test_an_edit_too_long_to_be_shown_counts_as_least_likely() -> None:
    code = b"def f(a):\n    x = a + 1\n    return '" + b"y" * 700 + b"' + x\n"
    syntax = TreeSitter()
    scope = next(scope for scope in syntax.scopes(SourceFile("f.py", code)) if scope.kind == "function")
    base = Base({"f.py": code}, Patch())
    found = propose_edits(base, Suspects((scope,), {("f.py", 1): 1.0, ("f.py", 2): 1.0}), syntax)
    before = {p.patch.key: p.score for p in found}
    ranked = rank_by_model(found, base, Scorer("a - 1"), LineEdit(), never, failing)
    long = [p for p in ranked if p.line == 2 and b"y" * 700 in p.patch.files[0].apply(code)]
    assert long
    assert all(p.score - before[p.patch.key] == pytest.approx(WEIGHT * FLOOR) for p in long)
