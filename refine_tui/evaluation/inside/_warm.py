"""The warm parent: imports pytest, or unittest, and what the project imports from elsewhere once, then forks a copy for each request.

No module of the project is imported here, conftest files included: those load in the child, after the fork. Requests are JSON lines on
standard input, events JSON lines on what was standard output. Runs inside the project's interpreter: standard library only,
Python 3.8 and later, no import from this package.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import importlib
import importlib.util
import json
import mmap
import os
import select
import signal
import site
import sys
import threading
import time
from typing import Any

_OUTPUT = 8192


def tool(name: str) -> Any:
    """Return a neighbour, loaded once by its path, under a name that no project uses."""
    known = sys.modules.get("refine_tui_inside" + name)
    if known is not None:
        return known
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py")
    spec = importlib.util.spec_from_file_location("refine_tui_inside" + name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Parent:
    """Serves requests one after the other; keeps a spare child ready for the next one."""

    def __init__(self, base: Any) -> None:
        with contextlib.suppress(OSError):  # where that is refused, whoever started this has seen to it
            os.nice(5)  # the screen comes first
        self._inside = tool("inside")
        self._inside.become_parent()
        self._own_folders = late_folders()
        self._requests = os.dup(0)
        self._report = os.dup(1)
        self._later: Any = None
        self._dying: list[int] = []
        self._spare: Spare | None = None
        self._spare_configures = True
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(2, 1)
        self._pending = b""
        self._woken, waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._bytecode = tool("_bytecode")
        self._base = base
        self._guard = self._bytecode.Guard(base["project"])
        self._guard.install()
        tool("_facts")
        self._prepared: Any = None
        self._with_pytest = base["runner"] == "pytest"
        self._reporting = tool("_report" if self._with_pytest else "_unittest")
        if self._with_pytest:
            self._guard.install_pytest()
            tool("_rehearsal").rehearse(self._reporting, tool, self._bytecode.Guard)
            self._prepare()

    def serve(self) -> None:
        """Answer requests until standard input ends."""
        self._say({"event": "ready", "threads": self._threads()})
        while True:
            request, self._later = self._later or self._next(None), None
            if request is None:
                return
            if "preload" in request:
                self._preload(request["preload"], request["compile"])
            elif "plan" in request:
                self._run(request)
            elif "drop" in request:
                self._drop_spare()

    # requests

    def _next(self, deadline: float | None) -> Any:
        """Return the next request; `None` when there will be none, `{}` when a child ended or `deadline` passed."""
        while b"\n" not in self._pending:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready = select.select([self._requests, self._woken], [], [], left)[0]
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._dying = [pid for pid in self._dying if not os.waitpid(pid, os.WNOHANG)[0]]
                if deadline is not None:
                    return {}
            if self._requests in ready:
                chunk = os.read(self._requests, 1 << 20)
                if not chunk:
                    return None
                self._pending += chunk
            elif not ready:
                return {}
        line, self._pending = self._pending.split(b"\n", 1)
        return json.loads(line.decode())

    def _prepare(self) -> None:
        version = int(self._reporting.pytest.__version__.split(".")[0])
        project = self._base["project"]
        options = tool("_options")
        self._prepared = tool("_prepared").Prepared(project, options.fixed_arguments(project, version))
        self._prepared.load_plugins(self._is_own, options.BLOCKED)

    def _preload(self, names: list[str], files: list[list[str]]) -> None:
        for name in names:
            if name not in sys.modules and not self._is_own(name):
                try:
                    importlib.import_module(name)
                except BaseException:  # noqa: BLE001  # the child will meet it again, in its own context
                    continue
        self._guard.learn(files)
        gc.collect()
        gc.freeze()
        self._drop_spare()
        self._spare_configures = True
        self._keep_spare()
        self._say({"event": "ready", "threads": self._threads(), "refused": self._refusal()})

    def _is_own(self, name: str) -> bool:
        try:
            spec = importlib.util.find_spec(name)
        except BaseException:  # noqa: BLE001
            return True
        return spec is None or bool(spec.origin and self._guard.owns(spec.origin))

    def _refusal(self) -> str:
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and self._guard.owns(file):
                return "importing the project's dependencies imports " + name + " of the project itself"
        return ""

    def _threads(self) -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]

    # children

    def _run(self, request: Any) -> None:
        number, deadline = request["number"], time.monotonic() + request["limits"]["wall_s"] + 1.0
        spare = self._spare_for(request)
        pid, output = (spare.pid, spare.output) if spare else self._fork(request)
        self._keep_spare()  # gets ready while this one runs
        status = self._wait(pid, number, deadline)
        if spare and not spare.has_begun and not self._later and status != -signal.SIGKILL:
            os.close(output)
            self._spare_configures = False
            pid, output = self._fork(request)
            status = self._wait(pid, number, deadline)
        self._say({"event": "done", "number": number, "status": status, "output": tail(output)})
        os.close(output)

    def _fork(self, request: Any) -> tuple[int, int]:
        output = memory_file()
        files = {path: base64.b64decode(text) for path, text in request["files"].items()}
        plan = request["plan"]
        pid = self._inside.fork_copy(files, lambda: self._work(output, lambda: plan), request["limits"], [self._report, output])
        return pid, output

    def _spare_for(self, request: Any) -> Spare | None:
        """Hand the request to the spare child, if there is one that fits."""
        spare, self._spare = self._spare, None
        if spare is None:
            return None
        if os.waitpid(spare.pid, os.WNOHANG)[0]:
            self._spare_configures = False
            spare.close()
        elif request["spare_fits"] and spare.hand(request):
            return spare
        else:
            self._end(spare.pid)
            spare.close()
        return None

    def _keep_spare(self) -> None:
        if not self._base["spare"]:
            return
        reading, writing = os.pipe()
        output, configures = memory_file(), self._spare_configures
        begun = mmap.mmap(-1, 1)
        wait = Waiting(reading, self._base["project"], begun, self._refusal if configures else None)

        def work() -> int:
            if configures:
                return self._work(output, wait)
            plan = wait()
            return self._work(output, lambda: plan)

        pid = self._inside.fork_copy({}, work, self._base["limits"], [self._report, output, reading])
        os.close(reading)
        self._spare = Spare(pid, writing, output, begun)

    def _drop_spare(self) -> None:
        if self._spare is not None:
            self._end(self._spare.pid)
            self._spare.close()
            self._spare = None

    def _end(self, pid: int) -> None:
        self._inside.kill(pid)
        self._dying.append(pid)

    def _work(self, output: int, next_plan: Any) -> int:
        """Be the child."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.path[0] = os.getcwd()
        sys.path += self._own_folders
        sys.argv[:] = ["pytest"] if self._with_pytest else ["python -m unittest"]
        if self._prepared is not None:
            self._prepared.use()
        own, begun = os.getpid(), []

        def plan() -> Any:
            begun.append(next_plan())
            self._bytecode.forget(self._base["project"], begun[0]["changed"])
            return begun[0]

        def emit(event: Any) -> None:
            if os.getpid() == own and begun:  # not what a test forked, nor a spare that fails before its turn
                if event["event"] == "end":
                    event["output"] = tail(output)
                self._send(json.dumps(event).encode() + b"\n")

        return int(self._reporting.run(self._base, self._guard, tool, emit, plan))

    def _wait(self, pid: int, number: int, deadline: float) -> int:
        while True:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            request = self._next(deadline)
            if request and "drop" in request:  # a word about the spare child, not the next request
                self._drop_spare()
                continue
            if request and "kill" not in request:  # the answer is out and the next request here: no need to wait for the end of this one
                self._later = request
                self._end(pid)
                return 0
            if request is None or request.get("kill") == number or time.monotonic() > deadline:
                self._inside.kill(pid)
                os.waitpid(pid, 0)
                return -signal.SIGKILL

    # events

    def _say(self, event: Any) -> None:
        # The line before may have been torn by the end of a child.
        self._send(b"\n" + json.dumps(event).encode() + b"\n")

    def _send(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._report, line) :]


class Spare:
    """A child that has been set up and waits for its request."""

    def __init__(self, pid: int, writing: int, output: int, begun: Any) -> None:
        self.pid = pid
        self.output = output
        self._writing = writing
        self._begun = begun

    @property
    def has_begun(self) -> bool:
        """Whether it took its request. If not, the project's code takes part in reading pytest's configuration, or that is wrong."""
        return bool(self._begun[0])

    def hand(self, request: Any) -> bool:
        """Give it its request; false when it is gone."""
        body = json.dumps(request).encode()
        message = b"%12d" % len(body) + body
        try:
            while message:
                message = message[os.write(self._writing, message) :]
        except OSError:
            return False
        os.close(self._writing)
        return True

    def close(self) -> None:
        """Let go of its files."""
        os.close(self._writing)
        os.close(self.output)


class Waiting:
    """In a spare child: waits for the request, lays its files over the project and returns its plan."""

    def __init__(self, reading: int, project: str, begun: Any, refusal: Any) -> None:
        self._reading = reading
        self._begun = begun
        self._project = project
        self._refusal = refusal

    def __call__(self) -> Any:
        """Wait; end this process instead when something of the project has been imported already."""
        if self._refusal is not None and self._refusal():
            os._exit(1)
        request = json.loads(self._read(int(self._read(12))))
        self._begun[0] = 1
        for path, text in request["files"].items():
            with open(os.path.join(self._project, path), "wb") as file:
                file.write(base64.b64decode(text))
        return request["plan"]

    def _read(self, size: int) -> bytes:
        parts = b""
        while len(parts) < size:
            chunk = os.read(self._reading, size - len(parts))
            if not chunk:
                os._exit(1)
            parts += chunk
        return parts


def late_folders() -> list[str]:
    """Return what `.pth` files name that was not there yet when the interpreter started: the project itself, installed editable."""
    found = []
    for folder in filter(os.path.isdir, getattr(site, "getsitepackages", list)()):
        for name in sorted(os.listdir(folder)):
            if name.endswith(".pth"):
                with contextlib.suppress(OSError), open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    found += [os.path.abspath(os.path.join(folder, line.strip())) for line in file]
    return [path for path in dict.fromkeys(found) if path not in sys.path and os.path.exists(path)]


def memory_file() -> int:
    """Return a file that lies in memory, for what a child prints."""
    return os.memfd_create("output") if hasattr(os, "memfd_create") else os.open(os.devnull, os.O_RDWR)


def tail(output: int) -> str:
    """Return the end of what was printed."""
    size = os.lseek(output, 0, os.SEEK_END)
    return os.pread(output, _OUTPUT, max(0, size - _OUTPUT)).decode("utf-8", "replace")


if __name__ == "__main__":
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "plan.json"), encoding="utf-8") as plan_file:
        known = json.load(plan_file)
    Parent(known).serve()
