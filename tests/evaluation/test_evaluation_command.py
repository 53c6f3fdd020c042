"""Projects that are tested by a command of their own: what is run, how its end is judged, what it may see and use."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from refine_tui.core.errors import ProjectError, UsageError
from refine_tui.core.evidence import Delta, delta
from refine_tui.evaluation.commands.evaluator import COLD, CommandEvaluator
from refine_tui.evaluation.commands.hints import COMMANDS, refuse_without_command
from refine_tui.evaluation.commands.run import Command, CommandRun, reason_of
from refine_tui.evaluation.settings import RunSettings
from refine_tui.loop.ports.running import Sandbox
from tests.evaluation.evaluation_hands import change, never, nothing

HOW = (Path("/config/refine.toml"), "echo project >> trusted")
"""The user's settings, and how a project is trusted."""
Copy = Callable[[str], Path]
Evaluate = Callable[..., CommandEvaluator]


@pytest.fixture
def commanded(isolated_sandbox: Sandbox) -> Iterator[Evaluate]:
    """Makes evaluators for a command; they are closed at the end."""
    made: list[CommandEvaluator] = []

    def make(project: Path, line: str, *, recheck: bool = False, **how: str) -> CommandEvaluator:
        made.append(CommandEvaluator(project, isolated_sandbox, Command(line, **how), None, RunSettings(recheck=recheck)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def needs(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)} on this machine")


def test_the_exit_status_alone_is_one_test_named_after_the_command(zoo: Copy, commanded: Evaluate) -> None:
    project = zoo("shell_script")
    running = commanded(project, "sh check.sh")
    base = running.baseline(nothing, never, limit_s=30)
    (case,) = base.suite.cases
    assert (case.node_id, case.outcome, case.message) == ("tests::sh check.sh", "failed", "postage of 20 g: expected 85, got 100")
    assert (base.warm, base.cold_reason, base.runner) == (False, COLD, "sh check.sh")
    proof = running.confirm(change(project, "rates.py", "< 20", "<= 20"), nothing, never, limit_s=30)
    assert proof.is_green
    assert delta(base.suite, proof).fixed == ("tests::sh check.sh",)


def test_a_c_project_is_built_anew_for_each_candidate(zoo: Copy, commanded: Evaluate) -> None:
    needs("gcc", "make")
    project = zoo("c_make")
    running = commanded(project, "make -s check")
    base = running.baseline(nothing, never, limit_s=60)
    (case,) = base.suite.cases
    assert "Assertion `fits(900, 30, 30)' failed" in case.message
    assert [(frame.path, frame.line) for frame in case.frames] == [("tests/check_shelf.c", 8)]
    right = change(project, "shelf.c", "> 0", ">= 0")
    assert running.run(right, ("tests::make -s check",), never, limit_s=30, better_than=()).is_green
    broken = change(project, "shelf.c", "> 0;", "> 0")
    assert "error: expected" in running.run(broken, ("tests::make -s check",), never, limit_s=30, better_than=()).cases[0].message
    assert not (project / "check_shelf").exists()


def test_javascript_is_run_by_node_and_some_tests_by_the_filter(zoo: Copy, commanded: Evaluate) -> None:
    needs("node")
    project, tap = zoo("node_test"), "node --test --test-reporter=tap"
    running = commanded(project, tap, filter=tap + " --test-name-pattern={pattern} --test-reporter-destination=stdout")
    base = running.baseline(nothing, never, limit_s=60)
    full, cheaper = "a full cart::costs what its parts cost", "a full cart::gets cheaper"
    assert base.suite.red == (full, cheaper)
    assert base.suite.by_id[full].values == ("16", "21")
    assert base.suite.by_id[full].frames[-1].path == "cart.test.js"
    fix = change(project, "cart.js", "let i = 1", "let i = 0")
    some = running.run(fix, (full,), never, limit_s=30, better_than=())
    assert some.is_green
    assert tuple(some.by_id) == (full,)
    assert running.confirm(fix, nothing, never, limit_s=60).is_green


@pytest.mark.slow
def test_rust_is_run_by_cargo(zoo: Copy, commanded: Evaluate) -> None:
    needs("cargo")
    project = zoo("rust_cargo")
    running = commanded(project, "cargo test --offline")
    base = running.baseline(nothing, never, limit_s=120)
    assert base.suite.red == ("tests/parties.rs::a_full_row_is_one_row", "tests/parties.rs::nobody_needs_no_row")
    assert base.suite.by_id["src/lib.rs::tests::the_next_row_is_free"].outcome == "passed"
    fix = change(project, "src/lib.rs", "(people + seats)", "(people + seats - 1)")
    assert running.confirm(fix, nothing, never, limit_s=120).is_green


@pytest.mark.slow
def test_go_is_run_by_go_test(zoo: Copy, commanded: Evaluate) -> None:
    needs("go")
    project = zoo("go_mod")
    running = commanded(project, "go test -v ./...", filter="go test -v -run {pattern} ./...")
    base = running.baseline(nothing, never, limit_s=120)
    assert base.suite.red == ("tests::TestNobodyAhead", "tests::TestThreeAhead")
    assert running.run(change(project, "queue.go", "ahead +", "ahead *"), ("tests::TestThreeAhead",), never, limit_s=60).is_green


def test_an_old_report_in_the_tree_does_not_speak_for_a_candidate_that_writes_none(tmp_path: Path, commanded: Evaluate) -> None:
    (tmp_path / "report.xml").write_text("<testsuite><testcase name='a'/></testsuite>")
    (tmp_path / "make.py").write_text("open('report.xml', 'w').write('''<testsuite><testcase name='a'/></testsuite>''')\n")
    running = commanded(tmp_path, "python3 make.py", junit="report.xml")
    assert running.baseline(nothing, never, limit_s=30).suite.is_green
    run = running.run(change(tmp_path, "make.py", "open(", "nothing("), ("tests::a",), never, limit_s=30)
    assert run.by_id["tests::a"].outcome == "error"
    assert "gave no result" in run.by_id["tests::a"].message


def test_of_many_old_reports_none_speaks(tmp_path: Path, commanded: Evaluate) -> None:
    for number in range(520):
        (tmp_path / f"TEST-{number:03}.xml").write_text(f"<testsuite><testcase name='old{number}'/></testsuite>")
    line = "echo \"<testsuite><testcase name='new'/></testsuite>\" > TEST-000.xml"
    base = commanded(tmp_path, line, junit="*.xml").baseline(nothing, never, limit_s=30)
    assert set(base.suite.by_id) == {"tests::new"}


def test_several_reports_of_one_run_are_read_together(tmp_path: Path, commanded: Evaluate) -> None:
    line = "mkdir out && for n in a b; do echo \"<testsuite><testcase name='$n'/></testsuite>\" > out/$n.xml; done"
    base = commanded(tmp_path, line, junit="out/*.xml").baseline(nothing, never, limit_s=30)
    assert set(base.suite.by_id) == {"tests::a", "tests::b"}


def test_a_bad_end_that_no_test_explains_is_a_failure_of_the_command(tmp_path: Path, commanded: Evaluate) -> None:
    (tmp_path / "run.sh").write_text("echo 1..1; echo ok 1 - a; echo 'lint: bad name' >&2; exit 3\n")
    base = commanded(tmp_path, "sh run.sh").baseline(nothing, never, limit_s=30)
    assert {node: case.outcome for node, case in base.suite.by_id.items()} == {"tests::a": "passed", "tests::sh run.sh": "failed"}
    fixed = commanded(tmp_path, "sh run.sh").baseline(nothing, never, limit_s=30)
    running = commanded(tmp_path, "sh run.sh")
    running.baseline(nothing, never, limit_s=30)
    proof = running.confirm(change(tmp_path, "run.sh", "exit 3", "exit 0"), nothing, never, limit_s=30)
    assert delta(fixed.suite, proof).fixed == ("tests::sh run.sh",)


def test_a_patch_that_breaks_another_test_is_told_and_given_up_at_once(tmp_path: Path, commanded: Evaluate) -> None:
    (tmp_path / "run.sh").write_text("a=1\n[ $a = 1 ] && echo ok 1 - first || echo not ok 1 - first\necho not ok 2 - second\n")
    running = commanded(tmp_path, "sh run.sh", format="tap")
    base = running.baseline(nothing, never, limit_s=30)
    run = running.run(change(tmp_path, "run.sh", "a=1", "a=2"), ("tests::second",), never, limit_s=30, better_than=())
    assert delta(base.suite, run).broken == ("tests::first",)
    assert run.stopped == "no better"


TURNS = """turn=$(cat "$TURN" 2> /dev/null || echo 0)
echo $((turn + 1)) > "$TURN"
case " $RED " in *" $turn "*) echo not ok 1 - chance;; *) echo ok 1 - chance;; esac
echo not ok 2 - always
"""


def by_turns(tmp_path: Path, sandbox: Sandbox, red: str, *, recheck: bool) -> CommandEvaluator:
    """Return an evaluator of a project of which one test fails in the runs that are named, counted from 0."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "run.sh").write_text(TURNS)
    settings = RunSettings(recheck=recheck, environment={"TURN": str(tmp_path / "turn"), "RED": red})
    return CommandEvaluator(project, sandbox, Command("sh run.sh"), None, settings)


@pytest.mark.parametrize("red", ["0", "1"])
def test_what_says_otherwise_on_the_same_code_is_called_flaky(red: str, tmp_path: Path, plain_sandbox: Sandbox) -> None:
    suite = by_turns(tmp_path, plain_sandbox, red, recheck=True).baseline(nothing, never, limit_s=30).suite
    assert suite.flaky == ("tests::chance",)
    assert suite.red == ("tests::always",)


@pytest.mark.parametrize(("red", "broken"), [("1 2", ()), ("1", ("tests::chance",))])
def test_a_proof_is_refuted_only_by_what_the_base_passes_once_more(
    red: str, broken: tuple[str, ...], tmp_path: Path, plain_sandbox: Sandbox
) -> None:
    running = by_turns(tmp_path, plain_sandbox, red, recheck=False)
    base = running.baseline(nothing, never, limit_s=30)
    proof = running.confirm(change(running.project, "run.sh", "not ok 2", "ok 2"), nothing, never, limit_s=30)
    assert delta(base.suite, proof) == Delta(fixed=("tests::always",), broken=broken)


def test_what_the_command_leaves_running_is_not_waited_for(tmp_path: Path, commanded: Evaluate) -> None:
    base = commanded(tmp_path, "sleep 1000 & echo started").baseline(nothing, never, limit_s=60)
    assert base.suite.is_green
    assert base.suite.output == "started\n"


def test_a_flood_of_output_is_bounded(tmp_path: Path, commanded: Evaluate) -> None:
    base = commanded(tmp_path, f"yes {'x' * 4000}", format="exit").baseline(nothing, never, limit_s=60)
    assert base.suite.stopped == "output"
    assert base.suite.cases[0].is_red
    assert len(base.suite.output) <= 8192


def test_a_command_without_end_fails_by_its_time(tmp_path: Path, commanded: Evaluate) -> None:
    base = commanded(tmp_path, "echo ok 1 - a; echo ok 2 - b; sleep 1000").baseline(nothing, never, limit_s=3.0)
    assert base.suite.stopped == "time"
    assert base.suite.by_id["tests::a"].outcome == "passed"
    late = base.suite.by_id["tests::echo ok 1 - a; echo ok 2 - b; sleep 1000"]
    assert (late.timed_out, late.message) == (True, "no result after 3 s")


@pytest.mark.parametrize(
    ("line", "how", "why"),
    [
        ("no-such-program --check", {}, r"could not be run: .*not found.*Correct \[test\] command"),
        ("true", {"junit": "out.xml"}, r"wrote no report \(out.xml\)"),
        ("echo '<!DOCTYPE a [<!ENTITY b \"c\">]><a/>' > out.xml", {"junit": "out.xml"}, "defines a document type or entities"),
        ("seq 501 | sed 's/$/.xml/' | xargs touch", {"junit": "*.xml"}, "too large, or in too many files"),
        ("echo fine", {"format": "tap"}, "printed no test in the form tap"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_to_correct(
    line: str, how: dict[str, str], why: str, tmp_path: Path, commanded: Evaluate
) -> None:
    with pytest.raises(ProjectError, match=why):
        commanded(tmp_path, line, **how).baseline(nothing, never, limit_s=30)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"format": "xunit"}, "Known: exit, junit, tap, cargo, go"),
        ({"format": "junit"}, "needs junit ="),
        ({"filter": "make test"}, "must contain {names} or {pattern}"),
        ({"junit": "/tmp/out.xml"}, "name a file in the project"),
        ({"junit": "../out.xml"}, "name a file in the project"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(how: dict[str, str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Command("make test", **how)


def test_names_of_tests_reach_the_shell_quoted() -> None:
    command = Command("x", filter="run {names} -p {pattern}")
    assert command.for_some(["a b", "$(rm -rf /)'"]) == """run 'a b' '$(rm -rf /)'"'"'' -p '^(a\\ b|\\$\\(rm\\ \\-rf\\ /\\)'"'"')$'"""


def test_a_command_sees_neither_the_users_variables_nor_secrets_nor_the_network(
    tmp_path: Path, commanded: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "secret")
    (tmp_path / ".env").write_text("KEY=secret\n")
    line = 'test -z "$API_TOKEN" && test ! -s .env && ! grep -q : /proc/net/route && echo inside > here && test "$HOME" != "$OLDHOME"'
    assert commanded(tmp_path, line).baseline(nothing, never, limit_s=30).suite.is_green
    assert not (tmp_path / "here").exists()


# a project that says nothing


@pytest.mark.parametrize("name", COMMANDS)
def test_a_project_in_another_language_is_told_the_lines_to_write(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("test:\n" if name == "Makefile" else "")
    with pytest.raises(ProjectError, match=r"has a .* and no Python tests") as told:
        refuse_without_command(tmp_path, *HOW)
    assert f'  [test]\n  command = "{COMMANDS[name]}"' in str(told.value)


@pytest.mark.parametrize(
    ("script", "command"),
    [
        ("node --test", "node --test --test-reporter=tap"),
        ("tsc && vitest run", "node_modules/.bin/vitest run --reporter=tap-flat"),
        ("jest", "npm test"),
        (None, "node --test --test-reporter=tap"),
    ],
)
def test_a_javascript_package_is_told_the_command_of_its_own_runner(script: str | None, command: str, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text(json.dumps({"scripts": {"test": script}} if script else {"scripts": []}))
    with pytest.raises(ProjectError, match=re.escape(f'command = "{command}"')):
        refuse_without_command(tmp_path, *HOW)


def test_what_was_built_in_the_tree_is_built_anew_where_a_candidate_differs(zoo: Copy, commanded: Evaluate) -> None:
    needs("gcc", "make")
    project = zoo("c_make")
    subprocess.run(["make", "-s", "check_shelf"], cwd=project, check=True)
    running = commanded(project, "make -s check")
    assert not running.baseline(nothing, never, limit_s=60).suite.is_green
    assert running.confirm(change(project, "shelf.c", "> 0", ">= 0"), nothing, never, limit_s=60).is_green


def test_a_command_that_does_not_count_yet_is_told_with_how_to_trust_it(zoo: Copy) -> None:
    project = zoo("c_make")
    with pytest.raises(ProjectError, match=r"refine.toml says that `make -s check` runs the tests") as told:
        refuse_without_command(project, *HOW)
    assert str(told.value).endswith(f"this trusts the project:\n  {HOW[1]}")


@pytest.mark.parametrize(
    ("makefile", "command", "asked"),
    [
        ("CC := gcc\nshelf: shelf.c\n\tgcc $<\ncheck: shelf\n\t./shelf\n", "make check", False),
        (".PHONY: all test\nall check test: shelf\n", "make test", False),
        ("all:\n\ttest -f shelf\ntest := no target\n", "make TARGET", True),
    ],
)
def test_a_makefile_is_asked_for_the_target_that_runs_the_tests(makefile: str, command: str, asked: bool, tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(makefile)
    with pytest.raises(ProjectError) as told:
        refuse_without_command(tmp_path, *HOW)
    assert f'command = "{command}"' in str(told.value)
    assert ("which one runs the tests?" in str(told.value)) is asked


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("max of 1, 5: got 1, want 5\nok - max 5", "max of 1, 5: got 1, want 5"),
        ("ok - failure is told\nnot ok - max 5", "not ok - max 5"),
        ("ok - max 5\nPASS min", "exit status 3"),
        ("ok - max 5\nit is done", "it is done"),
    ],
)
def test_what_passed_is_never_the_reason_of_a_failure(printed: str, reason: str) -> None:
    assert reason_of(CommandRun(status=3, output=printed)) == reason


@pytest.mark.parametrize("sign", ["pyproject.toml", "test_it.py", "tests/test_it.py", "src/it.py"])
def test_a_project_with_python_in_it_is_left_to_python(sign: str, tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / sign).parent.mkdir(exist_ok=True)
    (tmp_path / sign).write_text("")
    refuse_without_command(tmp_path, *HOW)
