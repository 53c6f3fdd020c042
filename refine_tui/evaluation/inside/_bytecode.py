"""Keeps compiled code of project files out of a run: none is read, none is written.

An edit of the same size within the same second leaves a `.pyc` that looks fresh, so a candidate could run the old code.
Runs inside the project's interpreter: standard library only, Python 3.8 and later, no import from this package.
"""

from __future__ import annotations

import importlib._bootstrap_external as _external
import os
import pathlib
import sys
import time
from typing import Any

external: Any = _external
_KEPT = 2000
"""Code objects remembered at most, to bound the memory of a long-lived parent."""
_LEARNING_S = 4.0
"""Time for compiling ahead; what is left over is compiled in the children."""


class Guard:
    """Decides which files are the project's own, and compiles those in memory only.

    `codes` maps (path, content) to what the compiler made of it; a parent fills it and its forks inherit it.
    """

    def __init__(self, project: str) -> None:
        self.project = os.path.join(os.path.realpath(project), "")
        prefixes = [os.path.join(os.path.realpath(prefix), "") for prefix in (sys.prefix, sys.base_prefix)]
        self.outside = tuple(prefix for prefix in prefixes if prefix.startswith(self.project))
        self.codes: dict[tuple[str, str, bytes], Any] = {}
        self.on_code: Any = None
        """Called with each code object of a project file before it runs."""
        self._known: dict[str, bool] = {}

    def owns(self, path: str) -> bool:
        """Say whether `path` is a source file of the project, not of an environment that lies inside it."""
        known = self._known.get(path)
        if known is None:
            full = os.path.normpath(path)  # what has no absolute path is no file: `<string>`, `<frozen os>`
            known = full.startswith(self.project) and not full.startswith(self.outside) and "site-packages" not in full
            self._known[path] = known
        return known

    def relative(self, path: str) -> str:
        """Return a project file's path as node ids spell it."""
        return os.path.normpath(path)[len(self.project) :].replace(os.sep, "/")

    def install(self) -> None:
        """Patch the import system of this process."""
        sys.dont_write_bytecode = True
        original = external.cache_from_source

        def cache_from_source(path: Any, *args: Any, **kwargs: Any) -> Any:
            if self.owns(os.fspath(path)):
                raise NotImplementedError  # the import system's own way to say that there is no cache
            return original(path, *args, **kwargs)

        external.cache_from_source = cache_from_source
        compile_source = external.SourceLoader.source_to_code

        def source_to_code(loader: Any, data: Any, path: Any, **kwargs: Any) -> Any:
            if type(data) is not bytes or not self.owns(os.fspath(path)):
                return compile_source(loader, data, path, **kwargs)
            return self._remembered("plain", str(path), data, lambda: compile_source(loader, data, path, **kwargs))

        external.SourceLoader.source_to_code = source_to_code

    def install_pytest(self) -> bool:
        """Patch pytest's assertion rewriting; false when this pytest is built in another way."""
        from _pytest.assertion import rewrite

        read, compile_test = getattr(rewrite, "_read_pyc", None), getattr(rewrite, "_rewrite_test", None)
        if read is None or compile_test is None:
            return False

        def read_pyc(source: Any, *args: Any, **kwargs: Any) -> Any:
            return None if self.owns(str(source)) else read(source, *args, **kwargs)

        def rewrite_test(source: Any, config: Any) -> Any:
            if not self.owns(str(source)):
                return compile_test(source, config)
            if config is not None and config.getini("enable_assertion_pass_hook"):
                return compile_test(source, config)
            with open(str(source), "rb") as file:
                content = file.read()
            return self._remembered("rewritten", str(source), content, lambda: compile_test(source, config))

        setattr(rewrite, "_read_pyc", read_pyc)  # noqa: B010
        setattr(rewrite, "_rewrite_test", rewrite_test)  # noqa: B010
        return True

    def known(self) -> list[list[str]]:
        """Return what was compiled: kind and path."""
        return [[kind, self.relative(path)] for kind, path, _ in self.codes]

    def learn(self, files: list[list[str]]) -> None:
        """Compile project files ahead, for forks to come; nothing of them is executed."""
        until = time.monotonic() + _LEARNING_S
        for kind, relative in files:
            path = os.path.join(self.project, relative)
            try:
                if kind == "rewritten":
                    from _pytest.assertion import rewrite

                    getattr(rewrite, "_rewrite_test")(pathlib.Path(path), None)  # noqa: B009
                else:
                    with open(path, "rb") as file:
                        external.SourceFileLoader("ahead", path).source_to_code(file.read(), path)
            except (OSError, SyntaxError, ValueError):
                continue
            if time.monotonic() > until:
                return

    def _remembered(self, kind: str, path: str, content: bytes, make: Any) -> Any:
        key = (kind, path, content)
        code = self.codes.get(key)
        if code is None:
            code = make()
            if len(self.codes) < _KEPT:
                self.codes[key] = code
        if self.on_code:
            self.on_code(code if kind == "plain" else code[1])
        return code


def forget(project: str, changed: list[str]) -> None:
    """Delete compiled files of changed sources from the copy, for the Python processes that tests start."""
    for path in changed:
        folder, name = os.path.split(os.path.join(project, path))
        cache, stem = os.path.join(folder, "__pycache__"), os.path.splitext(name)[0] + "."
        try:
            stale = [entry for entry in os.listdir(cache) if entry.startswith(stem)]
        except OSError:
            continue
        for entry in stale:
            os.unlink(os.path.join(cache, entry))
