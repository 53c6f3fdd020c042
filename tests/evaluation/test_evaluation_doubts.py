"""What is chance, what is the company a test runs in, and what is another text than the one that was compared."""

from __future__ import annotations

from pathlib import Path

from refine_tui.core.patch import Patch
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


def test_a_proof_is_stale_when_any_file_that_the_tests_executed_was_saved_since(
    tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox
) -> None:
    tests = "from a import f\nfrom b import LIMIT\n\ndef test_f():\n    assert f() == 2\n\ndef test_b():\n    assert LIMIT == 5\n"
    project = write(tmp_path / "two", a="def f():\n    return 1\n", b="LIMIT = 5\n", test_all=tests)
    running = evaluator(project, plain_sandbox)
    base_of(running)
    patch = change(project, "a.py", "1", "2")
    assert running.confirm(patch, nothing, never, limit_s=30).is_green
    (project / "notes.txt").write_text("nothing that a test executes")
    assert running.confirm(patch, nothing, never, limit_s=30).is_green
    (project / "b.py").write_text("LIMIT = 4\n")
    assert running.confirm(patch, nothing, never, limit_s=30).stopped == "stale"
    base_of(running)
    again = running.confirm(patch, nothing, never, limit_s=30)
    assert (again.red, again.flaky) == (("test_all.py::test_b",), ())


def test_without_a_base_run_there_is_nothing_to_differ_from(tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    project = write(tmp_path / "one", test_a="def test_a():\n    assert True\n")
    assert evaluator(project, plain_sandbox).confirm(Patch(), nothing, never, limit_s=30).is_green
