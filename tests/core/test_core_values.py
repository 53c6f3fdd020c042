from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refine_tui.core.candidate import Candidate, changed_lines, rank
from refine_tui.core.codec import decode, encode
from refine_tui.core.errors import UsageError
from refine_tui.core.evidence import Baseline, CaseResult, Counts, Coverage, Delta, SuiteResult, delta
from refine_tui.core.isolation import Level
from refine_tui.core.patch import Patch, patch_between
from refine_tui.core.paths import matches
from refine_tui.core.proposal import Proposal
from refine_tui.core.rebase import rebase
from refine_tui.core.review import Review
from refine_tui.core.scope import Scope
from refine_tui.core.settings import Settings, merge
from refine_tui.core.stopping import has_plateaued
from refine_tui.core.suspicion import ochiai
from refine_tui.core.task import Task
from refine_tui.core.text import SourceFile, Span

LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\r\n", b"\n", b"d"]), max_size=12).map(b"".join)
SCOPE = Scope("a.py", "f", "function", Span(0, 4), 0, 1)


def case(node: str, outcome: str = "passed") -> CaseResult:
    return CaseResult(node, outcome)  # type: ignore[arg-type]


def proposal(patch: Patch, score: float = 0.0) -> Proposal:
    return Proposal(patch, "search", "constant.integer", "0 to 1", SCOPE, 0, score)


def candidate(patch: Patch, change: Delta, score: float = 0.0) -> Candidate:
    return Candidate("c1", proposal(patch, score), 1, "improved", change, SuiteResult())


@given(LINES, LINES, st.integers(0, 11))
def test_a_rebased_patch_makes_the_same_change_or_is_refused(old: bytes, new: bytes, at: int) -> None:
    patch = patch_between({"a": old}, {"a": new})
    above = b"# above\n" * (at + 1) + old
    moved = rebase(patch, {"a": old}, {"a": above})
    if moved is not None and patch.files:
        assert moved.apply({"a": above})["a"] == b"# above\n" * (at + 1) + new


def test_a_patch_is_carried_over_an_edit_elsewhere_and_refused_on_an_edit_of_its_own_line() -> None:
    old = b"one\ntwo\nthree\nfour\nfive\n"
    patch = patch_between({"a": old}, {"a": old.replace(b"three", b"THREE")})
    elsewhere = old.replace(b"one", b"zero\none")
    moved = rebase(patch, {"a": old}, {"a": elsewhere})
    assert moved is not None
    assert moved.apply({"a": elsewhere})["a"] == b"zero\none\ntwo\nTHREE\nfour\nfive\n"
    assert rebase(patch, {"a": old}, {"a": old.replace(b"three", b"drei")}) is None
    assert rebase(patch, {"a": old}, {}) is None


def test_a_patch_is_carried_over_a_file_of_which_thousands_of_lines_changed() -> None:
    below = b"".join(b"    x%d = 1\n\n" % number for number in range(20_000))
    old = b"one\ntwo\nthree\nfour\n" + below
    patch = patch_between({"a": old}, {"a": old.replace(b"two", b"TWO")})
    now = old.replace(b"    ", b"  ")
    found = rebase(patch, {"a": old}, {"a": now})
    assert found is not None
    assert found.apply({"a": now}) == {"a": now.replace(b"two", b"TWO")}


@pytest.mark.parametrize("level", Level)
def test_code_is_run_at_every_level_but_static(level: Level) -> None:
    assert level.may_run == (level.value != "static")


def test_a_line_is_found_from_a_byte_and_back() -> None:
    source = SourceFile("a", b"ab\r\n\ncd")
    assert source.line_starts == (0, 4, 5)
    assert [source.line_of(byte) for byte in range(7)] == [0, 0, 0, 0, 1, 2, 2]
    assert [source.line(n) for n in range(3)] == [b"ab", b"", b"cd"]
    assert SourceFile("a", b"").line_starts == (0,)


def test_outcomes_are_counted_and_an_expected_failure_is_as_good_as_a_pass() -> None:
    run = SuiteResult(tuple(case(str(n), how) for n, how in enumerate(("passed", "xfailed", "xpassed", "failed", "error", "skipped"))))
    assert (run.counts, run.counts.total) == (Counts(passed=3, failed=1, errors=1, skipped=1), 6)


def test_a_delta_names_fixed_broken_and_still_red_tests() -> None:
    base = SuiteResult((case("a", "failed"), case("b"), case("c", "failed"), case("d", "error")))
    run = SuiteResult((case("a"), case("b", "failed"), case("c", "failed"), case("new", "failed")))
    assert delta(base, run) == Delta(("a",), ("b", "new"), ("c",))


def test_a_test_that_is_skipped_is_neither_fixed_nor_whole() -> None:
    base = SuiteResult((case("a", "failed"), case("b"), case("c", "skipped")))
    run = SuiteResult((case("a", "skipped"), case("b", "skipped"), case("c", "skipped")))
    assert delta(base, run) == Delta((), ("b",), ("a",))


def test_a_flaky_test_takes_no_part_in_a_verdict() -> None:
    base = SuiteResult((case("a", "failed"), case("b", "failed")), flaky=("a",))
    assert base.red == ("b",)
    assert delta(base, SuiteResult((case("a"), case("b")))) == Delta(("b",))
    assert delta(base, SuiteResult((case("a", "failed"), case("b")))) == Delta(("b",))


def test_suspicion_is_highest_where_only_failing_tests_go() -> None:
    coverage = Coverage(
        {
            "bad": {"m.py": frozenset({1, 2})},
            "good": {"m.py": frozenset({1})},
            "other": {"m.py": frozenset({3})},
        }
    )
    scores = ochiai(coverage, {"bad"})
    assert scores["m.py", 2] == 1.0
    assert scores["m.py", 1] == pytest.approx(2**-0.5)
    assert ("m.py", 3) not in scores


def test_rank_prefers_no_breakage_then_fixes_then_a_smaller_change_then_likelihood() -> None:
    small, large = patch_between({"a": b"x\n"}, {"a": b"y\n"}), patch_between({"a": b"x\n"}, {"a": b"y\n" * 5})
    breaking = candidate(small, Delta(("a", "b", "c"), ("d",)))
    two = candidate(large, Delta(("a", "b")))
    one = candidate(small, Delta(("a",)))
    likely = candidate(small, Delta(("a",)), score=1.0)
    assert sorted([breaking, one, likely, two], key=rank) == [two, likely, one, breaking]


@pytest.mark.parametrize(("new", "size"), [(b"y\ntwo\n", 2), (b"two\n", 1), (b"x\ntwo", 1), (b"x\n1\n2\n3\ntwo\n", 3)])
def test_a_change_is_as_large_as_the_lines_it_removes_and_adds(new: bytes, size: int) -> None:
    assert changed_lines(proposal(patch_between({"a": b"x\ntwo\n"}, {"a": new}))) == size


def test_a_plateau_needs_patience() -> None:
    assert not has_plateaued([0, 1], 2)
    assert not has_plateaued([0, 1, 2], 2)
    assert has_plateaued([2, 2, 2], 2)
    assert not has_plateaued([1, 2, 1], 2)


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("tests/a.py", "tests/**", True),
        ("pkg/tests/deep/a.py", "tests/**", True),
        ("contests/a.py", "tests/**", False),
        ("pkg/conftest.py", "conftest.py", True),
        ("pkg/test_a.py", "test_*.py", True),
        ("pkg/a.py", "other/*.py", False),
        ("config/live.env", "config/*.env", True),
        ("config/prod/live.env", "config/*.env", False),
        ("config/prod/live.env", "config/**", True),
        ("config/prod/live.env", "config/**/*.env", True),
        ("config/prod/live.env", "config/?????live.env", False),
        ("config/prod/live.env", "config[!x]prod/live.env", False),
        ("config/live.env", "config", False),
        ("a1.env", "a[!2-9].env", True),
        ("a2.env", "a[!2-9].env", False),
        ("a^.env", "a[^^].env", True),
        ("a/b", "a[+-9]b", False),
        ("b", "[z-a]", False),
        ("[z-a]", "[z-a]", True),
        ("x", "[!]", False),
    ],
)
def test_patterns_name_paths(path: str, pattern: str, expected: bool) -> None:
    assert matches(path, [pattern]) is expected


def test_a_review_survives_the_codec() -> None:
    tree = {"a.py": b"one\ntwo\nthree\n"}
    review = make_review(tree)
    review = review.decide(review.hunks[0].id, "accepted").with_evidence(frozenset({"k"}), SuiteResult((case("t", "failed"),)))
    assert decode(Review, encode(review)) == review


def test_data_that_is_no_review_is_refused() -> None:
    with pytest.raises(ValueError, match="not a Review"):
        decode(Review, {"id": "p1"})


def make_review(tree: dict[str, bytes]) -> Review:
    from refine_tui.core.hunks import split_hunks

    new = {"a.py": tree["a.py"].replace(b"one", b"ONE").replace(b"three", b"THREE")}
    patch = patch_between(tree, new)
    hunks = split_hunks(patch, tree)
    return Review("p1", Task("t1", "goal", ("t",)), candidate(patch, Delta(("t",))), tuple((h, "undecided") for h in hunks), tree)


def test_decisions_are_undone_and_redone_in_order() -> None:
    review = make_review({"a.py": b"one\ntwo\nthree\n"})
    first, second = (hunk.id for hunk in review.hunks)
    decided = review.decide(first, "accepted").decide(second, "rejected")
    assert [decided.decision(first), decided.decision(second)] == ["accepted", "rejected"]
    back = decided.undo()
    assert back.decision(second) == "undecided"
    assert back.redo() == decided
    assert back.undo().undo().marks == review.undo().marks == review.marks
    assert back.toggle(first).decision(first) == "undecided"
    assert back.toggle(second).redo() == back.toggle(second)


def test_evidence_belongs_to_exactly_the_accepted_hunks() -> None:
    review = make_review({"a.py": b"one\ntwo\nthree\n"})
    first, second = (hunk.id for hunk in review.hunks)
    both = review.decide(first, "accepted").decide(second, "accepted")
    proven = both.with_evidence(both.accepted_key, SuiteResult())
    assert proven.accepted_evidence is not None
    assert proven.decide(second, "rejected").accepted_evidence is None


def test_the_rest_of_a_file_is_decided_without_touching_what_is_decided() -> None:
    review = make_review({"a.py": b"one\ntwo\nthree\n"})
    first, second = (hunk.id for hunk in review.hunks)
    decided = review.decide(first, "rejected").decide_rest("a.py", "accepted")
    assert [decided.decision(first), decided.decision(second)] == ["rejected", "accepted"]


def test_settings_of_a_project_that_loosen_are_left_out_until_it_is_trusted() -> None:
    document = {"project": {"python": "/bin/evil"}, "test": {"timeout": 3}, "budget": {"seconds": 5}}
    settings, ignored = merge(Settings(), document, "refine.toml", trusted=False)
    assert (settings.python, settings.test_timeout_s, settings.budget.seconds, ignored) == ("", 3, 5, ("project.python",))
    trusted, ignored = merge(Settings(), document, "refine.toml", trusted=True)
    assert (trusted.python, ignored) == ("/bin/evil", ())


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"test": {"timeoot": 1}}, "test.timeoot"),
        ({"test": {"timeout": "1"}}, "test.timeout"),
        ({"budget": {"rounds": 0}}, "budget.rounds"),
        ({"budget": {"candidats": 1}}, "budget.candidats"),
        ({"test": {"environment": {"A": 1}}}, "test.environment"),
        ({"test": {"paths": [1]}}, "test.paths"),
        ({"test": {"timeout": -1}}, "test.timeout"),
        ({"test": {"timeout": 0}}, "test.timeout"),
        ({"test": {"timeout": float("nan")}}, "test.timeout"),
        ({"test": {"survey_limit": float("inf")}}, "test.survey_limit"),
        ({"budget": {"rounds": float("nan")}}, "budget.rounds"),
        ({"budget": {"tokens": float("inf")}}, "budget.tokens"),
        ({"test": 1}, "test"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(document: dict[str, object], place: str) -> None:
    with pytest.raises(UsageError, match=place) as caught:
        merge(Settings(), document, "refine.toml", trusted=True)
    assert "refine.toml" in str(caught.value)


@pytest.mark.parametrize("trusted", [False, True])
def test_a_project_adds_to_what_the_user_protects_and_takes_nothing_away(trusted: bool) -> None:
    users = Settings(protected=("migrations/**",))
    assert merge(users, {"project": {"protected": []}}, "refine.toml", trusted=trusted)[0].protected == ("migrations/**",)
    more = {"project": {"protected": ["api/**", "migrations/**"]}}
    assert merge(users, more, "refine.toml", trusted=trusted)[0].protected == ("migrations/**", "api/**")


def test_baseline_values_are_plain() -> None:
    baseline = Baseline(SuiteResult(), Coverage(), True, "", "python", "pytest")
    assert decode(Baseline, encode(baseline)) == baseline
