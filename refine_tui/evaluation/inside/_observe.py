"""Calls one function with given inputs, each call in a fork of its own, and says what it did.

A pytest plugin, so that what is imported is what the project's tests would import: it comes in place of collection. Runs inside the
project's interpreter: standard library only, Python 3.8 and later, no import from this package.
"""

from __future__ import annotations

import ast
import datetime
import functools
import importlib
import inspect
import json
import linecache
import os
import random
import select
import signal
import sys
import time
from typing import Any, Callable

import pytest

_EVENTS = 200_000
"""Lines of one call that are watched."""
_ARCS = 4000
_BYTES = 1 << 20
_CLOCKS = {"time": ("time", "time_ns", "localtime", "gmtime", "ctime", "strftime")}
_NOW = ("now", "utcnow", "today")
_OUTSIDE = {
    "open": "it opens a file",
    "builtins.input": "it asks the user",
    "subprocess.Popen": "it starts a process",
    "os.system": "it starts a process",
    "os.fork": "it starts a process",
    "socket.connect": "it uses the network",
    "socket.getaddrinfo": "it uses the network",
    "socket.bind": "it uses the network",
    "os.remove": "it changes files",
    "os.rename": "it changes files",
    "os.mkdir": "it changes files",
    "os.rmdir": "it changes files",
    "os.listdir": "it looks into a folder",
    "os.scandir": "it looks into a folder",
    "sqlite3.connect": "it opens a database",
}


class TooLong(BaseException):
    """Raised in a call that does not end."""


class Missing(Exception):
    """Raised when there is nothing to call; says why."""


class Plugin:
    """Calls in place of collecting; `told` holds `path`, `names`, `symbol`, `inputs`, `call_s`, `trace`."""

    def __init__(self, told: dict[str, Any], guard: Any, tools: Callable[[str], Any], emit: Callable[[dict[str, Any]], None]) -> None:
        self._told, self._guard, self._emit = told, guard, emit
        self._values = tools("_canonical")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: Any) -> bool:
        """Do everything; nothing is collected."""
        session.items = []
        random.seed()  # whoever runs tests has given all runs the same numbers
        try:
            target = Target(self._told, self._guard, self._values)
        except Missing as error:
            self._emit({"event": "said", "cannot": str(error)})
            return True
        self._emit({"event": "said", "module": target.module.__name__})
        for number, (text, receiver) in enumerate(self._told["inputs"]):
            self._emit({"event": "said", "input": number, **_forked(target, text, receiver, self._told)})
        return True


class Target:
    """What is called."""

    def __init__(self, told: dict[str, Any], guard: Any, values: Any) -> None:
        self.guard, self.values = guard, values
        self.module = _imported(told["names"], os.path.join(guard.project, told["path"]))
        *holders, self.name = told["symbol"].split(".")
        self.holder: Any = self.module
        for name in holders:
            self.holder = self._step(name)
            if not inspect.isclass(self.holder):
                raise Missing(f"{name} is no class: what is local to a function cannot be called from outside")
        found = inspect.getattr_static(self.holder, self.name, None)
        if found is None:
            raise Missing("{} has no {}".format(self.module.__name__, told["symbol"]))
        cached = getattr(functools, "cached_property", property)
        self.is_property = isinstance(found, (property, cached))
        self.is_bound = inspect.isclass(self.holder) and not isinstance(found, (staticmethod, classmethod))
        function = next((getattr(found, name) for name in ("fget", "func", "__func__") if hasattr(found, name)), found)
        code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
        self.codes = set(_nested(code)) if code is not None else set()

    def _step(self, name: str) -> Any:
        found = getattr(self.holder, name, None)
        if found is None:
            raise Missing("{} has no {}".format(getattr(self.holder, "__name__", "the module"), name))
        return found

    def made(self, receiver: str) -> Any:
        """Return what the function is looked up on."""
        if not self.is_bound:
            return self.holder
        if not receiver:
            raise Missing(f"nothing tells how to make a {self.holder.__name__}")
        args, kwargs, calls = ast.literal_eval(receiver)
        made = self.holder(*args, **kwargs)
        for name, more, named in calls:
            getattr(made, name)(*more, **named)
        return made


def _imported(names: list[str], path: str) -> Any:
    """Import the file under the first of some names that leads to it."""
    problem: BaseException | None = None
    for name in names:
        try:
            module = importlib.import_module(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever an import of foreign code raises
            problem = problem or error
            continue
        if os.path.realpath(getattr(module, "__file__", None) or "") == os.path.realpath(path):
            return module
    reason = f"{type(problem).__name__}: {problem}" if problem else "another file has that name"
    raise Missing("it cannot be imported as {} ({})".format(" or ".join(names), reason))


def _nested(code: Any) -> Any:
    yield code
    for constant in code.co_consts:
        if inspect.iscode(constant):
            yield from _nested(constant)


def _forked(target: Target, text: str, receiver: str, told: dict[str, Any]) -> dict[str, Any]:
    """Make one call in a child; whatever becomes of that, this process goes on."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            answer = json.dumps(_called(target, text, receiver, told)).encode()
            while answer:
                answer = answer[os.write(write, answer) :]
        finally:
            os._exit(0)
    os.close(write)
    said = _heard(read, told["call_s"] + 2.0)
    os.close(read)
    if said is None:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if not said:
        return {"kind": "unstable", "text": "it does not end" if said is None else "the process died"}
    try:
        return dict(json.loads(said))
    except ValueError:
        return {"kind": "unstable", "text": "the process died"}


def _heard(pipe: int, limit_s: float) -> bytes | None:
    """Return all that comes until the other end closes; `None` when it takes too long or is too much."""
    parts: list[bytes] = []
    until, size = time.monotonic() + limit_s, 0
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
        if not ready or size > _BYTES:
            return None
        part = os.read(pipe, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)


def _called(target: Target, text: str, receiver: str, told: dict[str, Any]) -> dict[str, Any]:
    """Make one call in this process and say what it did."""
    values = target.values
    args, kwargs = ast.literal_eval(text)
    watch = Watch(target, told["trace"])
    try:
        signal.signal(signal.SIGALRM, _too_long)
        signal.setitimer(signal.ITIMER_REAL, told["call_s"])
        owner = target.made(receiver)
        state = _state(target, owner)
        kind, said = _answer(target, owner, args, kwargs, watch)
        after = _changed(target, text, args, kwargs, state, _state(target, owner))
    except values.NoText as error:
        kind, said, after = "unstable", str(error), ""
    except TooLong:
        kind, said, after = "unstable", "it does not end", ""
    except Exception as error:  # noqa: BLE001  # foreign code that makes the object
        kind, said, after = "unstable", f"its object cannot be made: {type(error).__name__}: {error}", ""
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if watch.reason:
        kind, said, after = "unstable", watch.reason, ""
    return {"kind": kind, "text": said, "after": after, "arcs": sorted(watch.arcs)[:_ARCS]}


def _answer(target: Target, owner: Any, args: Any, kwargs: Any, watch: Watch) -> tuple[str, str]:
    values = target.values
    try:
        with watch:
            value = getattr(owner, target.name)
            if not target.is_property:
                value = value(*args, **kwargs)
            # What is produced one by one is produced here.
            return "returned", values.canonical(value)
    except values.NoText:
        raise
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}"
        if " at 0x" in said:
            raise values.NoText("its message holds an address in memory") from error
        return "raised", said[: values.LONGEST]


def _state(target: Target, owner: Any) -> dict[str, str]:
    if not target.is_bound:
        return {}
    found = {}
    for name, value in target.values.attributes(owner).items():
        try:
            found[name] = target.values.canonical(value) if not hasattr(value, "__next__") else ""
        except target.values.NoText:
            continue
    return found


def _changed(target: Target, text: str, args: Any, kwargs: Any, before: dict[str, str], after: dict[str, str]) -> str:
    """Return what the call left behind in its arguments and its object, empty when it changed neither."""
    was, now = target.values.canonical(ast.literal_eval(text)), target.values.canonical((args, kwargs))
    new = {name: said for name, said in after.items() if before.get(name) != said}
    if was == now and not new and before.keys() <= after.keys():
        return ""
    if not target.is_bound:
        return str(now)
    held = ", ".join(f"{name!r}: {new[name]}" for name in sorted(new))
    return f"{now[:-1]}, {{{held}}})"


def _too_long(_number: int, _frame: Any) -> None:
    raise TooLong


class Watch:
    """Sees which lines a call executes, and whether it depends on anything but its arguments."""

    def __init__(self, target: Target, traces: bool) -> None:
        self._target, self._traces = target, traces
        self._on = False
        self._left = _EVENTS
        self.reason = ""
        self.arcs: set[tuple[int, int]] = set()

    def __enter__(self) -> Watch:
        sys.addaudithook(self._audited)
        self._on = True
        sys.setprofile(self._profiled)
        if self._traces:
            sys.settrace(self._entered)
        return self

    def __exit__(self, *exc: object) -> None:
        self._on = False
        sys.setprofile(None)
        sys.settrace(None)

    def _audited(self, event: str, _arguments: Any) -> None:
        reason = _OUTSIDE.get(event) if self._on else None
        if reason and not self.reason and not _by_python_itself():
            self.reason = reason

    def _profiled(self, frame: Any, event: str, called: Any) -> None:
        if event != "c_call" or not self._target.guard.owns(frame.f_code.co_filename):
            return
        name, owner = getattr(called, "__name__", ""), getattr(called, "__self__", None)
        by_class = name in _NOW and isinstance(owner, type) and issubclass(owner, datetime.date)
        if by_class or name in _CLOCKS.get(getattr(called, "__module__", None) or "", ()):
            self.reason = self.reason or "it reads the clock"

    def _entered(self, frame: Any, _event: str, _arg: Any) -> Any:
        if frame.f_code not in self._target.codes:
            return None
        last = [0]

        def on_line(frame: Any, event: str, _arg: Any) -> Any:
            if event == "line":
                self.arcs.add((last[0], frame.f_lineno))
                last[0] = frame.f_lineno
                self._left -= 1
                if self._left < 0:
                    sys.settrace(None)
                    return None
            return on_line

        return on_line


def _by_python_itself() -> bool:
    """Say whether the running code was called by the import system, or to show a line of source."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib") or file == linecache.__file__:
            return True
        frame = frame.f_back
    return False
