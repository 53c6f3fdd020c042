"""The machine half of a critique, and what is left of the model's words once they are checked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from refine_tui.core.candidate import Candidate, Verdict
from refine_tui.core.critique import Critique, Hypothesis
from refine_tui.core.evidence import Baseline, CaseResult, Coverage, Frame, SuiteResult, delta
from refine_tui.core.patch import Patch
from refine_tui.core.proposal import Proposal
from refine_tui.core.scope import Scope
from refine_tui.core.task import Task
from refine_tui.core.text import Span
from refine_tui.loop.critiquing import RULED_OUT, checked, cited_lines, effects, in_words, line_numbers, machine_critique, strike_out
from refine_tui.loop.drafting import DraftCount
from refine_tui.loop.planning import Suspects

SCOPE = Scope("cart.py", "total", "function", Span(0, 9), 0, 2)
LINES = {1: "def total(items):", 2: "    result = 0", 3: "    return result"}
CASE = CaseResult(
    "t.py::test_sum",
    "failed",
    message="assert 0 == 3",
    details="KeyError: 'x'",
    frames=(Frame("cart.py", 40, "add"),),
    values=("0", "3"),
    error="KeyError",
)


def red(name: str, said: str) -> CaseResult:
    return CaseResult(f"t.py::{name}", "failed", message=said)


def green(name: str) -> CaseResult:
    return CaseResult(f"t.py::{name}", "passed")


BASE = SuiteResult((red("test_a", "assert 1 == 2"), red("test_b", "<x at 0x7f01>"), red("test_c", "assert 3 == 4"), green("test_d")))
BASELINE = Baseline(BASE, Coverage(), True, "", "python", "pytest")


def tried(
    id: str, *cases: CaseResult, round: int = 1, verdict: Verdict = "same", proposer: str = "search", note: str = "+ to -"
) -> Candidate:
    suite = SuiteResult(cases)
    return Candidate(id, Proposal(Patch(), proposer, "op", note, SCOPE, 2), round, verdict, delta(BASE, suite), suite)


PARTLY = tried(
    "c2", green("test_a"), red("test_b", "<x at 0x9999>"), red("test_c", "assert 0 == 4"), red("test_d", "boom"), verdict="worse"
)


def critique(*candidates: Candidate, best: Candidate | None = None, tally: DraftCount | None = None) -> tuple[Critique, str]:
    task = Task("t1", "g", ("t.py::test_a", "t.py::test_c"))
    suspects = Suspects((SCOPE,), {("cart.py", 1): 0.5, ("cart.py", 2): 0.9})
    tree = {"cart.py": "\n".join(LINES.values()).encode()}
    made = machine_critique(task, 1, BASELINE, best, suspects, tree, candidates, tally or DraftCount())
    return made, in_words(made)


def test_it_says_what_the_last_patch_changed_for_which_test_and_what_it_only_renamed() -> None:
    said = [(one.node_id[6:], one.kind, one.before, one.after) for one in effects(BASELINE, PARTLY)]
    assert said == [
        ("test_a", "fixed", "assert 1 == 2", ""),
        ("test_d", "broken", "", "boom"),
        ("test_c", "other", "assert 3 == 4", "assert 0 == 4"),
        ("test_b", "same", "<x at 0x7f01>", "<x at 0x9999>"),
    ]


def test_all_of_it_is_said_in_words_for_a_prompt() -> None:
    _, words = critique(tried("c1", red("test_a", "assert 1 == 2")), PARTLY, best=PARTLY)
    assert words == (
        "c2 (+ to -) passes 1 of 2 and breaks 1.\n"
        "- test_a passes with it; it failed with assert 1 == 2\n"
        "- test_d fails with it: boom\n"
        "- test_c fails as before, but says assert 0 == 4 where it said assert 3 == 4"
    )


def test_without_an_improvement_the_best_of_the_round_stands_for_the_last_patch() -> None:
    _, words = critique(tried("c1", red("test_a", "assert 5 == 2")), tried("c2", red("test_a", "assert 1 == 2"), red("test_d", "boom")))
    assert words.splitlines() == [
        "No candidate so far passes a test that failed before.",
        "- test_a fails as before, but says assert 5 == 2 where it said assert 1 == 2",
    ]


def test_it_holds_failures_suspects_and_counts() -> None:
    tally = DraftCount(answers=7, unread_critiques=2)
    tally.faults.update({"it has no fenced block": 3, "its code does not parse": 1})
    made, _ = critique(tried("c1", red("test_a", "x")), tally=tally)
    assert [case.node_id for case in made.failures] == ["t.py::test_a", "t.py::test_c"]
    assert [(one.line, one.text) for one in made.suspects] == [(2, "return result"), (1, "result = 0")]
    assert (made.answers, made.unread, made.tried) == (7, 2, 1)
    assert made.malformed == (("it has no fenced block", 3), ("its code does not parse", 1))


def test_lines_to_look_at_hold_text_and_those_of_a_likelier_scope_come_first() -> None:
    function = Scope("cart.py", "total", "function", Span(11, 30), 1, 2)
    module = Scope("cart.py", "<module>", "module", Span(0, 30), 0, 3)
    suspects = Suspects((function, module), {("cart.py", 0): 1.0, ("cart.py", 3): 1.0, ("cart.py", 2): 1.0, ("cart.py", 1): 0.2})
    tree = {"cart.py": b"import sys\ndef total():\n    return 1\n\n"}
    found = machine_critique(Task("t1", "g", ()), 1, BASELINE, None, suspects, tree, (), DraftCount())
    assert [suspect.line for suspect in found.suspects] == [2, 0, 1]


def test_what_was_tried_is_named_once_and_what_a_model_wrote_comes_last_and_never_falls_out_for_search() -> None:
    many = [tried(f"c{n}", note=f"op {n}") for n in range(30)]
    written = [tried("m", proposer="model", note="write `x`"), tried("n", proposer="model", note="write `x`")]
    made, _ = critique(*written, *many, tried("i", verdict="improved", note="good"))
    assert made.ruled_out == (*(f"line 3: op {n}" for n in range(RULED_OUT - 1)), "write `x`")


def test_lines_are_cited_in_many_ways() -> None:
    assert line_numbers("line 3, lines 4, 5 and 6, Lines 7-9, cart.py:12 and src/cart.py:13, not deadline 3 or 3.5") == (
        3,
        4,
        5,
        6,
        7,
        9,
        12,
        13,
    )
    assert cited_lines("line 3 and `result = 0`, not line 9", LINES) == (3, 2)


def test_a_sentence_stands_when_line_error_and_quotation_do() -> None:
    kept = "Line 3 gives `0`. It raises KeyError at cart.py:41. See `return result`!"
    assert strike_out(kept, LINES, (CASE,)) == (kept, 0)
    assert strike_out("Line 4 is wrong. It raises TypeError. It says `assert 1`. True.", LINES, (CASE,)) == ("True.", 3)
    assert strike_out("Write `x = 1`; raise TypeError. See line 9.", LINES, (CASE,), new_code=True) == (
        "Write `x = 1`; raise TypeError.",
        1,
    )


def test_each_citation_of_a_list_stands_by_itself() -> None:
    said = Hypothesis("It sums nothing.", "line 2, `f(a, b)`, line 70; `return result`", "Add `result += n`.")
    assert checked(said, LINES, (CASE,)) == (Hypothesis("It sums nothing.", "line 2, `return result`", "Add `result += n`."), 2)


@given(st.text("line 0123456789.,;`-!abE\nrror:", max_size=80))
def test_striking_out_never_adds_a_word_and_is_done_once(text: str) -> None:
    kept, struck = strike_out(text, LINES, (CASE,))
    assert struck >= 0
    assert set(kept.split()) <= set(text.split())
    assert strike_out(kept, LINES, (CASE,))[1] == 0
