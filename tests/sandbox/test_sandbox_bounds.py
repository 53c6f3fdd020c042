"""Each limit is taken away, and what it stops goes on to its end; the bombs are small enough to do no harm then."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from refine_tui.core.isolation import Level, Limits
from refine_tui.loop.ports.running import Sandbox
from refine_tui.sandbox import cgroups, supervision, trees
from refine_tui.sandbox.opening import Ladder
from tests.sandbox.conftest import reach
from tests.sandbox.sandbox_guards import Workbench
from tests.sandbox.sandbox_world import World
from tests.sandbox.test_sandbox_contract import run
from tests.sandbox.test_sandbox_orphans import all_end, launch, marked, watched

LIMITS = {
    "time": Limits(wall_s=1.0),
    "cpu": Limits(wall_s=30, cpu_s=1),
    "memory": Limits(wall_s=30, memory_bytes=96 << 20),
    "processes": Limits(wall_s=30, processes=20),
    "disk": Limits(wall_s=30, disk_bytes=4 << 20),
    "output": Limits(wall_s=30, output_bytes=1 << 16),
}
BOMBS = {
    "time": "time.sleep(PAUSE)",
    "cpu": "while time.process_time() < 2.5: pass",
    "memory": "kept = [bytearray(b'x' * (4 << 20)) for _ in range(48)]; time.sleep(PAUSE)",
    "processes": """
for _ in range(40):
    if os.fork() == 0:
        time.sleep(PAUSE)
        os._exit(0)
for _ in range(40):
    os.wait()
""",
    "disk": """
for number in range(16):
    with open(f"fill{number}", "wb") as file:
        file.write(bytes(1 << 20))
time.sleep(PAUSE)
""",
    "output": "for _ in range(64): print('y' * 4096, flush=True)",
}
Removal = Callable[[Workbench], None]


def without_time(bench: Workbench) -> None:
    bench.patch.setitem(LIMITS, "time", Limits(wall_s=float("inf")))


def without_cpu(bench: Workbench) -> None:
    bench.patch.setattr(trees, "processor_s", lambda pids: 0.0)
    bench.patch.setattr(cgroups, "_processor_s", lambda folder: 0.0)
    bench.cut("kernel.py", "_set_limit(resource.RLIMIT_CPU, cpu, cpu + 1)", "pass")


def without_memory(bench: Workbench) -> None:
    bench.patch.setattr(trees, "resident_bytes", lambda pids: 0)
    without_group(bench)


def without_group(bench: Workbench) -> None:
    bench.patch.setattr(cgroups, "_places", lambda limits, processes: [])


def without_processes(bench: Workbench) -> None:
    """As root the first of these holds nobody; the others do."""
    bench.cut("kernel.py", '_set_limit(resource.RLIMIT_NPROC, int(bounds["processes"]), int(bounds["processes"]))', "pass")
    without_group(bench)
    original = supervision.Supervised._exceeded

    def exceeded(running: supervision.Supervised) -> str:
        return original(running).replace("processes", "")

    bench.patch.setattr(supervision.Supervised, "_exceeded", exceeded)
    if bench.level is Level.CONFINED:
        bench.cut("confine.py", "len(_below(os.getpid())) > most", "False")


def without_disk(bench: Workbench) -> None:
    bench.cut("kernel.py", "_set_limit(resource.RLIMIT_FSIZE, disk, disk)", "pass")
    if bench.level is Level.ISOLATED:
        bench.cut("overlay.py", "size={int(bounds['disk_bytes'])},")
    else:
        bench.patch.setattr("refine_tui.sandbox.confined._Scales.over", lambda scales: "")


def without_output(bench: Workbench) -> None:
    bench.patch.setattr(supervision.Supervised, "_count", lambda running, size: True)


REMOVALS: dict[str, Removal] = {
    "time": without_time,
    "cpu": without_cpu,
    "memory": without_memory,
    "processes": without_processes,
    "disk": without_disk,
    "output": without_output,
}


@pytest.fixture
def bench(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    return Workbench(monkeypatch, sandbox.level, World((), {}, {}, []))


def explode(sandbox: Sandbox, project: Path, limit: str, pause_s: float = 25.0) -> bool:
    """Say whether a bomb went on to its end; it pauses with what it took, so that there is time to notice, and less than may pass."""
    code = f"import os, time\nPAUSE = {pause_s}\n{BOMBS[limit]}\nos.write(1, b'survived')"
    return "survived" in run(sandbox, project, code, limits=LIMITS[limit])[0]


@pytest.mark.parametrize("limit", [pytest.param(limit, marks=[pytest.mark.slow] * (limit in ("cpu", "time"))) for limit in LIMITS])
def test_a_limit_stops_what_would_go_on_without_it(sandbox: Sandbox, project: Path, limit: str, bench: Workbench) -> None:
    assert not explode(sandbox, project, limit)

    REMOVALS[limit](bench)

    assert explode(sandbox, project, limit, pause_s=1.5 if limit == "time" else 0.3)


@pytest.mark.parametrize("limit", ["memory", pytest.param("cpu", marks=pytest.mark.slow), "processes"])
def test_a_limit_on_all_processes_holds_without_a_control_group(sandbox: Sandbox, project: Path, limit: str, bench: Workbench) -> None:
    without_group(bench)

    assert not explode(sandbox, project, limit)


@pytest.mark.parametrize(
    ("file", "guard"),
    [
        ("confine.py", "kernel.prctl(kernel.CHILD_SUBREAPER, 1)"),
        ("confine.py", "_end_all(command)\n    return status"),
    ],
)
def test_without_its_guard_a_daemon_outlives_the_run(
    file: str, guard: str, ladder: Ladder, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox, mark = reach(ladder, Level.CONFINED), f"mark-{os.getpid()}-{len(guard)}"
    bench = Workbench(monkeypatch, Level.CONFINED, World((), {}, {}, []))
    without_group(bench)
    bench.cut(file, guard, "pass" if "return" not in guard else "return status")
    with launch(sandbox, project, mark, "leave") as running:
        assert running.stdout.readline() == b"left\n"
        assert running.wait(30) == 0
    daemons = marked(mark)
    with watched(daemons) as fds:
        for pid in daemons:
            os.kill(pid, signal.SIGKILL)
        assert all_end(fds)

    assert len(daemons) == 3


if sys.platform != "linux":
    pytest.skip("the levels that run code are for Linux here", allow_module_level=True)
