"""What is left of an evaluation however it ends, and how well time and memory are bounded."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp

from refine_tui.bench.measuring import Row, at_most, rounded
from refine_tui.bench.runner_lab import RunnerLab, changed, listed, never, write
from refine_tui.bench.runner_processes import Later, Memory, Process, below, copy_of, is_there, marked, until
from refine_tui.core.evidence import SuiteResult
from refine_tui.core.isolation import Limits
from refine_tui.loop.ports.running import Evaluator

DAEMONS = 3
SEEN_S = 20.0
SMALL = Limits(memory_bytes=300 << 20)
LEAVING = '''\
import os
import signal
import sys
import time

from work import MARK, THEN

STAYING = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
os.write(int(sys.argv[1]), b".")
for fd in range(3):
    os.close(fd)
time.sleep(600)
"""


def test_leaves_processes():
    ready, tell = os.pipe()
    os.set_inheritable(tell, True)
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
            os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", STAYING, str(tell), MARK])
    for _ in range(3):
        os.read(ready, 1)
    time.sleep(0.3)  # long enough to be seen
    if THEN == "waits":
        while True:
            time.sleep(60)
    kept = []
    while THEN == "eats":
        kept.append(bytearray(16 << 20))
'''
LEAVES = "test_leaving.py::test_leaves_processes"
PLAIN = 'MARK = "none"\nTHEN = "ends"\n'


@dataclass
class Endings:
    """One evaluation after another, each ended in its way while processes of it would like to stay."""

    lab: RunnerLab
    evaluator: Evaluator
    root: Path
    later: Later = field(default_factory=Later)
    otherwise: list[str] = field(default_factory=list)
    """Evaluations that ended in another way than they should have, or whose processes were never seen: they prove nothing."""

    def by_itself(self, mark: str) -> None:
        """The test passes."""
        self._warm("ended by itself", mark, "ends", lambda suite: suite.is_green)

    def by_cancel(self, mark: str) -> None:
        """The user cancels."""
        self._warm("cancelled", mark, "waits", lambda suite: suite.stopped == "cancelled", cancels=True)

    def by_time(self, mark: str) -> None:
        """Its time is over."""
        self._warm("out of time", mark, "waits", lambda suite: suite.stopped == "time", limit_s=1.0)

    def by_memory(self, mark: str) -> None:
        """It takes too much memory."""
        self._warm("out of memory", mark, "eats", lambda suite: bool(suite.red) and "memory" in suite.cases[0].message)

    def by_close(self, mark: str) -> None:
        """The evaluator is closed by another thread, with everything it has."""
        before, evaluator = below(os.getpid()), self.lab.evaluator(self.root)
        tree: set[Process] = set()

        def close() -> None:
            until(lambda: len(marked(mark)) >= DAEMONS, SEEN_S)
            tree.update(below(os.getpid()) - before)
            evaluator.close()

        thread = threading.Thread(target=close)
        thread.start()
        suite = run(evaluator, self.root, mark, "waits")
        thread.join()
        self._over("closed", mark, tree, suite.stopped == "cancelled")

    def by_kill(self, mark: str) -> None:
        """The program itself is killed with SIGKILL in the middle of `refine-tui eval`."""
        project = Path(mkdtemp(prefix="killed-", dir=self.lab.folder))  # the mark is the daemons' alone
        write(project, {"work.py": f'MARK = "{mark}"\nTHEN = "waits"\n', "test_leaving.py": LEAVING})
        environment = {**os.environ, "VIRTUAL_ENV": str(self.lab.python.parent.parent)}
        command = [sys.executable, "-m", "refine_tui", "eval", "--project", str(project)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as program:
            until(lambda: len(marked(mark)) >= DAEMONS or program.poll() is not None, SEEN_S)
            tree = below(program.pid)
            with contextlib.suppress(ProcessLookupError):
                program.send_signal(signal.SIGKILL)
            program.wait()
        self._over("killed", mark, tree, program.returncode == -signal.SIGKILL)

    def _warm(
        self, what: str, mark: str, then: str, ended: Callable[[SuiteResult], bool], *, limit_s: float = 30.0, cancels: bool = False
    ) -> None:
        tree: set[Process] = set()

        def look() -> bool:
            if len(tree) < DAEMONS:
                found = marked(mark)
                tree.update(copy_of(found) if len(found) >= DAEMONS else ())
            return cancels and bool(tree)

        suite = run(self.evaluator, self.root, mark, then, look, limit_s)
        self._over(what, mark, tree, ended(suite))

    def _over(self, what: str, mark: str, tree: set[Process], as_meant: bool) -> None:
        self.later.look(what, mark, tree)
        if not as_meant or len(tree) < DAEMONS:
            self.otherwise.append(what)


def run(
    evaluator: Evaluator, root: Path, mark: str, then: str, cancelled: Callable[[], bool] = never, limit_s: float = 30.0
) -> SuiteResult:
    """Run the test that leaves processes behind."""
    patch = changed(root, "work.py", f'MARK = "{mark}"\nTHEN = "{then}"\n')
    return evaluator.run(patch, (LEAVES,), cancelled, limit_s=limit_s)


def leftovers(lab: RunnerLab, runs: int, say: Callable[[str], None]) -> Iterator[Row]:
    """Processes alive a second after evaluations that ended in six ways, in turns."""
    name = f"processes alive 1 s after {runs} evaluations that ended in six ways"
    if not is_there():
        yield Row(name, unavailable="this system does not tell about its processes in /proc")
        return
    root = lab.folder / "leaving"
    write(root, {"work.py": PLAIN, "test_leaving.py": LEAVING})
    evaluator = lab.evaluator(root, test_limit_s=60.0, limits=SMALL)
    endings = Endings(lab, evaluator, root)
    ways = (endings.by_itself, endings.by_cancel, endings.by_time, endings.by_memory, endings.by_close, endings.by_kill)
    try:
        for number in range(runs):
            if number % 25 == 24:
                say(f"leftovers: {number + 1}/{runs}")
            ways[number % len(ways)](f"bench-mark-{os.getpid()}-{number}-")
    finally:
        evaluator.close()
        endings.later.wait()
    note = f"each left {DAEMONS} processes of its own"
    if endings.later.left:
        note = listed(endings.later.left)
    if endings.otherwise:
        counts = Counter(endings.otherwise)
        note += "; ended otherwise, so that they prove nothing: " + ", ".join(f"{count} {what}" for what, count in counts.items())
    found = Row(name, len(endings.later.left), "processes", runs=runs, note=note, basis="count")
    yield replace(at_most(found, 0), ok=not endings.later.left and not endings.otherwise)


SWALLOW = """\
while True:
        try:
            while True:
                pass
        except BaseException:
            pass"""
TIME_BOMBS = {
    "spins": "while True:\n        pass",
    "sleeps": "import time\n    time.sleep(3600)",
    "swallows everything": SWALLOW,
    "holds the interpreter": 'import re\n    re.match(r"(a+)+$", "a" * 60 + "b")',
    "ignores signals": "import signal, time\n    for n in range(1, 32):\n"
    "        if n not in (9, 19):\n            signal.signal(n, signal.SIG_IGN)\n    while True:\n        time.sleep(1)",
    "waits for a child that spins": "import os\n    if os.fork() == 0:\n        while True:\n            pass\n    os.wait()",
}
GROW = "kept = []\n    while True:\n        kept.append(bytearray(b'x' * (16 << 20)))"
MEMORY_BOMBS = {
    "grows": GROW,
    "at once": "kept = bytearray(b'x' * (2 << 30))\n    import time\n    time.sleep(30)",
    "four children grow": f"import os\n    for _ in range(3):\n        if os.fork() == 0:\n            break\n    {GROW}",
    "shared memory": "import mmap, time\n    kept = mmap.mmap(-1, 2 << 30)\n    for at in range(0, 2 << 30, 4096):\n"
    "        kept[at] = 1\n    time.sleep(30)",
}
BOMB = "def test_bomb():\n    {body}\n"
WARM_LIMIT_S, COLD_LIMIT_S = 1.0, 4.0
"""A cold run needs time to begin."""
EATING_S = 20.0
BOMB_BYTES = 400 << 20


@dataclass(frozen=True)
class Boom:
    """One bomb in one kind of run."""

    name: str
    over_s: float
    """Seconds it was stopped after its limit."""
    memory: Memory
    suite: SuiteResult


def bombs(lab: RunnerLab) -> Iterator[Row]:
    """Tests that never end, and tests that take all memory; in a warm run and in a fresh process."""
    for warm in (True, False):
        how = "warm" if warm else "cold"
        found = [explode(lab, name, body, warm, WARM_LIMIT_S if warm else COLD_LIMIT_S) for name, body in TIME_BOMBS.items()]
        worst = max(found, key=lambda one: one.over_s)
        held = [one.name for one in found if one.suite.stopped != "time"]
        note = f"{len(found)} kinds; worst: {worst.name}" + (f"; did not end by their time: {listed(held)}" if held else "")
        one = Row(f"time bombs, {how}: stopped after the limit", rounded(worst.over_s), "s", runs=len(found), note=note, basis="wall")
        yield at_most(one, 0.5)
        yield from memory_bombs(lab, warm)


def memory_bombs(lab: RunnerLab, warm: bool) -> Iterator[Row]:
    """Tests that take all memory."""
    name = f"memory bombs, {'warm' if warm else 'cold'}: total memory, of the limit"
    if not is_there():
        yield Row(name, unavailable="this system does not tell about its processes in /proc")
        return
    found = [explode(lab, name, body, warm, EATING_S) for name, body in MEMORY_BOMBS.items()]
    worst = max(found, key=lambda one: one.memory.most_bytes)
    went_on = [one.name for one in found if not one.suite.red or one.suite.stopped == "time"]
    bounds = "a control group" if any(one.memory.has_group for one in found) and not warm else "a watchdog"
    note = f"{len(found)} kinds, bounded by {bounds}; worst: {worst.name}"
    note += f", looked at every {1e3 * worst.memory.seconds / max(1, worst.memory.looks):.0f} ms" + (
        f"; not stopped: {listed(went_on)}" if went_on else ""
    )
    row = Row(name, rounded(worst.memory.most_bytes / BOMB_BYTES), "share", runs=len(found), note=note, basis="wall")
    # Without a control group the overshoot is stated, and nothing is promised but that it ends.
    row = at_most(row, 1.1) if bounds == "a control group" else row
    yield replace(row, ok=row.ok is not False and not went_on if row.target or went_on else None)


def explode(lab: RunnerLab, name: str, body: str, warm: bool, limit_s: float) -> Boom:
    """Run one bomb by itself."""
    root = lab.folder / f"bomb {name} {'warm' if warm else 'cold'}"
    write(root, {"test_bomb.py": BOMB.format(body=body), "test_fine.py": "def test_fine():\n    pass\n"})
    limits, memory = Limits(memory_bytes=BOMB_BYTES), Memory()
    evaluator = lab.evaluator(root, test_limit_s=60.0, limits=limits, warm=warm)
    try:
        fine = changed(root, "test_fine.py", "def test_fine():\n    assert True\n")
        evaluator.run(fine, ("test_fine.py::test_fine",), never, limit_s=30.0)
        with memory.watched() if limit_s == EATING_S else contextlib.nullcontext():
            began = time.perf_counter()
            suite = evaluator.run(fine, ("test_bomb.py::test_bomb",), never, limit_s=limit_s)
            spent = time.perf_counter() - began
    finally:
        evaluator.close()
    return Boom(name, spent - limit_s, memory, suite)
