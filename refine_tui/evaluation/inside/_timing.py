"""Times a function of the project and a candidate's version of it on the same inputs, turn by turn, each round in a fork of its own.

Both versions are loaded the same way, in an order that changes from round to round, so that neither has the better place. Each call
gets new arguments and finds the module as it was loaded: what calls leave in caches and containers is taken back, off the clock.

Runs inside the project's interpreter: standard library only, Python 3.8 and later, no import from this package.
"""

from __future__ import annotations

import ast
import collections
import gc
import importlib
import importlib.util
import inspect
import json
import marshal
import os
import random
import resource
import signal
import sys
import time
import types
from typing import Any

_CONTAINERS = (dict, list, set, bytearray, collections.deque)
_MANY = 5000
"""Calls in one pass at most."""
CPU = time.thread_time
"""Other processes cannot make it slower by much. The clock of the whole process is coarse under a limit of CPU time; a version that
lets other threads or processes compute waits for them, and then the clock on the wall counts."""
_PATIENCE = 5
"""How much longer something may take on the clock than it may compute: other programs want the processor too."""
_TRIES_S = 0.02
"""How long one input is tried when its cost is looked for."""


def tool(name: str) -> Any:
    """Return a neighbour, loaded once by its path."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py")
    spec = importlib.util.spec_from_file_location("refine_tui_inside" + name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def import_file(path: str, names: Any) -> types.ModuleType:
    """Import a file of the working directory under the first of some dotted names that leads to it."""
    full, failure = os.path.realpath(path), None
    for name in names[::-1]:
        folder = os.path.dirname(full) if os.path.basename(full) == "__init__.py" else full
        for _ in name.split("."):
            folder = os.path.dirname(folder)
        if folder not in sys.path[:1]:
            sys.path.insert(0, folder)
    for name in names:
        try:
            module = importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - whatever the project raises on import
            failure = failure or error
            continue
        if os.path.realpath(module.__file__ or "") == full:
            return module
    raise failure or ImportError("another file has the name " + " or ".join(names))


class Version:
    """The module loaded once more from some text, with the function in it."""

    def __init__(self, imported: types.ModuleType, code: types.CodeType, name: str) -> None:
        self._module = types.ModuleType(imported.__name__, imported.__doc__)
        for key in ("__file__", "__package__", "__spec__", "__loader__", "__path__"):
            if hasattr(imported, key):
                setattr(self._module, key, getattr(imported, key))
        self._names = name.split(".")
        self.enter()
        exec(code, self._module.__dict__)
        self._owner: Any = self._module
        for part in self._names[:-1]:
            self._owner = getattr(self._owner, part)
        self._is_property = isinstance(inspect.getattr_static(self._owner, self._names[-1]), property)
        self.lazy = inspect.isgeneratorfunction(inspect.unwrap(getattr(self._owner, self._names[-1])))
        self._caches, self._kept = self._find_state()

    def enter(self) -> None:
        """Make this the module of its name: what looks itself up finds the right version."""
        sys.modules[self._module.__name__] = self._module

    def prepare(self, given: bytes) -> Any:
        """Return the function with new arguments: `(function, args, kwargs)`."""
        (args, kwargs), receiver = marshal.loads(given)
        owner = self._owner
        if receiver is not None:
            owner = owner(*receiver[0], **receiver[1])
            for name, its_args, its_kwargs in receiver[2]:
                getattr(owner, name)(*its_args, **its_kwargs)
        if self._is_property:
            return getattr, (owner, self._names[-1]), {}
        return getattr(owner, self._names[-1]), args, kwargs

    def answer(self, given: bytes) -> Any:
        """Return what a call gives, and what becomes of its arguments."""
        self.enter()
        function, args, kwargs = self.prepare(given)
        try:
            value = function(*args, **kwargs)
            return (list(value) if self.lazy else value), args, kwargs
        except Exception as error:  # noqa: BLE001 - whatever the candidate raises
            return type(error).__name__, args, kwargs

    def has_state(self) -> bool:
        """Say whether calls so far have left something behind; from then on only that is looked at."""
        self._kept = [row for row in self._kept if row[0] != row[1]]
        return bool(self._caches or self._kept)

    def reset(self) -> None:
        """Take back what calls left behind."""
        for cache in self._caches:
            cache.cache_clear()
        for container, before in self._kept:
            if container == before:
                continue
            container.clear()
            (container.update if isinstance(container, (dict, set)) else container.extend)(before)

    def _find_state(self) -> Any:
        caches, kept, seen = [], [], set()
        waiting = [value for name, value in vars(self._module).items() if not name.startswith("__")]
        while waiting:
            value = waiting.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            if type(value) in _CONTAINERS:
                kept.append((value, value.copy()))
            elif getattr(value, "__module__", None) == self._module.__name__:
                if callable(getattr(value, "cache_clear", None)):
                    caches.append(value)
                function = inspect.unwrap(getattr(value, "__func__", value)) if callable(value) else value
                waiting += getattr(function, "__defaults__", None) or ()
                waiting += (getattr(function, "__kwdefaults__", None) or {}).values()
                waiting += getattr(function, "__dict__", {}).values()
                waiting += getattr(value, "__dict__", {}).values() if isinstance(value, type) else ()
        return caches, kept


class Session:
    """What one launch is asked for, and where it reports."""

    def __init__(self, plan: Any, emit: Any) -> None:
        self.plan, self.emit = plan, emit
        self.imported = import_file(plan["path"], plan["names"])
        full = str(self.imported.__file__)
        with open(full, "rb") as file:
            base = file.read()
        texts = {"base": base, "candidate": plan["candidate"].encode("utf-8", "surrogateescape")}
        self.codes = {key: compile(text, full, "exec", dont_inherit=True) for key, text in texts.items()}
        self.inputs = [_packed(text, receiver) for text, receiver in plan["inputs"]]
        self.clock: Any = CPU

    def version(self, key: str) -> Version:
        """Load a version anew."""
        return Version(self.imported, self.codes[key], self.plan["name"])

    def costs(self) -> None:
        """Tell what each input costs the base; one that takes too long takes its fork with it, and the next goes on after it."""
        at = 0
        while at < len(self.inputs):
            read, write = os.pipe()
            pid = self._fork(lambda at=at, write=write: self._cost_from(at, write))
            os.close(write)
            with os.fdopen(read) as lines:
                done = len([self.emit(json.loads(line)) for line in lines])
            os.waitpid(pid, 0)
            at += done
            if at < len(self.inputs):
                self.emit({"event": "cost", "index": at, "why": "did not end in time"})
                at += 1

    def _cost_from(self, first: int, write: int) -> None:
        base = self.version("base")
        for index in range(first, len(self.inputs)):
            _limit(self.plan["most_s"])
            row = _cost_of(base, self.inputs[index])
            _limit(0)
            os.write(write, json.dumps(dict(row, event="cost", index=index)).encode() + b"\n")

    def rounds(self) -> None:
        """Measure round by round until the time is over or whoever listens has heard enough."""
        ends, choose = time.monotonic() + self.plan["seconds"], random.Random(self.plan["seed"])
        if self._went_well(self._check):
            for _ in range(self.plan["rounds"]):
                order = ["base", "candidate"]
                choose.shuffle(order)
                if time.monotonic() > ends or not self._went_well(lambda order=order: self._round(order)):
                    return

    def _went_well(self, body: Any) -> bool:
        """Do something in a fork."""
        _, status = os.waitpid(self._fork(body), 0)
        if status:
            self.emit({"event": "lost", "late": os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGALRM, signal.SIGPROF)})
        return status == 0

    def _check(self) -> None:
        """Tell the first input on which the versions plainly disagree: what is wrong need not be timed."""
        _limit(self.plan["round_s"])
        versions = [self.version(key) for key in ("base", "candidate")]
        for index, given in enumerate(self.inputs):
            one, other = [version.answer(given) for version in versions]
            if not _alike(one, other):
                self.emit({"event": "differs", "index": index})
                return

    def _round(self, order: Any) -> None:
        _limit(self.plan["round_s"])
        versions = {key: self.version(key) for key in order}
        best: Any = {key: [float("inf")] * len(self.inputs) for key in order}
        given_up = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
        for index in range(len(self.inputs)):
            for version in versions.values():
                self._pass(version, index, False)  # warms caches and the interpreter's own
        waits = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw > given_up
        self.clock = time.perf_counter if waits else CPU
        alone = sum(version.has_state() for version in versions.values()) > 0  # each of them is asked
        for repeat in range(self.plan["repeats"]):
            for index in range(len(self.inputs)):
                for key in order if repeat % 2 else order[::-1]:
                    best[key][index] = min(best[key][index], self._pass(versions[key], index, alone))
        _limit(0)
        self.emit(dict(best, event="round", clock="wall" if waits else "cpu"))

    def _pass(self, version: Version, index: int, alone: bool) -> float:
        """Return the seconds of one call, over as many calls as fill a pass."""
        version.enter()
        given, count = self.inputs[index], self.plan["calls"][index]
        if alone:
            return float(sum(self._alone(version, given) for _ in range(count)) / count)
        prepared = [version.prepare(given) for _ in range(count)]
        return float(_clocked(self.clock, version.lazy, prepared) / count)

    def _alone(self, version: Version, given: bytes) -> float:
        version.reset()
        return _clocked(self.clock, version.lazy, [version.prepare(given)])

    def _fork(self, body: Any) -> int:
        pid = os.fork()
        if pid:
            return pid
        try:
            gc.collect()
            gc.disable()
            body()
        except BaseException as error:  # noqa: BLE001 - whatever the candidate raises
            self.emit({"event": "failed", "reason": type(error).__name__ + ": " + str(error)[:200]})
            os._exit(1)
        os._exit(0)


def _limit(seconds: float) -> None:
    """End this process after so many seconds of computing, or a few times that on the clock; 0 takes that back."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE * seconds)


def _packed(text: str, receiver: str) -> bytes:
    return marshal.dumps((ast.literal_eval(text), ast.literal_eval(receiver) if receiver else None))


def _alike(one: Any, other: Any) -> bool:
    """Say whether two answers are equal; what is more than plain values counts as equal here."""
    try:
        one, other = marshal.loads(marshal.dumps((one, other)))  # nothing is left that could compare in a way of its own
    except ValueError:
        return True
    return bool(one == other) or repr(one) == repr(other)


def _clocked(clock: Any, lazy: bool, prepared: Any) -> float:
    if lazy:
        began = clock()
        for function, args, kwargs in prepared:
            collections.deque(function(*args, **kwargs), 0)
        return float(clock() - began)
    began = clock()
    for function, args, kwargs in prepared:
        function(*args, **kwargs)
    return float(clock() - began)


def _cost_of(base: Version, given: bytes) -> Any:
    """Return the least seconds of a call among a few."""
    best, until = float("inf"), time.perf_counter() + _TRIES_S
    for _ in range(50):
        try:
            base.reset()
            best = min(best, _clocked(time.perf_counter, base.lazy, [base.prepare(given)]))
        except Exception as error:  # noqa: BLE001 - whatever the project raises
            return {"why": type(error).__name__}
        if time.perf_counter() > until:
            break
    return {"seconds": best}


def main() -> int:
    """Take the descriptors apart, load, measure."""
    cold = tool("_cold")
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "plan.json"), encoding="utf-8") as file:
        plan = json.load(file)
    descriptor, null = os.dup(1), os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)  # what a call prints thousands of times is nobody's

    def emit(event: Any) -> None:
        cold.writer(descriptor)(event)  # made anew, since a fork may not use its parent's

    sys.path[0] = os.getcwd()
    tool("_bytecode").Guard(os.getcwd()).install()
    try:
        session = Session(plan, emit)
    except BaseException as error:  # noqa: BLE001 - whatever the project raises on import
        emit({"event": "failed", "reason": type(error).__name__ + ": " + str(error)[:200]})
        return 1
    session.costs() if plan["wants"] == "costs" else session.rounds()
    emit({"event": "end"})
    return 0


if __name__ == "__main__":
    sys.exit(main())
