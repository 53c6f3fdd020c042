from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from refine_tui.bench.measuring import TIMES, Row
from refine_tui.bench.runner import RunnerWish, measure_runner, runner_machine
from refine_tui.bench.runner_ends import explode, leftovers
from refine_tui.bench.runner_lab import RunnerLab, large, small
from refine_tui.bench.runner_processes import Later, Memory, alive, below, marked, until
from refine_tui.bench.runner_speed import one_core
from refine_tui.bench.runner_suites import attacks, edits_of, told, zoo
from refine_tui.bootstrap_labs import make_runner_lab
from refine_tui.cli import main
from refine_tui.core.errors import UsageError
from refine_tui.core.isolation import Level

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def lab(tmp_path: Path) -> RunnerLab:
    found = make_runner_lab(tmp_path / "lab", Path(sys.executable))
    if not found.sandbox.level.may_run:
        pytest.skip("nothing may run on this machine")
    found.folder.mkdir()
    return found


def needs_isolated(lab: RunnerLab) -> None:
    if lab.sandbox.level is not Level.ISOLATED:
        required = "isolated" in os.environ.get("REFINE_TUI_REQUIRE_LEVELS", "")
        (pytest.fail if required else pytest.skip)("the isolated level is not reached here")


def nothing(_: str) -> None:
    pass


@pytest.mark.parametrize("wish", [RunnerWish(rows=("nonsense",))])
def test_an_unknown_row_is_answered_with_the_known_ones(lab: RunnerLab, wish: RunnerWish) -> None:
    with pytest.raises(UsageError, match=r"nonsense: there is no such row. Known: warm, rate, sandbox"):
        list(measure_runner(lab, wish, nothing))


def test_a_warm_candidate_is_measured_beside_cold_pytest(lab: RunnerLab) -> None:
    needs_isolated(lab)
    speed, above = measure_runner(lab, RunnerWish(rows=("warm",), repeats=1), nothing)
    assert (speed.unit, speed.target, speed.basis, speed.device) == (TIMES, "≥ 10", "wall", "isolated")
    assert speed.value
    assert (above.target, above.unit) == ("≤ 35", "ms")


def test_the_cost_of_the_sandbox_is_a_difference_from_bare(lab: RunnerLab) -> None:
    needs_isolated(lab)
    found = list(measure_runner(lab, RunnerWish(rows=("sandbox",), repeats=2, files=60), nothing))
    assert [one.target for one in found] == ["≤ 100", "≤ 10"]
    assert all(one.value is not None and one.baseline for one in found)


def test_a_large_project_has_the_files_that_were_asked_for(tmp_path: Path) -> None:
    assert len(list(large(tmp_path, 120).rglob("*.py"))) == 120


def test_no_two_candidates_are_alike(tmp_path: Path) -> None:
    project = small(tmp_path / "small")
    texts = {project.candidate(number).apply({"work.py": (project.root / "work.py").read_bytes()})["work.py"] for number in range(5)}
    assert len(texts) == 5


@linux
def test_every_thread_is_kept_on_one_core_and_let_go_again() -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    assert thread.native_id is not None
    before = os.sched_getaffinity(thread.native_id)
    with one_core():
        assert len(os.sched_getaffinity(0)) == len(os.sched_getaffinity(thread.native_id)) == 1
    assert os.sched_getaffinity(0) == os.sched_getaffinity(thread.native_id) == before
    over.set()
    thread.join()


@linux
def test_a_process_that_stays_is_found_a_second_later_by_its_mark_or_by_itself() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", "stays-for-the-test"], stdin=subprocess.PIPE) as staying:
        assert until(lambda: bool(marked("stays-for-the-test")), 100)
        later = Later()
        later.look("marked", "stays-for-the-test", ())
        later.look("known", "no-such-mark", [one for one in below(os.getpid()) if one.pid == staying.pid])
        later.wait()
        staying.kill()
    assert {line.split(":")[0] for line in later.left} == {"marked", "known"}
    assert "stays-for-the-test" in later.left[0]


@linux
def test_a_process_that_ended_is_not_alive_even_when_nobody_has_reaped_it() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    known = {one for one in below(os.getpid()) if one.pid == process.pid}
    assert alive(known) == known != set()
    process.kill()
    assert until(lambda: not alive(known), 100)
    process.communicate()


@linux
def test_memory_of_processes_that_come_later_is_seen() -> None:
    memory = Memory()
    code = "kept = b'x' * (64 << 20); print(flush=True); input()"
    with memory.watched(), subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert until(lambda: memory.most_bytes > 64 << 20, 100)
        process.kill()


@linux
def test_nothing_is_left_after_each_of_the_six_ways_to_end(lab: RunnerLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether each ended as it was meant to is a matter of speed, and for the slow test."""
    needs_isolated(lab)
    monkeypatch.setattr("refine_tui.bench.runner_processes.AFTER_S", 5.0)
    (found,) = leftovers(lab, 6, nothing)
    assert (found.value, found.runs, found.basis) == (0, 6, "count"), found.note


@linux
@pytest.mark.slow
def test_nothing_is_left_after_many_evaluations(lab: RunnerLab) -> None:
    needs_isolated(lab)
    (found,) = leftovers(lab, 120, nothing)
    assert (found.value, found.ok) == (0, True), found.note


@pytest.mark.parametrize("warm", [True, False])
def test_a_bomb_is_stopped_by_its_limit(warm: bool, lab: RunnerLab) -> None:
    needs_isolated(lab)
    boom = explode(
        lab,
        "swallows",
        "while True:\n        try:\n            while True:\n                pass\n        except BaseException:\n            pass",
        warm,
        1.0,
    )
    assert boom.suite.stopped == "time"


def test_edits_are_spread_over_a_project_and_are_the_same_every_time(lab: RunnerLab) -> None:
    assert lab.tests is not None
    first, again = (edits_of(lab, lab.tests / "zoo" / "flat", 4) for _ in range(2))
    assert first == again
    assert len(first) == 4
    assert len({patch.files for patch in first}) == 4
    assert edits_of(lab, lab.tests / "zoo" / "flat", 0) == []


def test_what_is_not_there_is_a_row_that_says_why(lab: RunnerLab) -> None:
    for measure in (lambda one: zoo(one, 1, nothing), attacks):
        (found,) = measure(replace(lab, tests=None))
        assert "in the repository" in found.unavailable
        assert found.ok is None


def reported(*cases: str) -> Row:
    tree = ElementTree.fromstring(f"<suite>{''.join(cases)}</suite>")
    return told("escapes", tree.iter("testcase"))


REFUSED = '<testcase name="test_an_attack_is_refused[isolated-read]"/>'


def test_an_attack_that_got_out_is_an_escape_and_one_that_was_not_tried_is_said() -> None:
    escaped = '<testcase name="test_an_attack_is_refused[confined-write]"><failure/></testcase>'
    skipped = '<testcase name="test_an_attack_is_refused[confined-trace]"><skipped message="no promise"/></testcase>'
    around = '<testcase name="test_left_no_trace"/>'
    found = reported(REFUSED, escaped, skipped, around)
    assert (found.value, found.ok, found.runs) == (1, False, 1)
    assert "1 not tried: confined: no promise" in found.note
    assert "confined-write" in found.note
    assert reported(REFUSED).ok


def test_no_attack_at_all_is_no_proof() -> None:
    found = reported('<testcase name="test_an_attack_is_refused[isolated-read]"><skipped message="no bubblewrap"/></testcase>')
    assert found.ok is None
    assert "no bubblewrap" in found.unavailable


def test_the_machine_and_the_level_are_told(lab: RunnerLab) -> None:
    facts = runner_machine(lab)
    assert {"row", "cpu", "cores", "load", "system", "python", "sandbox", "interpreter"} == set(facts)


def test_the_command_prints_one_object_a_row(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(lab: RunnerLab, wish: RunnerWish, say: Callable[[str], None]) -> list[Row]:
        return [Row(f"{wish.runs} {wish.files}", 1.0, "ms", target="≤ 0", ok=False)]

    monkeypatch.setattr("refine_tui.cli.runner_benching.measure_runner", measured)
    status = main(["bench", "runner", "--quick", "--runs", "7", "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["row"] for one in rows] == ["machine", "7 2000"]
    assert set(rows[1]) == {*Row("x").as_json()}
    assert status == 1
