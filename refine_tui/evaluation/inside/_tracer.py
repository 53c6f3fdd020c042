"""Records which project lines each test executes, and which project file imports which.

`sys.monitoring` from Python 3.12, where a line that was seen costs nothing until the next test; `sys.settrace` limited to project
files before. Runs inside the project's interpreter: standard library only, Python 3.8 and later, no import from this package.
"""

from __future__ import annotations

import builtins
import sys
import threading
from types import CodeType
from typing import Any, Iterable

try:
    from pytest import hookimpl  # noqa: PT013  # the name alone may be missing
except ImportError:  # unittest runs the tests
    hookimpl = None  # type: ignore[assignment]


class Tracer:
    """Line coverage by test; also a pytest plugin that watches shared fixtures."""

    def __init__(self, guard: Any, known: Iterable[str] = ()) -> None:
        """Begin to trace. Of `known` tests only what they share with others is traced."""
        self._guard = guard
        self._known = set(known)
        self._is_known = False
        """Whether the running test is one of these."""
        self._lines: set[tuple[str, int]] = set()
        self._shared: dict[int, set[tuple[str, int]]] = {}
        self._in_part: set[int] = set()
        """Shared fixtures that were not traced to their end."""
        self._imports: set[tuple[str, str, str, int, tuple[str, ...]]] = set()
        self._watch_imports()
        self._monitoring = getattr(sys, "monitoring", None)
        self._tool = self._free_tool()
        self._has_let_go = False
        self._trace(True)

    @property
    def slows(self) -> bool:
        """Whether the running test is slowed down by being traced."""
        return self._tool is None and not self._has_let_go and not self._is_known

    def let_go(self) -> None:
        """Trace the rest of this test no more; safe in a signal handler. Each thread notices at its next line."""
        self._has_let_go = True

    def begin(self, node: str) -> None:
        """Start anew for the next test."""
        self._lines.clear()
        self._is_known, self._has_let_go = node in self._known, False
        self._trace(not self._is_known)

    def end(self, item: Any, shared: tuple[Any, ...] = ()) -> tuple[dict[str, list[int]], bool] | None:
        """Return the lines that the test executed, those of its wider-scoped fixtures included, and whether these are all.

        What stands for such a fixture is in `shared`, or pytest's item knows it. `None` for a known test.
        """
        if self._is_known:
            return None
        keys = {id(one) if not isinstance(one, str) else hash(one) for one in shared}
        for definitions in getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).values():
            keys |= {id(definition) for definition in definitions}
        lines = self._lines.union(*(self._shared.get(key, ()) for key in keys))
        return self._by_file(lines), not self._has_let_go and not keys & self._in_part

    def imported(self) -> dict[str, list[int]]:
        """Return the lines executed so far: what importing the tests ran."""
        return self._by_file(self._lines)

    def begin_shared(self) -> set[tuple[str, int]]:
        """Something begins that several tests rest on: only the first of them pays for it. Returns what `end_shared` wants back."""
        before = set(self._lines)
        self._lines.clear()
        self._trace(True)
        return before

    def end_shared(self, shared: Any, before: set[tuple[str, int]]) -> None:
        """Remember what it executed, for all tests that come with `shared`."""
        key = id(shared) if not isinstance(shared, str) else hash(shared)
        self._shared[key] = set(self._lines)
        if self._has_let_go:
            self._in_part.add(key)
        self._lines |= before
        if self._is_known:
            self._trace(False)

    def pytest_fixture_setup(self, fixturedef: Any) -> Any:
        """Watch a shared fixture."""
        if fixturedef.scope == "function":
            yield
            return
        before = self.begin_shared()
        yield
        self.end_shared(fixturedef, before)

    if hookimpl is not None:
        pytest_fixture_setup = hookimpl(hookwrapper=True)(pytest_fixture_setup)

    def edges(self) -> dict[str, list[str]]:
        """Return, for each project file, the project files it imported."""
        result: dict[str, set[str]] = {}
        for importer, package, name, level, wanted in self._imports:
            if level:
                package = package.rsplit(".", level - 1)[0] if level > 1 else package
                name = package + "." + name if name else package
            names = [name, *(name + "." + one for one in wanted)]
            parts = name.split(".")
            names += [".".join(parts[:end]) for end in range(1, len(parts))]
            for one in names:
                file = getattr(sys.modules.get(one), "__file__", None)
                if file and self._guard.owns(file):
                    result.setdefault(self._guard.relative(importer), set()).add(self._guard.relative(file))
        return {importer: sorted(files) for importer, files in result.items()}

    # sys.monitoring

    def _free_tool(self) -> int | None:
        monitoring = self._monitoring
        if monitoring is None:
            return None
        for tool in (4, 3, 1):
            if monitoring.get_tool(tool) is None:
                monitoring.use_tool_id(tool, "refine-tui")
                monitoring.register_callback(tool, monitoring.events.LINE, self._on_line)
                self._guard.on_code = self._watch_code
                return tool
        return None

    def _watch_code(self, code: CodeType) -> None:
        self._monitoring.set_local_events(self._tool, code, self._monitoring.events.LINE)  # type: ignore[union-attr]
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._watch_code(constant)

    def _on_line(self, code: CodeType, line: int) -> Any:
        self._lines.add((code.co_filename, line))
        return self._monitoring.DISABLE  # type: ignore[union-attr]

    # sys.settrace

    def _on_call(self, frame: Any, _event: str, _arg: Any) -> Any:
        return self._on_event if self._guard.owns(frame.f_code.co_filename) else None

    def _on_event(self, frame: Any, event: str, _arg: Any) -> Any:
        if self._has_let_go:
            sys.settrace(None)
        elif event == "line":
            self._lines.add((frame.f_code.co_filename, frame.f_lineno))
        return self._on_event

    # both

    def _trace(self, on: bool) -> None:
        if self._tool is None:
            sys.settrace(self._on_call if on else None)
            threading.settrace(self._on_call if on else None)
        elif on:
            self._monitoring.restart_events()  # type: ignore[union-attr]

    def _by_file(self, lines: set[tuple[str, int]]) -> dict[str, list[int]]:
        files: dict[str, list[int]] = {}
        for path, line in sorted(lines):
            # An empty module runs as its line 0.
            files.setdefault(self._guard.relative(path), []).append(max(line, 1) - 1)
        return files

    def _watch_imports(self) -> None:
        original = builtins.__import__

        def importing(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
            file = globals.get("__file__") if globals else None
            if file and self._guard.owns(file):
                self._imports.add((file, globals.get("__package__") or "", name, level, tuple(fromlist or ())))
            return original(name, globals, locals, fromlist, level)

        builtins.__import__ = importing
