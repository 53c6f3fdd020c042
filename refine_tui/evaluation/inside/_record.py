"""Writes down what the running tests call one function with, and how the objects of its class were made.

A pytest plugin. Runs inside the project's interpreter: standard library only, Python 3.8 and later, no import from this package.
"""

from __future__ import annotations

import inspect
import os
import sys
import threading
from typing import Any, Callable

import pytest

_OBJECTS = 2000
"""Objects of the class that are followed at most."""
_CALLS = 8
"""Calls on one object that a reader can still follow."""


class Plugin:
    """`told` holds `path`, `symbol`, the 1-based `line` it begins at, and `most`, the number of different calls that are wanted."""

    def __init__(self, told: dict[str, Any], guard: Any, tools: Callable[[str], Any], emit: Callable[[dict[str, Any]], None]) -> None:
        self._emit, self._values, self._most = emit, tools("_canonical"), told["most"]
        self._path = os.path.join(guard.project, told["path"])
        *holders, self._name = told["symbol"].split(".")
        self._line = told["line"]
        self._class = ".".join(holders)
        self._made: dict[int, Recipe] = {}
        self._seen: set[tuple[str, str]] = set()
        self._lost = 0
        self._classes: dict[type, bool] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self) -> Any:
        """Watch while a test runs, its fixtures included."""
        if len(self._seen) < self._most:
            threading.setprofile(self._profiled)
            sys.setprofile(self._profiled)
        yield
        self._stop()

    def pytest_sessionfinish(self) -> None:
        """Say under which name the module was imported, and how many calls could not be written down."""
        names = [name for name, module in list(sys.modules.items()) if self._is_ours(getattr(module, "__file__", None))]
        self._emit({"event": "said", "names": [name for name in names if name != "__main__"], "lost": self._lost})

    def _stop(self) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def _is_ours(self, file: Any) -> bool:
        return isinstance(file, str) and os.path.realpath(file) == os.path.realpath(self._path)

    def _profiled(self, frame: Any, event: str, _arg: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        is_here = code.co_filename == self._path
        if not self._class:
            if is_here and self._is_wanted(code):
                self._record(arguments(frame), None)
        elif code.co_argcount and (is_here or code.co_name == "__init__"):
            self._on_object(frame, code, frame.f_locals.get(code.co_varnames[0]))
        elif is_here and self._is_wanted(code):
            self._record(arguments(frame), None)

    def _is_wanted(self, code: Any) -> bool:
        return bool(code.co_name == self._name and code.co_firstlineno == self._line)

    def _on_object(self, frame: Any, code: Any, owner: Any) -> None:
        """Follow the objects of the class: how they are made, what is called on them, and the calls that are wanted."""
        kind = owner if isinstance(owner, type) else type(owner)
        if not self._is_class(kind):
            if self._is_wanted(code):  # a static method
                self._record(arguments(frame), None)
            return
        if owner is kind:
            if self._is_wanted(code):
                self._record(_without_first(arguments(frame)), None)
            return
        if code.co_name == "__init__":
            if len(self._made) < _OBJECTS:
                self._made[id(owner)] = Recipe(owner, self._literal(_without_first(arguments(frame))))
            return
        if self._is_inside(frame, owner):
            return
        recipe = self._made.get(id(owner))
        if recipe is None and not self._values.attributes(owner) and getattr(kind, "__init__", None) is object.__init__:
            recipe = self._made[id(owner)] = Recipe(owner, "((), {})")
        found = inspect.getattr_static(kind, code.co_name, None)
        if recipe is None or found is None:
            return
        called = _without_first(arguments(frame))
        if self._is_wanted(code):
            self._record(called, recipe)
        if not isinstance(found, property) or called[0]:
            recipe.add(code.co_name, "" if isinstance(found, property) else self._literal(called))

    def _is_inside(self, frame: Any, owner: Any) -> bool:
        """Say whether a method was called by another method of the same object."""
        caller = frame.f_back
        while caller is not None:
            code = caller.f_code
            if code.co_filename == self._path and code.co_argcount and caller.f_locals.get(code.co_varnames[0]) is owner:
                return True
            caller = caller.f_back
        return False

    def _is_class(self, kind: type) -> bool:
        known = self._classes.get(kind)
        if known is None:
            module = sys.modules.get(getattr(kind, "__module__", ""))
            known = kind.__qualname__ == self._class and self._is_ours(getattr(module, "__file__", None))
            self._classes[kind] = known
        return known

    def _literal(self, called: Any) -> str:
        try:
            return str(self._values.literal(called))
        except self._values.NoText:
            return ""

    def _record(self, called: Any, recipe: Recipe | None) -> None:
        text, receiver = self._literal(called), recipe.text if recipe else ""
        if not text or (recipe and not receiver):
            self._lost += 1
        elif (text, receiver) not in self._seen:
            self._seen.add((text, receiver))
            self._emit({"event": "said", "text": text, "receiver": receiver})
            if len(self._seen) >= self._most:
                self._stop()


class Recipe:
    """How one object was made and what was called on it since; `text` is empty when that cannot be written."""

    def __init__(self, owner: Any, made: str) -> None:
        self.owner = owner  # kept alive, or another object could get its identity
        self._made = made
        self._calls: list[str] = []

    @property
    def text(self) -> str:
        """`(args, kwargs, calls)` as a literal."""
        return "{}, [{}])".format(self._made[:-1], ", ".join(self._calls)) if self._made else ""

    def add(self, name: str, called: str) -> None:
        """Note a call from outside; without its text the object cannot be made again."""
        if not called or len(self._calls) >= _CALLS or (name.startswith("__") and name.endswith("__")):
            self._made = ""
        else:
            self._calls.append(f"({name!r}, {called[1:]}")


def arguments(frame: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what a frame that has just begun was called with."""
    code, values = frame.f_code, frame.f_locals
    names = code.co_varnames
    args = [values[name] for name in names[: code.co_argcount] if name in values]
    end = code.co_argcount + code.co_kwonlyargcount
    kwargs = {name: values[name] for name in names[code.co_argcount : end] if name in values}
    if code.co_flags & inspect.CO_VARARGS:
        args += values.get(names[end], ())
        end += 1
    if code.co_flags & inspect.CO_VARKEYWORDS:
        kwargs.update(values.get(names[end], {}))
    return tuple(args), kwargs


def _without_first(called: tuple[tuple[Any, ...], dict[str, Any]]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return called[0][1:], called[1]
