from __future__ import annotations

import os
import py_compile
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from refine_tui.core.evidence import SuiteResult, delta
from refine_tui.core.patch import Patch
from refine_tui.evaluation import cold
from refine_tui.loop.ports.running import Sandbox
from tests.evaluation.evaluation_hands import Copy, Make, base_of, change, never, nothing, outcomes, write

ZOO = Path(__file__).parent.parent / "zoo"


ADD = ["test_measure.py::test_add", "test_measure.py::test_add_nothing", "test_measure.py::test_scaled"]


@pytest.mark.parametrize("warm", [True, False])
def test_a_patch_is_seen_by_its_run_and_by_no_other(warm: bool, zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    project = zoo("flat")
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    running = evaluator(project, sandbox, warm=warm)
    patch = change(project, "measure.py", "a - b", "a + b")
    fixed = running.run(patch, ADD, never, limit_s=30)
    assert outcomes(fixed) == {"test_add": "passed", "test_add_nothing": "passed", "test_scaled": "passed"}
    assert fixed.is_green
    assert fixed.warm is warm
    assert outcomes(running.run(Patch(), ADD[:1], never, limit_s=30)) == {"test_add": "failed"}
    assert running.confirm(patch, nothing, never, limit_s=30).is_green
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_a_patch_for_another_text_is_stale(zoo: Copy, evaluator: Make, plain_sandbox: Sandbox) -> None:
    project = zoo("flat")
    running = evaluator(project, plain_sandbox)
    patch = change(project, "measure.py", "a - b", "a + b")
    (project / "measure.py").write_text("# changed\n" + (project / "measure.py").read_text())
    result = running.run(patch, ADD, never, limit_s=30)
    assert (result.stopped, result.complete, result.cases) == ("stale", False, ())
    assert running.confirm(patch, nothing, never, limit_s=30).stopped == "stale"


@pytest.mark.parametrize("warm", [True, False])
def test_the_first_failure_can_end_a_run(warm: bool, zoo: Copy, evaluator: Make, plain_sandbox: Sandbox) -> None:
    result = evaluator(zoo("flat"), plain_sandbox, warm=warm).run(Patch(), ADD, never, limit_s=30, stop_at_first=True)
    assert outcomes(result) == {"test_add": "failed"}
    assert not result.complete


def test_a_candidate_that_cannot_be_imported_fails_every_test_of_the_file(zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    project = zoo("flat")
    running = evaluator(project, sandbox)
    result = running.run(change(project, "measure.py", "def add(a, b):", "def add(a, b"), ADD, never, limit_s=30)
    assert outcomes(result) == dict.fromkeys(("test_add", "test_add_nothing", "test_scaled"), "error")
    assert {case.error for case in result.cases} == {"SyntaxError"}
    assert running.run(Patch(), ADD[1:], never, limit_s=30).warm


@pytest.mark.parametrize("text", ["import os; os._exit(7)", "import os; os.abort()"])
def test_a_candidate_that_ends_the_process_leaves_the_runner_usable(text: str, zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    project = zoo("flat")
    running = evaluator(project, sandbox)
    result = running.run(change(project, "measure.py", "RATE = 3", text), ADD, never, limit_s=30)
    assert result.stopped.startswith("crash")
    assert not result.complete
    after = running.run(Patch(), ADD, never, limit_s=30)
    assert after.warm
    assert len(after.cases) == 3


@pytest.mark.parametrize("warm", [True, False])
def test_a_run_can_be_cancelled_while_a_test_hangs(warm: bool, zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    project = zoo("flat")
    running = evaluator(project, sandbox, warm=warm, test_limit_s=100.0)
    running.run(Patch(), ADD, never, limit_s=30)
    polled: list[int] = []

    def soon() -> bool:
        polled.append(1)
        return len(polled) > 20

    result = running.run(change(project, "measure.py", "return a - b", "while True: pass"), ADD, soon, limit_s=100)
    assert result.stopped == "cancelled"
    assert not result.complete
    assert len(running.run(Patch(), ADD, never, limit_s=30).cases) == 3


@pytest.mark.parametrize("warm", [True, False])
def test_a_run_ends_at_its_own_limit(warm: bool, zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    project = zoo("flat")
    running = evaluator(project, sandbox, warm=warm, test_limit_s=100.0)
    block = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n    while True: pass"
    result = running.run(change(project, "measure.py", "return a - b", block), ADD, never, limit_s=1)
    assert result.stopped == "time"


@pytest.mark.parametrize("warm", [True, False])
def test_a_test_that_cannot_be_interrupted_fails_alone(warm: bool, zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    project = zoo("flat")
    running = evaluator(project, sandbox, warm=warm, test_limit_s=1.0)
    block = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n    while a: pass"
    result = running.run(change(project, "measure.py", "return a - b", block), [ADD[0], ADD[2]], never, limit_s=60)
    assert outcomes(result) == {"test_add": "failed", "test_scaled": "passed"}
    assert result.cases[0].timed_out
    assert result.complete


def test_closing_ends_a_run_that_goes_on(zoo: Copy, evaluator: Make, isolated_sandbox: Sandbox) -> None:
    project = zoo("flat")
    running = evaluator(project, isolated_sandbox, test_limit_s=100.0)
    running.run(Patch(), ADD, never, limit_s=30)
    started = threading.Event()
    found: list[SuiteResult] = []

    def polled() -> bool:
        started.set()
        return False

    patch = change(project, "measure.py", "return a - b", "while True: pass")
    thread = threading.Thread(target=lambda: found.append(running.run(patch, ADD, polled, limit_s=100)))
    thread.start()
    assert started.wait(30)
    running.close()
    running.close()
    thread.join(30)
    assert not found[0].complete
    assert found[0].stopped == "cancelled"


def test_a_killed_runner_is_started_again_once_and_then_given_up(zoo: Copy, evaluator: Make, plain_sandbox: Any) -> None:
    running = evaluator(zoo("flat"), plain_sandbox)
    assert running.run(Patch(), ADD, never, limit_s=30).warm
    for expected in (True, False):
        os.kill(plain_sandbox.launched[-1].pid, signal.SIGKILL)
        result = running.run(Patch(), ADD, never, limit_s=30)
        assert len(result.cases) == 3
        assert result.warm is expected
    base = base_of(running)  # a new base run is a new start
    assert base.warm, base.cold_reason


def test_a_sandbox_without_nesting_runs_everything_cold_and_says_so(zoo: Copy, evaluator: Make, plain_sandbox: Any) -> None:
    plain_sandbox.can_nest = False
    running = evaluator(zoo("flat"), plain_sandbox)
    base = base_of(running)
    assert not base.warm
    assert "isolation level" in base.cold_reason
    assert not running.run(Patch(), ADD, never, limit_s=30).warm


STALE_TEST = """
import subprocess
import sys
from pathlib import Path

from sign import sign


def test_sign():
    assert sign(1) == 1


def test_sign_in_another_process():
    subprocess.run([sys.executable, "-c", "from sign import sign; assert sign(1) == 1"], check=True)


def test_nothing_is_written():
    assert sorted(path.name for path in Path(__file__).parent.rglob("*.pyc")) == sorted(EXPECTED)
"""


@pytest.mark.parametrize("warm", [True, False])
def test_compiled_files_are_neither_read_nor_written(warm: bool, tmp_path: Path, sandbox: Sandbox, evaluator: Make) -> None:
    """A `.pyc` that is trusted whatever the source says stands for one of the same size and second."""
    tag = sys.implementation.cache_tag
    text = STALE_TEST.replace("EXPECTED", "[]")
    project = write(tmp_path / "stale", sign="def sign(n):\n    return -1\n", test_sign=text)
    py_compile.compile(str(project / "sign.py"), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert [path.name for path in project.rglob("*.pyc")] == [f"sign.{tag}.pyc"]
    running = evaluator(project, sandbox, warm=warm, environment={"PYTHONDONTWRITEBYTECODE": ""})
    patch = change(project, "sign.py", "-1", "+1")
    wanted = ["test_sign.py::test_sign", "test_sign.py::test_sign_in_another_process"]
    for _ in range(2):
        assert outcomes(running.run(patch, wanted, never, limit_s=30)) == {
            "test_sign": "passed",
            "test_sign_in_another_process": "passed",
        }
    assert outcomes(running.run(Patch(), wanted[:1], never, limit_s=30)) == {"test_sign": "failed"}
    assert outcomes(running.run(patch, ["test_sign.py::test_nothing_is_written"], never, limit_s=30)) == {
        "test_nothing_is_written": "passed"
    }


@pytest.mark.parametrize("warm", [True, False])
def test_a_changed_test_file_is_rewritten_anew(warm: bool, zoo: Copy, evaluator: Make, plain_sandbox: Sandbox) -> None:
    project = zoo("flat")
    running = evaluator(project, plain_sandbox, warm=warm)
    if warm:
        base = base_of(running)
        assert base.warm, base.cold_reason
    patch = change(project, "test_measure.py", "== RATE", "!= RATE")
    assert outcomes(running.run(patch, ADD[:1], never, limit_s=30)) == {"test_add": "passed"}
    (project / "test_measure.py").write_text((project / "test_measure.py").read_text().replace("== RATE", "!= RATE"))
    assert outcomes(running.run(Patch(), ADD[:1], never, limit_s=30)) == {"test_add": "passed"}


def test_a_changed_conftest_counts(zoo: Copy, sandbox: Sandbox, evaluator: Make) -> None:
    project = zoo("fixtures")
    running = evaluator(project, sandbox)
    node = "test_ledger.py::test_cannot_start"
    assert outcomes(running.run(Patch(), [node], never, limit_s=30)) == {"test_cannot_start": "error"}
    result = running.run(change(project, "conftest.py", 'raise RuntimeError("no such book")', "return 1"), [node], never, limit_s=30)
    assert outcomes(result) == {"test_cannot_start": "passed"}
    assert result.warm


def test_random_numbers_and_hashes_are_the_same_in_every_run(tmp_path: Path, sandbox: Sandbox, evaluator: Make) -> None:
    text = "import random\n\ndef test_numbers():\n    assert (random.random(), hash('text')) == 0\n"
    running = evaluator(write(tmp_path / "chance", test_chance=text), sandbox)
    cold = base_of(running).suite.cases[0]
    warm = [running.run(Patch(), ["test_chance.py::test_numbers"], never, limit_s=30).cases[0].message for _ in range(2)]
    assert warm == [cold.message, cold.message]


def test_progress_is_told_case_by_case(zoo: Copy, evaluator: Make, plain_sandbox: Sandbox) -> None:
    told: list[tuple[str, int, int]] = []
    running = evaluator(zoo("src_layout"), plain_sandbox)
    running.baseline(lambda case, done, total: told.append((case.outcome, done, total)), never, limit_s=30)
    assert [(done, total) for _, done, total in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_first_run_that_takes_too_long_gives_what_it_has(
    tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "import pytest, time\n\n@pytest.mark.parametrize('n', range(50))\ndef test_slow(n):\n    time.sleep(100 * (n > 0))\n"
    running = evaluator(write(tmp_path / "slow", test_slow=text), plain_sandbox, test_limit_s=500.0)
    later = [0.0]
    monkeypatch.setattr(cold, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + later[0]))
    base = running.baseline(lambda *_: later.append(later.pop() + 1000.0), never, limit_s=300)
    assert base.suite.stopped == "time"
    assert not base.suite.complete
    assert len(base.suite.cases) == 1


def test_failing_tests_that_pass_at_times_are_called_flaky(tmp_path: Path, evaluator: Make, sandbox: Sandbox) -> None:
    text = "import os\n\ndef test_seed():\n    assert os.environ['PYTHONHASHSEED'] != '0'\n\ndef test_red():\n    assert 0\n"
    base = base_of(evaluator(write(tmp_path / "flaky", test_flaky=text), sandbox, recheck=True))
    assert [note for note in base.notes if "flaky" in note] == [
        "flaky: test_flaky.py::test_seed failed and passed on the same code",
    ]
    assert base.suite.flaky == ("test_flaky.py::test_seed",)
    assert base.suite.red == ("test_flaky.py::test_red",)
    assert base.warm, base.cold_reason


CHANCE = """
import os

from work import size


def test_seed():
    assert size() and os.environ["PYTHONHASHSEED"] in SEEDS


def test_size():
    assert size() == 1
"""


@pytest.mark.parametrize(("seeds", "flaky"), [("'01'", ("test_chance.py::test_seed",)), ("'012'", ())])
def test_a_proof_is_not_held_against_tests_that_fail_on_the_base_at_times(
    seeds: str, flaky: tuple[str, ...], tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox
) -> None:
    project = write(tmp_path / "chance", work="def size():\n    return 1\n", test_chance=CHANCE.replace("SEEDS", seeds))
    running = evaluator(project, plain_sandbox)
    base = base_of(running).suite
    assert base.is_green
    found = running.confirm(change(project, "work.py", "return 1", "return 0"), nothing, never, limit_s=30)
    assert found.flaky == flaky
    broken = delta(base, found).broken
    assert broken == tuple(f"test_chance.py::{name}" for name in ("test_seed", "test_size") if name == "test_size" or not flaky)


THREADED = """
import threading

threading.Thread(target=threading.Event().wait, daemon=True).start()
"""


def test_dependencies_that_start_threads_send_runs_cold(tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    outside = write(tmp_path / "outside", threaded=THREADED)
    project = write(tmp_path / "inner", test_it="import threaded\n\ndef test_it():\n    assert threaded\n")
    base = base_of(evaluator(project, plain_sandbox, environment={"PYTHONPATH": str(outside)}))
    assert "start threads" in base.cold_reason
    assert base.suite.is_green


def test_dependencies_that_import_the_project_send_runs_cold(tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    outside = write(tmp_path / "outside", plugged="import own\n")
    test = "import plugged\n\ndef test_it():\n    assert plugged.own.X == 1\n"
    project = write(tmp_path / "inner", own="X = 1\n", test_it=test)
    paths = os.pathsep.join((str(outside), str(project)))
    base = base_of(evaluator(project, plain_sandbox, environment={"PYTHONPATH": paths}))
    assert "of the project itself" in base.cold_reason


AWARE = """
import sys


def test_modules():
    assert "xml.dom" not in sys.modules


def test_other():
    import xml.dom
"""


def test_a_test_that_ends_otherwise_in_a_fork_sends_runs_cold(tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox) -> None:
    base = base_of(evaluator(write(tmp_path / "aware", test_aware=AWARE), plain_sandbox))
    assert "test_modules ends differently" in base.cold_reason
    assert base.suite.is_green


def test_a_plugin_of_the_project_itself_sees_the_candidate(tmp_path: Path, isolated_sandbox: Sandbox, evaluator: Make) -> None:
    plugin = "from size import SIZE\n\ndef pytest_report_header():\n    return str(SIZE)\n"
    test = "from size import SIZE\n\ndef test_size():\n    assert SIZE == 2\n"
    project = write(tmp_path / "plugged", own_plugin=plugin, size="SIZE = 1\n", test_size=test)
    (project / "pytest.ini").write_text("[pytest]\naddopts = -p own_plugin\n")
    running = evaluator(project, isolated_sandbox)
    base = base_of(running)
    assert base.warm, base.cold_reason
    for new, outcome in (("2", "passed"), ("3", "failed"), ("2", "passed")):
        result = running.run(change(project, "size.py", "1", new), ["test_size.py::test_size"], never, limit_s=30)
        assert outcomes(result) == {"test_size": outcome}
        assert result.warm


def test_what_the_user_saves_between_runs_is_seen(zoo: Copy, isolated_sandbox: Sandbox, evaluator: Make) -> None:
    project = zoo("flat")
    running = evaluator(project, isolated_sandbox)
    base = base_of(running)
    assert base.warm, base.cold_reason
    for sign, outcome in (("+", "passed"), ("*", "failed"), ("+", "passed")):
        (project / "measure.py").write_text((ZOO / "flat" / "measure.py").read_text().replace("a - b", f"a {sign} b"))
        result = running.run(Patch(), ADD[:1], never, limit_s=30)
        assert outcomes(result) == {"test_add": outcome}
        assert result.warm
    (project / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (project / "test_measure.py").write_text("import warnings\n\ndef test_add():\n    warnings.warn('x')\n")
    running.refresh()
    assert outcomes(running.run(Patch(), ADD[:1], never, limit_s=30)) == {"test_add": "failed"}


CONFIGURED = """
import os


def pytest_addoption(parser):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write("configured\\n")
"""


def test_the_configuration_is_read_once_for_many_candidates_and_anew_for_one_that_changes_it(
    tmp_path: Path, evaluator: Make, plain_sandbox: Sandbox
) -> None:
    outside, notes = tmp_path / "outside", tmp_path / "notes"
    write(outside, counting_plugin=CONFIGURED)
    project = write(tmp_path / "sized", size="SIZE = 1\n", test_size="from size import SIZE\n\ndef test_size():\n    assert SIZE == 2\n")
    (project / "pytest.ini").write_text("[pytest]\naddopts = -p counting_plugin\n")
    running = evaluator(project, plain_sandbox, environment={"NOTES": str(notes), "PYTHONPATH": str(outside)})
    assert base_of(running).warm
    read = notes.read_text().count("configured")
    for new, outcome in (("2", "passed"), ("3", "failed"), ("2 ", "passed")):
        result = running.run(change(project, "size.py", "1", new), ["test_size.py::test_size"], never, limit_s=30)
        assert (outcomes(result), result.warm) == ({"test_size": outcome}, True)
    assert notes.read_text().count("configured") == read
    other = change(project, "pytest.ini", "[pytest]\n", "[pytest]\npython_functions = other*\n")
    assert not running.run(other, ["test_size.py::test_size"], never, limit_s=30).is_green
    again = running.run(change(project, "size.py", "1", "2"), ["test_size.py::test_size"], never, limit_s=30)
    assert (outcomes(again), again.warm) == ({"test_size": "passed"}, True)
