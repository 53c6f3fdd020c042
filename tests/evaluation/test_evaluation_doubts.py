"""What is chance, what is the company a test runs in, and what is another text than the one that was compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from refine_tui.core.evidence import delta
from refine_tui.core.patch import Patch
from refine_tui.evaluation.commands.evaluator import CommandEvaluator
from refine_tui.evaluation.commands.run import Command
from refine_tui.evaluation.settings import RunSettings
from refine_tui.loop.ports.running import Sandbox
from tests.evaluation.evaluation_hands import Make, base_of, change, never, nothing, write

LEFT_BEHIND = """import a

def test_first():
    a.STATE.append(1)
    assert a.f() == 1

def test_second():
    assert a.f() == 0
"""


def test_a_test_that_fails_whenever_the_others_ran_before_is_not_called_flaky(tmp_path: Path, evaluator: Make, sandbox: Sandbox) -> None:
    project = write(tmp_path / "order", a="STATE = []\n\n\ndef f():\n    return len(STATE)\n", test_a=LEFT_BEHIND)
    base = base_of(evaluator(project, sandbox, recheck=True))
    assert base.suite.red == ("test_a.py::test_second",)
    assert base.suite.flaky == ()
    assert [note for note in base.notes if "test_second" in note] == [
        "test_a.py::test_second fails only after other tests: it passes by itself. What they leave behind is to blame"
    ]


def test_what_passes_because_a_file_was_saved_meanwhile_is_not_called_flaky(
    tmp_path: Path, evaluator: Make, isolated_sandbox: Sandbox
) -> None:
    project = write(tmp_path / "one", a="def f():\n    return 1\n", test_a="from a import f\n\ndef test_f():\n    assert f() == 2\n")

    def save(phase: str) -> None:
        if phase.startswith("checking again"):
            (project / "a.py").write_text("def f():\n    return 2\n")

    base = evaluator(project, isolated_sandbox, recheck=True).baseline(nothing, never, limit_s=30, on_phase=save)
    assert (base.suite.red, base.suite.flaky, base.notes) == (("test_a.py::test_f",), (), ())


TWO = "from a import f\nfrom b import LIMIT\n\ndef test_f():\n    assert f() == 2\n\ndef test_b():\n    assert LIMIT == 5\n"


@pytest.mark.parametrize("saved", ["b.py", "limits.json"])
def test_a_proof_is_stale_when_anything_that_tests_may_rest_on_was_saved_since(
    saved: str, tmp_path: Path, evaluator: Make, isolated_sandbox: Sandbox
) -> None:
    project = write(tmp_path / "two", a="def f():\n    return 1\n", b="LIMIT = 5\n", test_all=TWO)
    running = evaluator(project, isolated_sandbox)
    base_of(running)
    patch = change(project, "a.py", "1", "2")
    assert running.confirm(patch, nothing, never, limit_s=30).is_green
    (project / "server.log").write_text("nothing that a test rests on")
    assert running.confirm(patch, nothing, never, limit_s=30).is_green
    (project / saved).write_text("LIMIT = 4\n")
    assert running.confirm(patch, nothing, never, limit_s=30).stopped == "stale"
    base_of(running)
    again = running.confirm(patch, nothing, never, limit_s=30)
    assert (again.red, again.flaky) == (("test_all.py::test_b",) if saved == "b.py" else (), ())


def test_what_a_command_says_is_compared_with_the_same_tree_only(tmp_path: Path, isolated_sandbox: Sandbox) -> None:
    for name, text in {"a.sh": "A=1\n", "b.sh": "B=1\n", "check.sh": ". ./a.sh; . ./b.sh; [ $B = 2 ]\n"}.items():
        (tmp_path / name).write_text(text)
    with CommandEvaluator(tmp_path, isolated_sandbox, Command("sh check.sh"), None, RunSettings(recheck=False)) as running:
        running.baseline(nothing, never, limit_s=20)
        patch = change(tmp_path, "a.sh", "A=1", "A=9")
        (tmp_path / "b.sh").write_text("B=2\n")
        assert running.confirm(patch, nothing, never, limit_s=20).stopped == "stale"


def test_a_test_that_a_patch_makes_vanish_is_broken(tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    tests = "import pytest\nfrom a import NUMBERS\n\n@pytest.mark.parametrize('n', NUMBERS)\ndef test_n(n):\n    assert n < 3\n"
    project = write(tmp_path / "some", a="NUMBERS = [1, 2, 3]\n", test_a=tests)
    running = evaluator(project, plain_sandbox)
    base = base_of(running).suite
    found = running.confirm(change(project, "a.py", "[1, 2, 3]", "[1]"), nothing, never, limit_s=30)
    assert delta(base, found).broken == ("test_a.py::test_n[2]",)


def test_without_a_base_run_there_is_nothing_to_differ_from(tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    project = write(tmp_path / "one", test_a="def test_a():\n    assert True\n")
    assert evaluator(project, plain_sandbox).confirm(Patch(), nothing, never, limit_s=30).is_green
