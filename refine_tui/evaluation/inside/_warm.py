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
import traceback
from typing import Any


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


_spare = tool("_spare")


class Parent:
    """Serves requests one after the other; keeps a spare child ready for the next one.

    Once it knows what to import, a process of its own takes over: that one lets pytest read its configuration, stops where pytest would
    load the first conftest file, and forks from there. What it has not got the right configuration for it leaves to the parent it is from.
    """

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
        self._spare: Any = None
        self._configures = False
        """Whether another process is to take over."""
        self._is_configured = False
        """Whether this is that process."""
        self._is_outdated = False
        self._own = self._output = -1
        """In a child: its number, and where what it prints goes."""
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(2, 1)
        self._pending = b""
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
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
            if self._configures and not self._pending and self._later is None:
                self._let_configured_serve()
            request, self._later = self._later or self._next(None), None
            if request is None:
                return
            if "preload" in request:
                self._preload(request["preload"], request["compile"])
            elif "plan" in request:
                self._run(request)
            elif "drop" in request:
                self._drop_spare()

    # a second parent, with pytest's configuration read

    def _let_configured_serve(self) -> None:
        """Wait while it serves; then take over what it left."""
        left, begun = _spare.memory_file(), mmap.mmap(-1, 1)
        pid = os.fork()
        if pid == 0:
            self._configure(left, begun)
        ended = os.waitpid(pid, 0)[1]
        if not begun[0]:  # the project's code takes part in reading the configuration, or that is wrong: the children will say so
            self._configures = False
            self._keep_spare()
        elif ended:
            sys.exit("the parent that had read pytest's configuration ended before its time")
        self._pending = os.pread(left, os.fstat(left).st_size, 0)
        os.close(left)

    def _configure(self, left: int, begun: Any) -> None:
        """Be the second parent, and later each of its children; end the process."""
        status = 1
        self._dying, opened = [], _spare.open_files()
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)  # asyncio, once imported, takes it away from forks (Python 3.12)
        try:
            self._inside.end_with_parent()
            self._look_like_pytest()
            status = int(
                self._reporting.run(self._base, self._guard, tool, self._emit, lambda: self._serve_configured(left, begun, opened))
            )
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:  # noqa: BLE001  # the candidate's, or that of a plugin
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status & 0xFF)

    def _serve_configured(self, left: int, begun: Any, opened: list[str]) -> Any:
        """Answer what the configuration fits; only a child returns from here, with its plan."""
        if self._refusal() or self._threads() or _spare.open_files() != opened:  # a child would have neither threads nor files
            os._exit(1)
        begun[0], self._is_configured, self._is_outdated = 1, True, False
        gc.collect()
        gc.freeze()
        try:
            self._keep_spare()
            while not self._is_outdated:
                request, self._later = self._later or self._next(None), None
                if request is None or "drop" in request:
                    break
                if "preload" in request or ("plan" in request and not request["spare_fits"]):
                    self._later = request
                    break
                if "plan" in request:
                    self._run(request)
        except _spare.Begun as child:
            return self._begin(child.output, child.take)
        self._drop_spare()
        for pid in self._dying:
            os.waitpid(pid, 0)
        os.write(left, (json.dumps(self._later).encode() + b"\n" if self._later else b"") + self._pending)
        os._exit(0)

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
        self._configures = self._with_pytest
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
            pid, output = self._fork(request)
            status = self._wait(pid, number, deadline)
        self._say({"event": "done", "number": number, "status": status, "output": _spare.tail(output)})
        os.close(output)

    def _fork(self, request: Any) -> tuple[int, int]:
        output = _spare.memory_file()
        files = {path: base64.b64decode(text) for path, text in request["files"].items()}
        return self._child(files, request["limits"], output, [], lambda: request["plan"]), output

    def _child(self, files: Any, limits: Any, output: int, more: list[int], take: Any) -> int:
        """Fork a copy that takes its plan and runs the tests."""
        fds = [self._report, output, *more]
        if not self._is_configured:
            return int(self._inside.fork_copy(files, lambda: self._work(output, take), limits, fds))
        pid = int(self._inside.fork_copy(files, None, limits, fds))
        if not pid:
            raise _spare.Begun(output, take)
        return pid

    def _spare_for(self, request: Any) -> Any:
        """Hand the request to the spare child, if there is one."""
        spare, self._spare = self._spare, None
        if spare is None:
            return None
        if os.waitpid(spare.pid, os.WNOHANG)[0]:
            spare.close()
        elif spare.hand(request):
            return spare
        else:
            self._end(spare.pid)
            spare.close()
        return None

    def _keep_spare(self) -> None:
        if not self._base["spare"] or (self._configures and not self._is_configured):
            return
        reading, writing = os.pipe()
        output, begun = _spare.memory_file(), mmap.mmap(-1, 1)
        pid = self._child({}, self._base["limits"], output, [reading], _spare.Waiting(reading, self._base["project"], begun))
        os.close(reading)
        self._spare = _spare.Spare(pid, writing, output, begun)

    def _drop_spare(self) -> None:
        self._is_outdated = True
        if self._spare is not None:
            self._end(self._spare.pid)
            self._spare.close()
            self._spare = None

    def _end(self, pid: int) -> None:
        self._inside.kill(pid)
        self._dying.append(pid)

    def _work(self, output: int, take: Any) -> int:
        """Be the child of a parent that has not read the configuration."""
        plan = self._begin(output, take)
        self._look_like_pytest()
        return int(self._reporting.run(self._base, self._guard, tool, self._emit, lambda: plan))

    def _begin(self, output: int, take: Any) -> Any:
        """Be a child: print into `output`, take the plan and speak from then on."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(output, 1)
        os.dup2(output, 2)
        plan = take()
        self._own, self._output = os.getpid(), output
        self._bytecode.forget(self._base["project"], plan["changed"])
        return plan

    def _look_like_pytest(self) -> None:
        sys.path[0] = os.getcwd()
        sys.path += self._own_folders
        sys.argv[:] = ["pytest"] if self._with_pytest else ["python -m unittest"]
        if self._prepared is not None:
            self._prepared.use()

    def _emit(self, event: Any) -> None:
        if os.getpid() == self._own:  # not what a test forked
            if event["event"] == "end":
                event["output"] = _spare.tail(self._output)
            self._send(json.dumps(event).encode() + b"\n")

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


def late_folders() -> list[str]:
    """Return what `.pth` files name that was not there yet when the interpreter started: the project itself, installed editable."""
    found = []
    for folder in filter(os.path.isdir, getattr(site, "getsitepackages", list)()):
        for name in sorted(os.listdir(folder)):
            if name.endswith(".pth"):
                with contextlib.suppress(OSError), open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    found += [os.path.abspath(os.path.join(folder, line.strip())) for line in file]
    return [path for path in dict.fromkeys(found) if path not in sys.path and os.path.exists(path)]


if __name__ == "__main__":
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "plan.json"), encoding="utf-8") as plan_file:
        known = json.load(plan_file)
    Parent(known).serve()
